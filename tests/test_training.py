"""The loop learns, stops on validation, keeps the best epoch, and a stack is the same as separate fits."""

import copy
import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score
from torch import nn

from bedside.cohort import Task
from bedside.errors import SettingError, TrainingError
from bedside.models import build_model, model_settings
from bedside.models.losses import Supervised, auroc, class_weights
from bedside.models.mlp import ACTIVATIONS, MLP, MLPSettings
from bedside.settings import RunSettings, TrainSettings, build, merge
from bedside.splits.folds import make_folds
from bedside.training.batches import TensorBatches, n_batches, stack_members
from bedside.training.chain import chain_of, forwards
from bedside.training.events import FoldFit, Plan, Progress
from bedside.training.finder import find_learning_rate, suggest
from bedside.training.fits import train_folds
from bedside.training.hardware import make_fabric
from bedside.training.loop import fit
from bedside.training.stack import Stack
from cohorts import cohort as make_cohort

BINARY, THREE, NUMBER = Task("binary", ("a", "b")), Task("multiclass", ("a", "b", "c")), Task("regression")
SMALL = {
    "family": "mlp",
    "model": {"hidden": [8], "dropout": 0.0},
    "train": {"epochs": 6, "patience": 5},
    "folds": {"scheme": "crossval"},
}


def run_folds(cohort, options=None, *, folds=None):
    """Fold name -> FoldFit, and the progress events."""
    settings = build(RunSettings, merge(SMALL, options or {}))
    folds = folds or make_folds(cohort, settings.folds, seed=0)
    events = list(train_folds(settings.family, cohort, folds, settings))
    return {e.fold.name: e for e in events if isinstance(e, FoldFit)}, [e for e in events if isinstance(e, Progress)]


@pytest.fixture(scope="module")
def cohort():
    return make_cohort(150)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("optimizer", [{"optimizer": "adamw"}, {"optimizer": "sgd", "schedule": "onecycle"}])
def test_members_of_a_stack_agree_with_separate_fits(task, optimizer):
    cohort = make_cohort(150, task=task)
    folds = make_folds(cohort, RunSettings(folds={"scheme": "crossval"}).folds, seed=0)
    together, events = run_folds(cohort, {"train": optimizer}, folds=folds)
    assert max(len(event.folds) for event in events) > 1, "nothing was stacked"
    for fold in folds:
        alone, _ = run_folds(cohort, {"train": optimizer}, folds=[fold])
        tested = cohort.inputs.take(fold.test)
        difference = together[fold.name].fitted.scores(tested) - alone[fold.name].fitted.scores(tested)
        assert np.abs(difference).max() < 1e-5 * max(1.0, cohort.target.std() if task == "regression" else 1.0)


def test_members_agree_with_separate_fits_in_16_bits_also_when_gradients_are_clipped():
    """To the three digits of bfloat16; a stack that is clipped as one network differs by a hundred times that."""
    cohort = make_cohort(150, task="regression")
    options = {"device": {"precision": "bf16-mixed"}, "train": {"clip_norm": 0.05, "optimizer": "sgd"}}
    together, events = run_folds(cohort, options)
    assert max(len(event.folds) for event in events) > 1, "nothing was stacked"
    for found in together.values():
        alone, _ = run_folds(cohort, options, folds=[found.fold])
        difference = found.fitted.scores(cohort.inputs) - alone[found.fold.name].fitted.scores(cohort.inputs)
        assert np.abs(difference).max() < 1e-3 * cohort.target.std()


def test_a_stack_stops_each_member_on_its_own_validation_loss(cohort):
    options = {"train": {"epochs": 60, "patience": 2, "learning_rate": 0.05}}
    _, events = run_folds(cohort, options)
    losses, active = {}, {}
    for event in events:
        for k, fold in enumerate(event.folds):
            if event.record.active[k]:
                losses.setdefault(fold.name, []).append(float(event.record.valid_loss[k]))
            active.setdefault(fold.name, []).append(bool(event.record.active[k]))
    lengths = {name: len(values) for name, values in losses.items()}
    assert len(set(lengths.values())) > 1, "every member stopped at the same time"
    for values in losses.values():
        assert len(values) == 60 or np.argmin(values) == len(values) - 1 - 2


