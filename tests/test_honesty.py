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
import torch

import bedside
from bedside import RunError
from bedside.cohort import Fold
from bedside.data.arrays import array_inputs
from bedside.data.images import make_image_cohort
from bedside.models import families
from bedside.run import Stage, train_steps
from bedside.seeds import derive
from bedside.settings import DataSettings, RunSettings, build, merge
from bedside.splits.folds import make_folds
from bedside.splits.preparation import TablePreparation
from bedside.training import fits, groups, loop, members
from bedside.training.drawn import evidence
from bedside.training.events import FoldFit, Progress
from bedside.training.fits import train_everything, train_folds
from bedside.training.fitted import FittedNetwork
from cohorts import cohort as make_cohort
from cohorts import image_cohort, random_weights
from cohorts import table as make_table

TASKS = ("binary", "multiclass", "regression")
DATA = ("table", "image")
FROZEN = "resnet10t"  # one frozen backbone stands for all, with weights from a file
CASES = [
    (name, data, task)
    for name, family in families().items()
    if family.architecture is None
    for data in DATA
    for task in TASKS
    if family.suits(task, data)
] + [(FROZEN, "image", task) for task in TASKS]
NETWORKS = [(name, data, task) for name, data, task in CASES if name == FROZEN or families()[name].network]
SMALL = {
    "family": "mlp",
    "model": {"hidden": [8]},
    "train": {"epochs": 4, "patience": 3, "learning_rate": 0.01},
}
FIVE = {"folds": {"scheme": "crossval"}}
THREE = {"folds": {"scheme": "crossval", "number": 3}, "evaluation": {"resamples": 100}}
RUN = {**SMALL, **THREE}
QUICK = {
    "mlp": {"hidden": [8]},
    "logistic": {"class_weights": "balanced"},
    "forest": {"trees": 10, "leaf_samples": 3},
    "boosting": {"trees": 10, "leaf_samples": 3},
    "cnn": {"width": 4, "stages": 1},
    "diffusion": {"width": 4, "levels": 2, "looks": 1},
}
UNCHANGED = {"flip_horizontal": False, "flip_vertical": False} | dict.fromkeys(
    ("rotation", "zoom", "brightness", "contrast"), 0.0
)
STRONG = {"flip_horizontal": True, "flip_vertical": True, "rotation": 180.0, "zoom": 0.2, "brightness": 0.5}


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory):
    """Weights of a small backbone in a local file."""
    return random_weights(FROZEN, tmp_path_factory.mktemp("weights") / "backbone.safetensors")


@pytest.fixture(scope="session")
def small(weights_file):
    """Name of a family -> settings with which it trains quickly."""

    def options(name):
        made = {"family": name, "model": QUICK.get(name, {}), "device": {"threads": 1}}
        backbone = {"model": {"weights": str(weights_file)}, "preparation": {"image_size": 32}}
        return merge(made, backbone) if name == FROZEN else made

    return options


@pytest.fixture(scope="module")
def cohorts():
    """One small cohort for each kind of task; tables by the task alone, and both kinds of data by data and task."""
    tables = {task: make_cohort(60, task=task) for task in TASKS}
    images = {("image", task): image_cohort(60, size=16, task=task) for task in TASKS}
    return {**tables, **images, **{("table", task): cohort for task, cohort in tables.items()}}


def train(cohort, options=None, *, folds=None):
    """Fold name -> FoldFit, and the progress events; a holdout fold unless `folds` or the options say otherwise."""
    return fit_all(cohort, merge(SMALL, options or {}), folds)


def fit_all(cohort, options, folds=None):
    """As `train`, with no other settings than those given."""
    settings = build(RunSettings, options)
    folds = folds or make_folds(cohort, settings.folds, seed=0)
    events = list(train_folds(settings.family, cohort, folds, settings))
    return {e.fold.name: e for e in events if isinstance(e, FoldFit)}, [e for e in events if isinstance(e, Progress)]


def train_one(cohort, options, fold):
    """What is fitted on a single fold."""
    (only,) = fit_all(cohort, options, [fold])[0].values()
    return only


def holdout(cohort):
    (fold,) = make_folds(cohort, RunSettings().folds, seed=0)
    return fold


