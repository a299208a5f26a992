"""A molecule as a small SVG, and behind its atoms the evidence that a network found; drawn by RDKit."""

from pathlib import Path

import numpy as np

from bedside.data.molecules.structure import chemistry, quiet
from bedside.explain.trace_drawing import AGAINST, FOR

WIDTH, HEIGHT = 420, 300  # in pixels
FADE = 0.08  # share of the strongest evidence below which nothing is drawn
RADIUS = 0.42  # of the discs, in lengths of a bond


def draw(path: Path, smiles: str, found: np.ndarray | None = None, *, title: str = "") -> None:
    """Write one SVG file; see `drawing`."""
    path.write_text(drawing(smiles, found, title=title), encoding="utf-8")


def drawing(
    smiles: str, found: np.ndarray | None = None, *, title: str = "", width: int = WIDTH, height: int = HEIGHT
) -> str:
    """One molecule as SVG.

    Args:
        smiles: canonical, as a `Molecule` has it.
        found: evidence of each atom in the order of the text, (atoms,); orange for, blue against.
        title: what the drawing shows, for those who do not see it.
        width: of the drawing, in pixels.
        height: in pixels.
    """
    chem = chemistry()
    from rdkit.Chem.Draw import rdMolDraw2D

    discs = _discs(found)
    with quiet():
        drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
        options = drawer.drawOptions()
        options.useBWAtomPalette()
        options.clearBackground = False
        options.padding = 0.06
        options.maxFontSize = 14
        options.fillHighlights = True
        molecule = chem.MolFromSmiles(smiles)
        rdMolDraw2D.PrepareAndDrawMolecule(
            drawer,
            molecule,
            highlightAtoms=list(discs),
            highlightBonds=[],
            highlightAtomColors=discs,
            highlightAtomRadii=dict.fromkeys(discs, RADIUS),
        )
        drawer.FinishDrawing()
    svg = drawer.GetDrawingText()
    start = svg.index("<svg")
    name = title or smiles
    return svg[start:].replace("<svg", f'<svg role="img" aria-label="{_escaped(name)}"', 1)


def _discs(found: np.ndarray | None) -> dict[int, tuple[float, float, float]]:
    """Colour of each atom whose evidence is strong enough to be seen, mixed with white."""
    strongest = 0.0 if found is None else float(np.abs(found).max(initial=0))
    if found is None or not strongest > 0:
        return {}
    shares = found / strongest
    return {
        atom: _mixed(FOR if share > 0 else AGAINST, 0.15 + 0.75 * abs(share))
        for atom, share in enumerate(shares.tolist())
        if abs(share) >= FADE
    }


def _mixed(colour: str, strength: float) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return (1 - strength * (1 - red), 1 - strength * (1 - green), 1 - strength * (1 - blue))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
