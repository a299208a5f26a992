"""Samples that are drawn by lines and not by pixels: recordings and molecules, as SVG."""

from typing import Any

import numpy as np

from bedside.explain import molecule_drawing, trace_drawing


def vector(inputs: Any, row: int, found: np.ndarray | None = None) -> str:
    """One sample as SVG.

    Args:
        inputs: recordings or molecules.
        row: of the sample.
        found: its evidence; orange for, blue against.
    """
    if inputs.kind == "graph":
        return molecule_drawing.drawing(inputs.molecules[row].smiles, found)
    return trace_drawing.drawing(inputs.traces[row], inputs.channels, found, rate=inputs.rate)