@pytest.mark.parametrize("normalisation", ["batch", "layer"])
def test_members_with_statistics_of_their_own_agree_with_separate_fits(cohort, normalisation):
    options = {"model": {"normalisation": normalisation}}
    together, events = run_folds(cohort, options)
    assert max(len(event.folds) for event in events) > 1, "nothing was stacked"
    for found in together.values():
        alone, _ = run_folds(cohort, options, folds=[found.fold])
        scores = (one.fitted.scores(cohort.inputs) for one in (found, alone[found.fold.name]))
        assert np.abs(np.subtract(*scores)).max() < 1e-5
        states = (one.fitted.network.state_dict() for one in (found, alone[found.fold.name]))
        torch.testing.assert_close(*states, rtol=1e-4, atol=1e-5)


class Residual(nn.Module):
    """A network of a user: no chain of layers, with statistics and with weights that are used twice."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.first, self.again, self.norm = nn.Linear(n_inputs, 8), nn.Linear(8, 8), nn.BatchNorm1d(8)
        self.last = nn.Linear(8, n_outputs)

    def forward(self, x):
        hidden = torch.relu(self.first(x))
        for _ in range(2):
            hidden = self.norm(hidden + torch.tanh(self.again(hidden)))
        return self.last(hidden)


class Deciding(nn.Module):
    """What it does depends on the data, which no stack can do."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.one, self.other = nn.Linear(n_inputs, n_outputs), nn.Linear(n_inputs, n_outputs)

    def forward(self, x):
        return self.one(x) if x.mean().item() > 0 else self.other(x)


class Remembering(nn.Module):
    """Keeps what it saw by assigning it, which would be lost in a stack without an error."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)
        self.register_buffer("seen", torch.zeros(n_inputs))

    def forward(self, x):
        if self.training:
            self.seen = 0.9 * self.seen + 0.1 * x.mean(0).detach()
        return self.layer(x - self.seen)


class Evaluating(nn.Module):
    """Another chain of layers in evaluation than in training."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.first, self.more, self.last = nn.Linear(n_inputs, 8), nn.Linear(8, 8), nn.Linear(8, n_outputs)
        self.register_buffer("unsaved", torch.ones(8), persistent=False)

    def forward(self, x):
        hidden = torch.relu(self.first(x)) * self.unsaved
        return self.last(hidden if self.training else self.more(hidden))


def hooked(n_inputs, n_outputs):
    network = nn.Sequential(nn.Linear(n_inputs, 8), nn.ReLU(), nn.Linear(8, n_outputs))
    network[0].register_forward_hook(lambda layer, inputs, output: 3 * output)
    return network


