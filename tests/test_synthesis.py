"""The tests of a synthetic cohort: they find what is planted, and find nothing where there is nothing."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bedside
from bedside import SettingError
from bedside.cli import app
from bedside.cohort import Fold
from bedside.contract.cohorts import table_cohort
from bedside.data.table import TableInputs, read_table
from bedside.fold_parts import HERE
from bedside.folder import Run
from bedside.settings import RunSettings, build
from bedside.synthesis import likeness, stage, tables
from bedside.synthesis.nearest import nearest
from bedside.synthesis.usefulness import usefulness
from bedside.synthesis.verdicts import verdicts
from bedside.training import drawn as drawing


def table(n, seed):
    """Patients from one distribution: four numbers, of which the first carries the class, and a level."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 4)).round(3), columns=list("abcd"))
    frame["a"] += np.arange(n) % 2
    frame["level"] = rng.choice(["x", "y", "z"], n)
    frame["outcome"] = np.where(np.arange(n) % 2, "sick", "well")
    return frame


COHORT = read_table(table(400, 0), target="outcome", positive="sick", categories=("level",))
FOLDS = [Fold(0, k, np.r_[0:150, 200:350], np.r_[150:160], np.r_[160:200, 350:400]) for k in (0, 1)]
FOLDS[1] = Fold(0, 1, np.r_[50:200, 250:400], np.r_[200:210], np.r_[0:50, 210:250])
SETTINGS = build(RunSettings, {"family": "tvae", "evaluation": {"resamples": 200}})


def true_density(fold, inputs):
    """The logarithm of the density that all patients come from, up to a constant, by class, (n, 2)."""
    values = inputs.frame[list("abcd")].to_numpy()
    return np.column_stack([-0.5 * ((values - [k, 0, 0, 0]) ** 2).sum(axis=1) for k in (0, 1)])


@pytest.fixture
def judge(monkeypatch):
    """What the tests say of samples that a function of (fold, n, seed) gives, with bounds that another gives."""

    def judged(give, bound=true_density):
        monkeypatch.setattr(drawing, "evidence", lambda member, inputs: bound(member, inputs))
        made = []
        for k, fold in enumerate(FOLDS):
            label = np.sort(COHORT.target[fold.train])
            made.append(stage.Drawn(fold, fold, label, give(fold, label, k)))
        found = stage._against_patients(made, COHORT, tables, 0, 0.95)
        return found | stage._against_columns(made, COHORT, tables)

    return judged


def fresh(fold, label, seed):
    """New patients from the true distribution, sorted by class."""
    frame = table(2 * len(label), 100 + seed)
    inputs = read_table(frame, target="outcome", positive="sick", categories=("level",)).inputs
    rows = np.concatenate([np.flatnonzero(np.arange(2 * len(label)) % 2 == k)[: (label == k).sum()] for k in (0, 1)])
    return inputs.take(rows)


def copied(fold, label, seed):
    """The training samples themselves."""
    order = fold.train[np.argsort(COHORT.target[fold.train], kind="stable")]
    return COHORT.inputs.take(order)


def nudged(fold, label, seed):
    """Training samples with a little noise: nothing is equal, everything is known."""
    inputs = copied(fold, label, seed)
    frame = inputs.frame.copy()
    frame[list("abcd")] += np.random.default_rng(seed).normal(0, 0.05, (len(frame), 4))
    return TableInputs(frame, inputs.features)


def test_independent_patients_pass(judge):
    found = judge(fresh)
    for estimate in (found["copying"]["closer"], *found["membership"].values()):
        assert estimate["value"] == pytest.approx(0.5, abs=0.075)  # about two and a half standard errors
        assert estimate["high"] - estimate["low"] < 0.25
    assert found["copying"]["copies"] == 0
    assert found["copying"]["below_fifth"] == pytest.approx(0.05, abs=0.04)
    assert found["copying"]["median_ratio"] == pytest.approx(1, abs=0.1)
    assert all(row["synthetic"] - row["real"] < 0.1 for row in found["columns"])
    assert found["pairs"]["synthetic"] == pytest.approx(found["pairs"]["real"], abs=0.03)


def test_training_rows_as_samples_are_caught(judge):
    found = judge(copied)
    assert found["membership"]["samples"]["value"] > 0.99
    assert found["copying"]["closer"]["value"] > 0.6, "each is its own nearest, if it was drawn for the comparison"
    assert found["copying"]["copies"] == found["copying"]["synthetic"]
    assert found["copying"]["copies_held_out"] == 0


