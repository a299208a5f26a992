"""What every test stands on."""

import gc
import os

import pytest

from blank_figures import save_ink

# Files with the longest tests, and files that share what they make, such as the runs of the app or what figures have learned.
BEGIN = (
    ("test_notebooks", "test_run_resume", "test_app", "test_assistant"),
    ("test_parallel", "test_docs", "test_jobs", "test_many", "test_explorables", "test_serve"),
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """After they were shuffled: each of two processes, which get a half each, begins with what takes long.

    Short tests are left for the end, when whoever is ready takes over from the other.
    """
    early = [[item for item in items if item.path.stem.startswith(files)] for files in BEGIN]
    rest = [item for item in items if not item.path.stem.startswith(BEGIN[0] + BEGIN[1])]
    middle = max(0, len(items) // 2 - len(early[0]))
    items[:] = [*early[0], *rest[:middle], *early[1], *rest[middle:]]


gc.set_threshold(10_000)  # as on bedside's command line


def pytest_collection_finish():
    """What was imported stays: the collector of garbage need not walk through all of torch again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """No test reads or fills the cache of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEDSIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def power_stays_on():
    """Files are not flushed to the disk, which costs a run a second and matters only where the power fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def ink_is_saved(request):
    """Every figure is made, and becomes an empty SVG of its size: laying out and writing one takes most of a short run.

    Modules that look at figures say so: `pytestmark = pytest.mark.figures`. Processes of their own draw.
    """
    if request.node.get_closest_marker("figures"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        save_ink(patch.setattr)
        yield


@pytest.fixture(scope="session")
def clinic_home(tmp_path_factory):
    """A folder with two small runs on the same patients and folds, `clinic` and `simpler`, for the tests of the app."""
    from app_runs import clinic

    home = tmp_path_factory.mktemp("clinic")
    clinic(home)
    clinic(home, "simpler", family="logistic")
    return home