def with_other(cohort, rows):
    """The cohort with `rows` changed: other features or images, and another class or a larger target."""
    samples, classes = cohort.samples.copy(), cohort.task.classes
    known = cohort.target[rows]
    other = np.array(classes, dtype=object)[(known + 1) % len(classes)] if classes else 1e3 + 50 * known
    samples.iloc[rows, samples.columns.get_loc("target")] = other
    change = other_images if cohort.inputs.kind == "image" else other_cells
    return replace(cohort, samples=samples, inputs=change(cohort.inputs, rows))


def other_cells(inputs, rows):
    """Numbers far away, unseen levels, new gaps."""
    frame = inputs.frame.copy()
    for column, feature in enumerate(inputs.features):
        wild = "never seen" if feature.kind == "category" else 1e4 + 1e3 * np.arange(len(rows))
        frame.iloc[rows, column] = wild
        frame.iloc[rows[::5], column] = None
    return replace(inputs, frame=frame)


def other_images(inputs, rows):
    """Negatives, and deeper than the others: 16 bits."""
    pixels = [inputs.read(row) for row in range(len(inputs))]
    for row in rows:
        pixels[row] = 65535 - 257 * pixels[row].astype(np.uint16)
    return array_inputs(pixels)


def learned(preparation):
    """Everything that a preparation has learned; of a table by step: {step: {attribute: value}}."""
    if not isinstance(preparation, TablePreparation):
        return {name: vars(value) if name == "scaler" else value for name, value in vars(preparation).items()}
    parts = {name: getattr(step, "named_steps", {"": step}) for name, step in preparation.steps.items()}
    return {
        (name, part): {key: value for key, value in vars(transformer).items() if key.endswith("_")}
        for name, steps in parts.items()
        for part, transformer in steps.items()
    }


def weights(fitted):
    """Everything that a network consists of, statistics of batch normalisation included."""
    network = fitted.network if isinstance(fitted, FittedNetwork) else fitted.classifier
    return {name: value.numpy() for name, value in network.state_dict().items()}


# What is learned is learned from training samples.


@pytest.mark.parametrize(("family", "data", "task"), CASES)
def test_validation_and_test_samples_teach_nothing(family, data, task, cohorts, small):
    """A network trains for one epoch here, so that validation samples have nothing to decide either."""
    cohort = cohorts[data, task]
    fold = holdout(cohort)
    other = with_other(cohort, np.concatenate([fold.valid, fold.test]))
    options = merge(small(family), {"train": {"epochs": 1, "class_weights": "balanced"}})
    ours, theirs = (train_one(data, options, fold).fitted for data in (cohort, other))
    np.testing.assert_equal(learned(theirs.preparation), learned(ours.preparation))
    trained = cohort.inputs.take(fold.train)
    assert np.array_equal(theirs.preparation(trained), ours.preparation(trained))
    if family != FROZEN and families()[family].score == "anomaly":
        # Validation samples say which errors are usual, as they choose a threshold; what is given back is not theirs.
        if data == "table":
            seen = ours.preparation(trained)
            assert np.array_equal(theirs.given_back(seen), ours.given_back(seen))
        ours, theirs = (without_yardstick(one) for one in (weights(ours), weights(theirs)))
        np.testing.assert_equal(theirs, ours)
        return
    if family != FROZEN and families()[family].generates:
        # Validation samples say how sure bounds may be; the bounds are not theirs.
        assert np.array_equal(evidence(theirs, trained), evidence(ours, trained))
        ours, theirs = (without_judge(one) for one in (weights(ours), weights(theirs)))
        np.testing.assert_equal(theirs, ours)
        return
    assert np.array_equal(theirs.scores(trained), ours.scores(trained))
    if (family, data, task) in NETWORKS:
        np.testing.assert_equal(weights(theirs), weights(ours))


def without_yardstick(state):
    """All but the usual errors of validation samples."""
    assert {name for name in state if name.startswith("rank.")} == {"rank.errors", "rank.share"}
    return {name: value for name, value in state.items() if not name.startswith("rank.")}


def without_judge(state):
    """All but what validation samples say of bounds; the shares of classes are those of training."""
    return {name: value for name, value in state.items() if name not in ("judge.sharpness", "judge.offset")}


