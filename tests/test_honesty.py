"""What the promises mean: each of these tests fails if the promise is broken.

A promise about data ("fitted on training samples only") is tested by changing everything that may not matter and
asking for the same bits. A promise about a setting ("class weights act") is tested by what it must do to the scores.
"""

import json
import re
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from itertools import count
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest

import bedside
from bedside import RunError
from bedside.cohort import Fold
from bedside.models import families, settings_class
from bedside.run import Stage, train_steps
from bedside.seeds import derive
from bedside.settings import RunSettings, build, merge
from bedside.splits.folds import make_folds
from bedside.training import fits, groups, members
from bedside.training.events import FoldFit, Progress
from bedside.training.fits import train_folds
from cohorts import cohort as make_cohort
from cohorts import table as make_table

FAMILIES_AND_TASKS = [(name, task) for name, family in families().items() for task in family.tasks]
NETWORKS_AND_TASKS = [(name, task) for name, task in FAMILIES_AND_TASKS if families()[name].network]
SMALL = {"model": {"hidden": [8]}, "train": {"epochs": 4, "patience": 3, "learning_rate": 0.01}}
FIVE = {"folds": {"scheme": "crossval"}}
THREE = {"folds": {"scheme": "crossval", "number": 3}, "evaluation": {"resamples": 100}}
RUN = {**SMALL, **THREE}


@pytest.fixture(scope="module")
def cohorts():
    """One small cohort for each kind of task."""
    return {task: make_cohort(60, task=task) for task in ("binary", "multiclass", "regression")}


def train(cohort, options=None, *, folds=None):
    """Fold name -> FoldFit, and the progress events; a holdout fold unless `folds` or the options say otherwise."""
    settings = build(RunSettings, merge(SMALL, options or {}))
    folds = folds or make_folds(cohort, settings.folds, seed=0)
    events = list(train_folds(settings.family, cohort, folds, settings))
    return {e.fold.name: e for e in events if isinstance(e, FoldFit)}, [e for e in events if isinstance(e, Progress)]


def train_one(cohort, options, fold):
    """What is fitted on a single fold. Settings of a model act only in the families that know them."""
    settings = build(RunSettings, options)
    known = settings_class(settings.family).model_fields
    model = {name: value for name, value in settings.model.items() if name in known}
    events = train_folds(settings.family, cohort, [fold], settings.model_copy(update={"model": model}))
    (only,) = (event for event in events if isinstance(event, FoldFit))
    return only


def holdout(cohort):
    (fold,) = make_folds(cohort, RunSettings().folds, seed=0)
    return fold


def with_other(cohort, rows):
    """The cohort with `rows` changed: numbers far away, unseen levels, new gaps, another class or a larger target."""
    frame, samples, classes = cohort.inputs.frame.copy(), cohort.samples.copy(), cohort.task.classes
    for column, feature in enumerate(cohort.inputs.features):
        wild = "never seen" if feature.kind == "category" else 1e4 + 1e3 * np.arange(len(rows))
        frame.iloc[rows, column] = wild
        frame.iloc[rows[::5], column] = None
    known = cohort.target[rows]
    other = np.array(classes, dtype=object)[(known + 1) % len(classes)] if classes else 1e3 + 50 * known
    samples.iloc[rows, samples.columns.get_loc("target")] = other
    return replace(cohort, samples=samples, inputs=replace(cohort.inputs, frame=frame))


def learned(preparation):
    """Everything that the steps of a preparation have learned: {step: {attribute: value}}."""
    parts = {name: getattr(step, "named_steps", {"": step}) for name, step in preparation.steps.items()}
    return {
        (name, part): {key: value for key, value in vars(transformer).items() if key.endswith("_")}
        for name, steps in parts.items()
        for part, transformer in steps.items()
    }


# What is learned is learned from training samples.


@pytest.mark.parametrize(("family", "task"), FAMILIES_AND_TASKS)
def test_validation_and_test_samples_teach_nothing(family, task, cohorts):
    """A network trains for one epoch here, so that validation samples have nothing to decide either."""
    cohort = cohorts[task]
    fold = holdout(cohort)
    other = with_other(cohort, np.concatenate([fold.valid, fold.test]))
    quick = {"hidden": [8], "trees": 10, "leaf_samples": 3, "class_weights": "balanced"}
    options = {"family": family, "model": quick, "train": {"epochs": 1, "class_weights": "balanced"}}
    ours, theirs = (train_one(data, options, fold).fitted for data in (cohort, other))
    np.testing.assert_equal(learned(theirs.preparation), learned(ours.preparation))
    trained = cohort.inputs.take(fold.train)
    assert np.array_equal(theirs.preparation(trained), ours.preparation(trained))
    assert np.array_equal(theirs.scores(trained), ours.scores(trained))


