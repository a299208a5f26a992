"""What is asked of a model family, one check for each promise.

Each check works on computed patients, needs nothing but an empty folder, and takes a second or a few. It fails with an
AssertionError that says what was found and what was needed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import log_loss, roc_auc_score
from torch import nn

from bedside.cohort import Cohort, Task, TaskKind
from bedside.contract import unmoved
from bedside.contract.cohorts import (
    image_cohort,
    image_outliers,
    signal_cohort,
    signal_outliers,
    table_cohort,
    table_outliers,
)
from bedside.contract.molecules import molecule_cohort
from bedside.contract.unmoved import SHAPES, samples_of, still
from bedside.errors import SettingError
from bedside.models import build_model, family_named, model_settings, settings_class
from bedside.run import train
from bedside.settings import RunSettings, build, describe
from bedside.splits.folds import make_folds
from bedside.training.events import FoldFit
from bedside.training.fits import train_folds
from bedside.training.isolated import own_random_numbers
from bedside.training.saved import load_members

COHORTS: dict[str, Callable[..., Cohort]] = {"image": image_cohort, "signal": signal_cohort, "graph": molecule_cohort}
OUTLIERS: dict[str, Callable[..., Cohort]] = {
    "table": table_outliers,
    "signal": signal_outliers,
    "image": image_outliers,
}
FOUND = 0.8  # AUROC against planted outliers
FILES = {".skops", ".safetensors", ".json"}
_LEARNS = {"epochs": 30, "learning_rate": 0.01}


@dataclass(frozen=True)
class _Asked:
    """What is asked of a network in double precision, and whether also while it trains."""

    of: Callable[[nn.Module], None]
    in_training: bool = True


_UNMOVED: dict[str, dict[str, _Asked]] = {
    "signal": {"what lies behind the end": _Asked(unmoved.behind_the_end)},
    "graph": {
        "empty places": _Asked(unmoved.empty_places),
        "the order of atoms": _Asked(unmoved.order_of_atoms),
        "neighbours in the batch": _Asked(partial(unmoved.neighbours, kind="graph"), in_training=False),
    },
}


@dataclass(frozen=True)
class Check:
    """One promise of a family; called with an empty folder, it holds or raises AssertionError."""

    name: str
    run: Callable[[Path], None]

    def __call__(self, folder: str | Path) -> None:
        self.run(Path(folder))

    def __str__(self) -> str:
        return self.name


def checks(name: str, model: Mapping[str, Any] | None = None) -> list[Check]:
    """Every check of a family.

    Args:
        name: as `bedside families` prints it.
        model: settings of the family with which it learns a hundred patients in a second, such as {"width": 16}.

    Raises:
        SettingError: if there is no family of that name: is the package that brings it installed?
    """
    family, chosen = family_named(name), dict(model or {})
    found = [Check(f"{name}: settings", lambda _: _settings(name))]
    for data in family.kinds:
        on = f" on {data} data" if len(family.kinds) > 1 else ""
        if family.network:
            found += [Check(f"{name}: gradients{on}", partial(_gradients, name, chosen, data))]
            found += [
                Check(f"{name}: {what}", partial(_unmoved, name, chosen, data, asked))
                for what, asked in _UNMOVED.get(data, {}).items()
            ]
        learning = [
            Check(f"{name}: learning, {task}{on}", partial(_learning, name, chosen, task, data))
            for task in family.tasks
        ]
        found += [*learning, Check(f"{name}: a whole run{on}", partial(_whole_run, name, chosen, data))]
    return found


def _settings(name: str) -> None:
    """Every setting says what it means, and what is no setting is refused."""
    family = family_named(name)
    _require(bool(family.summary), f"Family '{name}' has no summary; menus and documentation show it.")
    for record in describe(settings_class(name), "model."):
        _require(bool(record["meaning"]), f"{record['name']} has no docstring; write what it means below the field.")
    try:
        model_settings(name, {"no_such_setting": 1})
    except SettingError:
        return
    raise AssertionError(f"'{name}' takes settings that it does not know; inherit from bedside.settings.Settings.")


def _gradients(name: str, model: dict[str, Any], data: str, _: Path) -> None:
    """Logits of the right shape, with finite gradients in every weight, for one output as for several."""
    x, several = samples_of(data), "multiclass" in family_named(name).tasks
    for n_outputs in (1, 3) if several else (1,):
        network = _network(name, model, n_outputs, data).train()
        logits = network(x)
        _require(
            tuple(logits.shape) == (4, n_outputs),
            f"{tuple(x.shape[1:])} of 4 samples gave {tuple(logits.shape)}; needed are logits of shape (4, {n_outputs}).",
        )
        logits.square().sum().backward()
        wrong = [key for key, weight in network.named_parameters() if weight.grad is None]
        _require(not wrong, f"No gradient reaches {', '.join(wrong)}; use these weights in forward, or leave them out.")
        wrong = [key for key, weight in network.named_parameters() if not torch.isfinite(weight.grad).all()]  # type: ignore[arg-type]
        _require(not wrong, f"Gradients of {', '.join(wrong)} are not finite.")


def _unmoved(name: str, model: dict[str, Any], data: str, asked: _Asked, _: Path) -> None:
    """What may not change an answer does not, in training as in use."""
    n_outputs = 3 if "multiclass" in family_named(name).tasks else 1
    for training in (False, True) if asked.in_training else (False,):
        with torch.no_grad():
            asked.of(still(_network(name, model, n_outputs, data), training=training))


def _learning(name: str, model: dict[str, Any], task: TaskKind, data: str, folder: Path) -> None:
    """Better than no features, or, where the score is no probability, outliers found; the same scores from a saved copy; for one sample alone as among others; plain files."""
    cohort, settings = _asked(name, model, task, data)
    folds = make_folds(cohort, settings.folds, seed=0)
    (kept,) = (event for event in train_folds(name, cohort, folds, settings) if isinstance(event, FoldFit))
    tested, truth = cohort.inputs.take(kept.fold.test), cohort.target[kept.fold.test]
    fitted: Any = kept.fitted
    scores = fitted.scores(tested)
    gain, needed = _gain(scores, truth, cohort.task)
    if family_named(name).score == "anomaly":
        found = float(roc_auc_score(truth, scores[:, 1]))
        _require(found > FOUND, f"Its AUROC against planted outliers is {found:.2f}; needed is {FOUND}.")
    elif data != "any":  # those that read nothing cannot learn
        _require(
            gain > needed, f"It beats no features by {gain:.1%} of their loss; {needed:.0%} are there to be learnt."
        )
    else:
        _require(gain <= needed, f"It reads nothing, and beats no features by {gain:.1%} of their loss.")

    place = folder / "fold"
    place.mkdir()
    fitted.save(place)
    again: Any = load_members([place], name, model, cohort.task)[0]
    same = np.array_equal(again.scores(tested), scores)
    _require(same, "A saved copy gives other scores; everything that a network learns must be a parameter or a buffer.")
    apart = float(np.abs(again.scores(tested.take(np.array([3]))) - scores[3:4]).max())
    allowed = 1e-5 if family_named(name).network and data == "image" else 1e-12
    _require(apart <= allowed, f"Among others a sample has another score than alone, by {apart:.2g}.")
    kinds = {file.suffix for file in place.rglob("*") if file.is_file()}
    _require(
        kinds <= FILES, f"It saves {', '.join(sorted(kinds - FILES))}; plain files are {', '.join(sorted(FILES))}."
    )


def _whole_run(name: str, model: dict[str, Any], data: str, folder: Path) -> None:
    """`bedside train` in three folds, from data to report, with the explanation if it can be explained."""
    family = family_named(name)
    cohort = COHORTS.get(data, table_cohort)(90, task=family.tasks[0])
    quick = {"train": {"epochs": 3, "patience": 2}, "evaluation": {"resamples": 100}, "explain": {"samples": 2}}
    run = train(
        cohort,
        {**(quick if family.network else {"evaluation": quick["evaluation"], "explain": quick["explain"]})},
        folder=folder / "run",
        family=name,
        model=model,
        folds={"scheme": "crossval", "number": 3},
        device={"threads": 1},
    )
    _require(run.finished, "The run did not come to its end.")
    tested = run.predictions[run.predictions["part"] == "test"]
    _require(sorted(tested["sample"]) == sorted(cohort.samples.index), "Not every sample was tested exactly once.")
    _require((run.path / "report.html").is_file(), "There is no report.")
    explained = any((run.path / "explanations").glob("*.csv")) if (run.path / "explanations").is_dir() else False
    _require(explained or not family.explains(cohort.inputs.kind), "There is no explanation.")


def _asked(name: str, model: dict[str, Any], task: TaskKind, data: str) -> tuple[Cohort, RunSettings]:
    """150 patients that the family can learn from, and settings with which it does so in seconds."""
    family = family_named(name)
    options: dict[str, Any] = {"family": name, "model": model}
    if family.network:
        options |= {"train": _LEARNS, "device": {"threads": 1}}  # checks run beside each other
    if family.score == "anomaly":
        return OUTLIERS[data](150), build(RunSettings, options)
    return COHORTS.get(data, table_cohort)(150, task=task), build(RunSettings, options)


def _gain(scores: np.ndarray, truth: np.ndarray, task: Task) -> tuple[float, float]:
    """Share of the loss of a model without features that is gone, and the share that is asked."""
    if task.kind == "regression":
        _require(scores.shape == (len(truth),), f"Scores have shape {scores.shape}; needed is ({len(truth)},).")
        return 1 - float(np.mean((scores - truth) ** 2) / truth.var()), 0.2
    wanted = (len(truth), len(task.classes))
    _require(scores.shape == wanted, f"Scores have shape {scores.shape}; needed is {wanted}.")
    _require(bool(np.allclose(scores.sum(axis=1), 1)), "Scores of a sample do not add up to 1.")
    shares = np.tile(np.bincount(truth) / len(truth), (len(truth), 1))
    return 1 - float(log_loss(truth, scores) / log_loss(truth, shares)), 0.05


def _network(name: str, model: dict[str, Any], n_outputs: int, data: str) -> nn.Module:
    with own_random_numbers(1):
        network: nn.Module = build_model(name, SHAPES[data], n_outputs, model_settings(name, model))
    return network


def _require(held: bool, message: str) -> None:
    if not held:
        raise AssertionError(message)