def tied(n_inputs, n_outputs):
    network = nn.Sequential(
        nn.Linear(n_inputs, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Linear(8, n_outputs)
    )
    network[4].weight = network[2].weight
    return network


def batch_statistics(n_inputs, n_outputs):
    """Its rows act on each other, and no buffer tells."""
    norm = nn.BatchNorm1d(8, track_running_stats=False)
    return nn.Sequential(nn.Linear(n_inputs, 8), norm, nn.ReLU(), nn.Linear(8, n_outputs))


class UnitLength(nn.Module):
    """A row of zeros has no direction."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)

    def forward(self, x):
        return self.layer(x / x.norm(dim=-1, keepdim=True))


def uncopied(n_inputs, n_outputs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.Sequential(nn.utils.weight_norm(nn.Linear(n_inputs, 8)), nn.ReLU(), nn.Linear(8, n_outputs))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Residual, ""),
        (Evaluating, ""),
        (hooked, ""),
        (tied, ""),
        (UnitLength, ""),
        (batch_statistics, "rows act on each other"),
        (Deciding, "several members at once"),
        (Remembering, "same numbers"),
        (uncopied, "several members at once"),
    ],
)
def test_any_module_is_stacked_or_trains_alone_with_the_reason(cohort, network, reason, monkeypatch):
    def own(family, shape, n_outputs, settings):
        return network(shape[0], n_outputs)

    monkeypatch.setattr("bedside.training.members.build_model", own)
    settings = build(RunSettings, merge(SMALL, {"train": {"epochs": 3, "patience": 2}}))
    folds = make_folds(cohort, settings.folds, seed=0)
    events = list(train_folds("mlp", cohort, folds, settings))
    (plan,) = (event for event in events if isinstance(event, Plan))
    assert reason in plan.alone
    assert bool(plan.alone) == bool(reason) == (plan.stacks == (1,) * 5)
    assert len({len(fold.train) for fold in folds}) > 1, "nothing is filled up"
    for found in (event for event in events if isinstance(event, FoldFit)):
        (alone,) = (e for e in train_folds("mlp", cohort, [found.fold], settings) if isinstance(e, FoldFit))
        difference = np.subtract(*(fitted.scores(cohort.inputs) for fitted in (found.fitted, alone.fitted)))
        assert np.abs(difference).max() < 1e-5


def test_a_chain_of_layers_is_computed_as_products_and_everything_else_by_vmap():
    chain = [MLP(4, 2, MLPSettings(hidden=(8, 8), normalisation=kind)) for kind in ("none", "batch", "layer")]
    assert all(chain_of(network) is not None for network in chain)
    assert chain_of(Residual(4, 2)) is None
    members = [MLP(4, 2, MLPSettings(hidden=(8, 8), dropout=0.0)) for _ in range(3)]
    products, general = Stack(members), Stack(members)
    general._chain = None
    x = torch.randn(3, 7, 4)
    torch.testing.assert_close(products(x), general(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("task", [BINARY, THREE, NUMBER], ids=lambda task: task.kind)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_gradients_that_are_written_out_are_those_of_autograd(task, dropout):
    members = [MLP(4, task.n_outputs, MLPSettings(hidden=(8, 8), dropout=dropout)).double() for _ in range(3)]
    stack, objective = Stack(members), Supervised(task)
    assert stack.written
    x, weight = torch.randn(3, 7, 4, dtype=torch.float64), torch.rand(3, 7, dtype=torch.float64)
    target = torch.randn(3, 7, dtype=torch.float64) if task is NUMBER else torch.randint(0, task.n_outputs + 1, (3, 7))
    target = target.clamp(max=len(task.classes) - 1) if task is not NUMBER else target
    torch.manual_seed(0)
    loss, outputs = stack.learn((x, target, weight), objective)
    torch.manual_seed(0)
    _, kept = forwards(stack._chain, stack.tensors(), x)
    masks = [passed for _, layer, passed in kept if isinstance(layer, nn.Dropout)]
    assert len(masks) == (2 if dropout else 0)
    for k, member in enumerate(members):  # the same masks, replayed by autograd
        hidden, own = x[k], [mask[k] for mask in masks]
        for layer in (*member.hidden, member.output):
            hidden = hidden * own.pop(0) if isinstance(layer, nn.Dropout) and own else layer.eval()(hidden)
        known = (objective.per_row(hidden, target[k]) * weight[k]).sum() / weight[k].sum()
        known.backward()
        torch.testing.assert_close(outputs[k], hidden)
        torch.testing.assert_close(loss[k], known)
        for name, parameter in member.named_parameters():
            torch.testing.assert_close(stack._gradients[name][k], parameter.grad)


def test_what_is_not_written_out_trains_through_autograd():
    frozen, twice, tied = (MLP(4, 1, MLPSettings(hidden=(8, 8), dropout=0.0)) for _ in range(3))
    frozen.hidden[0].weight.requires_grad_(False)
    twice = nn.Sequential(layer := nn.Linear(4, 4), nn.ReLU(), layer, nn.ReLU(), nn.Linear(4, 1))
    tied = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    tied[2].weight = tied[0].weight
    x, target = torch.randn(2, 9, 4), torch.randint(0, 2, (2, 9)).float()
    for network in (frozen, twice, tied):
        stack = Stack([network, copy.deepcopy(network)])
        assert not stack.written
        Supervised(BINARY)(stack, (x, target, torch.ones(2, 9)))[0].sum().backward()
        Supervised(BINARY)(network, (x[0], target[0], torch.ones(9)))[0].backward()
        found = stack._cut(stack.row.grad)
        assert set(found) == {name for name, weight in network.named_parameters() if weight.requires_grad}
        for name, gradient in found.items():
            torch.testing.assert_close(gradient[0], network.get_parameter(name).grad)


def test_a_chain_that_begins_with_an_activation_leaves_the_data_alone():
    network = nn.Sequential(nn.ReLU(), nn.Linear(4, 2))
    x = torch.randn(2, 5, 4)
    before = x.clone()
    target = torch.zeros(2, 5, dtype=torch.long)
    stack = Stack([network, network])
    stack.learn((x, target, torch.ones(2, 5)), Supervised(Task("multiclass", ("a", "b"))))
    stack(x)
    assert torch.equal(x, before)


def test_dropout_differs_between_the_members_of_a_stack():
    member = MLP(4, 1, MLPSettings(hidden=(64,), dropout=0.5))
    stack = Stack([member, member]).train()
    x = torch.randn(1, 9, 4).expand(2, 9, 4)
    first, second = stack(x)
    assert not torch.equal(first, second)
    stack.eval()
    assert torch.equal(*stack(x))


def test_the_best_epoch_is_kept_not_the_last(cohort):
    options = {"train": {"epochs": 40, "patience": 39, "learning_rate": 0.1}, "folds": {"scheme": "holdout"}}
    fits, events = run_folds(cohort, options)
    (kept,) = fits.values()
    losses = [float(event.record.valid_loss[0]) for event in events]
    assert np.argmin(losses) < len(losses) - 1
    valid = kept.fold.valid
    found = log_loss(cohort.target[valid], kept.fitted.scores(cohort.inputs.take(valid)))
    assert found == pytest.approx(min(losses), rel=1e-4)


def test_test_samples_cannot_change_a_fit(cohort):
    from dataclasses import replace

    folds = make_folds(cohort, RunSettings().folds, seed=0)
    first, _ = run_folds(cohort, folds=folds)
    samples = cohort.samples.copy()
    column = samples.columns.get_loc("target")
    samples.iloc[folds[0].test, column] = samples.iloc[folds[0].test, column].to_numpy()[::-1]
    frame = cohort.inputs.frame.copy()
    frame.iloc[folds[0].test, 0] = 999.0
    changed = replace(cohort, samples=samples, inputs=replace(cohort.inputs, frame=frame))
    second, _ = run_folds(changed, folds=folds)
    name = folds[0].name
    for ours, theirs in zip(
        first[name].fitted.network.parameters(), second[name].fitted.network.parameters(), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_seed_reaches_weights_order_and_dropout(cohort):
    folds = make_folds(cohort, RunSettings().folds, seed=0)
    scores = [
        run_folds(cohort, {"seed": seed, "model": {"dropout": 0.3}}, folds=folds)[0][folds[0].name].fitted.scores(
            cohort.inputs
        )
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2])


def test_a_loss_that_is_not_a_number_says_what_to_do(cohort):
    wild = {"learning_rate": 100, "optimizer": "sgd", "clip_norm": None, "momentum": 0.99, "schedule": "constant"}
    with pytest.raises(TrainingError, match=r"never a number.*Lower train.learning_rate \(now 100\)"):
        run_folds(cohort, {"train": wild, "model": {"hidden": [64, 64, 64]}, "folds": {"scheme": "holdout"}})


def test_networks_that_diverge_in_a_stack_are_named(cohort):
    folds = make_folds(cohort, build(RunSettings, SMALL).folds, seed=0)
    wild = {"optimizer": "sgd", "learning_rate": 100, "clip_norm": None, "momentum": 0.99, "schedule": "constant"}
    settings = build(RunSettings, merge(SMALL, {"train": wild, "model": {"hidden": [64, 64, 64]}}))
    with pytest.raises(TrainingError, match=r"^repeat0-fold\d(, repeat0-fold\d)*: The validation loss was never"):
        list(train_folds("mlp", cohort, folds, settings))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_and_an_impossible_precision_are_named():
    with pytest.raises(SettingError, match=r"accelerator=cuda is not available here; this machine has cpu"):
        make_fabric(RunSettings(device={"accelerator": "cuda"}).device, work=0)
    with pytest.raises(SettingError, match=r"16-mixed needs a GPU"):
        make_fabric(RunSettings(device={"precision": "16-mixed"}).device, work=0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("normalisation", ["none", "batch", "layer"])
def test_mlp_is_built_as_asked(activation, normalisation):
    settings = MLPSettings(hidden=(7, 5), activation=activation, dropout=0.2, normalisation=normalisation)
    model = build_model("mlp", (4,), 3, settings)
    logits = model(torch.randn(6, 4))
    logits.square().sum().backward()
    assert logits.shape == (6, 3)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    linear = [(layer.in_features, layer.out_features) for layer in model.modules() if isinstance(layer, nn.Linear)]
    assert linear == [(4, 7), (7, 5), (5, 3)]
    assert sum(isinstance(layer, ACTIVATIONS[activation]) for layer in model.modules()) == 2
    assert sum(isinstance(layer, nn.Dropout) for layer in model.modules()) == 2


def test_no_hidden_layer_is_logistic_regression():
    model = MLP(4, 1, model_settings("mlp", {"hidden": []}))
    assert [type(layer).__name__ for layer in model.children()] == ["Sequential", "Linear"]
    assert sum(p.numel() for p in model.parameters()) == 5


@pytest.mark.parametrize("task", [BINARY, THREE, NUMBER], ids=lambda task: task.kind)
def test_losses_are_those_of_the_course(task):
    torch.manual_seed(0)
    outputs = torch.randn(20, task.n_outputs)
    target = torch.randint(0, max(2, len(task.classes)), (20,)) if task is not NUMBER else torch.randn(20)
    ours, _ = Supervised(task)(nn.Identity(), (outputs, target, torch.ones(20)))
    theirs = {
        "binary": lambda: nn.BCEWithLogitsLoss()(outputs.squeeze(1), target.float()),
        "multiclass": lambda: nn.CrossEntropyLoss()(outputs, target),
        "regression": lambda: nn.MSELoss()(outputs.squeeze(1), target),
    }[task.kind]()
    assert torch.allclose(ours, theirs)


def test_balanced_weights_are_those_of_scikit_learn():
    target = np.array([0] * 90 + [1] * 9 + [2])
    from sklearn.utils.class_weight import compute_sample_weight

    ours = class_weights(torch.from_numpy(target), 3)
    assert torch.allclose(ours, torch.from_numpy(compute_sample_weight("balanced", target)).float())


def test_auroc_of_the_loop_agrees_with_scikit_learn_also_with_ties_and_filled_rows():
    rng = np.random.default_rng(0)
    score, target = rng.integers(0, 10, (3, 50)), rng.integers(0, 2, (3, 50))
    rows = np.ones((3, 50))
    rows[1, 40:] = 0
    ours = auroc(torch.tensor(score).float(), torch.tensor(target).float(), torch.tensor(rows).float())
    theirs = [roc_auc_score(t[r > 0], s[r > 0]) for t, s, r in zip(target, score, rows, strict=True)]
    assert ours.tolist() == pytest.approx(theirs, abs=1e-6)


def test_batches_hold_every_row_once_and_never_one_alone():
    for rows in (1, 2, 32, 33, 64, 65, 70):
        x = torch.arange(rows).float().unsqueeze(1)
        generator = torch.Generator().manual_seed(0)
        batches = list(TensorBatches(x, torch.zeros(rows), torch.ones(rows), 32, [generator]))
        assert sorted(torch.cat([batch[0].squeeze(1) for batch in batches]).tolist()) == list(range(rows))
        assert min(len(batch[0]) for batch in batches) > 1 or rows == 1
        assert len(batches) == n_batches(rows, 32)


def test_a_short_member_of_a_stack_is_filled_with_rows_that_weigh_nothing():
    members = [(torch.ones(n, 2), torch.ones(n), torch.ones(n)) for n in (5, 3)]
    inputs, _, weight = stack_members(members)
    assert inputs.shape == (2, 5, 2)
    assert weight.sum(1).tolist() == [5, 3]


def test_each_member_of_a_stack_is_clipped_as_if_alone():
    torch.manual_seed(0)
    members = [MLP(3, 1, MLPSettings(hidden=(4,))) for _ in range(3)]
    x = torch.randn(3, 10, 3) * torch.tensor([0.01, 1.0, 100.0]).view(3, 1, 1)
    stack = Stack(members)
    stack.eval()(x).square().mean(dim=(1, 2)).sum().backward()
    stack.clip(0.5)
    for k, member in enumerate(members):
        member.eval()(x[k]).square().mean().backward()
        nn.utils.clip_grad_norm_(member.parameters(), 0.5)
        for name, parameter in member.named_parameters():
            assert torch.allclose(stack._cut(stack.row.grad)[name][k], parameter.grad, atol=1e-6)


def test_learning_rate_finder_takes_the_steepest_fall_and_trains_with_it(cohort):
    rates = np.geomspace(1e-6, 1, 100)
    valley = 1 / (1 + np.exp(4 * (np.log10(rates) + 3))) + np.where(rates > 0.1, 10 * (rates - 0.1), 0)
    assert suggest(rates, valley) == pytest.approx(1e-3, rel=0.2)
    late = 1 / (1 + np.exp(4 * (np.log10(rates) + 1))) + np.where(rates > 0.3, 10 * (rates - 0.3), 0)
    assert suggest(rates, late) == pytest.approx(0.03, rel=0.2)  # a tenth of the lowest, before the steepest
    train = {"find_learning_rate": True, "schedule": "constant"}
    fits, events = run_folds(cohort, {"train": train, "folds": {"scheme": "holdout"}})
    (kept,) = fits.values()
    assert kept.sweep is not None
    assert events[0].record.learning_rate == pytest.approx(kept.sweep.chosen)
    assert 1e-5 < kept.sweep.chosen < 1


def test_learning_rate_finder_copes_with_noise_and_says_when_nothing_falls():
    rng = np.random.default_rng(3)
    x = torch.tensor(rng.normal(size=(300, 5)), dtype=torch.float32)
    signal = torch.exp(x[:, 0] + 0.5 * torch.tensor(rng.normal(size=300)).float())
    fabric = make_fabric(RunSettings(device={"accelerator": "cpu"}).device, work=0)
    task, settings = NUMBER, TrainSettings()
    for seed in range(4):
        torch.manual_seed(seed)
        target = (signal - signal.mean()) / signal.std()
        train = TensorBatches(x, target, torch.ones(300), 32, [torch.Generator().manual_seed(seed)])
        sweep = find_learning_rate(fabric, MLP(5, 1, MLPSettings()), train, Supervised(task), settings)
        assert 1e-4 < sweep.chosen < 0.3
    nothing = TensorBatches(torch.zeros(300, 5), target, torch.ones(300), 32, [torch.Generator()])
    with pytest.raises(TrainingError, match="No learning rate from 1e-06 to 1 lowered the training loss"):
        find_learning_rate(fabric, MLP(5, 1, MLPSettings()), nothing, Supervised(task), settings)


def test_a_consumer_that_draws_random_numbers_changes_nothing(cohort):
    settings = build(RunSettings, merge(SMALL, {"model": {"dropout": 0.4}}))
    folds = make_folds(cohort, settings.folds, seed=0)

    def scores(draw):
        found = []
        for event in train_folds("mlp", cohort, folds, settings):
            if draw:
                torch.rand(3)
            if isinstance(event, FoldFit):
                found.append(event.fitted.scores(cohort.inputs))
        return np.stack(found)

    assert np.array_equal(scores(False), scores(True))


def test_momentum_acts_in_every_schedule(cohort):
    for schedule in ("constant", "cosine", "onecycle"):
        one, other = (
            run_folds(cohort, {"train": {"optimizer": "sgd", "schedule": schedule, "momentum": momentum}})[0]
            for momentum in (0.0, 0.9)
        )
        name = next(iter(one))
        assert not np.allclose(one[name].fitted.scores(cohort.inputs), other[name].fitted.scores(cohort.inputs))


def test_a_batch_of_nothing_but_filling_rows_weighs_nothing():
    outputs, target, weight = torch.randn(2, 4, 1), torch.ones(2, 4), torch.tensor([[1.0] * 4, [0.0] * 4])
    loss, _ = Supervised(BINARY)(nn.Identity(), (outputs, target, weight))
    assert loss[0] > 0
    assert loss[1] == 0


def test_whoever_stops_asking_stops_the_training(cohort):
    settings = build(RunSettings, SMALL)
    folds = make_folds(cohort, settings.folds, seed=0)
    before = torch.get_num_threads(), torch.random.get_rng_state()
    for event in train_folds("mlp", cohort, folds, settings):
        if isinstance(event, Progress):
            break
        assert isinstance(event, Plan)
    del event
    import gc

    gc.collect()
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])


def test_schedules_move_the_learning_rate():
    x, y = torch.randn(64, 3), torch.randint(0, 2, (64,)).float()
    rates = {}
    for schedule in ("constant", "cosine", "onecycle"):
        settings = TrainSettings(epochs=10, patience=9, schedule=schedule, learning_rate=0.01)
        data = [TensorBatches(x, y, torch.ones(64), 32, g) for g in ([torch.Generator()], None)]
        fabric = make_fabric(RunSettings(device={"accelerator": "cpu"}).device, work=0)
        model = MLP(3, 1, MLPSettings(hidden=(4,)))
        records = list(fit(fabric, model, *data, Supervised(BINARY), settings))
        rates[schedule] = [record.learning_rate for record in records]
    assert set(rates["constant"]) == {0.01}
    assert rates["cosine"] == sorted(rates["cosine"], reverse=True)
    assert np.argmax(rates["onecycle"]) not in (0, len(rates["onecycle"]) - 1)
