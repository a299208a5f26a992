"""Molecules are read as chemists mean them: one compound however it is written, and reasons where there is none."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem

from bedside.data import read_cohort
from bedside.data.checks import check
from bedside.data.molecules.alike import link_molecules, scaffolds
from bedside.data.molecules.description import describe_molecules
from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.measured import measured
from bedside.data.molecules.new import read_new_molecules
from bedside.data.molecules.structure import ATOM_FEATURES, BONDS, read_molecule
from bedside.errors import DataError, SettingError
from bedside.settings import DataSettings
from molecule_tables import table

ROLES = DataSettings(smiles="smiles", target="kind", positive="acid")


def inputs_of(*smiles):
    return GraphInputs(tuple(map(read_molecule, smiles)))


def test_a_molecule_is_the_same_however_it_is_written():
    one, other = read_molecule("CCO"), read_molecule("OCC")
    assert one.smiles == other.smiles == "CCO"
    np.testing.assert_array_equal(one.atoms, other.atoms)
    np.testing.assert_array_equal(one.bonds, other.bonds)


def test_atoms_and_bonds_are_those_of_the_textbook():
    molecule = read_molecule("CC(=O)[O-]")  # acetate
    names = [{ATOM_FEATURES[k] for k in np.flatnonzero(atom)} for atom in molecule.atoms]
    assert names[0] >= {"element C", "3 hydrogens", "hybridised sp3", "no charge", "1 neighbours"}
    assert names[1] >= {"element C", "0 hydrogens", "hybridised sp2", "3 neighbours"}
    assert {"element O", "charge -1"} <= names[3]
    assert sorted(BONDS[kind] for kind in molecule.kinds) == ["DOUBLE", "SINGLE", "SINGLE"]
    benzene = read_molecule("c1ccccc1")
    assert [BONDS[kind] for kind in benzene.kinds] == ["AROMATIC"] * 6
    assert benzene.atoms[:, ATOM_FEATURES.index("in a ring")].all()


@pytest.mark.parametrize(("smiles", "reason"), [
    ("CC(", "not SMILES"), ("", "no atom"), ("C(C)(C)(C)(C)C", "valence"), ("c1cccc1", "kekulize"),
])  # fmt: skip
def test_what_is_no_molecule_is_told_with_its_reason(smiles, reason, capfd):
    with pytest.raises(ValueError, match=reason):
        read_molecule(smiles)
    assert capfd.readouterr().err == ""


def test_salts_charges_and_mirror_images_are_one_compound_and_isomers_are_not():
    numbers = link_molecules(inputs_of("CC(=O)O", "CC(=O)[O-].[Na+]", "C[C@H](N)O", "C[C@@H](N)O", "CCCO", "CC(C)O"))
    assert numbers[0] == numbers[1]
    assert numbers[2] == numbers[3]
    assert len(set(numbers)) == 4


def test_a_scaffold_is_the_rings_and_what_joins_them():
    found = scaffolds(inputs_of("CCc1ccccc1", "Oc1ccccc1", "c1ccccc1CCc1ccncc1C", "CCO"))
    assert found.tolist() == ["c1ccccc1", "c1ccccc1", "c1ccc(CCc2ccncc2)cc1", ""]


def test_a_salt_has_the_scaffold_of_its_largest_part_whatever_its_charges():
    salts = inputs_of(
        "CCCN1CCCCC1",
        "CCC[NH+]1CCCCC1.[Cl-]",
        "CCCCCCN1CCCCC1.OC(=O)c1ccccc1",
        "CCCC(=O)[O-].[Na+]",
        "CCO.CCCCCCc1ccccc1",
    )
    assert scaffolds(salts).tolist() == ["C1CCNCC1", "C1CCNCC1", "C1CCNCC1", "", "c1ccccc1"]


def test_measured_numbers_are_those_of_aspirin():
    names, numbers = measured(inputs_of("CC(=O)Oc1ccccc1C(=O)O"))
    found = dict(zip(names, numbers[0], strict=True))
    assert found["weight in g/mol"] == pytest.approx(180.16, abs=0.01)
    assert found["polar surface in Å²"] == pytest.approx(63.6, abs=0.01)
    assert (found["atoms"], found["rings"], found["hydrogen bond donors"], found["parts"]) == (13, 1, 1, 1)


def test_rows_that_are_no_molecules_are_refused_or_left_out_and_counted(tmp_path):
    frame = table().head(40)
    frame.loc[[3, 7], "smiles"] = ["C(C)(C)(C)(C)C", None]
    frame.to_csv(tmp_path / "some.csv", index=False)
    with pytest.raises(DataError, match=r"2 of 40 molecules .*row 4: explicit valence .*--skip-unreadable"):
        read_cohort(str(tmp_path / "some.csv"), ROLES)
    cohort = read_cohort(str(tmp_path / "some.csv"), ROLES.model_copy(update={"skip_unreadable": True}))
    assert len(cohort) == 38
    assert "4" not in cohort.samples.index
    assert [row for row, _ in cohort.inputs.unreadable] == ["4", "8"]


def test_a_wrong_column_is_told_with_the_nearest_and_settings_that_cannot_act_are_refused(tmp_path):
    path = tmp_path / "some.csv"
    table().to_csv(path, index=False)
    with pytest.raises(DataError, match=r"no column 'smile'.*smiles"):
        read_cohort(str(path), ROLES.model_copy(update={"smiles": "smile"}))
    table().assign(smiles="nothing").to_csv(path.with_name("other.csv"), index=False)
    with pytest.raises(DataError, match="holds no molecule that can be read"):
        read_cohort(str(path.with_name("other.csv")), ROLES)
    with pytest.raises(SettingError, match="modality"):
        read_cohort(str(path), ROLES.model_copy(update={"modality": "xray"}))


def test_checks_name_salts_open_forms_series_and_shortcuts(tmp_path):
    frame = pd.DataFrame({
        "smiles": [f"c1ccccc1{'C' * n}{'O.Cl' if n % 2 else 'N'}" for n in range(1, 41)] + ["CC(N)O"],
        "kind": [("acid", "other")[n > 20] for n in range(1, 41)] + ["other"],
    })  # fmt: skip
    frame.to_csv(tmp_path / "some.csv", index=False)
    found = {one.code: one.message for one in check(read_cohort(str(tmp_path / "some.csv"), ROLES))}
    assert "20 molecules of 41" in found["salts"]
    assert "1 molecule of 41" in found["stereo"]
    assert "98\u00a0% of the molecules have the scaffold c1ccccc1" in found["one-series"]
    assert "atoms" in found["shortcut-measured"]


def test_the_example_is_read_but_for_the_rows_that_hold_no_molecule(tmp_path):
    runpy.run_path(str(Path(__file__).parents[1] / "examples" / "make_molecules.py"))["write"](tmp_path)
    settings = DataSettings(smiles="smiles", target="nitro", positive="yes")
    with pytest.raises(DataError, match=r"2 of 240 molecules .*row 18: it is not SMILES; row 102: explicit valence"):
        read_cohort(str(tmp_path / "molecules.csv"), settings)
    cohort = read_cohort(str(tmp_path / "molecules.csv"), settings.model_copy(update={"skip_unreadable": True}))
    assert len(cohort) == 238
    nitro = Chem.MolFromSmarts("[N+](=O)[O-]")
    has = [Chem.MolFromSmiles(one.smiles).HasSubstructMatch(nitro) for one in cohort.inputs.molecules]
    assert has == (cohort.target == 1).tolist()
    new = read_new_molecules(tmp_path / "new_molecules.csv", describe_molecules(cohort), DataSettings())
    assert len(new.inputs) == 20
