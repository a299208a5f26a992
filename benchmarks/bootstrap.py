"""Every binary metric with its patient-resampled interval on 100,000 predictions: seconds for 2,000 resamples.

    python benchmarks/bootstrap.py [--samples 100000] [--resamples 2000] [--rounds 3]

The naive way beside it resamples rows and calls scikit-learn for the AUROC alone, a few times, and is scaled up.
"""

import argparse
import platform
import statistics
import time

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from bedside.cohort import Task
from bedside.evaluation import evaluate
from bedside.settings import EvaluationSettings

NAIVE_DRAWS = 20


def predictions(samples: int, per_patient: int) -> pd.DataFrame:
    """Scores of a fairly good model; `per_patient` samples share a patient."""
    rng = np.random.default_rng(0)
    sick = rng.random(samples) < 0.3
    score = 1 / (1 + np.exp(-(rng.normal(size=samples) + 1.5 * sick - 1.2)))
    number = np.arange(samples)
    return pd.DataFrame(
        {
            "sample": number.astype(str),
            "patient": (number // per_patient).astype(str),
            "repeat": 0,
            "fold": 0,
            "part": "test",
            "target": np.where(sick, "sick", "well"),
            "score_well": 1 - score,
            "score_sick": score,
        }
    )


def naive(table: pd.DataFrame, resamples: int) -> float:
    """Seconds that `resamples` draws of rows would take for the AUROC alone."""
    rng = np.random.default_rng(0)
    truth, score = (table.target == "sick").to_numpy(), table.score_sick.to_numpy()
    start = time.perf_counter()
    for _ in range(NAIVE_DRAWS):
        drawn = rng.integers(len(truth), size=len(truth))
        roc_auc_score(truth[drawn], score[drawn])
    return (time.perf_counter() - start) / NAIVE_DRAWS * resamples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    settings = EvaluationSettings(resamples=options.resamples, threshold="fixed", threshold_value=0.5)
    print(
        f"{platform.machine()}, {options.samples:,} predictions, {options.resamples:,} resamples, {options.rounds} rounds"
    )
    print("\n| way | metrics | seconds, median (min to max) |")
    print("|---|---|---|")
    for per_patient in (1, 4):
        table = predictions(options.samples, per_patient)
        seconds = []
        for _ in range(options.rounds):
            start = time.perf_counter()
            record = evaluate(table, Task("binary", ("well", "sick")), settings, seed=0)
            seconds.append(time.perf_counter() - start)
        label = "one sample per patient" if per_patient == 1 else f"{per_patient} samples per patient"
        spread = f"{statistics.median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"
        print(f"| bedside, {label} | {len(record['estimates'])} | {spread} |")
    print(
        f"| rows resampled in a Python loop, scikit-learn | AUROC only | {naive(predictions(options.samples, 1), options.resamples):.0f}, scaled up from {NAIVE_DRAWS} draws |"
    )


if __name__ == "__main__":
    main()
