"""At most six plain sentences for the top of a report, each from a rule written here.

1. How well. Binary: AUROC with its interval; multiclass: macro AUROC; regression: R2. If the interval includes 0.5
   (R2: 0) the sentence says that the model may know nothing. Accuracy is never the headline: with 5 % diseased,
   calling everyone healthy is 95 % accurate. No adjectives such as "excellent": labels for AUROC values have no
   scientific basis (de Hond et al. 2022, doi:10.1016/S2589-7500(22)00188-1).
2. How sure. Fewer than 100 patients with or without a class are too few to tell (Vergouwe et al. 2005,
   doi:10.1016/j.jclinepi.2004.06.017; Collins et al. 2016, doi:10.1002/sim.6787); for a number as target fewer than
   235 patients, which know its spread to 10 % (Archer et al. 2021, doi:10.1002/sim.8766). Without a patient column
   the sentence says that samples of one patient may lie on both sides of a split.
3. Against the baseline: better, worse, or not distinguishable (see `compare`).
4. The decision. Binary: sensitivity and specificity at the frozen threshold, and if the lower bound could not reach
   its target on validation, that and what was done instead; multiclass: balanced accuracy.
5. Calibration, unless there are several classes, each with its own. Miscalibrated if the interval of the slope excludes
   1 or that of the intercept excludes 0 (regression: slope 1, mean error 0); Van Calster et al. 2019,
   doi:10.1186/s12916-019-1466-7. Not finding it is not proof.
6. Groups, if the predictions have any: the worst one, or that no difference could be shown (see `group_tests`). Else
   fold spread: lowest and highest headline value over the folds.
"""

from typing import Any

from bedside.cohort import Estimate, Task
from bedside.evaluation.compare import patients_per_class
from bedside.evaluation.metrics import HEADLINE, LABELS

ENOUGH_PER_CLASS = 100
ENOUGH_FOR_NUMBERS = 235


def sentences(result: dict[str, Any], task: Task) -> list[str]:
    """The sentences, from the other entries of estimates.json."""
    estimates = [Estimate.from_dict(record) for record in result["estimates"]]
    found = {(estimate.metric, estimate.of): estimate for estimate in estimates}
    said = [_how_well(found, task, result["n"]), _how_sure(patients_per_class(estimates, task), result["n"])]
    if result["baseline"]:
        said.append(result["baseline"]["sentence"])
    if task.kind == "binary":
        problem = (result.get("operating") or {}).get("problem", "")
        said.append(" ".join(part for part in (_decision(found, result["thresholds"]), problem) if part))
    if task.kind == "multiclass":
        said.append(f"Deciding for the likeliest class: balanced accuracy {found['balanced_accuracy', ''].text()}.")
    else:
        said.append(_calibration(found, task))
    groups = result.get("subgroups")
    said.append(groups["sentence"] if groups else _spread(result["spread"], task))
    return [sentence for sentence in said if sentence]


def _headline(found: dict[tuple[str, str], Estimate], task: Task) -> Estimate:
    return found[HEADLINE[task.kind], "macro" if task.kind == "multiclass" else ""]


def _how_well(found: dict[tuple[str, str], Estimate], task: Task, n: dict[str, Any]) -> str:
    headline = _headline(found, task)
    name = f"Macro {LABELS[headline.metric]}" if task.kind == "multiclass" else LABELS[headline.metric]
    if headline.value is None:
        return f"{name} cannot be given: {headline.method.removeprefix('not defined: ')}."
    nothing, ignorant = (0, "predicting the mean") if task.kind == "regression" else (0.5, "chance")
    if headline.high is not None and headline.high < nothing:
        return f"{name} {headline.text()}: worse than {ignorant}, which gives {nothing}."
    if headline.low is not None and headline.low <= nothing:
        return f"{name} {headline.text()}: the interval includes {nothing}, so it may be no better than {ignorant}."
    pairs = "pairs of samples of one fold" if n["folds"] > 1 else "pairs of samples"
    meaning = {
        "binary": f"the share of {pairs}, one of class {task.positive} and one not, that the scores put in the right order",
        "multiclass": f"the share of {pairs} from different classes put in the right order, averaged over the classes",
        "regression": "the share of the variation of the target that the predictions explain",
    }
    return f"{name} {headline.text()}: {meaning[task.kind]}."