def test_the_same_change_of_training_samples_does_teach(cohorts):
    """The counterpart of the test above: what it compares is able to differ."""
    cohort = cohorts["binary"]
    fold = holdout(cohort)
    ours, theirs = (train_one(data, SMALL, fold).fitted for data in (cohort, with_other(cohort, fold.train[:9])))
    with pytest.raises(AssertionError):
        np.testing.assert_equal(learned(theirs.preparation), learned(ours.preparation))
    tested = cohort.inputs.take(fold.test)
    assert not np.array_equal(theirs.scores(tested), ours.scores(tested))


@pytest.mark.parametrize(("family", "task"), NETWORKS_AND_TASKS)
def test_test_samples_do_not_stop_a_network_or_choose_its_epoch(family, task, cohorts):
    cohort = cohorts[task]
    fold = holdout(cohort)
    options = {"family": family, "train": {"epochs": 12, "patience": 2, "learning_rate": 0.03}}
    both = (train(data, options, folds=[fold]) for data in (cohort, with_other(cohort, fold.test)))
    (ours, told), (theirs, retold) = both
    assert [float(event.record.valid_loss) for event in told] == [float(event.record.valid_loss) for event in retold]
    weights, others = (found[fold.name].fitted.network.state_dict() for found in (ours, theirs))
    np.testing.assert_equal({k: v.numpy() for k, v in others.items()}, {k: v.numpy() for k, v in weights.items()})


def test_the_scale_of_a_regression_is_that_of_its_training_samples(cohorts):
    cohort = cohorts["regression"]
    folds, _ = train(cohort, FIVE)
    for name, found in folds.items():
        trained = cohort.target[found.fold.train]
        assert found.fitted.centre == pytest.approx(trained.mean(), rel=1e-12), name
        assert found.fitted.scale == pytest.approx(trained.std(), rel=1e-12), name


def test_the_learning_rate_is_found_on_training_samples(cohorts):
    cohort = cohorts["binary"]
    fold = holdout(cohort)
    options = {"model": {"hidden": [8]}, "train": {"epochs": 1, "find_learning_rate": True}}
    parts = {"held out": np.concatenate([fold.valid, fold.test]), "train": fold.train[:9]}
    ours = train_one(cohort, options, fold).sweep
    theirs = {name: train_one(with_other(cohort, rows), options, fold).sweep for name, rows in parts.items()}
    assert np.array_equal(theirs["held out"].losses, ours.losses)
    assert theirs["held out"].chosen == ours.chosen
    assert not np.array_equal(theirs["train"].losses[:9], ours.losses[:9])


def test_finding_the_learning_rate_leaves_nothing_behind_but_the_rate(cohorts):
    cohort = cohorts["binary"]
    fold = holdout(cohort)
    plain = {"model": {"hidden": [8], "dropout": 0.0}, "train": {"epochs": 3, "early_stopping": False}}
    swept = train_one(cohort, merge(plain, {"train": {"find_learning_rate": True}}), fold)
    named = train_one(cohort, merge(plain, {"train": {"learning_rate": swept.sweep.chosen}}), fold)
    assert np.array_equal(swept.fitted.scores(cohort.inputs), named.fitted.scores(cohort.inputs))


# Settings act.


def rare(task):
    """A cohort whose only feature says nothing, and whose last class is that of about an eighth of the samples."""
    table = make_table(300, task="regression", visits=1)
    borders = table.outcome.quantile([0.88] if task == "binary" else [0.45, 0.88])
    table["outcome"] = np.array(["a", "b", "c"])[np.digitize(table.outcome, borders)]
    roles = {"target": "outcome", "patient": "patient", "features": ("noise",)}
    return bedside.read_table(table, **roles, **({"positive": "b"} if task == "binary" else {}))


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize(("family", "section"), [("mlp", "train"), ("logistic", "model")])
def test_balanced_class_weights_raise_the_risk_of_the_rare_class_to_that_of_the_others(task, family, section):
    """Where features say nothing, scores are shares: those of the samples, or with balanced weights equal ones."""
    cohort = rare(task)
    fold = holdout(cohort)
    options = {"family": family, "model": {"hidden": []}, "train": {"epochs": 20, "learning_rate": 0.1}}
    risks = {}
    for weights in ("none", "balanced"):
        found = train_one(cohort, merge(options, {section: {"class_weights": weights}}), fold).fitted
        risks[weights] = found.scores(cohort.inputs.take(fold.train))[:, -1].mean()
    classes = len(cohort.task.classes)
    share = np.mean(cohort.target[fold.train] == classes - 1)
    assert share < 0.15
    assert risks["none"] == pytest.approx(share, abs=0.05)
    assert risks["balanced"] == pytest.approx(1 / classes, abs=0.1)


