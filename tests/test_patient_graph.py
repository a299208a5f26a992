"""A graph of patients: who is linked to whom, what may never be linked, and what the graph is good for."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from bedside.contract.cohorts import signal_cohort, table_cohort
from bedside.data.table import read_table
from bedside.errors import ExportError, SettingError
from bedside.explain.choose import learned_from
from bedside.export import export
from bedside.models import build_model, model_settings
from bedside.models.suited import refuse_unsuited, setting_findings
from bedside.models.told import FoldSamples
from bedside.run import train
from bedside.scoring import Scorer
from bedside.settings import RunSettings, build
from bedside.splits.folds import join_groups, make_folds
from bedside.training.events import FoldFit, Plan
from bedside.training.fits import train_folds
from bedside.training.isolated import own_random_numbers
from bedside.training.model import load_model

QUICK = {"width": 16, "neighbours": 5}
LEARNS = {"train": {"epochs": 40, "patience": 12, "learning_rate": 0.01}, "device": {"threads": 1}}
FIVE = {"folds": {"scheme": "crossval", "number": 5}}
NAMES = ("first", "second", "third")


def network(rounds=1, columns=3, **options):
    with own_random_numbers(0):
        settings = model_settings("patient-graph", {**QUICK, "dropout": 0.0, "rounds": rounds, **options})
        return build_model("patient-graph", (columns,), 1, settings)


def met(made, train, valid, train_units, valid_units, names=NAMES):
    """A network that knows these samples, and what the loop hands out of them."""
    preparation = SimpleNamespace(sources=lambda: list(names))
    some = FoldSamples(preparation, torch.as_tensor(train), torch.as_tensor(valid), train_units, valid_units)
    return made, *made.meet(some)


@pytest.fixture(scope="module")
def samples():
    """90 samples of 40 patients, all visits of a patient nearly equal and the copies of patient 3 exactly; 20 that stop."""
    rng = np.random.default_rng(0)
    units = np.concatenate([np.arange(40), rng.integers(0, 40, 50)])
    x = rng.normal(size=(40, 3))[units] + rng.normal(0, 1e-3, (90, 3))
    x[units == 3] = x[3]
    return x.astype(np.float32), units, rng.normal(size=(20, 3)).astype(np.float32), np.arange(40, 60)


def fitted(cohort, options, folds=None):
    settings = build(RunSettings, {"family": "patient-graph", **LEARNS, **options})
    folds = folds or make_folds(cohort, settings.folds, seed=0)
    events = list(train_folds("patient-graph", cohort, folds, settings))
    return [event for event in events if isinstance(event, FoldFit | Plan)]


def kinds(n=360, groups=60, seed=0):
    """Patients in groups that lie close together; a group's risk shows in the mean of a marker that is noise in each."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    sick = rng.integers(0, 2, groups)[group]
    table = pd.DataFrame(
        {
            "patient": [f"p{k}" for k in range(n)],
            "region": rng.uniform(-3, 3, groups)[group] + rng.normal(0, 1e-3, n),
            "marker": 2 * sick - 1 + rng.normal(0, 2, n),
            "outcome": np.where(sick, "sick", "well"),
        }
    )
    return read_table(table, target="outcome", positive="sick", patient="patient")


# Who is linked


@pytest.mark.parametrize("link_by", [(), ("second",)])
def test_links_are_the_nearest_samples_of_other_patients(samples, link_by):
    """Against scikit-learn's nearest neighbours among all others, and the formula of the strength by hand."""
    x, units, held, held_units = samples
    made, given, _ = met(network(link_by=link_by), x, held, units, held_units)
    apart = np.where([name in (link_by or NAMES) for name in NAMES], 1.0, 1e-6).astype(np.float32).astype(float)
    for row in range(len(x)):
        others = np.flatnonzero(units != units[row])
        tree = NearestNeighbors(n_neighbors=6).fit(x[others].astype(float) * np.sqrt(apart))
        distance, _ = tree.kneighbors(x[row].astype(float)[None] * np.sqrt(apart))
        place = int(given[row, -1])
        near = made.near[place].numpy()
        assert len(set(near)) == 5
        found = np.sqrt((apart * (x[near].astype(float) - x[row]) ** 2).sum(axis=1))  # copies stand for each other
        np.testing.assert_allclose(found, distance[0, :5], atol=1e-12)
        strength = 1 - (distance[0, :5] / distance[0, 5]) ** 2
        np.testing.assert_allclose(made.weight[place].numpy(), strength, atol=1e-5)


