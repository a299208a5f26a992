"""Whether a map can be believed: it must depend on what was learned, and what it highlights must matter.

Randomised weights (Adebayo et al. 2018, arXiv:1810.03292): a network with random weights has learned nothing, so a map
that looks the same for it shows the image and not the decision. Deletion (Petsiuk et al. 2018, arXiv:1806.07421):
taking away what is highlighted must lower the score faster than taking away as much at random.
"""

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata
from torch import Tensor, nn

from bedside.cohort import Task
from bedside.evaluation.intervals import percentile, resample
from bedside.explain.attribution import pooled
from bedside.explain.sight import Sight

Network = TypeVar("Network", bound=nn.Module)
CELLS = 14  # along a side; maps are compared, and pixels deleted, in cells of 1/14 of the image
SHARES = (0.05, 0.1, 0.2, 0.4, 0.7)  # of the cells that are deleted; at 0 and 1 every order is the same
ORDERS = 2  # random places of the map's pattern
ALIKE = 0.5  # rank correlation from which a map counts as the same
FEWEST = 8  # patients below which no verdict is given
RESAMPLES = 2000
AGREE = 0.3  # mean rank correlation of two kinds of map below which a reader is warned
CALIBRATION = 8  # images that the random network's batch normalisation is measured on


def random_copy(network: Network, x: Tensor, seed: int) -> Network:
    """The same network with nothing learned.

    Every tensor of weights is drawn from a normal distribution with the mean and spread that it had, so signals
    neither die nor explode on their way; batch normalisation takes the statistics of its new inputs.

    Args:
        network: trained; it stays as it is. It has `embed`.
        x: samples as it reads them; images (n, channels, size, size) or recordings (n, channels + 1, time).
        seed: same seed, same weights.
    """
    blank = copy.deepcopy(network)
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in blank.parameters():
            noise = torch.randn(weight.shape, generator=chance)
            weight.copy_(weight.mean() + noise * weight.std(correction=0))
    _renormalise(blank, x[:CALIBRATION])
    return blank.eval()


@torch.no_grad()
def _renormalise(network: Any, x: Tensor) -> None:
    """Statistics of batch normalisation on these samples, of images their mirror images too, as one large batch."""
    layers = [
        m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.running_mean is not None
    ]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = 1.0
        nn.Module.train(layer)
    if layers:
        network.embed(torch.cat([x, x.flip(-1)]) if x.dim() == 4 else x)


def correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rank correlation of each pair of grids, (n, k, k) and (n, k, k) -> (n,).

    NaN if the first is the same everywhere and so ranks nothing; 0 if only the second is.
    """
    ranks = [rankdata(grid.reshape(len(grid), -1), axis=1) for grid in (first, second)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    spread = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    found = np.divide((a * b).sum(1), spread, out=np.zeros(len(a)), where=spread > 0)
    return np.where((a == 0).all(1), np.nan, found)


def deletion(sight: Sight, pixels: np.ndarray, found: np.ndarray, shown: np.ndarray, seed: int) -> np.ndarray:
    """Area between the score while places at random are deleted and while the highlighted ones are.

    A deleted place takes the mean colour of the image. At random means the pattern of the map itself, moved
    and turned by chance, so that as much is deleted in pieces as large.

    Args:
        sight: the member.
        pixels: (n, size, size, channels) uint8.
        found: maps, (n, size, size).
        shown: output whose score is followed, (n,).
        seed: drives the random orders.

    Returns:
        Mean difference of scores over the share deleted, (n,); positive: what is highlighted matters more.
    """
    cells = min(CELLS, pixels.shape[1])
    grids = pooled(found, cells)
    chance = np.random.default_rng(seed)
    differences = np.zeros((len(pixels), len(SHARES) + 2))
    for number, image in enumerate(pixels):
        grid = grids[number]
        orders = [_order(g, chance) for g in (grid, *(_elsewhere(grid, chance) for _ in range(ORDERS)))]
        changed = np.concatenate([_deleted(image, order, cells) for order in orders])
        scores = sight.scores(changed, np.full(len(changed), shown[number])).reshape(len(orders), -1)
        differences[number, 1:-1] = scores[1:].mean(axis=0) - scores[0]
    return np.asarray(np.trapezoid(differences, [0, *SHARES, 1], axis=1))


def _order(grid: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Cells of a map from the strongest to the weakest, equal ones by chance, (cells * cells,)."""
    tied = chance.permutation(grid.size)
    return tied[np.argsort(-grid.ravel()[tied], kind="stable")]