def test_training_rows_with_noise_are_caught_without_a_copy(judge):
    found = judge(nudged)
    assert found["copying"]["copies"] == 0
    assert found["membership"]["samples"]["low"] > 0.8
    assert found["copying"]["closer"]["low"] > 0.5
    assert found["copying"]["below_fifth"] > 0.5


def test_a_model_that_memorised_is_caught_by_its_bound(judge):
    def bound(fold, inputs):
        known = {tuple(row) for row in COHORT.inputs.frame.iloc[fold.train].to_numpy().tolist()}
        seen = np.array([tuple(row) in known for row in inputs.frame.to_numpy().tolist()], dtype=float)
        return np.column_stack([seen, seen]) + 0.5 * np.random.default_rng(1).normal(size=(len(seen), 2))

    found = judge(fresh, bound)
    assert found["membership"]["model"]["low"] > 0.8
    assert found["membership"]["samples"]["low"] < 0.5


def test_other_distributions_and_lost_dependence_are_seen(judge):
    def shifted(fold, label, seed):
        inputs = fresh(fold, label, seed)
        return TableInputs(inputs.frame.assign(b=inputs.frame["b"] + 1, c=inputs.frame["d"]), inputs.features)

    found = judge(shifted)
    worst = max(found["columns"], key=lambda row: row["synthetic"] - row["real"])
    assert worst["column"] == "b"
    assert worst["synthetic"] == pytest.approx(0.38, abs=0.1)  # of two normal distributions one deviation apart
    assert found["pairs"]["synthetic"] > found["pairs"]["real"] + 0.05
    assert found["histograms"][0]["column"] == "b"


@pytest.mark.parametrize(("shuffled", "low", "high"), [(False, 0.65, 0.9), (True, 0.35, 0.65)])
def test_a_model_of_synthetic_patients_is_worth_what_their_classes_are(tmp_path, shuffled, low, high):
    made = []
    for k, fold in enumerate(FOLDS):
        label = np.sort(COHORT.target[fold.train])
        given = np.random.default_rng(k).permutation(label) if shuffled else label
        made.append((given, fresh(fold, label, k)))
    (tmp_path / "description.json").write_text(
        json.dumps({"features": [], "roles": {"subgroups": []}, "task": {"kind": "binary"}})
    )
    steps = usefulness(Run(tmp_path), COHORT, SETTINGS, tables, FOLDS, made, HERE)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found = end.value
            break
    assert low < found["synthetic"]["value"] < high
    assert found["real"]["value"] > 0.65
    assert found["family"] == "logistic"


def test_distance_is_gowers_on_ranks():
    train = TableInputs(pd.DataFrame({"n": [1.0, 2, 3, 4], "c": ["x", "y", "x", None]}), COHORT.inputs.features[:0])
    train = read_table(
        pd.DataFrame({"n": [1.0, 2, 3, 4] * 3, "c": ["x", "y", "x", "y"] * 3, "t": ["a", "b"] * 6}),
        target="t", positive="a", patient=None, categories=("c",), features=("n", "c"),
    ).inputs  # fmt: skip
    place, columns = tables.place_of(train)
    asked = TableInputs(pd.DataFrame({"n": [1.0, 4, 1, np.nan], "c": ["x", "x", "y", "x"]}), train.features)
    places = place(asked)
    far, who = nearest(places[1:], places[:1], columns)
    np.testing.assert_allclose(far, [0.75 / 2, 1 / 2, (0.375 + 0.5) / 2])
    assert (who == 0).all()
    assert nearest(places, places[:0], columns)[0].tolist() == [np.inf] * 4


def test_distances_of_distributions_by_hand():
    assert likeness.distance("number", np.array([1.0, 2, 3, 4]), np.array([3.0, 4, 5, 6])) == pytest.approx(0.5)
    assert likeness.distance(
        "category", np.array(["x", "x", "y", None]), np.array(["x", "y", "y", "y"])
    ) == pytest.approx(0.5)
    assert likeness.distance("number", np.array([1.0, np.nan]), np.array([1.0, 1.0])) == pytest.approx(0.5)


# A whole run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bedside.train(
        table_cohort(90),
        folder=tmp_path_factory.mktemp("synthetic") / "run",
        family="tvae",
        model={"width": 16, "code": 2},
        train={"epochs": 8},
        folds={"scheme": "crossval", "number": 3},
        evaluation={"resamples": 100},
        explain={"samples": 0},
        device={"threads": 1},
    )