def _how_sure(counts: dict[str, int], n: dict[str, Any]) -> str:
    """From the patients of each class, none for a number as target."""
    if not counts:
        tested = f"{n['patients']} patients"
        enough, need = n["patients"] >= ENOUGH_FOR_NUMBERS, str(ENOUGH_FOR_NUMBERS)
    else:
        tested = f"{n['patients']} patients ({', '.join(f'{count} of class {name}' for name, count in counts.items())})"
        enough, need = min(counts.values()) >= ENOUGH_PER_CLASS, f"{ENOUGH_PER_CLASS} of each class"
    if enough:
        said = f"Tested on {tested}; validating a model takes at least {need}."
    else:
        said = f"Too few patients to tell: tested on {tested}, and validating a model takes at least {need}."
    if n.get("linked"):
        said += " Patients who share a copy of a sample count as one."
    if not n["patient_column"]:
        said += " No patient column was named, so leakage between samples of one patient cannot be ruled out."
    return said


def _decision(found: dict[tuple[str, str], Estimate], thresholds: list[dict[str, Any]]) -> str:
    values = sorted({f"{record['value']:.2g}" for record in thresholds}, key=float)
    which = f"threshold {values[0]}" if len(values) == 1 else f"thresholds of the folds ({values[0]} to {values[-1]})"
    frozen = "chosen on validation samples" if thresholds[0]["chosen_on"] == "validation" else "given beforehand"
    sensitivity, specificity = found["sensitivity", ""], found["specificity", ""]
    return f"At the {which}, {frozen}: sensitivity {sensitivity.text()}, specificity {specificity.text()}."


def _calibration(found: dict[tuple[str, str], Estimate], task: Task) -> str:
    slope = found["calibration_slope", ""]
    shift = found["calibration_in_the_large" if task.kind == "regression" else "calibration_intercept", ""]
    if slope.value is None:
        return f"Calibration slope {slope.method}."
    flaws = _flaws(slope, shift, task)
    # An interval that holds 0 as well as 1 tells scores that mean nothing from perfect ones as little as none at all.
    unsure = slope.low is None or slope.high is None or shift.low is None or slope.low <= 0 <= slope.high
    what = "predictions are" if task.kind == "regression" else "scores are"
    finding = f"Miscalibrated: {what} {' and '.join(flaws)}" if flaws else "No miscalibration found"
    finding = "Calibration cannot be judged" if unsure and not flaws else finding
    return f"{finding} (slope {slope.text()}, ideal 1; {LABELS[shift.metric]} {shift.text()}, ideal 0)."


def _flaws(slope: Estimate, shift: Estimate, task: Task) -> list[str]:
    """What the intervals of slope and shift exclude, in words."""
    flaws = []
    if slope.high is not None and slope.high < 1:
        flaws.append("too extreme")
    if slope.low is not None and slope.low > 1:
        flaws.append("not extreme enough")
    if shift.low is not None and shift.high is not None and not shift.low <= 0 <= shift.high:
        too_high = (shift.low > 0) == (task.kind == "regression")  # mean error, or a correction of log odds
        flaws.append(f"too {'high' if too_high else 'low'} on average")
    return flaws


def _spread(spread: list[dict[str, Any]], task: Task) -> str:
    """Lowest and highest fold, if there are several."""
    for record in spread:
        if record["metric"] == HEADLINE[task.kind] and record["n_folds"] > 1:
            name = LABELS[record["metric"]]
            return f"Over {record['n_folds']} folds {name} ranged from {record['low']:.2f} to {record['high']:.2f}."
    return ""