def test_nobody_is_linked_to_himself_his_other_visits_or_a_copy(samples):
    x, units, held, held_units = samples
    made, given, valid = met(network(), x, held, units, held_units)
    for rows, own in ((given, units), (valid, held_units)):
        linked = units[made.near[rows[:, -1].long()].numpy()]
        assert (linked != own[:, None]).all()
        assert linked.max() < 40, "a sample that only stops the training is in the graph"


@pytest.mark.parametrize("rounds", [1, 2])
def test_in_training_nothing_of_a_patient_comes_back_to_him(samples, rounds):
    """What the own row and the other visits hold in the graph is changed: no output of the patient moves; others' do."""
    x, units, held, held_units = samples
    made, given, _ = met(network(rounds), x, held, units, held_units)
    made.double().train()
    mine = units == 0
    before = made(given.double()).detach()
    made.known[: len(x)][torch.from_numpy(mine)] += 100
    moved = (made(given.double()).detach() - before).abs().flatten().numpy() > 0
    assert not moved[mine].any()
    assert moved[~mine].any()


@pytest.mark.parametrize("rounds", [1, 2])
def test_training_asks_as_use_does(samples, rounds):
    """Two ways of computing the same: neighbours as far as they are reached, and everybody at once."""
    x, _, held, held_units = samples
    made, _, valid = met(network(rounds), x, held, np.arange(90), held_units + 100)
    made.double()
    numbered = valid.double()
    slow, fast = made.train()(numbered), made.eval()(numbered)
    torch.testing.assert_close(slow, fast)
    made.settle()
    torch.testing.assert_close(made(torch.from_numpy(held).double()), fast, atol=1e-5, rtol=1e-5)
    assert len(made.known) == len(made.near) == 90
    assert not len(made.unit)


def test_a_new_patient_is_scored_alike_alone_and_among_others(samples):
    x, units, held, held_units = samples
    made, *_ = met(network(2), x, held, units, held_units)
    made.settle()
    made.double().eval()
    new = torch.from_numpy(np.concatenate([held, x[:30], held + 0.5])).double()
    together = made(new)
    alone = torch.cat([made(one[None]) for one in new])
    assert (together - alone).abs().max().item() < 1e-13
    crowd = torch.cat([new, new[:1].expand(50, -1)])  # copies of the first one
    assert (made(crowd)[: len(new)] - together).abs().max().item() < 1e-13


def test_a_score_has_no_jump_where_neighbours_change(samples):
    """Along a line between two patients the largest step shrinks with the length of the steps."""
    x, units, held, held_units = samples
    made, *_ = met(network(2), x, held, units, held_units)
    made.settle()
    made.double().eval()
    begin, end = (torch.from_numpy(held[k]).double() for k in (0, 1))
    largest = []
    for steps in (2_000, 20_000):
        line = begin + torch.linspace(0, 1, steps + 1, dtype=torch.float64)[:, None] * (end - begin)
        largest.append(float(made(line).detach().diff(dim=0).abs().max()))
    assert largest[1] < 0.2 * largest[0]


def test_too_many_neighbours_and_unknown_columns_are_refused_in_words(samples):
    x, units, held, held_units = samples
    with pytest.raises(SettingError, match=r"model.neighbours=90, but in a fold there are only \d+ training samples"):
        met(network(neighbours=90), x, held, units, held_units)
    with pytest.raises(SettingError, match=r"names 'secund', which is no feature\. Did you mean 'second'\?"):
        met(network(link_by=("secund",)), x, held, units, held_units)
    with pytest.raises(SettingError, match="link_by has no effect without links"):
        network(neighbours=0, link_by=("first",))


# What is learned


def test_messages_find_what_shows_only_in_the_mean_of_neighbours():
    """The marker alone has an AUROC of 0.76 by design; a network that must know regions by heart is hardly better."""
    cohort, found = kinds(), {}
    for neighbours in (0, 8):
        model = {"neighbours": neighbours, "width": 16, "link_by": ["region"] if neighbours else []}
        _, *fits = fitted(cohort, {"model": model, **FIVE})
        found[neighbours] = np.mean(
            [
                roc_auc_score(cohort.target[f.fold.test], f.fitted.scores(cohort.inputs.take(f.fold.test))[:, 1])
                for f in fits
            ]
        )
    assert found[8] > found[0] + 0.04
    assert found[0] < 0.85


