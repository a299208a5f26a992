"""Draw the figures of the theory pages from real computations; python docs/make_figures.py [NAMES]

Every curve comes from the parts of bedside that train and judge models, on the built-in cohorts or on patients
generated here. The SVG files are kept in docs/figures, so that the pages can be read without running anything.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from by_night import by_night
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bedside import MLPClassifier
from bedside.cohort import Task
from bedside.data.dermoscopy import DermoscopySettings, generate
from bedside.data.samples import load
from bedside.learn.explorables.shortcut import Planted, learn
from bedside.models import build_model, settings_class
from bedside.models.backbone import create, width_of
from bedside.models.mlp import ACTIVATIONS
from bedside.report.style import BASELINE, DOTTED, EVENT, INK, MODEL, MUTED, PAPER, calm, canvas, grid, to_svg

FIGURES = Path(__file__).with_name("figures")
WIDE = (7.2, 3.0)
OUTCOMES = ("recovers", "complications")


def breast(columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Standardised columns of the breast cancer data, (569, k), and 1 for malignant, (569,)."""
    cohort = load("breast-cancer")
    values = cohort.inputs.frame[columns].to_numpy(float)
    return StandardScaler().fit_transform(values), (cohort.samples["target"] == "malignant").to_numpy().astype(int)


def two_classes(axes: Axes, places: np.ndarray, target: np.ndarray, names: tuple[str, str], size: float = 11) -> None:
    """Samples at places (n, 2), told apart by shape and filling as well as by colour; `target` is 0 or 1, (n,)."""
    for kind, colour, sign in ((0, MODEL, "o"), (1, BASELINE, "D")):
        rows, filling = places[target == kind], colour if kind else "none"
        axes.scatter(
            *rows.T, s=size, marker=sign, facecolor=filling, edgecolor=colour, linewidth=0.7, label=names[kind]
        )


def neuron() -> Figure:
    values, target = breast(["mean radius", "mean texture"])
    fitted = LogisticRegression(C=1e6).fit(values, target)
    (first, second), bias = fitted.coef_[0], fitted.intercept_[0]
    figure, axes = canvas((4.6, 3.4))
    two_classes(axes, values, target, ("benign", "malignant"))
    x = np.linspace(-2.5, 4, 2)
    for chance, style in ((0.1, (0, (3, 3))), (0.5, "-"), (0.9, (0, (3, 3)))):
        level = np.log(chance / (1 - chance))
        axes.plot(
            x, (level - bias - first * x) / second, color=INK, linewidth=1.4 if chance == 0.5 else 0.8, linestyle=style
        )
    axes.set(
        xlim=(-2.3, 3.6),
        ylim=(-2.5, 4),
        xlabel="mean radius (standard deviations)",
        ylabel="mean texture",
        title="A line where it is undecided, dashed at 10 % and 90 %",
    )
    axes.legend(loc="upper right")
    return figure


def activations() -> Figure:
    figure, both = canvas(WIDE, 1, 2)
    x = torch.linspace(-4, 4, 401, requires_grad=True)
    styles = {"relu": (MODEL, "-"), "tanh": (BASELINE, "-"), "sigmoid": (EVENT, "-"), "gelu": (MUTED, (0, (4, 2)))}
    for name, (colour, style) in styles.items():
        y = ACTIVATIONS[name]()(x)
        slope = torch.autograd.grad(y.sum(), x)[0]
        for axes, curve in zip(both, (y, slope), strict=True):
            axes.plot(x.detach(), curve.detach(), color=colour, linestyle=style, label=name)
    both[0].set(title="What comes out", xlabel="weighted sum of the neuron", ylim=(-1.3, 3))
    both[1].set(
        title="How much the output moves: the derivative", xlabel="weighted sum of the neuron", ylim=(-0.3, 1.3)
    )
    both[0].legend(loc="upper left")
    for axes in both:
        grid(axes)
    return figure


def descent() -> Figure:
    values, target = breast(["mean radius", "mean texture"])
    x, y = torch.from_numpy(values), torch.from_numpy(target).double()
    figure, axes = canvas(WIDE)
    for rate, colour, words in (
        (0.01, MUTED, "0.01: slow"),
        (1.0, MODEL, "1: fast and smooth"),
        (100.0, EVENT, "100: jumps over the valley"),
    ):
        weights = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        losses = []
        for _ in range(60):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ weights[:2] + weights[2], y)
            (slope,) = torch.autograd.grad(loss, weights)
            losses.append(loss.item())
            weights = (weights - rate * slope).detach().requires_grad_()
        axes.plot(losses, color=colour, label=words)
    axes.set(title="The same neuron, three learning rates", xlabel="step", ylabel="binary cross-entropy", ylim=(0, 1.6))
    axes.legend(loc="upper right")
    grid(axes)
    return figure


