"""Read members back from their folders, each by the kind that its member.json names."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bedside.cohort import Task
from bedside.errors import RunError
from bedside.training.fitted import Fitted, FittedEstimator, FittedNetwork


def load_members(folders: Sequence[Path], family: str, settings: dict[str, Any], task: Task) -> tuple[Fitted, ...]:
    """The members in these folders; what they share is read once.

    Raises:
        RunError: if a file is missing or does not fit the family.
    """
    shared: dict[str, Any] = {}
    return tuple(_load(folder, family, settings, task, shared) for folder in folders)


def _load(folder: Path, family: str, settings: dict[str, Any], task: Task, shared: dict[str, Any]) -> Fitted:
    try:
        facts = json.loads((folder / "member.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / 'member.json'} cannot be read ({error}); the model is damaged.") from None
    if facts["kind"] == "network":
        return FittedNetwork.load(folder, family, settings, task, facts)
    if facts["kind"] == "estimator":
        return FittedEstimator.load(folder, family, settings, task, facts)
    from bedside.training.vision import load_head, load_image_network

    if facts["kind"] == "head":
        return load_head(folder, family, settings, task, facts, shared)
    return load_image_network(folder, family, settings, task, facts, shared)
