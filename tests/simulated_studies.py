"""Simulated studies whose truth is known in closed form, and how often intervals contain it.

    python tests/simulated_studies.py          prints the coverage table of docs/evaluation.md (some minutes)

A patient is ill with probability 0.4. The marker of a sample is normal, 1.2 higher if ill, and samples of one patient
correlate by 0.6. The score is the true probability given this marker, so calibration is perfect, and the threshold
lies midway between the classes.
"""

import sys

import numpy as np
from scipy.integrate import quad
from scipy.special import expit, logit
from scipy.stats import norm

from bedside.evaluation.calibration import recalibrated
from bedside.evaluation.intervals import Panel, estimates
from bedside.evaluation.metrics import _decisions, _ranking, at_prevalence, binary
from bedside.evaluation.statistics import mean

ILL, AHEAD, ALIKE, PREVALENCE = 0.4, 1.2, 0.6, 0.05
RATE = norm.cdf(AHEAD / 2)  # sensitivity and specificity


def score_of(marker):
    return expit(logit(ILL) + AHEAD * marker - AHEAD**2 / 2)


def _squared_error():
    def at(x):
        ill, well = ILL * norm.pdf(x, AHEAD), (1 - ILL) * norm.pdf(x)
        return ill * (1 - score_of(x)) ** 2 + well * score_of(x) ** 2

    return quad(at, -10, 12)[0]


TRUTH = {
    "auroc": norm.cdf(AHEAD / np.sqrt(2)),
    "accuracy": RATE,
    "balanced_accuracy": RATE,
    "sensitivity": RATE,
    "specificity": RATE,
    "ppv": ILL * RATE / (ILL * RATE + (1 - ILL) * (1 - RATE)),
    "npv": (1 - ILL) * RATE / ((1 - ILL) * RATE + ILL * (1 - RATE)),
    "ppv_at_prevalence": PREVALENCE * RATE / (PREVALENCE * RATE + (1 - PREVALENCE) * (1 - RATE)),
    "npv_at_prevalence": (1 - PREVALENCE) * RATE / ((1 - PREVALENCE) * RATE + PREVALENCE * (1 - RATE)),
    "brier": _squared_error(),
    "calibration_slope": 1.0,
    "calibration_intercept": 0.0,
}


def studies(number, *, patients, per_patient=1, share=ILL, seed=0):
    """(truth, score, patient of each sample) of so many studies; both classes are in each."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), per_patient)
    shared = np.sqrt(ALIKE) if per_patient > 1 else 0.0
    for _ in range(number):
        ill = rng.random(patients) < share
        ill[:2] = [True, False]
        marker = shared * rng.normal(size=patients)[owner] + np.sqrt(1 - shared**2) * rng.normal(size=len(owner))
        yield ill[owner], score_of(AHEAD * ill[owner] + marker), owner


def metrics_of(truth, score, names):
    """The named metrics; those that no name asks for are not made, which would take most of the time."""
    if set(names) & {"calibration_slope", "average_precision", "balanced_accuracy"}:
        made = binary(truth, score, score >= ILL, prevalence=PREVALENCE)
    else:
        decision = score >= ILL
        made = [*_ranking(truth, score, "ill", None), *_decisions(truth, decision, "ill")]
        made += [*at_prevalence(truth, decision, PREVALENCE), mean("brier", (truth - score) ** 2)]
        made += recalibrated(truth, score, "ill")[1:] if "calibration_intercept" in names else []
    return [metric for metric in made if metric.name in names]


def coverage(number, names, *, patients, per_patient=1, share=ILL, resamples=200, interval="auto", naive=False, seed=0):
    """Share of studies whose 95 % interval contains the truth, by metric; `naive` takes each row for a patient.

    Another share of ill patients than `ILL` leaves the AUROC, sensitivity and specificity as they are, and nothing else.
    All studies share one set of draws, which saves making them; the patients of each study are its own.
    """
    units = patients * per_patient if naive else patients
    draws = np.random.default_rng(seed + 1).multinomial(units, np.full(units, 1 / units), size=resamples)
    draws, ones = draws.astype(np.float32), np.ones((1, units))
    inside = {name: [] for name in names}
    for truth, score, owner in studies(number, patients=patients, per_patient=per_patient, share=share, seed=seed):
        panel = Panel(metrics_of(truth, score, names), np.arange(units) if naive else owner, units)
        found = estimates([panel], panel(ones)[0], panel(draws), level=0.95, interval=interval)
        for estimate in found:
            if estimate.low is not None:
                inside[estimate.metric].append(estimate.low <= TRUTH[estimate.metric] <= estimate.high)
    return {name: float(np.mean(hits)) for name, hits in inside.items()}


def main():
    """One line for each size and kind of interval: coverage in percent."""
    for patients, per_patient in ((50, 1), (100, 1), (200, 1), (50, 4), (100, 4)):
        for interval in ("auto", "percentile"):
            sizes = {"patients": patients, "per_patient": per_patient, "resamples": 400}
            found = coverage(1000, list(TRUTH), **sizes, interval=interval)
            row = ", ".join(f"{name} {100 * share:.1f}" for name, share in found.items())
            sys.stdout.write(f"{patients} x {per_patient}, {interval}: {row}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
