"""Draw synthetic samples from a run's model; the same as `bedside sample`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.errors import SettingError, nearest
from bedside.folder import Run, csv_text, open_run, require_folder_of, whole_folder, write_table, write_text
from bedside.seeds import derive
from bedside.synthesis.stage import KINDS, table_of
from bedside.training.drawn import drawn, draws, shares
from bedside.training.model import load_model

MOST = 1_000_000  # samples at once


@dataclass(frozen=True)
class Sampled:
    """`table` of synthetic samples: `sample`, `synthetic`, the class, and the columns in their own units, or the path of the
    image; `images` (n, size, size) if they are grey or (n, size, size, 3), uint8; `warnings` are what the run's tests found that
    whoever gives these samples away must know."""

    table: pd.DataFrame
    warnings: tuple[str, ...]
    images: np.ndarray | None = None


def sample(
    run: Run | str | Path,
    *,
    n: int = 200,
    label: str | None = None,
    seed: int = 0,
    output: str | Path | None = None,
) -> Sampled:
    """Draw synthetic samples from the model of a run that learned what samples of each class are like, such as `tvae`.

    Members of the model draw in turn. Classes come as often as in training, unless one is named.

    Args:
        run: a finished run of a family that generates.
        n: how many samples.
        label: class of all of them.
        seed: same seed, same samples.
        output: CSV file, or, for images, a new folder with their files and samples.csv; whole or not at all. Cells that a
            spreadsheet would compute are marked.

    Raises:
        SettingError: if the model draws nothing, the class is unknown, the file would overwrite a part of the run, or the folder
            for images is there already.
        RunError: if the model's files are not what was saved.
        StorageError: if the file cannot be written.
    """
    run = open_run(run.path if isinstance(run, Run) else run)
    if seed < 0:
        raise SettingError(f"seed={seed} is negative; take a whole number from 0.")
    if not 1 <= n <= MOST:
        raise SettingError(f"n={n} samples cannot be drawn at once; ask for 1 to {MOST:,}.")
    model = load_model(run.path / "model", known=run.environment.get("model_sha256"))
    members: list[Any] = [member for member in model.members if draws(member)]
    if not members or model.kind not in KINDS:
        raise SettingError(
            f"{run.path} is {model.family} on {model.kind} data, which draws no samples; train a family that does: "
            "bedside train DATA --family tvae, or diffusion for images."
        )
    classes = model.task.classes
    if label is not None and label not in classes:
        raise SettingError(f"There is no class '{label}'.{nearest(label, classes)} Classes: {', '.join(classes)}.")
    _refuse_overwriting(run, output, folder=model.kind == "image")
    rng = np.random.default_rng(derive(seed, 0))
    labels = rng.choice(len(classes), size=n, p=shares(members)) if label is None else np.full(n, classes.index(label))
    kind, parts, order = KINDS[model.kind], [], []
    for k, member in enumerate(members):
        rows = np.arange(k, n, len(members))
        if len(rows):
            parts.append(drawn(member, labels[rows], derive(seed, 1, k), model.features))
            order.append(rows)
    back = np.argsort(np.concatenate(order))
    target = str(run.settings.get("data", {}).get("target") or "target")
    inputs = kind.joined(parts).take(back)
    pictures = model.kind == "image"
    if output is not None:
        require_folder_of(Path(output))
    if output is not None and pictures:
        with whole_folder(Path(output), replace=False) as folder:
            table = table_of(kind, inputs, labels, classes, target, folder)
            write_table(folder / "samples.csv", table)
    else:
        table = table_of(kind, inputs, labels, classes, target)
        if output is not None:
            write_text(Path(output), csv_text(table))
    found = run.synthetic or {"verdicts": []}
    return Sampled(
        table,
        tuple(one["sentence"] for one in found["verdicts"] if one["level"] == "danger"),
        kind.pixels_of(inputs) if pictures else None,
    )


def _refuse_overwriting(run: Run, output: str | Path | None, *, folder: bool) -> None:
    """Synthetic samples never take the place of real data or of a file of the run, and images get a folder of their own."""
    if output is None:
        return
    if folder and Path(output).exists() and (not Path(output).is_dir() or any(Path(output).iterdir())):
        raise SettingError(
            f"{output} is there already; images and their table go into a new folder. Name another with -o."
        )
    path = Path(output).resolve()
    source = run.settings.get("source")
    real = [Path(str(source)).resolve()] if source else []
    if path in real or path.is_relative_to(run.path.resolve()):
        raise SettingError(f"{output} is the data of the run, or lies in its folder; name another file with -o.")
