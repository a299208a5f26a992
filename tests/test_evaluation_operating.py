"""The operating point: rules do what their names say on validation, and counts and predictive values follow Bayes."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from statsmodels.stats.proportion import proportion_confint

from bedside.cohort import Task
from bedside.errors import SettingError
from bedside.evaluation import evaluate
from bedside.evaluation.table import evaluate_table
from bedside.evaluation.thresholds import candidates, choose, per_fold, samples_worth, share_needed
from bedside.settings import EvaluationSettings

TASK = Task("binary", ("well", "ill"))


def scored(n=150, *, ill=0.4, per_patient=1, seed=0, part="valid", repeat=0):
    """Rows of one part; the samples of a patient share their class."""
    rng = np.random.default_rng(seed)
    target = np.repeat(rng.random(n) < ill, per_patient)
    score = np.round(expit(2 * target - 1 + rng.normal(size=len(target))), 3)
    rows = pd.DataFrame(
        {"sample": [f"{part}{k}" for k in range(len(target))], "repeat": repeat, "fold": 0, "part": part}
    )
    rows = rows.assign(patient=[f"{part}{k // per_patient}" for k in range(len(target))])
    return rows.assign(target=np.where(target, "ill", "well"), score_well=1 - score, score_ill=score)


def study(**how):
    """Validation and test patients."""
    return pd.concat([scored(**how), scored(part="test", seed=1)], ignore_index=True)


def judged(predictions, **settings):
    settings = EvaluationSettings(resamples=200, **settings)
    return json.loads(json.dumps(evaluate(predictions, TASK, settings, seed=0), allow_nan=False))


def arrays(rows):
    return (rows["target"] == "ill").to_numpy(), rows["score_ill"].to_numpy()


def estimate(result, metric):
    return next(record for record in result["estimates"] if record["metric"] == metric)


@pytest.mark.parametrize("ratio", [0.2, 1.0, 9.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_cost_rule_has_the_lowest_cost_of_all_thresholds(ratio, seed):
    target, score = arrays(scored(seed=seed))
    costs = [ratio * (target & (score < t)).sum() + (~target & (score >= t)).sum() for t in candidates(score)]
    chosen = choose(target, score, rule="cost", value=ratio)
    assert ratio * (target & (score < chosen)).sum() + (~target & (score >= chosen)).sum() == pytest.approx(min(costs))


@pytest.mark.parametrize("probability", [0.1, 0.3, 0.5])
def test_the_net_benefit_rule_has_the_highest_net_benefit_and_is_a_cost_rule(probability):
    """Vickers & Elkin 2006: true alarms minus false ones times the odds of the threshold probability, per patient."""
    target, score = arrays(scored(seed=4))

    def benefit(t):
        alarm = score >= t
        return (alarm & target).mean() - (alarm & ~target).mean() * probability / (1 - probability)

    chosen = choose(target, score, rule="net_benefit", value=probability)
    assert benefit(chosen) == pytest.approx(max(benefit(t) for t in candidates(score)))
    assert chosen == choose(target, score, rule="cost", value=(1 - probability) / probability)


def test_a_stated_prevalence_weighs_the_cost():
    """Where the condition is rarer, false alarms weigh more: the same as counting each ill sample that much less."""
    target, score = arrays(scored(600, seed=5))
    share, rare = target.mean(), 0.05
    weight = rare / share / ((1 - rare) / (1 - share))
    chosen = choose(target, score, rule="cost", value=8.0, prevalence=rare)
    assert chosen == choose(target, score, rule="cost", value=8.0 * weight)
    assert chosen > choose(target, score, rule="cost", value=8.0)


@pytest.mark.parametrize(("rule", "right", "beyond"), [("sensitivity", True, 1), ("specificity", False, -1)])
def test_the_lower_bound_reaches_the_target_and_no_better_threshold_does(rule, right, beyond):
    """Wilson's bound as statsmodels has it, on 300 validation patients."""
    predictions = study(n=300)
    settings = EvaluationSettings(threshold=rule, threshold_value=0.8, threshold_bound="lower")
    frozen = per_fold(predictions, TASK, settings)[0]["value"]
    target, score = arrays(predictions[predictions["part"] == "valid"])
    thresholds, among = candidates(score), target == right

    def bound(t):
        return proportion_confint(((score >= t) == right)[among].sum(), among.sum(), method="wilson")[0]

    place = int(np.flatnonzero(thresholds == frozen)[0])
    assert bound(frozen) >= 0.8
    assert bound(thresholds[place + beyond]) < 0.8
    plain = per_fold(predictions, TASK, EvaluationSettings(threshold=rule, threshold_value=0.8))[0]["value"]
    assert (plain - frozen) * beyond > 0


def test_share_needed_is_where_wilsons_bound_meets_the_target():
    for target, n in ((0.8, 40), (0.95, 200), (0.5, 10)):
        share = share_needed(target, n, level=0.95)
        assert proportion_confint(share * n, n, method="wilson")[0] == pytest.approx(target)
    assert share_needed(0.95, 72, level=0.95) > 1 > share_needed(0.95, 74, level=0.95)


