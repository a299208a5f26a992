"""Families for tables: how each weighs the same 250 generated patients, for whom low and high potassium are dangerous."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from make_figures import OUTCOMES, risk_map, two_classes
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.preprocessing import StandardScaler
from torch import nn

from bedside import MLPClassifier
from bedside.cohort import Task
from bedside.data.samples import load
from bedside.models import build_model, model_settings
from bedside.models.told import FoldSamples
from bedside.report.style import BASELINE, DOTTED, EVENT, INK, MODEL, MUTED, grid
from bedside.training.isolated import own_random_numbers
from drawn.parts import arrow, box, column, line, neuron, plain, sheet, words

TASK = Task("binary", OUTCOMES)
NAMES = ("potassium", "age", "...")


def classic(name: str, **given: float) -> object:
    """A family of scikit-learn as bedside builds it."""
    return build_model(name, TASK, model_settings(name, given), 0)


class Learnt:
    """A network of bedside that learns two columns in a few hundred steps over all patients at once."""

    def __init__(self, name: str, **given: float) -> None:
        with own_random_numbers(0):
            self.network: nn.Module = build_model(name, (2,), 1, model_settings(name, given))

    def fit(self, values: np.ndarray, target: np.ndarray) -> None:
        x, y = torch.from_numpy(values).float(), torch.from_numpy(target).float()
        optimiser = torch.optim.AdamW(self.network.parameters(), lr=3e-3, weight_decay=1e-2)
        with own_random_numbers(1):  # for dropout
            for _ in range(200):
                optimiser.zero_grad()
                F.binary_cross_entropy_with_logits(self.network(x).squeeze(1), y).backward()
                optimiser.step()
        self.network.eval()

    @torch.no_grad()
    def predict_proba(self, values: np.ndarray) -> np.ndarray:
        risk = self.network(torch.from_numpy(values).float()).squeeze(1).sigmoid().numpy()
        return np.column_stack([1 - risk, risk])


def map_of(axes: Axes, model: object, name: str) -> None:
    risk_map(axes, model, name, size=6)
    axes.set(ylabel="age, years")


def logistic() -> Figure:
    figure, (left, right) = sheet((1.5, 1))
    plain(left, 7.2, 4.2, "Weigh, add, bend")
    for y, name in zip(column(3, 2.3, 1.1), NAMES, strict=True):
        words(left, (1.15, y), name, ha="right")
        neuron(left, (1.5, y), 0.16, colour=MUTED)
        arrow(left, (1.68, y), (3.0, 2.3 + 0.12 * np.sign(y - 2.3)))
    for k, place in enumerate(((2.4, 3.15), (2.4, 2.52), (2.4, 1.45)), start=1):
        words(left, place, f"w{k}", colour=MODEL)
    neuron(left, (3.3, 2.3), 0.3)
    words(left, (3.3, 2.3), "+", size=10, zorder=5)
    words(left, (3.3, 1.7), "z", colour=MUTED)
    arrow(left, (3.62, 2.3), (4.2, 2.3))
    z = np.linspace(-6, 6, 80)
    left.plot(5.2 + z / 6 * 0.9, 1.7 + 1.2 / (1 + np.exp(-z)), color=MODEL)
    for height, chance in ((1.7, "0"), (2.9, "1")):
        line(left, (4.3, height), (6.1, height), colour=MUTED)
        words(left, (6.25, height), chance, colour=MUTED, ha="left")
    words(left, (5.2, 3.25), "risk")
    words(left, (5.2, 1.35), "z", colour=MUTED)
    map_of(right, classic("logistic"), "logistic regression")
    return figure


def mlp() -> Figure:
    figure, (left, right) = sheet((1.5, 1))
    plain(left, 7.2, 4.4, "Layers of neurons")
    layers = [(1.5, column(3, 2.2, 1.0)), (3.1, column(5, 2.2, 0.75)), (4.7, column(5, 2.2, 0.75)), (6.3, [2.2])]
    for (x, here), (further, there) in pairwise(layers):
        for y in here:
            for height in there:
                line(left, (x, y), (further, height), width=0.45)
    for number, (x, heights) in enumerate(layers):
        for y in heights:
            neuron(left, (x, y), 0.2, colour=MUTED if number == 0 else EVENT if number == 3 else MODEL)
    for y, name in zip(layers[0][1], NAMES, strict=True):
        words(left, (1.2, y), name, ha="right")
    words(left, (3.1, 0.25), "weigh, add, bend")
    words(left, (4.7, 0.25), "again")
    words(left, (6.3, 1.75), "risk")
    map_of(right, MLPClassifier(hidden=(32, 32), random_state=0), "two layers of 32")
    return figure


def ft_transformer() -> Figure:
    figure, (left, right) = sheet((1.5, 1))
    plain(left, 7.2, 4.4, "Columns look at each other")
    heights = column(4, 2.3, 1.0)
    for y, name, colour in zip(heights, ("sums up", *NAMES), (EVENT, MODEL, MODEL, MODEL), strict=True):
        words(left, (1.2, y), name, ha="right", colour=colour if name == "sums up" else INK)
        for x in (1.75, 4.6):
            box(left, (x, y), (0.75, 0.42), colour=colour)
        for end in heights:
            strong = name != "sums up" and end == heights[0]
            line(left, (2.15, y), (4.2, end), colour=EVENT if strong else MUTED, width=1.0 if strong else 0.4)
    words(left, (1.6, 0.25), "tokens")
    words(left, (3.18, 0.25), "look")
    words(left, (4.75, 0.25), "changed tokens")
    arrow(left, (5.0, heights[0]), (5.9, heights[0]), colour=EVENT)
    neuron(left, (6.15, heights[0]), 0.22, colour=EVENT)
    words(left, (6.15, heights[0] - 0.5), "risk")
    map_of(right, Learnt("ft-transformer", width=16, heads=2, blocks=1), "transformer")
    return figure


def regions(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Where patients live (a plane, in groups that lie close together) and a marker, (n, 3); whose group has the disease, (n,)."""
    chance = np.random.default_rng(seed)
    towns = np.array([(x, y) for x in range(5) for y in range(4)]) + chance.uniform(-0.22, 0.22, (20, 2))
    group = chance.integers(0, len(towns), n)
    sick = chance.permutation(np.arange(len(towns)) % 2)[group]
    place = towns[group] + 0.12 * chance.normal(size=(n, 2))
    marker = 2 * sick - 1 + 2 * chance.normal(size=n)
    return np.column_stack([place, marker]).astype(np.float32), sick


