"""Explanations of tables recover planted effects, agree with closed forms, and are not believed when they should not be."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import bedside
from bedside.cohort import Estimate
from bedside.data.table import TableInputs
from bedside.errors import RunError, SettingError
from bedside.explain import table_checks, tables
from bedside.explain.columns import scene_of
from bedside.explain.contributions import CLOSE, contributions
from bedside.explain.dependence import dependence, grid_of
from bedside.explain.groups import associations, groups_of
from bedside.explain.importance import importances, moved_most
from bedside.folder import Run
from bedside.run import explain_steps
from bedside.settings import RunSettings, build
from bedside.training.model import load_model

FAST = {"evaluation": {"resamples": 200, "baseline": False}, "explain": {"samples": 3}}
NET = {
    "family": "mlp",
    "model": {"hidden": [8]},
    "train": {"epochs": 15, "learning_rate": 0.02, "early_stopping": False},
}


def planted(n=400, *, seed=0, task="binary"):
    """Strong, medium and weak effects, one downwards, a pair that carries one effect, a category, and noise."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.normal(size=n) for name in ("strong", "medium", "weak", "noise")})
    table["twin_a"] = rng.normal(size=n)
    table["twin_b"] = table["twin_a"] + 0.25 * rng.normal(size=n)
    table["kind"] = rng.choice(["low", "mid", "high"], n)
    signal = (
        2 * table["strong"] - 1.2 * table["medium"] + 0.6 * table["weak"] + 0.7 * (table["twin_a"] + table["twin_b"])
    )
    signal += table["kind"].map({"low": -0.8, "mid": 0.0, "high": 0.8})
    if task == "regression":
        table["outcome"] = (signal + rng.normal(size=n)).round(4)
    else:
        table["outcome"] = np.where(signal + rng.logistic(size=n) > 0, "ill", "well")
    table.insert(0, "patient", [f"p{k:03d}" for k in range(n)])
    return table


def train(table, folder, **options):
    named = {"positive": "ill"} if table["outcome"].dtype == object or str(table["outcome"].dtype) == "str" else {}
    cohort = bedside.read_table(table, target="outcome", patient="patient", **named)
    return bedside.train(
        cohort, {**FAST, "folds": {"scheme": "crossval", "number": 3}}, folder=folder, **options
    ), cohort


def scene(run, cohort):
    model = load_model(run.path / "model")
    return scene_of(run, cohort, dict(zip(model.names, model.members, strict=True)), 0)


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """Logistic regression on the planted table: run, cohort and what its members tested."""
    run, cohort = train(planted(), tmp_path_factory.mktemp("linear") / "run", family="logistic")
    return run, cohort, scene(run, cohort)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    run, cohort = train(planted(240), tmp_path_factory.mktemp("network") / "run", **NET)
    return run, cohort, scene(run, cohort)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """A regression whose columns are independent, so that everything is known in closed form."""
    table = planted(600, task="regression").drop(columns=["twin_a", "twin_b", "kind"])
    run, cohort = train(table, tmp_path_factory.mktemp("numbers") / "run", family="ridge")
    return run, cohort, scene(run, cohort)


def losses(run):
    return {row["column"]: Estimate.from_dict(row["estimate"]) for row in run.columns["importance"]}


# Importance


def test_the_order_of_planted_effects_is_recovered_and_noise_stays_within_noise(linear):
    found = losses(linear[0])
    assert found["strong"].value > found["medium"].value > found["weak"].value > found["noise"].value
    assert all(found[name].low > 0 for name in ("strong", "medium", "weak", "kind"))
    assert found["noise"].low <= 0 <= found["noise"].high
    assert f"strong ({found['strong'].text()})" in linear[0].columns["sentences"][0]