def test_samples_of_a_patient_count_once_for_the_bound():
    assert samples_worth(np.arange(30)) == 30
    assert samples_worth(np.repeat(np.arange(30), 4)) == pytest.approx(30)
    assert samples_worth(np.array([0] * 9 + [1])) == pytest.approx(100 / 82)
    once = study(n=200)
    valid = once[once["part"] == "valid"]
    four = pd.concat(
        [*[valid.assign(sample=valid["sample"] + f"-{k}") for k in range(4)], once[once["part"] == "test"]]
    )
    settings = EvaluationSettings(threshold="sensitivity", threshold_value=0.8, threshold_bound="lower")
    assert per_fold(four, TASK, settings)[0]["value"] == per_fold(once, TASK, settings)[0]["value"]


def test_a_bound_out_of_reach_is_told_with_what_was_done_and_what_it_takes():
    predictions = study(n=60)
    target, score = arrays(predictions[predictions["part"] == "valid"])
    result = judged(predictions, threshold="sensitivity", threshold_value=0.95, threshold_bound="lower")
    best = proportion_confint(target.sum(), target.sum(), method="wilson")[0]
    problem = (
        "No threshold reaches a sensitivity of 0.95 with its lower bound on validation: "
        f"{target.sum()} validation patients with the condition allow {best:.3f} at most, and it takes 73. "
        "The highest threshold that is right for all of them was taken instead."
    )
    assert result["operating"]["problem"] == problem
    assert any(sentence.endswith(problem) for sentence in result["sentences"])
    assert not result["operating"]["validation"][0]["met"]
    frozen = result["thresholds"][0]["value"]
    assert (score[target] >= frozen).all()
    assert frozen == choose(target, score, rule="sensitivity", value=1.0)


def test_what_was_reached_on_validation_stands_beside_what_was_reached_on_test():
    predictions = study(n=200)
    result = judged(predictions, threshold="specificity", threshold_value=0.9)
    reached, frozen = result["operating"]["validation"][0], result["thresholds"][0]["value"]
    target, score = arrays(predictions[predictions["part"] == "valid"])
    hits = (score < frozen)[~target].sum()
    assert reached["specificity"]["value"] == pytest.approx(hits / (~target).sum())
    assert reached["specificity"]["value"] >= 0.9
    wilson = proportion_confint(hits, (~target).sum(), method="wilson")
    assert (reached["specificity"]["low"], reached["specificity"]["high"]) == pytest.approx(wilson)
    assert reached["met"]
    assert result["operating"]["problem"] == ""
    assert "specificity of 0.9" in result["operating"]["chosen_by"]


def test_uneven_samples_of_patients_are_told_when_they_fail_the_bound():
    rows = scored(n=40, ill=0.9)
    ill = rows[rows["target"] == "ill"]
    extra = [ill.iloc[:1].assign(sample=f"more{k}") for k in range(20)]
    predictions = pd.concat([rows, *extra, scored(part="test", seed=1)])
    result = judged(predictions, threshold="sensitivity", threshold_value=0.8, threshold_bound="lower")
    worth = (len(ill) + 20) ** 2 / (len(ill) - 1 + 21**2)
    said = f"{len(ill)} validation patients with the condition, worth {int(worth)} independent samples,"
    assert said in result["operating"]["problem"]


@pytest.mark.parametrize("prevalence", [0.01, 0.2, 0.7])
def test_predictive_values_at_a_prevalence_follow_bayes(prevalence):
    result = judged(study(), prevalence=prevalence)
    sens, spec = (estimate(result, name)["value"] for name in ("sensitivity", "specificity"))
    ppv, npv = (estimate(result, f"{name}_at_prevalence") for name in ("ppv", "npv"))
    assert ppv["value"] == pytest.approx(sens * prevalence / (sens * prevalence + (1 - spec) * (1 - prevalence)))
    assert npv["value"] == pytest.approx(spec * (1 - prevalence) / (spec * (1 - prevalence) + (1 - sens) * prevalence))
    assert ppv["low"] < ppv["value"] < ppv["high"]
    assert npv["low"] < npv["value"] < npv["high"]
    assert f"prevalence {prevalence:g}" in ppv["method"]


def test_at_the_prevalence_of_the_cohort_they_are_those_of_the_cohort():
    predictions = study()
    test = predictions[predictions["part"] == "test"]
    result = judged(predictions, prevalence=float((test["target"] == "ill").mean()))
    for name in ("ppv", "npv"):
        assert estimate(result, f"{name}_at_prevalence")["value"] == pytest.approx(estimate(result, name)["value"])


