"""What cross-validation costs: one fit, five folds and ten times five, in one run on one machine; and a large table.

(a) Breast cancer (569 x 30), MLP 30-64-64-1 with ReLU, Adam at 0.001, 30 epochs, batches of 32. The ways are those of
`benchmarks/table.py`: a DataLoader loop by hand, scikit-learn's MLPClassifier, bedside. They take turns. `--threads`
gives torch a number of threads in the loop by hand; by default torch's own choice, as people run it.

(b) 100,000 samples x 50 features, MLP 50-64-64-1, batches of 256: seconds of one epoch, by bedside, by the same loop by
hand, and by bare matrix arithmetic: the same products, gradients and Adam steps on batches that lie ready, with
nothing shuffled, watched or written down. Training on three fifths, watching one fifth.

    python benchmarks/many_fits.py [--rounds 3] [--threads 1] [--only a b] [--quick]
"""

import argparse
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from bedside.cohort import Cohort, Fold
from bedside.data import read_cohort
from bedside.data.table import read_table
from bedside.settings import RunSettings, build
from bedside.splits.folds import make_folds
from bedside.training.events import FoldFit, Progress
from bedside.training.fits import train_folds
from ways import EPOCHS, arrays, by_hand, by_scikit_learn, one_by_one

LARGE, FEATURES, BATCH, MEASURED = 100_000, 50, 256, 10  # of (b); epochs that are timed after a first one


def plain(epochs: int, batch_size: int, repeats: int = 1, scheme: str = "crossval") -> RunSettings:
    """The network of every way, without what only bedside would do."""
    folds = {"scheme": scheme} | ({"repeats": repeats} if scheme == "crossval" else {})
    asked = {
        "model": {"hidden": [64, 64], "dropout": 0.0},
        "train": {
            "epochs": epochs, "batch_size": batch_size, "learning_rate": 1e-3, "optimizer": "adam", "weight_decay": 0.0,
            "schedule": "constant", "clip_norm": None, "early_stopping": False,
        },
        "folds": folds,
        "device": {"accelerator": "cpu"},
    }  # fmt: skip
    return build(RunSettings, asked)


def by_bedside(cohort: Cohort, folds: list[Fold]) -> list[np.ndarray]:
    events = train_folds("mlp", cohort, folds, plain(EPOCHS, 32))
    fits = {event.fold.name: event.fitted for event in events if isinstance(event, FoldFit)}
    return [fits[fold.name].scores(cohort.inputs.take(fold.test))[:, 1] for fold in folds]


def many(rounds: int, quick: bool) -> None:
    cohort = read_cohort("breast-cancer")
    sizes = {"1 fit": 1, "5 folds": 5, "10 x 5 folds": 10 if quick else 50}
    folds = make_folds(cohort, plain(EPOCHS, 32, repeats=10).folds, seed=0)
    ways: dict[str, Callable[[Cohort, list[Fold]], list[np.ndarray]]] = {
        "DataLoader loop by hand": one_by_one(by_hand),
        "scikit-learn MLPClassifier": one_by_one(by_scikit_learn),
        "bedside": by_bedside,
    }
    by_bedside(cohort, folds[:2])  # the first use of a library pays for loading it
    one_by_one(by_scikit_learn)(cohort, folds[:1])
    seconds: dict[tuple[str, str], list[float]] = {}
    aucs: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for size, n in sizes.items():
            for way, run in ways.items():
                started = time.perf_counter()
                scores = run(cohort, folds[:n])
                seconds.setdefault((way, size), []).append(time.perf_counter() - started)
                per_fold = [roc_auc_score(cohort.target[f.test], s) for f, s in zip(folds, scores, strict=False)]
                aucs.setdefault((way, size), []).append(float(np.mean(per_fold)))
    print(f"\n(a) seconds, median of {rounds} rounds (min to max); mean AUROC of the folds\n")
    print("| way | " + " | ".join(sizes) + " | AUROC, 10 x 5 |\n|" + "---|" * (len(sizes) + 2))
    for way in ways:
        cells = [spread(seconds[way, size]) for size in sizes]
        print(f"| {way} | {' | '.join(cells)} | {statistics.mean(aucs[way, '10 x 5 folds']):.4f} |")
    middle = {key: statistics.median(values) for key, values in seconds.items()}
    print()
    for size, (hand, classic) in {"5 folds": (6, 1), "10 x 5 folds": (15, 2.5)}.items():
        own = middle["bedside", size]
        print(
            f"{size}: {middle['DataLoader loop by hand', size] / own:.1f} times as fast as the loop by hand (required: {hand}), ",
            end="",
        )
        print(
            f"{middle['scikit-learn MLPClassifier', size] / own:.1f} times as fast as scikit-learn (required: {classic})"
        )
    for size, most in {"5 folds": 1.6, "10 x 5 folds": 6}.items():
        print(
            f"{size} cost {middle['bedside', size] / middle['bedside', '1 fit']:.2f} times one fit of bedside (at most {most})"
        )


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def large(rounds: int, quick: bool) -> None:
    rng = np.random.default_rng(0)
    n = LARGE // 10 if quick else LARGE
    x = rng.normal(size=(n, FEATURES)).astype(np.float32)
    y = (x[:, :5].sum(axis=1) + rng.normal(size=n) * 2 > 0).astype(int)
    frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(FEATURES)]).assign(sick=y, patient=np.arange(n))
    cohort = read_table(frame, target="sick", patient="patient")
    settings = plain(MEASURED + 1, BATCH, scheme="holdout")
    (fold,) = make_folds(cohort, settings.folds, seed=0)
    data = arrays(cohort, fold)
    ways: dict[str, Callable[[], Iterator[float]]] = {
        "DataLoader loop by hand": lambda: hand_epochs(data),
        "bare matrix arithmetic": lambda: bare_epochs(data),
        "bedside": lambda: bedside_epochs(cohort, fold, settings),
    }
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        # Epoch by epoch in turn, so that whatever else the machine does meets all of them.
        for together in list(zip(*(epochs() for epochs in ways.values()), strict=True))[1:]:
            for way, seconds in zip(ways, together, strict=True):
                found.setdefault(way, []).append(seconds)
    print(f"\n(b) {n:,} x {FEATURES}: seconds per epoch, median of {rounds} x {MEASURED} epochs (min to max)\n")
    print("| way | seconds |\n|---|---|")
    for way, values in found.items():
        print(f"| {way} | {spread(values)} |")
    middle = {way: statistics.median(values) for way, values in found.items()}
    own = middle["bedside"]
    print(
        f"\nbedside takes {own / middle['bare matrix arithmetic']:.2f} times the bare arithmetic (at most 1.3) ", end=""
    )
    print(f"and is {middle['DataLoader loop by hand'] / own:.1f} times as fast as the loop by hand")


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))


