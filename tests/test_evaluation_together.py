"""The mean of models that were tested on the same patients, judged as one model."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from bedside import train
from bedside.cohort import Cohort, Estimate, Task
from bedside.contract.cohorts import table_cohort
from bedside.errors import SettingError
from bedside.evaluation import evaluate
from bedside.evaluation.comparison import compare_candidates
from bedside.evaluation.ranking import DELONG
from bedside.scoring import predict
from bedside.settings import EvaluationSettings, FoldSettings
from bedside.splits.folds import fold_findings, make_folds
from bedside.training.model import load_model

TASK = Task("binary", ("well", "ill"))
SETTINGS = EvaluationSettings(resamples=200)


def predicted(repeats: int = 3, folds: int = 1, n: int = 60) -> pd.DataFrame:
    """Scores of several models for the same patients, each right with an error of its own."""
    rng = np.random.default_rng(0)
    truth = np.tile([0, 1], n // 2)
    parts = []
    for repeat in range(repeats):
        for part in ("valid", "test"):
            score = 1 / (1 + np.exp(-(2 * truth - 1 + 2 * rng.normal(size=n))))
            names = [f"{part}{number}" for number in range(n)]
            frame = pd.DataFrame({"sample": names, "patient": names, "repeat": repeat, "fold": np.arange(n) % folds})
            frame["part"], frame["target"] = part, np.array(TASK.classes)[truth]
            frame["score_well"], frame["score_ill"] = 1 - score, score
            parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def of(records: list[dict], metric: str) -> Estimate:
    return next(Estimate.from_dict(record) for record in records if (record["metric"], record["of"]) == (metric, ""))


def test_the_mean_is_judged_at_the_mean_of_the_thresholds():
    table = predicted()
    found = evaluate(table, TASK, SETTINGS, seed=0)
    test = table[table["part"] == "test"]
    means = test.groupby("sample", sort=False)["score_ill"].mean()
    truth = (test.drop_duplicates("sample")["target"] == "ill").to_numpy()
    cut = np.mean([record["value"] for record in found["thresholds"]])
    ensemble = found["ensemble"]
    assert ensemble["models"] == 3
    assert ensemble["threshold"] == pytest.approx(cut)
    assert of(ensemble["estimates"], "auroc").value == pytest.approx(roc_auc_score(truth, means))
    assert of(ensemble["estimates"], "accuracy").value == pytest.approx(accuracy_score(truth, means >= cut))
    assert of(ensemble["estimates"], "auroc").value > of(found["estimates"], "auroc").value, "errors cancel out"
    assert of(ensemble["estimates"], "auroc").n_patients == 60, "three scores of a patient are one patient"


def test_the_baseline_beside_it_is_the_mean_of_its_models_too():
    table, simple = predicted(), predicted()
    simple[["score_well", "score_ill"]] = 0.5
    found = evaluate(table, TASK, SETTINGS, seed=0, baseline=simple, baseline_family="prevalence")["ensemble"][
        "baseline"
    ]
    assert of(found["estimates"], "auroc").value == 0.5


@pytest.mark.parametrize("table", [predicted(repeats=1), predicted(folds=3), predicted().iloc[:-1]])
def test_models_of_other_patients_have_no_mean(table):
    assert evaluate(table, TASK, SETTINGS, seed=0)["ensemble"] is None


def test_numbers_are_averaged_as_well():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=80)
    names = [str(number) for number in range(80)]
    parts = [
        pd.DataFrame(
            {"sample": names, "patient": names, "repeat": repeat, "fold": 0, "part": "test", "target": truth}
        ).assign(predicted=truth + rng.normal(size=80))
        for repeat in range(4)
    ]
    found = evaluate(pd.concat(parts), Task("regression", ()), SETTINGS, seed=0)["ensemble"]
    mean = np.mean([part["predicted"] for part in parts], axis=0)
    assert found["threshold"] is None
    assert of(found["estimates"], "mae").value == pytest.approx(np.abs(mean - truth).mean())


def test_candidates_on_the_same_patients_are_compared_by_patients_however_often_others_validate():
    table = predicted()
    valid = table["part"] == "valid"
    table.loc[valid, "sample"] = table["sample"] + "of" + table["repeat"].astype(str)
    worse = table.copy()
    worse["score_ill"] = 0.9 * worse["score_ill"] + 0.1 * np.random.default_rng(5).random(len(worse))
    worse["score_well"] = 1 - worse["score_ill"]
    found = compare_candidates({"one": table, "other": worse}, TASK, SETTINGS, seed=0, folds=table)
    assert found["pairs"][0]["test"] == DELONG
    assert found["n"]["divisions"] == 3


def divided(*, valid: bool = False) -> Cohort:
    """A cohort that came with a division: of ten patients six train, or one of them validates, and four are tested."""
    cohort = table_cohort(100)
    place = pd.factorize(cohort.samples["patient"])[0] % 10
    names = np.array(["valid" if valid else "train", *["train"] * 5, *["test"] * 4], dtype=object)
    return replace(cohort, split=names[place])


def test_repeats_of_a_given_division_let_everyone_validate_once():
    cohort, settings = divided(), FoldSettings(scheme="given", repeats=5)
    folds = make_folds(cohort, settings, seed=3)
    assert [fold.name for fold in folds] == [f"repeat{k}-fold0" for k in range(5)]
    validating = np.concatenate([fold.valid for fold in folds])
    assert sorted(validating) == sorted(np.flatnonzero(cohort.split == "train"))
    assert all(set(fold.test) == set(folds[0].test) for fold in folds)
    assert not any(set(fold.train) & (set(fold.valid) | set(fold.test)) for fold in folds)
    once = make_folds(cohort, FoldSettings(scheme="given"), seed=3)[0]
    assert np.array_equal(once.valid, folds[0].valid), "one repeat is what it always was"
    another = make_folds(cohort, FoldSettings(scheme="given", repeats=6), seed=3)[5]
    assert not any(set(another.valid) == set(fold.valid) for fold in folds), "the sixth is dealt anew"
    said = [finding.message for finding in fold_findings(cohort, folds, settings)]
    assert any("another fifth in each repeat" in message for message in said)


def test_repeats_that_would_all_be_alike_are_refused():
    with pytest.raises(SettingError, match=r"says who validates.*--seeds"):
        make_folds(divided(valid=True), FoldSettings(scheme="given", repeats=2), seed=0)


def test_the_model_that_a_run_keeps_is_the_one_that_was_tested(tmp_path):
    cohort = divided()
    run = train(
        cohort, {"folds": {"scheme": "given", "repeats": 3}, "explain": {"samples": 0}, "evaluation": {"resamples": 100}},
        folder=tmp_path / "run", family="forest", model={"trees": 20},
    )  # fmt: skip
    assert len(run.estimates["over_repeats"]) > 0
    assert run.estimates["ensemble"]["threshold"] == pytest.approx(load_model(run.path / "model").threshold)
    positive = run.estimates["task"]["positive"]
    test = run.predictions[run.predictions["part"] == "test"]
    kept = test.groupby("sample", sort=False)[f"score_{positive}"].mean()
    truth = test.drop_duplicates("sample")["target"].astype(str) == positive
    assert of(run.estimates["ensemble"]["estimates"], "auroc").value == pytest.approx(roc_auc_score(truth, kept))
    words = (run.path / "report.html").read_text(encoding="utf-8")
    assert "Mean of the models" in words
    assert "was dealt 3 times" in words
    assert "and was tested on patients that none of them had seen" in words
    frame = cohort.inputs.frame.iloc[np.flatnonzero(cohort.split == "test")]
    said = predict(run, frame.reset_index(drop=True)).table
    assert np.allclose(said[f"score_{positive}"], kept.to_numpy(), atol=1e-6)


def test_repeats_that_are_never_as_sure_as_others_are_judged_among_their_own():
    table = predicted(repeats=2)
    vague = table["repeat"] == 1
    table.loc[vague, "score_ill"] = 0.5 + 0.01 * (table["score_ill"] - 0.5)
    table["score_well"] = 1 - table["score_ill"]
    found = evaluate(table, TASK, EvaluationSettings(resamples=200, threshold="fixed", threshold_value=0.5), seed=0)
    abstention = found["uncertainty"]["abstention"]
    assert np.isfinite(abstention["area"]["value"])
    assert [point["answered"] for point in abstention["points"]] == pytest.approx(np.arange(20, 0, -1) / 20, abs=0.02)