def convolution() -> Figure:
    image = generate(DermoscopySettings(patients=1, size=96, hair=0.0, ruler=0.0, seed=1)).images[0]
    grey = torch.from_numpy(image.mean(axis=2) / 255).float()[None, None]
    kernels = {
        "blur": np.ones((3, 3)) / 9,
        "vertical edges": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
        "outline": np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    }
    figure, row = canvas((7.2, 2.1), 1, 4)
    row[0].imshow(grey[0, 0], cmap="gray")
    row[0].set_title("a generated lesion")
    for axes, (name, kernel) in zip(row[1:], kernels.items(), strict=True):
        weight = torch.tensor(kernel, dtype=torch.float32)[None, None]
        axes.imshow(torch.nn.functional.conv2d(grey, weight)[0, 0], cmap="gray")
        axes.set_title(name)
    for axes in row:
        axes.set_axis_off()
    return figure


def latent() -> Figure:
    cohort = load("breast-cancer")
    values, target = breast(list(cohort.inputs.frame.columns))
    train = np.arange(len(target)) % 5 != 0
    torch.manual_seed(0)
    hidden = torch.nn.Sequential(torch.nn.Linear(30, 16), torch.nn.ReLU())
    network = torch.nn.Sequential(hidden, torch.nn.Linear(16, 1))
    x, y = torch.from_numpy(values).float(), torch.from_numpy(target).float()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(network(x[train]).squeeze(1), y[train]).backward()
        optimiser.step()
    with torch.no_grad():
        spaces = {"30 measurements": values, "16 neurons that were trained": hidden(x).numpy()}
    figure, both = canvas(WIDE, 1, 2)
    for axes, (name, space) in zip(both, spaces.items(), strict=True):
        flat = PCA(2, random_state=0).fit(space[train]).transform(space[~train])
        two_classes(axes, flat, target[~train], ("benign", "malignant"), size=13)
        axes.set(title=name, xlabel="first direction", ylabel="second direction", xticks=[], yticks=[])
    both[1].legend(loc="best")
    return figure


def split() -> Figure:
    """Patients with a look of their own and no disease signal: only a split by patient tells the truth."""
    rng = np.random.default_rng(0)
    found = {"by image": [], "by patient": []}
    for _ in range(40):
        patient = np.repeat(np.arange(60), 5)
        target = rng.integers(0, 2, 60)[patient]  # the look of a patient says nothing about the disease
        images = rng.normal(size=(60, 20))[patient] + 0.7 * rng.normal(size=(300, 20))
        model = KNeighborsClassifier(5)
        for name, folds, groups in (
            ("by image", KFold(5, shuffle=True, random_state=0), None),
            ("by patient", GroupKFold(5), patient),
        ):
            score = cross_val_predict(model, images, target, cv=folds, groups=groups, method="predict_proba")[:, 1]
            found[name].append(roc_auc_score(target, score))
    figure, axes = canvas((7.2, 1.9))
    for height, (name, colour) in enumerate((("by patient", MODEL), ("by image", EVENT))):
        axes.scatter(
            found[name], np.full(40, height) + rng.uniform(-0.14, 0.14, 40), s=14, color=colour, alpha=0.7, linewidth=0
        )
    axes.axvline(0.5, **DOTTED)
    axes.set(
        yticks=[0, 1],
        yticklabels=["split by patient", "split by image"],
        xlim=(0.2, 1.02),
        ylim=(-0.5, 1.5),
        xlabel="AUROC of the same model; 0.5 is chance",
        title="There is nothing to learn here: 40 studies of 60 patients with 5 images each",
    )
    return figure


def prevalence() -> Figure:
    share = np.linspace(0.001, 0.5, 400)
    sensitivity = specificity = 0.9
    figure, axes = canvas((4.6, 3.2))
    axes.plot(
        100 * share,
        sensitivity * share / (sensitivity * share + (1 - specificity) * (1 - share)),
        color=MODEL,
        label="positive predictive value",
    )
    axes.plot(
        100 * share,
        specificity * (1 - share) / (specificity * (1 - share) + (1 - sensitivity) * share),
        color=BASELINE,
        label="negative predictive value",
    )
    axes.set(
        title="The same test, another clinic (sensitivity and specificity 0.9)",
        xlabel="patients with the disease, %",
        ylim=(0, 1.03),
    )
    axes.legend(loc="lower right")
    grid(axes)
    return figure


