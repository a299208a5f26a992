"""Many fits on the same folds: candidates, learning curves and nested tuning, on the way from settings to a folder."""

import json
from contextlib import closing
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bedside.cohort import Cohort
from bedside.errors import RunError, SettingError
from bedside.fold_parts import Way
from bedside.folder import Fit, Run, read_yaml
from bedside.many.candidates import make_candidates, parse_grid
from bedside.many.compare import Asked, compare, compare_steps
from bedside.many.curve import curve, sizes
from bedside.many.search import best, run_search, subset
from bedside.many.space import Dimension, parse_space, space_for
from bedside.many.tune import EVERYTHING, searches, tune_steps
from bedside.models import families
from bedside.run import Finished, train
from bedside.settings import FoldSettings, RunSettings, build
from bedside.splits.folds import join_groups, make_folds, thinned
from bedside.training.events import FoldFit, Progress
from cohorts import cohort as make_cohort
from cohorts import image_cohort

FAST = {"folds": {"scheme": "crossval", "number": 3}, "evaluation": {"resamples": 100}}
MLP = {"train": {"epochs": 3, "patience": 2}, "model": {"hidden": [8]}}
UNEXPLAINED = {"explain": {"samples": 0}}


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return make_cohort(120)


@pytest.fixture(scope="module")
def compared(cohort, tmp_path_factory) -> Run:
    asked = Asked({**FAST, **MLP}, ("logistic", "mlp"), {"train.learning_rate": [0.001, 0.03]})
    return compare(cohort, asked, folder=tmp_path_factory.mktemp("compare") / "it")


def files_of(path, *names):
    """Relative path -> content of every file that holds results."""
    return {str(f.relative_to(path)): f.read_bytes() for name in names for f in sorted(path.rglob(name))}


# Candidates


def test_a_grid_reads_lists_numbers_and_words():
    grid = parse_grid(["model.hidden=[32],[64,64]", "train.learning_rate=1e-4,3e-4", "train.optimizer=adam,sgd"])
    assert grid["model.hidden"] == [[32], [64, 64]]
    assert grid["train.learning_rate"] == [1e-4, 3e-4]
    assert grid["train.optimizer"] == ["adam", "sgd"]
    for wrong, words in (("train.epochs", "values"), ("train.epochs=3,3", "twice")):
        with pytest.raises(SettingError, match=words):
            parse_grid([wrong])


def test_families_times_grid_are_candidates_and_idle_settings_count_once(cohort):
    shared = {"train": {"epochs": 7}, "folds": {"scheme": "crossval"}}
    found = make_candidates(
        cohort, shared, ["logistic", "mlp"], {"train.learning_rate": [0.1, 0.01], "model.C": [1, 2]}
    )
    assert [c.name for c in found] == [
        "logistic C=1",
        "logistic C=2",
        "mlp learning_rate=0.1",
        "mlp learning_rate=0.01",
    ]
    assert [c.settings.train.epochs for c in found[2:]] == [7, 7]
    assert found[3].varied == {"family": "mlp", "train.learning_rate": 0.01}


@pytest.mark.parametrize(
    ("shared", "named", "grid", "words"),
    [
        (
            {"train": {"epochs": 5}},
            ["logistic", "forest"],
            {},
            r"train\.epochs has no effect on any of logistic, forest",
        ),
        ({}, ["mlp"], {"model.hiden": [[3], [4]]}, r"model\.hiden has no effect on mlp"),
        ({}, ["mlp"], {"folds.number": [3, 5]}, "same data and folds"),
        ({}, ["mlp"], {"family": ["mlp", "forest"]}, "use --family"),
        ({}, ["mlp", "mlp"], {}, "mlp is there twice"),
        ({}, ["mlp"], {"train.learning_rate": [-1, 1]}, r"train\.learning_rate"),
        ({}, ["resnet18"], {}, "on image data"),
    ],
)
def test_what_cannot_be_compared_is_refused(cohort, shared, named, grid, words):
    with pytest.raises(SettingError, match=words):
        make_candidates(cohort, shared, named, grid)