def hand_epochs(data: tuple[np.ndarray, ...]) -> Iterator[float]:
    train_x, train_y, valid_x, valid_y, _ = (torch.tensor(part) for part in data)
    train = DataLoader(TensorDataset(train_x, train_y.float()), batch_size=BATCH, shuffle=True)
    valid = DataLoader(TensorDataset(valid_x, valid_y.float()), batch_size=BATCH)
    model, loss = network(), nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(MEASURED + 1):
        started = time.perf_counter()
        for x, y in train:
            optimizer.zero_grad()
            loss(model(x).squeeze(1), y).backward()
            optimizer.step()
        with torch.no_grad():
            sum(loss(model(x).squeeze(1), y).item() * len(y) for x, y in valid)
        yield time.perf_counter() - started


def bare_epochs(data: tuple[np.ndarray, ...]) -> Iterator[float]:
    """Same products on ready batches, on one thread, which is what bedside takes for layers of this size."""
    train_x, train_y, valid_x, valid_y, _ = (torch.tensor(part) for part in data)
    batches = list(zip(train_x.split(BATCH), train_y.float().split(BATCH), strict=True))
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in range(MEASURED + 1):
            started = time.perf_counter()
            for x, y in batches:
                optimizer.zero_grad()
                F.binary_cross_entropy_with_logits(model(x).squeeze(1), y).backward()
                optimizer.step()
            with torch.no_grad():
                F.binary_cross_entropy_with_logits(model(valid_x).squeeze(1), valid_y.float())
            yield time.perf_counter() - started
    finally:
        torch.set_num_threads(before)


def bedside_epochs(cohort: Cohort, fold: Fold, settings: RunSettings) -> Iterator[float]:
    started = None
    for event in train_folds("mlp", cohort, [fold], settings):
        if isinstance(event, Progress):
            if started is not None:
                yield time.perf_counter() - started
            else:
                yield float("nan")  # the first epoch is not counted: it holds the preparation
            started = time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="torch threads of the loop by hand; by default torch's own choice")
    parser.add_argument("--only", nargs="*", choices=["a", "b"], default=["a", "b"])
    parser.add_argument("--quick", action="store_true", help="few fits and a small table, to see that it works")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    if options.threads:
        torch.set_num_threads(options.threads)
    print(f"{platform.machine()}, {torch.get_num_threads()} torch threads, torch {torch.__version__}")
    if "a" in options.only:
        many(options.rounds, options.quick)
    if "b" in options.only:
        large(options.rounds, options.quick)


if __name__ == "__main__":
    main()
