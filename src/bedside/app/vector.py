"""Samples that are drawn by lines and not by pixels: recordings and molecules, as SVG."""

from typing import Any

import numpy as np

from bedside.explain import molecule_drawing, trace_drawing

SMALL = (210, 150)  # pixels of a molecule among others, whose letters can then be read


def vector(inputs: Any, row: int, found: np.ndarray | None = None, *, small: bool = False) -> str:
    """One sample as SVG.

    Args:
        inputs: recordings or molecules.
        row: of the sample.
        found: its evidence; orange for, blue against.
        small: whether it stands among others in a list.
    """
    if inputs.kind == "graph":
        width, height = SMALL if small else (molecule_drawing.WIDTH, molecule_drawing.HEIGHT)
        return molecule_drawing.drawing(inputs.molecules[row].smiles, found, width=width, height=height)
    return trace_drawing.drawing(inputs.traces[row], inputs.channels, found, rate=inputs.rate)
