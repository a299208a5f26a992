"""Autoencoders: what they learn, what does not count, whom they call unusual, and what they put into gaps."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from bedside.contract.cohorts import image_cohort, signal_cohort, signal_outliers, table_outliers
from bedside.data.table import TableInputs, read_table
from bedside.errors import ExportError, SettingError
from bedside.export import export
from bedside.imputing import impute
from bedside.models import build_model, model_settings, objective_of
from bedside.models.coders import LEVEL, MARK, NUMBER, divergence
from bedside.models.reconstruction import Rank
from bedside.models.suited import refuse_unsuited
from bedside.models.unfolded import HIDE, UnfoldedSequence
from bedside.run import train, train_steps
from bedside.scoring import predict
from bedside.settings import PreparationSettings, RunSettings, build
from bedside.splits.backwards import numbers_of, shares_of
from bedside.splits.folds import make_folds
from bedside.splits.preparation import TablePreparation
from bedside.training.events import FoldFit, Progress
from bedside.training.fits import train_folds
from bedside.training.groups import Job, train_members
from bedside.training.hardware import make_fabric
from bedside.training.image_members import ImageSpec, PixelStore, image_member
from bedside.training.isolated import own_random_numbers
from bedside.training.members import array_member

QUICK = {"width": 32}
LEARNS = {"train": {"epochs": 60, "learning_rate": 0.005}, "device": {"threads": 1}}
FIVE = {"folds": {"scheme": "crossval", "number": 5}, "evaluation": {"resamples": 300}, "explain": {"samples": 2}}


@pytest.fixture(scope="module")
def prepared():
    """A preparation that marks every gap, and 60 samples with gaps as it gives them."""
    inputs = table_outliers(60).inputs
    preparation = TablePreparation.fit(inputs, PreparationSettings(), every_gap=True)
    return preparation, torch.from_numpy(preparation(inputs)).double()


@pytest.fixture(scope="module")
def made(prepared):
    """`made(family)`: a network of it with random weights that knows what the columns are."""

    def make(family, **options):
        preparation, x = prepared
        with own_random_numbers(3):
            network = build_model(family, (x.shape[1],), 1, model_settings(family, {**QUICK, **options})).double()
        network.learn_layout(preparation, x)
        return network.eval()

    return make


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Planted outliers in a table, five folds."""
    return train(
        table_outliers(300), {**LEARNS, **FIVE}, folder=tmp_path_factory.mktemp("outliers") / "run",
        family="autoencoder", model=QUICK,
    )  # fmt: skip


def auroc(run):
    return next(one for one in run.estimates["estimates"] if one["metric"] == "auroc")


# What is learned