def test_folds_of_unequal_size_train_as_a_stack_and_give_what_they_give_alone():
    cohort, options = table_cohort(100), {"model": {**QUICK, "rounds": 2, "dropout": 0.0}, **FIVE}
    options |= {"train": {"epochs": 5, "patience": 3}}
    plan, *together = fitted(cohort, options)
    assert max(plan.stacks) > 2
    assert len({len(one.fold.train) for one in together}) > len(plan.stacks)
    for one in together[:2]:
        _, alone = fitted(cohort, options, [one.fold])
        np.testing.assert_allclose(alone.fitted.scores(cohort.inputs), one.fitted.scores(cohort.inputs), atol=1e-5)
        assert len(one.fitted.network.known) == len(one.fold.train)


def test_copies_of_rows_are_not_linked_though_nobody_named_the_patients():
    """Every row stands twice in the table: the nearest sample of each is its copy, at distance 0."""
    rng = np.random.default_rng(1)
    half = pd.DataFrame(rng.normal(size=(80, 3)), columns=list("abc"))
    half["outcome"] = rng.permutation(np.repeat(["sick", "well"], 40))
    cohort = read_table(pd.concat([half, half], ignore_index=True), target="outcome", positive="sick")
    groups = join_groups(cohort)
    assert groups.max() == 79
    _, only = fitted(cohort, {"model": {"neighbours": 3, "width": 16}})
    near = only.fitted.network.near.numpy()
    units = groups[only.fold.train]
    assert (units[near] != units[:, None]).all()


# A run, its files, and what is refused


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    settings = {
        "family": "patient-graph",
        "model": {**QUICK, "link_by": ["region"]},
        "train": {"epochs": 8, "patience": 5},
    }
    settings |= {
        "folds": {"scheme": "crossval", "number": 3},
        "evaluation": {"resamples": 100},
        "explain": {"samples": 2},
    }
    place = tmp_path_factory.mktemp("graph")
    return train(kinds(120, 20), {**settings, "device": {"threads": 1}}, folder=place / "run")


def test_the_file_holds_the_training_samples_in_their_order(run):
    cohort = kinds(120, 20)
    model = load_model(run.path / "model")
    for name, member in zip(model.names, model.members, strict=True):
        rows = learned_from(run, cohort, name)
        assert np.array_equal(member.reader(cohort.inputs.take(rows)), member.network.known.numpy())
        assert np.array_equal(member.network.measure.numpy(), np.array([1, 1e-6], dtype=np.float32))


def test_links_are_named_in_the_run_folder_and_counted_in_the_report(run):
    links = pd.read_csv(run.path / "explanations" / "links.csv")
    assert links.groupby("sample").size().eq(5).all()
    assert links.groupby("sample")["share"].sum().sub(1).abs().max() < 1e-6
    assert (links["patient"] != links["linked_patient"]).all()
    parts = run.folds.astype(str).set_index(["sample", "fold"])["part"]
    linked = links.astype(str)[["linked_sample", "fold"]].itertuples(index=False, name=None)
    assert {parts[pair] for pair in linked} == {"train"}
    scores = (
        run.predictions[run.predictions["part"] == "test"].astype({"sample": str}).set_index("sample")["score_sick"]
    )
    firsts = links.astype({"sample": str}).drop_duplicates("sample").set_index("sample")["score"]
    np.testing.assert_allclose(firsts, scores[firsts.index], atol=1e-8)
    record = json.loads((run.path / "explanations" / "columns.json").read_text())["links"]
    assert record["alike"]["same"] > record["alike"]["chance"] + 0.2, "regions are of one class"
    report = (run.path / "report.html").read_text()
    assert "What the graph of patients adds" in report
    assert "whoever gets the model gets their data" in (report + (run.path / "card.md").read_text()).lower()


def test_it_scores_in_use_and_is_not_exported(run):
    scorer = Scorer(run)
    assert scorer.model.members[0].network.links == 5
    with pytest.raises(ExportError, match="would hold the data of every training patient"):
        export(run)


@pytest.mark.parametrize(("family", "cohort"), [("patient-graph", table_cohort), ("nearest-signal", signal_cohort)])
@pytest.mark.parametrize("keep", ["nothing", "summaries"])
def test_who_wants_nothing_kept_gets_no_model_that_is_made_of_patients(family, cohort, keep):
    some = cohort(40)
    settings = build(RunSettings, {"family": family, "reference": {"keep": keep}})
    with pytest.raises(SettingError, match=f"reference.keep={keep}, but a model of family '{family}'"):
        refuse_unsuited(settings, some)
    usual = build(RunSettings, {"family": family})
    refuse_unsuited(usual, some)
    assert "holds-patients" in [finding.code for finding in setting_findings(usual, some)]
    if family == "patient-graph":
        silent = build(RunSettings, {"family": family, "model": {"neighbours": 0}, "reference": {"keep": keep}})
        refuse_unsuited(silent, some)
        assert not list(setting_findings(silent, some))