def patient_graph() -> Figure:
    figure, (left, right) = sheet((1.25, 1))
    x, sick = regions(260, 1)
    known, new = 240, 241  # a patient who is not in the graph
    network = build_model(
        "patient-graph", (3,), 1, model_settings("patient-graph", {"neighbours": 5, "link_by": ("east", "north")})
    )
    preparation = SimpleNamespace(sources=lambda: ["east", "north", "marker"])
    train, valid = (torch.from_numpy(some) for some in (x[:known], x[known:]))
    network.meet(FoldSamples(preparation, train, valid, np.arange(known), np.arange(known, len(x))))
    network.settle()
    here, there = np.repeat(x[:known], 5, axis=0), x[network.near.numpy().ravel()]
    ends = np.stack([here, there, np.full_like(here, np.nan)], axis=1)[network.weight.numpy().ravel() > 0.2]
    left.plot(ends[..., 0].ravel(), ends[..., 1].ravel(), color=MUTED, linewidth=0.35, zorder=1)
    near, weight = network.linked(valid)
    two_classes(left, x[:known, :2], sick[:known], ("without", "with the disease"), size=6)
    for other, strength in zip(near[new - known].tolist(), weight[new - known].tolist(), strict=True):
        line(left, tuple(x[new, :2]), tuple(x[other, :2]), colour=EVENT, width=0.4 + 2 * strength)
    left.scatter(*x[new, :2], s=46, marker="*", color=EVENT, zorder=4)
    left.set(title="Training patients, and a new one (star)", xticks=[], yticks=[], xlabel="east", ylabel="north")
    linked, strength = torch.cat([network.near, near]).numpy(), torch.cat([network.weight, weight]).numpy()
    told = np.average(x[linked, 2], axis=1, weights=strength)
    apart = np.random.default_rng(0).uniform(-0.25, 0.25, len(x))
    names = []
    for place, (values, name) in enumerate(((x[:, 2], "own marker"), (told, "mean of neighbours"))):
        two_classes(right, np.column_stack([place + apart, values]), sick, ("without", "with the disease"), size=5)
        names.append(f"{name}\nAUROC {roc_auc_score(sick, values):.2f}")
    right.set(xticks=[0, 1], xlim=(-0.5, 1.5), ylabel="marker", title="What a message brings")
    right.set_xticklabels(names)
    return figure


