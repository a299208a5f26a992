"""Networks for recordings do not see what lies behind the end, find what is planted, and the transformer for tables is its authors'."""

import copy
import json

import numpy as np
import pytest
import torch
from rtdl_revisiting_models import FTTransformer
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

import bedside
from bedside.cohort import Task
from bedside.errors import SettingError
from bedside.models import FAMILIES, baseline_for, build_model, default_family, family_named, model_settings
from bedside.models.cnn1d import Norm
from bedside.models.ft_transformer import FTTransformerSettings, TableTransformer, column_attention
from bedside.models.losses import Supervised
from bedside.models.recurrent import way_back
from bedside.models.sequence import at_steps
from bedside.settings import PreparationSettings, RunSettings, TrainSettings, build
from bedside.splits.folds import make_folds
from bedside.splits.signals import SignalPreparation
from bedside.training.batches import TensorBatches
from bedside.training.events import FoldFit
from bedside.training.fits import train_folds
from bedside.training.fitted import FittedNetwork, network_scores, outputs_in_64_bits
from bedside.training.hardware import make_fabric
from bedside.training.isolated import own_random_numbers
from bedside.training.loop import fit
from bedside.training.saved import load_members
from small_signals import signal_cohort

NETWORKS = [name for name, family in FAMILIES.items() if family.data == "signal" and family.network]
SMALL = {  # every path through the families at a small size; the lengths below are no multiples of any stride
    "cnn1d": [{"width": 4, "kernel": 5}, {"width": 3, "stages": 1, "blocks": 2}],
    "lstm": [{"width": 6, "layers": 2, "stride": 3}, {"width": 6, "bidirectional": False, "stride": 1}],
    "gru": [{"width": 6, "layers": 2, "stride": 3}, {"width": 6, "bidirectional": False, "stride": 1}],
    "signal-transformer": [{"width": 8, "heads": 2, "patch": 5}, {"width": 8, "heads": 4, "layers": 1, "patch": 1}],
}
EVERY = [(name, k) for name in NETWORKS for k in range(len(SMALL[name]))]
LENGTHS = (67, 50, 31, 67, 4)


def network(name, k=0, *, channels=2, n_outputs=3, length=67, **given):
    """A small network with weights of its own, in 64 bits so that rounding hides nothing, without dropout."""
    settings = model_settings(name, {**SMALL[name][k], "dropout": 0.0, **given})
    with own_random_numbers(1):
        return build_model(name, (channels + 1, length), n_outputs, settings).double().eval()


