"""Draw synthetic samples from a run's model; the same as `bedside sample`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.errors import SettingError, nearest
from bedside.folder import Run, csv_text, open_run, require_folder_of, write_text
from bedside.seeds import derive
from bedside.synthesis.stage import KINDS, table_of
from bedside.training.drawn import drawn, draws
from bedside.training.model import load_model

MOST = 1_000_000  # samples at once


@dataclass(frozen=True)
class Sampled:
    """`table` of synthetic samples: `sample`, `synthetic`, the class, and the columns in their own units; `warnings` are what the
    run's tests found that whoever gives these samples away must know."""

    table: pd.DataFrame
    warnings: tuple[str, ...]


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
        output: CSV file, whole or not at all; cells that a spreadsheet would compute are marked.

    Raises:
        SettingError: if the model draws nothing, the class is unknown, or the file would overwrite a part of the run.
        RunError: if the model's files are not what was saved.
    """
    run = open_run(run.path if isinstance(run, Run) else run)
    if not 1 <= n <= MOST:
        raise SettingError(f"n={n} samples cannot be drawn at once; ask for 1 to {MOST:,}.")
    model = load_model(run.path / "model", known=run.environment.get("model_sha256"))
    members: list[Any] = [member for member in model.members if draws(member)]
    if not members or model.kind not in KINDS:
        raise SettingError(
            f"{run.path} is {model.family} on {model.kind} data, which draws no samples; train a family that does: "
            "bedside train TABLE --family tvae."
        )
    classes = model.task.classes
    if label is not None and label not in classes:
        raise SettingError(f"There is no class '{label}'.{nearest(label, classes)} Classes: {', '.join(classes)}.")
    _refuse_overwriting(run, output)
    shares = np.mean([member.network.judge.share.numpy() for member in members], axis=0, dtype=np.float64)
    rng = np.random.default_rng(derive(seed, 0))
    labels = (
        rng.choice(len(classes), size=n, p=shares / shares.sum()) if label is None else np.full(n, classes.index(label))
    )
    kind, parts, order = KINDS[model.kind], [], []
    for k, member in enumerate(members):
        rows = np.arange(k, n, len(members))
        if len(rows):
            parts.append(drawn(member, labels[rows], derive(seed, 1, k), model.features))
            order.append(rows)
    back = np.argsort(np.concatenate(order))
    target = str(run.settings.get("data", {}).get("target") or "target")
    table = table_of(kind.written(kind.joined(parts).take(back)), labels, classes, target)
    if output is not None:
        require_folder_of(Path(output))
        write_text(Path(output), csv_text(table))
    found = run.synthetic or {"verdicts": []}
    return Sampled(table, tuple(one["sentence"] for one in found["verdicts"] if one["level"] == "danger"))


def _refuse_overwriting(run: Run, output: str | Path | None) -> None:
    """Synthetic samples never take the place of real data or of a file of the run."""
    if output is None:
        return
    path = Path(output).resolve()
    source = run.settings.get("source")
    real = [Path(str(source)).resolve()] if source else []
    if path in real or path.is_relative_to(run.path.resolve()):
        raise SettingError(f"{output} is the data of the run, or lies in its folder; name another file with -o.")
