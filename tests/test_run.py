"""A run folder: complete, the same for the same seed, honest about its final model, and safe to read."""

import json
import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import bedside
from bedside import DataError, LeakError, RunError, SettingError, StorageError
from bedside.run import Begun, Finished, train_steps
from bedside.settings import RunSettings, build, merge
from cohorts import cohort as make_cohort
from cohorts import table as make_table

WHOLE = {
    "model": {"hidden": [4]},
    "train": {"epochs": 4, "patience": 3, "learning_rate": 0.03},
    "evaluation": {"resamples": 100},
    "folds": {"scheme": "crossval", "number": 3},
}
QUICK = {**WHOLE, "explain": {"samples": 0}}  # explanations take longer than everything else


def quick(folder, cohort=None, **options):
    return bedside.train(cohort or make_cohort(60), QUICK, folder=folder, **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One finished run of cross-validation, shared by the tests that only read it."""
    return bedside.train(make_cohort(60), WHOLE, folder=tmp_path_factory.mktemp("runs") / "shared")


def test_the_folder_holds_everything(run):
    names = {file.name for file in run.path.iterdir()}
    assert names == {
        "settings.yaml", "environment.json", "cohort.csv", "description.json", "folds.csv", "findings.json",
        "history.csv", "predictions.csv", "baseline.csv", "estimates.json", "model", "explanations", "reference", "figures",
        "report.html", "card.md", "card.html", "checklist.md", "checklist.html", "paper.md", "paper.html",
    }  # fmt: skip
    assert not list(run.path.rglob("*.pkl")) + list(run.path.rglob("*.pt"))


def test_predictions_follow_the_folds_and_cover_every_sample_once(run):
    predictions, folds = run.predictions, run.folds
    assert list(predictions.columns[:8]) == [
        "sample", "patient", "repeat", "fold", "part", "target", "score_well", "score_sick",
    ]  # fmt: skip
    assert np.allclose(predictions[["score_well", "score_sick"]].sum(axis=1), 1)
    tested = predictions[predictions.part == "test"]
    assert sorted(tested["sample"]) == sorted(run.cohort["sample"])
    joined = predictions.merge(folds, on=["sample", "repeat", "fold"], suffixes=("", "_dealt"))
    assert (joined.part == joined.part_dealt).all()


def test_the_headline_is_the_auroc_of_the_test_rows_within_folds(run):
    tested = run.predictions[run.predictions.part == "test"]
    folds = [(rows.target == "sick", rows.score_sick) for _, rows in tested.groupby("fold")]
    pairs = [truth.sum() * (~truth).sum() for truth, _ in folds]
    expected = np.average([roc_auc_score(truth, score) for truth, score in folds], weights=pairs)
    found = next(e for e in run.estimates["estimates"] if e["metric"] == "auroc")
    assert found["value"] == pytest.approx(expected, abs=1e-9)
    assert found["low"] < found["value"] < found["high"]


def test_evaluating_predictions_csv_gives_the_estimates_of_the_run(run):
    from bedside.settings import EvaluationSettings

    again = bedside.evaluate(run.path / "predictions.csv", settings=EvaluationSettings(resamples=100))
    assert again["estimates"] == run.estimates["estimates"]
    assert again["thresholds"] == run.estimates["thresholds"]


def test_same_seed_same_bytes_other_seed_other_bytes(run, tmp_path):
    again, other = quick(tmp_path / "again"), quick(tmp_path / "other", seed=1)
    for name in ("predictions.csv", "baseline.csv", "history.csv", "estimates.json", "findings.json"):
        assert (again.path / name).read_bytes() == (run.path / name).read_bytes(), name
    assert (other.path / "predictions.csv").read_bytes() != (run.path / "predictions.csv").read_bytes()


def test_the_ensemble_is_the_mean_of_the_members_and_says_how_far_they_differ(run, tmp_path):
    table = make_table(60)
    prediction = bedside.predict(run, table, output=tmp_path / "scores.csv")
    written = pd.read_csv(tmp_path / "scores.csv", dtype={"sample": str})
    assert np.allclose(written.score_sick, prediction.table.score_sick)
    assert set(written.decision) == {"sick", "well"}
    threshold = np.mean([record["value"] for record in run.estimates["thresholds"]])
    assert ((written.score_sick >= threshold) == (written.decision == "sick")).all()
    assert (written.spread > 0).all()


def test_the_holdout_model_is_the_one_that_was_tested(tmp_path):
    table = make_table(60)
    cohort = make_cohort(60)
    run = bedside.train(cohort, {**QUICK, "folds": {"scheme": "holdout"}}, folder=tmp_path / "run")
    scored = bedside.predict(run, table).table.set_index("sample").score_sick
    tested = run.predictions[run.predictions.part == "test"].set_index("sample").score_sick
    assert np.allclose(scored.loc[tested.index], tested, atol=1e-9)


@pytest.mark.parametrize("family", ["mlp", "logistic"])
def test_refit_learns_from_everybody_and_the_card_says_it_was_not_tested(family, tmp_path):
    settings = merge(QUICK, {"family": family, "final": "refit"})
    if family != "mlp":
        settings = {name: value for name, value in settings.items() if name not in ("train", "model")}
    run = bedside.train(make_cohort(60), settings, folder=tmp_path / "run")
    model = json.loads((run.path / "model" / "model.json").read_text())
    assert model["members"] == ["everything"]
    assert "not tested" in (run.path / "card.md").read_text()


@pytest.mark.parametrize("scheme", ["site", "time"])
def test_site_and_time_schemes_run_to_the_end(scheme, tmp_path):
    cohort = make_cohort(90, time="year", exclude=())
    run = bedside.train(cohort, {**QUICK, "folds": {"scheme": scheme}}, folder=tmp_path / "run")
    tested = run.predictions[run.predictions.part == "test"]
    if scheme == "site":
        assert tested.groupby("fold").site.nunique().tolist() == [1, 1, 1]
    else:
        trained = run.folds.loc[run.folds.part == "train", "sample"]
        years = run.cohort.set_index("sample").time
        assert years[trained].max() < years[tested["sample"]].min()


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks_run_to_the_end(task, tmp_path):
    run = quick(tmp_path / "run", make_cohort(90, task=task))
    metrics = {estimate["metric"] for estimate in run.estimates["estimates"]}
    assert {"multiclass": "balanced_accuracy", "regression": "mae"}[task] in metrics
    assert run.estimates["baseline"]["family"] == {"multiclass": "logistic", "regression": "ridge"}[task]
    assert "decision" not in bedside.predict(run, make_table(90, task=task)).table


def test_learning_rate_finder_leaves_its_curve(tmp_path):
    settings = {**QUICK, "train": {"epochs": 4, "patience": 3, "find_learning_rate": True}}
    run = bedside.train(make_cohort(60), settings, folder=tmp_path / "run")
    sweeps = run.learning_rates
    assert sweeps.groupby("fold").chosen.sum().tolist() == [1, 1, 1]
    first = run.history.groupby("fold").learning_rate.first()
    assert np.allclose(first, sweeps[sweeps.chosen == 1].learning_rate)


def test_settings_yaml_repeats_the_run(run, tmp_path):
    import yaml

    asked = yaml.safe_load((run.path / "settings.yaml").read_text())
    asked.pop("bedside")
    again = bedside.train(make_cohort(60), asked, folder=tmp_path / "again")
    assert (again.path / "predictions.csv").read_bytes() == (run.path / "predictions.csv").read_bytes()


def test_resume_refuses_other_settings_data_and_versions(tmp_path):
    def begin(folder):
        for event in train_steps(make_cohort(60), build(RunSettings, QUICK), folder=folder):
            if isinstance(event, Begun):
                return

    begin(tmp_path / "run")
    with pytest.raises(SettingError, match=r"Leave out: train.epochs \(asked 9, the run has 4\)"):
        bedside.train(make_cohort(60), {"train": {"epochs": 9}}, resume=tmp_path / "run")
    with pytest.raises(RunError, match=r"data of .* have changed"):
        bedside.train(make_cohort(60, seed=5), resume=tmp_path / "run")
    path = tmp_path / "run" / "environment.json"
    environment = json.loads(path.read_text())
    environment["versions"]["torch"] = "1.0"
    path.write_text(json.dumps(environment))
    with pytest.raises(RunError, match=r"begun with other versions \(torch 1.0 -> "):
        bedside.train(make_cohort(60), resume=tmp_path / "run")


def test_resuming_a_finished_run_changes_nothing(run):
    before = {file: file.stat().st_mtime_ns for file in run.path.rglob("*") if file.is_file()}
    assert bedside.train(make_cohort(60), resume=run.path).path == run.path
    assert {file: file.stat().st_mtime_ns for file in run.path.rglob("*") if file.is_file()} == before


def test_an_unfinished_run_says_how_to_continue(tmp_path):
    for event in train_steps(make_cohort(60), build(RunSettings, QUICK), folder=tmp_path / "run"):
        if isinstance(event, Begun):
            break
    with pytest.raises(RunError, match=r"not finished.*bedside train --resume"):
        _ = bedside.open_run(tmp_path / "run").predictions
    *_, last = train_steps(make_cohort(60), build(RunSettings, {}), resume=tmp_path / "run")
    assert isinstance(last, Finished)


def test_a_folder_in_use_is_not_overwritten(run):
    with pytest.raises(RunError, match="there already"):
        quick(run.path)


def test_a_leak_is_refused_before_anything_is_written_and_allowed_by_name(tmp_path):
    table = make_table(60)
    table["biopsy"] = np.where(table.outcome == "sick", "done", "not done")
    options = {"target": "outcome", "patient": "patient", "positive": "sick", "exclude": ("year", "site")}
    cohort = bedside.read_table(table, **options)
    with pytest.raises(LeakError, match=r"biopsy.*--allow-leak"):
        quick(tmp_path / "run", cohort)
    assert not (tmp_path / "run").exists()
    allowed = bedside.train(cohort, merge(QUICK, {"data": {"allow_leak": ["biopsy"]}}), folder=tmp_path / "run")
    assert any("biopsy" in finding["columns"] for finding in allowed.findings)


@pytest.mark.parametrize("file", ["weights.safetensors", "preparation.skops", "member.json"])
def test_a_tampered_model_is_refused(run, tmp_path, file):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    victim = copy / "model" / "repeat0-fold1" / file
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    with pytest.raises(RunError, match=rf"repeat0-fold1/{file} is not what was saved \(its sha256 differs"):
        bedside.predict(copy, make_table(5))
    victim.unlink()
    with pytest.raises(RunError, match=rf"lacks repeat0-fold1/{file}"):
        bedside.predict(copy, make_table(5))
    (copy / "model" / "extra.skops").write_bytes(b"")
    victim.write_bytes((run.path / "model" / "repeat0-fold1" / file).read_bytes())
    with pytest.raises(RunError, match=r"has the unknown extra.skops"):
        bedside.predict(copy, make_table(5))


def test_a_run_of_another_version_says_which_version_reads_it(run, tmp_path):
    import shutil

    shutil.copytree(run.path, tmp_path / "copy")
    path = tmp_path / "copy" / "environment.json"
    environment = json.loads(path.read_text())
    environment["format"], environment["versions"]["bedside"] = 99, "7.2.0"
    path.write_text(json.dumps(environment))
    with pytest.raises(RunError, match=r"written by bedside 7.2.0 in format 99; this version reads format 2"):
        bedside.predict(tmp_path / "copy", make_table(5))
    with pytest.raises(RunError, match="There is no run folder"):
        bedside.open_run(tmp_path / "nowhere")
    with pytest.raises(RunError, match="is not a run folder"):
        bedside.open_run(tmp_path)


def test_new_data_with_columns_missing_extra_reordered_or_of_another_type(run):
    table = make_table(20)
    first = bedside.predict(run, table).table
    shuffled = bedside.predict(run, table[table.columns[::-1]].assign(colour="red"))
    assert first.equals(shuffled.table)
    assert any("colour" in str(finding) for finding in shuffled.findings)
    unseen = bedside.predict(run, table.assign(drug="Z"))
    assert any("drug" in finding.columns and finding.level == "warning" for finding in unseen.findings)
    with pytest.raises(DataError, match="dose"):
        bedside.predict(run, table.drop(columns="dose"))
    with pytest.raises(DataError, match="age"):
        bedside.predict(run, table.assign(age="old"))


def test_the_score_of_a_sample_does_not_depend_on_its_company(run):
    table = make_table(40)
    together = bedside.predict(run, table).table
    alone = pd.concat([bedside.predict(run, table.iloc[[k]]).table for k in range(5)])
    assert np.allclose(together.score_sick[:5], alone.score_sick, atol=1e-12)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX resource limits")
def test_a_full_disk_is_named_and_the_run_can_be_continued(tmp_path):
    """The operating system refuses to let any file grow beyond 6 kB, as it does when a quota is used up."""
    code = f"""
import resource, signal, sys
sys.path[:0] = {sys.path!r}
from test_run import QUICK, make_cohort, bedside
from bedside import StorageError
import torch, lightning_fabric, sklearn.linear_model, skops.io, matplotlib.figure
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))
try:
    bedside.train(make_cohort(60), QUICK, folder={str(tmp_path / "run")!r})
