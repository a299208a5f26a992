"""At most six plain sentences for the top of a report, each by a rule with a number.

`RULES` lists them; docs/verdict.md says the same at greater length. No sentence has an adjective such as "excellent":
labels for AUROC values have no scientific basis (de Hond et al. 2022, doi:10.1016/S2589-7500(22)00188-1). Accuracy is never
the headline: with 5 % diseased, calling everyone healthy is 95 % accurate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bedside.cohort import Estimate, Task
from bedside.evaluation.calibration_verdict import calibrated_or_not
from bedside.evaluation.compare import patients_per_class
from bedside.evaluation.metrics import HEADLINE, LABELS
from bedside.evaluation.unchecked import NOTHING_KNOWN, Known, not_checked
from bedside.evaluation.worst_group import worst_group

ENOUGH_PER_CLASS = 100
ENOUGH_FOR_NUMBERS = 235
MOST = 6
GIVE_WAY = ("7", "4")  # groups of rules whose sentences are left out, in this order, if there are more than six

RULES = {
    "1.1": "The headline metric (binary AUROC, multiclass macro AUROC, regression R2) is not defined: the reason.",
    "1.2": "Its whole interval lies below 0.5 (R2: 0): worse than chance, or than predicting the mean.",
    "1.3": "Its interval includes 0.5 (R2: 0), or it has none: it may be no better than chance, or than predicting the mean.",
    "1.4": "Otherwise: the value with its interval and what it means.",
    "1.5": "With shuffled targets the pipeline scored above chance too: something leaks, added to 1.1 to 1.4.",
    "2.1": "Fewer than 100 patients with or without a class were tested (Vergouwe et al. 2005, "
    "doi:10.1016/j.jclinepi.2004.06.017; Collins et al. 2016, doi:10.1002/sim.6787), or with a number as target fewer than "
    "235, which know its spread to 10 % (Archer et al. 2021, doi:10.1002/sim.8766): too few patients to tell.",
    "2.2": "Otherwise: how many patients were tested.",
    "2.3": "Patients share copies of a sample: they count as one, added to 2.1 or 2.2.",
    "3": "There is a baseline: better, worse or not distinguishable, by the interval of the paired difference.",
    "4.1": "Binary: sensitivity and specificity at the frozen threshold.",
    "4.2": "Several classes: balanced accuracy.",
    "4.3": "The threshold could not reach what was asked of it on validation samples: the reason, added to 4.1.",
    "5.1": "The calibration slope is not defined: the reason.",
    "5.2": "The interval of the slope excludes 1 or that of the intercept (a number as target: of the mean error) excludes 0: "
    "miscalibrated, and how (Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7).",
    "5.3": "Neither, but the interval of the slope holds 0, or there is none: it cannot be judged.",
    "5.4": "Otherwise: no miscalibration found, which is no proof that there is none.",
    "5.5": "Several classes: 5.2 of each class against the rest, with intervals widened for the number of slopes and "
    "intercepts (Bonferroni): the classes that are miscalibrated, and how the worst is.",
    "5.6": "None is, but 5.1 or 5.3 holds of a class: its calibration cannot be judged.",
    "5.7": "Otherwise: no miscalibration of any class found, and the slope that lies farthest from 1.",
    "6.1": "The worst group differs from the others with p < 0.05 after Holm: it is named, with both values.",
    "6.2": "No group does: that no difference could be shown, and how large a one may be.",
    "6.3": "Groups were looked at but could not be compared, as with too few patients: the reason.",
    "7": "Several folds: the lowest and the highest headline value.",
    "8.1": "No patient column: leakage between samples of one patient was not checked.",
    "8.2": "No fold tested a site that its model had not seen: other hospitals were not checked.",
    "8.3": "No subgroup was looked at: groups of patients were not checked.",
    "8.4": "No baseline: a simpler model was not checked.",
    "8.5": "The pipeline was not run with shuffled targets: that it scores chance was not checked.",
    "8.6": "A network for images has no maps, or its maps failed a check: what it looked at was not checked.",
    "8.7": "The model that was kept was trained once more on everybody: that very model was not checked.",
}


@dataclass(frozen=True)
class Said:
    """A sentence and the numbers of the rules that made it."""

    rules: tuple[str, ...]
    text: str


def sentences(result: dict[str, Any], task: Task, known: Known = NOTHING_KNOWN) -> list[str]:
    """The sentences, from the other entries of estimates.json and what is known beside the predictions."""
    return [said.text for said in verdict(result, task, known)]


def verdict(result: dict[str, Any], task: Task, known: Known = NOTHING_KNOWN) -> list[Said]:
    """The sentences with their rules, in the order of the rules; at most six."""
    said = [one for one in _all(result, task, known) if one.text]
    for group in GIVE_WAY:
        if len(said) > MOST:
            said = [one for one in said if one.rules[0].partition(".")[0] != group]
    return said


def _all(result: dict[str, Any], task: Task, known: Known) -> Iterator[Said]:
    estimates = [Estimate.from_dict(record) for record in result["estimates"]]
    found = {(estimate.metric, estimate.of): estimate for estimate in estimates}
    yield _leaking(_how_well(found, task, result["n"]), known)
    yield _how_sure(patients_per_class(estimates, task), result["n"])
    if result["baseline"]:
        yield Said(("3",), result["baseline"]["sentence"])
    if task.kind == "binary":
        problem = (result.get("operating") or {}).get("problem", "")
        yield _with(Said(("4.1",), _decision(found, result["thresholds"])), "4.3", problem)
    if task.kind == "multiclass":
        text = f"Deciding for the likeliest class: balanced accuracy {found['balanced_accuracy', ''].text()}."
        yield Said(("4.2",), text)
    yield Said(*calibrated_or_not(found, task))
    yield Said(*worst_group(result.get("subgroups")))
    yield Said(("7",), _spread(result["spread"], task))
    yield Said(*not_checked(result, known))


def _with(said: Said, rule: str, more: str) -> Said:
    """The sentence with another one behind it, if there is one."""
    return Said((*said.rules, rule), f"{said.text} {more}") if more else said


def _leaking(said: Said, known: Known) -> Said:
    warning = (
        "With shuffled targets the same pipeline scored above chance too, so something leaks: do not trust this number."
    )
    return _with(said, "1.5", warning if known.leaking else "")


def _headline(found: dict[tuple[str, str], Estimate], task: Task) -> Estimate:
    return found[HEADLINE[task.kind], "macro" if task.kind == "multiclass" else ""]


def _how_well(found: dict[tuple[str, str], Estimate], task: Task, n: dict[str, Any]) -> Said:
    headline = _headline(found, task)
    name = f"Macro {LABELS[headline.metric]}" if task.kind == "multiclass" else LABELS[headline.metric]
    if headline.value is None:
        return Said(("1.1",), f"{name} cannot be given: {headline.method.removeprefix('not defined: ')}.")
    nothing, ignorant = (0, "predicting the mean") if task.kind == "regression" else (0.5, "chance")
    if headline.high is not None and headline.high < nothing:
        return Said(("1.2",), f"{name} {headline.text()}: worse than {ignorant}, which gives {nothing}.")
    if headline.low is None or headline.low <= nothing:
        why = "no interval can be given" if headline.low is None else f"the interval includes {nothing}"
        return Said(("1.3",), f"{name} {headline.text()}: {why}, so it may be no better than {ignorant}.")
    pairs = "pairs of samples of one fold" if n["folds"] > 1 else "pairs of samples"
    ranked = [one.of for one in found.values() if one.metric == "auroc" and one.value is not None]
    left_out = [name for name in task.classes if name not in ranked] if task.kind == "multiclass" and ranked else []
    which = f" except {' and '.join(left_out)}, which had no pair" if left_out else ""
    meaning = {
        "binary": f"the share of {pairs}, one of class {task.positive} and one not, that the scores put in the right order",
        "multiclass": f"the share of {pairs} from different classes put in the right order, averaged over the classes{which}",
        "regression": "the share of the variation of the target that the predictions explain",
    }
    return Said(("1.4",), f"{name} {headline.text()}: {meaning[task.kind]}.")


def _how_sure(counts: dict[str, int], n: dict[str, Any]) -> Said:
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
    copies = "Patients who share a copy of a sample count as one." if n.get("linked") else ""
    return _with(Said(("2.2" if enough else "2.1",), said), "2.3", copies)


def _decision(found: dict[tuple[str, str], Estimate], thresholds: list[dict[str, Any]]) -> str:
    values = sorted({f"{record['value']:.2g}" for record in thresholds}, key=float)
    which = f"threshold {values[0]}" if len(values) == 1 else f"thresholds of the folds ({values[0]} to {values[-1]})"
    frozen = "chosen on validation samples" if thresholds[0]["chosen_on"] == "validation" else "given beforehand"
    sensitivity, specificity = found["sensitivity", ""], found["specificity", ""]
    return f"At the {which}, {frozen}: sensitivity {sensitivity.text()}, specificity {specificity.text()}."


def _spread(spread: list[dict[str, Any]], task: Task) -> str:
    """Lowest and highest fold, if there are several."""
    for record in spread:
        if record["metric"] == HEADLINE[task.kind] and record["n_folds"] > 1:
            name = LABELS[record["metric"]]
            return f"Over {record['n_folds']} folds {name} ranged from {record['low']:.2f} to {record['high']:.2f}."
    return ""