@pytest.mark.parametrize(("family", "data"), [("mlp", "table"), ("cnn", "image"), ("image-statistics", "image")])
def test_the_same_change_of_training_samples_does_teach(family, data, cohorts, small):
    """The counterpart of the test above: what it compares is able to differ."""
    cohort = cohorts[data, "binary"]
    fold = holdout(cohort)
    options = merge(small(family), {"train": {"epochs": 1}})
    ours, theirs = (train_one(one, options, fold).fitted for one in (cohort, with_other(cohort, fold.train[:9])))
    with pytest.raises(AssertionError):
        np.testing.assert_equal(learned(theirs.preparation), learned(ours.preparation))
    tested = cohort.inputs.take(fold.test)
    assert not np.array_equal(theirs.scores(tested), ours.scores(tested))


def test_a_head_learns_from_its_training_images_and_its_backbone_from_none(cohorts, small):
    """Another target and other images in training give another head, never another backbone or normalisation."""
    cohort = cohorts["image", "binary"]
    fold = holdout(cohort)
    options = merge(small(FROZEN), {"train": {"epochs": 1}})
    ours, theirs = (train_one(one, options, fold).fitted for one in (cohort, with_other(cohort, fold.train[:9])))
    assert (theirs.preparation.mean, theirs.preparation.std) == (ours.preparation.mean, ours.preparation.std)
    same = {name: np.array_equal(value, weights(theirs)[name]) for name, value in weights(ours).items()}
    assert {name for name, equal in same.items() if not equal} == {"head.2.weight", "head.2.bias"}


@pytest.mark.parametrize(("family", "data", "task"), NETWORKS)
def test_test_samples_do_not_stop_a_network_or_choose_its_epoch(family, data, task, cohorts, small):
    cohort = cohorts[data, task]
    fold = holdout(cohort)
    options = merge(small(family), {"train": {"epochs": 12, "patience": 2, "learning_rate": 0.03}})
    both = (fit_all(one, options, [fold]) for one in (cohort, with_other(cohort, fold.test)))
    (ours, told), (theirs, retold) = both
    assert [float(event.record.valid_loss) for event in told] == [float(event.record.valid_loss) for event in retold]
    np.testing.assert_equal(weights(theirs[fold.name].fitted), weights(ours[fold.name].fitted))


def test_the_normalisation_of_a_network_from_scratch_is_that_of_its_training_images(cohorts, small):
    cohort = cohorts["image", "binary"]
    found, _ = fit_all(cohort, merge(small("cnn"), {**THREE, "train": {"epochs": 1}}))
    assert len({fit.fitted.preparation.mean for fit in found.values()}) == 3, "folds share what they learned"
    for name, fit in found.items():
        pixels = np.stack([cohort.inputs.read(row) for row in fit.fold.train]) / 255
        assert fit.fitted.preparation.mean == pytest.approx(pixels.mean(axis=(0, 1, 2)), rel=1e-9), name
        assert fit.fitted.preparation.std == pytest.approx(pixels.std(axis=(0, 1, 2)), rel=1e-9), name


@pytest.mark.parametrize(
    ("family", "plain", "changed"),
    [("cnn", UNCHANGED, STRONG), (FROZEN, {"views": 1}, {**STRONG, "views": 4})],
)
def test_augmentation_touches_training_images_only(family, plain, changed, cohorts, small, monkeypatch):
    """What judges a network is the same to the bit with and without it, so a network that is held fixed loses the same."""
    cohort = cohorts["image", "binary"]
    fold = holdout(cohort)
    judged = []

    def watch(model, batches, objective):
        judged.append([torch.cat(part) for part in zip(*batches, strict=True)])
        return judge(model, batches, objective)

    judge = loop.judge
    monkeypatch.setattr(loop, "judge", watch)
    options = merge(small(family), {"train": {"epochs": 2, "early_stopping": False}})
    (ours, told), (theirs, retold) = (
        fit_all(cohort, merge(options, {"augment": augment}), [fold]) for augment in (plain, changed)
    )
    assert len(judged) == 4
    for epoch in judged[1:]:
        assert all(torch.equal(part, first) for part, first in zip(epoch, judged[0], strict=True))
    fitted = theirs[fold.name].fitted
    if family != FROZEN:
        pixels = fitted.preparation(cohort.inputs.take(fold.valid)) / 255
        seen = (pixels - fitted.preparation.mean) / fitted.preparation.std
        assert np.allclose(judged[0][0].permute(0, 2, 3, 1), seen, atol=1e-5)
    losses = ([float(event.record.train_loss) for event in events] for events in (told, retold))
    assert not np.allclose(*losses, atol=1e-4), "nothing was augmented"
    assert not np.array_equal(*(weights(one[fold.name].fitted)["head.2.weight"] for one in (ours, theirs)))


