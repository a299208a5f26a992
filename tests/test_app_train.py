"""What the page Train shows and takes: families, settings as fields, where a training stands, its curves."""

import re

import numpy as np
import pytest

from bedside.app.train import curve_figures, forms
from bedside.app.train.expected import asked, expected
from bedside.app.train.family_cards import cards
from bedside.app.train.told import told
from bedside.app.words import speaking
from bedside.errors import SettingError
from bedside.jobs import Curve, curves
from bedside.models import families
from bedside.settings import RunSettings, build

TABLE = {"kind": "table", "task": "binary", "classes": ["well", "sick"], "family": "mlp", "samples": 100, "sites": 0, "time": False, "split": False}  # fmt: skip
NUMBERS = TABLE | {"task": "regression", "classes": []}


def test_the_default_comes_first_and_what_does_not_suit_last_with_its_reason():
    found = cards(NUMBERS)
    assert found[0].name == "mlp"
    assert found[0].default
    whys = [bool(card.why) for card in found]
    assert whys == sorted(whys)
    assert {card.name: card.why for card in found}[
        "logistic"
    ] == "It predicts two classes, several classes; here it is numbers."
    assert {card.name for card in found} == set(families())


def test_every_setting_that_acts_is_a_field_with_help_and_range():
    found = forms.entries("mlp", TABLE)
    assert {"train.epochs", "model.hidden", "folds.number", "evaluation.threshold"} <= set(found)
    assert all(entry.help and entry.label and entry.needs for entry in found.values())
    assert found["train.epochs"].needs == "a whole number from 1 to 100,000"
    assert found["model.dropout"].needs == "a number from 0 below 1"


def test_settings_without_effect_are_no_fields():
    assert not {name for name in forms.entries("forest", TABLE) if name.startswith(("train.", "augment."))}
    assert "evaluation.threshold" not in forms.entries("mlp", NUMBERS)
    assert "site" not in forms.entries("mlp", TABLE)["folds.scheme"].options
    assert "site" in forms.entries("mlp", TABLE | {"sites": 2})["folds.scheme"].options


def test_a_field_acts_only_when_its_condition_holds():
    found = forms.entries("mlp", TABLE)
    assert not found["folds.number"].acts({}, found)
    assert found["folds.number"].acts({"folds.scheme": "crossval"}, found)
    assert found["train.patience"].acts({}, found)
    assert not found["train.patience"].acts({"train.early_stopping": "false"}, found)


@pytest.mark.parametrize("family", ["mlp", "forest", "boosting", "cnn"])
def test_what_is_shown_can_be_typed_again(family):
    """The default of every field, typed as it stands there, is the default."""
    facts = TABLE | {"kind": "image" if family == "cnn" else "table"}
    for entry in forms.entries(family, facts).values():
        assert entry.parse(entry.default) == entry.field.get_default(call_default_factory=True), entry.name


def test_typed_settings_become_settings_of_a_run():
    typed = {"train.epochs": "3", "model.hidden": "8, 4", "folds.scheme": "crossval", "folds.number": "3", "seed": "", "train.momentum": "0.5"}  # fmt: skip
    found = forms.gather("mlp", TABLE, typed)
    assert found == {"family": "mlp", "train": {"epochs": 3}, "model": {"hidden": (8, 4)}, "folds": {"scheme": "crossval", "number": 3}, "seed": 0}  # fmt: skip
    assert build(RunSettings, found).folds.number == 3


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"train.epochs": "0"}, "Epochs: a whole number from 1 to 100,000, not '0'."),
        ({"train.epochs": "many"}, "Epochs: a whole number from 1 to 100,000, not 'many'."),
        ({"model.dropout": "1"}, "Dropout: a number from 0 below 1, not '1'."),
        ({"evaluation.threshold": "sensitivity"}, "needs threshold_value, such as 0.95"),
    ],
)
def test_a_wrong_value_says_what_may_stand_there(typed, words):
    with pytest.raises(SettingError, match=re.escape(words)):
        forms.gather("mlp", TABLE, typed)


def test_the_range_is_said_in_german_too():
    with speaking("de"), pytest.raises(SettingError, match="Epochen: eine ganze Zahl ab 1 bis 100,000, nicht '0'"):
        forms.gather("mlp", TABLE, {"train.epochs": "0"})


