"""Every rule of the verdict speaks when it should, is silent when it should not, and stands in the documentation."""

import re
from pathlib import Path

import pytest

from bedside.cohort import Estimate, Task
from bedside.evaluation import verdict
from bedside.evaluation.unchecked import Known
from bedside.folder import Run, write_json
from bedside.report import brief
from report_runs import BINARY, make_run

KINDS = {
    "binary": Task("binary", ("no", "yes")),
    "multiclass": Task("multiclass", ("a", "b")),
    "regression": Task("regression"),
}
WELL = Known(sites=3, unseen_sites=True, subgroups=True, baseline=True, permuted=True)  # nothing left to check


def estimate(metric, value, low, high, *, of="", n=300, method="bootstrap"):
    return Estimate(metric, value, low, high, 0.95, n, n, method, of).to_dict()


def result(kind="binary", **changes):
    """estimates.json of a good, well tested, calibrated model; `changes` replace estimates by (metric, of), or entries."""
    slope, shift = (
        ("calibration_slope", 1.0, 0.9, 1.1),
        {"regression": "calibration_in_the_large"}.get(kind, "calibration_intercept"),
    )
    known = {
        "binary": [("auroc", 0.8, 0.75, 0.85), ("sensitivity", 0.8, 0.7, 0.9), ("specificity", 0.7, 0.6, 0.8)],
        "multiclass": [],
        "regression": [("r2", 0.5, 0.4, 0.6)],
    }[kind]
    found = {(metric, ""): (value, low, high) for metric, value, low, high in known}
    if kind == "multiclass":
        found = {("auroc", "macro"): (0.8, 0.7, 0.9), ("sensitivity", "a"): (0.8, 0.7, 0.9), ("sensitivity", "b"): (0.8, 0.7, 0.9),
                 ("balanced_accuracy", ""): (0.7, 0.6, 0.8)}  # fmt: skip
        for name in ("a", "b"):
            found |= {("calibration_slope", name): (1.0, 0.9, 1.1), ("calibration_intercept", name): (0.0, -0.2, 0.2)}
    else:
        found |= {(slope[0], ""): slope[1:], (shift, ""): (0.0, -0.2, 0.2)}
    found |= changes.pop("estimates", {})
    n = {"patients": 300, "patient_column": True, "folds": 1, "repeats": 1, "linked": False} | changes.pop("n", {})
    counts = changes.pop("counts", {})
    records = [
        estimate(
            metric,
            *values[:3],
            of=of,
            n=counts.get((metric, of), 300),
            method=values[3] if len(values) > 3 else "bootstrap",
        )
        for (metric, of), values in found.items()
    ]
    return {
        "estimates": records, "n": n, "baseline": {"sentence": "Better than the baseline."}, "spread": [],
        "thresholds": [{"value": 0.3, "chosen_on": "validation"}], "subgroups": SHOWN, **changes,
    }  # fmt: skip


def groups(p, sentence):
    """As `subgroups.by_group` gives them, with one test."""
    test = {"column": "sex", "group": "f", "against": "m", "p": p, "p_adjusted": p}
    worst = test if p is not None and p < 0.05 else None
    return {"columns": [{"column": "sex"}], "tests": [test], "worst": worst, "sentence": sentence}


def said(record, known=WELL, kind="binary"):
    """{rule: sentence} of every rule that spoke."""
    return {rule: one.text for one in verdict.verdict(record, KINDS[kind], known) for rule in one.rules}


AUROC, SLOPE, SHIFT = ("auroc", ""), ("calibration_slope", ""), ("calibration_intercept", "")
SPREAD = [{"metric": "auroc", "n_folds": 5, "low": 0.71, "high": 0.89}]
SHOWN = groups(0.4, "No difference could be shown.")
WORST = groups(0.04, "Worst group by AUROC: sex f.")
FEW = groups(None, "Groups of sex could not be compared.")

