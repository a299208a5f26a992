"""Sample sizes agree with published examples, with simulation, and with the definition of what they ask for."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from bedside.cohort import Task
from bedside.errors import SettingError
from bedside.evaluation import Development, evaluate, sample_size
from bedside.evaluation.planning import plan
from bedside.settings import EvaluationSettings
from report_runs import predictions_of

PATIENTS = lambda needs: [need.patients for need in needs]  # noqa: E731


@pytest.mark.parametrize(
    ("parameters", "prevalence", "r2", "expected"),
    [(24, 0.174, 0.288, [623, 662, 221]), (24, 0.174, 0.55, [255, 532, 221]), (24, 0.25, 0.288, [623, 590, 289])],
)
def test_development_with_two_classes(parameters, prevalence, r2, expected):
    """Examples of pmsampsize; its older versions round the number of events and differ in the second criterion."""
    assert PATIENTS(sample_size.develop_binary(parameters, prevalence, r2)) == expected


@pytest.mark.parametrize(
    ("parameters", "r2", "shrinkage", "expected"),
    [(25, 0.2, 0.9, [918, 401, 259]), (25, 0.3, 0.9, [574, 351, 259]), (50, 0.2, 0.9, [1924, 801, 284]),
     (100, 0.5, 0.9, [1264, 1001, 334]), (30, 0.89, 0.84, [32, 67, 264])],
)  # fmt: skip
def test_development_for_numbers(parameters, r2, shrinkage, expected):
    """Examples of pmsampsize."""
    assert PATIENTS(sample_size.develop_regression(parameters, r2, shrinkage=shrinkage)) == expected


def test_the_mean_of_the_target_is_known_as_asked():
    *_, mean = sample_size.develop_regression(25, 0.2, mean=1.9, sd=0.6)
    from scipy.stats import t

    def upper(n):
        return (1.9 + t.ppf(0.975, n - 26) * 0.6 * np.sqrt(0.8 / n)) / 1.9

    assert upper(mean.patients) <= 1.1 < upper(mean.patients - 1)


def test_r2_from_an_auroc_is_that_of_simulated_patients():
    rng = np.random.default_rng(0)
    y = (rng.random(200_000) < 0.174).astype(int)
    x = rng.normal(size=len(y)) + y * np.sqrt(2) * 1.2265281  # the normal quantile of 0.89
    fit = sm.Logit(y, sm.add_constant(x)).fit(disp=0)
    simulated = 1 - np.exp(2 * (fit.llnull - fit.llf) / len(y))
    assert sample_size.cox_snell(0.89, 0.174) == pytest.approx(simulated, abs=0.003)


def test_validation_with_two_classes():
    """The example of pmvalsampsize: 905 (found in steps), 4252; its 4501 for the slope is from 1,000 simulated patients."""
    assert sample_size.for_auroc(0.8, 0.018, 0.1).patients == 4252
    assert abs(sample_size.for_ratio(0.018, 1).patients - 905) <= 1
    z, weight = np.polynomial.hermite_e.hermegauss(120)
    information = sample_size.slope_information(-5 + 2.5 * z, weight / weight.sum())
    assert sample_size.for_slope(information, 0.2).patients == pytest.approx(4501, rel=0.03)


def test_the_error_of_a_slope_is_that_of_logistic_regression():
    rng = np.random.default_rng(1)
    odds = rng.normal(-1, 1.5, 20_000)
    y = (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(int)
    error = sm.Logit(y, sm.add_constant(odds)).fit(disp=0).bse[1]
    assert 1 / np.sqrt(len(odds) * sample_size.slope_information(odds)) == pytest.approx(error, rel=0.03)


def test_validation_for_numbers():
    assert sample_size.for_spread().patients == 235  # Archer et al. 2021
    rng = np.random.default_rng(0)
    r2, n = 0.5, sample_size.for_r2(0.5, 0.1).patients
    predicted = rng.normal(0, np.sqrt(r2), size=(1000, n))
    target = predicted + rng.normal(0, np.sqrt(1 - r2), size=(1000, n))
    found = 1 - ((target - predicted) ** 2).sum(1) / ((target - target.mean(1, keepdims=True)) ** 2).sum(1)
    assert 2 * 1.96 * found.std() == pytest.approx(0.1, rel=0.1)
    n = sample_size.for_linear_slope(0.5, 0.2).patients
    x = rng.normal(0, np.sqrt(0.5), size=(1000, n))
    slope = (x * (x + rng.normal(0, np.sqrt(0.5), size=x.shape))).sum(1) / (x**2).sum(1)
    assert 2 * 1.96 * slope.std() == pytest.approx(0.2, rel=0.1)


def test_several_classes_ask_for_every_two():
    aurocs = {(0, 1): 0.8, (0, 2): 0.9, (1, 2): 0.7}
    shrinkage, optimism, overall = sample_size.develop_multiclass(10, [0.5, 0.3, 0.2], aurocs, 0.2)
    worst = sample_size.develop_binary(10, 0.4, sample_size.cox_snell(0.7, 0.4))[0].patients
    assert shrinkage.patients == pytest.approx(worst / 0.5, abs=2)
    assert overall.patients == pytest.approx(5.731 * 0.25 / 0.05**2, abs=1)
    most = 1 - (0.5**0.5 * 0.3**0.3 * 0.2**0.2) ** 2
    gentle = 0.2 / (0.2 + 0.05 * most)
    assert optimism.patients == np.ceil(2 * 10 / ((gentle - 1) * np.log(1 - 0.2 - 0.05 * most)))


def test_two_classes_are_the_multinomial_case_of_two():
    r2 = sample_size.cox_snell(0.89, 0.174)
    found = sample_size.develop_multiclass(24, [0.826, 0.174], {(0, 1): 0.89}, r2)
    two = sample_size.develop_binary(24, 0.174, r2)
    assert [need.patients for need in found[:2]] == [need.patients for need in two[:2]]


def test_the_r2_of_several_classes_is_that_of_a_fitted_multinomial_regression():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    target = (x @ rng.normal(size=(2, 3)) + rng.gumbel(size=(400, 3))).argmax(axis=1)
    fit = sm.MNLogit(target, sm.add_constant(x)).fit(disp=0)
    expected = 1 - np.exp(-2 * (fit.llf - fit.llnull) / 400)
    assert sample_size.multinomial_r2(target, fit.predict()) == pytest.approx(expected, abs=1e-8)
    shares = np.tile(np.bincount(target) / 400, (400, 1))
    assert sample_size.multinomial_r2(target, shares) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "Give --prevalence for a target with two classes, or --r2 for a number."),
        ({"prevalence": 0.2}, "Give the AUROC that you expect"),
        ({"prevalence": 1.2, "auroc": 0.8}, "prevalence=1.2 is out of range"),
        ({"prevalence": 0.2, "auroc": 1.0}, "auroc=1 is out of range"),
        ({"prevalence": 0.2, "auroc": 0.8, "r2": 0.2}, "give one of them"),
        ({"prevalence": 0.2, "auroc": 0.8, "parameters": 0}, "at least 1 candidate parameter"),
        ({"prevalence": 0.2, "r2": 0.9, "parameters": 5}, "r2 of Cox and Snell=0.9 is out of range"),
        ({"auroc": 0.8}, "add --prevalence"),
        ({"r2": 0.3, "mean": 1.0}, "give both, or neither"),
        ({"r2": 0.3, "mean": 1.0, "sd": 1.0}, "no effect without parameters"),
        ({"prevalence": 0.2, "auroc": 0.8, "sd": 1.0}, "no effect beside prevalence"),
        ({"prevalence": 0.2, "auroc": 0.8, "width": 1e-9}, "More than 100,000,000 patients"),
    ],
)
def test_what_cannot_be_counted_is_refused(asked, words):
    with pytest.raises(SettingError, match=words):
        plan(**asked)


def test_a_plan_has_both_parts():
    found = plan(prevalence=0.174, auroc=0.89, parameters=24)
    assert list(found) == ["development", "validation"]
    assert found["validation"][0].events == np.ceil(found["validation"][0].patients * 0.174)
    assert list(plan(r2=0.5)) == ["validation"]


def judged(kind, n, development=None, **options):
    task = {
        "binary": Task("binary", ("no", "yes")),
        "multiclass": Task("multiclass", ("a", "b", "c")),
        "regression": Task("regression"),
    }[kind]
    predictions = predictions_of(task, n=n, **options)
    predictions = predictions.assign(patient=predictions["sample"])
    return evaluate(predictions, task, EvaluationSettings(resamples=200), seed=0, development=development)[
        "sample_size"
    ]


def test_a_small_cohort_is_told_what_it_lacks():
    record = judged("binary", 60, Development(36, 10))
    auroc = record["widths"][0]
    assert auroc["measure"] == "auroc"
    assert auroc["now"] > 0.1
    assert auroc["patients"] > 60
    assert "would take about" in record["sentences"][0]
    assert "too few by this count" in record["sentences"][-2]
    assert "doi:10.1186/1471-2288-14-137" in record["sentences"][-1]


def test_a_large_cohort_is_told_that_it_is_enough():
    record = judged("binary", 4000, Development(2400, 4))
    assert record["widths"][0]["enough"]
    assert "4,000 patients are enough to know the AUROC to a width of 0.10" in record["sentences"][0]
    assert "enough by this count" in record["sentences"][-2]


def test_scores_that_rank_nothing_are_not_called_precise():
    """The AUROC of a constant score is 0.5 by definition; an interval without width is no precision."""
    rows = predictions_of(Task("binary", ("no", "yes")), n=300).assign(score_yes=0.4, score_no=0.6)
    rows = rows.assign(patient=rows["sample"])
    found = evaluate(rows, Task("binary", ("no", "yes")), EvaluationSettings(resamples=200), seed=0)["sample_size"]
    assert found["sentences"][0] == "The AUROC has no interval here, so its precision is not known."


def test_classes_that_cannot_be_told_apart_and_probabilities_that_do_not_fit_are_named():
    task = Task("multiclass", ("a", "b", "c"))
    names = task.score_columns()
    rows = predictions_of(task, n=150)
    rows = rows.assign(patient=rows["sample"])

    def said(table):
        found = evaluate(table, task, EvaluationSettings(resamples=200), seed=0, development=Development(90, 5))
        return found["sample_size"]["sentences"][-1]

    half = (rows["score_a"] + rows["score_b"]) / 2
    assert said(rows.assign(score_a=half, score_b=half)).endswith("classes a and b cannot be told apart here.")
    sharp = rows[names].to_numpy() ** 8
    sharp = pd.DataFrame(sharp / sharp.sum(axis=1, keepdims=True), columns=names, index=rows.index)
    assert "the probabilities fit worse than the shares of the classes do" in said(rows.assign(**sharp))


def test_other_targets_say_what_they_can():
    several = judged("multiclass", 150, Development(90, 5))
    assert len(several["development"]["needs"]) == 3
    most = max(need["patients"] for need in several["development"]["needs"])
    said = f"Developing a regression with 5 candidate parameters for each class but one and this result takes at least {most:,}"
    assert several["sentences"][-2].startswith(said)
    number = judged("regression", 150, Development(90, 5))
    assert [width["measure"] for width in number["widths"]] == ["r2", "calibration_slope"]
    assert len(number["development"]["needs"]) == 4
    assert judged("binary", 60)["development"] is None