PLACES = {"seed": (2, 0, 0), "repeat": (1, 1, 0), "fold": (1, 0, 1)}
PURPOSES = {
    "weights": (members.WEIGHTS, "mlp"),
    "order": (members.ORDER, "mlp"),
    "dropout": (members.DROPOUT, "mlp"),
    "estimator": (members.ESTIMATOR, "forest"),
}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_each_random_part_has_a_seed_of_its_own_for_every_seed_repeat_and_fold(purpose, cohorts, monkeypatch):
    """All other random parts are held fixed while one of them gets its true seed."""
    kind, family = PURPOSES[purpose]
    cohort = cohorts["binary"]
    whole = holdout(cohort)

    def one_free(seed, *path):
        return derive(seed, *path) if path[-1] == kind else derive(0, 0, 0, path[-1])

    def scores(seed, repeat, number):
        options = {"family": family, "seed": seed, "model": {"hidden": [8], "dropout": 0.4, "trees": 10}}
        fold = Fold(repeat, number, whole.train, whole.valid, whole.test)
        return train_one(cohort, merge(options, {"train": {"epochs": 2}}), fold).fitted.scores(cohort.inputs)

    for place in (fits, groups, members):
        monkeypatch.setattr(place, "derive", one_free)
    first = scores(1, 0, 0)
    assert np.array_equal(scores(1, 0, 0), first)
    for name, place in PLACES.items():
        assert not np.allclose(scores(*place), first, atol=1e-6), f"the {purpose} do not depend on the {name}"


@pytest.mark.parametrize("scheme", ["holdout", "crossval"])
def test_precision_changes_the_last_digits_and_only_those(scheme, cohorts):
    cohort = cohorts["binary"]
    exact, rough = (
        train(cohort, {"folds": {"scheme": scheme}, "device": {"accelerator": "cpu", "precision": precision}})[0]
        for precision in ("32-true", "bf16-mixed")
    )
    for name, found in exact.items():
        difference = np.abs(found.fitted.scores(cohort.inputs) - rough[name].fitted.scores(cohort.inputs)).max()
        assert 1e-6 < difference < 0.05, name


def kept_and_last(events):
    """Fold name -> (epoch that was kept, epoch in which it stopped)."""
    epochs = {}
    for event in events:
        for k, fold in enumerate(event.folds):
            kept, last = epochs.get(fold.name, (0, 0))
            record = event.record
            epochs[fold.name] = (record.epoch if record.best[k] else kept, record.epoch if record.active[k] else last)
    return epochs


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_stack_keeps_and_stops_in_the_epochs_of_separate_fits(task, cohorts):
    cohort = cohorts[task]
    options = {"model": {"dropout": 0.0}, "train": {"epochs": 25, "patience": 2, "learning_rate": 0.03}}
    if task != "regression":
        options["train"]["class_weights"] = "balanced"
    together, events = train(cohort, merge(FIVE, options))
    assert max(len(event.folds) for event in events) > 1, "nothing was stacked"
    epochs = kept_and_last(events)
    assert len({last for _, last in epochs.values()}) > 1, "every member stopped at the same time"
    for name, found in together.items():
        alone, own_events = train(cohort, options, folds=[found.fold])
        assert kept_and_last(own_events)[name] == epochs[name]
        scores = (fitted.scores(cohort.inputs) for fitted in (found.fitted, alone[name].fitted))
        assert np.allclose(*scores, atol=1e-4 * max(1.0, cohort.target.std()))


# A run goes on as if nothing had happened, or not at all.


def unfinished(folder, cohort, stop, options=RUN):
    """Begin or continue a run, and leave it at the first event for which `stop` says so; True if there was one."""
    where = {"resume": folder} if (folder / "environment.json").exists() else {"folder": folder}
    with closing(train_steps(cohort, build(RunSettings, options), **where)) as steps:
        return any(stop(event) for event in steps)


def nth(kind, number):
    """True at the `number`-th event of class `kind`."""
    seen = count(1)
    return lambda event: isinstance(event, kind) and next(seen) == number


def stage(name):
    """True when the stage `name` begins."""
    return lambda event: isinstance(event, Stage) and event.name == name


def test_a_run_does_not_go_on_with_other_folds(cohorts, tmp_path):
    assert unfinished(tmp_path / "run", cohorts["binary"], nth(Progress, 1))
    path = tmp_path / "run" / "folds.csv"
    folds = pd.read_csv(path, dtype=str)
    first, second = (folds.index[(folds.part == part) & (folds.fold == "0")][0] for part in ("train", "test"))
    folds.loc[[first, second], "part"] = ["test", "train"]
    folds.to_csv(path, index=False)
    with pytest.raises(RunError, match=r"folds of .* cannot be repeated"):
        bedside.train(cohorts["binary"], resume=tmp_path / "run")


