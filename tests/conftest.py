"""What every test stands on."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """No test reads or fills the cache of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEDSIDE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
