"""Molecules in the app, from a table to the evidence in their atoms, and what does not read them yet."""

import numpy as np
import pytest

from app_runs import acids, molecules
from bedside.app.opened import opened
from bedside.assistant.tools import Assistant
from bedside.data.molecules import recognise
from bedside.data.molecules.recognise import looks_like_molecules
from bedside.data.table import read_table
from bedside.errors import DataError, ExportError, SettingError
from bedside.explain.atoms import AtomSight, integrate
from bedside.export import export
from bedside.folder import Run
from bedside.serve.served import Served
from bedside.settings import DataSettings
from made_once import made_once


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return made_once(tmp_path_factory, "molecules", acids)


@pytest.fixture(scope="module")
def run(folder):
    return Run(folder / "acids")


@pytest.fixture(scope="module")
def model(run):
    return opened(run.path)


# Reasons


def test_evidence_is_the_mean_over_members_in_the_atoms_that_are_there(model):
    inputs = model.cohort.inputs.take(np.array([0, 20, 40]))
    found = model.explainer(inputs)
    assert [len(one) for one in found.maps] == inputs.sizes.tolist()
    assert (found.of, found.method, found.members) == (("acid",) * 3, "integrated-gradients", 3)
    each = [model.explainer(inputs, members=[name]).maps for name in model.scorer.model.names]
    for row, own in enumerate(found.maps):
        np.testing.assert_allclose(own, np.mean([one[row] for one in each], axis=0))
    sight = AtomSight(model.scorer.model.members[1], model.cohort.task)
    maps = integrate(sight, sight.preparation(inputs), np.zeros(3, dtype=int))
    np.testing.assert_allclose(each[1][2], maps[2, : inputs.sizes[2]], atol=1e-6)


# What does not read molecules


def test_what_cannot_read_molecules_yet_says_so(run):
    with pytest.raises(SettingError, match="`bedside serve` does not read molecules yet; score them with"):
        Served(run.path)
    with pytest.raises(SettingError, match="`bedside mcp` does not read molecules yet"):
        Assistant(run)
    with pytest.raises(ExportError, match="Models for molecules cannot be exported yet"):
        export(run)


SMILES = tuple(molecules()["smiles"])


@pytest.mark.parametrize("installed", [True, False])
def test_a_column_that_was_left_out_and_looks_like_molecules_says_so(installed, tmp_path, monkeypatch):
    if not installed:
        monkeypatch.setattr(recognise, "find_spec", lambda _: None)
        monkeypatch.setattr(recognise, "read_molecule", lambda _: pytest.fail("RDKit is not installed"))
    rows = molecules().assign(weight=np.linspace(0, 1, len(SMILES)) ** 2)
    rows.rename(columns={"smiles": "drug"}).to_csv(tmp_path / "drugs.csv", index=False)
    settings = DataSettings(target="kind", positive="acid")
    (found,) = [one for one in read_table(tmp_path / "drugs.csv", settings).findings if one.columns == ("drug",)]
    assert found.code == "molecule-column"
    assert "add --smiles drug to learn from the molecules" in found.message
    molecules().to_csv(tmp_path / "only.csv", index=False)
    with pytest.raises(DataError, match=r"add --smiles smiles to learn from the molecules\.$"):
        read_table(tmp_path / "only.csv", settings)


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize(
    ("name", "cells", "expected"),
    [
        ("drug", SMILES, True),
        ("drug", ("[Cl].CC(C)NCC(O)COc1cccc2ccccc12", "C[C@H](N)C(=O)O", "c1ccc%10ccccc%10c1"), True),
        ("smiles", ("CCO", "CN", "O"), True),
        ("SMILES", ("happy", "sad", "none"), False),
        ("ward", ("CCO", "CN", "O"), False),
        ("code", tuple(f"P{i:04d}" for i in range(50)), False),
        ("icd", ("C50.1", "I21.0", "F32.1", "C50.9"), False),
        ("said", ("Spoon", "Cocoon", "bosons", "COPS"), False),
        ("notes", tuple(f"seen in bed {i}, stable" for i in range(30)), False),
        ("drug", (), False),
    ],
)
def test_molecules_are_told_from_codes_and_words(name, cells, expected, installed, monkeypatch):
    if not installed:
        monkeypatch.setattr(recognise, "find_spec", lambda _: None)
    assert looks_like_molecules(name, cells) == expected
