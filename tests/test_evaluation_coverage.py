"""95 % intervals contain the truth in 93 to 97 % of 1,000 simulated studies; taking rows for patients does not."""

import pytest

from simulated_studies import coverage

CLOSED = ["auroc", "sensitivity", "specificity", "ppv", "npv"]
DRAWN = ["brier", "calibration_intercept", "ppv_at_prevalence", "npv_at_prevalence"]


def promised(found):
    return {name: share for name, share in found.items() if not 0.93 <= share <= 0.97}


@pytest.mark.parametrize(("patients", "per_patient"), [(100, 1), (100, 4)])
def test_closed_forms_cover_what_they_promise(patients, per_patient):
    """AUROC by DeLong on the logit scale, proportions by Wilson; 40 of 100 patients are ill."""
    found = coverage(1000, CLOSED, patients=patients, per_patient=per_patient, resamples=1)
    assert promised(found) == {}


@pytest.mark.parametrize(("patients", "per_patient"), [(100, 1), (100, 4)])
def test_resampled_patients_cover_what_they_promise(patients, per_patient):
    found = coverage(1000, DRAWN, patients=patients, per_patient=per_patient)
    assert promised(found) == {}


def test_fifty_patients_are_enough_for_wilson_and_delong():
    assert promised(coverage(500, CLOSED, patients=50, resamples=1)) == {}


def test_with_few_patients_percentiles_miss_where_bca_and_delong_do_not():
    """Why `auto` is not the percentile bootstrap: with 40 patients it promises too much of an AUROC."""
    names = ["auroc", "calibration_slope"]
    plain, better = (coverage(200, names, patients=40, interval=kind) for kind in ("percentile", "auto"))
    for name in names:
        assert abs(better[name] - 0.95) < abs(plain[name] - 0.95), name
    assert plain["calibration_slope"] < 0.93


@pytest.mark.parametrize("interval", ["auto", "percentile"])
def test_rows_taken_for_patients_promise_too_much(interval):
    """Four samples per patient: every naive interval misses at least twice as often as it says."""
    names = ["auroc", "sensitivity", "specificity", *["brier"] * (interval == "percentile")]
    found = coverage(300, names, patients=100, per_patient=4, resamples=150, interval=interval, naive=True)
    assert max(found.values()) < 0.9
    assert len(found) == len(names)