def test_a_pair_that_goes_together_is_dealt_anew_together_and_both_are_shown(linear):
    (group,) = linear[0].columns["groups"]
    assert group["columns"] == ["twin_a", "twin_b"]
    alone, together = losses(linear[0]), Estimate.from_dict(group["estimate"])
    assert together.value > max(alone["twin_a"].value, alone["twin_b"].value)
    assert together.low > 0
    said = " ".join(linear[0].columns["sentences"])
    assert "twin_a and twin_b go together" in said
    page = (linear[0].path / "report.html").read_text(encoding="utf-8")
    table = page[page.index('<table class="together">') :]
    assert table.index("twin_a, twin_b") < table.index("</table>")
    assert "not what causes the outcome" in said


def test_the_loss_in_r2_is_twice_the_share_of_variance(numbers):
    """Dealing an independent column anew costs 2 b^2 var(x) / var(y) (Fisher et al. 2019, theorem on linear models)."""
    run, cohort, _ = numbers
    frame, target = cohort.inputs.frame, cohort.target
    for name, effect in (("strong", 2.0), ("medium", -1.2), ("weak", 0.6)):
        expected = 2 * effect**2 * frame[name].var() / target.var()
        one = losses(run)[name]
        assert one.low < expected < one.high
        assert one.value == pytest.approx(expected, abs=0.12)


def test_scikit_learn_finds_the_same_importance(numbers):
    from sklearn.inspection import permutation_importance

    _run, cohort, seen = numbers
    part = seen.parts[0]
    theirs = permutation_importance(
        part.fitted.estimator, part.x.astype(float), cohort.target[seen.rows[part.places]], n_repeats=40, random_state=0
    )
    alone = replace(
        seen,
        table=seen.table.iloc[part.places].reset_index(drop=True),
        parts=(replace(part, places=np.arange(len(part.x))),),
    )
    sets = [(k,) for k in range(4)]
    ours = importances(alone, sets, np.arange(len(part.x)), resamples=100, level=0.95, seed=1)
    assert [one.value for one in ours] == pytest.approx(list(theirs.importances_mean), abs=0.1)


def test_moving_the_prepared_block_is_moving_the_raw_cell(linear):
    _, cohort, seen = linear
    part, inputs = seen.parts[0], cohort.inputs.take(seen.rows[seen.parts[0].places])
    order = np.random.default_rng(0).permutation(len(inputs))
    for column, name in enumerate(seen.names):
        frame = inputs.frame.assign(**{name: inputs.frame[name].to_numpy()[order]})
        moved = part.x.copy()
        moved[:, part.of([column])] = part.x[order][:, part.of([column])]
        assert np.array_equal(part.fitted.reader(TableInputs(frame, inputs.features)), moved)


def test_gaps_and_rare_levels_belong_to_their_raw_column():
    from bedside.settings import PreparationSettings
    from bedside.splits.preparation import TablePreparation

    table = planted(80).assign(rare=["a"] * 40 + ["b"] * 30 + ["c"] * 4 + ["d"] * 3 + [None] * 3)
    table.loc[:5, "weak"] = np.nan
    inputs = bedside.read_table(table, target="outcome", patient="patient").inputs
    preparation = TablePreparation.fit(inputs, PreparationSettings())
    sources = preparation.sources()
    assert len(sources) == preparation(inputs).shape[1]
    assert sources.count("weak") == 2
    assert sources.count("kind") == 3
    assert sources.count("rare") == 4  # a, b, all rare ones together, and the gap