def test_a_code_costs_what_the_closed_form_says():
    """Against torch's own divergence of random normal distributions, and 0 for the standard one."""
    chance = torch.Generator().manual_seed(0)
    mean, log_variance = (torch.randn(50, 6, generator=chance, dtype=torch.float64) for _ in range(2))
    normal = torch.distributions.Normal
    exact = torch.distributions.kl_divergence(
        normal(mean, (0.5 * log_variance).exp()), normal(torch.zeros_like(mean), torch.ones_like(mean))
    )
    torch.testing.assert_close(divergence(mean, log_variance), exact.sum(dim=1))
    assert divergence(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0


def test_the_error_of_a_sample_is_that_of_its_known_cells(prepared, made):
    """Computed by hand, cell by cell: half the squared distance of numbers, the cross-entropy of levels, their mean."""
    preparation, x = prepared
    network = made("autoencoder")
    given = network._coded(x)[0].detach().numpy()
    kinds, sources, values = preparation.kinds(), np.array(preparation.sources()), x.numpy()
    wanted = []
    for sample, back in zip(values, given, strict=True):
        cells = []
        for name in dict.fromkeys(sources):
            (mark,) = [k for k in np.flatnonzero(sources == name) if "gaps" in kinds[k]]
            own = [k for k in np.flatnonzero(sources == name) if "gaps" not in kinds[k]]
            if sample[mark]:
                continue
            if kinds[own[0]] == "numbers":
                cells.append(0.5 * (sample[own[0]] - back[own[0]]) ** 2)
            else:
                logits = 30 * np.tanh(back[own] / 30)
                cells.append(np.log(np.exp(logits).sum()) - logits[sample[own] == 1].item())
        wanted.append(np.mean(cells))
    assert set(network.kind.tolist()) == {NUMBER, LEVEL, MARK}
    np.testing.assert_allclose(network.errors(x)[:, 0].detach().numpy(), wanted, rtol=1e-9)


@pytest.mark.parametrize("family", ["autoencoder", "vae"])
def test_the_gradient_of_the_objective_is_its_slope(prepared, made, family):
    cohort_task = table_outliers(10).task
    objective = objective_of(family, cohort_task, QUICK)
    network, x = made(family), prepared[1][:20]
    learner = objective.begin(network, prepared[0], x, torch.zeros(len(x))).eval()
    batch = (x, torch.zeros(20), torch.ones(20, dtype=torch.float64))
    loss, _ = objective(learner, batch)
    loss.backward()
    for name in ("coder.mean.weight", "coder.encoder.0.bias", "coder.decoder.1.weight"):
        weight = dict(network.named_parameters())[name]
        place = torch.argmax(weight.grad.abs())
        step, flat = 1e-5, weight.data.view(-1)
        ends = []
        for sign in (1, -2):
            flat[place] += sign * step
            ends.append(objective(learner, batch)[0].item())
        flat[place] += step
        slope = (ends[0] - ends[1]) / (2 * step)
        assert weight.grad.view(-1)[place].item() == pytest.approx(slope, rel=1e-4)


def test_only_the_other_class_is_learned_from_unless_all_are_asked():
    task, target = table_outliers(10).task, torch.tensor([0, 1, 0])
    assert objective_of("autoencoder", task, {}).learns_from(target).tolist() == [True, False, True]
    assert objective_of("vae", task, {"learn_from": "all"}).learns_from(target).all()


@pytest.mark.parametrize("whom", ["other", "all"])
def test_names_of_classes_reach_the_weights_by_the_choice_of_samples_alone(whom):
    """With `all`, shuffled targets give the same scores to the last bit; with `other` they do not."""
    cohort = table_outliers(80)
    fold = make_folds(cohort, build(RunSettings, {}).folds, seed=0)[0]
    settings = build(RunSettings, {"model": {"learn_from": whom}, "train": {"epochs": 2}, "device": {"threads": 1}})
    other = SimpleNamespace(**{name: getattr(cohort, name) for name in ("inputs", "task", "samples")})
    other.target = np.random.default_rng(0).permutation(cohort.target)
    other.__len__ = lambda: len(cohort)
    scores = [
        next(event for event in train_folds("autoencoder", one, [fold], settings) if isinstance(event, FoldFit))
        .fitted.scores(cohort.inputs.take(fold.test))
        for one in (cohort, other)
    ]  # fmt: skip
    assert np.array_equal(*scores) is (whom == "all")


def test_settings_that_ask_for_classes_or_marks_are_refused():
    cohort = table_outliers(40)
    for asked, said in (
        ({"train": {"class_weights": "balanced"}}, "learns without the classes"),
        ({"preparation": {"missing_indicators": False}}, "always knows what is missing"),
    ):
        with pytest.raises(SettingError, match=said):
            refuse_unsuited(build(RunSettings, {"family": "vae", **asked}), cohort)


# What does not count


@pytest.mark.parametrize("family", ["autoencoder", "vae"])
def test_what_fills_a_gap_changes_no_error(prepared, made, family):
    """The error compares nothing with a cell that was missing: what stands there may be anything."""
    x = prepared[1]
    network = made(family)
    given = network._coded(x)[0].detach()
    gaps = 1 - network.known(x)
    assert gaps[:, network.kind != MARK].sum() > 0
    changed = x + 100 * gaps * (network.kind == NUMBER)
    before, after = ((network.by_column(one, given) * network.known(one)).sum(dim=1) for one in (x, changed))
    torch.testing.assert_close(before, after, rtol=0, atol=0)


def test_a_missing_cell_is_the_same_whatever_it_was(prepared, made):
    """Samples that differ in one cell become one sample when it is hidden."""
    network, x = made("autoencoder"), prepared[1].clone()
    other = x.clone()
    other[:, 2] += 5
    hidden = torch.zeros_like(x)
    hidden[:, 2] = 1
    first, second = (network.hidden_again(one, hidden) for one in (x, other))
    assert torch.equal(network.errors(first), network.errors(second))
    assert not torch.equal(network.errors(x), network.errors(other))


@pytest.mark.parametrize("family", ["autoencoder", "vae"])
def test_what_lies_behind_the_end_changes_no_score(family):
    with own_random_numbers(1):
        network = build_model(family, (3, 67), 1, model_settings(family, {"width": 8})).double().eval()
    x = torch.randn(4, 3, 67, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[:, -1] = 1
    x[1, :, 40:] = 0
    noisy = x.clone()
    noisy[1, :-1, 40:] = 1e3
    assert torch.equal(network(x), network(noisy))


# Scores


def test_a_score_is_the_share_of_held_out_errors_below_and_never_stops_rising():
    held = torch.rand(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.5
    rank = Rank().double()
    rank.learn(held)
    asked = torch.linspace(0.01, 20, 4001, dtype=torch.float64)
    scores = torch.sigmoid(rank(asked))
    assert (scores.diff() > 0).all()
    inside = (asked > held.min()) & (asked < held.max())
    shares = (held[None] < asked[:, None]).double().mean(dim=1)
    assert (scores - shares)[inside].abs().max() < 0.03
    assert scores[asked > held.max()].min() > 200 / 201 - 1e-9
    assert scores[asked < held.min()].max() < 1 / 201 + 1e-9


def test_planted_outliers_are_found(run):
    found = auroc(run)
    assert found["low"] > 0.75, found


def test_without_outliers_the_score_is_chance(tmp_path):
    run = train(
        table_outliers(200, planted=False), {**LEARNS, **FIVE, "explain": {"samples": 0}}, folder=tmp_path / "run",
        family="autoencoder", model=QUICK,
    )  # fmt: skip
    found = auroc(run)
    assert found["low"] < 0.5 < found["high"], found


@pytest.mark.parametrize("family", ["autoencoder", "vae"])
@pytest.mark.parametrize("planted", [True, False])
def test_recordings_upside_down_are_found_and_others_are_not(family, planted):
    cohort = signal_outliers(200, planted=planted)
    settings = build(RunSettings, {"model": {"width": 8}, "train": {"epochs": 15, "learning_rate": 0.005}, **FIVE})
    folds = make_folds(cohort, settings.folds, seed=0)
    scores = np.full(len(cohort), np.nan)
    for event in train_folds(family, cohort, folds, settings):
        if isinstance(event, FoldFit):
            scores[event.fold.test] = event.fitted.scores(cohort.inputs.take(event.fold.test))[:, 1]
    area = roc_auc_score(cohort.target, scores)
    assert area > 0.95 if planted else 0.35 < area < 0.65


@pytest.mark.parametrize("family", ["autoencoder", "vae"])
def test_the_error_of_a_recording_is_the_mean_of_its_recorded_points(family):
    with own_random_numbers(0):
        network = build_model(family, (3, 50), 1, model_settings(family, {"width": 8})).double().eval()
    x = torch.randn(
        4, 3, 60, generator=torch.Generator().manual_seed(0)
    ).double()  # longer than the recordings of training
    x[:, -1] = 1
    x[1, :, 30:] = 0  # ends earlier
    with torch.no_grad():
        found, errors = network.by_place(x), network.errors(x)[:, 0]
    assert found.shape == (4, 2, 60)
    assert (found[1, :, 30:] == 0).all()
    assert (found[:, :, 50:] == 0).all()
    points = torch.tensor([50, 30, 50, 50]) * 2
    assert torch.allclose(found.sum(dim=(1, 2)) / points, errors)


def test_the_map_of_a_recording_shows_what_is_not_given_back(tmp_path):
    run = train(
        signal_outliers(100), {"train": {"epochs": 15, "learning_rate": 0.005}, "device": {"threads": 1}},
        folder=tmp_path / "run", family="autoencoder", model={"width": 8}, explain={"samples": 2},
        evaluation={"resamples": 100},
    )  # fmt: skip
    assert run.sanity["method"] == "reconstruction error"
    assert "does not give back" in run.sanity["what"]
    deleted = next(one for one in run.sanity["checks"] if one["name"] == "deletion")
    assert deleted["low"] > 0, "without the points that are badly given back a recording is more usual"
    assert "Hinton and Salakhutdinov" in (run.path / "report.html").read_text(encoding="utf-8")


def test_the_report_says_what_the_score_is_and_is_not(run):
    words = (run.path / "report.html").read_text(encoding="utf-8")
    assert "are no probabilities" in words
    assert "training samples of class &#39;usual&#39; alone" in words or "class 'usual' alone" in words
    assert "the code, 4 numbers per sample" in run.latent_facts["layer"]
    assert {"valid_error_explained", "train_error_explained"} <= set(run.history)


def test_export_refuses_in_words(run, tmp_path):
    with pytest.raises(ExportError, match="cannot be exported"):
        export(run.path, tmp_path / "model.onnx")


# Gaps


def test_back_and_forth_a_table_stays_what_it_was(prepared):
    preparation, _ = prepared
    inputs = table_outliers(60).inputs
    frame = inputs.frame.dropna()
    x = preparation(TableInputs(frame, inputs.features))
    numbers = numbers_of(preparation, x)
    np.testing.assert_allclose(numbers.to_numpy(), frame[preparation.numbers].to_numpy(), atol=1e-5)
    shares = shares_of(preparation, x)["stage"]
    assert (shares.idxmax(axis=1).to_numpy() == frame["stage"].to_numpy()).all()


def test_guesses_beat_the_median_where_columns_depend_on_each_other(run):
    assert run.gaps["numbers"]["high"] < 1
    assert run.gaps["levels"]["high"] < 1
    assert any("better than the median" in said for said in run.gaps["sentences"])
    assert "How well it fills gaps" in (run.path / "report.html").read_text(encoding="utf-8")


def test_a_level_that_no_training_patient_of_a_fold_has_told_is_left_out_and_the_rest_is_judged(tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(90, 3)).round(3), columns=list("abc"))
    for k in range(6):
        frame[f"told{k}"] = pd.Series(np.nan, dtype=object)
        frame.loc[[7 * k, 7 * k + 1], f"told{k}"] = ["x", "y"]
    frame["ill"] = np.where(rng.random(90) < 0.4, "yes", "no")
    cohort = read_table(frame, target="ill", positive="yes")
    run = train(cohort, {**LEARNS, **FIVE}, folder=tmp_path / "run", family="autoencoder", model=QUICK)
    assert run.gaps is not None
    assert run.gaps["numbers"] is not None
    assert run.latent_facts is not None


def test_guesses_do_not_beat_the_median_where_they_do_not(tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(120, 4)).round(3), columns=list("abcd"))
    frame["ill"] = np.where(rng.random(120) < 0.4, "yes", "no")
    cohort = read_table(frame, target="ill", positive="yes")
    run = train(cohort, {**LEARNS, **FIVE}, folder=tmp_path / "run", family="autoencoder", model=QUICK)
    assert run.gaps["numbers"]["high"] >= 1
    assert run.gaps["levels"] is None
    assert "not shown to guess" in run.gaps["sentences"][0] or "worse" in run.gaps["sentences"][0]


def test_known_cells_stay_byte_for_byte(run, tmp_path):
    """Cells that look odd, columns of others, their order: nothing moves but gaps of the model's columns."""
    rng = np.random.default_rng(5)
    names = [*(f"marker{k + 1}" for k in range(6)), "stage"]
    rows = [["id", *names[::-1], "remark"]]
    for k in range(30):
        cells = ["I", *(f"{value:+.3e}" if k % 2 else f"{value:.2f}" for value in rng.normal(size=6))]
        gone = rng.random(7) < 0.3
        rows.append([f"00{k}", *("" if empty else cell for empty, cell in zip(gone, cells, strict=True)), " =1+1"])
    text = "\n".join(",".join(row) for row in rows) + "\n"
    (tmp_path / "new.csv").write_text(text, encoding="utf-8")
    done = impute(run, tmp_path / "new.csv", output=tmp_path / "filled.csv")
    filled = [line.split(",") for line in (tmp_path / "filled.csv").read_text(encoding="utf-8").splitlines()]
    assert filled[0] == rows[0]
    gaps = 0
    for before, after in zip(rows[1:], filled[1:], strict=True):
        for old, new in zip(before, after, strict=True):
            assert new == old if old else new != ""
            gaps += old == ""
    assert gaps == int(done.cells.to_numpy().sum()) > 30
    assert set(done.table["stage"]) <= {"I", "II", "III"}


def test_what_cannot_fill_gaps_says_so(run, tmp_path):
    other = train(
        table_outliers(60), folder=tmp_path / "run", family="logistic", evaluation={"resamples": 100}, explain={"samples": 0}
    )  # fmt: skip
    with pytest.raises(SettingError, match="fills no gaps"):
        impute(other, table_outliers(10).inputs.frame)
    with pytest.raises(SettingError, match="overwrite"):
        impute(run, "x.csv", output="x.csv")


# The run


def test_new_samples_get_scores_between_0_and_1(run):
    assert predict(run, table_outliers(20, seed=9).inputs.frame).table["score_unusual"].between(0, 1).all()


def test_a_run_that_stops_after_a_fold_ends_with_the_same_bytes(tmp_path):
    cohort = signal_outliers(60)
    settings = build(
        RunSettings,
        {
            "family": "vae", "model": {"width": 8}, "train": {"epochs": 3}, "device": {"threads": 1},
            "folds": {"scheme": "crossval", "number": 3}, "evaluation": {"resamples": 100}, "explain": {"samples": 0},
        },
    )  # fmt: skip
    whole = train(cohort, settings, folder=tmp_path / "whole")
    steps = train_steps(cohort, settings, folder=tmp_path / "cut")
    for event in steps:
        if isinstance(event, FoldFit):
            next(steps)
            break
    steps.close()
    again = train(cohort, settings, resume=tmp_path / "cut")
    assert again.environment["resumed"]
    assert (whole.path / "predictions.csv").read_bytes() == (again.path / "predictions.csv").read_bytes()


# A start for a classifier


@pytest.fixture(scope="module")
def started():
    """`started(family settings)`: the phases of a training and what its fold fit scores."""
    cohort = table_outliers(90)
    fold = make_folds(cohort, build(RunSettings, {}).folds, seed=0)[0]

    def start(**model):
        asked = {"family": "mlp", "model": {"hidden": [16], **model}, "train": {"epochs": 4}, "device": {"threads": 1}}
        events = list(train_folds("mlp", cohort, [fold], build(RunSettings, asked)))
        phases = [event.phase for event in events if isinstance(event, Progress)]
        (fitted,) = (event.fitted for event in events if isinstance(event, FoldFit))
        return phases, fitted.scores(cohort.inputs.take(fold.test))

    return start


def test_a_perceptron_may_begin_from_an_autoencoder(started):
    phases, scores = started(start="autoencoder")
    assert phases == ["autoencoder"] * 4 + ["network"] * 4
    plain, others = started()
    assert plain == [""] * 4
    assert not np.array_equal(scores, others)


def test_what_a_start_learns_from_are_the_training_samples_of_the_fold():
    """Other test samples, other targets: the hidden layers after the first phase are the same to the last bit."""
    cohort = table_outliers(90)
    fold = make_folds(cohort, build(RunSettings, {}).folds, seed=0)[0]
    settings = build(
        RunSettings, {"family": "mlp", "model": {"hidden": [16], "start": "autoencoder"}, "train": {"epochs": 2}}
    )
    found = []
    for changed in (False, True):
        frame = cohort.inputs.frame.copy()
        if changed:
            frame.iloc[fold.test, :6] = 99.0
        samples = cohort.samples.assign(target=cohort.samples["target"].to_numpy()[:: -1 if changed else 1])
        other = replace(cohort, inputs=TableInputs(frame, cohort.inputs.features), samples=samples)
        member = array_member("mlp", other, fold, settings)
        job = Job("mlp", other, [fold], settings)
        assert list(
            train_members(make_fabric(settings.device, work=1), [member.before], job, work=1, phase="autoencoder")
        )
        found.append(member.network.hidden[0].weight.detach().clone())
    assert torch.equal(*found)


@pytest.mark.parametrize(("family", "made"), [("cnn1d", signal_cohort), ("cnn", lambda n: image_cohort(n, size=16))])
def test_filters_may_begin_from_filling_gaps_of_the_training_samples(family, made):
    """Other targets, and other validation and test samples: after one epoch of the first phase all weights are the same."""
    cohort = made(60)
    fold = make_folds(cohort, build(RunSettings, {}).folds, seed=0)[0]
    asked = {
        "family": family,
        "model": {"width": 4, "stages": 2, "start": "autoencoder"},
        "train": {"epochs": 1},
        "device": {"threads": 1},
    }
    rows = np.arange(len(cohort))
    rows[fold.test], rows[fold.valid] = fold.test[::-1], fold.valid[::-1]
    samples = cohort.samples.assign(target=cohort.samples["target"].to_numpy()[::-1])
    other = replace(cohort, inputs=cohort.inputs.take(rows), samples=samples)
    phases = [event.phase for event in train_folds(family, cohort, [fold], build(RunSettings, asked)) if isinstance(event, Progress)]  # fmt: skip
    assert phases == ["autoencoder", "network"]
    ours, theirs = (begun(family, one, fold, asked) for one in (cohort, other))
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def begun(family, cohort, fold, asked):
    """Weights of a network after its first phase alone, trained as in `train_folds`."""
    settings = build(RunSettings, asked)
    if family == "cnn":
        spec, store = ImageSpec.of(family, cohort, settings), PixelStore(cohort, workers=1)
        member = image_member(spec, store, family, fold, settings, threads=1, device="cpu", head=None)
    else:
        member = array_member(family, cohort, fold, settings)
    job = Job(family, cohort, [fold], settings)
    assert list(train_members(make_fabric(settings.device, work=1), [member.before], job, work=1, phase="autoencoder"))
    return member.network.state_dict()


@pytest.mark.parametrize(("family", "made"), [("cnn1d", signal_cohort), ("cnn", lambda n: image_cohort(n, size=16))])
def test_what_is_hidden_is_filled_better_than_by_the_average(family, made):
    cohort = made(90)
    fold = make_folds(cohort, build(RunSettings, {}).folds, seed=0)[0]
    asked = {"family": family, "model": {"width": 8, "stages": 2, "start": "autoencoder"}, "device": {"threads": 1}}
    asked["train"] = {"epochs": 15, "learning_rate": 0.005, "patience": 14}
    events = train_folds(family, cohort, [fold], build(RunSettings, asked))
    first = [event for event in events if isinstance(event, Progress) and event.phase == "autoencoder"]
    assert first[0].metric == "error_explained"
    assert float(first[-1].record.valid_metric.max()) > 0.3


def test_patches_are_hidden_in_training_only_and_what_lies_behind_the_end_stays_unknown():
    with own_random_numbers(0):
        network = build_model("cnn1d", (3, 64), 1, model_settings("cnn1d", {"width": 4, "stages": 2}))
        whole = UnfoldedSequence(network, (3, 64), width=8).train()
    seen = []
    network.stem.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    x = torch.ones(200, 3, 64)
    x[:, -1, 48:] = 0
    with torch.no_grad():
        whole.errors(x)
        whole.eval().errors(x)
    trained, used = seen
    share = float((trained[:, :, :48] == 0).float().mean())
    assert share == pytest.approx(HIDE, abs=0.03)
    assert torch.equal(trained[:, 0], trained[:, 1]), "a patch is hidden in all channels"
    assert (used[:, :, :48] == 1).all()
    assert (used[:, :, 48:] == 0).all()


def test_a_start_needs_a_hidden_layer():
    with pytest.raises(SettingError, match="no effect without a hidden layer"):
        model_settings("mlp", {"hidden": [], "start": "autoencoder"})


def test_the_curves_of_the_report_are_those_of_the_task(tmp_path):
    run = train(
        table_outliers(60), {"train": {"epochs": 3}, "device": {"threads": 1}, "evaluation": {"resamples": 100}},
        folder=tmp_path / "run", family="mlp", model={"hidden": [8], "start": "autoencoder"}, explain={"samples": 0},
    )  # fmt: skip
    assert run.history["phase"].tolist() == ["autoencoder"] * 3 + ["network"] * 3
    assert "error explained" not in (run.path / "report.html").read_text(encoding="utf-8")
    assert run.history.loc[run.history["best"] == 1, "phase"].tolist() == ["network"]