@pytest.mark.parametrize(("fact", "other"), [("device", "cuda:0"), ("threads", 99)])
def test_a_run_does_not_go_on_on_another_machine(fact, other, cohorts, tmp_path):
    assert unfinished(tmp_path / "run", cohorts["binary"], nth(Progress, 1))
    path = tmp_path / "run" / "environment.json"
    environment = json.loads(path.read_text())
    assert environment[fact] in ("cpu", 1)
    path.write_text(json.dumps({**environment, fact: other}))
    with pytest.raises(RunError, match=rf"was begun on .*{other}"):
        bedside.train(cohorts["binary"], resume=tmp_path / "run")


def test_the_final_refit_sees_everybody_for_the_median_of_the_kept_epochs(cohorts, tmp_path):
    """The epochs that the folds kept are written into the run by hand: 1, 2 and 6, of 8."""
    cohort, folder = cohorts["binary"], tmp_path / "run"
    options = merge(RUN, {"final": "refit", "train": {"epochs": 8, "patience": 7}})
    assert unfinished(folder, cohort, stage("refit"), options)
    history = pd.read_csv(folder / "history.csv")
    kept = history.fold.map({0: 1, 1: 2, 2: 6})
    history.assign(best=(history.epoch == kept).astype(int)).to_csv(folder / "history.csv", index=False)
    seen = []
    assert unfinished(folder, cohort, lambda event: seen.append(event) or isinstance(event, FoldFit), options)
    *epochs, refit = (event for event in seen if isinstance(event, Progress | FoldFit))
    assert [event.record.epoch for event in epochs] == [1, 2]
    rates = history.learning_rate[history.fold == 0][:2]
    assert [event.record.learning_rate for event in epochs] == pytest.approx(list(rates))
    assert np.array_equal(refit.fold.train, np.arange(len(cohort)))
    assert len(refit.fold.test) == 0


NETWORK = {"epoch": (Progress, 2), "fold": (FoldFit, 2), "fold of the baseline": (FoldFit, 5), "stage": "evaluation"}
FOREST = {"fold": (FoldFit, 2), "fold of the baseline": (FoldFit, 4), "stage": "evaluation"}
REFIT = {"stage again": "refit", "epoch of the refit": (Progress, 2), "refit": (FoldFit, 1)}
FOREST_RUN = {**THREE, "family": "forest", "model": {"trees": 10}}
INTERRUPTED = {
    "a stack": (RUN, NETWORK),
    "members that train alone": (merge(RUN, {"model": {"normalisation": "batch"}}), NETWORK),
    "a refitted network": ({**RUN, "final": "refit"}, {**NETWORK, **REFIT}),
    "a refitted forest": ({**FOREST_RUN, "final": "refit"}, {**FOREST, "stage again": "refit", "refit": (FoldFit, 1)}),
}


def file_content(path):
    """The content of a file of a model: its bytes, or what a skops file says.

    A skops file names its arrays by their place in memory, and the trees of a forest have unused bytes between their
    numbers. Here arrays are numbered in their order, and compared number by number.
    """
    if path.suffix != ".skops":
        return path.read_bytes()
    with ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = parts.pop("schema.json").decode()
    places = {place: str(k) for k, place in enumerate(dict.fromkeys(re.findall(r'"__id__": (\d+)', schema)))}
    numbered = re.sub(r"\d+", lambda found: places.get(found[0], found[0]), schema)
    arrays = {places[name.removesuffix(".npy")]: np.load(BytesIO(content)) for name, content in parts.items()}
    return numbered, {name: (str(array.dtype), repr(array.tolist())) for name, array in arrays.items()}


def model_content(run):
    """What the model of a run consists of: the content of each file, and model.json without checksums of skops files."""
    files = {str(file.relative_to(run)): file for file in (run / "model").rglob("*") if file.is_file()}
    record = json.loads(files.pop("model/model.json").read_text())
    record["files"] = {name: digest for name, digest in record["files"].items() if not name.endswith(".skops")}
    return record, {name: file_content(file) for name, file in files.items()}


@pytest.mark.parametrize("case", INTERRUPTED)
def test_a_run_that_was_interrupted_again_and_again_ends_with_the_same_model(case, cohorts, tmp_path):
    options, moments = INTERRUPTED[case]
    cohort, whole, broken = cohorts["binary"], tmp_path / "whole", tmp_path / "broken"
    assert unfinished(whole, cohort, stage("report"), options)
    for name, moment in moments.items():
        stop = stage(moment) if isinstance(moment, str) else nth(*moment)
        assert unfinished(broken, cohort, stop, options), f"never came to the {name}"
        assert not (broken / "model").exists()
    assert unfinished(broken, cohort, stage("report"), options)
    assert model_content(broken) == model_content(whole)
    assert (broken / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()