def test_groups_of_associated_columns():
    rng = np.random.default_rng(0)
    n = 300
    number, level = rng.normal(size=n), rng.choice(["x", "y", "z"], n)
    table = pd.DataFrame({
        "number": number, "same": np.exp(number), "other": rng.normal(size=n), "level": level,
        "code": pd.Series(level).map({"x": "1-a", "y": "2-b", "z": "3-c"}), "height": pd.Series(level).map({"x": 0.0, "y": 5.0, "z": 9.0}) + 0.1 * rng.normal(size=n),
        "outcome": rng.choice(["a", "b"], n),
    })  # fmt: skip
    inputs = bedside.read_table(table, target="outcome").inputs
    names = list(inputs.frame.columns)
    found = pd.DataFrame(associations(inputs, np.arange(len(names))), names, names)
    assert found.loc["number", "same"] == pytest.approx(1)
    assert found.loc["number", "other"] == pytest.approx(abs(spearmanr(table["number"], table["other"])[0]))
    assert found.loc["level", "code"] == pytest.approx(1)
    assert found.loc["level", "height"] > 0.9
    assert found.loc["level", "other"] < 0.2
    groups = [{names[k] for k in group} for group in groups_of(inputs, np.arange(len(names)))]
    assert sorted(map(sorted, groups)) == [["code", "height", "level"], ["number", "same"]]


def test_of_many_columns_those_that_move_the_scores_are_measured(linear, monkeypatch):
    monkeypatch.setattr("bedside.explain.importance.MOST", 2)
    _, _, seen = linear
    kept = {seen.names[k] for k in moved_most(seen, np.arange(len(seen.table)), 0)}
    assert "strong" in kept
    assert len(kept) == 2


# Contributions


def test_integrated_gradients_add_up_to_the_score(network):
    _, _, seen = network
    for part in seen.parts:
        found = contributions(part, part.x, seen.output[part.places], np.arange(7), 0)
        assert found.gap <= CLOSE
        assert np.ptp(found.end) > 0.5
        assert np.allclose(found.end, part.shown(part.x, seen.output[part.places]))


def test_integrated_gradients_of_a_linear_network_are_weight_times_distance(tmp_path):
    table = planted(90, task="regression").drop(columns=["twin_b"])
    run, cohort = train(table, tmp_path / "run", **{**NET, "model": {"hidden": []}, "explain": {"samples": 0}})
    seen = scene(run, cohort)
    part = seen.parts[0]
    found = contributions(part, part.x, np.zeros(len(part.x), dtype=int), np.arange(6), 0)
    weight = part.fitted.network.output.weight.detach().numpy()[0] * part.fitted.scale
    expected = part.summed(weight * (part.x - part.reference.mean(axis=0)))
    assert np.allclose(found.values, expected, atol=1e-5)


def test_sampled_values_add_up_exactly_and_are_those_of_a_linear_model(numbers):
    _, _, seen = numbers
    part = seen.parts[0]
    found = contributions(part, part.x[:12], np.zeros(12, dtype=int), np.arange(4), 0)
    assert found.gap < 1e-9
    expected = part.fitted.estimator.coef_ * (part.x[:12] - part.reference.mean(axis=0))
    spread = np.abs(part.fitted.estimator.coef_) * part.reference.std(axis=0) / np.sqrt(40)
    assert (np.abs(found.values - expected) < 4.5 * spread).all()


def test_contributions_have_the_planted_signs(network, linear):
    for run, cohort, _ in (network, linear):
        assert cohort.task.positive == "ill"
        table = pd.read_csv(run.path / "explanations" / "contributions.csv")
        table["value"] = pd.to_numeric(table["value"], errors="coerce")
        strong = table[table.column == "strong"]
        assert ((strong.value > 0.8) == (strong.contribution > 0))[strong.value.abs() > 0.8].all()


# Curves


def test_curves_have_the_planted_direction_and_stay_where_training_was(linear):
    run, cohort, seen = linear
    drawn = {curve["column"]: curve for curve in run.columns["dependence"]}
    assert drawn["strong"]["outputs"][-1]["change"][-1] > 0.3
    assert drawn["medium"]["outputs"][-1]["change"][-1] < -0.2
    for name, curve in drawn.items():
        if isinstance(curve["grid"][0], str):
            continue
        for rows in seen.train.values():
            low, high = cohort.inputs.frame[name].iloc[rows].quantile([0.05, 0.95])
            assert low <= min(curve["grid"])
            assert max(curve["grid"]) <= high
    assert all(curve[0] == 0 for curve in drawn["strong"]["curves"])  # centred