def _elsewhere(grid: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """The same pattern in a random place, turned at random: scattered cells would harm the image by their edges alone."""
    turned = np.rot90(grid, int(chance.integers(4)))
    return np.roll(turned, chance.integers(0, len(grid), 2), axis=(0, 1))


def _deleted(image: np.ndarray, order: np.ndarray, cells: int) -> np.ndarray:
    """The image with the first cells of `order` in its mean colour, once for each of `SHARES`, (shares, size, size, channels)."""
    place = np.empty(cells**2, dtype=int)
    place[order] = np.arange(cells**2)
    of_pixel = np.arange(image.shape[0]) * cells // image.shape[0]
    rank = place.reshape(cells, cells)[np.ix_(of_pixel, of_pixel)]
    mean = image.mean(axis=(0, 1)).round().astype(np.uint8)
    gone = [rank < round(share * cells**2) for share in SHARES]
    return np.stack([np.where(mask[:, :, None], mean, image) for mask in gone])


def checks(
    randomised: np.ndarray, areas: np.ndarray, patients: Sequence[str], unit: str, seed: int
) -> list[dict[str, Any]]:
    """Both checks with their verdicts, as records of sanity.json.

    Args:
        randomised: absolute rank correlation of each sample's map with that of random weights, (n,), NaN: no map.
        areas: of `deletion`, (n,).
        patients: patient of each sample.
        unit: what `areas` are measured in.
        seed: drives the resampling of patients.
    """
    value, low, high, n = mean_over_patients(randomised, patients, seed)
    passed = n >= FEWEST and high is not None and high < ALIKE
    if n < FEWEST or value is None:
        sentence = f"{few(n, ' with a map')} whether the map depends on what the network learned."
    else:
        verdict = "changes" if passed else "does not change enough"
        sentence = (
            f"With randomised weights the map {verdict}: mean rank correlation {value:.2f} [{low:.2f}, {high:.2f}], "
            f"the interval must lie below {ALIKE}."
        )
    records = [record("randomised weights", passed, value, low, high, f"below {ALIKE}", sentence)]
    value, low, high, n = mean_over_patients(areas, patients, seed)
    passed = n >= FEWEST and low is not None and low > 0
    if n < FEWEST or value is None:
        sentence = f"{few(n)} whether what is highlighted matters more than the rest."
    else:
        verdict = "lowers" if passed else "does not clearly lower"
        sentence = (
            f"Deleting what is highlighted {verdict} the score faster than deleting at random: on average by "
            f"{value:.3f} [{low:.3f}, {high:.3f}] {unit}, the interval must lie above 0."
        )
    return [*records, record("deletion", passed, value, low, high, "above 0", sentence)]


def verdict(
    task: Task, looked: pd.DataFrame | None, checked: pd.DataFrame, seed: int, *, refit: bool
) -> dict[str, Any]:
    """Both checks, and what a reader of the maps must know, for sanity.json.

    Args:
        task: what is predicted.
        looked: of each explained sample `deletion`, `randomised` and `agreement`; None if there is none.
        checked: the samples that the method is checked on, with the patient of each as `unit`.
        seed: drives the resampling of patients.
        refit: the maps are those of a final fit, which was trained on these samples too.
    """
    numbers, none = None if looked is None else looked.loc[checked.index], np.array([])
    randomised, areas = (none if numbers is None else numbers[n].to_numpy() for n in ("randomised", "deletion"))
    unit = "standard deviations of the target" if task.kind == "regression" else "in probability"
    verdicts = checks(randomised, areas, checked["unit"].tolist(), unit, seed)
    sentences = [check["sentence"] for check in verdicts]
    if not all(check["passed"] for check in verdicts) and "Too few" not in "".join(sentences):
        sentences.append("At least one check failed: do not read these maps as reasons for the decisions.")
    agreed = pd.Series(dtype=float) if looked is None else looked["agreement"].dropna()
    if len(agreed) and agreed.mean() < AGREE:
        sentences.append(
            f"The two kinds of map agree little (mean rank correlation {agreed.mean():.2f} over {len(agreed)} samples): "
            "what one of them highlights alone is not to be relied on."
        )
    if refit:
        sentences.append(
            "The maps are those of the final fit, which was trained on these samples too; scores and decisions are those of the network of each fold, which was not."
        )
    return {"checks": verdicts, "sentences": sentences, "n_samples": len(checked)}


def record(name: str, passed: bool, value: Any, low: Any, high: Any, needed: str, sentence: str) -> dict[str, Any]:
    return {
        "name": name,
        "passed": bool(passed),
        "value": value,
        "low": low,
        "high": high,
        "needed": needed,
        "sentence": sentence,
    }


def mean_over_patients(
    values: np.ndarray, patients: Sequence[str], seed: int
) -> tuple[float | None, float | None, float | None, int]:
    """Mean with its 95 % interval over patients, and their number; no interval below `FEWEST` of them."""
    defined = np.isfinite(values)
    _, numbers = np.unique(np.asarray(patients, dtype=object)[defined], return_inverse=True)
    n = int(numbers.max()) + 1 if len(numbers) else 0
    if n == 0:
        return None, None, None, 0
    kept, mean = values[defined], float(values[defined].mean())
    if n < FEWEST:
        return mean, None, None, n
    counts, sums = np.bincount(numbers), np.bincount(numbers, kept)
    draws = resample(
        lambda times: (times @ sums / (times @ counts))[:, None], counts[:, None], resamples=RESAMPLES, seed=seed
    )
    low, high, _ = percentile(draws[:, 0], level=0.95, n_patients=n)
    return mean, low if low is not None else mean, high if high is not None else mean, n


def few(n: int, which: str = "") -> str:
    return f"Too few samples to tell ({n} patients{which}; {FEWEST} are needed)"