@pytest.mark.parametrize("family", ["cnn", FROZEN])
def test_scored_images_are_not_augmented_unless_asked_for(family, cohorts, small):
    """Without `test_time` a score comes from the image as it is, and is the same every time."""
    cohort = cohorts["image", "binary"]
    augment = {**STRONG, **({"views": 2} if family == FROZEN else {})}
    fold = holdout(cohort)
    fitted = train_one(cohort, merge(small(family), {"augment": augment, "train": {"epochs": 1}}), fold).fitted
    tested = cohort.inputs.take(fold.test)
    pixels = torch.from_numpy(fitted.preparation(tested)).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (fitted.preparation.mean, fitted.preparation.std))
    with torch.no_grad():
        logits = fitted.classifier((pixels - mean) / std)
    assert np.allclose(fitted.scores(tested)[:, 1], torch.sigmoid(logits[:, 0]), atol=1e-4)
    assert np.array_equal(fitted.scores(tested), fitted.scores(tested))


def test_the_scale_of_a_regression_is_that_of_its_training_samples(cohorts):
    cohort = cohorts["regression"]
    folds, _ = train(cohort, FIVE)
    for name, found in folds.items():
        trained = cohort.target[found.fold.train]
        assert found.fitted.centre == pytest.approx(trained.mean(), rel=1e-12), name
        assert found.fitted.scale == pytest.approx(trained.std(), rel=1e-12), name


@pytest.mark.parametrize(("family", "data"), [("mlp", "table"), ("cnn", "image"), (FROZEN, "image")])
def test_the_learning_rate_is_found_on_training_samples(family, data, cohorts, small):
    cohort = cohorts[data, "binary"]
    fold = holdout(cohort)
    options = merge(small(family), {"train": {"epochs": 1, "find_learning_rate": True}})
    parts = {"held out": np.concatenate([fold.valid, fold.test]), "train": fold.train[:9]}
    ours = train_one(cohort, options, fold).sweep
    theirs = {name: train_one(with_other(cohort, rows), options, fold).sweep for name, rows in parts.items()}
    assert np.array_equal(theirs["held out"].losses, ours.losses)
    assert theirs["held out"].chosen == ours.chosen
    assert not np.array_equal(theirs["train"].losses[:9], ours.losses[:9])


@pytest.mark.parametrize(("family", "data"), [("mlp", "table"), ("cnn", "image"), (FROZEN, "image")])
def test_finding_the_learning_rate_leaves_nothing_behind_but_the_rate(family, data, cohorts, small):
    cohort = cohorts[data, "binary"]
    fold = holdout(cohort)
    plain = merge(small(family), {"model": {"dropout": 0.0}, "train": {"epochs": 3, "early_stopping": False}})
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


def rare_images(task):
    """One and the same image 96 times, every eighth of the last class; and a fold that keeps these shares."""
    classes = {"binary": list("aaaaaaab"), "multiclass": list("abababac")}[task]
    index = pd.Index([f"image-{k}" for k in range(96)], name="sample")
    frame = pd.DataFrame({"outcome": classes * 12}, index=index)
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3)).astype(np.uint8)
    given = {"target": "outcome", **({"positive": "b"} if task == "binary" else {})}
    cohort = make_image_cohort(array_inputs(image.repeat(96, axis=0)), frame, DataSettings(**given), name="noise")
    return cohort, Fold(0, 0, *np.split(np.arange(96), [64, 80]))


