"""What a pipeline scores on targets that mean nothing: chance, or it looks where it must not.

With targets dealt to other patients there is nothing to learn. A pipeline that still scores above chance has seen the
targets of its test patients: features chosen, gaps filled or thresholds set with everybody's targets. The same runs tell
how often chance reaches the real result.

Not found are leaks that stand in the data: a column made from the true targets says nothing of shuffled ones.

Sources:
    Ojala & Garriga 2010, Journal of Machine Learning Research 11:1833 (the p-value); Ambroise & McLachlan 2002,
    doi:10.1073/pnas.102102699 (what choosing features with everybody's targets does).
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from bedside.cohort import Estimate, Task
from bedside.errors import DataError
from bedside.evaluation import panels, thresholds
from bedside.evaluation.metrics import HEADLINE, LABELS
from bedside.evaluation.statistics import Ranking
from bedside.settings import EvaluationSettings

FEWEST = 5  # runs from which a mean has an interval worth giving
ALPHA = 0.01  # of the test for a leak: a sound pipeline is accused once in a hundred times
HIDDEN = 0.05  # above chance, up to which the interval must reach for "no leak" to be said without a doubt
_CHANCE = {"auroc": 0.5, "balanced_accuracy": 0.5, "r2": 0.0}


def score_table(predictions: pd.DataFrame, task: Task, settings: EvaluationSettings) -> dict[str, float]:
    """The metrics that chance is known of, for predictions with validation and test parts: mean over repeats.

    AUROC (macro if there are several classes), and the balanced accuracy at the threshold that was chosen on validation;
    R2 for a regression. Where there are sites, samples are compared within sites only: targets that are shuffled within
    sites leave each site its prevalence, and features may tell the site.

    Raises:
        DataError: if no fold, or no site within a fold, has samples of two classes.
    """
    test = panels.tested(predictions)
    cells = test.groupby(["fold", "site"] if "site" in test else "fold").ngroup().to_numpy()
    frozen = thresholds.per_fold(predictions, task, settings) if task.kind == "binary" else []
    scored = [
        _score(test[repeat == test["repeat"]], cells[repeat == test["repeat"]], task, frozen)
        for repeat in test["repeat"].unique()
    ]
    found = {name: float(np.mean([one[name] for one in scored])) for name in scored[0]}
    if not np.isfinite(found[HEADLINE[task.kind]]):
        raise DataError(
            "No fold, or no site within a fold, has test samples of two classes, so shuffled targets cannot be judged. "
            "Leave --site or --null away."
        )
    return found


def _score(test: pd.DataFrame, cells: np.ndarray, task: Task, frozen: list[dict[str, Any]]) -> dict[str, float]:
    """Of one repeat; `cells` numbers what samples are compared within, shape (n,)."""
    target, scores = task.encode(test["target"]), test[task.score_columns()].to_numpy(dtype=np.float64)
    ones = np.ones((1, len(test)))
    if task.kind == "regression":
        if "site" in test:
            target, scores = _centred(target, cells), _centred(scores[:, 0], cells)[:, None]
        return {"r2": float(1 - ((target - scores[:, 0]) ** 2).sum() / ((target - target.mean()) ** 2).sum())}
    columns = [1] if task.kind == "binary" else range(len(task.classes))
    found = {"auroc": float(np.mean([Ranking(target == k, scores[:, k], cells)(ones)[0, 0] for k in columns]))}
    if task.kind == "binary" and "site" not in test:
        decision = thresholds.decide(test, task, frozen)
        found["balanced_accuracy"] = float((decision[target == 1].mean() + 1 - decision[target == 0].mean()) / 2)
    return found


def _centred(values: np.ndarray, cells: np.ndarray) -> np.ndarray:
    return np.asarray(values - pd.Series(values).groupby(cells).transform("mean").to_numpy())


def judge_null(
    real: dict[str, float],
    permuted: list[dict[str, float]],
    task: Task,
    n: dict[str, Any],
    *,
    level: float,
    sites: bool = False,
) -> dict[str, Any]:
    """null.json: for each metric what the shuffled runs scored, whether that is chance, and how the real result compares.

    Args:
        real: of `score_table` with the real targets.
        permuted: the same of each run with shuffled targets.
        n: samples and patients, as in estimates.json.
        level: coverage of the intervals.
        sites: targets were shuffled, and samples compared, within sites.
    """
    headline = HEADLINE[task.kind]
    metrics = [_judge(name, value, [run[name] for run in permuted], n, level) for name, value in real.items()]
    metrics.sort(key=lambda record: record["metric"] != headline)
    said = _sentences(metrics, len(permuted), sites)
    return {"runs": len(permuted), "level": level, "within_sites": sites, "metrics": metrics, "sentences": said}


def _judge(name: str, real: float, runs: list[float], n: dict[str, Any], level: float) -> dict[str, Any]:
    values = np.array([value for value in runs if np.isfinite(value)])
    m, chance = len(values), _CHANCE[name]
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(m)) if m > 1 else 0.0
    half = float(student.ppf((1 + level) / 2, m - 1)) * error if m > 1 else 0.0
    how = f"mean of {m} runs with shuffled targets, interval of Student's t over runs"
    estimate = Estimate(name, mean, mean - half, mean + half, level, n["patients"], n["samples"], how)
    above, below = _tails(mean - chance, error, m)
    verdict = "above chance" if above < ALPHA else "below chance" if below < ALPHA and name != "r2" else "chance"
    reached = int((values >= real).sum()) if np.isfinite(real) else m
    return {
        "metric": name,
        "chance": chance,
        "real": real if np.isfinite(real) else None,
        "values": values.tolist(),
        "mean": estimate.to_dict(),
        "p_above_chance": above,
        "verdict": verdict,
        "p": (reached + 1) / (m + 1),
    }


def _tails(distance: float, error: float, m: int) -> tuple[float, float]:
    """P-values of the mean lying above, and below, chance."""
    if error <= 1e-12:  # the same in every run, as of a model that knows the prevalence only
        return (1.0, 1.0) if abs(distance) < 1e-9 else (0.0, 1.0) if distance > 0 else (1.0, 0.0)
    t = distance / error
    return float(student.sf(t, m - 1)), float(student.cdf(t, m - 1))


def _sentences(metrics: list[dict[str, Any]], runs: int, sites: bool) -> list[str]:
    """Whether the pipeline is sound as far as these runs tell, and whether the real result is more than chance."""
    said = []
    leaking = [record for record in metrics if record["verdict"] == "above chance"]
    first, within = metrics[0], " within sites" if sites else ""
    for record in leaking or [first]:
        mean = Estimate.from_dict(record["mean"])
        words = f"With targets shuffled between patients the whole pipeline scored {_name(record)} {mean.text()}{within} over {runs} runs; chance is {record['chance']:g}"
        if record in leaking:
            said.append(f"{words}: it sees targets that it must not see, so the real result cannot be trusted.")
        elif record["verdict"] == "below chance":
            said.append(f"{words}. Below chance is no leak; it happens where folds are small and stratified.")
        elif record["metric"] == "r2":
            said.append(f"{words} or below, so no leak was found in it.")
        elif mean.high is not None and mean.high - record["chance"] > HIDDEN:
            said.append(
                f"{words}. No leak was found, but so few runs on so few patients could miss a large one; ask for more."
            )
        else:
            said.append(f"{words}, so no leak was found in it.")
    if first["real"] is not None and not leaking:
        digits = 3 if first["p"] < 0.0995 else 2
        least = " (no smaller p is possible with so few)" if first["p"] == 1 / (runs + 1) else ""
        reached = round(first["p"] * (runs + 1)) - 1
        said.append(
            f"{reached} of {runs} shuffled runs reached the real {_name(first)} of {first['real']:.2f}{within}: p = {first['p']:.{digits}f}{least}."
        )
    return said


def _name(record: dict[str, Any]) -> str:
    return LABELS[record["metric"]]