def test_one_candidate_is_no_comparison(cohort, tmp_path):
    with pytest.raises(SettingError, match="two candidates"):
        compare(cohort, Asked(families=("logistic",)), folder=tmp_path / "it")
    assert not (tmp_path / "it").exists()


# Compare


def test_candidates_predict_what_a_run_of_their_own_predicts(compared, cohort, tmp_path):
    record = json.loads((compared.path / "comparison.json").read_text())
    for candidate in record["candidates"][:2]:
        options = {k: v for k, v in Fit(compared.path / candidate["folder"]).settings.items() if k != "bedside"}
        alone = train(cohort, build(RunSettings, options | UNEXPLAINED), folder=tmp_path / candidate["folder"])
        assert (alone.path / "predictions.csv").read_bytes() == (
            compared.path / candidate["folder"] / "predictions.csv"
        ).read_bytes()
        own = {(e["metric"], e["of"]): e["value"] for e in alone.estimates["estimates"]}
        assert own == {(e["metric"], e["of"]): e["value"] for e in candidate["estimates"]}


def test_a_comparison_without_a_scheme_is_cross_validated_several_times(cohort, tmp_path):
    asked = Asked({"evaluation": {"resamples": 100}}, ("logistic", "prevalence"))
    run = compare(cohort, asked, folder=tmp_path / "it")
    folds = run.folds
    assert folds.groupby("repeat")["fold"].nunique().tolist() == [5] * 5
    record = json.loads((run.path / "comparison.json").read_text())
    (pair,) = record["pairs"]
    assert pair["test"] == "corrected resampled t-test"
    assert pair["verdict"] == "better", "features say something here"
    assert record["ranking"]["best"] == ["logistic"]


def test_the_way_does_not_change_a_byte(compared, cohort, tmp_path):
    asked = Asked({**FAST, **MLP}, ("logistic", "mlp"), {"train.learning_rate": [0.001, 0.03]})
    other = compare(cohort, asked, folder=tmp_path / "other", way=Way(jobs=2))
    names = ("predictions.csv", "history.csv", "settings.yaml")
    assert files_of(other.path, *names) == files_of(compared.path, *names)
    found, known = (json.loads((run.path / "comparison.json").read_text()) for run in (other, compared))
    assert found["pairs"] == known["pairs"]


@pytest.mark.parametrize("family", ["mlp", "forest"])
def test_a_run_with_more_processes_is_the_same_run(cohort, tmp_path, family):
    options = {
        **FAST,
        "explain": {"samples": 0},
        **(MLP if family == "mlp" else {"model": {"trees": 20}}),
        "family": family,
    }
    one, two = (
        train(cohort, options, folder=tmp_path / name, way=way) for name, way in (("one", Way()), ("two", Way(jobs=2)))
    )
    names = ("predictions.csv", "history.csv", "baseline.csv", "estimates.json", "weights.safetensors")
    assert files_of(one.path, *names) == files_of(two.path, *names)
    assert one.environment["threads"] == two.environment["threads"]


def test_a_network_that_sees_pixels_trains_its_folds_in_several_processes(tmp_path):
    cohort = image_cohort(60)
    options = {
        **FAST,
        "family": "cnn",
        "model": {"width": 4, "stages": 2},
        "train": {"epochs": 1},
        "explain": {"samples": 0},
    }
    one, two = (
        train(cohort, options, folder=tmp_path / name, way=way) for name, way in (("one", Way()), ("two", Way(jobs=2)))
    )
    names = ("predictions.csv", "history.csv", "weights.safetensors")
    assert files_of(one.path, *names) == files_of(two.path, *names)