def usual(n: int, seed: int) -> np.ndarray:
    """Two markers that follow a bend, (n, 2)."""
    chance = np.random.default_rng(seed)
    first = chance.normal(size=n)
    return np.column_stack([first, 0.6 * first**2 - 0.6]) + 0.12 * chance.normal(size=(n, 2))


def autoencoder() -> Figure:
    figure, (left, right) = sheet((1.5, 1))
    plain(left, 7.2, 4.4, "Through a narrow code and back")
    sizes = (5, 4, 2, 4, 5)
    layers = [(0.9 + 1.3 * k, column(size, 2.3, 0.72)) for k, size in enumerate(sizes)]
    for (x, here), (further, there) in pairwise(layers):
        for y in here:
            for height in there:
                line(left, (x, y), (further, height), width=0.45)
    for number, (x, heights) in enumerate(layers):
        for y in heights:
            neuron(left, (x, y), 0.2, colour=EVENT if number == 2 else MUTED if number in (0, 4) else MODEL)
    for (x, _), name in zip(layers[::2], ("the patient", "the code", "given back"), strict=True):
        words(left, (x, 0.3), name)
    known, odd = usual(250, 1), np.random.default_rng(2).uniform((-2.4, -1.4), (2.4, 2.6), (25, 2))
    with own_random_numbers(0):
        settings = model_settings("autoencoder", {"code": 1, "width": 32, "hide": 0.0})
        network = build_model("autoencoder", (2,), 1, settings)
    x = torch.from_numpy(known).float()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(600):
        optimiser.zero_grad()
        network.errors(x)[:, 0].mean().backward()
        optimiser.step()
    network.eval()
    with torch.no_grad():
        network.rank.learn(network.errors(torch.from_numpy(usual(500, 3)).float())[:, 0])
        grid = np.stack(np.meshgrid(np.linspace(-2.8, 2.8, 60), np.linspace(-1.6, 2.8, 60)), axis=-1)
        score = network(torch.from_numpy(grid.reshape(-1, 2)).float()).sigmoid().numpy().reshape(60, 60)
        back = network.reconstruct(x[x[:, 0].argsort()]).numpy()
    right.contour(grid[..., 0], grid[..., 1], score, levels=[0.95], colors=[INK], linewidths=0.8)
    right.scatter(*known.T, s=3, color=MODEL, linewidths=0)
    right.scatter(*odd.T, s=9, color=EVENT, marker="x", linewidths=0.8)
    right.plot(*back.T, color=BASELINE, linewidth=1.4)
    right.set(xlabel="one marker", ylabel="another", title="What it gives back", xlim=(-2.8, 2.8), ylim=(-1.6, 2.8))
    return figure


def tvae() -> Figure:
    figure, (left, middle, right) = sheet((1.2, 1, 1))
    plain(left, 6.4, 4.4, "A code, and the class beside it")
    sizes = (5, 4, 2, 4, 5)
    layers = [(0.7 + 1.2 * k, column(size, 2.5, 0.66)) for k, size in enumerate(sizes)]
    for (x, here), (further, there) in pairwise(layers):
        for y in here:
            for height in there:
                line(left, (x, y), (further, height), width=0.45)
    for x, _ in (layers[0], layers[2]):
        neuron(left, (x, 0.75), 0.19, colour=BASELINE)
        line(left, (x, 0.75), (x + 1.2, 1.5), width=0.7)
    for number, (x, heights) in enumerate(layers):
        for y in heights:
            neuron(left, (x, y), 0.19, colour=EVENT if number == 2 else MUTED if number in (0, 4) else MODEL)
    for (x, _), name in zip(layers[::2], ("the patient", "the code", "a patient"), strict=True):
        words(left, (x, 0.2), name)
    known = np.concatenate([usual(200, 1), [1.0, -1.0] * usual(150, 2) + [0.8, 1.6]])
    label = torch.tensor([0] * 200 + [1] * 150)
    with own_random_numbers(0):
        network: Any = build_model("tvae", (2,), 1, model_settings("tvae", {"code": 2, "width": 32}))
    x = torch.from_numpy(known).float()
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    with own_random_numbers(1):
        for _ in range(1500):
            optimiser.zero_grad()
            network.loss(x, label).mean().backward()
            optimiser.step()
    new = network.eval().draw(label, torch.Generator().manual_seed(0)).numpy()
    for axes, points, title in ((middle, known, "350 generated patients"), (right, new, "What it draws")):
        for own, colour in ((0, MODEL), (1, EVENT)):
            axes.scatter(*points[label.numpy() == own].T, s=4, color=colour, linewidths=0)
        axes.set(xlabel="one marker", ylabel="another", title=title, xlim=(-2.9, 3.4), ylim=(-1.9, 3.4))
    return figure


