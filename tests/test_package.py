"""The package: light to import, quiet on the network, and exactly the names that are promised."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bedside

HEAVY = ("torch", "pandas", "numpy", "matplotlib", "sklearn", "scipy", "pydantic", "lightning_fabric")
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def loaded_after(code: str) -> set[str]:
    """Which of the heavy packages a fresh process has loaded after running `code`."""
    ask = f"{code}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_bedside_loads_nothing_heavy():
    assert loaded_after("import bedside") == set()


def test_help_loads_nothing_heavy():
    code = "import sys\nsys.argv = ['bedside', '--help']\nfrom bedside.cli import main\ntry: main()\nexcept SystemExit: pass"
    assert loaded_after(code) == set()


@pytest.mark.parametrize(
    "module", ["cohort", "data", "data.table", "splits.folds", "evaluation", "report.html", "folder", "jobs"]
)
def test_everything_but_training_lives_without_torch(module):
    assert "torch" not in loaded_after(f"import bedside.{module}")


def test_the_promised_names_are_there():
    assert set(bedside.__all__) <= set(dir(bedside))
    for name in bedside.__all__:
        assert getattr(bedside, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = bedside.trian


def test_the_version_is_the_same_everywhere():
    root = Path(__file__).parents[1]
    assert tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"] == bedside.__version__


def test_every_dependency_is_pinned():
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    pinned = {
        line.partition("==")[0].lower().replace("-", "_")
        for line in (root / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    named = {
        requirement.partition(">=")[0].lower().replace("-", "_")
        for group in groups
        for requirement in group
        if not requirement.startswith("bedside[")
    }
    assert named <= pinned
    assert "torch==2.13.0" in (root / "constraints.txt").read_text().splitlines()


def test_a_whole_run_never_touches_the_network(tmp_path):
    """Every attempt to resolve a name or to connect is an error in this process."""
    code = f"""
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        raise RuntimeError(f"network: {{event}} {{arguments}}")
sys.addaudithook(refuse)
import bedside
quick = {{"train": {{"epochs": 2, "patience": 1}}, "evaluation": {{"resamples": 100}}}}
run = bedside.train("breast-cancer", quick, folder={str(tmp_path / "run")!r})
print(run.finished)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, cwd=tmp_path)
    assert done.stdout.strip() == "True", done.stderr


def test_no_module_reads_or_writes_pickle():
    sources = (Path(bedside.__file__).parent).rglob("*.py")
    guilty = [
        file.name
        for file in sources
        if re.search(r"pickle\.(loads?|dumps?)\(|torch\.load\((?!.*weights_only=True)|joblib\.load", file.read_text())
    ]
    assert guilty == []  # weights of others come as .pth; with weights_only nothing in them is executed
