"""What the sites say about the next hospital: AUROC site by site, its mean over sites, and how far a new one may lie.

Where each fold tests one site whole, no patient of that site has trained the model that tests it: leave one site out,
an external validation of the way the model is made. The sites' AUROCs are joined by a random-effects model on the scale
of log odds (Debray et al. 2019, doi:10.1177/0962280218785504; Snell et al. 2018, doi:10.1177/0962280217705678), the
variance between sites by Paule & Mandel 1982, doi:10.6028/jres.087.022, the interval of the mean by Hartung & Knapp
2001, doi:10.1002/sim.1009. The prediction interval is that of Higgins et al. 2009, doi:10.1111/j.1467-985X.2008.00552.x,
with two degrees of freedom fewer than sites: the range in which the AUROC of another hospital is expected
(Riley et al. 2016, doi:10.1136/bmj.i3140).
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import t

from bedside.cohort import Estimate, Task
from bedside.evaluation import influence
from bedside.evaluation.compare import FEWEST
from bedside.evaluation.group_tests import cells_of
from bedside.evaluation.groups import MISSING, Grouping

ENOUGH_SITES = 3  # with fewer nothing can be said about how sites vary


def sites(
    test: pd.DataFrame, task: Task, units: np.ndarray, found: list[Grouping], shown: set[str], level: float
) -> dict[str, Any] | None:
    """Folds named by their sites, and the summary over sites; None without a site column.

    Args:
        test: test rows, (n,).
        task: what was predicted.
        units: number of the patient of each row, (n,).
        found: groupings of the rows.
        shown: sites whose AUROC is shown.
        level: coverage of the intervals, in 0..1.
    """
    grouping = next((each for each in found if each.column == "site"), None)
    if grouping is None:
        return None
    held_out = one_site_per_fold(test)
    names = [group.name for group in grouping.groups if group.name in shown and group.name != MISSING]
    summary, why = None, ""
    if task.kind != "binary":
        why = "the summary over sites is of the AUROC of a binary task"
    elif len(names) < ENOUGH_SITES:
        why = f"a summary over sites needs {ENOUGH_SITES} with {FEWEST} patients of each class, and there are {len(names)}"
    else:
        ill, score = task.encode(test["target"]) == 1, test[task.score_columns()[1]].to_numpy(dtype=np.float64)
        rows = {group.name: group.rows for group in grouping.groups}
        values = [influence.auroc(ill, score, cells_of(test), rows[name]) for name in names]
        summary, why = _summary(names, values, units, level)
    folds = held_out and [{"repeat": r, "fold": f, "site": site} for (r, f), site in held_out.items()]
    return {"external": bool(held_out), "folds": folds or [], "summary": summary, "why": why}


def one_site_per_fold(test: pd.DataFrame) -> dict[tuple[int, int], str]:
    """(repeat, fold) -> site where each fold tests one site and each site is tested in one fold; else empty."""
    if test["site"].isna().any() or test["fold"].nunique() < 2:
        return {}
    each = test.groupby(["repeat", "fold"])["site"].agg(["nunique", "first"])
    once = each.groupby("repeat")["first"].nunique().eq(each.groupby("repeat").size())
    if (each["nunique"] > 1).any() or not once.all():
        return {}
    each = each.reset_index()
    places = zip(each["repeat"], each["fold"], each["first"], strict=True)
    return {(int(repeat), int(fold)): str(site) for repeat, fold, site in places}


def _summary(
    names: list[str], values: list[influence.Linear | None], units: np.ndarray, level: float
) -> tuple[dict[str, Any] | None, str]:
    """The random-effects summary, or why there is none."""
    odds, errors, used = [], [], np.zeros(len(units), dtype=bool)
    for name, value in zip(names, values, strict=True):
        if value is None or value.value in (0.0, 1.0):
            return (
                None,
                f"the AUROC of {name} is exactly 0 or 1, or no fold has both classes, so its spread is not known",
            )
        error, _, _ = influence.standard_error(value, units)
        if error == 0:
            return None, f"in {name} every resample of the patients gives the same AUROC, so its spread is not known"
        odds.append(float(logit(value.value)))
        errors.append(error / (value.value * (1 - value.value)))
        used |= value.part >= 0
    found = random_effects(np.array(odds), np.array(errors), level=level)
    counts = (len(np.unique(units[used])), int(used.sum()))

    def estimate(ends: tuple[float, float], method: str) -> dict[str, Any]:
        low, high = (float(expit(end)) for end in ends)
        return Estimate("auroc", float(expit(found["mean"])), low, high, level, *counts, method).to_dict()

    how = f"random effects of {len(names)} sites on the scale of log odds, Paule-Mandel"
    return {
        "sites": names,
        "mean": estimate(found["interval"], f"{how}, Hartung-Knapp interval of the mean"),
        "new_site": estimate(found["prediction"], f"{how}, prediction interval for a new site"),
        "tau": found["tau"],
    }, ""


def random_effects(values: np.ndarray, errors: np.ndarray, *, level: float) -> dict[str, Any]:
    """Mean of studies that differ more than chance: values (k,) with standard errors (k,), k at least 3.

    Returns:
        `mean`, `interval` of the mean, `prediction` interval of a new study, and `tau`, the standard deviation between.
    """
    k = len(values)

    def weighted(tau2: float) -> tuple[np.ndarray, float, float]:
        weights = 1 / (errors**2 + tau2)
        centre = float(weights @ values / weights.sum())
        return weights, centre, float(weights @ (values - centre) ** 2)

    tau2 = 0.0
    if weighted(0.0)[2] > k - 1:
        top = float(np.var(values, ddof=1)) + 1e-9
        while weighted(top)[2] > k - 1:
            top *= 2
        tau2 = float(brentq(lambda x: weighted(x)[2] - (k - 1), 0.0, top, xtol=1e-14))
    weights, centre, scatter = weighted(tau2)
    error = float(np.sqrt(max(1.0, scatter / (k - 1)) / weights.sum()))
    half = float(t.ppf((1 + level) / 2, k - 1)) * error
    reach = float(t.ppf((1 + level) / 2, k - 2) * np.sqrt(tau2 + error**2))
    return {
        "mean": centre,
        "interval": (centre - half, centre + half),
        "prediction": (centre - reach, centre + reach),
        "tau": float(np.sqrt(tau2)),
    }
