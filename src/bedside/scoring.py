"""Scores for new samples from a run's model; the same as `bedside predict`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data.align import align
from bedside.errors import SettingError
from bedside.folder import Run, open_run, require_folder_of, write_table
from bedside.settings import DataSettings
from bedside.training.model import load_model


@dataclass(frozen=True)
class Prediction:
    """Scores of new samples and what was noticed about their data.

    `table` has one row per sample: sample, patient if the new data name one, one `score_<class>` per class (or `predicted`), and for a binary task the
    `decision` at the frozen threshold. `spread` is the standard deviation between the members of an ensemble.
    """

    table: pd.DataFrame
    findings: Sequence[Finding]


def predict(
    run: Run | str | Path,
    table: pd.DataFrame | str | Path,
    *,
    output: str | Path | None = None,
    settings: DataSettings | None = None,
) -> Prediction:
    """Score new samples.

    Args:
        run: a finished run, or its path.
        table: a data frame, or the path of a table with the columns that the model learned from; others are ignored.
        output: CSV file to write the scores to, whole or not at all.
        settings: how the file is read (separator, encoding, sheet); its columns need no roles.

    Raises:
        RunError: if the model's files are not what was saved.
        DataError: if columns are missing or hold another type than in training.
        SettingError: if the scores would overwrite the data.
    """
    opened = open_run(run.path if isinstance(run, Run) else run)
    if output is not None and not isinstance(table, pd.DataFrame) and Path(output).resolve() == Path(table).resolve():
        raise SettingError(f"The scores would overwrite the data in {table}; name another file with -o.")
    model = load_model(opened.path / "model", known=opened.environment.get("model_sha256"))
    new = align(table, model.features, settings, roles=model.roles)
    members = np.stack([member.scores(new.inputs) for member in model.members])  # (members, n[, classes])
    scores = members.mean(axis=0)
    scored = new.samples.reset_index(names="sample")
    scored[model.task.score_columns()] = scores.reshape(len(scored), -1)
    if model.threshold is not None:
        positive, other = model.task.classes[1], model.task.classes[0]
        scored["decision"] = np.where(scores[:, 1] >= model.threshold, positive, other)
    if len(members) > 1:
        last = members if model.task.kind == "regression" else members[..., -1]
        if model.task.kind == "multiclass":
            last = np.take_along_axis(members, scores.argmax(1)[None, :, None], axis=2)[..., 0]
        scored["spread"] = last.std(axis=0, ddof=1)
    if output is not None:
        require_folder_of(Path(output))
        write_table(Path(output), scored)
    return Prediction(scored, new.findings)
