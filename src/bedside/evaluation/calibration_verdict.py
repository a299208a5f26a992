"""Calibrated or not, in a sentence for the top of a report; rules 5 of the verdict."""

from dataclasses import replace

from scipy.stats import norm

from bedside.cohort import Estimate, Task
from bedside.evaluation.metrics import LABELS

Found = dict[tuple[str, str], Estimate]  # by metric and class
Verdict = tuple[tuple[str, ...], str]  # numbers of the rules, and the sentence


def calibrated_or_not(found: Found, task: Task) -> Verdict:
    """What the intervals of slope and intercept exclude; of several classes each class against the rest."""
    return _of_classes(found, task) if task.kind == "multiclass" else _of_one(found, task)


def _of_one(found: Found, task: Task) -> Verdict:
    slope = found["calibration_slope", ""]
    shift = found["calibration_in_the_large" if task.kind == "regression" else "calibration_intercept", ""]
    if slope.value is None:
        return ("5.1",), f"Calibration slope {slope.method}."
    wrong = flaws(slope, shift)
    what = "predictions are" if task.kind == "regression" else "scores are"
    rule, finding = "5.4", "No miscalibration found"
    if wrong:
        rule, finding = "5.2", f"Miscalibrated: {what} {' and '.join(wrong)}"
    elif unsure(slope, shift):
        rule, finding = "5.3", "Calibration cannot be judged"
    return (rule,), f"{finding} {_numbers(slope, shift)}."


def _of_classes(found: Found, task: Task) -> Verdict:
    names = [name for name in task.classes if ("calibration_slope", name) in found]
    lines = {name: (found["calibration_slope", name], found["calibration_intercept", name]) for name in names}
    if not lines:
        return (), ""
    wrong = {}
    for name, (slope, shift) in lines.items():
        wrong[name] = flaws(widened(slope, 2 * len(lines)), widened(shift, 2 * len(lines)))
    flawed = sorted((name for name in lines if wrong[name]), key=lambda name: -_off(*lines[name]))
    doubtful = [name for name, line in lines.items() if line[0].value is None or unsure(*line)]
    if flawed:
        worst, *others = flawed
        too = f"; {_listed(others, len(lines))} too" if others else ""
        what = " and ".join(wrong[worst])
        return ("5.5",), f"Miscalibrated: scores of class {worst} are {what} {_numbers(*lines[worst])}{too}."
    if doubtful:
        which = _listed(doubtful, len(lines))
        return ("5.6",), f"Calibration of {which} cannot be judged {_numbers(*lines[doubtful[0]])}."
    farthest = max(lines, key=lambda name: abs((lines[name][0].value or 0.0) - 1))
    return (
        "5.7",
    ), f"No miscalibration of any class found (farthest off: {farthest}, {_numbers(*lines[farthest])[1:]}."


def _listed(names: list[str], of: int) -> str:
    return f"class {' and '.join(names)}" if len(names) < 3 else f"{len(names)} of {of} classes"


def widened(estimate: Estimate, tests: int) -> Estimate:
    """The estimate with an interval that holds for so many at once, each side stretched as that of a normal distribution."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return estimate
    alpha = 1 - estimate.level
    by = float(norm.ppf(1 - alpha / (2 * tests)) / norm.ppf(1 - alpha / 2))
    low, high = (estimate.value + by * (end - estimate.value) for end in (estimate.low, estimate.high))
    return replace(estimate, low=low, high=high)


def _off(slope: Estimate, shift: Estimate) -> float:
    """The larger distance of both from the ideal, in half widths of their intervals."""
    off = 0.0
    for estimate, ideal in ((slope, 1.0), (shift, 0.0)):
        if estimate.value is not None and estimate.low is not None and estimate.high is not None:
            half = max((estimate.high - estimate.low) / 2, 1e-12)
            off = max(off, abs(estimate.value - ideal) / half)
    return off


def unsure(slope: Estimate, shift: Estimate) -> bool:
    """An interval that holds 0 as well as 1 tells scores that mean nothing from perfect ones as little as none at all."""
    return slope.low is None or slope.high is None or shift.low is None or slope.low <= 0 <= slope.high


def _numbers(slope: Estimate, shift: Estimate) -> str:
    return f"(slope {slope.text()}, ideal 1; {LABELS[shift.metric]} {shift.text()}, ideal 0)"


def flaws(slope: Estimate, shift: Estimate) -> list[str]:
    """What the intervals of slope and shift exclude, in words."""
    found = []
    if slope.high is not None and slope.high < 1:
        found.append("too extreme" if slope.high >= 0 else "the wrong way round")
    if slope.low is not None and slope.low > 1:
        found.append("not extreme enough")
    if shift.low is not None and shift.high is not None and not shift.low <= 0 <= shift.high:
        too_high = (shift.low > 0) == (
            shift.metric == "calibration_in_the_large"
        )  # an error, or a correction of log odds
        found.append(f"too {'high' if too_high else 'low'} on average")
    return found
