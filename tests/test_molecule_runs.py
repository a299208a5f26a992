"""A table of molecules becomes a model that is tested on new chemistry, explained by atoms, and held against new molecules."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from rdkit import Chem
from typer.testing import CliRunner

import bedside
from bedside.cli import app
from bedside.cohort import Estimate
from bedside.data import read_cohort
from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.structure import read_molecule
from bedside.errors import DataError, SettingError
from bedside.explain.atoms import AtomSight, atoms_in, integrate, occlude, without
from bedside.models import build_model, model_settings
from bedside.random_split import gap, shared_scaffolds
from bedside.report.random_split import sentences
from bedside.robustness.molecules import changes
from bedside.scoring import Scorer
from bedside.settings import DataSettings, FoldSettings, PreparationSettings
from bedside.splits.folds import fold_findings, folds_table, make_folds
from bedside.splits.graphs import FingerprintPreparation, GraphPreparation
from molecule_tables import table

ROLES = DataSettings(smiles="smiles", target="kind", positive="acid")
NETWORKS = ("gin", "gcn", "graph-transformer")
SMALL = {"family": "gin", "model": {"width": 16, "layers": 2, "dropout": 0.0}, "train": {"epochs": 30, "learning_rate": 0.01},
         "evaluation": {"resamples": 100}, "explain": {"samples": 4}}  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("molecules") / "acids.csv"
    table().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def cohort(source):
    return read_cohort(str(source), ROLES)


@pytest.fixture(scope="module")
def run(source, tmp_path_factory):
    asked = {**SMALL, "data": {"smiles": "smiles", "target": "kind", "positive": "acid"}}
    return bedside.train(source, asked, folder=tmp_path_factory.mktemp("runs") / "acids")


def network(family, inputs, seed=0):
    prepared = GraphPreparation.fit(inputs, PreparationSettings())(inputs)
    torch.manual_seed(seed)
    made = build_model(family, prepared.shape[1:], 1, model_settings(family, {"width": 8, "layers": 2}))
    return made.double().eval(), torch.from_numpy(prepared)


@pytest.mark.parametrize("family", NETWORKS)
def test_numbering_of_atoms_empty_places_and_neighbours_in_the_batch_change_no_answer(family, cohort):
    inputs = cohort.inputs.take(np.arange(12))
    net, prepared = network(family, inputs)
    with torch.no_grad():
        expected = net(prepared)
        alone = torch.cat([net(one[None]) for one in prepared])
        n, first = prepared.shape[1], prepared.shape[2] - prepared.shape[1]
        order = torch.randperm(n, generator=torch.Generator().manual_seed(1))
        renumbered = torch.cat([prepared[:, order, :first], prepared[:, order][:, :, first + order]], dim=2)
        larger = torch.zeros(12, n + 5, first + n + 5, dtype=prepared.dtype)
        larger[:, :n, : first + n] = prepared
        for other in (alone, net(renumbered), net(larger)):
            torch.testing.assert_close(other, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("family", ["gin", "graph-transformer"])
def test_kinds_of_bonds_are_read(family):
    net, prepared = network(family, GraphInputs(tuple(map(read_molecule, ("CCC", "CC=C")))))
    prepared[1, :, : -prepared.shape[1]] = prepared[0, :, : -prepared.shape[1]]  # the same atoms, other bonds
    with torch.no_grad():
        single, double = net(prepared)
    assert abs(float(single - double)) > 1e-6


def test_scaffolds_stay_on_one_side_and_a_random_split_shares_them(cohort):
    strict, loose = (make_folds(cohort, FoldSettings(link_scaffolds=asked), seed=0) for asked in (True, False))
    for fold in strict:
        held = [set(cohort.scaffolds[rows]) for rows in (fold.train, fold.valid, fold.test)]
        assert len(set.union(*held)) == sum(map(len, held))
    assert shared_scaffolds(cohort, folds_table(cohort, strict)) == 0
    assert shared_scaffolds(cohort, folds_table(cohort, loose)) > 0.9
    folds = make_folds(cohort, FoldSettings(scheme="crossval", number=3), seed=0)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(cohort)))


def test_check_says_what_the_molecules_are(source):
    done = CliRunner().invoke(app, ["check", str(source), "--smiles", "smiles", "--target", "kind"])
    assert done.exit_code == 0, done.output
    words = " ".join(done.output.split())
    assert "Molecules: 5 to 16 atoms without hydrogen; 10 scaffolds, the commonest" in words
    assert "With the element: C 160, N 96," in words
    assert "Features" not in words


def test_a_scaffold_that_is_too_large_for_a_part_is_learned_from_and_told(tmp_path):
    """116 of 160 molecules without a ring: whatever the seed, a holdout learns from them."""
    rows = table()
    chains = ["C" * k + group for k in range(2, 60) for group in ("C(=O)O", "N")]
    large = pd.DataFrame({"smiles": chains, "kind": ["acid", "other"] * 58})
    pd.concat([large, rows[rows["smiles"].str.contains("1")].iloc[::3]]).to_csv(tmp_path / "chains.csv", index=False)
    cohort = read_cohort(str(tmp_path / "chains.csv"), ROLES)
    for seed in range(8):
        (fold,) = make_folds(cohort, FoldSettings(), seed=seed)
        assert (cohort.scaffolds[fold.train] == "").sum() == 116
        assert fold.number == 0
    (found,) = [one for one in fold_findings(cohort, [fold], FoldSettings()) if one.code == "one-group-fills-a-part"]
    assert found.message.startswith("116 of")
    loose = FoldSettings(link_scaffolds=False)
    assert not list(fold_findings(cohort, make_folds(cohort, loose, seed=0), loose))


def test_too_few_scaffolds_are_told_as_such(tmp_path):
    rows = table()
    rows[rows["smiles"].str.startswith(("c1ccccc1", "CCCC", "C1CCCCC1"))].to_csv(tmp_path / "three.csv", index=False)
    cohort = read_cohort(str(tmp_path / "three.csv"), ROLES)
    with pytest.raises(DataError, match=r"molecules of class 'other' have 3 scaffolds.*folds.link_scaffolds=false"):
        make_folds(cohort, FoldSettings(), seed=0)


def test_the_words_on_a_gap_say_no_more_than_its_interval():
    row = {"family": "gin", "scaffold": {}, "random": {}}

    def said(value, low, high):
        found = Estimate("auroc", value, low, high, 0.95, 50, 50, "").to_dict()
        return sentences(
            {"rows": [{**row, "gap": found}], "shared": {"random": 0.5, "scaffold": 0.2}, "scaffolds_tested": 3}
        )

    assert "too good for new chemistry" in said(0.1, 0.02, 0.2)[0]
    assert "the easier one" in said(-0.1, -0.2, -0.02)[0]
    assert "about the same" in said(0.001, -0.02, 0.03)[0]
    assert "leaves room for a gap" in said(-0.19, -0.42, 0.0)[0]
    assert "Too few molecules" in said(-0.19, None, None)[0]
    assert "here 20\u00a0% do" in said(0.1, 0.02, 0.2)[1]
    assert "3 scaffolds" in said(0.1, 0.02, 0.2)[1]


def test_what_decides_is_learned_and_found_by_its_atoms(run, cohort):
    assert run.estimates["estimates"][0]["value"] > 0.95
    sanity = json.loads((run.path / "explanations" / "sanity.json").read_text())
    assert sanity["method"] == "integrated-gradients"
    samples = run.explanations
    assert (run.path / "explanations" / samples["map"].iloc[0]).read_text().startswith("<svg")
    model = Scorer(run).model
    sight = AtomSight(model.deployed[0], cohort.task)
    acids = np.flatnonzero(cohort.target == 1)[::4]
    molecules = cohort.inputs.take(acids)
    prepared = sight.preparation(molecules)
    for maps in (occlude, integrate):
        found = np.maximum(maps(sight, prepared, np.zeros(len(acids), dtype=int)), 0)
        shares = [(evidence[carboxyl(one)].sum() / evidence.sum(), len(carboxyl(one)) / len(one))
                  for evidence, one in zip(found, molecules.molecules, strict=True)]  # fmt: skip
        heat, size = np.mean(shares, axis=0)
        assert heat > 1.5 * size, maps.__name__


def carboxyl(molecule):
    """Atoms of its carboxyl group, in the order of its text."""
    return list(Chem.MolFromSmiles(molecule.smiles).GetSubstructMatch(Chem.MolFromSmarts("C(=O)[OH]")))


def test_integrated_gradients_add_up_to_what_the_atoms_change(run, cohort):
    sight = AtomSight(Scorer(run).model.deployed[0], cohort.task)
    prepared = sight.preparation(cohort.inputs.take(np.arange(6)))
    shown = np.zeros(6, dtype=int)
    unknown = np.concatenate([without(one, np.ones((1, len(one)), bool), sight.network.n_features) for one in prepared])
    change = sight.evidence(prepared, shown) - sight.evidence(unknown, shown)
    np.testing.assert_allclose(integrate(sight, prepared, shown).sum(axis=1), change, rtol=0.05, atol=0.3)
    assert not integrate(sight, prepared, shown)[0, atoms_in(prepared[0]) :].any()


def test_a_run_says_what_a_random_split_would_have_said(run, source, tmp_path):
    record = run.random_split
    assert [row["family"] for row in record["rows"]] == ["gin", "fingerprint-forest"]
    assert record["shared"]["scaffold"] == 0
    assert record["rows"][0]["scaffold"]["value"] == pytest.approx(run.estimates["estimates"][0]["value"])
    assert "On a random split" in (run.path / "report.html").read_text()
    asked = {**SMALL, "family": "fingerprint-forest", "model": {"trees": 5}, "data": {"smiles": "smiles", "target": "kind", "positive": "acid"},
             "folds": {"random_beside": False}, "explain": {}, "train": {}}  # fmt: skip
    plain = bedside.train(source, {k: v for k, v in asked.items() if v != {}}, folder=tmp_path / "forest")
    assert plain.random_split is None


def test_a_gap_is_the_difference_with_an_interval_of_both():
    def estimate(value, low, high):
        return Estimate("auroc", value, low, high, 0.95, 100, 100, "")

    found = gap(estimate(0.7, 0.6, 0.8), estimate(0.9, 0.86, 0.94))
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == (
        pytest.approx(0.2 - np.hypot(0.04, 0.1)),
        pytest.approx(0.2 + np.hypot(0.04, 0.1)),
    )


def test_new_molecules_are_scored_and_what_is_new_about_them_is_said(run, tmp_path):
    new = pd.DataFrame({"SMILES": ["OC(=O)CCc1ccccc1", "NCc1ccccc1", "[SeH]c1ccccc1"], "sample": ["a", "b", "c"]})
    new.to_csv(tmp_path / "new.csv", index=False)
    prediction = bedside.predict(run, tmp_path / "new.csv")
    assert prediction.table["decision"].tolist()[:2] == ["acid", "other"]
    said = " ".join(one.message for one in prediction.findings)
    assert "'c', has the element Se, which no training molecule has" in said
    known = bedside.predict(run, tmp_path / "new.csv").table
    other = new.assign(SMILES=["c1ccccc1CCC(O)=O", "c1(CN)ccccc1", "c1ccccc1[SeH]"])  # the same, written otherwise
    other.to_csv(tmp_path / "other.csv", index=False)
    pd.testing.assert_frame_equal(bedside.predict(run, tmp_path / "other.csv").table, known)


def test_the_same_compound_written_as_another_laboratory_would():
    inputs = GraphInputs(tuple(map(read_molecule, ("C[C@H](N)C(=O)[O-].[Na+]", "CC(=O)[O-]", "CCO"))))
    found = {change.kind: [one.smiles for one in change(inputs).molecules] for change in changes()}
    assert found["no-salt"] == ["C[C@H](N)C(=O)[O-]", "CC(=O)[O-]", "CCO"]
    assert found["salt"][2] == "CCO.Cl"
    assert found["flat"][0] == "CC(N)C(=O)[O-].[Na+]"
    assert found["uncharged"][1] == "CC(=O)O"


def test_fingerprints_hold_which_fragments_occur_and_no_more():
    prepared = FingerprintPreparation()(GraphInputs(tuple(map(read_molecule, ("CCO", "OCC", "c1ccccc1")))))
    assert set(np.unique(prepared)) == {0, 1}
    np.testing.assert_array_equal(prepared[0], prepared[1])
    assert (prepared[0] != prepared[2]).any()


def test_settings_of_scaffolds_are_refused_where_there_are_none():
    with pytest.raises(SettingError, match="link_scaffolds has no effect: only molecules"):
        bedside.train("breast-cancer", {"folds": {"link_scaffolds": False}})