def test_a_run_keeps_what_was_drawn_and_judged(run):
    samples = pd.read_csv(run.path / "synthetic" / "samples.csv")
    assert samples["synthetic"].eq("yes").all()
    assert samples["sample"].str.startswith("synthetic-").all()
    assert set(samples["outcome"]) == {"well", "sick"}
    record = run.synthetic
    folds = run.folds
    trained = folds[(folds["part"] == "train")]
    assert sum(record["drawn"].values()) == len(trained)
    assert {one["level"] for one in record["verdicts"]} <= {"danger", "warning", "fine"}
    assert [one["test"] for one in verdicts(record)] == [one["test"] for one in record["verdicts"]]
    text = (run.path / "report.html").read_text(encoding="utf-8")
    assert "The synthetic cohort" in text
    assert "What this cohort may not be used for" in text
    assert (run.path / "figures" / "synthetic-columns.svg").exists()
    assert not (run.path / ".parts").exists()
    assert not list(run.path.rglob("*.pkl"))


@pytest.mark.parametrize(
    ("copies", "held", "level"),
    [(0, 0, "fine"), (3, 0, "warning"), (30, 0, "danger"), (30, 12, "fine"), (40, 1, "danger")],
)
def test_equal_rows_are_called_copies_only_beyond_chance(run, copies, held, level):
    """Of 100 synthetic and 40 held-out samples each; Fisher's p, one-sided: 3 of 100 against 0 of 40 has p = 0.36, 30 against 0 below 0.001."""
    closer = {**run.synthetic["copying"]["closer"], "value": 0.5, "low": 0.4, "high": 0.6}
    counts = {"copies": copies, "synthetic": 100, "copies_held_out": held, "held_out": 40}
    copying = {**run.synthetic["copying"], **counts, "closer": closer}
    found = {one["test"]: one for one in verdicts({**run.synthetic, "copying": copying})}["copying"]
    assert found["level"] == level
    assert ("It copies patients" in found["sentence"]) == (level == "danger")


def test_the_model_card_says_what_is_given_away_and_what_samples_may_not_be_used_for(run):
    card = (run.path / "card.md").read_text(encoding="utf-8")
    use, ethics = (
        card.split(f"## {heading}")[1].split("\n## ")[0] for heading in ("Intended use", "Ethical considerations")
    )
    assert "to judge a model that will be used on patients" in use
    assert ethics.count("An attacker who has") == 2
    assert "report.html#synthetic" in ethics


def test_sampling_is_reproducible_marked_and_by_class(run, tmp_path):
    one = bedside.sample(run, n=30, seed=4, output=tmp_path / "drawn.csv").table
    pd.testing.assert_frame_equal(one, bedside.sample(run, n=30, seed=4).table)
    assert not one.equals(bedside.sample(run, n=30, seed=5).table)
    again = pd.read_csv(tmp_path / "drawn.csv")
    assert len(again) == 30
    assert again["synthetic"].eq("yes").all()
    only = bedside.sample(run, n=12, label="sick").table
    assert set(only["target"]) == {"sick"}
    assert list(only["sample"]) == [f"synthetic-{k:04d}" for k in range(1, 13)]


def test_what_cannot_be_drawn_is_refused_in_words(run, tmp_path):
    with pytest.raises(SettingError, match=r"no class 'sic'.*Did you mean 'sick'"):
        bedside.sample(run, label="sic")
    with pytest.raises(SettingError, match="seed=-1 is negative"):
        bedside.sample(run, seed=-1)
    with pytest.raises(SettingError, match="cannot be drawn"):
        bedside.sample(run, n=0)
    with pytest.raises(SettingError, match="name another file"):
        bedside.sample(run, output=run.path / "cohort.csv")
    other = bedside.train(
        table_cohort(60),
        folder=tmp_path / "other",
        family="logistic",
        evaluation={"resamples": 100},
        explain={"samples": 0},
    )
    with pytest.raises(SettingError, match="draws no samples"):
        bedside.sample(other)


def test_a_table_of_levels_alone_is_learned_drawn_and_judged(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.choice(list("xyz"), (90, 3)), columns=list("abc"))
    frame["ill"] = np.where(rng.random(90) < 0.5, "yes", "no")
    run = bedside.train(
        read_table(frame, target="ill", positive="yes"),
        folder=tmp_path / "run",
        family="tvae",
        train={"epochs": 5},
        evaluation={"resamples": 100},
        explain={"samples": 0},
    )
    assert run.synthetic["copying"]["synthetic"] > 0
    assert set(bedside.sample(run, n=40).table["a"]) <= set("xyz")


def test_the_command_says_what_was_drawn(run, tmp_path):
    done = CliRunner().invoke(
        app, ["sample", str(run.path), "-o", str(tmp_path / "s.csv"), "-n", "7", "--class", "well"]
    )
    assert done.exit_code == 0, done.output
    assert "7 synthetic samples" in done.output
    assert "None of these patients exists" in done.output
    assert len(pd.read_csv(tmp_path / "s.csv")) == 7