def test_a_perfect_specificity_does_not_make_alarms_certain():
    """PPV of 1 in every draw: the bound is what Wilson's bounds of both rates allow, each at half the error."""
    rows = scored(part="test", seed=2)
    spared = rows.assign(score_ill=np.where(rows["target"] == "well", 0.1, rows["score_ill"]))
    result = judged(spared.assign(score_well=1 - spared["score_ill"]), threshold="fixed", prevalence=0.1)
    target, score = arrays(spared)
    ends = [
        proportion_confint(hits, n, alpha=0.025, method="wilson")[0]
        for hits, n in (((score >= 0.5)[target].sum(), target.sum()), ((~target).sum(), (~target).sum()))
    ]
    found = estimate(result, "ppv_at_prevalence")
    assert (found["value"], found["high"]) == (1, 1)
    assert found["low"] == pytest.approx(0.1 * ends[0] / (0.1 * ends[0] + 0.9 * (1 - ends[1])))
    assert "Wilson intervals of sensitivity and specificity" in found["method"]


def test_a_thousand_patients_are_a_thousand():
    point = judged(study(), prevalence=0.02)["operating"]
    assert [record["prevalence"] for record in point["per_1000"]] == [point["cohort_prevalence"], 0.02]
    for record in point["per_1000"]:
        cells = [record[name] for name in ("found", "missed", "false_alarms", "left_in_peace")]
        assert sum(cell[0] for cell in cells) == pytest.approx(1000)
        assert record["found"][0] + record["missed"][0] == pytest.approx(1000 * record["prevalence"])
        assert all(cell[1] <= cell[0] <= cell[2] for cell in cells)


def test_without_validation_samples_the_threshold_is_given_and_nothing_was_reached():
    point = judged(scored(part="test"), threshold="cost", threshold_value=4)["operating"]
    assert (point["rule"], point["chosen_by"], point["validation"], point["problem"]) == ("fixed", "", [], "")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": "cost"}, r"threshold=cost needs threshold_value, such as 10 if a missed case"),
        ({"threshold": "cost", "threshold_value": 0}, r"greater than 0 with threshold=cost"),
        ({"threshold": "net_benefit", "threshold_value": 1}, r"between 0 and 1 with threshold=net_benefit.*it is 1"),
        ({"threshold": "sensitivity", "threshold_value": 90}, r"at most 1 with threshold=sensitivity.*it is 90"),
        ({"threshold_bound": "lower"}, r"threshold_bound has no effect while threshold is youden"),
        ({"prevalence": 0}, r"greater than 0"),
    ],
)
def test_values_that_a_rule_cannot_use_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        EvaluationSettings(**settings)


def test_a_number_as_target_has_no_prevalence():
    table = pd.DataFrame({"target": np.arange(30.0) + 0.5, "predicted": np.arange(30.0)})
    with pytest.raises(SettingError, match=r"prevalence=0.1 has no effect: the task is regression"):
        evaluate_table(table, settings=EvaluationSettings(prevalence=0.1))


def test_anybodys_scores_have_predictive_values_where_the_condition_is_rarer():
    rows = scored(part="test")[["target", "score_ill"]].rename(columns={"score_ill": "score"})
    found = evaluate_table(rows, positive="ill", threshold=0.4, prevalence=0.03)
    wanted = judged(scored(part="test"), threshold="fixed", threshold_value=0.4, prevalence=0.03)
    assert estimate(found, "ppv_at_prevalence")["value"] == estimate(wanted, "ppv_at_prevalence")["value"]
    with pytest.raises(SettingError, match=r"prevalence.*less than 1"):
        evaluate_table(rows, positive="ill", prevalence=3)
    with pytest.raises(SettingError, match=r"within settings"):
        evaluate_table(rows, positive="ill", prevalence=0.1, settings=EvaluationSettings())


def test_repeats_say_how_far_dealing_anew_moves_the_mean_and_nothing_else():
    """The t interval of three means by hand; narrower than the interval for new patients."""
    parts = [scored(part="test", seed=1)]
    for repeat in (1, 2):
        moved = expit(
            np.log(parts[0]["score_ill"] / parts[0]["score_well"])
            + 0.3 * np.random.default_rng(repeat).normal(size=150)
        )
        parts.append(parts[0].assign(repeat=repeat, score_ill=moved, score_well=1 - moved))
    parts = [part.assign(fold=np.random.default_rng(k).permutation(150) % 2) for k, part in enumerate(parts)]
    result = judged(pd.concat(parts, ignore_index=True))
    each = [np.mean((arrays(part)[0] - arrays(part)[1]) ** 2) for part in parts]
    brier = next(record for record in result["over_repeats"] if record["metric"] == "brier")
    half = 4.302653 * np.std(each, ddof=1) / np.sqrt(3)  # t with 2 degrees of freedom
    assert (brier["value"], brier["low"], brier["high"]) == pytest.approx(
        (np.mean(each), np.mean(each) - half, np.mean(each) + half), rel=1e-6
    )
    assert brier["value"] == pytest.approx(estimate(result, "brier")["value"])
    assert "t interval over 3 repeats" in brier["method"]
    assert "same patients" in brier["method"]
    null = next(record for record in result["over_repeats"] if record["metric"] == "brier_null")
    assert (null["low"], null["method"]) == (None, "no interval: all 3 repeats give the same value")
    assert judged(parts[0])["over_repeats"] == []
