"""What if the model may be silent? Errors among the samples it is surest of, the others left to a person.

How sure a decision is: in a binary task how far the score lies from the threshold of its fold in log odds, with several
classes the highest score. A curve over the share that is answered is a risk-coverage curve (El-Yaniv & Wiener 2010,
Journal of Machine Learning Research 11:1605; Geifman & El-Yaniv 2017, arXiv:1705.08500). Who is silent at random errs as often on what he
answers as on everything, so the curve of random abstention is flat and the two are compared on the same resampled patients.
"""

from typing import Any

import numpy as np

from bedside.cohort import Estimate, share_text
from bedside.evaluation.calibration import log_odds
from bedside.evaluation.compare import FEWEST
from bedside.evaluation.coverage import share
from bedside.evaluation.intervals import Panel, estimates, percentile, resample
from bedside.evaluation.panels import averaged, presence
from bedside.evaluation.statistics import Metric
from bedside.evaluation.subgroups import Judged
from bedside.evaluation.thresholds import decide
from bedside.settings import EvaluationSettings

SHARES = tuple(k / 20 for k in range(20, 0, -1))  # answered, from everything down to a twentieth
TOLD = 0.8  # the share that the sentence speaks of
ALIKE = 1e-5  # log odds: those of scores of 0 and 1 differ by rounding


def abstention(tested: Judged, settings: EvaluationSettings, *, seed: int) -> dict[str, Any] | None:
    """The part `abstention` of the uncertainty; None where the target is a number, whose predictions come without doubt."""
    if tested.task.kind == "regression":
        return None
    sure, wrong = sureness(tested)
    if np.ptp(sure) < ALIKE:
        return {"why": "the model is equally sure of every sample"}
    repeats, n_patients = tested.rows["repeat"].to_numpy(), int(tested.units.max()) + 1
    panels = []
    for repeat in np.unique(repeats):
        here = repeats == repeat  # models of one repeat may be surer of everything than those of another
        cuts = np.quantile(sure[here], [1 - part for part in SHARES], method="higher")
        metrics = [metric for cut in cuts for metric in _metrics(tested, sure >= cut, wrong, here)]
        panels.append(Panel(metrics, tested.units[here], n_patients))
    joined = averaged(panels)
    values = joined(np.ones((1, n_patients)))[0]
    draws = resample(joined, presence(tested.rows, tested.task, tested.units), resamples=settings.resamples, seed=seed)
    found = estimates(panels, values, draws, level=settings.level, interval=settings.interval)
    width = len(found) // len(SHARES)
    points = [_point(found[start : start + width]) for start in range(0, len(found), width)]
    # The error is the first metric of each point, and random abstention errs as everything does.
    errors, drawn = values[::width], draws[:, ::width]
    area = _difference("error_area", errors.mean() - errors[0], drawn.mean(axis=1) - drawn[:, 0], tested, settings)
    told = SHARES.index(TOLD)
    gain = _difference("error", errors[told] - errors[0], drawn[:, told] - drawn[:, 0], tested, settings)
    return {
        "points": points,
        "area": area.to_dict(),
        "gain": {"answered": points[told]["answered"], "difference": gain.to_dict()},
        "sentence": sentence(points, gain, told),
    }


def sureness(tested: Judged) -> tuple[np.ndarray, np.ndarray]:
    """How sure the decision of each test row is, any rising number, and whether it is wrong; (n,) each."""
    scores = tested.rows[tested.task.score_columns()].to_numpy(dtype=np.float64)
    if tested.task.kind == "multiclass":
        return scores.max(axis=1), scores.argmax(axis=1) != tested.target
    known = {(record["repeat"], record["fold"]): record["value"] for record in tested.thresholds}
    cut = np.array([known[key] for key in zip(tested.rows["repeat"], tested.rows["fold"], strict=True)])
    alarm = decide(tested.rows, tested.task, tested.thresholds)
    return np.abs(log_odds(scores[:, 1]) - log_odds(cut)), alarm != (tested.target == 1)


def _metrics(tested: Judged, answered: np.ndarray, wrong: np.ndarray, here: np.ndarray) -> list[Metric]:
    """Error and share answered, and for a binary task sensitivity and specificity, among the answered rows of a repeat."""
    inside, right = answered[here], ~wrong[here]
    found = [share("error", inside, ~right), share("answered", np.ones(len(inside), dtype=bool), inside)]
    if tested.task.kind == "binary":
        ill = (tested.target == 1)[here]
        found += [share("sensitivity", inside & ill, right), share("specificity", inside & ~ill, right)]
    return found


def _point(found: list[Estimate]) -> dict[str, Any]:
    """One share: what is answered, and the metrics; null where they rest on fewer than `FEWEST` patients."""
    by = {estimate.metric: estimate for estimate in found}
    return {
        "answered": by["answered"].value,
        **{
            name: by[name].to_dict()
            if name in by and by[name].n_patients >= FEWEST and by[name].value is not None
            else None
            for name in ("error", "sensitivity", "specificity")
        },
    }


def _difference(name: str, value: float, draws: np.ndarray, tested: Judged, settings: EvaluationSettings) -> Estimate:
    """Error with abstention minus error with random abstention, on the same resampled patients."""
    n = tested.patients(np.ones(len(tested.rows), dtype=bool))
    low, high, method = percentile(draws, level=settings.level, n_patients=n)
    samples = int(tested.rows["sample"].nunique())
    return Estimate(name, float(value), low, high, settings.level, n, samples, f"paired: {method}")


def sentence(points: list[dict[str, Any]], gain: Estimate, told: int) -> str:
    """What leaving the least sure to a person would change."""
    everything, some = points[0]["error"], points[told]["error"]
    if everything is None or some is None:
        return "Too few patients to tell whether abstaining lowers the error."
    if everything["value"] == 0:
        return "There was no error, so there is none that abstaining could spare."
    if gain.low is None or gain.high is None:
        return "Whether abstaining lowers the error cannot be told: every resample of the patients gives the same difference."
    silent = share_text(1 - points[told]["answered"])
    texts = [Estimate.from_dict(record).text() for record in (everything, some)]
    d = gain.digits()
    if round(gain.high, d) < 0:
        return (
            f"Left the {silent} it is least sure of to a person, the model errs on {texts[1]} of the rest instead of "
            f"{texts[0]} of all; leaving out as many at random would change nothing."
        )
    if round(gain.low, d) > 0:
        return f"Its doubts mislead: without the {silent} it is least sure of it errs more often, {texts[1]} instead of {texts[0]}."
    return (
        f"Whether its doubts are worth anything cannot be told: without the {silent} it is least sure of it errs on "
        f"{texts[1]} instead of {texts[0]}."
    )