def test_a_killed_comparison_continues_with_what_is_missing(compared, cohort, tmp_path):
    asked = Asked({**FAST, **MLP}, ("logistic", "mlp"), {"train.learning_rate": [0.001, 0.03]})
    with closing(compare_steps(cohort, asked, folder=tmp_path / "it")) as steps:
        for event in steps:
            if isinstance(event, Progress):  # in the second candidate
                break
    assert (tmp_path / "it" / "fits" / "01" / "predictions.csv").exists()
    assert not (tmp_path / "it" / "fits" / "02" / "predictions.csv").exists()
    events = list(compare_steps(cohort, Asked(), resume=tmp_path / "it"))
    refitted = {event.fitted.__class__.__name__ for event in events if isinstance(event, FoldFit)}
    assert refitted == {"FittedNetwork"}, "the first candidate was finished"
    names = ("predictions.csv", "history.csv", "settings.yaml")
    assert files_of(tmp_path / "it", *names) == files_of(compared.path, *names)
    assert not list((tmp_path / "it").rglob(".*.part"))
    with pytest.raises(SettingError, match="as it was begun"):
        list(compare_steps(cohort, Asked(families=("mlp",)), resume=tmp_path / "it"))
    with pytest.raises(RunError, match="have changed"):
        list(compare_steps(make_cohort(121), Asked(), resume=tmp_path / "it"))
    with pytest.raises(RunError, match="made by `bedside compare`"):
        list(tune_steps(cohort, {}, resume=tmp_path / "it"))


# Learning curve


@pytest.mark.parametrize("seed", range(3))
def test_a_smaller_share_holds_patients_of_the_larger_only_and_every_class(seed):
    cohort = make_cohort(100, task="multiclass", seed=seed)
    groups = join_groups(cohort)
    for fold in make_folds(cohort, FoldSettings(scheme="crossval", number=4), seed=seed):
        before = fold
        for share in (0.7, 0.5, 0.25):
            less = thinned(fold, cohort, share, seed=seed)
            assert np.array_equal(less.test, fold.test)
            for part in ("train", "valid"):
                rows, larger = getattr(less, part), getattr(before, part)
                assert set(rows) <= set(larger)
                assert set(cohort.target[rows]) == {0, 1, 2}
                whole = np.isin(groups[getattr(fold, part)], groups[rows])
                assert set(getattr(fold, part)[whole]) == set(rows), "patients are kept whole"
            kept = len(np.unique(groups[less.train])) / len(np.unique(groups[fold.train]))
            assert kept == pytest.approx(share, abs=0.05)
            before = less


def test_a_learning_curve_grows_where_there_is_something_to_learn(tmp_path):
    cohort = make_cohort(240)
    run = curve(cohort, {"family": "logistic", "evaluation": {"resamples": 100}}, folder=tmp_path / "it")
    record = json.loads((run.path / "curve.json").read_text())
    numbers = [size["patients"] for size in record["candidates"]]
    assert numbers == sorted(numbers)
    assert numbers[-1] == pytest.approx(240 * 3 / 5)
    assert numbers[0] >= 20
    assert record["growth"]["verdict"] in ("likely", "unlikely", "not distinguishable")
    assert "training patients" in record["growth"]["sentence"]
    full = Fit(run.path / record["candidates"][-1]["folder"]).predictions
    options = {k: v for k, v in Fit(run.path / record["candidates"][-1]["folder"]).settings.items() if k != "bedside"}
    alone = train(cohort, build(RunSettings, options | UNEXPLAINED), folder=tmp_path / "alone")
    pd.testing.assert_frame_equal(full, alone.predictions)


def test_too_few_patients_for_a_curve_are_named():
    cohort = make_cohort(30)
    folds = make_folds(cohort, FoldSettings(scheme="crossval", number=3), seed=0)
    with pytest.raises(Exception, match="too few for a learning curve"):
        sizes(cohort, folds)


# Tuning


def test_a_space_is_read_and_every_family_has_one_that_it_can_use(cohort):
    space = parse_space(["train.learning_rate=1e-4..1e-2 log", "model.dropout=0.0..0.5", "model.hidden=[8],[8,8]"])
    assert space["train.learning_rate"] == Dimension("linear", (), 1e-4, 1e-2, True)
    assert space["model.hidden"].values == ([8], [8, 8])
    for wrong in ("train.epochs", "train.epochs=5", "train.epochs=9..3", "train.epochs=0..3 log", "train.epochs=a..b"):
        with pytest.raises(SettingError):
            parse_space([wrong])
    for name, family in families().items():
        if family.search and "table" in family.kinds and family.suits("binary", "table"):
            found = space_for(cohort, RunSettings(family=name), {}, set())
            assert set(found) == set(family.search)
    with pytest.raises(SettingError, match="both fixed"):
        space_for(cohort, RunSettings(family="mlp"), space, {"model.dropout"})
    with pytest.raises(SettingError, match="nothing to search"):
        space_for(cohort, RunSettings(family="prevalence"), {}, set())


