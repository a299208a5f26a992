"""What judging costs: (a) everything of estimates.json, (b) every metric with its interval on many predictions.

(a) 10,000 predictions of each kind of task with 2,000 resamples: metrics, thresholds, baseline, groups by sex, age and
site, conformal sets, calibration with its curve, decision curve, sample size, sentences. At most 20 seconds are asked.
(b) Binary metrics alone. Beside them the naive way resamples rows and calls scikit-learn for the AUROC alone, a few
times, and is scaled up.

    python benchmarks/evaluation.py [--samples 10000] [--many 100000] [--resamples 2000] [--rounds 3]
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from bedside.cohort import Task
from bedside.evaluation import evaluate, performance
from bedside.settings import EvaluationSettings

NAIVE_DRAWS = 20
MOST = 20  # seconds that a full evaluation may take
TASKS = {
    "binary": Task("binary", ("well", "sick")),
    "multiclass": Task("multiclass", ("benign", "grey", "malignant")),
    "regression": Task("regression"),
}


def predictions(kind: str, samples: int, per_patient: int, *, noise: float = 1.0, valid: int = 0) -> pd.DataFrame:
    """Scores of a fairly good model in five folds; `per_patient` samples share a patient, of whom `valid` validate."""
    rng, task = np.random.default_rng(0), TASKS[kind]
    number = np.arange(samples)
    patient = number // per_patient
    table = pd.DataFrame(
        {"sample": number.astype(str), "patient": patient.astype(str), "repeat": 0, "fold": patient % 5}
    )
    table = table.assign(
        part="test", site=np.array(["north", "south", "west", "east"])[patient % 4], sex=np.array(["f", "m"])[patient // 3 % 2],
        age=rng.normal(60, 12, patient[-1] + 1).round()[patient],
    )  # fmt: skip
    if kind == "regression":
        truth = rng.normal(size=samples)
        table = table.assign(target=truth, predicted=truth + noise * rng.normal(size=samples))
    else:
        truth = rng.choice(len(task.classes), size=samples, p=[0.7, 0.3] if kind == "binary" else [0.6, 0.3, 0.1])
        odds = noise * rng.normal(size=(samples, len(task.classes))) + 1.5 * np.eye(len(task.classes))[truth]
        scores = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
        table = table.assign(
            target=np.array(task.classes)[truth], **dict(zip(task.score_columns(), scores.T, strict=True))
        )
    again = table[patient < valid].assign(part="valid", fold=lambda rows: (rows["fold"] + 1) % 5)
    return pd.concat([again, table], ignore_index=True)


def naive(table: pd.DataFrame, resamples: int) -> float:
    """Seconds that `resamples` draws of rows would take for the AUROC alone."""
    rng = np.random.default_rng(0)
    truth, score = (table.target == "sick").to_numpy(), table.score_sick.to_numpy()
    start = time.perf_counter()
    for _ in range(NAIVE_DRAWS):
        drawn = rng.integers(len(truth), size=len(truth))
        roc_auc_score(truth[drawn], score[drawn])
    return (time.perf_counter() - start) / NAIVE_DRAWS * resamples


def timed(work: Callable[[], object], rounds: int) -> str:
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return f"{statistics.median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"


def whole(samples: int, resamples: int, rounds: int) -> None:
    print(f"\n(a) everything of {samples:,} predictions, {resamples:,} resamples; at most {MOST} seconds\n")
    print("| task | one sample per patient | 4 samples per patient |\n|---|---|---|")
    settings = EvaluationSettings(resamples=resamples)
    for kind, task in TASKS.items():
        cells = []
        for per_patient in (1, 4):
            table, simple = (
                predictions(kind, samples, per_patient, noise=noise, valid=samples // per_patient)
                for noise in (1.0, 1.3)
            )
            cells.append(timed(lambda t=table, s=simple, k=task: evaluate(t, k, settings, seed=0, baseline=s), rounds))
        print(f"| {kind} | {' | '.join(cells)} |")


def metrics(samples: int, resamples: int, rounds: int) -> None:
    print(f"\n(b) metrics of {samples:,} predictions, {resamples:,} resamples\n")
    print("| way | seconds, median (min to max) |\n|---|---|")
    settings = EvaluationSettings(resamples=resamples, threshold="fixed", threshold_value=0.5)
    for per_patient in (1, 4):
        table = predictions("binary", samples, per_patient).assign(fold=0)
        label = "one sample per patient" if per_patient == 1 else f"{per_patient} samples per patient"
        cell = timed(lambda t=table: performance(t, TASKS["binary"], settings, seed=0), rounds)
        print(f"| bedside, {label}, every metric | {cell} |")
    seconds = naive(predictions("binary", samples, 1), resamples)
    print(f"| rows in a Python loop, scikit-learn, AUROC only | {seconds:.0f}, scaled up from {NAIVE_DRAWS} draws |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{platform.machine()}, {options.rounds} rounds")
    whole(options.samples, options.resamples, options.rounds)
    metrics(options.many, options.resamples, options.rounds)


if __name__ == "__main__":
    main()
