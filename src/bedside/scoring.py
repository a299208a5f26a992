"""Scores for new samples from a run's model; the same as `bedside predict`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binom

from bedside.cohort import Finding
from bedside.data.align import Aligned, align, outside
from bedside.data.codes import count, finding, plural
from bedside.data.new_images import read_new_images
from bedside.data.table import TableInputs
from bedside.errors import RunError, SettingError
from bedside.evaluation.conformal import class_sets, number_intervals, yardsticks
from bedside.folder import Run, open_run, read_json, require_folder_of, write_table
from bedside.models import family_named
from bedside.recalibration import RAW, RECALIBRATION, Line, Recalibration
from bedside.settings import DataSettings
from bedside.training.model import Conformal, Model, load_model
from bedside.training.novelty import judge

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
    opened = open_run(run.path if isinstance(run, Run) else run)
    if output is not None and not isinstance(source, pd.DataFrame) and Path(output).resolve() == Path(source).resolve():
        raise SettingError(f"The scores would overwrite the data in {source}; name another file with -o.")
    model = load_model(opened.path / "model", known=opened.environment.get("model_sha256"))
    update = read_update(recalibration, opened) if recalibration is not None else None
    new = read_new(model, source, settings)
    raw, distances = model.scores_and_distances(new.inputs)
    measured = members = model.recalibrated(raw)
    scores, threshold = members.mean(axis=0), model.threshold
    if update is not None:
        scores, members = update(scores), np.stack([update(member) for member in members])
        threshold = _moved(threshold, str(opened.settings.get("evaluation", {}).get("threshold", "")), update)
    scored = new.samples.drop(columns="target", errors="ignore").reset_index(names="sample")
    scored[model.task.score_columns()] = scores.reshape(len(scored), -1)
    if update is not None or model.recalibration:
        scored[[RAW + name for name in model.task.score_columns()]] = raw.mean(axis=0)
    if threshold is not None:
        positive, other = model.task.classes[1], model.task.classes[0]
        scored["decision"] = np.where(scores[:, 1] >= threshold, positive, other)
    if len(members) > 1:
        last = members if model.task.kind == "regression" else members[..., -1]
        if model.task.kind == "multiclass":
            last = np.take_along_axis(members, scores.argmax(1)[None, :, None], axis=2)[..., 0]
        scored["spread"] = last.std(axis=0, ddof=1)
    if model.conformal is not None:
        _add_sets(scored, measured, model, model.conformal)
    findings = (*new.findings, *_flag(scored, model, distances))
    if isinstance(new.inputs, TableInputs):
        scored["outside"] = outside(new.inputs)
    if output is not None:
        require_folder_of(Path(output))
        write_table(Path(output), scored)
    return Prediction(scored, findings)


def _moved(threshold: float | None, rule: str, update: Recalibration) -> float | None:
    """Where patients are called positive: a threshold that was chosen by whom it finds goes on finding them, one that is
    a risk stays that risk."""
    if threshold is None or rule not in RANKED:
        return threshold
    return float(update(np.array([[1 - threshold, threshold]]))[0, 1])


def _add_sets(scored: pd.DataFrame, members: np.ndarray, model: Model, measured: Conformal) -> None:
    """The column `set`, or `low` and `high`, from scores (members, n, classes) or (members, n)."""
    known = yardsticks(measured.table, model.task)
    own = [known[name] for name in model.names]
    if model.task.kind == "regression":
        scored["low"], scored["high"] = number_intervals(members, own, measured.level)
        return
    inside = class_sets(members, own, model.task.classes, measured.level)
    names = np.array(model.task.classes, dtype=object)
    scored["set"] = ["|".join(names[row]) or "none" for row in inside]


def _flag(scored: pd.DataFrame, model: Model, distances: np.ndarray) -> list[Finding]:
    """Columns `unusual` and `distance`, and what they say of all samples together."""
    if not model.novelties:
        message = "This model keeps nothing to tell usual from unusual samples, so none is flagged."
        return [finding("note", "no-reference", message, "Runs keep it unless reference.keep=nothing.")]
    judged = judge(model.novelties, distances, model.unusual)
    scored["unusual"], scored["distance"] = judged.unusual, judged.distance
    flagged, n = int(judged.unusual.sum()), len(scored)
    if not flagged:
        return []
    known = sum(len(novelty.held_out) for novelty in model.novelties)
    message = (
        f"{flagged:,} of {count(n, 'sample')} {plural(flagged, 'is', 'are')} unusual: farther from the training samples than "
        f"{100 * (1 - judged.rate):.3g} % of {known:,} held-out ones. About {n * judged.rate:.2g} would be by chance."
    )
    more = binom.sf(flagged - 1, n, judged.rate) < 0.05
    remedy = "Look at them before their scores are used."
    return [finding("warning" if more else "note", "unusual", message, remedy)]


def reading_of(run: Run, settings: DataSettings | None, target: str | None = None) -> DataSettings:
    """Settings of reading, with the patient column of the run where none is named."""
    settings = settings or DataSettings()
    more = {"target": target} if target is not None else {}
    if settings.patient is None and run.description["roles"]["patient"]:
        more["patient"] = run.description["roles"]["patient"]
    return settings.model_copy(update=more)


def read_new(model: Model, source: pd.DataFrame | str | Path, settings: DataSettings | None) -> Aligned:
    """New samples as the model reads them."""
    if family_named(model.family).data == "table" or model.images is None:
        return align(source, model.features, settings, roles=model.roles)
    if not isinstance(source, str | Path):
        kind = "data frame" if isinstance(source, pd.DataFrame) else type(source).__name__
        raise SettingError(
            f"This model reads images from files, not a {kind}; name an image, a folder, a table of images or an .npy file."
        )
    return read_new_images(source, model.images, settings or DataSettings())