# rule: (planted estimates, what is known, words it must say), and estimates in which it must be silent
PLANTED = {
    "1.1": ((result(estimates={AUROC: (None, None, None, "not defined: no sample is yes")}), WELL, "cannot be given: no sample is yes"), result()),
    "1.2": ((result(estimates={AUROC: (0.4, 0.3, 0.49)}), WELL, "worse than chance"), result(estimates={AUROC: (0.4, 0.3, 0.51)})),
    "1.3": ((result(estimates={AUROC: (0.6, 0.49, 0.7)}), WELL, "the interval includes 0.5"), result(estimates={AUROC: (0.6, 0.51, 0.7)})),
    "1.4": ((result(), WELL, "AUROC 0.80 [0.75, 0.85]: the share of pairs"), result(estimates={AUROC: (0.6, 0.49, 0.7)})),
    "1.5": ((result(), Known(permuted=True, leaking=True), "something leaks"), result()),
    "2.1": ((result(counts={("sensitivity", ""): 99}), WELL, "Too few patients to tell: tested on 300 patients (99 of class yes"), result(counts={("sensitivity", ""): 100})),
    "2.2": ((result(counts={("sensitivity", ""): 100}), WELL, "Tested on 300 patients (100 of class yes"), result(counts={("sensitivity", ""): 99})),
    "2.3": ((result(n={"linked": True}), WELL, "share a copy of a sample count as one"), result()),
    "3": ((result(), WELL, "Better than the baseline."), result(baseline=None)),
    "4.1": ((result(), WELL, "At the threshold 0.3, chosen on validation samples: sensitivity 0.80"), result(spread=SPREAD, n={"patient_column": False})),
    "4.3": ((result(operating={"problem": "The bound was not reached."}), WELL, "The bound was not reached."), result(operating={})),
    "5.1": ((result(estimates={SLOPE: (None, None, None, "not estimable: all scores are equal")}), WELL, "not estimable"), result()),
    "5.2": ((result(estimates={SLOPE: (0.7, 0.5, 0.9)}), WELL, "Miscalibrated: scores are too extreme"), result(estimates={SLOPE: (0.7, 0.5, 1.01)})),
    "5.3": ((result(estimates={SLOPE: (0.7, -0.1, 1.5)}), WELL, "cannot be judged"), result(estimates={SLOPE: (0.7, 0.1, 1.5)})),
    "5.4": ((result(), WELL, "No miscalibration found"), result(estimates={SHIFT: (0.3, 0.1, 0.5)})),
    "6.1": ((result(subgroups=WORST), WELL, "Worst group by AUROC: sex f."), result()),
    "6.2": ((result(subgroups=SHOWN), WELL, "No difference could be shown."), result(subgroups=WORST)),
    "6.3": ((result(subgroups=FEW), WELL, "Groups of sex could not be compared."), result(subgroups=SHOWN)),
    "7": ((result(spread=SPREAD, subgroups=None), Known(), "Over 5 folds AUROC ranged from 0.71 to 0.89."), result(spread=[{**SPREAD[0], "n_folds": 1}])),
    "8.1": ((result(n={"patient_column": False}), WELL, "leakage between samples of one patient (no patient column)"), result()),
    "8.2": ((result(), Known(sites=1), "other hospitals (one site only)"), result()),
    "8.3": ((result(subgroups=None), WELL, "groups of patients"), result()),
    "8.4": ((result(baseline=None), Known(baseline=False), "a simple baseline (it was switched off)"), result()),
    "8.5": ((result(), Known(permuted=False), "whether shuffled targets score chance"), result()),
    "8.6": ((result(), Known(maps="its maps failed the check of deletion"), "what the network looked at (its maps failed"), result()),
    "8.7": ((result(), Known(refit=True), "trained once more on everybody"), result()),
}  # fmt: skip


@pytest.mark.parametrize("rule", PLANTED)
def test_a_rule_speaks_of_what_was_planted_and_not_otherwise(rule):
    (planted, known, words), clean = PLANTED[rule]
    assert words in said(planted, known)[rule]
    assert rule not in said(clean)


def test_several_classes_and_numbers_have_rules_of_their_own():
    classes = said(result("multiclass"), kind="multiclass")
    assert "balanced accuracy 0.70 [0.60, 0.80]" in classes["4.2"]
    assert "4.1" not in classes
    assert "4.2" not in said(result())
    few, enough = (said(result("regression", n={"patients": n}), kind="regression") for n in (234, 235))
    assert "Too few patients to tell: tested on 234 patients" in few["2.1"]
    assert "2.2" in enough
    nothing = said(result("regression", estimates={("r2", ""): (0.1, -0.1, 0.3)}), kind="regression")
    assert "the interval includes 0, so it may be no better than predicting the mean" in nothing["1.3"]


def test_without_an_interval_nothing_is_said_to_be_better_than_chance():
    text = said(result(estimates={AUROC: (0.9, None, None)}))["1.3"]
    assert text == "AUROC 0.90 [no interval]: no interval can be given, so it may be no better than chance."


def test_a_macro_average_says_which_class_it_leaves_out():
    each = {("auroc", "a"): (0.8, 0.7, 0.9), ("auroc", "b"): (None, None, None)}
    assert (
        "averaged over the classes except b, which had no pair."
        in said(result("multiclass", estimates=each), kind="multiclass")["1.4"]
    )