LINEAR = {"model": {"hidden": []}, "train": {"epochs": 20, "learning_rate": 0.1}}
SLOWER = {"model": {"dropout": 0.0}, "train": {"epochs": 20, "learning_rate": 0.05}}
HEAD = {"train": {"epochs": 30, "learning_rate": 1e-4}}
BALANCED = {
    "mlp by weights": ("mlp", LINEAR, ("train", "class_weights")),
    "mlp by sampling": ("mlp", LINEAR, ("train", "sampling")),
    "logistic by weights": ("logistic", {}, ("model", "class_weights")),
    "cnn by weights": ("cnn", SLOWER, ("train", "class_weights")),
    "cnn by sampling": ("cnn", SLOWER, ("train", "sampling")),
    "head by weights": (FROZEN, HEAD, ("train", "class_weights")),
    "head by sampling": (FROZEN, HEAD, ("train", "sampling")),
}


def train_to_the_end(cohort, options, fold):
    """What a network is after its last epoch, whatever its validation loss was."""
    settings = build(RunSettings, options)
    *_, last = train_everything(settings.family, cohort, fold, settings, epochs={"": settings.train.epochs})
    return last


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("case", BALANCED)
def test_balanced_classes_raise_the_risk_of_the_rare_class_to_that_of_the_others(case, task, small):
    """Where features say nothing, scores are shares: those of the samples, or when classes are balanced equal ones."""
    family, more, (section, setting) = BALANCED[case]
    if family in ("mlp", "logistic"):
        cohort, fit = rare(task), train_one
        fold = holdout(cohort)
    else:
        (cohort, fold), fit = rare_images(task), train_to_the_end
    risks = {}
    for value in ("shuffle" if setting == "sampling" else "none", "balanced"):
        options = merge(merge(small(family), more), {section: {setting: value}})
        found = fit(cohort, options, fold).fitted
        risks[value == "balanced"] = found.scores(cohort.inputs.take(fold.train))[:, -1].mean()
    classes = len(cohort.task.classes)
    share = np.mean(cohort.target[fold.train] == classes - 1)
    assert share < 0.15
    assert risks[False] == pytest.approx(share, abs=0.05)
    assert risks[True] == pytest.approx(1 / classes, abs=0.1)


PLACES = {"seed": (2, 0, 0), "repeat": (1, 1, 0), "fold": (1, 0, 1)}
DROPPED = {"model": {"dropout": 0.4}, "train": {"epochs": 2}}
PURPOSES = {
    "weights": (members.WEIGHTS, "mlp", DROPPED),
    "order": (members.ORDER, "mlp", DROPPED),
    "dropout": (members.DROPOUT, "mlp", DROPPED),
    "estimator": (members.ESTIMATOR, "forest", {}),
    "filters": (members.WEIGHTS, "cnn", merge(DROPPED, {"augment": STRONG})),
    "order of images": (members.ORDER, "cnn", merge(DROPPED, {"augment": UNCHANGED, "train": {"batch_size": 8}})),
    "dropout on images": (members.DROPOUT, "cnn", merge(DROPPED, {"augment": STRONG})),
    "augmentation": (members.ORDER, "cnn", {"model": {"dropout": 0.0}, "augment": STRONG}),
    "last layer": (members.WEIGHTS, FROZEN, DROPPED),
    "order of features": (members.ORDER, FROZEN, merge(DROPPED, {"train": {"batch_size": 8}})),
    "dropout on features": (members.DROPOUT, FROZEN, DROPPED),
}
ONE_BATCH = {"train": {"epochs": 1, "batch_size": 1000, "learning_rate": 0.03}}


@pytest.fixture
def scores_of(cohorts, small, monkeypatch):
    """(kind, family, options, (seed, repeat, fold)) -> scores; all other random parts than `kind` are held fixed."""

    def scores(kind, family, options, seed, repeat, number):
        def one_free(seed, *path):
            return derive(seed, *path) if path[-1] == kind else derive(0, 0, 0, path[-1])

        for place in (fits, groups, members):
            monkeypatch.setattr(place, "derive", one_free)
        cohort = cohorts["image" if family in ("cnn", FROZEN) else "table", "binary"]
        whole = holdout(cohort)
        fold = Fold(repeat, number, whole.train, whole.valid, whole.test)
        options = merge(merge(small(family), options), {"seed": seed})
        return train_one(cohort, options, fold).fitted.scores(cohort.inputs)

    return scores


