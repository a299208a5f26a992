"""A split is honest if no patient and no duplicate crosses it, whatever the data look like."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bedside.cohort import Cohort, Roles, Task
from bedside.errors import DataError, SettingError
from bedside.settings import FoldSettings
from bedside.splits.folds import (
    PARTS,
    fold_findings,
    folds_table,
    join_groups,
    linked_patients,
    make_folds,
    thinned,
    validation_rows,
)

SCHEMES = [
    FoldSettings(),
    FoldSettings(scheme="crossval", number=4, repeats=3),
    FoldSettings(scheme="site"),
    FoldSettings(scheme="time"),
]


def make(n_patients: int = 120, *, classes: int = 2, seed: int = 7, visits: int = 4, linked: object = None) -> Cohort:
    """Patients with 1 to `visits` samples at three sites; the last class is the rarest."""
    rng = np.random.default_rng(seed)
    number = np.repeat(np.arange(n_patients), rng.integers(1, visits + 1, size=n_patients))
    n = len(number)
    samples = pd.DataFrame({"patient": [f"p{k}" for k in number]}, index=[str(k) for k in range(n)])
    names = tuple("abcdefgh"[:classes])
    if classes:
        share = np.arange(classes, 0, -1) ** 2.0
        samples["target"] = np.array(names)[rng.choice(classes, n_patients, p=share / share.sum())[number]]
        task = Task("binary" if classes == 2 else "multiclass", names)
    else:
        samples["target"] = rng.normal(size=n)
        task = Task("regression")
    samples["site"] = np.array(["x", "y", "z"])[number % 3]
    samples["time"] = rng.permutation(n)
    links = np.arange(n) if linked is None else np.asarray(linked)
    return Cohort("made", samples, Roles("t", "p", "s", "d"), task, None, links)


@pytest.mark.parametrize("settings", SCHEMES, ids=lambda settings: settings.scheme)
@pytest.mark.parametrize("classes", [2, 3, 0])
def test_no_patient_and_no_duplicate_crosses_a_border(settings, classes):
    links = np.arange(len(make(300, classes=classes)))
    links[[3, 200, 90]] = 3  # the same sample under three patients
    cohort = make(300, classes=classes, linked=links)
    groups = join_groups(cohort)
    assert len(np.unique(groups[[3, 200, 90]])) == 1
    for fold in make_folds(cohort, settings, seed=0):
        for held in (cohort.patients, links):
            sets = [set(held[getattr(fold, part)]) for part in PARTS]
            assert len(set.union(*sets)) == sum(map(len, sets))


def test_every_sample_is_tested_once_per_repeat_and_validates_once():
    cohort = make()
    table = folds_table(cohort, make_folds(cohort, SCHEMES[1], seed=0))
    for part in ("test", "valid"):
        counts = table[table.part == part].groupby(["repeat", "sample"]).size()
        assert len(counts) == 3 * len(cohort)
        assert (counts == 1).all()


def test_holdout_is_60_20_20_by_patient():
    cohort = make(500)
    (fold,) = make_folds(cohort, FoldSettings(), seed=0)
    shares = [len(set(cohort.patients[getattr(fold, part)])) / 500 for part in PARTS]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.01)


def test_folds_hold_the_same_share_of_every_class():
    cohort = make(400, classes=4)
    per_patient = cohort.samples.drop_duplicates("patient").target.value_counts(normalize=True)
    for fold in make_folds(cohort, FoldSettings(scheme="crossval"), seed=0):
        tested = cohort.samples.iloc[fold.test].drop_duplicates("patient").target.value_counts(normalize=True)
        assert (tested - per_patient).abs().max() < 0.02


def test_same_seed_same_folds_other_seed_other_folds_and_repeats_differ():
    cohort = make()
    settings = FoldSettings(scheme="crossval", repeats=2)
    first, again, other = (folds_table(cohort, make_folds(cohort, settings, seed=seed)) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)
    assert not (first[first.repeat == 0].part.to_numpy() == first[first.repeat == 1].part.to_numpy()).all()


def test_each_site_is_held_out_in_turn():
    cohort = make()
    folds = make_folds(cohort, FoldSettings(scheme="site"), seed=0)
    assert [set(cohort.samples.site.iloc[fold.test]) for fold in folds] == [{"x"}, {"y"}, {"z"}]


def test_a_patient_of_two_sites_is_left_out_of_training_where_the_other_site_is_tested():
    cohort = make()
    samples = cohort.samples.copy()
    visits = np.flatnonzero(samples.patient.duplicated(keep=False))[:2]
    samples.iloc[visits, samples.columns.get_loc("patient")] = "traveller"
    samples.iloc[visits, samples.columns.get_loc("site")] = ["x", "y"]
    cohort = Cohort("made", samples, cohort.roles, cohort.task, None, cohort.linked)
    settings = FoldSettings(scheme="site")
    folds = make_folds(cohort, settings, seed=0)
    table = folds_table(cohort, folds[:1]).set_index("sample")
    assert list(table.part.iloc[visits]) == ["test", "left_out"]
    assert any(finding.code == "left-out-of-folds" for finding in fold_findings(cohort, folds, settings))


def test_time_trains_on_the_past_only():
    cohort = make(visits=1)
    (fold,) = make_folds(cohort, FoldSettings(scheme="time"), seed=0)
    time = cohort.samples.time.to_numpy()
    assert time[fold.train].max() < time[fold.valid].min() <= time[fold.valid].max() < time[fold.test].min()


def test_too_few_patients_names_the_class_the_number_needed_and_the_way_out():
    cohort = make(classes=3)
    samples = cohort.samples.copy()
    rare = samples.patient.isin(["p0", "p1"])
    samples.loc[samples.target == "c", "target"] = "a"
    samples.loc[rare, "target"] = "c"
    cohort = Cohort("made", samples, cohort.roles, cohort.task, None, cohort.linked)
    with pytest.raises(
        DataError, match=r"Class 'c' has 2 patients, but 5 parts need at least 5\. Collect more patients of it, merge"
    ):
        make_folds(cohort, FoldSettings(), seed=0)


def test_patients_with_samples_of_both_classes_count_for_both():
    patient = np.repeat(np.arange(60), 2)
    samples = pd.DataFrame({"patient": patient.astype(str), "target": np.tile(["sick", "well"], 60)})
    cohort = Cohort("pairs", samples, Roles("t", "p"), Task("binary", ("well", "sick")), None, np.arange(120))
    for fold in make_folds(cohort, FoldSettings(scheme="crossval"), seed=0):
        assert np.bincount(cohort.target[fold.test]).tolist() == [12, 12]


def test_a_missing_role_names_the_option():
    cohort = make()
    bare = Cohort("made", cohort.samples.drop(columns=["site", "time"]), Roles("t"), cohort.task, None, cohort.linked)
    with pytest.raises(SettingError, match="--site COLUMN"):
        make_folds(bare, FoldSettings(scheme="site"), seed=0)
    with pytest.raises(SettingError, match="--time COLUMN"):
        make_folds(bare, FoldSettings(scheme="time"), seed=0)


def test_separated_duplicates_are_a_warning_when_joining_is_switched_off():
    links = np.arange(len(make()))
    links[[0, 50]] = 0
    cohort = make(linked=links)
    settings = FoldSettings(link_duplicates=False)
    codes = [finding.code for finding in fold_findings(cohort, make_folds(cohort, settings, seed=0), settings)]
    assert "duplicates-not-joined" in codes


def test_one_hundred_thousand_patients_are_dealt():
    n = 100_000
    samples = pd.DataFrame({"patient": np.arange(n).astype(str), "target": np.where(np.arange(n) % 9, "a", "b")})
    cohort = Cohort("large", samples, Roles("t"), Task("binary", ("a", "b")), None, np.arange(n))
    folds = make_folds(cohort, FoldSettings(scheme="crossval"), seed=0)
    assert sum(len(fold.test) for fold in folds) == n


def test_rows_set_aside_for_stopping_are_whole_groups():
    groups = np.repeat(np.arange(50), 3)
    target = (groups % 2).astype(int)
    valid = validation_rows(target, groups, task=Task("binary", ("0", "1")), seed=0)
    assert len(valid) == 30
    assert not set(groups[valid]) & set(np.delete(groups, valid))


# The split that came with the data


def divided(cohort: Cohort, parts: object) -> Cohort:
    return replace(cohort, split=np.asarray(parts, dtype=object))


def by_patient(cohort: Cohort, names: tuple[str, ...] = ("train", "train", "train", "valid", "test")) -> np.ndarray:
    """Whole patients in each part."""
    return np.array(names, dtype=object)[pd.factorize(cohort.patients)[0] % len(names)]


@pytest.mark.parametrize("scheme", ["auto", "given"])
@pytest.mark.parametrize("classes", [2, 3, 0])
def test_a_clean_own_split_is_kept_as_it_is(scheme, classes):
    cohort = make(300, classes=classes)
    cohort = divided(cohort, by_patient(cohort))
    settings = FoldSettings(scheme=scheme)
    folds = make_folds(cohort, settings, seed=0)
    table = folds_table(cohort, folds)
    assert table.part.tolist() == cohort.split.tolist()
    assert list(fold_findings(cohort, folds, settings)) == []


def test_samples_that_the_own_split_leaks_are_left_out_and_counted():
    cohort = make(200, visits=1)
    parts = by_patient(cohort)
    links = np.arange(200)
    of = {part: np.flatnonzero(parts == part) for part in PARTS}
    links[of["valid"][[5, 6]]] = links[of["test"][[7, 8]]]
    links[of["train"][[5, 6]]] = links[of["test"][[1, 2]]]
    links[of["train"][10]] = links[of["valid"][3]]
    cohort = divided(replace(cohort, linked=links), parts)
    (fold,) = folds = make_folds(cohort, FoldSettings(), seed=0)
    table = folds_table(cohort, folds)
    assert fold.test.tolist() == of["test"].tolist()
    assert table.part[of["train"][[5, 6, 10]]].tolist() == ["left_out"] * 3
    assert table.part[of["valid"][[5, 6]]].tolist() == ["left_out"] * 2
    assert (table.part == "left_out").sum() == 5
    findings = {finding.code: finding.message for finding in fold_findings(cohort, folds, FoldSettings())}
    assert set(findings) == {"left-out-of-folds", "own-split-leaks"}
    assert (
        "leaks: 3 of train and 2 of valid have their patient, or a duplicate, in a later part"
        in findings["own-split-leaks"]
    )


@pytest.mark.parametrize("seed", range(5))
def test_no_patient_and_no_duplicate_crosses_a_random_own_split(seed):
    rng = np.random.default_rng(seed)
    cohort = make(300)
    cohort = divided(replace(cohort, linked=rng.integers(0, 500, len(cohort))), rng.choice(PARTS, len(cohort)))
    cohort = replace(
        cohort, linked=np.where(rng.random(len(cohort)) < 0.95, 500 + np.arange(len(cohort)), cohort.linked)
    )
    groups = join_groups(cohort)
    (fold,) = make_folds(cohort, FoldSettings(), seed=seed)
    sets = [set(groups[getattr(fold, part)]) for part in PARTS]
    assert len(set.union(*sets)) == sum(map(len, sets))
    assert fold.test.tolist() == np.flatnonzero(cohort.split == "test").tolist()


def test_without_a_validation_part_a_fifth_of_the_training_patients_validates():
    cohort = make(300)
    cohort = divided(cohort, by_patient(cohort, ("train", "train", "train", "test")))
    (fold,) = folds = make_folds(cohort, FoldSettings(), seed=0)
    n = {part: len(set(cohort.patients[getattr(fold, part)])) for part in PARTS}
    assert n == {"train": 180, "valid": 45, "test": 75}
    assert [finding.code for finding in fold_findings(cohort, folds, FoldSettings())] == ["own-split-no-valid"]


def test_another_scheme_ignores_the_own_split_and_says_so():
    cohort = divided(make(), by_patient(make()))
    settings = FoldSettings(scheme="holdout")
    folds = make_folds(cohort, settings, seed=0)
    assert np.array_equal(folds[0].test, make_folds(make(), FoldSettings(), seed=0)[0].test)
    (note,) = fold_findings(cohort, folds, settings)
    assert (note.level, note.code) == ("note", "own-split-ignored")


def test_an_own_split_that_cannot_be_used_says_why():
    cohort = make()
    with pytest.raises(SettingError, match=r"--split COLUMN"):
        make_folds(cohort, FoldSettings(scheme="given"), seed=0)
    with pytest.raises(DataError, match="no sample in its test part"):
        make_folds(divided(cohort, by_patient(cohort, ("train", "valid"))), FoldSettings(), seed=0)
    with pytest.raises(DataError, match="no sample in its train part"):
        make_folds(divided(cohort, by_patient(cohort, ("test", "valid"))), FoldSettings(), seed=0)
    same = replace(cohort, linked=np.zeros(len(cohort), dtype=int))
    with pytest.raises(
        DataError, match="Every sample of the valid part has its patient, or a duplicate, in a later part"
    ):
        make_folds(divided(same, by_patient(cohort)), FoldSettings(), seed=0)
    rare = cohort.samples["target"].to_numpy() == "b"
    with pytest.raises(DataError, match=r"Fold 1 has no sample of class 'b' for training"):
        make_folds(
            divided(cohort, np.where(rare & (by_patient(cohort) == "train"), "test", by_patient(cohort))),
            FoldSettings(),
            seed=0,
        )


def test_patients_who_share_a_copy_count_as_one():
    cohort = make(40, visits=2)
    assert linked_patients(cohort) is None, "without copies patients are what they are"
    linked = np.arange(len(cohort))
    linked[np.flatnonzero(cohort.patients == cohort.patients[-1])[0]] = linked[0]  # one visit of two patients
    joined = linked_patients(replace(cohort, linked=linked))
    assert set(joined[cohort.patients == cohort.patients[-1]]) == {cohort.patients[0]}
    assert (joined == cohort.patients).sum() == len(cohort) - 2


def test_seeds_train_on_the_same_divisions_as_repeats_of_their_own():
    cohort = make()
    plain = make_folds(cohort, FoldSettings(scheme="crossval", number=3, repeats=2), seed=0)
    seeds = make_folds(cohort, FoldSettings(scheme="crossval", number=3, repeats=2, seeds=3), seed=0)
    assert [fold.name for fold in seeds] == [f"repeat{r}-fold{k}" for r in range(6) for k in range(3)]
    for fold in seeds:
        same = plain[fold.repeat // 3 * 3 + fold.number]
        assert all(np.array_equal(getattr(fold, part), getattr(same, part)) for part in ("train", "valid", "test"))
        half = thinned(fold, cohort, 0.5, seed=1)
        assert half.name == fold.name
        first = thinned(seeds[fold.repeat // 3 * 9 + fold.number], cohort, 0.5, seed=1)
        assert np.array_equal(half.train, first.train)
    held = make_folds(cohort, FoldSettings(scheme="holdout", seeds=4), seed=0)
    assert [fold.repeat for fold in held] == [0, 1, 2, 3]
    assert all(np.array_equal(fold.test, held[0].test) for fold in held)


def test_seeds_share_a_split_that_came_with_the_data():
    cohort = make()
    parts = np.array(["train", "train", "train", "valid", "test"])[pd.factorize(cohort.samples["patient"])[0] % 5]
    cohort = replace(cohort, split=parts)
    settings = FoldSettings(scheme="given", seeds=3)
    folds = make_folds(cohort, settings, seed=0)
    assert [fold.name for fold in folds] == ["repeat0-fold0", "repeat1-fold0", "repeat2-fold0"]
    assert not [found for found in fold_findings(cohort, folds, settings) if found.code == "own-split-leaks"]
