"""One epoch of each family through bedside's loop, beside a bare hand-written loop of the same network over the same batches.

Networks for tables learn breast cancer, those for recordings 400 generated ones (2 channels, 500 points, two classes). Both ways
begin with the same weights, take the same batches of 32 in the same order, AdamW with the same settings, clipping, and look
at the validation samples after each epoch; one thread. Bedside also shuffles, tracks a metric, and keeps the best epoch.
The ways take turns epoch by epoch; the ratio is that of each pair, and its median is asked to be at most 1.3. Seconds are
processor time, which others on the machine hardly change.

    python benchmarks/families.py [--rounds 9] [--only cnn1d lstm] [--threads 1]
"""

import argparse
import copy
import os
import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bedside.cohort import Task
from bedside.data import read_cohort
from bedside.models import build_model, families, model_settings, objective_of
from bedside.models.losses import Batch
from bedside.models.reconstruction import Learner
from bedside.settings import DeviceSettings, PreparationSettings, TrainSettings
from bedside.splits.preparation import TablePreparation
from bedside.training.batches import TensorBatches
from bedside.training.hardware import limited_threads, make_fabric
from bedside.training.loop import fit

TASK, BATCH, ASKED = Task("binary", ("no", "yes")), 32, 1.3
Arrays = tuple[Tensor, Tensor]  # samples, targets


def table() -> Arrays:
    """Breast cancer, 569 x 30, standardised."""
    cohort = read_cohort("breast-cancer")
    prepared = TablePreparation.fit(cohort.inputs, PreparationSettings())(cohort.inputs)
    return torch.from_numpy(prepared), torch.from_numpy(cohort.target).float()


def recordings() -> Arrays:
    """Noise with a wave at a random time that is fast or slow; every fourth recording ends early."""
    rng = np.random.default_rng(0)
    n, time_points = 400, 500
    x = rng.normal(size=(n, 3, time_points)).astype(np.float32)
    y = rng.integers(0, 2, n)
    points = np.arange(time_points)
    for row, fast, begin in zip(x, y, rng.integers(0, 300, n), strict=True):
        row[0] += 2 * np.sin((0.5 if fast else 0.3) * points) * ((points >= begin) & (points < begin + 60))
    x[:, 2] = points < np.where(np.arange(n) % 4 == 0, 400, time_points)[:, None]
    x[:, :2] *= x[:, 2:]
    return torch.from_numpy(x), torch.from_numpy(y).float()


def loss_of(outputs: Tensor, y: Tensor) -> Tensor:
    """Binary cross-entropy of logits (n, 1), or the errors (n, 3) that an autoencoder gives."""
    if outputs.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(outputs.squeeze(1), y)
    return (outputs[:, 0] + outputs[:, 1]).mean()


def by_hand(model: nn.Module, train: list[Batch], valid: Batch, settings: TrainSettings) -> Iterator[float]:
    """The loop of the course; each step of the iterator is an epoch."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    while True:
        model.train()
        total = 0.0
        for x, y, _ in train:
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm or torch.inf)
            optimizer.step()
            total += loss.item() * len(y)
        model.eval()
        with torch.no_grad():
            valid_loss = loss_of(model(valid[0]), valid[1]).item()
        yield valid_loss


def ratios(name: str, data: Arrays, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Seconds per epoch by hand and by bedside, and the ratio of each pair."""
    x, y = data
    known = len(y) * 3 // 4
    parts = [(x[rows], y[rows], torch.ones(len(y[rows]))) for rows in (slice(0, known), slice(known, None))]
    train = TensorBatches(*parts[0], BATCH, [torch.Generator().manual_seed(0)])
    valid = TensorBatches(*parts[1], len(parts[1][1]))
    ready = [tuple(part.clone() for part in batch) for batch in TensorBatches(*parts[0], BATCH)]
    settings = TrainSettings(epochs=rounds + 2, early_stopping=False, schedule="constant")
    network = build_model(name, tuple(x.shape[1:]), 1, model_settings(name, {}))
    if families()[name].objective:
        network = Learner(network)
    fabric = make_fabric(DeviceSettings(accelerator="cpu"), work=0)
    bedside = fit(fabric, copy.deepcopy(network), train, valid, objective_of(name, TASK, {}), settings)
    hand = by_hand(network, ready, parts[1], settings)
    seconds: dict[str, list[float]] = {"hand": [], "bedside": []}
    for number in range(rounds + 1):
        for way, epochs in (("hand", hand), ("bedside", bedside))[:: 1 if number % 2 else -1]:
            start = time.process_time()
            next(epochs)
            seconds[way].append(time.process_time() - start)
    first, second = seconds["hand"][1:], seconds["bedside"][1:]  # the first pair warms up
    return first, second, [ours / bare for bare, ours in zip(first, second, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", help="families; by default all networks for tables and recordings")
    options = parser.parse_args()
    data = {"table": table(), "signal": recordings()}
    names = [name for name, one in families().items() if one.network and set(one.kinds) & set(data)]
    print(f"torch {torch.__version__}, {options.threads} threads, {options.rounds} pairs of epochs")
    print(
        "\n| family | by hand, processor seconds per epoch (min to max) | bedside | ratio of pairs, median (min to max) | load |"
    )
    print("|---|---|---|---|---|")
    with limited_threads(options.threads):
        pairs = [(name, kind) for name in options.only or names for kind in families()[name].kinds]
        for name, kind in pairs:
            hand, ours, found = ratios(name, data[kind], options.rounds)
            texts = [f"{statistics.median(v):.3f} ({min(v):.3f} to {max(v):.3f})" for v in (hand, ours)]
            middle = statistics.median(found)
            verdict = "" if middle <= ASKED else f" (asked: {ASKED})"
            print(
                f"| {name}, {kind} | {texts[0]} | {texts[1]} | {middle:.2f} ({min(found):.2f} to {max(found):.2f}){verdict} "
                f"| {os.getloadavg()[0]:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
