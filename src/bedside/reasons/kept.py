"""What the run folder keeps of the explanations of tested samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bedside.folder import Run
from bedside.reasons.tables import Reason, Reasons


@dataclass(frozen=True)
class KeptPictures:
    """An image as the network saw it, the same with its evidence, both WebP, and the method."""

    image: bytes
    map: bytes
    method: str


def kept_reasons(run: Run, case: Mapping[str, Any]) -> Reasons | None:
    """Contributions to a test prediction; None if this very one was not explained.

    Args:
        run: of a model of tables.
        case: names `sample`, `repeat` and `fold`.
    """
    folder, facts = run.path / "explanations", (run.columns or {}).get("contributions")
    if facts is None or not (folder / "contributions.csv").exists():
        return None
    heads = run.part("explanations/explained.csv")
    here = (heads["sample"] == case["sample"]) & (heads["repeat"] == case["repeat"]) & (heads["fold"] == case["fold"])
    if not here.any():
        return None
    head, rows = heads[here].iloc[0], run.part("explanations/contributions.csv")
    rows = rows[rows["sample"] == case["sample"]]
    whole = rows["column"].notna()
    cells = rows.loc[whole, ["column", "value", "contribution"]].to_numpy()
    named = [Reason(str(column), _cell(value), float(share)) for column, value, share in cells]
    task = run.estimates["task"]
    return Reasons(
        of=str({"binary": task["positive"], "regression": ""}.get(task["kind"], head["decision"])),
        start=float(head["start"]),
        score=float(head["score"]),
        columns=tuple(sorted(named, key=lambda reason: -abs(reason.contribution))),
        others=float(rows.loc[~whole, "contribution"].sum()),
        how=facts["how"],
        raw="before recalibration" in facts["what"],
    )


def kept_pictures(run: Run, case: Mapping[str, Any]) -> KeptPictures | None:
    """The map of a test prediction; None if this very one was not explained.

    Args:
        run: of a model of images.
        case: names `sample` and `repeat`.
    """
    rows = run.explanations
    if rows is None:
        return None
    rows = rows[(rows["sample"] == case["sample"]) & (rows["repeat"] == case["repeat"])]
    if rows.empty:
        return None
    image, found = ((run.path / "explanations" / rows.iloc[0][name]).read_bytes() for name in ("image", "map"))
    return KeptPictures(image, found, str((run.sanity or {}).get("method", "")))


def _cell(value: Any) -> str:
    return "" if pd.isna(value) else f"{value:.10g}" if isinstance(value, float) else str(value)
