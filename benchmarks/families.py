"""One epoch of each family through bedside's loop, beside a bare hand-written loop of the same network over the same batches.

Networks for tables learn breast cancer (569 patients), those for recordings 400 generated ones (2 channels, 500 points), those for
images 300 generated ones (32 x 32 pixels), those for molecules 300 computed ones. Architectures that are usually pretrained learn
64 of these images (64 x 64 pixels; ViTs at their own size), all layers, from random weights. Both ways begin with the same weights, take the same
batches of 32, AdamW with the same settings, clipping, and look at the validation samples after each epoch; one thread. The
loop by hand has its batches ready; bedside also shuffles, makes pixels of bytes, tracks a metric, and keeps the best epoch.
The ways take turns epoch by epoch; the ratio is that of each pair, and its median is asked to be at most 1.3. Seconds are
processor time, which others on the machine hardly change.

    python benchmarks/families.py [--rounds 9] [--only cnn1d lstm] [--threads 1]
"""

import argparse
import copy
import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bedside.cohort import Cohort, Roles, Task
from bedside.contract.cohorts import image_cohort
from bedside.contract.molecules import molecule_cohort
from bedside.data import read_cohort
from bedside.data.signals.inputs import SignalInputs
from bedside.models import families
from bedside.models.generative import with_class
from bedside.settings import RunSettings, TrainSettings, build
from bedside.splits.folds import make_folds
from bedside.training.hardware import limited_threads, make_fabric
from bedside.training.image_members import ImageSpec, PixelStore, image_member
from bedside.training.loop import fit
from bedside.training.members import Member, array_member

BATCH, ASKED = 32, 1.3
Ready = tuple[Tensor, ...]  # what a network is called with, and at last the targets
PLAIN = {  # nothing is augmented: the loop by hand would not know how
    "signal": dict.fromkeys(("noise", "scaling", "shift"), 0.0),
    "image": {"flip_horizontal": False, "flip_vertical": False}
    | dict.fromkeys(("rotation", "zoom", "brightness", "contrast"), 0.0),
}


def recordings() -> Cohort:
    """Noise with a wave at a random time that is fast or slow; every fourth recording ends early."""
    rng = np.random.default_rng(0)
    n, time_points = 400, 500
    x = rng.normal(size=(n, 2, time_points)).astype(np.float32)
    y = rng.integers(0, 2, n)
    points = np.arange(time_points)
    for row, fast, begin in zip(x, y, rng.integers(0, 300, n), strict=True):
        row[0] += 2 * np.sin((0.5 if fast else 0.3) * points) * ((points >= begin) & (points < begin + 60))
    traces = tuple(one[:, : 400 if k % 4 == 0 else time_points] for k, one in enumerate(x))
    names = [str(k) for k in range(n)]
    samples = pd.DataFrame(
        {"patient": names, "target": np.where(y, "fast", "slow")}, index=pd.Index(names, name="sample")
    )
    inputs = SignalInputs(traces, ("a", "b"), 100.0)
    return Cohort("waves", samples, Roles("target", "patient"), Task("binary", ("fast", "slow")), inputs, np.arange(n))


COHORTS: dict[str, Callable[[], Cohort]] = {
    "table": cache(lambda: read_cohort("breast-cancer")),
    "signal": cache(recordings),
    "image": cache(lambda: image_cohort(300)),
    "backbone": cache(lambda: image_cohort(64)),
    "graph": cache(lambda: molecule_cohort(300)),
}


def member_of(name: str, kind: str) -> tuple[Member, RunSettings]:
    """What `bedside train` would train on the first fold."""
    asked = {"family": name, "train": {"batch_size": BATCH}, "device": {"threads": 1}}
    if kind in PLAIN:
        asked["augment"] = PLAIN[kind]
    backbone = bool(families()[name].architecture)
    if backbone:
        asked["model"] = {"weights": "none", "freeze": "none"}
        if not name.startswith("vit"):
            asked["preparation"] = {"image_size": 64}
    cohort, settings = COHORTS["backbone" if backbone else kind](), build(RunSettings, asked)
    fold = make_folds(cohort, settings.folds, seed=0)[0]
    if kind != "image":
        return array_member(name, cohort, fold, settings), settings
    spec, store = ImageSpec.of(name, cohort, settings), PixelStore(cohort, workers=1)
    return image_member(spec, store, name, fold, settings, threads=1, device="cpu", head=None), settings


def ready_for(name: str, batch: tuple[Tensor, ...]) -> Ready:
    """A batch as the network of this family is called, ready before the clock starts."""
    x, y = batch[0].clone(), batch[1].clone()
    if not families()[name].generates:
        return x, y
    return (with_class(x, y, 2), y) if x.dim() == 2 else (x, y.long(), y)


def loss_of(outputs: Tensor, y: Tensor, aim: bool) -> Tensor:
    """Binary cross-entropy of logits (n, 1); errors (n, 3) of an autoencoder, or the loss (n, 1) of a generative network."""
    if not aim:
        return F.binary_cross_entropy_with_logits(outputs.squeeze(1), y)
    return (outputs[:, 0] + outputs[:, 1]).mean() if outputs.shape[1] == 3 else outputs.mean()


def by_hand(
    model: nn.Module, train: list[Ready], valid: list[Ready], aim: bool, settings: TrainSettings
) -> Iterator[float]:
    """The loop of the course; each step of the iterator is an epoch."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    while True:
        model.train()
        total = 0.0
        for *x, y in train:
            optimizer.zero_grad()
            loss = loss_of(model(*x), y, aim)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm or torch.inf)
            optimizer.step()
            total += loss.item() * len(y)
        model.eval()
        with torch.no_grad():
            valid_loss = sum(loss_of(model(*x), y, aim).item() * len(y) for *x, y in valid)
        yield valid_loss


def ratios(name: str, kind: str, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Seconds per epoch by hand and by bedside, and the ratio of each pair."""
    member, settings = member_of(name, kind)
    train, valid = member.data.batches(settings.train, torch.device("cpu"), torch.Generator().manual_seed(0))
    ready = [[ready_for(name, batch) for batch in side] for side in (train, valid)]
    options = settings.train.model_copy(update={"epochs": rounds + 2, "early_stopping": False, "schedule": "constant"})
    aim = bool(families()[name].objective)
    hand = by_hand(copy.deepcopy(member.network), *ready, aim, options)
    fabric = make_fabric(settings.device, work=0)
    bedside = fit(fabric, member.network, train, valid, member.objective, options)
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
    parser.add_argument("--only", nargs="+", help="families; by default all networks")
    options = parser.parse_args()
    names = [name for name, one in families().items() if one.network]
    print(f"torch {torch.__version__}, {options.threads} threads, {options.rounds} pairs of epochs")
    print(
        "\n| family | by hand, processor seconds per epoch (min to max) | bedside | ratio of pairs, median (min to max) | load |"
    )
    print("|---|---|---|---|---|")
    with limited_threads(options.threads):
        pairs = [(name, kind) for name in options.only or names for kind in families()[name].kinds]
        for name, kind in pairs:
            hand, ours, found = ratios(name, kind, options.rounds)
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
