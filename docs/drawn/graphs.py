"""Families for molecules: how each reads aspirin or caffeine, which need no patient."""

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.structure import ATOM_FEATURES, BONDS, Molecule, chemistry, read_molecule
from bedside.models import build_model, model_settings
from bedside.models.graph import geometric, unpacked
from bedside.models.graph_transformer import WALKS, returns
from bedside.report.style import BASELINE, EVENT, INK, MODEL, MUTED, PAPER, grid
from bedside.splits.graphs import BITS, GraphPreparation
from bedside.training.isolated import own_random_numbers
from drawn.parts import TINT, arrow, neuron, plain, sheet, words

ASPIRIN, CAFFEINE = "CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O"
BOND = 1.5  # length of a bond in RDKit's drawings
SEEN = (EVENT, BASELINE, MODEL, MUTED)  # the atom itself, and what it sees after each layer


def laid_out(molecule: Molecule, place: tuple[float, float], size: float) -> np.ndarray:
    """Where the atoms of a molecule are drawn, (atoms, 2), with its middle at `place` and bonds of this length."""
    from rdkit.Chem import rdDepictor

    drawn = chemistry().MolFromSmiles(molecule.smiles)
    rdDepictor.Compute2DCoords(drawn, canonOrient=True)
    points = drawn.GetConformer().GetPositions()[:, :2] * size / BOND
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    return points - middle + np.array(place)


def bonds(axes: Axes, molecule: Molecule, points: np.ndarray, colour: str = INK) -> None:
    """The bonds of a molecule: two lines for a double one, a dashed one within the ring for an aromatic one."""
    middle = ring_middle(molecule, points)
    for (start, end), kind in zip(molecule.bonds, molecule.kinds, strict=True):
        a, b = points[start], points[end]
        aside = np.array([a[1] - b[1], b[0] - a[0]]) * 0.07 / np.linalg.norm(b - a)
        inwards = 2 * aside * np.sign(aside @ (middle - (a + b) / 2))
        lines = {"DOUBLE": ((aside, "-"), (-aside, "-")), "AROMATIC": ((0 * aside, "-"), (inwards, (0, (2, 1.5))))}
        for shift, style in lines.get(BONDS[kind], ((0 * aside, "-"),)):
            axes.plot(*zip(a + shift, b + shift, strict=True), color=colour, linewidth=0.9, linestyle=style, zorder=1)


def ring_middle(molecule: Molecule, points: np.ndarray) -> np.ndarray:
    """The middle of the aromatic atoms, (2,)."""
    ring = np.unique(molecule.bonds[molecule.kinds == BONDS.index("AROMATIC")])
    return points[ring].mean(axis=0)


def atoms(
    axes: Axes, molecule: Molecule, points: np.ndarray, radius: float, edges: list[str], fills: list[str]
) -> None:
    """The atoms of a molecule as circles with their element, dark letters on light ones."""
    names = [atom.GetSymbol() for atom in chemistry().MolFromSmiles(molecule.smiles).GetAtoms()]
    for point, name, edge, fill in zip(points, names, edges, fills, strict=True):
        axes.add_patch(Circle(point, radius, facecolor=fill, edgecolor=edge, linewidth=1.1, zorder=3))
        words(axes, tuple(point), name, colour=PAPER if fill not in (PAPER, TINT) else INK, zorder=5)


def prepared(molecule: Molecule) -> torch.Tensor:
    """As networks get it, (1, atoms, columns), 64 bits."""
    return torch.from_numpy(GraphPreparation(len(molecule))(GraphInputs((molecule,)))).double()


def seen_after(molecule: Molecule, atom: int, most: int) -> np.ndarray:
    """The first layer of `gin` after which `atom` depends on each atom, (atoms,); most + 1 if none; by gradients."""
    first = np.full(len(molecule), most + 1)
    first[atom] = 0
    for depth in range(1, most + 1):
        with own_random_numbers(0):
            shape = GraphPreparation(len(molecule)).shape
            network: Any = build_model("gin", shape, 1, model_settings("gin", {"layers": depth}))
        network = network.double().eval()
        graphs = unpacked(prepared(molecule), network.n_features, torch.float64)
        entered = network.enter(graphs.atoms).detach().requires_grad_()
        (slope,) = torch.autograd.grad(network.atoms(entered, graphs)[atom].sum(), entered)
        first[(slope.abs().sum(dim=1) > 0).numpy() & (first > depth)] = depth
    return first


