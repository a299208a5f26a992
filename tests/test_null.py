"""Shuffled targets: a sound pipeline scores chance, a leaking one is caught, and the p-value is that of Ojala and Garriga."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bedside
from bedside.cli import main
from bedside.cohort import Task
from bedside.data.table import read_table
from bedside.errors import SettingError
from bedside.evaluation.null import judge_null, score_table
from bedside.evaluation.table import evaluate_table
from bedside.permuted import laid_together, null_of
from bedside.settings import EvaluationSettings, FoldSettings
from bedside.splits.folds import linked_patients, make_folds
from bedside.splits.shuffled import shuffled

BINARY = Task("binary", ("0", "1"))
SIZES = {"samples": 100, "patients": 100}


def table(n=100, n_features=5, effect=0.0, seed=0, **columns):
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    x = rng.normal(size=(n, n_features))
    x[:, 0] += effect * y
    return read_table(
        pd.DataFrame(x).add_prefix("x").assign(y=y, **columns), target="y", **{name: name for name in columns}
    )


# Shuffling


def test_whole_patients_are_dealt_within_sites():
    site = np.repeat(["a", "b"], [40, 60])
    patient = np.arange(100) // 2
    cohort = table(site=site, patient=patient)
    cohort = replace(cohort, samples=cohort.samples.assign(target=[f"{k // 2}" for k in range(100)]))  # one name each
    dealt = shuffled(cohort, seed=1).samples
    assert (dealt.groupby("patient")["target"].nunique() == 1).all()  # a patient gets the targets of one other
    assert not dealt["target"].equals(cohort.samples["target"])
    for name in "ab":
        here = cohort.samples["site"] == name
        assert set(dealt["target"][here]) == set(cohort.samples["target"][here])
    assert shuffled(cohort, seed=1).samples.equals(dealt)


def test_patients_with_a_shared_copy_get_one_target():
    cohort = table()
    cohort = replace(cohort, linked=np.arange(100) // 2)
    dealt = shuffled(cohort, seed=0)
    donors = cohort.target.reshape(-1, 2)
    pairs = {tuple(pair) for pair in donors.tolist()}
    assert {tuple(pair) for pair in dealt.target.reshape(-1, 2).tolist()} <= pairs
    assert sorted(map(tuple, dealt.target.reshape(-1, 2).tolist())) == sorted(map(tuple, donors.tolist()))


def test_copies_laid_together_keep_to_themselves():
    cohort = table(patient=np.arange(100) // 2)
    copies = [
        (other := shuffled(cohort, seed=k), make_folds(other, FoldSettings(scheme="crossval", repeats=2), seed=k))
        for k in range(3)
    ]
    big, folds, repeats = laid_together(copies)
    assert (len(big), repeats, len(folds)) == (300, 2, 30)
    assert np.array_equal(big.target, np.concatenate([copy.target for copy, _ in copies]))
    for fold in folds:
        rows = np.concatenate([fold.train, fold.valid, fold.test])
        assert set(rows // 100) == {fold.repeat // repeats}
        assert sorted(rows % 100) == list(range(100))
    assert linked_patients(big) is None


# The judgement


def judged(values, real=0.8, task=BINARY, name="auroc"):
    return judge_null({name: real}, [{name: value} for value in values], task, SIZES, level=0.95)


def test_a_sound_pipeline_is_accused_once_in_a_hundred_times():
    draws = np.random.default_rng(0).normal(0.5, 0.05, size=(2000, 20))
    accused = np.mean([judged(values)["metrics"][0]["verdict"] == "above chance" for values in draws])
    assert 0.004 <= accused <= 0.017


def test_the_p_value_counts_the_real_run():
    values = np.linspace(0.4, 0.6, 19)
    assert judged(values, real=0.8)["metrics"][0]["p"] == 1 / 20
    assert judged(values, real=0.6)["metrics"][0]["p"] == 2 / 20
    assert judged(values, real=0.3)["metrics"][0]["p"] == 1


def test_words_for_every_verdict():
    steady = np.linspace(0.45, 0.55, 20)
    assert "chance is 0.5, so no leak was found in it." in judged(steady)["sentences"][0]
    assert (
        "0 of 20 shuffled runs reached the real AUROC of 0.80: p = 0.048 (no smaller p is possible"
        in judged(steady)["sentences"][1]
    )
    assert "could miss a large one" in judged(np.linspace(0.3, 0.7, 6))["sentences"][0]
    (leak,) = judged(steady + 0.1)["sentences"]
    assert "AUROC 0.600 [0.585, 0.615] over 20 runs" in leak
    assert "cannot be trusted" in leak
    assert "Below chance is no leak" in judged(steady - 0.1)["sentences"][0]
    assert judged([0.5] * 10)["metrics"][0]["verdict"] == "chance"  # a model that knows the prevalence only
    number = judged(steady - 0.6, task=Task("regression"), name="r2", real=0.3)
    assert number["metrics"][0]["verdict"] == "chance"
    assert "chance is 0 or below" in number["sentences"][0]


# Pipelines


def centroids(cohort, features=lambda cohort: slice(None)):
    """Cross-validated predictions of the nearest of two means, on the columns that `features` names."""
    x = cohort.inputs.frame.to_numpy()[:, features(cohort)]
    blocks = []
    for fold in make_folds(cohort, FoldSettings(scheme="crossval"), seed=0):
        learned = x[fold.train][:, :], cohort.target[fold.train]
        means = [learned[0][learned[1] == k].mean(axis=0) for k in (0, 1)]
        rows = np.concatenate([fold.valid, fold.test])
        score = 1 / (1 + np.exp(-(x[rows] - (means[0] + means[1]) / 2) @ (means[1] - means[0])))
        part = np.repeat(["valid", "test"], [len(fold.valid), len(fold.test)])
        own = cohort.samples.iloc[rows]
        block = {"sample": own.index, "patient": own["patient"], "repeat": 0, "fold": fold.number, "part": part}
        block |= {"target": own["target"], "score_0": 1 - score, "score_1": score}
        blocks.append(pd.DataFrame(block | ({"site": own["site"]} if "site" in own else {})))
    return pd.concat(blocks, ignore_index=True)


def chosen_on_everybody(cohort):
    """The ten columns that differ most between the classes, test patients included."""
    x, y = cohort.inputs.frame.to_numpy(), cohort.target
    return np.argsort(-np.abs(x[y == 1].mean(axis=0) - x[y == 0].mean(axis=0)))[:10]


def test_features_chosen_with_everybodys_targets_are_caught():
    cohort = table(n_features=300)
    leak = null_of(cohort, lambda data: centroids(data, chosen_on_everybody), runs=10)
    assert leak["metrics"][0]["verdict"] == "above chance"
    assert leak["metrics"][0]["mean"]["low"] > 0.7
    assert "cannot be trusted" in leak["sentences"][0]


def test_a_sound_pipeline_scores_chance_and_a_real_effect_is_told():
    sound = null_of(table(effect=2.0), centroids, runs=40)
    auroc = sound["metrics"][0]
    assert abs(auroc["mean"]["value"] - 0.5) < 0.04  # three standard errors of the mean of 40 AUROCs of 100
    assert auroc["verdict"] != "above chance"
    assert auroc["p"] == 1 / 41
    nothing = null_of(table(), centroids, runs=40)["metrics"][0]
    assert nothing["p"] > 0.02


def test_sites_of_different_prevalence_are_no_leak():
    """Shuffled within sites, features that tell the site would still rank samples of different sites."""
    rng = np.random.default_rng(0)
    north = np.arange(400) % 2
    y = (rng.random(400) < np.where(north, 0.8, 0.2)).astype(int)
    frame = pd.DataFrame(
        {"x0": north + 0.1 * rng.normal(size=400), "x1": rng.normal(size=400), "y": y, "site": north.astype(str)}
    )
    cohort = read_table(frame, target="y", site="site")
    within = null_of(cohort, centroids, runs=20)
    assert within["within_sites"]
    assert within["metrics"][0]["verdict"] == "chance"
    pooled = score_table(centroids(shuffled(cohort, seed=0)).drop(columns="site"), cohort.task, EvaluationSettings())
    assert pooled["auroc"] > 0.7


def test_too_few_runs_are_refused():
    with pytest.raises(SettingError, match="runs=4 shuffled runs tell nothing; use 5 or more"):
        null_of(table(), centroids, runs=4)


# Within a run


def test_a_run_writes_and_shows_the_null(tmp_path):
    cohort = table(n=90, effect=3.0, seed=1)
    quick = {"train": {"epochs": 3, "early_stopping": False}, "evaluation": {"resamples": 100}}
    run = bedside.train(cohort, folder=tmp_path / "run", family="mlp", null_runs=6, model={"hidden": [4]}, **quick)
    assert run.null["runs"] == 6
    assert len(run.null["metrics"][0]["values"]) == 6
    assert len(set(run.null["metrics"][0]["values"])) > 1
    assert run.settings["null_runs"] == 6
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert "With shuffled targets" in page
    assert 'id="null-table"' in page
    assert "What this cohort can and cannot show" in page
    assert (run.path / "figures" / "null.svg").exists()
    real = next(e for e in run.estimates["estimates"] if e["metric"] == "auroc")["value"]
    assert run.null["metrics"][0]["real"] == pytest.approx(real)
    assert not list(run.path.rglob(".parts"))
    assert evaluate_table(run.predictions)["findings"] == []


@pytest.mark.parametrize("family", ["logistic", "ridge"])
def test_estimators_are_shuffled_too(tmp_path, family):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 3))).add_prefix("x")
    frame["y"] = rng.integers(2, size=80) if family == "logistic" else frame["x0"] * 3 + rng.normal(size=80)
    cohort = read_table(frame, target="y")
    run = bedside.train(cohort, folder=tmp_path / "run", family=family, null_runs=5, evaluation={"resamples": 100})
    assert len(run.null["metrics"][0]["values"]) == 5
    if family == "ridge":
        assert run.null["metrics"][0]["real"] > 0.5 > max(run.null["metrics"][0]["values"])


def test_shuffling_is_for_one_model(tmp_path, monkeypatch, capsys):
    table().inputs.frame.assign(y=table().target).to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.setattr(
        "sys.argv", ["bedside", "compare", str(tmp_path / "t.csv"), "--target", "y", "--set", "null_runs=10"]
    )
    with pytest.raises(SystemExit):
        main()
    assert "null_runs has no effect here" in capsys.readouterr().err.replace("\n", " ")


# Anybody's predictions


def vendor(**columns):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    return pd.DataFrame({"target": y, "score": np.clip(0.3 * y + rng.random(60) * 0.7, 0, 1), **columns})


def codes(frame, **options):
    return [f["code"] for f in evaluate_table(frame, settings=EvaluationSettings(resamples=100), **options)["findings"]]


def test_predictions_show_patients_on_both_sides():
    patient = np.arange(60) // 2
    assert codes(vendor(patient=patient, fold=np.arange(60) % 5)) == ["predictions-folds"]
    assert codes(vendor(patient=patient, fold=patient % 5)) == []
    assert codes(vendor(fold=np.arange(60) % 5)) == []
    assert codes(vendor(split=np.where(np.arange(60) < 40, "Train", "Test"))) == ["predictions-training"]
    own = centroids(table(patient=np.arange(100) // 2))
    assert codes(own) == []
    crossed = own.assign(
        patient=np.where(own["sample"].isin(["1", "2"]) | own["sample"].isin(["90"]), "p", own["patient"])
    )
    assert "predictions-folds" in codes(crossed)