def test_the_curve_of_a_linear_model_is_its_slope(numbers):
    _, _, seen = numbers
    curve = dependence(seen, 0, seen.parts[0].places, resamples=100, level=0.95, seed=0)
    slope = np.diff(curve.mean[:, 0]) / np.diff(curve.grid)
    part = seen.parts[0]
    raw = part.fitted.estimator.coef_[0] / part.fitted.reader.steps["numbers"]["scale"].scale_[0]
    assert slope == pytest.approx(raw, rel=1e-4)


def test_a_column_that_never_varies_in_training_has_no_curve(linear):
    _, cohort, seen = linear
    still = TableInputs(cohort.inputs.frame.assign(weak=1.0), cohort.inputs.features)
    fixed = replace(seen, cohort=replace(cohort, inputs=still))
    assert grid_of(fixed, seen.names.index("weak")) == []
    assert dependence(fixed, seen.names.index("weak"), np.arange(5), resamples=100, level=0.95, seed=0) is None


# Checks


def test_explanations_of_a_trained_model_pass_their_checks(linear, network):
    for run, _, _ in (linear, network):
        assert [check["passed"] for check in run.sanity["checks"]] == [True, True, True], run.sanity["sentences"]


def test_an_explanation_that_ignores_the_model_fails_and_the_report_says_so(linear, tmp_path, monkeypatch):
    run, cohort, _ = linear

    def only_the_data(part, x, output, columns, seed):
        found = contributions(part, x, output, columns, seed)
        return replace(found, values=-part.summed(x.astype(float)))

    monkeypatch.setattr(table_checks, "contributions", only_the_data)
    copy = clone(run, tmp_path)
    model = load_model(copy.path / "model")
    members = dict(zip(model.names, model.members, strict=True))
    settings = build(RunSettings, {k: v for k, v in copy.settings.items() if k != "bedside"})
    list(tables.explain_table(copy, cohort, settings, members))
    copy = Run(copy.path)
    assert not copy.sanity["checks"][0]["passed"]
    assert copy.sanity["sentences"][-1].startswith("At least one check failed")
    bedside.write_report(copy)
    assert "Do not trust these explanations" in (copy.path / "report.html").read_text(encoding="utf-8")


def test_with_few_columns_nothing_is_said_of_ranks(tmp_path):
    run, _ = train(planted(90)[["patient", "strong", "noise", "outcome"]], tmp_path / "run", family="logistic")
    assert "Too few columns to tell (2; 4 are needed)" in run.sanity["sentences"][0]
    assert "At least one check failed" not in " ".join(run.sanity["sentences"])


# Runs


def clone(run, folder):
    import shutil

    return Run(shutil.copytree(run.path, folder / "copy"))


def test_files_hold_what_the_report_shows(linear):
    run, _, seen = linear
    folder = run.path / "explanations"
    table = pd.read_csv(folder / "importance.csv")
    assert list(table["columns"][:7]) == [row["column"] for row in run.columns["importance"]]
    assert list(table.loc[table.kind == "group", "columns"]) == ["twin_a + twin_b"]
    sums = pd.read_csv(folder / "contributions.csv", dtype={"sample": str}).groupby("sample")["contribution"].sum()
    samples = pd.read_csv(folder / "explained.csv", dtype={"sample": str}).set_index("sample")
    assert np.allclose(sums, (samples["score"] - samples["start"])[sums.index], atol=1e-6)
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert "What the model uses" in page
    assert page.count('class="person"') == len(run.columns["patients"]) == 3
    assert {path.stem for path in (run.path / "figures").glob("*.svg")} >= {"importance", "dependence"}
    assert len(seen.table) == run.columns["n_samples"]


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_every_task_and_refits_are_explained(task, tmp_path):
    from cohorts import cohort as make_cohort

    options = {"final": "refit", "folds": {"scheme": "crossval", "number": 3}, "family": "forest"}
    again = {"recalibrate": "temperature"} if task == "multiclass" else {}
    run = bedside.train(
        make_cohort(90, task=task), {**FAST, **options}, model={"trees": 10}, evaluation=again, folder=tmp_path / "run"
    )
    assert "final fit was trained on these samples too" in run.columns["sentences"][-1]
    page = (run.path / "report.html").read_text(encoding="utf-8")
    said = [
        run.columns["before_recalibration"],
        run.columns["contributions"]["what"].endswith("before recalibration"),
        "explains the scores before recalibration" in run.columns["sentences"][-2],
        "<small>score before recalibration</small>" in page,
        "How the score before recalibration changes" in page,
    ]
    assert said == [bool(again)] * len(said)
    assert losses(run)["dose"].low > 0
    assert {"dose", "age"} <= {row["column"] for row in run.columns["importance"][:3]}


