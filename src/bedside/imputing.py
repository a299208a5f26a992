"""Fill the gaps of a table with what a run's autoencoder expects there; the same as `bedside impute`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data.align import align
from bedside.data.codes import finding, listing
from bedside.data.files import read_file
from bedside.data.table import Feature
from bedside.errors import SettingError
from bedside.folder import Run, open_run, require_folder_of, write_text
from bedside.scoring import reading_of
from bedside.settings import DataSettings
from bedside.training.filled import gives_back, reconstructed
from bedside.training.model import load_model

_DIGITS = 6  # of a number that is filled in


@dataclass(frozen=True)
class Imputed:
    """`table` as it was read, with gaps filled; `cells` (rows, columns of the model) is True where that happened."""

    table: pd.DataFrame
    cells: pd.DataFrame
    findings: Sequence[Finding]


def impute(
    run: Run | str | Path,
    source: pd.DataFrame | str | Path,
    *,
    output: str | Path | None = None,
    settings: DataSettings | None = None,
) -> Imputed:
    """Fill gaps in the columns that a run's model learned from; every cell that is known stays as it is.

    Args:
        run: a finished run of a family that reconstructs tables, such as `autoencoder`.
        source: a data frame, or the path of a table, with these columns; others are handed through.
        output: CSV file for the filled table, whole or not at all.
        settings: how the table is read (separator, decimal, encoding, sheet).

    Raises:
        SettingError: if the model gives nothing back, or the result would overwrite the data.
        DataError: if columns are missing or hold another type than in training.
        RunError: if the model's files are not what was saved.
    """
    run = open_run(run.path if isinstance(run, Run) else run)
    model = load_model(run.path / "model", known=run.environment.get("model_sha256"))
    members: list[Any] = [member for member in model.members if gives_back(member)]
    if not members:
        raise SettingError(
            f"{run.path} is {model.family} on {model.kind} data, which fills no gaps; train one that does: "
            "bedside train TABLE --family autoencoder."
        )
    if output is not None and not isinstance(source, pd.DataFrame) and Path(output).resolve() == Path(source).resolve():
        raise SettingError(f"The filled table would overwrite the data in {source}; name another file with -o.")
    settings = reading_of(run, settings)
    frame = source if isinstance(source, pd.DataFrame) else read_file(Path(source), settings)
    aligned = align(source, model.features, settings, roles=model.roles)
    guesses, known = reconstructed(members, aligned.inputs), aligned.inputs.frame
    table = frame.reset_index(drop=True).astype(object)
    cells = pd.DataFrame(False, index=table.index, columns=[feature.name for feature in model.features])
    dates: list[str] = []
    for feature in model.features:
        gaps = pd.isna(known[feature.name]).to_numpy()
        if feature.kind == "date":
            dates += [feature.name] if gaps.any() else []
            continue
        decimal = settings.decimal if not isinstance(source, pd.DataFrame) else "."
        words = [_cell(feature, value, decimal) for value in guesses.loc[gaps, feature.name]]
        if isinstance(source, pd.DataFrame) and feature.kind == "number":
            words = guesses.loc[gaps, feature.name].tolist()
        table.loc[gaps, feature.name] = pd.Series(words, index=table.index[gaps], dtype=object)
        cells[feature.name] = gaps
    found = [*aligned.findings, *_left(dates)]
    if output is not None:
        require_folder_of(Path(output))
        write_text(Path(output), table.to_csv(index=False, lineterminator="\n", sep=settings.separator or ","))
    return Imputed(table, cells, tuple(found))


def _cell(feature: Feature, value: object, decimal: str) -> str:
    """A value as a cell of a file: a number, the word of a yes or no, or the name of a level."""
    if feature.kind == "category":
        return str(value)
    number = float(str(value))
    if feature.kind == "boolean" and len(feature.levels) == 2:
        return feature.levels[int(number > 0.5)]
    if feature.kind == "boolean":
        number = float(np.clip(round(number), 0, 1))
    return f"{number:.{_DIGITS}g}".replace(".", decimal)


def _left(dates: list[str]) -> list[Finding]:
    if not dates:
        return []
    return [
        finding("note", "dates-not-filled", f"Gaps of {listing(dates)} are left: dates are not guessed.", "", dates)
    ]
