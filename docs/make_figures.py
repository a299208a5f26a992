"""Draw the figures of the theory pages from real computations; python docs/make_figures.py

Every curve comes from the parts of bedside that train and judge models, on the built-in cohorts or on patients
generated here. The SVG files are kept in docs/figures, so that the pages can be read without running anything.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from bedside.data.dermoscopy import DermoscopySettings, generate
from bedside.data.samples import load
from bedside.models.mlp import ACTIVATIONS
from bedside.report.style import BASELINE, DOTTED, EVENT, INK, MODEL, MUTED, calm, canvas, grid, to_svg

FIGURES = Path(__file__).with_name("figures")
WIDE = (7.2, 3.0)


def breast(columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Standardised columns of the breast cancer data, (569, k), and 1 for malignant, (569,)."""
    cohort = load("breast-cancer")
    values = cohort.inputs.frame[columns].to_numpy(float)
    return StandardScaler().fit_transform(values), (cohort.samples["target"] == "malignant").to_numpy().astype(int)


def neuron() -> Figure:
    values, target = breast(["mean radius", "mean texture"])
    fitted = LogisticRegression(C=1e6).fit(values, target)
    (first, second), bias = fitted.coef_[0], fitted.intercept_[0]
    figure, axes = canvas((4.6, 3.4))
    for kind, colour, sign, name in ((0, MODEL, "o", "benign"), (1, BASELINE, "D", "malignant")):
        rows = values[target == kind]
        axes.scatter(
            rows[:, 0],
            rows[:, 1],
            s=11,
            marker=sign,
            facecolor="none" if kind == 0 else colour,
            edgecolor=colour,
            linewidth=0.7,
            label=name,
        )
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
        for kind, colour, sign, words in ((0, MODEL, "o", "benign"), (1, BASELINE, "D", "malignant")):
            rows = flat[target[~train] == kind]
            axes.scatter(
                rows[:, 0],
                rows[:, 1],
                s=13,
                marker=sign,
                facecolor="none" if kind == 0 else colour,
                edgecolor=colour,
                linewidth=0.7,
                label=words,
            )
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


ALL: tuple[Callable[[], Figure], ...] = (neuron, activations, descent, convolution, latent, split, prevalence, patients)


def main() -> None:
    torch.set_num_threads(1)
    FIGURES.mkdir(exist_ok=True)
    with calm():
        for draw in ALL:
            name = draw.__name__
            (FIGURES / f"{name}.svg").write_text(to_svg(draw(), name), encoding="utf-8")


if __name__ == "__main__":
    main()