def forest() -> Figure:
    figure, row = sheet((1, 1, 1), 2.8)
    whole = classic("forest")
    for axes, model, name in zip(
        row, (Tree(0), Tree(1), whole), ("one tree", "another tree", "300 trees"), strict=True
    ):
        risk_map(axes, model, name, size=6)
    row[0].set(ylabel="age, years")
    return figure


class Tree:
    """A single tree of the forest."""

    def __init__(self, number: int) -> None:
        self.number, self.forest = number, classic("forest")

    def fit(self, values: np.ndarray, target: np.ndarray) -> None:
        self.forest.fit(values, target)

    def predict_proba(self, values: np.ndarray) -> np.ndarray:
        return self.forest.estimators_[self.number].predict_proba(values)


def boosting() -> Figure:
    figure, row = sheet((1, 1, 1), 2.8)
    for axes, trees, name in zip(row, (1, 10, 100), ("1 tree", "10 trees", "100 trees"), strict=True):
        risk_map(axes, classic("boosting", trees=trees), name, size=6)
    row[0].set(ylabel="age, years")
    return figure


def ridge() -> Figure:
    cohort = load("diabetes")
    names, target = list(cohort.inputs.frame.columns), cohort.target
    values = StandardScaler().fit_transform(cohort.inputs.frame.to_numpy(float))
    penalties = np.geomspace(0.01, 1e4, 60)
    weights = np.array([Ridge(alpha=alpha).fit(values, target).coef_ for alpha in penalties])
    figure, (left, right) = sheet((1.25, 1))
    opposed = np.argsort(weights[0])[[0, -1]]
    for k, name in enumerate(names):
        colour = (EVENT if k == opposed[0] else BASELINE) if k in opposed else MUTED
        left.plot(penalties, weights[:, k], color=colour, linewidth=1.6 if k in opposed else 0.8)
        if k in opposed:
            left.text(
                0.012,
                weights[0, k] + (3 if k == opposed[1] else -7),
                name.replace("_", " "),
                color=colour,
                fontsize=7,
            )
    left.axhline(0, **DOTTED)
    left.set(
        xscale="log", xlabel="alpha: strength of the penalty", ylabel="weight", title="The penalty makes weights agree"
    )
    left.set(ylim=(-49, 46))
    left.set_xticks([0.01, 1, 100, 10_000], ["0.01", "1", "100", "10,000"])
    left.minorticks_off()
    said = cross_val_predict(classic("ridge"), values, target, cv=KFold(5, shuffle=True, random_state=0))
    right.scatter(target, said, s=8, facecolor="none", edgecolor=MODEL, linewidth=0.6)
    right.plot([25, 346], [25, 346], **DOTTED)
    right.set(
        xlabel="measured",
        ylabel="predicted",
        title=f"Five folds: R² {r2_score(target, said):.2f}",
        xlim=(0, 360),
        ylim=(0, 360),
    )
    for axes in (left, right):
        grid(axes)
    return figure


def prevalence() -> Figure:
    malignant = (load("breast-cancer").samples["target"] == "malignant").mean()
    share = round(100 * malignant)
    figure, (left, right) = sheet((1, 1), 2.7)
    for axes, title in (
        (left, f"Of 100 patients, {share} are ill"),
        (right, f"What it says: {share} % for each of them"),
    ):
        plain(axes, 11, 11, title)
        for number in range(100):
            place = (1 + number % 10, 10 - number // 10)
            ill = number < share and axes is left
            axes.scatter(*place, s=58, marker="D" if ill else "o", facecolor=BASELINE if ill else "none",
                         edgecolor=BASELINE if ill else MODEL if axes is left else MUTED, linewidth=0.9)  # fmt: skip
    return figure


ALL = (logistic, mlp, ft_transformer, patient_graph, autoencoder, tvae, forest, boosting, ridge, prevalence)