def gin() -> Figure:
    molecule, atom = read_molecule(ASPIRIN), 3
    figure, (left, right) = sheet((1.35, 1), 2.9)
    plain(left, 8.2, 5.6, "What one atom knows of, layer by layer")
    points, seen = laid_out(molecule, (3.2, 2.7), 1.05), seen_after(molecule, atom, 3)
    bonds(left, molecule, points)
    fills = [SEEN[number] if number < len(SEEN) else PAPER for number in seen]
    atoms(left, molecule, points, 0.27, [fill if fill != PAPER else MUTED for fill in fills], fills)
    for number, (colour, said) in enumerate(
        zip((*SEEN, PAPER), ("itself", "after layer 1", "after layer 2", "after layer 3", "not yet"), strict=True)
    ):
        y = 4.3 - 0.62 * number
        neuron(left, (6.3, y), 0.17, colour=MUTED if colour == PAPER else colour, full=colour != PAPER)
        words(left, (6.65, y), said, ha="left")
    plain(right, 6.4, 5.6, "Why it adds up")
    for x, neighbours in ((2.6, (90,)), (5.0, (35, 145))):
        for degrees in neighbours:
            end = (x + 0.95 * np.cos(np.radians(degrees)), 3.6 + 0.95 * np.sin(np.radians(degrees)))
            right.plot(*zip((x, 3.6), end, strict=True), color=INK, linewidth=0.9, zorder=1)
            right.add_patch(Circle(end, 0.27, facecolor=BASELINE, edgecolor=BASELINE, zorder=3))
            words(right, end, "O", colour=PAPER, zorder=5)
        right.add_patch(Circle((x, 3.6), 0.27, facecolor=EVENT, edgecolor=EVENT, zorder=3))
        words(right, (x, 3.6), "C", colour=PAPER, zorder=5)
    for y, name, values, colour in ((2.4, "mean of O", ("1", "1"), MUTED), (1.6, "sum of O", ("1", "2"), EVENT)):
        words(right, (1.75, y), name, ha="right", colour=colour)
        for x, value in zip((2.6, 5.0), values, strict=True):
            words(right, (x, y), value, size=9, colour=colour)
    words(right, (3.8, 0.75), "one neighbour or two:\nonly the sum can tell", colour=EVENT)
    return figure


def gcn() -> Figure:
    molecule, atom = read_molecule(ASPIRIN), 4
    graphs = unpacked(prepared(molecule), len(molecule.atoms[0]), torch.float64)
    edges, weights = geometric().nn.conv.gcn_conv.gcn_norm(
        graphs.bonds, None, len(molecule), add_self_loops=True, dtype=torch.float64
    )
    figure, (left, right) = sheet((1.2, 1), 2.7)
    plain(left, 7.2, 5.4, "How much each neighbour counts")
    points = laid_out(molecule, (3.4, 2.6), 1.15)
    bonds(left, molecule, points, colour=MUTED)
    into = {int(start): float(weight) for start, end, weight in zip(*edges, weights, strict=True) if end == atom}
    fills = [EVENT if k == atom else TINT if k in into else PAPER for k in range(len(molecule))]
    atoms(left, molecule, points, 0.27, [EVENT if k == atom else MODEL if k in into else MUTED for k in range(len(molecule))], fills)  # fmt: skip
    for start, weight in into.items():
        if start == atom:
            words(left, tuple(points[atom] + np.array([-0.05, -0.5])), f"{weight:.2f}", colour=EVENT)
            continue
        along = points[atom] - points[start]
        unit = along / np.linalg.norm(along)
        arrow(left, tuple(points[start] + 0.3 * unit), tuple(points[atom] - 0.3 * unit), colour=MODEL, width=1.3)
        halfway, aside = (points[start] + points[atom]) / 2, 0.4 * np.array([unit[1], -unit[0]])
        if molecule.atoms[start, ATOM_FEATURES.index("in a ring")]:
            aside *= np.sign(aside @ (ring_middle(molecule, points) - halfway))
        words(left, tuple(halfway + aside), f"{weight:.2f}", colour=MODEL)
    mixing = torch.zeros(len(molecule), len(molecule), dtype=torch.float64)
    mixing[edges[1], edges[0]] = weights
    rounds = np.arange(9)
    for added, name, colour, sign in ((0.0, "means alone", MUTED, "o"), (1.0, "added to what was known, as here", MODEL, "D")):  # fmt: skip
        x, alike = graphs.atoms, []
        for _ in rounds:
            unit_rows = x / x.norm(dim=1, keepdim=True)
            among = unit_rows @ unit_rows.T
            alike.append(float((among.sum() - len(x)) / (len(x) * (len(x) - 1))))
            x = added * x + mixing @ x
        right.plot(rounds, alike, color=colour, marker=sign, markersize=3.5, label=name)
    right.set(
        title="Means make atoms alike",
        xlabel="layers without weights",
        ylabel="mean cosine between two atoms",
        ylim=(0, 1),
        xticks=rounds,
    )
    right.legend(loc="lower right")
    grid(right)
    return figure