@pytest.mark.parametrize("purpose", PURPOSES)
def test_each_random_part_has_a_seed_of_its_own_for_every_seed_repeat_and_fold(purpose, scores_of):
    """All other random parts are held fixed while one of them gets its true seed.

    Images are augmented by the generator that orders them. In a single batch the order hardly counts, and what is left
    is augmentation; the test below shows that.
    """
    kind, family, options = PURPOSES[purpose]
    if purpose == "augmentation":
        options = merge(options, ONE_BATCH)
    first = scores_of(kind, family, options, 1, 0, 0)
    assert np.array_equal(scores_of(kind, family, options, 1, 0, 0), first)
    least = 1e-3 if purpose == "augmentation" else 1e-6
    for name, place in PLACES.items():
        found = scores_of(kind, family, options, *place)
        assert np.abs(found - first).max() > least, f"{purpose}: does not depend on the {name}"


def test_without_augmentation_the_order_within_a_single_batch_hardly_counts(scores_of):
    options = merge({"model": {"dropout": 0.0}, "augment": UNCHANGED}, ONE_BATCH)
    first, *others = (scores_of(members.ORDER, "cnn", options, *place) for place in ((1, 0, 0), *PLACES.values()))
    for other in others:
        assert np.abs(other - first).max() < 1e-4


def test_stored_views_belong_to_the_image_and_to_the_seed_of_the_run(cohorts, small):
    """The first view is the image itself; the others change with the seed, and not with the fold that asks for them."""
    cohort = cohorts["image", "binary"]
    whole, some = holdout(cohort), cohort.inputs.take(np.arange(5))
    options = merge(small(FROZEN), {"augment": {**STRONG, "views": 3, "test_time": 3}, "train": {"epochs": 1}})
    views = {}
    for seed, repeat, number in ((1, 0, 0), *PLACES.values()):
        fold = Fold(repeat, number, whole.train, whole.valid, whole.test)
        views[seed, repeat, number] = train_one(cohort, {**options, "seed": seed}, fold).fitted.encoder(some)
    first = views[1, 0, 0]
    assert np.array_equal(views[1, 1, 0], first)
    assert np.array_equal(views[1, 0, 1], first)
    assert np.array_equal(views[2, 0, 0][:, 0], first[:, 0])
    for image, other in zip(views[2, 0, 0], first, strict=True):
        assert not np.allclose(image[1:], other[1:])


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
    with pytest.raises(RunError, match=rf"was begun with .*{fact} {other}.*, now "):
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
IMAGE_RUN = {**THREE, "train": SMALL["train"], "explain": {"samples": 0}}
INTERRUPTED = {
    "a stack": (RUN, NETWORK),
    "members that train alone": (merge(RUN, {"model": {"normalisation": "batch"}}), NETWORK),
    "a refitted network": ({**RUN, "final": "refit"}, {**NETWORK, **REFIT}),
    "a refitted forest": ({**FOREST_RUN, "final": "refit"}, {**FOREST, "stage again": "refit", "refit": (FoldFit, 1)}),
    "a network for images": ({**IMAGE_RUN, "family": "cnn"}, NETWORK),
    "a refitted head": ({**IMAGE_RUN, "family": FROZEN, "final": "refit"}, {**NETWORK, **REFIT}),
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
def test_a_run_that_was_interrupted_again_and_again_ends_with_the_same_model(case, cohorts, small, tmp_path):
    options, moments = INTERRUPTED[case]
    options = merge(small(options["family"]), options)
    data = "image" if options["family"] in ("cnn", FROZEN) else "table"
    cohort, whole, broken = cohorts[data, "binary"], tmp_path / "whole", tmp_path / "broken"
    assert unfinished(whole, cohort, stage("report"), options)
    for name, moment in moments.items():
        stop = stage(moment) if isinstance(moment, str) else nth(*moment)
        assert unfinished(broken, cohort, stop, options), f"never came to the {name}"
        assert not (broken / "model").exists()
    assert unfinished(broken, cohort, stage("report"), options)
    assert model_content(broken) == model_content(whole)
    assert (broken / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()