def patients() -> Figure:
    """Width of the 95 % interval of an AUROC of 0.85, Hanley and McNeil 1982."""
    count = np.geomspace(20, 4000, 200)
    figure, axes = canvas((4.6, 3.2))
    for share, colour in ((0.5, MODEL), (0.1, EVENT)):
        ill, well, auroc = share * count, (1 - share) * count, 0.85
        first, second = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
        variance = (auroc * (1 - auroc) + (ill - 1) * (first - auroc**2) + (well - 1) * (second - auroc**2)) / (
            ill * well
        )
        rows = ill >= 5
        axes.plot(
            count[rows],
            2 * 1.96 * np.sqrt(variance[rows]),
            color=colour,
            label=f"{share:.0%} have the disease".replace("%", " %"),
        )
    axes.set(
        title="How wide is the interval of an AUROC of 0.85?",
        xlabel="patients tested",
        ylabel="width of the 95 % interval",
        xscale="log",
        ylim=(0, None),
        xticks=[20, 50, 100, 200, 500, 1000, 4000],
        xticklabels=["20", "50", "100", "200", "500", "1,000", "4,000"],
    )
    axes.minorticks_off()
    axes.legend(loc="upper right")
    grid(axes)
    return figure


def clinic(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Potassium and age of generated patients, (n, 2), and whether they had complications, (n,)."""
    rng = np.random.default_rng(seed)
    potassium, age = rng.normal(4.2, 0.9, n), rng.normal(62, 12, n)
    odds = -2.5 + 2.2 * ((potassium - 4.2) / 0.9) ** 2 + 0.8 * (age - 62) / 12
    return np.column_stack([potassium, age]), (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)


def risk_map(axes: Axes, model: Any, name: str, size: float = 7) -> None:
    """What a model learns from 250 patients of that clinic, and its AUROC on 4,000 others."""
    values, target = clinic(250, seed=0)
    fresh, outcome = clinic(4000, seed=1)
    scale = StandardScaler().fit(values)
    model.fit(scale.transform(values), target)
    auroc = roc_auc_score(outcome, model.predict_proba(scale.transform(fresh))[:, 1])
    across, up = np.meshgrid(np.linspace(1.5, 6.9, 90), np.linspace(28, 96, 90))
    risk = model.predict_proba(scale.transform(np.column_stack([across.ravel(), up.ravel()])))[:, 1]
    risk = risk.reshape(across.shape)
    tints = LinearSegmentedColormap.from_list("", ["#cfdfea", PAPER, "#f4d6c3"])
    axes.contourf(across, up, risk, levels=np.linspace(0, 1, 13), cmap=tints)
    axes.contour(across, up, risk, levels=[0.5], colors=INK, linewidths=1.2)
    two_classes(axes, values, target, OUTCOMES, size=size)
    axes.set(title=f"{name}: AUROC {auroc:.2f}", xlabel="potassium, mmol/l", xlim=(1.5, 6.9), ylim=(28, 96))


def kinds() -> Figure:
    """Generated patients for whom low and high potassium are dangerous, and what three families make of them."""

    task = Task("binary", OUTCOMES)
    models = {
        "logistic regression": build_model("logistic", task, settings_class("logistic")(), 0),
        "forest": build_model("forest", task, settings_class("forest")(), 0),
        "deep network": MLPClassifier(hidden=(32, 32), random_state=0),
    }
    figure, row = canvas((7.2, 2.9), 1, 3, sharey=True)
    for axes, (name, model) in zip(row, models.items(), strict=True):
        risk_map(axes, model, name)
    row[0].set(ylabel="age, years")
    figure.suptitle("Low is as dangerous as high: one straight line cannot say so", x=0.01, ha="left", fontsize=9.5)
    figure.legend(*row[0].get_legend_handles_labels(), loc="outside lower right", ncols=2)
    return figure


def wrong() -> Figure:
    """A ruler that goes with the diagnosis in training, at six strengths; a network of its own for each."""
    shares = (50, 60, 70, 80, 90, 100)
    learnt = [learn(Planted(share=share)) for share in shares]
    figure, (left, right) = canvas(WIDE, 1, 2)
    left.plot(shares, [100 * one["same"] for one in learnt], color=EVENT, marker="D", label="rulers as in training")
    left.plot(shares, [100 * one["chance"] for one in learnt], color=MODEL, marker="o", label="rulers dealt by chance")
    left.set(
        title="The better it looks, the less it is worth", ylabel="right decisions on new patients, %", ylim=(40, 103)
    )
    for name, colour, sign in (("ruler", EVENT, "D"), ("lesion", MODEL, "o")):
        more = [one["heat"][name]["heat"] / one["heat"][name]["area"] for one in learnt]
        right.plot(shares, more, color=colour, marker=sign, label=f"on the {name}")
    right.axhline(1, **DOTTED)
    right.set(title="Where the network looks: Grad-CAM", ylabel="heat, as multiple of chance", ylim=(0, None))
    for axes in (left, right):
        axes.set(xlabel="training patients whose ruler agrees, %", xticks=shares)
        axes.legend(loc="best")
        grid(axes)
    return figure


def multiplications(model: nn.Module, x: torch.Tensor, *, training: bool) -> float:
    """Multiplications for one sample: forwards, and if it is trained backwards too."""
    with FlopCounterMode(display=False) as counter:
        output = model(x)
        if training:
            output.sum().backward()
    return counter.get_total_flops() / 2 / len(x)


def kept_for_backward(model: nn.Module, x: torch.Tensor) -> float:
    """Bytes that one sample leaves behind until its gradients are known; weights are not counted."""
    weights = {one.data_ptr() for one in (*model.parameters(), *model.buffers())}
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in weights and tensor.shape[:1] == x.shape[:1]:
            kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(x)
        output.sum()
    return sum(kept.values()) / len(x)


def hardware() -> Figure:
    """Counted, not timed, so that it holds on every computer: the work of a sample, and the memory of a batch."""

    def image(side: int) -> torch.Tensor:
        return torch.zeros(2, 3, side, side)

    resnet = create("resnet18", (3, 224, 224))
    width = width_of(resnet)
    whole, head = nn.Sequential(resnet, nn.Linear(width, 1)), nn.Linear(width, 1)
    table = build_model("mlp", (30,), 1, settings_class("mlp")())
    small = build_model("cnn", (3, 64, 64), 1, settings_class("cnn")())
    work = {
        "last layer on kept features": multiplications(head, torch.zeros(2, width), training=True),
        "mlp, 30 columns": multiplications(table, torch.zeros(2, 30), training=True),
        "cnn, 64 pixels": multiplications(small, image(64), training=True),
        "frozen resnet18, 224 pixels: once": multiplications(resnet.eval(), image(224), training=False),
        "whole resnet18, 224 pixels": multiplications(whole.train(), image(224), training=True),
    }
    times = round(work["whole resnet18, 224 pixels"] / work["mlp, 30 columns"] / 1e4) * 10_000
    figure, (left, right) = canvas((7.2, 3.0), 1, 2)
    left.barh(list(work), list(work.values()), color=[MODEL] * 4 + [EVENT], height=0.55)
    left.set(xscale="log", xlim=(100, 1e12), xticks=[1e3, 1e6, 1e9], xticklabels=["10³", "10⁶", "10⁹"])
    left.set(title=f"A photo is the work of {times:,} rows of a table", xlabel="multiplications for one sample")
    left.minorticks_off()
    left.invert_yaxis()
    grid(left, axis="x")
    batch = np.geomspace(1, 1024, 50)
    weights = sum(one.nbytes for one in whole.parameters())
    for name, fixed, sample, colour, style in (
        ("whole, 224 pixels", 4 * weights, kept_for_backward(whole, image(224)), EVENT, "-"),
        ("whole, 112 pixels", 4 * weights, kept_for_backward(whole, image(112)), BASELINE, (0, (5, 2))),
        ("frozen: last layer", weights, kept_for_backward(head, torch.zeros(2, width)), MODEL, "-"),
    ):
        right.plot(batch, (fixed + batch * sample) / 1e9, color=colour, linestyle=style, label=name)
    right.axhline(4, **DOTTED)
    right.set(
        xscale="log",
        yscale="log",
        xlabel="images in a batch of resnet18",
        ylabel="gigabytes for training",
        ylim=(0.02, 60),
    )
    right.set(xticks=[1, 4, 16, 64, 256, 1024], xticklabels=["1", "4", "16", "64", "256", "1,024"])
    right.set(
        yticks=[0.1, 1, 4, 10], yticklabels=["0.1", "1", "4", "10"], title="Above the dotted line, 4 GB are too few"
    )
    right.minorticks_off()
    right.legend(loc="upper left")
    grid(right)
    return figure


ALL: tuple[Callable[[], Figure], ...] = (
    *(neuron, activations, descent, convolution, latent, split, prevalence, patients),
    *(kinds, wrong, hardware),
)


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    FIGURES.mkdir(exist_ok=True)
    with calm():
        for draw in (one for one in ALL if not names or one.__name__ in names):
            name = draw.__name__
            (FIGURES / f"{name}.svg").write_text(by_night(to_svg(draw(), name)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