def graph_transformer() -> Figure:
    molecule = read_molecule(CAFFEINE)
    symbols = list(chemistry().MolFromSmiles(molecule.smiles).GetAtoms())
    six = next(a.GetIdx() for a in symbols if a.IsInRingSize(6) and not a.IsInRingSize(5) and a.GetSymbol() == "N")
    five = next(a.GetIdx() for a in symbols if a.IsInRingSize(5) and not a.IsInRingSize(6) and a.GetSymbol() == "C")
    both = next(a.GetIdx() for a in symbols if a.IsInRingSize(5) and a.IsInRingSize(6))
    end = next(a.GetIdx() for a in symbols if not a.IsInRing() and a.GetSymbol() == "C")
    chosen = {end: ("methyl group", MUTED, "o"), six: ("ring of six", MODEL, "s"),
              five: ("ring of five", BASELINE, "D"), both: ("where both meet", EVENT, "^")}  # fmt: skip
    figure, (left, right) = sheet((1.1, 1), 2.9)
    plain(left, 7.0, 5.8, "Along bonds, and to every other atom")
    points = laid_out(molecule, (3.4, 2.75), 1.12)
    bonds(left, molecule, points)
    for k in range(len(molecule)):
        if k != end:
            bend = 0.25 if points[k][1] > points[end][1] else -0.25
            arrow(left, tuple(points[k]), tuple(points[end]), colour=MODEL, bend=bend, width=0.45)
    fills = [chosen[k][1] if k in chosen else PAPER for k in range(len(molecule))]
    atoms(left, molecule, points, 0.27, [fill if fill != PAPER else MUTED for fill in fills], fills)
    back = returns(unpacked(prepared(molecule), len(molecule.atoms[0]), torch.float64), torch.float64).numpy()
    steps = np.arange(1, WALKS + 1)
    for k, (name, colour, sign) in chosen.items():
        right.plot(steps, back[k], color=colour, marker=sign, markersize=3.5, linewidth=1.0, label=name)
    right.set(
        title="Where an atom stands: is a random walk back?",
        xlabel="bonds walked at random",
        ylabel="probability to be back",
        ylim=(0, None),
        xticks=steps,
    )
    right.legend(loc="upper right", ncols=1)
    grid(right)
    return figure


def fingerprint_forest() -> Figure:
    from rdkit.Chem import rdFingerprintGenerator

    molecule, atom = read_molecule(ASPIRIN), 1
    chem, place = chemistry(), rdFingerprintGenerator.AdditionalOutput()
    place.AllocateBitInfoMap()
    drawn = chem.MolFromSmiles(molecule.smiles)
    rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS).GetFingerprint(drawn, additionalOutput=place)
    found = place.GetBitInfoMap()
    figure, (left, right) = sheet((1.75, 1), 2.5)
    plain(left, 12.4, 5.0, "One atom and its surroundings: three fragments")
    for radius, (x, colour) in enumerate(zip((2.0, 6.2, 10.4), (EVENT, BASELINE, MODEL), strict=True)):
        points = laid_out(molecule, (x, 2.7), 0.72)
        inside = {atom}
        for _ in range(radius):
            inside |= {int(k) for pair in molecule.bonds for k in pair if inside & set(pair.tolist())}
        bonds(left, molecule, points)
        atoms(left, molecule, points, 0.21, [colour if k in inside else MUTED for k in range(len(molecule))],
              [colour if k in inside else PAPER for k in range(len(molecule))])  # fmt: skip
        bit = next(bit for bit, where in found.items() if (atom, radius) in where)
        bonds_far = ("the atom", "1 bond far", "2 bonds far")[radius]
        words(left, (x, 0.45), f"{bonds_far}: place {bit}", colour=colour)
    columns, rows = 64, BITS // 64
    plain(right, columns, rows + 6, f"{len(found)} of {BITS:,} places are 1")
    right.add_patch(Rectangle((0, 5), columns, rows, facecolor=TINT, edgecolor="none", zorder=0))
    for bit, where in found.items():
        own = [radius for middle, radius in where if middle == atom]
        colour = (EVENT, BASELINE, MODEL)[own[0]] if own else INK
        y, x = divmod(bit, columns)
        size = 2.2 if own else 1.2
        right.add_patch(Rectangle((x, 5 + rows - 1 - y), size, size, facecolor=colour, edgecolor="none", zorder=2))
    words(right, (columns / 2, 2), "what trees ask: is there a 1 at this place?")
    return figure


ALL = (gin, gcn, graph_transformer, fingerprint_forest)