def events(folds=((0, 0), (0, 1)), epochs=4):
    """A training of two folds at once."""
    yield {"event": "begun", "run": "runs/x"}
    yield {"event": "stage", "name": "training", "family": "mlp", "folds": len(folds)}
    yield {
        "event": "plan",
        "device": "cpu",
        "parameters": 1000,
        "epoch_seconds": None,
        "memory": None,
        "image_seconds": None,
    }
    for epoch in range(1, epochs + 1):
        losses = [1 / epoch + 0.1 * k for k in range(len(folds))]
        yield {"event": "progress", "phase": "", "folds": [list(fold) for fold in folds], "epoch": epoch, "epochs": 8,
               "train_loss": losses, "valid_loss": losses, "active": [True] * len(folds), "best": [True] * len(folds)}  # fmt: skip


def test_where_a_training_stands():
    now = told(list(events()), "running")
    assert now.stage == "Training of mlp"
    assert now.detail == "Epoch 4 of at most 8, 2 folds at once"
    assert now.share == 0.5
    assert now.plan == ("1,000 weights, on cpu",)
    assert told([], "running").stage == "Reading and checking the data"
    assert told([], "waiting", next_one=True).stage == "Begins in a moment"
    assert told([], "waiting").stage == "Waits"


def test_an_estimate_goes_when_what_it_is_of_is_over():
    plan = {
        "event": "plan",
        "device": "cpu",
        "parameters": 1000,
        "epoch_seconds": 0.5,
        "memory": 2**20,
        "image_seconds": 2.0,
    }
    begun = [{"event": "stage", "name": "training", "family": "resnet18", "folds": 1}, plan]
    assert told(begun, "running").plan[-1] == "An estimate: 2 s until every image was looked at"
    half = [*begun, {"event": "extracted", "done": 5, "total": 10}]
    assert len(told(half, "running").plan) == 3
    looked = [*begun, {"event": "extracted", "done": 10, "total": 10}]
    assert not any("every image" in line for line in told(looked, "running").plan)
    for state in ("finished", "stopped", "failed", "waiting"):
        assert told(begun, state).plan == ("1,000 weights, on cpu",)


def test_an_estimate_grows_with_what_is_typed(clinic_home):
    from bedside.folder import Run

    runs, facts = [Run(clinic_home / "clinic")], TABLE | {"samples": 94}
    short, long = (asked("mlp", facts, {"train.epochs": epochs}) for epochs in ("50", "5000"))
    assert (short.trainings, long.all) == (1, 100 * short.all)
    assert asked("mlp", facts, {"folds.scheme": "crossval", "folds.number": "4", "folds.repeats": "3"}).trainings == 12
    assert asked("mlp", facts, {"train.epochs": "many"}) == short
    said = [expected("mlp", facts, runs, {"train.epochs": epochs}) for epochs in ("4", "100000")]
    assert "seconds, scaled by samples, epochs and folds from what clinic took" in said[0]
    assert "hours" in said[1]
    assert "take seconds" in expected("mlp", facts, [], {})
    assert "(50,000 rows, 5,000 epochs, folds and repeats: 1)" in expected(
        "mlp", facts | {"samples": 50_000}, [], {"train.epochs": "5000"}
    )


def test_the_best_epoch_is_marked_where_its_loss_is():
    found = curves(events())
    drawn = curve_figures.figure(found)
    assert drawn.count("<svg") == 2
    best = [float(y) for y in re.findall(r'class="best" cx="[\d.]+" cy="([\d.]+)"', drawn)]
    lowest = [
        max(float(y) for y in re.findall(r",([\d.]+)", line))
        for line in re.findall(r'class="valid" points="([^"]+)"', drawn)
    ]
    assert best == lowest  # down the page is a lower loss
    assert (
        curve_figures.words(found)
        == "Fold 1: lowest validation loss 0.250 in epoch 4; Fold 2: lowest validation loss 0.350 in epoch 4"
    )


def test_a_loss_that_is_no_number_leaves_a_gap_and_no_error():
    curve = Curve(0, 0, train={1: None, 2: 0.5}, valid={1: None, 2: 0.4}, best=2)
    assert "nan" not in curve_figures.figure([curve]).lower()
    assert curve_figures.figure([]) == ""


def test_names_of_phases_cannot_write_html():
    curve = Curve(0, 0, phase="<b>", train={1: 0.5}, valid={1: 0.5}, best=1)
    assert "<b>" not in curve_figures.figure([curve])


@pytest.mark.parametrize("spread", [1e-9, 1e-3, 1.0, 1e6])
def test_axes_have_a_few_round_numbers(spread):
    values = np.linspace(2, 2 + spread, 5)
    curve = Curve(0, 0, train=dict(enumerate(values, 1)), valid=dict(enumerate(values, 1)), best=1)
    ticks = re.findall(r'class="tick end" x="\d+" y="[\d.]+">([^<]+)<', curve_figures.figure([curve]))
    assert 2 <= len(ticks) <= 9
