"""Every setting acts, or is refused with the nearest name; settings.yaml says what was asked."""

import pytest
import yaml

from bedside.cohort import Task
from bedside.contract.molecules import molecule_cohort
from bedside.errors import SettingError
from bedside.models import FAMILIES, model_settings
from bedside.models.suited import acting, refuse_unsuited
from bedside.settings import RunSettings, TrainSettings, build, describe, merge, parse_assignment
from cohorts import cohort as make_cohort
from cohorts import image_cohort
from small_signals import signal_cohort

BINARY, REGRESSION = Task("binary", ("well", "sick")), Task("regression")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train": {"epoch": 3}}, r"Unknown setting 'train.epoch'. Did you mean 'train.epochs'"),
        ({"trian": {}}, r"Unknown setting 'trian'. Did you mean 'train'"),
        ({"train": {"epochs": 0}}, r"Setting train.epochs: .*greater than or equal to 1, not 0"),
        ({"train": {"optimizer": "adagrad"}}, r"'adam', 'adamw' or 'sgd', not 'adagrad'"),
        (
            {"train": {"momentum": 0.5}},
            r"momentum has no effect while optimizer is adamw; it acts with optimizer = sgd",
        ),
        ({"train": {"patience": 50}}, r"patience=50 can never act within epochs=50"),
        ({"train": {"early_stopping": False, "patience": 3}}, r"patience has no effect while early_stopping is false"),
        ({"folds": {"repeats": 3}}, r"repeats has no effect while scheme is auto"),
        ({"evaluation": {"threshold": "sensitivity"}}, r"threshold=sensitivity needs threshold_value"),
        ({"train": {"learning_rate": 0.1, "find_learning_rate": True}}, r"learning_rate has no effect while find_"),
        ({"train": {"learning_rate": "nan"}}, r"train.learning_rate"),
    ],
)
def test_a_setting_that_cannot_act_is_refused_in_words(values, message):
    with pytest.raises(SettingError, match=message):
        build(RunSettings, values)


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        ({"family": "mpl"}, BINARY, r"Unknown model family 'mpl'. Did you mean 'mlp'"),
        ({"family": "ridge"}, BINARY, r"'ridge' does regression .* but this is binary.*Suited here: mlp, .*logistic"),
        ({"family": "forest", "train": {"epochs": 3}}, BINARY, r"train.epochs has no effect: family 'forest' is not a"),
        (
            {"family": "mlp", "model": {"hiden": [3]}},
            BINARY,
            r"Unknown setting 'model.hiden'. Did you mean 'model.hidden'",
        ),
        ({"family": "mlp", "model": {"hidden": [], "dropout": 0.2}}, BINARY, r"dropout has no effect without a hidden"),
        (
            {"model": {"normalisation": "batch"}, "train": {"batch_size": 1}},
            BINARY,
            r"needs several samples in a batch",
        ),
        ({"family": "forest", "device": {"precision": "32-true"}}, BINARY, r"device.precision has no effect"),
        ({"family": "prevalence", "model": {"x": 1}}, BINARY, r"There is nothing to set here"),
        ({"family": "mlp", "model": {"hidden": 64}}, BINARY, r"model.hidden: input should be a list, such as \[a, b\]"),
        ({"family": "mlp", "model": {"dropout": 1}}, BINARY, r"model.dropout: .*less than 1"),
        ({"evaluation": {"threshold": "youden"}}, REGRESSION, r"evaluation.threshold has no effect: a regression task"),
        ({"train": {"class_weights": "balanced"}}, REGRESSION, r"train.class_weights has no effect"),
        ({"final": "refit"}, BINARY, r"final has no effect: with folds.scheme=auto"),
        ({"family": "prevalence", "preparation": {"scale": "none"}}, BINARY, r"preparation.scale has no effect"),
    ],
)
def test_a_setting_that_does_not_suit_family_or_task_is_refused(values, task, message):
    with pytest.raises(SettingError, match=message):
        refuse_unsuited(build(RunSettings, {"family": "mlp", **values}), COHORTS[task.kind])


def test_settings_that_say_how_to_read_are_refused_beside_a_cohort_that_is_read():
    asked = build(RunSettings, {"family": "mlp", "data": {"target": "x", "allow_leak": ["y"]}})
    with pytest.raises(SettingError, match=r"data.target has no effect: the cohort is read already"):
        refuse_unsuited(asked, COHORTS["binary"])


COHORTS = {kind: make_cohort(30, task=kind) for kind in ("binary", "multiclass", "regression")}
IMAGES = {kind: image_cohort(30, task=kind) for kind in ("binary", "multiclass", "regression")}
SIGNALS = {kind: signal_cohort(30, task=kind) for kind in ("binary", "multiclass", "regression")}
GRAPHS = {kind: molecule_cohort(30, task=kind) for kind in ("binary", "multiclass", "regression")}
SUITED = [(name, task) for name in FAMILIES for task in (BINARY, REGRESSION) if task.kind in FAMILIES[name].tasks]


@pytest.mark.parametrize(("family", "task"), SUITED, ids=lambda value: getattr(value, "kind", value))
@pytest.mark.parametrize("scheme", ["holdout", "crossval"])
def test_settings_written_to_yaml_give_the_same_run_again(family, task, scheme):
    asked = build(RunSettings, {"family": family, "folds": {"scheme": scheme}, "seed": 4})
    cohort = {"image": IMAGES, "signal": SIGNALS, "graph": GRAPHS}.get(FAMILIES[family].kinds[0], COHORTS)[task.kind]
    written = acting(asked, cohort)
    read = build(RunSettings, yaml.safe_load(yaml.safe_dump(written)))
    refuse_unsuited(read, cohort)
    assert acting(read, cohort) == written


def test_switching_clipping_off_survives_settings_yaml():
    asked = build(TrainSettings, {"clip_norm": None, "epochs": 5})
    again = build(TrainSettings, asked.acting())
    assert again.clip_norm is None
    assert again == asked


def test_assignments_read_as_yaml_and_lay_over_each_other():
    layers = [parse_assignment(text) for text in ("model.hidden=[128,64]", "train.learning_rate=1e-3", "seed=3")]
    assert merge(*layers) == {"model": {"hidden": [128, 64]}, "train": {"learning_rate": 0.001}, "seed": 3}
    with pytest.raises(SettingError, match="write it as name=value"):
        parse_assignment("train.epochs")


def test_every_setting_has_a_meaning_and_a_range():
    for record in describe(RunSettings):
        assert record["meaning"].endswith((".", ")")), record["name"]
        assert record["range"], record["name"]


def test_families_validate_their_own_settings():
    assert model_settings("mlp", {"hidden": [8], "activation": "tanh"}).acting()["hidden"] == [8]
    with pytest.raises(SettingError, match="activation"):
        model_settings("mlp", {"activation": "swish"})