def recordings(lengths=LENGTHS, channels=2, time=67):
    """Noise, (n, channels + 1, time), of the given lengths."""
    x = torch.randn(len(lengths), channels + 1, time, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[:, -1] = torch.arange(time) < torch.tensor(lengths)[:, None]
    return x * x[:, -1:]


def longer(x, more):
    """The same recordings with zeros appended, which were not recorded."""
    return torch.nn.functional.pad(x, (0, more))


def test_there_is_a_network_of_each_kind():
    assert NETWORKS == ["cnn1d", "lstm", "gru", "signal-transformer"] == list(SMALL)
    assert default_family(signal_cohort(5).inputs) == "cnn1d"
    for task in ("binary", "regression"):
        assert baseline_for(Task(task), "cnn1d", "signal") == "nearest-signal"
        assert baseline_for(Task(task), "nearest-signal", "signal") == "prevalence"
    assert all(family_named(name).explains("signal") for name in NETWORKS)
    assert not family_named("nearest-signal").explains("signal")


# What lies behind the end


@pytest.mark.parametrize(("name", "k"), EVERY)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("more", [1, 2, 29])
def test_zeros_behind_the_end_change_nothing(name, k, training, more):
    x, model = recordings(), network(name, k).train(training)
    before = copy.deepcopy(model)
    torch.testing.assert_close(before(longer(x, more)), model(x), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(before.state_dict(), model.state_dict(), rtol=1e-9, atol=1e-12)  # statistics of training


@pytest.mark.parametrize(("name", "k"), EVERY)
def test_not_even_noise_behind_the_end_changes_anything(name, k):
    x, model = recordings(), network(name, k)
    noisy = x.clone()
    noisy[:, :-1] += 100 * (1 - x[:, -1:])
    assert torch.equal(model(noisy), model(x))


@pytest.mark.parametrize(("name", "k"), EVERY)
def test_recordings_do_not_act_on_each_other(name, k):
    x, model = recordings(), network(name, k)
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(model(x[order]), model(x)[order], rtol=1e-9, atol=1e-12)
    alone = torch.cat([model(one[None, :, :length]) for one, length in zip(x, LENGTHS, strict=True)])
    torch.testing.assert_close(alone, model(x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_last_recorded_point_counts(name):
    x, model = recordings(), network(name)
    other = x.clone()
    other[1, 0, LENGTHS[1] - 1] += 1
    assert (model(other)[1] - model(x)[1]).abs().max() > 1e-6
    assert torch.equal(model(other)[2:], model(x)[2:])


def test_a_step_counts_by_how_much_of_it_was_recorded():
    recorded = torch.tensor([[1.0, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0, 0]])
    assert at_steps(recorded, 4).tolist() == [[1, 0.5], [1, 0]]
    assert at_steps(torch.cat([recorded, torch.zeros(2, 5)], dim=1), 4).tolist() == [[1, 0.5, 0], [1, 0, 0]]


def test_the_way_back_begins_with_what_was_recorded():
    order = way_back(torch.tensor([[1.0, 1, 0.5, 0], [1, 1, 1, 1], [0, 1, 0, 0]]))
    assert order.tolist() == [[2, 1, 0, 3], [3, 2, 1, 0], [1, 0, 2, 3]]


def test_statistics_of_training_are_those_of_recorded_points_alone():
    norm, x = Norm(2).double().train(), recordings()[:, :2] * 3 + 1
    recorded = recordings()[:, -1]
    norm(x * recorded[:, None], recorded)
    points = x.transpose(1, 2)[recorded.bool()]
    assert torch.allclose(norm.over_batch.running_mean, 0.1 * points.mean(dim=0))
    assert torch.allclose(norm.over_batch.running_var, 0.9 + 0.1 * points.var(dim=0))


# Shapes, gradients, learning


@pytest.mark.parametrize(("name", "k"), EVERY)
@pytest.mark.parametrize(("channels", "n_outputs"), [(1, 1), (5, 3)])
def test_shapes_and_gradients(name, k, channels, n_outputs):
    x, model = recordings(channels=channels), network(name, k, channels=channels, n_outputs=n_outputs).train()
    logits = model(x)
    assert logits.shape == (5, n_outputs)
    assert model.embed(x).shape == (5, model.head[-1].in_features)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.abs().max() > 0 for p in model.parameters())
    nothing = torch.zeros(2, channels + 1, 67, dtype=torch.float64)
    assert model.eval()(nothing).isfinite().all()


def test_a_long_recording_is_made_shorter_first():
    x = recordings((3001, 2000), time=3001)
    model = network("cnn1d", length=3001)
    assert model.steps(x, x[:, -1]).shape == (2, 16, 188)  # 3001 points, 4 to a step before three stages
    torch.testing.assert_close(model(longer(x, 3)), model(x), rtol=1e-9, atol=1e-12)


@pytest.fixture(scope="module")
def planted():
    """240 recordings with a high pulse or a low one, at any time of the first half."""
    return signal_cohort(240, apart=0.4)


@pytest.fixture(scope="module", params=NETWORKS)
def trained(request, planted):
    """A family trained on half of them: its name, what it was given, and what became of it."""
    options = {"cnn1d": {"width": 8, "stages": 2, "kernel": 5}, "signal-transformer": {"width": 32, "patch": 4}}
    model = options.get(request.param, {"width": 16, "stride": 4})
    train = {"epochs": 15, "patience": 14, "learning_rate": 0.01}
    one = {"accelerator": "cpu", "threads": 1}
    settings = build(RunSettings, {"family": request.param, "model": model, "train": train, "device": one})
    folds = make_folds(planted, settings.folds, seed=0)
    (kept,) = (event for event in train_folds(request.param, planted, folds, settings) if isinstance(event, FoldFit))
    return request.param, model, kept


def test_each_network_finds_a_pulse_at_any_time(trained, planted):
    _, _, kept = trained
    scores = kept.fitted.scores(planted.inputs.take(kept.fold.test))[:, 1]
    assert roc_auc_score(planted.target[kept.fold.test], scores) > 0.9


def test_a_saved_network_gives_the_same_scores_bit_by_bit(trained, planted, tmp_path):
    name, model, kept = trained
    kept.fitted.save(tmp_path)
    (again,) = load_members([tmp_path], name, model, planted.task)
    assert isinstance(again, FittedNetwork)
    assert np.array_equal(again.scores(planted.inputs), kept.fitted.scores(planted.inputs))
    prepared = again.reader(planted.inputs)
    assert np.array_equal(again.latent(prepared), kept.fitted.latent(prepared))
    again.network.load_state_dict({key: value + 1 for key, value in again.network.state_dict().items()})
    assert not np.array_equal(again.scores(planted.inputs), kept.fitted.scores(planted.inputs))


@pytest.mark.parametrize("name", NETWORKS)
def test_scores_in_64_bits_do_not_depend_on_company(name):
    model, x = network(name).float(), recordings().float().numpy()
    together = outputs_in_64_bits(model, np.concatenate([x] * 200))  # more than are computed at once
    assert together.dtype == torch.float64
    assert torch.allclose(together[10:15], outputs_in_64_bits(model, x), rtol=0, atol=1e-13)
    assert all(weight.dtype == torch.float32 for weight in model.parameters())


# Settings


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("cnn1d", {"kernel": 8}, "a filter of 8 points has no middle; take 7 or 9"),
        ("signal-transformer", {"width": 30, "heads": 4}, "width=30 is not even and a multiple of heads=4"),
        ("signal-transformer", {"width": 9, "heads": 3}, "width=9 is not even"),
        ("ft-transformer", {"width": 30, "heads": 4}, "width=30 is no multiple of heads=4"),
        ("lstm", {"widht": 3}, "width"),
    ],
)
def test_what_cannot_be_built_is_refused(name, given, message):
    with pytest.raises(SettingError, match=message):
        model_settings(name, given)


# Attention


def test_attention_adds_up_and_never_falls_behind_the_end():
    x, model = recordings(), network("signal-transformer")
    weights = model.attention(x)
    assert weights.shape == (5, 2, 2, 14, 14)
    assert torch.allclose(weights.sum(dim=-1), torch.ones(1, dtype=torch.float64))
    assert weights[1, :, :, :, 10:].abs().max() == 0  # 50 points are 10 patches
    assert weights[1, :, :, :, :10].min() > 0


def test_attention_is_that_by_which_the_network_looks():
    x, model = recordings(), network("signal-transformer", layers=1)
    features, there = model._patches(x, x[:, -1])
    (layer,) = model.layers
    by_hand = layer.attention(features, there) @ layer._heads(features)[2]
    features = features + layer.mix(by_hand.transpose(1, 2).flatten(2))
    features = model.last(features + layer.dense(layer.before_dense(features)))
    torch.testing.assert_close(model.steps(x, x[:, -1]), features.transpose(1, 2), rtol=1e-9, atol=1e-12)


# One nearest neighbour


def test_the_nearest_recording_decides_as_in_scikit_learn(planted, tmp_path):
    settings = build(RunSettings, {"family": "nearest-signal"})
    folds = make_folds(planted, settings.folds, seed=0)
    (kept,) = (e for e in train_folds("nearest-signal", planted, folds, settings) if isinstance(e, FoldFit))
    prepared = SignalPreparation.fit(planted.inputs.take(kept.fold.train), PreparationSettings())
    train, test = (
        prepared(planted.inputs.take(rows))[:, :-1].reshape(len(rows), -1) for rows in (kept.fold.train, kept.fold.test)
    )  # without the row that says what was recorded
    theirs = KNeighborsClassifier(1).fit(train, planted.target[kept.fold.train]).predict_proba(test)
    scores = kept.fitted.scores(planted.inputs.take(kept.fold.test))
    assert np.array_equal(scores, theirs)
    kept.fitted.save(tmp_path)
    (again,) = load_members([tmp_path], "nearest-signal", {}, planted.task)
    assert np.array_equal(again.scores(planted.inputs.take(kept.fold.test)), scores)


def test_more_neighbours_than_there_are_to_learn_from_are_refused(planted):
    settings = build(RunSettings, {"family": "nearest-signal", "model": {"neighbours": len(planted)}})
    folds = make_folds(planted, settings.folds, seed=0)
    with pytest.raises(
        SettingError, match=rf"neighbours={len(planted)}, but .* has {len(folds[0].train)} training recordings; choose"
    ):
        list(train_folds("nearest-signal", planted, folds, settings))


# The transformer for tables


@pytest.fixture(scope="module")
def table_transformer():
    settings = FTTransformerSettings(width=12, heads=3, blocks=2, attention_dropout=0.3, dropout=0.2)
    with own_random_numbers(2):
        return build_model("ft-transformer", (5,), 3, settings).eval()


def test_it_is_the_network_of_its_authors(table_transformer):
    theirs = FTTransformer(
        n_cont_features=5, cat_cardinalities=[], d_out=3, n_blocks=2, d_block=12, attention_n_heads=3,
        attention_dropout=0.3, ffn_d_hidden_multiplier=4 / 3, ffn_dropout=0.2, residual_dropout=0.0,
    ).eval()  # fmt: skip
    head = {"0": "normalization", "2": "linear"}
    weights = {}
    for name, value in table_transformer.state_dict().items():
        part, _, rest = name.partition(".")
        number, _, leaf = rest.partition(".")
        weights[f"backbone.output.{head[number]}.{leaf}" if part == "head" else rest] = value
    theirs.load_state_dict(weights)  # every name, and no other
    x = torch.randn(9, 5)
    assert torch.equal(table_transformer(x), theirs(x, None))


def test_many_rows_are_computed_in_pieces_and_say_the_same(table_transformer):
    x = torch.randn(2100, 5, dtype=torch.float64)
    exact = copy.deepcopy(table_transformer).double()
    torch.testing.assert_close(exact(x), exact.head(exact.transformer(x, None)), rtol=1e-12, atol=1e-12)
    assert exact.embed(x).shape == (2100, 12)


def test_attention_to_columns_is_that_of_the_network(table_transformer):
    model, x = copy.deepcopy(table_transformer).double(), torch.randn(6, 5, dtype=torch.float64)
    weights = model.attention(x)
    assert weights.shape == (6, 2, 3, 6)
    assert torch.allclose(weights.sum(dim=-1), torch.ones(1, dtype=torch.float64))
    last = model.transformer.backbone.blocks[-1]["attention"]
    seen = []
    hooks = [last.W_v.register_forward_hook(lambda _, __, out: seen.append(out)),
             last.W_out.register_forward_pre_hook(lambda _, given: seen.append(given[0]))]  # fmt: skip
    model(x)
    for hook in hooks:
        hook.remove()
    values = seen[0].unflatten(-1, (3, 4)).transpose(1, 2)  # (n, heads, tokens, 4)
    by_hand = (weights[:, -1, :, None] @ values).transpose(1, 2).flatten(2)
    torch.testing.assert_close(by_hand, seen[1], rtol=1e-9, atol=1e-12)


def test_mean_attention_is_of_columns_and_leaves_the_network_alone(table_transformer):
    prepared = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    model = copy.deepcopy(table_transformer).train()
    found = column_attention(model, prepared)
    wanted = table_transformer.attention(torch.from_numpy(prepared)).mean(dim=(0, 1, 2))[1:]
    assert found == pytest.approx(wanted.detach().numpy(), rel=1e-5)
    assert 0 < found.min() < found.sum() < 1
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_attention_goes_to_the_column_that_matters():
    """One column says which of two others counts: attention finds it, and the loop trains the network at all."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(600, 4, generator=rng)
    y = (x[:, 1] > 0).float()
    with own_random_numbers(3):
        model = TableTransformer(4, 1, FTTransformerSettings(width=16, heads=2, blocks=1))
    settings = TrainSettings(epochs=10, patience=5, learning_rate=3e-3)
    batches = [TensorBatches(x[rows], y[rows], torch.ones(len(y[rows])), size, generators)
               for rows, size, generators in ((slice(0, 400), 32, [rng]), (slice(400, None), 200, None))]  # fmt: skip
    fabric = make_fabric(RunSettings(device={"accelerator": "cpu"}).device, work=0)
    records = list(fit(fabric, model, *batches, Supervised(Task("binary", ("a", "b"))), settings))
    assert max(float(record.valid_metric) for record in records) > 0.95
    assert column_attention(model, x.numpy()).argmax() == 1


def test_its_scores_are_in_64_bits_and_hold_for_one_sample_alone(table_transformer):
    prepared = np.random.default_rng(1).normal(size=(30, 5)).astype(np.float32)
    task = Task("multiclass", ("a", "b", "c"))
    scores = network_scores(table_transformer, prepared, task)
    assert scores.dtype == np.float64
    assert np.allclose(network_scores(table_transformer, prepared[7:8], task), scores[7:8], rtol=0, atol=1e-14)


def test_gradients_reach_every_weight_of_the_transformer_for_tables(table_transformer):
    model = copy.deepcopy(table_transformer).train()
    model(torch.randn(8, 5)).square().sum().backward()
    # A key's offset adds the same to every look and so changes nothing.
    silent = {name for name, p in model.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-12}
    assert all(name.endswith("W_k.bias") for name in silent)
    assert isinstance(model, nn.Module)


def test_attention_to_raw_columns_stands_beside_importance(tmp_path):
    run = bedside.train(
        "breast-cancer",
        {"family": "ft-transformer", "model": {"blocks": 1, "width": 8, "heads": 2}, "explain": {"samples": 2}},
        data={"features": ["mean radius", "worst texture", "mean smoothness", "worst symmetry", "area error"]},
        train={"epochs": 3},
        evaluation={"resamples": 200, "baseline": False},
        folder=tmp_path / "run",
    )
    found = json.loads((run.path / "explanations" / "columns.json").read_text())["attention"]
    shares = [row["share"] for row in found["columns"]]
    assert sorted(shares, reverse=True) == shares
    assert sum(shares) + found["itself"] == pytest.approx(1)
    assert len({row["column"] for row in found["columns"]}) == 5
    assert -1 <= found["agreement"] <= 1
    assert "Where the transformer looks" in (run.path / "report.html").read_text()
