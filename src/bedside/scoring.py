"""Scores for new samples from a run's model; the same as `bedside predict`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binom

from bedside.cohort import Finding
from bedside.data.align import Aligned, align, outside
from bedside.data.codes import count, finding, plural
from bedside.data.molecules.new import read_new_molecules
from bedside.data.new_images import read_new_images
from bedside.data.signals.new import read_new_signals
from bedside.data.table import TableInputs
from bedside.errors import RunError, SettingError
from bedside.evaluation.conformal import Yardstick, class_sets, number_intervals, yardsticks
from bedside.folder import Run, open_run, read_json, require_folder_of, write_table
from bedside.recalibration import RAW, RECALIBRATION, Line, Recalibration
from bedside.settings import DataSettings
from bedside.training.model import Model, load_model
from bedside.training.novelty import Judged, judge

_FROM_FILES = {
    "image": ("images", "an image, a folder, a table of images or an .npy file"),
    "signal": ("recordings", "a folder, a table or an .npz file"),
    "graph": ("molecules", "a table with a column of SMILES"),
}
RANKED = ("youden", "sensitivity", "specificity")  # rules that choose a threshold by whom it finds, not by its risk


def read_update(folder: str | Path, run: Run) -> Recalibration:
    """What `bedside recalibrate` left in a folder.

    Raises:
        RunError: if there is none, or it was made for another model.
    """
    path = Path(folder) / RECALIBRATION
    if not path.is_file():
        raise RunError(f"{folder} holds no {RECALIBRATION}; name the folder that `bedside recalibrate` made.")
    record = read_json(path)
    if record["model_sha256"] != run.environment.get("model_sha256"):
        raise RunError(
            f"{folder} recalibrates another model than that of {run.path}; run `bedside recalibrate` on this one."
        )
    return Recalibration("platt", maps=(Line(**record["update"]["line"]),))


@dataclass(frozen=True)
class Prediction:
    """Scores of new samples and what was noticed about their data.

    `table` has one row per sample: sample, patient if the new data name one, one `score_<class>` per class (or `predicted`), and for a binary task the
    `decision` at the frozen threshold. Scores that were recalibrated stand beside those before, `raw_score_<class>`.
    `spread` is the standard deviation between the members of an ensemble, `set` the classes of a conformal set
    (`well|sick`, `none` if it is empty), `low` and `high` the interval of a number. `unusual` says whether the sample lies
    farther from those of training than nearly all held-out ones, `distance` how far, where the usual held-out sample has
    1, and `outside` names columns whose value training never saw.
    """

    table: pd.DataFrame
    findings: Sequence[Finding]


def predict(
    run: Run | str | Path,
    source: pd.DataFrame | str | Path,
    *,
    output: str | Path | None = None,
    settings: DataSettings | None = None,
    recalibration: str | Path | None = None,
) -> Prediction:
    """Score new samples.

    Args:
        run: a finished run, or its path.
        source: for a model of tables a data frame, or the path of a table with the columns that the model learned
            from; others are ignored. For a model of images an image, a folder, a table with `settings.image`, or an
            .npz or .npy file of arrays.
        output: CSV file to write the scores to, whole or not at all.
        settings: how the data are read (separator, encoding, sheet, image, skip_unreadable); no target is needed.
        recalibration: what `bedside recalibrate` made of this run for a new hospital.

    Raises:
        RunError: if the model's files are not what was saved, or the recalibration is of another model.
        DataError: if columns are missing or hold another type than in training, or images cannot be read.
        SettingError: if the scores would overwrite the data.
    """
    scorer = Scorer(run, recalibration=recalibration)
    if output is not None and not isinstance(source, pd.DataFrame) and Path(output).resolve() == Path(source).resolve():
        raise SettingError(f"The scores would overwrite the data in {source}; name another file with -o.")
    prediction = scorer.predict(source, settings)
    if output is not None:
        require_folder_of(Path(output))
        write_table(Path(output), prediction.table)
    return prediction


class Scorer:
    """A run's model in memory, ready to score new samples again and again: what `predict`, the server and the app use.

    Args:
        run: a finished run, or its path.
        recalibration: what `bedside recalibrate` made of this run for a new hospital.

    Raises:
        RunError: if the model's files are not what was saved, or the recalibration is of another model.
    """

    def __init__(self, run: Run | str | Path, *, recalibration: str | Path | None = None) -> None:
        self.run = open_run(run.path if isinstance(run, Run) else run)
        self.model = load_model(self.run.path / "model", known=self.run.environment.get("model_sha256"))
        self.update = read_update(recalibration, self.run) if recalibration is not None else None

    @property
    def threshold(self) -> float | None:
        """Where patients are called positive, in the scores that are given."""
        if self.update is None:
            return self.model.threshold
        rule = str(self.run.settings.get("evaluation", {}).get("threshold", ""))
        return _moved(self.model.threshold, rule, self.update)

    def predict(self, source: pd.DataFrame | str | Path, settings: DataSettings | None = None) -> Prediction:
        """Score new samples; see `predict`.

        Raises:
            DataError: if columns are missing or hold another type than in training, or images cannot be read.
        """
        new = read_new(self.model, source, settings)
        raw, distances = self.model.scores_and_distances(new.inputs)
        return self.judge(new, raw, distances)

    def score(self, raw: np.ndarray, distances: np.ndarray) -> "Scored":
        """What follows from the scores of members, as arrays; see `judge`.

        Args:
            raw: scores by each member before recalibration, (members, n, classes) or (members, n).
            distances: of samples in the space of each novelty, (novelties, n).
        """
        model, update, threshold = self.model, self.update, self.threshold
        measured = members = model.recalibrated(raw)
        scores = members.mean(axis=0)
        if update is not None:
            scores, members = update(scores), np.stack([update(member) for member in members])
        inside, interval = None, None
        if self._yardsticks and model.conformal is not None:
            if model.task.kind == "regression":
                interval = number_intervals(measured, self._yardsticks, model.conformal.level)
            else:
                inside = class_sets(measured, self._yardsticks, model.task.classes, model.conformal.level)
        return Scored(
            scores=scores,
            raw=raw.mean(axis=0) if update is not None or model.recalibration else None,
            positive=scores[:, 1] >= threshold if threshold is not None else None,
            spread=_spread(members, scores, model) if len(members) > 1 else None,
            inside=inside,
            interval=interval,
            judged=judge(model.novelties, distances, model.unusual) if model.novelties else None,
        )

    def judge(self, new: Aligned, raw: np.ndarray, distances: np.ndarray) -> Prediction:
        """All that is said about samples, from their scores.

        Args:
            raw: scores by each member before recalibration, (members, n, classes) or (members, n).
            distances: of samples in the space of each novelty, (novelties, n).
        """
        task, found = self.model.task, self.score(raw, distances)
        scored = new.samples.drop(columns="target", errors="ignore").reset_index(names="sample")
        scored[task.score_columns()] = found.scores.reshape(len(scored), -1)
        if found.raw is not None:
            scored[[RAW + name for name in task.score_columns()]] = found.raw
        if found.positive is not None:
            scored["decision"] = np.where(found.positive, task.classes[1], task.classes[0])
        if found.spread is not None:
            scored["spread"] = found.spread
        if found.inside is not None:
            names = np.array(task.classes, dtype=object)
            scored["set"] = ["|".join(names[row]) or "none" for row in found.inside]
        if found.interval is not None:
            scored["low"], scored["high"] = found.interval
        if found.judged is not None:
            scored["unusual"], scored["distance"] = found.judged.unusual, found.judged.distance
        if isinstance(new.inputs, TableInputs):
            scored["outside"] = outside(new.inputs)
        unusual = None if found.judged is None else found.judged.unusual
        return Prediction(scored, (*new.findings, *self.about(unusual)))

    def about(self, unusual: np.ndarray | None) -> list[Finding]:
        """What `unusual` (n,) says of samples that came together; None from a model that cannot tell."""
        if unusual is None:
            message = "This model keeps nothing to tell usual from unusual samples, so none is flagged."
            return [
                finding(
                    "note",
                    "no-reference",
                    message,
                    "Runs keep it unless reference.keep=nothing, or a fold had fewer than ten held-out patients.",
                )
            ]
        flagged, n = int(unusual.sum()), len(unusual)
        if not flagged:
            return []
        known = sum(len(novelty.held_out) for novelty in self.model.novelties)
        rate = max(self.model.unusual, 1 / (known + 1))
        message = (
            f"{flagged:,} of {count(n, 'sample')} {plural(flagged, 'is', 'are')} unusual: farther from the training samples than "
            f"{100 * (1 - rate):.3g} % of {known:,} held-out ones. About {n * rate:.2g} would be by chance."
        )
        more = _by_chance(flagged, n, rate) < 0.05
        return [
            finding("warning" if more else "note", "unusual", message, "Look at them before their scores are used.")
        ]

    @cached_property
    def _yardsticks(self) -> list[Yardstick]:
        """Of each member what its sets or intervals are measured by; nothing without."""
        if self.model.conformal is None:
            return []
        known = yardsticks(self.model.conformal.table, self.model.task)
        return [known[name] for name in self.model.names]


@dataclass(frozen=True)
class Scored:
    """What is computed of n samples: `scores` (n, classes) or (n,), `raw` the same before recalibration if there is one,
    `positive` (n,) at the threshold of a binary task, `spread` (n,) between members, `inside` (n, classes) the classes of
    conformal sets, `interval` low and high ends (n,) each, and how unusual each sample is. What does not apply is None."""

    scores: np.ndarray
    raw: np.ndarray | None
    positive: np.ndarray | None
    spread: np.ndarray | None
    inside: np.ndarray | None
    interval: tuple[np.ndarray, np.ndarray] | None
    judged: Judged | None


@lru_cache(1024)  # a server asks the same of nearly every request
def _by_chance(flagged: int, n: int, rate: float) -> float:
    """The probability that so many of n usual samples, or more, are called unusual."""
    return float(binom.sf(flagged - 1, n, rate))


def _spread(members: np.ndarray, scores: np.ndarray, model: Model) -> np.ndarray:
    """Standard deviation between members (members, n, ...) of the score that is looked at, (n,)."""
    last = members if model.task.kind == "regression" else members[..., -1]
    if model.task.kind == "multiclass":
        last = np.take_along_axis(members, scores.argmax(1)[None, :, None], axis=2)[..., 0]
    return np.asarray(last.std(axis=0, ddof=1))


def _moved(threshold: float | None, rule: str, update: Recalibration) -> float | None:
    """Where patients are called positive: a threshold that was chosen by whom it finds goes on finding them, one that is
    a risk stays that risk."""
    if threshold is None or rule not in RANKED:
        return threshold
    return float(update(np.array([[1 - threshold, threshold]]))[0, 1])


def reading_of(run: Run, settings: DataSettings | None, target: str | None = None) -> DataSettings:
    """Settings of reading, with the patient column of the run where none is named."""
    settings = settings or DataSettings()
    more = {"target": target} if target is not None else {}
    if settings.patient is None and run.description["roles"]["patient"]:
        more["patient"] = run.description["roles"]["patient"]
    return settings.model_copy(update=more)


def read_new(model: Model, source: pd.DataFrame | str | Path, settings: DataSettings | None) -> Aligned:
    """New samples as the model reads them."""
    if model.known is None:
        return align(source, model.features, settings, roles=model.roles)
    if not isinstance(source, str | Path):
        kind = "data frame" if isinstance(source, pd.DataFrame) else type(source).__name__
        what, places = _FROM_FILES[model.kind]
        raise SettingError(f"This model reads {what} from files, not a {kind}; name {places}.")
    read = {"image": read_new_images, "signal": read_new_signals, "graph": read_new_molecules}[model.kind]
    return read(source, model.known, settings or DataSettings())