def test_nothing_is_explained_where_it_is_switched_off_or_no_column_is_read(tmp_path):
    run, _ = train(planted(90), tmp_path / "off", family="logistic", explain={"samples": 0})
    assert run.columns is None
    data, quick = {"target": "outcome", "patient": "patient"}, {"evaluation": FAST["evaluation"]}
    source = _file(planted(90), tmp_path)
    null = bedside.train(source, quick, data=data, family="prevalence", folder=tmp_path / "none")
    assert null.columns is None
    with pytest.raises(SettingError, match="looks at no single column"):
        list(explain_steps(null.path))


def _file(table, folder):
    path = folder / "clinic.csv"
    table.to_csv(path, index=False)
    return path


def test_methods_for_images_are_refused(tmp_path):
    with pytest.raises(SettingError, match=r"explain\.method has no effect: tables are explained by column"):
        train(planted(90), tmp_path / "run", family="logistic", explain={"samples": 3, "method": "occlusion"})


def test_a_run_is_explained_again_from_where_its_table_lies_now(tmp_path):
    source = _file(planted(90), tmp_path)
    data = {"target": "outcome", "patient": "patient"}
    run = bedside.train(source, FAST, data=data, family="logistic", folder=tmp_path / "run")
    before = (run.path / "explanations" / "columns.json").read_bytes()
    moved = source.rename(tmp_path / "moved.csv")
    with pytest.raises(RunError, match=r"no longer in .*say where they are now: `bedside explain"):
        list(explain_steps(run.path))
    *_, last = explain_steps(run.path, source=moved)
    assert (last.run.path / "explanations" / "columns.json").read_bytes() == before  # same seed, same bytes
    with pytest.raises(SettingError, match=r"explain\.method=occlusion has no effect on tables"):
        list(explain_steps(run.path, source=moved, method="occlusion"))
    *_, last = explain_steps(run.path, source=moved, samples=6)
    assert len(last.run.columns["patients"]) == 6
    planted(90, seed=1).to_csv(moved, index=False)
    with pytest.raises(RunError, match="not those that"):
        list(explain_steps(run.path, source=moved))


def test_columns_json_is_plain(linear):
    record = json.loads((linear[0].path / "explanations" / "columns.json").read_text())
    assert record["permutations"] == 10
    assert record["n_measured"] == record["n_columns"] == 7


@pytest.mark.parametrize(("ranks", "passed", "words"), [
    ((0.1, 0.0, 0.2, -0.1), True, "the order of columns by importance changes"),
    ((0.9, 0.8, 0.95, 0.85), False, "does not change enough"),
    ((0.9, -0.2, 0.6, 0.1), False, "Too few models that have learned nothing (4) to tell whether importance depends"),
])  # fmt: skip
def test_a_wide_interval_is_no_failed_check(ranks, passed, words):
    found = table_checks._randomised_importance(np.array(ranks), 7, network=True)
    assert found["passed"] is passed
    assert words in found["sentence"]
