"""Single patients: what each column contributed to their score, as the report shows it and as tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.explain.columns import TableScene, cell_text
from bedside.explain.contributions import METHODS, Contributions, contributions, method_of
from bedside.folder import write_table
from bedside.seeds import derive


class Explained:
    """Contributions (columns,) of some rows of the test table, with the score that they start from and lead to."""

    def __init__(self, scene: TableScene, method: str) -> None:
        self.scene, self.method, self.gap = scene, method, 0.0
        self.of: dict[int, tuple[np.ndarray, float, float]] = {}

    def add(self, rows: np.ndarray, found: Contributions) -> None:
        each = zip(found.values, found.start.tolist(), found.end.tolist(), strict=True)
        self.of |= dict(zip(rows.tolist(), each, strict=True))
        self.gap = max(self.gap, found.gap)

    @property
    def facts(self) -> dict[str, Any]:
        task = self.scene.task
        what = {
            "binary": f"the score of '{task.positive}'",
            "multiclass": "the score of the decided class",
            "regression": "the predicted number",
        }[task.kind]
        if self.scene.recalibrated:
            what = f"{what} before recalibration"
        return {
            "method": self.method,
            "how": METHODS[self.method],
            "what": what,
            "n_samples": len(self.of),
            "largest_gap": self.gap,
        }


def contributed(scene: TableScene, shown: pd.DataFrame, places: np.ndarray, ranked: np.ndarray, seed: int) -> Explained:
    """Networks: of every measured sample and those shown; other families: of those shown."""
    method = method_of(scene.parts[0])
    wanted = set(shown.index) | (set(places) if method == "integrated gradients" else set())
    found = Explained(scene, method)
    for number, part in enumerate(scene.parts):
        inside = np.isin(part.places, list(wanted))
        rows = part.places[inside]
        found.add(rows, contributions(part, part.x[inside], scene.output[rows], ranked, derive(seed, number)))
    return found


def patient_records(
    scene: TableScene, shown: pd.DataFrame, explained: Explained, columns: np.ndarray
) -> list[dict[str, Any]]:
    """What the report shows of single patients: cells, contributions, decision."""
    records = []
    features, frame = scene.cohort.inputs.features, scene.cohort.inputs.frame
    for row, sample in shown.iterrows():
        values, start, end = explained.of[int(str(row))]
        cells = frame.iloc[scene.rows[int(str(row))]]
        records.append(
            {
                **{name: _plain(sample[name]) for name in ("sample", "patient", "repeat", "fold", "target", "decision", "score", "group")},
                "start": start,
                "explained": end,
                "columns": [
                    {"column": features[k].name, "value": cell_text(features[k], cells.iloc[k]), "contribution": float(values[k])}
                    for k in columns
                ],
                "others": float(np.delete(values, columns).sum()),
            }
        )  # fmt: skip
    return records


def write_contributions(
    folder: Path, scene: TableScene, shown: pd.DataFrame, explained: Explained, columns: np.ndarray
) -> None:
    """explained.csv, one row per sample; contributions.csv, one row per sample and column."""
    features, frame = scene.cohort.inputs.features, scene.cohort.inputs.frame
    heads, rows = [], []
    for row in sorted(explained.of):
        sample, cells = scene.table.iloc[row], frame.iloc[scene.rows[row]]
        values, start, end = explained.of[row]
        group = shown["group"].get(row, "")
        head = {name: sample[name] for name in ("sample", "patient", "repeat", "fold", "target", "decision")}
        heads.append({**head, "group": group, "start": start, "score": end})
        rows += [
            (sample["sample"], features[k].name, cell_text(features[k], cells.iloc[k]), values[k]) for k in columns
        ]
        if len(columns) < len(features):
            rows.append((sample["sample"], "", "", np.delete(values, columns).sum()))  # all other columns together
    names = ["sample", "patient", "repeat", "fold", "target", "decision", "group", "start", "score"]
    write_table(folder / "explained.csv", pd.DataFrame(heads, columns=names))
    write_table(folder / "contributions.csv", pd.DataFrame(rows, columns=["sample", "column", "value", "contribution"]))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
