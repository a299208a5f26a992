"""Does performance still grow with the number of patients?

The answer comes from one difference that was named beforehand: everything against half of it, on the same test
patients. The curve through all sizes is drawn for the eye; beyond the data it is a guess.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from bedside.cohort import Estimate
from bedside.evaluation.compare import judge, signed
from bedside.evaluation.metrics import LABELS

WORTH = {"auroc": 0.01, "r2": 0.02}  # a gain by twice as many patients that is worth having
FEWEST_SIZES = 4  # for a curve with three numbers
BEYOND = 2.0  # times the largest size that the curve is drawn
SOURCE = "Figueroa et al. 2012, doi:10.1186/1472-6947-12-8"


def growth(
    candidates: Sequence[dict[str, Any]], pairs: Sequence[dict[str, Any]], headline: str, level: float
) -> dict[str, Any]:
    """The entry `growth` of curve.json.

    Args:
        candidates: sizes from the smallest to the largest, each with `name`, `patients` and its estimates.
        pairs: differences between sizes, as `compare_candidates` gives them.
        headline: name of the metric.
        level: coverage of the intervals, in 0..1.
    """
    largest = candidates[-1]
    half = min(candidates[:-1], key=lambda size: abs(size["patients"] - largest["patients"] / 2))
    pair = next(p for p in pairs if {p["first"], p["second"]} == {largest["name"], half["name"]})
    difference = Estimate.from_dict(pair["difference"])
    if pair["first"] != largest["name"]:
        difference = _turned(difference)
    verdict = _verdict(difference, pair["p"], headline, level)
    points = [(size["patients"], _value(size, headline)) for size in candidates]
    return {
        "against": half["name"],
        "pair": pair,
        "verdict": verdict,
        "sentence": _sentence(half, largest, difference, verdict, headline),
        "fit": power_law([(n, value) for n, value in points if value is not None]),
    }


def _turned(difference: Estimate) -> Estimate:
    """The same difference the other way round."""
    value, low, high = (None if end is None else -end for end in (difference.value, difference.high, difference.low))
    return Estimate.from_dict({**difference.to_dict(), "value": value, "low": low, "high": high})


def _value(size: dict[str, Any], headline: str) -> float | None:
    return next(e["value"] for e in size["estimates"] if e["metric"] == headline and e["of"] in ("", "macro"))


def _verdict(difference: Estimate, p: float | None, headline: str, level: float) -> str:
    """likely, unlikely or not distinguishable; one test that was planned, so nothing is adjusted."""
    if p is None or difference.value is None or difference.low is None or difference.high is None:
        return "not distinguishable"
    if p < 1 - level and judge(difference) == "better":
        return "likely"
    return "unlikely" if difference.high < WORTH[headline] else "not distinguishable"


def _sentence(half: dict[str, Any], largest: dict[str, Any], difference: Estimate, verdict: str, headline: str) -> str:
    label = LABELS[headline]
    steps = f"From {half['patients']:,.0f} to {largest['patients']:,.0f} training patients"
    if difference.value is None:
        return f"{steps} no difference of {label} is defined: whether more patients help cannot be told."
    fact = f"{steps} {label} changed by {signed(difference)}"
    return {
        "likely": f"{fact}: more patients are likely to help.",
        "unlikely": f"{fact}; twice as many patients gained less than {WORTH[headline]:g}: more patients of the same kind are unlikely to help much.",
        "not distinguishable": f"{fact}, not distinguishable from no gain: whether more patients help cannot be told from these data.",
    }[verdict]


def power_law(points: Sequence[tuple[float, float]]) -> dict[str, Any] | None:
    """value = a - b n^-c through the sizes, drawn to twice the largest; None if no such curve fits.

    Args:
        points: (patients, value) by size.
    """
    import warnings

    if len(points) < FEWEST_SIZES:
        return None
    n, value = np.array(points, dtype=np.float64).T
    scale = n[-1]  # keeps b near the size of the gain
    with warnings.catch_warnings():
        warnings.simplefilter("error", OptimizeWarning)
        try:
            start = (value[-1] + 0.01, max(value[-1] - value[0], 0.01), 0.5)
            (a, b, c), _ = curve_fit(
                lambda n, a, b, c: a - b * (n / scale) ** -c,
                n,
                value,
                p0=start,
                sigma=n**-0.5,  # estimates from more patients vary less, and the end is what is asked about
                bounds=([-10, 0, 0.01], [1, 10, 3]),
            )
        except (RuntimeError, ValueError, OptimizeWarning):
            return None
    if b < 1e-6:
        return None  # a level line says nothing that the points do not
    at = np.geomspace(n[0], BEYOND * n[-1], 60)
    drawn = a - b * (at / scale) ** -c
    return {
        "form": "inverse power law",
        "a": float(a),
        "b": float(b * scale**c),
        "c": float(c),
        "points": [[float(x), float(y)] for x, y in zip(at, drawn, strict=True)],
        "source": SOURCE,
    }