except StorageError as error:
    print("StorageError:", error)
"""
    environment = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    environment["MPLCONFIGDIR"] = matplotlib.get_cachedir()  # where it knows the fonts; to look for them takes seconds
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert "StorageError: No space left to write" in done.stdout, done.stdout + done.stderr
    assert not list(tmp_path.rglob("*.part"))
    finished = quick_resume(tmp_path / "run") if (tmp_path / "run").exists() else quick(tmp_path / "run")
    assert finished.finished


def quick_resume(folder):
    return bedside.train(make_cohort(60), resume=folder)


def test_a_place_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"there is no folder .*nowhere"):
        bedside.predict(run, make_table(5), output=tmp_path / "nowhere" / "scores.csv")
    with pytest.raises(StorageError, match="is there already and is not a file"):
        bedside.predict(run, make_table(5), output=tmp_path)
    with pytest.raises(StorageError, match=r"Cannot make .*file/run: Not a directory|Cannot write"):
        quick(tmp_path / "file" / "run")
    with pytest.raises(RunError, match="is there already"):
        quick(tmp_path / "file")


def test_scores_do_not_overwrite_the_data(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_table(5).to_csv("new.csv", index=False)
    before = (tmp_path / "new.csv").read_bytes()
    with pytest.raises(SettingError, match="would overwrite the data"):
        bedside.predict(run, "new.csv", output="./new.csv")
    assert (tmp_path / "new.csv").read_bytes() == before


def test_a_tampered_list_of_checksums_is_refused(run, tmp_path):
    import shutil

    shutil.copytree(run.path, tmp_path / "copy")
    path = tmp_path / "copy" / "model" / "model.json"
    path.write_text(path.read_text().replace('"threshold": 0.', '"threshold": 0.0'))
    with pytest.raises(RunError, match=r"model.json is not what was saved \(its sha256 differs from environment.json"):
        bedside.predict(tmp_path / "copy", make_table(5))


def test_two_runs_that_begin_at_once_get_folders_of_their_own(tmp_path, monkeypatch):
    from bedside.claim import claim

    monkeypatch.chdir(tmp_path)
    assert len({claim("clinic", None) for _ in range(5)}) == 5
    (claim("clinic", tmp_path / "mine") / "theirs.txt").write_text("kept")
    with pytest.raises(RunError, match="is there already"):
        claim("clinic", tmp_path / "mine")
    assert (tmp_path / "mine" / "theirs.txt").read_text() == "kept"


def test_only_one_process_works_on_a_run(tmp_path):
    steps = train_steps(make_cohort(60), build(RunSettings, QUICK), folder=tmp_path / "run")
    next(steps)
    if sys.platform != "win32":
        with pytest.raises(RunError, match="Another process is working on"):
            bedside.train(make_cohort(60), resume=tmp_path / "run")
    *_, last = steps
    assert isinstance(last, Finished)
    assert not (tmp_path / "run" / ".lock").exists()


def test_a_run_does_not_go_on_with_another_question_or_other_answers(tmp_path):
    from dataclasses import replace

    for event in train_steps(make_cohort(60), build(RunSettings, QUICK), folder=tmp_path / "run"):
        if isinstance(event, Begun):
            break
    with pytest.raises(RunError, match=r"data of .* have changed"):
        bedside.train(make_cohort(60, positive="well"), resume=tmp_path / "run")
    cohort = make_cohort(60)
    corrected = cohort.samples.copy()
    corrected.iloc[3, corrected.columns.get_loc("target")] = "sick" if corrected.target.iloc[3] == "well" else "well"
    assert not corrected.equals(cohort.samples)
    with pytest.raises(RunError, match=r"data of .* have changed"):
        bedside.train(replace(cohort, samples=corrected), resume=tmp_path / "run")


def test_a_run_continues_from_another_folder(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    make_table(60).to_csv("clinic.csv", index=False)
    roles = {"target": "outcome", "positive": "sick", "patient": "patient"}
    for event in train_steps("clinic.csv", build(RunSettings, {**QUICK, "data": roles}), folder="run"):
        if isinstance(event, Begun):
            break
    monkeypatch.chdir(tmp_path / "b")
    *_, last = train_steps(None, build(RunSettings, {}), resume=tmp_path / "a" / "run")
    assert isinstance(last, Finished)


def test_data_that_are_named_twice_or_without_roles_are_refused(tmp_path):
    with pytest.raises(SettingError, match="named twice"):
        bedside.train("breast-cancer", {"source": "diabetes"})
    with pytest.raises(SettingError, match=r"read_table\(data, target"):
        bedside.train(make_table(60))
    with pytest.raises(SettingError, match="leave out the folder"):
        list(train_steps(None, build(RunSettings, {}), folder="x", resume=quick(tmp_path / "run").path))


def test_ten_thousand_features_on_seventy_two_samples_work_and_say_how_little_is_known(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(72, 10_000)), columns=[f"gene{k}" for k in range(10_000)])
    table["disease"] = np.arange(72) % 2
    run = bedside.train(
        bedside.read_table(table, target="disease"),
        {**QUICK, "folds": {"scheme": "holdout"}},
        folder=tmp_path / "run",
    )
    assert any("features" in finding["message"] and finding["level"] == "warning" for finding in run.findings)
    assert any("too few" in sentence.lower() for sentence in run.estimates["sentences"])
    assert (run.path / "report.html").stat().st_size < 5_000_000


def test_one_feature_is_enough(tmp_path):
    table = make_table(60, visits=1)[["dose", "outcome"]].dropna()
    run = quick(tmp_path / "run", bedside.read_table(table, target="outcome", positive="sick"))
    assert run.estimates["n"]["samples"] == len(table)