def small_searches(cohort, folds):
    settings = build(RunSettings, {**FAST, "family": "logistic"})
    return searches(cohort, folds, settings, parse_space(["model.C=1e-3..1e2 log"]), 4)


@pytest.fixture(scope="module")
def folds(cohort):
    return make_folds(cohort, FoldSettings(**FAST["folds"]), seed=0)


def test_the_search_of_an_outer_fold_never_sees_its_test_patients(cohort, folds):
    """Not in its arrays, and not in what it finds: other targets of the test patients change nothing."""
    wanted = small_searches(cohort, folds)
    samples = cohort.samples.copy()
    rows = folds[0].test
    samples.iloc[rows, samples.columns.get_loc("target")] = samples["target"].to_numpy()[rows][::-1]
    frame = cohort.inputs.frame.copy()
    frame.iloc[rows, 0] = 1e6
    inputs = replace(cohort.inputs, frame=frame)
    changed = replace(cohort, samples=samples, inputs=inputs)
    others = small_searches(changed, folds)
    inside = wanted[folds[0].name]
    assert not set(inside.cohort.samples.index) & set(cohort.samples.index[rows])
    assert len(inside.cohort) == len(cohort) - len(rows)
    assert run_search(inside) == run_search(others[folds[0].name])
    assert run_search(wanted[EVERYTHING]) != run_search(others[EVERYTHING])


def test_the_first_trial_is_the_settings_as_they_are_and_the_best_is_the_highest(cohort, folds):
    wanted = small_searches(cohort, folds)
    found = run_search(wanted[EVERYTHING])
    assert found[0].values == {"model.C": 1.0}
    assert best(found).value == max(trial.value for trial in found)
    assert [trial.number for trial in found] == [0, 1, 2, 3]


def test_a_subset_has_nothing_of_the_others(cohort):
    rows = np.arange(10, 30)
    inside = subset(cohort, rows)
    assert len(inside) == len(inside.inputs) == len(inside.linked) == 20
    assert inside.samples.index.tolist() == cohort.samples.index[rows].tolist()


def test_tuning_noise_shows_the_optimism_of_the_naive_figure(tmp_path):
    """Where features say nothing, the best of many trials still looks like something; the nested figure does not."""
    cohort = make_cohort(60, visits=1)
    rng = np.random.default_rng(0)
    numbers = [feature.name for feature in cohort.inputs.features if feature.kind != "category"]
    frame = cohort.inputs.frame.assign(**{name: rng.normal(size=len(cohort)) for name in numbers})
    noisy = replace(cohort, inputs=replace(cohort.inputs, frame=frame))
    settings = {**FAST, **MLP, "family": "mlp"}
    search = ["train.learning_rate=1e-3..1e-1 log", "train.weight_decay=1e-3..1e1 log"]
    *_, last = tune_steps(noisy, settings, trials=12, search=search, folder=tmp_path / "it")
    assert isinstance(last, Finished)
    record = json.loads((last.run.path / "tuning.json").read_text())
    assert len(record["all"]) == 12
    assert len(record["outer"]) == 3
    assert record["naive"]["value"] == max(trial["value"] for trial in record["all"])
    honest = next(e["value"] for e in record["honest"]["estimates"] if e["metric"] == "auroc")
    assert record["optimism"]["value"] == pytest.approx(record["naive"]["value"] - honest)
    assert record["optimism"]["value"] > 0.01
    assert record["pair"]["verdict"] == "not distinguishable"
    chosen = build(RunSettings, {k: v for k, v in read_yaml(last.run.path / "chosen.yaml").items() if k != "bedside"})
    assert chosen.train.learning_rate == record["chosen"]["train.learning_rate"]
    assert chosen.chosen_by == "12 trials of bedside tune, cross-validated on all patients of table (it)"
    other = list(tune_steps(noisy, settings, trials=12, search=search, folder=tmp_path / "other", way=Way(jobs=2)))[-1]
    assert json.loads((other.run.path / "tuning.json").read_text()) == record, "the way does not change a number"
