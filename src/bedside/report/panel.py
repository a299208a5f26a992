"""The operating-point panel: what each threshold would have done to the test patients, in counts.

The page holds, for a fixed list of thresholds, how many samples with and without the condition score at or above
each. Everything the panel shows is arithmetic on these counts, so it is exact at every position of the slider.
"""

from typing import Any

import numpy as np

from bedside.folder import Run


def panel(run: Run) -> dict[str, Any] | None:
    """Data of the panel of a binary task; None for other tasks.

    `thresholds` ascend; `found[i]` and `alarms[i]` count test rows with and without the condition whose score is at
    least `thresholds[i]`. `start` is the position of the frozen threshold, the mean over folds if there are several.
    """
    frozen = [record["value"] for record in run.estimates["thresholds"]]
    if run.estimates["task"]["kind"] != "binary" or not frozen:
        return None
    positive = run.estimates["task"]["positive"]
    table = run.predictions[run.predictions["part"] == "test"]
    truth = (table["target"].astype(str) == positive).to_numpy()
    score = table[f"score_{positive}"].to_numpy(dtype=np.float64)
    return panel_data(truth, score, float(np.mean(frozen)), len(frozen), positive, run.estimates["task"]["classes"][0])


def panel_data(
    truth: np.ndarray, score: np.ndarray, frozen: float, folds: int, positive: str, negative: str
) -> dict[str, Any]:
    """See `panel`; truth is 0 or 1, score the predicted probability, both of shape (n,)."""
    thresholds = threshold_list(score, frozen)
    return {
        "positive": positive,
        "negative": negative,
        "thresholds": thresholds.tolist(),
        "found": at_least(score[truth], thresholds).tolist(),
        "alarms": at_least(score[~truth], thresholds).tolist(),
        "positives": int(truth.sum()),
        "negatives": int((~truth).sum()),
        "start": int(np.searchsorted(thresholds, frozen)),
        "frozen": frozen,
        "folds": folds,
        "prevalence": float(truth.mean()),
    }


def threshold_list(score: np.ndarray, frozen: float) -> np.ndarray:
    """Every hundredth, finer steps where the scores are, and the frozen threshold itself; ascending, shape (k,)."""
    quantiles = np.quantile(score, np.linspace(0, 1, 301))
    written = [float(f"{value:.4g}") for value in quantiles]
    return np.unique(np.concatenate([np.linspace(0, 1, 101).round(2), written, [frozen]]))


def at_least(score: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """How many scores are at or above each threshold, shape (k,)."""
    return len(score) - np.searchsorted(np.sort(score), thresholds, side="left")


def operating_point(data: dict[str, Any], index: int, prevalence: float) -> dict[str, Any]:
    """Rates at one threshold, and whole patients out of 1,000 at a prevalence; panel.js does the same in the page."""
    sensitivity = data["found"][index] / data["positives"] if data["positives"] else None
    specificity = 1 - data["alarms"][index] / data["negatives"] if data["negatives"] else None
    diseased = int(1000 * prevalence + 0.5)
    found = int(diseased * (sensitivity or 0) + 0.5)
    cleared = int((1000 - diseased) * (specificity or 0) + 0.5)
    right = prevalence * (sensitivity or 0)
    alarms = right + (1 - prevalence) * (1 - (specificity or 0))
    clear = (1 - prevalence) * (specificity or 0)
    quiet = clear + prevalence * (1 - (sensitivity or 0))
    return {
        "threshold": data["thresholds"][index], "sensitivity": sensitivity, "specificity": specificity,
        "ppv": right / alarms if alarms > 0 else None, "npv": clear / quiet if quiet > 0 else None,
        "tp": found, "fn": diseased - found, "tn": cleared, "fp": 1000 - diseased - cleared,
    }  # fmt: skip


def static_rows(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The panel for paper: the frozen threshold and every tenth, at the prevalence of the cohort."""
    wanted = sorted({data["start"], *np.searchsorted(data["thresholds"], np.arange(1, 10) / 10 - 1e-9).tolist()})
    return [{**operating_point(data, i, data["prevalence"]), "frozen": i == data["start"]} for i in wanted]