def test_scores_that_fall_where_risk_rises_are_not_called_too_extreme():
    text = said(result(estimates={SLOPE: (-0.9, -1.1, -0.7)}))["5.2"]
    assert text.startswith("Miscalibrated: scores are the wrong way round (slope")


def of_classes(**slopes):
    changes = {("calibration_slope", name): values for name, values in slopes.items()}
    return {
        rule: text
        for rule, text in said(result("multiclass", estimates=changes), kind="multiclass").items()
        if rule[0] == "5"
    }


def test_classes_are_miscalibrated_only_beyond_what_so_many_intervals_explain():
    assert of_classes() == {
        "5.7": "No miscalibration of any class found (farthest off: a, slope 1.00 [0.90, 1.10], ideal 1; "
        "calibration intercept 0.00 [-0.20, 0.20], ideal 0)."
    }
    assert list(of_classes(a=(0.85, 0.71, 0.99))) == ["5.7"]  # four intervals at once are 2.50 / 1.96 times as wide
    text = of_classes(a=(0.85, 0.75, 0.95))["5.5"]
    assert text.startswith("Miscalibrated: scores of class a are too extreme (slope 0.85 [0.75, 0.95], ideal 1;")
    both = of_classes(a=(0.85, 0.75, 0.95), b=(1.5, 1.3, 1.7))["5.5"]
    assert both.startswith("Miscalibrated: scores of class b are not extreme enough")
    assert both.endswith("; class a too.")
    unsure = of_classes(a=(0.9, None, None), b=(0.5, -0.6, 1.6))["5.6"]
    assert unsure.startswith("Calibration of class a and b cannot be judged (slope 0.9")


def test_every_rule_is_tested_and_documented():
    assert set(PLANTED) | {"4.2", "5.5", "5.6", "5.7"} == set(verdict.RULES)
    page = (Path(__file__).parent.parent / "docs" / "verdict.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| ([\d.]+) \|", page, re.MULTILINE) == list(verdict.RULES)


def test_at_most_six_sentences_and_the_spread_gives_way_before_the_decision():
    full = result(spread=SPREAD, n={"patient_column": False, "folds": 5})
    rules = [one.rules[0][0] for one in verdict.verdict(full, KINDS["binary"], Known())]
    assert rules == ["1", "2", "3", "5", "6", "8"]
    less = result(spread=SPREAD, n={"patient_column": False, "folds": 5}, subgroups=None)
    assert [one.rules[0][0] for one in verdict.verdict(less, KINDS["binary"], Known())] == [
        "1",
        "2",
        "3",
        "4",
        "5",
        "8",
    ]
    clean = result(spread=SPREAD, subgroups=None)
    assert [one.rules[0][0] for one in verdict.verdict(clean, KINDS["binary"], Known())] == [
        "1",
        "2",
        "3",
        "4",
        "5",
        "7",
    ]


def test_what_a_stranger_brings_is_not_accused_of_what_nobody_knows():
    assert not [rule for rule in said(result(), Known()) if rule.startswith("8")]


def test_a_run_knows_its_sites_its_shuffled_targets_and_its_refit(tmp_path):
    run = make_run(tmp_path, BINARY)
    rules = {rule for one in brief.said_of(run) for rule in one.rules}
    assert {"8.2", "8.3", "8.5"} <= rules
    assert "8.7" not in rules
    write_json(tmp_path / "null.json", {"metrics": [{"verdict": "chance"}]})
    assert "8.5" not in {rule for one in brief.said_of(Run(tmp_path)) for rule in one.rules}
    write_json(tmp_path / "null.json", {"metrics": [{"verdict": "above chance"}]})
    assert "1.5" in {rule for one in brief.said_of(Run(tmp_path)) for rule in one.rules}


@pytest.mark.parametrize(("scheme", "unseen"), [("apart", True), ("mixed", False)])
def test_a_site_is_unseen_only_if_no_patient_of_it_taught_the_model(tmp_path, scheme, unseen):
    run = make_run(tmp_path, BINARY)
    fold = run.folds[run.folds["part"] == "test"].set_index("sample")["fold"]
    place = run.cohort["sample"].map(fold) if scheme == "apart" else run.cohort.index % 3
    run.__dict__["cohort"] = run.cohort.assign(site=[["north", "south", "west"][int(k)] for k in place])
    run.__dict__["description"] = {**run.description, "sites": [1, 2, 3]}
    assert brief.unseen_sites(run) is unseen
    assert any("8.2" in one.rules for one in brief.said_of(run)) is not unseen
