"""How long a training may take: what an earlier one took on this computer, scaled; honest about being an estimate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bedside.app.train.forms import entries
from bedside.app.words import t
from bedside.data.description import kind_of
from bedside.errors import BedsideError, SettingError
from bedside.folder import Run

LOOKED_AT = 20  # runs
LITTLE = 2_000_000  # rows times epochs times trainings that take no longer than minutes anywhere
START = 5.0  # seconds of a run that do not grow with the training: reading, evaluation, the report


@dataclass(frozen=True)
class Work:
    """How much there is to compute: samples, epochs at most, and trainings of the network."""

    samples: int
    epochs: int
    trainings: int

    @property
    def all(self) -> int:
        return self.samples * self.epochs * self.trainings


def expected(family: str, facts: Mapping[str, Any], runs: Sequence[Run], typed: Mapping[str, str]) -> str:
    """A sentence before the training begins.

    Args:
        family: that will train.
        facts: about the cohort; see `checked.facts_of`.
        runs: of this folder, the newest first.
        typed: settings as they stand in the form; what cannot be read counts as not typed.
    """
    work = asked(family, facts, typed)
    for run in runs[:LOOKED_AT]:
        if run.finished and (known := _took(run)) and known[:2] == (family, facts["kind"]):
            seconds = START + max(known[2] - START, 1) * work.all / max(known[3].all, 1)
            return t(
                "An estimate: about {time}, scaled by samples, epochs and folds from what {run} took. Early stopping may end it sooner.",
                time=_duration(seconds),
                run=run.path.name,
            )
    if facts["kind"] == "table" and work.all <= LITTLE:
        return t(
            "A guess: {n} rows take seconds to a few minutes, and hardly any memory. The next run will know more.",
            n=f"{facts['samples']:,}",
        )
    if facts["kind"] == "table":
        return t(
            "A guess: so much to compute ({n} rows, {epochs} epochs, folds and repeats: {trainings}) may take many minutes. It can be stopped at any time.",
            n=f"{work.samples:,}",
            epochs=f"{work.epochs:,}",
            trainings=f"{work.trainings:,}",
        )
    if facts["kind"] == "graph":
        return t("Nothing is known yet; while it trains the page shows how fast. It can be stopped at any time.")
    return t(
        "Nothing is known yet: bedside tries two batches first, then says here how long an epoch takes and how much memory it needs. It can be stopped at any time."
    )


def asked(family: str, facts: Mapping[str, Any], typed: Mapping[str, str]) -> Work:
    """The work that the form asks for."""
    known = entries(family, facts)

    def value(name: str, otherwise: Any) -> Any:
        if name not in known or not known[name].acts(typed, known):
            return otherwise
        try:
            return known[name].parse(typed.get(name, ""))
        except SettingError:
            return known[name].parse("")

    scheme = value("folds.scheme", "holdout")
    folds = value("folds.number", 1) if scheme == "crossval" else facts["sites"] if scheme == "site" else 1
    trainings = folds * value("folds.repeats", 1) * value("folds.seeds", 1) * (1 + (value("null_runs", None) or 0))
    return Work(int(facts["samples"]), value("train.epochs", 1), trainings)


def _took(run: Run) -> tuple[str, str, float, Work] | None:
    """Family, kind of data, seconds and work of a run; None if it does not say."""
    try:
        epochs = int(run.settings.get("train", {}).get("epochs", 1))
        trainings = len(run.folds[["repeat", "fold"]].drop_duplicates()) * (1 + int(run.settings.get("null_runs") or 0))
        work = Work(int(run.description["samples"]), epochs, trainings)
        return str(run.settings["family"]), kind_of(run.description), float(run.environment["wall_seconds"]), work
    except (BedsideError, KeyError, TypeError, ValueError):
        return None


def _duration(seconds: float) -> str:
    if seconds < 90:
        return t("{n} seconds", n=f"{seconds:.0f}")
    return t("{n} minutes", n=f"{seconds / 60:.0f}") if seconds < 5400 else t("{n} hours", n=f"{seconds / 3600:.1f}")
