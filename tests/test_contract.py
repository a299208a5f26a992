"""One contract for every family: those of bedside here, and the example of a third party as its author would run it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from rdkit import Chem
from torch import nn

from bedside.contract import checks
from bedside.contract.molecules import DECOYS, NITRO, substituted
from bedside.models import FAMILIES, Family, families
from bedside.settings import Settings

EXAMPLE = Path(__file__).parents[1] / "examples" / "third_party_family"
SMALLER = {
    "cnn": {"width": 8, "stages": 2},
    "diffusion": {"width": 4, "levels": 3, "looks": 2},
    "cnn1d": {"width": 8, "stages": 2},
    "lstm": {"width": 16},
    "gru": {"width": 16},
    "signal-transformer": {"width": 16},
    "ft-transformer": {"width": 16, "heads": 4},
    "patient-graph": {"width": 16},
    "gin": {"width": 16, "layers": 2},
    "gcn": {"width": 16, "layers": 2},
    "graph-transformer": {"width": 16, "layers": 1},
    "fingerprint-forest": {"trees": 50},
    "nearest-signal": {"neighbours": 9},  # a single one is certain also where it is wrong
}
# Networks for images that start from scratch stand for all: the others need weights (see test_run_images.py).
OURS = [
    check
    for name, family in families().items()
    if family.architecture is None
    for check in checks(name, SMALLER.get(name))
    if not check.name.endswith("a whole run")  # each kind of data has tests of its own runs
]


@pytest.mark.parametrize("check", OURS, ids=str)
def test_every_family_keeps_the_contract(check, tmp_path):
    check(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment of somebody who installed the example, built from its source without a network."""
    place = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / EXAMPLE.name  # a build leaves nothing in the repository
    source.mkdir()
    for name in ("pyproject.toml", "bedside_additive.py"):
        (source / name).write_bytes((EXAMPLE / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    done = subprocess.run(
        [*pip, "--no-index", "--no-deps", "--no-build-isolation", "--target", str(place), str(source)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join([str(place), *filter(None, sys.path)])
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def test_the_example_of_a_third_party_passes_its_own_tests(installed, tmp_path):
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    (quiet / "sitecustomize.py").write_text("from blank_figures import save_ink\nsave_ink()\n")
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--rootdir", str(EXAMPLE), "-c", os.devnull]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(EXAMPLE)],
        capture_output=True,
        text=True,
        env={**installed, "PYTHONPATH": os.pathsep.join([str(quiet), installed["PYTHONPATH"]])},
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = len(checks("mlp")) + 3  # whatever a network for tables is asked, and what its author adds
    assert f"{wanted} passed" in done.stdout


def test_an_installed_family_stands_beside_those_of_bedside(installed, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "bedside", "families"], capture_output=True, text=True, env=installed, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "additive" in done.stdout
    assert "boosting" in done.stdout


def test_computed_molecules_differ_in_nitro_groups_alone():
    texts, count = substituted(60, seed=1)
    assert texts == substituted(60, seed=1)[0] != substituted(60, seed=2)[0]
    nitro = Chem.MolFromSmarts("[N+](=O)[O-]")
    molecules = [Chem.MolFromSmiles(text) for text in texts]
    assert [len(one.GetSubstructMatches(nitro)) for one in molecules] == count.tolist()
    substituents = {text.count(NITRO) + sum(map(text.count, DECOYS)) >= 3 for text in texts}
    assert substituents == {True}  # of three heavy atoms each, whatever they are


# Planted faults: each breaks one promise


class AnySettings(Settings):
    """Nothing to set."""


class Deaf(nn.Module):
    """One of its weights is never used."""

    def __init__(self, width, n_outputs):
        super().__init__()
        self.layer, self.idle = nn.Linear(width, n_outputs), nn.Linear(2, 2)

    def forward(self, x):
        return self.layer(x)


class Forgetful(nn.Module):
    """What it learnt is neither a parameter nor a buffer, so a saved copy lacks it."""

    def __init__(self, width, n_outputs):
        super().__init__()
        self.layer = nn.Linear(width, n_outputs)
        self.scale = 1.0

    def forward(self, x):
        if self.training:
            self.scale *= 1.001
        return self.scale * self.layer(x)


class Sociable(nn.Module):
    """Looks at the other samples of a batch."""

    def __init__(self, width, n_outputs):
        super().__init__()
        self.layer = nn.Linear(width, n_outputs)

    def forward(self, x):
        return self.layer(x - 0.1 * x.mean(dim=0))


class Endless(nn.Module):
    """Takes the mean over everything, recorded or not."""

    def __init__(self, channels, n_outputs):
        super().__init__()
        self.layer = nn.Linear(channels, n_outputs)

    def forward(self, x):
        return self.layer(x.mean(dim=-1))


class Numbered(nn.Module):
    """Asks for the place of an atom."""

    def __init__(self, places, n_outputs):
        super().__init__()
        self.layer = nn.Linear(places, n_outputs)

    def forward(self, x):
        return self.layer(F.pad(x[:, :, 1:38].sum(dim=2), (0, self.layer.in_features - x.shape[1])).to(torch.float64))


class Roomy(nn.Module):
    """Takes the mean over every place, whether an atom is there or not."""

    def __init__(self, places, n_outputs):
        super().__init__()
        self.layer = nn.Linear(37, n_outputs)

    def forward(self, x):
        return self.layer(x[:, :, :37].double().mean(dim=1))


class Crowded(nn.Module):
    """Measures a molecule by the others of the batch."""

    def __init__(self, places, n_outputs):
        super().__init__()
        self.layer = nn.Linear(37, n_outputs)

    def forward(self, x):
        atoms = x[:, :, :37].double().sum(dim=1)
        return self.layer(atoms / atoms.max())


class Flat(nn.Module):
    """Gives a single row, without the second dimension."""

    def __init__(self, width, n_outputs):
        super().__init__()
        self.layer = nn.Linear(width, n_outputs)

    def forward(self, x):
        return self.layer(x).squeeze(-1)


def build_faulty(kind):
    return lambda shape, n_outputs, settings: kind(shape[0], n_outputs)


build_deaf, build_forgetful, build_sociable, build_endless, build_flat = map(
    build_faulty, (Deaf, Forgetful, Sociable, Endless, Flat)
)
build_numbered, build_roomy, build_crowded = map(build_faulty, (Numbered, Roomy, Crowded))


@pytest.mark.parametrize(
    ("builder", "data", "check", "message"),
    [
        ("build_deaf", "table", "gradients", r"No gradient reaches idle\.weight, idle\.bias"),
        ("build_flat", "table", "gradients", r"needed are logits of shape \(4, 1\)"),
        ("build_forgetful", "table", "learning, binary", "A saved copy gives other scores"),
        ("build_sociable", "table", "learning, binary", "another score than alone"),
        ("build_endless", "signal", "what lies behind the end", "13 zeros behind the end moved the logits"),
        ("build_numbered", "graph", "the order of atoms", "Atoms numbered in another order moved the logits by"),
        ("build_roomy", "graph", "empty places", "13 empty places moved the logits by .*; leave them out first"),
        ("build_crowded", "graph", "neighbours in the batch", "Other samples of the batch moved the logits by"),
    ],
)
def test_a_broken_promise_is_named(builder, data, check, message, monkeypatch, tmp_path):
    place = f"{__name__}:"
    broken = Family(f"{place}{builder}", f"{place}AnySettings", data, ("binary",), True, "Broken")
    monkeypatch.setitem(FAMILIES, "broken", broken)
    families.cache_clear()
    try:
        (asked,) = (one for one in checks("broken") if one.name == f"broken: {check}")
        with pytest.raises(AssertionError, match=message):
            asked(tmp_path)
    finally:
        families.cache_clear()
