"""Molecules in the app, from a table to the evidence in their atoms, and what does not read them yet."""

import numpy as np
import pandas as pd
import pytest

import bedside
from app_runs import acids, molecules
from bedside.app.data import drafts, previews
from bedside.app.data.checked import check
from bedside.app.data.columns_form import ColumnsForm
from bedside.app.data.proposals import propose
from bedside.app.home import open_home
from bedside.app.opened import opened
from bedside.app.predict import given
from bedside.app.predict.answer import answer_of
from bedside.app.predict.molecule_form import molecule_of
from bedside.app.predict.nearest import nearest_cases
from bedside.app.train import forms
from bedside.app.train.family_cards import cards
from bedside.app.why import why, why_of_case
from bedside.app.words import speaking
from bedside.assistant.tools import Assistant
from bedside.data.molecules import recognise
from bedside.data.molecules.new import one_new_molecule, read_new_molecules
from bedside.data.molecules.recognise import looks_like_molecules
from bedside.data.table import read_table
from bedside.errors import DataError, ExportError, SettingError
from bedside.explain.atoms import AtomSight, integrate
from bedside.explain.molecule_drawing import drawing
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


# The app


@pytest.fixture
def table(tmp_path):
    """Molecules with a number for each, which could be left out of a table."""
    rows = molecules().assign(compound_nr=np.arange(len(SMILES)))[["compound_nr", "smiles", "kind"]]
    rows.to_csv(tmp_path / "drugs.csv", index=False)
    return tmp_path / "drugs.csv"


def test_a_table_of_molecules_is_proposed_drawn_and_checked(table, tmp_path):
    home = open_home(tmp_path / "runs")
    frame = pd.read_csv(table)
    proposed = propose(frame)
    assert proposed.settings() == {"smiles": "smiles", "target": "kind"}, "other columns need not be left out"
    assert SMILES[0] in proposed.roles["smiles"].why
    assert "smiles" not in propose(frame.drop(columns="smiles")).roles
    pictures = previews.molecules_in(frame.assign(smiles=["aspirin", *SMILES[1:]]), "smiles")
    assert [one.name for one in pictures] == [f"row {row}" for row in range(2, 8)]
    draft = drafts.begin(str(table), home.drafts)
    assert draft.kind == "table"
    checked = check(draft.with_data(**proposed.settings(), positive="acid"), home.drafts)
    assert not checked.stops
    assert (checked.draft.facts["kind"], checked.draft.facts["family"]) == ("graph", "gin")
    assert {one.name for one in checked.thumbnails} == {"acid", "other"}
    assert all(one.place.startswith("data:image/svg+xml;base64,") for one in checked.thumbnails)


def test_what_the_form_of_columns_asks_follows_from_what_is_learned_from(table):
    frame = pd.read_csv(table)
    form = ColumnsForm(list(frame), {**propose(frame).settings(), "exclude": ["compound_nr"]}, propose(frame))
    form._rest = lambda: None  # nothing is drawn
    assert form.pictured
    form.values["skip_unreadable"] = True
    form._set("target", "kind")
    assert not form.values["exclude"]
    form._set("smiles", "")
    assert not form.pictured
    assert form.values["skip_unreadable"] is None


FACTS = {"kind": "graph", "task": "binary", "classes": ["other", "acid"], "sites": 3, "time": True, "split": False, "family": "gin"}  # fmt: skip


def test_families_and_settings_of_molecules_are_offered():
    offered = {card.name for card in cards(FACTS) if not card.why}
    assert {"gin", "gcn", "graph-transformer", "fingerprint-forest"} <= offered
    assert "It reads tables; these are molecules." in {card.why for card in cards(FACTS)}
    known = forms.entries("gin", FACTS)
    assert {"folds.link_scaffolds", "folds.random_beside", "model.width"} <= set(known)
    assert not {"augment.rotation", "preparation.scale"} & set(known)
    assert "folds.link_scaffolds" not in forms.entries("mlp", FACTS | {"kind": "table"})
    typed = {"folds.scheme": "site", "folds.link_scaffolds": "false"}
    assert forms.gather("gin", FACTS, typed)["folds"] == {"scheme": "site"}, (
        "only what is dealt by chance is kept apart"
    )


def test_the_answer_to_one_molecule_is_that_of_predict(model, tmp_path):
    new = ("OC(=O)CCc1ccccc1", "CCCCCN")
    pd.DataFrame({"smiles": new}).to_csv(tmp_path / "new.csv", index=False)
    expected = bedside.predict(model.run, tmp_path / "new.csv").table
    known = model.scorer.model.known
    for row, smiles in enumerate(new):
        found = answer_of(model, one_new_molecule(molecule_of(f" {smiles} "), known))
        assert found.shown == pytest.approx(expected["score_acid"].iloc[row], abs=1e-9)
        assert found.decision == expected["decision"].iloc[row]
        assert found.beyond == ()
    odd = answer_of(model, one_new_molecule(molecule_of("C[Si](C)(C)CCC(=O)O"), known))
    assert "This molecule has the element Si, which no training molecule has." in odd.beyond[0]
    assert not odd.findings or "Si" not in odd.findings[0]


@pytest.mark.parametrize("typed", ["", "aspirin", "C1CC", "CN(C)(C)(C)C", "C" * 60 + "("])
def test_what_is_no_molecule_is_refused_in_words(typed):
    with pytest.raises(DataError, match=r"CC\(=O\)Oc1ccccc1C\(=O\)O"):
        molecule_of(typed)
    with speaking("de"), pytest.raises(DataError, match=r"SMILES.* (Ein Beispiel|etwa)"):
        molecule_of(typed)


def test_evidence_is_drawn_on_the_molecule_of_a_case_and_of_a_new_one(model):
    inputs = molecule_of(SMILES[3])
    found = why(model, inputs, "acid")
    maps = model.explainer(inputs).maps[0]
    smiles = inputs.molecules[0].smiles
    assert (found.image.decode(), found.map.decode()) == (drawing(smiles), drawing(smiles, maps))
    case = model.run.predictions.query("part == 'test'").iloc[0].to_dict() | {"decision": "acid"}
    own = why_of_case(model, case)
    molecule = model.cohort.inputs.molecules[int(model.rows([str(case["sample"])])[0])]
    assert own.image.decode() == drawing(molecule.smiles)
    assert own.map != own.image


def test_the_nearest_training_molecule_of_a_training_molecule_is_itself(model):
    rows, _ = model.neighbours
    near = nearest_cases(model, model.cohort.inputs.take(rows[3:4]))
    assert (near[0].row, near[0].distance) == (rows[3], 0.0)
    assert len(near) == 5


def test_a_table_of_many_is_read_by_the_column_of_training_or_by_the_name(model, tmp_path):
    (tmp_path / "batch").mkdir()
    place = tmp_path / "batch" / "new.csv"
    molecules().head(5).to_csv(place, index=False)
    found = given.given_in(tmp_path / "batch", "graph")
    assert (found.kind, found.small) == ("many", True)
    prediction, seen = given.scored(model, found)
    assert len(prediction.table) == 5
    assert seen.equal == 5
    known = model.scorer.model.known
    assert known["column"] == "smiles"
    molecules().head(5).rename(columns={"smiles": "Drug"}).to_csv(place, index=False)
    assert len(read_new_molecules(place, {**known, "column": "Drug"}, DataSettings()).inputs) == 5
    with pytest.raises(DataError, match="No column of the new data is called smiles"):
        read_new_molecules(place, known, DataSettings())
