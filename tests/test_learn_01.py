"""The exercises of notebook 01: the right answer passes, and each typical wrong one gets its own remark."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from torch import nn

from bedside import learn
from course_answers import wrong_remarks


def network(
    hidden=lambda width, nodes, activation, dropout: [nn.Linear(width, nodes), activation(), nn.Dropout(dropout)],
    output=lambda width: [nn.Linear(width, 1)],
    widens=True,
    forward=None,
):
    class Net(nn.Module):
        def __init__(self, n_inputs, n_layers=2, n_nodes=32, activation=nn.ReLU, dropout=0.0):
            super().__init__()
            layers, width = [], n_inputs
            for _ in range(n_layers):
                layers += hidden(width, n_nodes, activation, dropout)
                width = n_nodes if widens else width
            self.layers = nn.Sequential(*layers, *output(width))

    if forward is not None:
        Net.forward = forward
    return Net


def test_the_right_architecture_passes_with_and_without_a_forward_pass():
    assert learn.check("01.8", network()).right
    assert learn.check("01.8", network(forward=lambda self, x: self.layers(x).squeeze(-1))).right


def test_a_gap_says_gap():
    assert "gap" in repr(learn.check("01.8", ...))
    assert "gap" in wrong_remarks("01.8", network(hidden=lambda *_: [], output=lambda _: []))
    assert "gap" in wrong_remarks("01.9", network(forward=lambda self, x: None))
    assert "gap" in wrong_remarks("01.16", [(1, 16, nn.ReLU), ...], pd.DataFrame(), 0)
    assert "gap" in wrong_remarks("01.18", lambda y, seed: None, None)


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (network()(3), "class itself"),
        (network(output=lambda width: [nn.Linear(width, 2)]), "last layer has 2 nodes"),
        (
            network(hidden=lambda width, nodes, bend, share: [bend(), nn.Linear(width, nodes), nn.Dropout(share)]),
            "another order",
        ),
        (network(output=lambda width: [nn.Linear(width, 1), nn.Sigmoid()]), "no logit"),
        (network(output=lambda _: []), "3 linear layers"),
        (network(hidden=lambda w, n, a, d: [nn.Linear(w, n), nn.Dropout(d)]), "no activation"),
        (network(hidden=lambda w, n, a, d: [nn.Linear(w, n), nn.ReLU(), nn.Dropout(d)]), "Asked for nn.Tanh"),
        (network(hidden=lambda w, n, a, d: [nn.Linear(w, n), a()]), "no nn.Dropout"),
        (network(hidden=lambda w, n, a, d: [nn.Linear(w, n), a(), nn.Dropout(0.2)]), "all the same"),
        (network(hidden=lambda w, n, a, d: [nn.Linear(w, 9), a(), nn.Dropout(d)]), "does not take"),
        (network(widens=False), "does not take"),
        (network(hidden=lambda w, n, a, d: [nn.Linear(w, n), a, nn.Dropout(d)]), "Python stopped"),
    ],
)
def test_each_wrong_architecture_has_its_remark(net, said):
    assert said in wrong_remarks("01.8", net)


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (lambda self, x: self.layers(x), "(5, 1)"),
        (lambda self, x: torch.sigmoid(self.layers(x)).squeeze(-1), "probabilities"),
        (lambda self, x: self.layers(x).mean(), "not (5,)"),
        (lambda self, x: self.layers(x).squeeze(), "single patient"),
        (lambda self, x: self.layers(2 * x).squeeze(-1), "not what self.layers gives"),
        (lambda self, x: self.layers(x).detach().numpy(), "ndarray"),
    ],
)
def test_each_wrong_forward_pass_has_its_remark(forward, said):
    assert learn.check("01.9", network(forward=lambda self, x: self.layers(x).squeeze(-1))).right
    assert said in wrong_remarks("01.9", network(forward=forward))


def loop(*lines, mode="train", total="total + loss.item() * len(y)"):
    """A training loop with these lines inside."""
    inside = "\n        ".join(lines)
    code = f"""
def train_epoch(model, loader, loss_function, optimizer):
    model.{mode}()
    total = 0.0
    for x, y in loader:
        {inside}
        total = {total}
    return total / len(loader.dataset)
"""
    made = {}
    exec(code, made)
    return made["train_epoch"]


FORWARD, LOSS = "logits = model(x)", "loss = loss_function(logits, y)"
BACKWARD, STEP, FORGET = "loss.backward()", "optimizer.step()", "optimizer.zero_grad()"


@pytest.mark.parametrize(
    "lines",
    [(FORWARD, LOSS, BACKWARD, STEP, FORGET), (FORGET, FORWARD, LOSS, BACKWARD, STEP)],
    ids=["issue", "bedside"],
)
def test_both_orders_of_the_five_lines_are_right(lines):
    assert learn.check("01.12", loop(*lines)).right


@pytest.mark.parametrize(
    ("train_epoch", "said"),
    [
        (loop(FORWARD, LOSS, BACKWARD, STEP), "gradients of the first batch too"),
        (loop(FORWARD, LOSS, STEP, FORGET), "No weight ever gets a gradient"),
        (loop(FORWARD, LOSS, FORGET, BACKWARD), "no weight has moved"),
        (loop(FORWARD, LOSS, BACKWARD, FORGET, STEP), "Which line moves the weights, and does it stand before"),
        (loop(FORWARD, LOSS, STEP, FORGET, BACKWARD), "batch before"),
        (loop(FORWARD, LOSS, "(-loss).backward()", STEP, FORGET), "uphill"),
        (loop(FORWARD, LOSS, BACKWARD, STEP, STEP, FORGET), "not to where"),
        (loop(FORWARD, LOSS, BACKWARD, STEP, FORGET, mode="eval"), "training mode"),
        (loop("...", total="total + loss.item()"), "NameError"),
        (loop("..."), "NameError"),
    ],
)
def test_each_wrong_loop_has_its_remark(train_epoch, said):
    assert said in wrong_remarks("01.12", train_epoch)


TRIALS = [
    (1, 16, nn.ReLU),
    (2, 16, nn.ReLU),
    (1, 4, nn.ReLU),
    (1, 16, nn.Tanh),
    (1, 16, nn.Identity),
    (3, 16, nn.ReLU),
]
TABLE = pd.DataFrame(
    {
        "weights": [500, 800, 100, 500, 500, 1300],
        "loss": [0.034, 0.030, 0.08, 0.033, 0.05, 0.031],
        "spread": [0.001, 0.005, 0.02, 0.001, 0.001, 0.001],
    }
)


def test_the_choice_is_the_smallest_network_within_the_spread_of_the_best():
    assert learn.check("01.16", TRIALS, TABLE, 0).right
    assert learn.check("01.16", TRIALS, TABLE, np.int64(3)).right


@pytest.mark.parametrize(
    ("trials", "choice", "said"),
    [
        (TRIALS, 1, "a smaller network is as good"),
        (TRIALS, 2, "at most 0.0350 is allowed"),
        (TRIALS, 17, "not the number of a row"),
        (TRIALS[:4], 0, "4 different networks"),
        ([(1, 16, nn.ReLU), (2, 8, nn.ReLU), (4, 4, nn.Tanh)], 0, "No two networks differ in nodes alone"),
        ([*TRIALS[:4], (2, 16, nn.Tanh), (4, 16, nn.Tanh)], 0, "goes without an activation"),
    ],
)
def test_each_wrong_comparison_has_its_remark(trials, choice, said):
    assert said in wrong_remarks("01.16", trials, TABLE.iloc[: len(trials)], choice)


def curve(train, valid):
    epochs = pd.Index(range(1, len(train) + 1), name="epoch")
    return pd.DataFrame({"train_loss": train, "valid_loss": valid}, index=epochs)


HISTORIES = {
    1e-5: curve([0.69, 0.68, 0.67], [0.69, 0.68, 0.67]),
    1e-3: curve([0.5, 0.2, 0.1], [0.4, 0.2, 0.3]),
    1e-2: curve([0.3, 0.1, 0.05], [0.1, 0.2, 0.3]),
    1.0: curve([60.0, 3, 1], [30.0, 0.1, 0.2]),
}
BEST = {1e-5: 3, 1e-3: 2, 1e-2: 1, 1.0: 2}


def test_rates_that_lie_far_apart_and_the_epochs_of_lowest_validation_loss_pass():
    assert learn.check("01.17", HISTORIES, BEST).right


@pytest.mark.parametrize(
    ("rates", "best", "said"),
    [
        ((1e-5, 1e-3, 1e-2, 1.0), {1e-5: 3, 1e-3: 3, 1e-2: 3, 1.0: 3}, "lowest training loss"),
        ((1e-5, 1e-3, 1e-2, 1.0), {rate: epoch - 1 for rate, epoch in BEST.items()}, "one too small"),
        ((1e-5, 1e-3, 1e-2, 1.0), BEST | {1e-3: 1}, "0.001, epoch 1"),
        ((1e-5, 1e-3, 1e-2, 1.0), {1e-5: 3}, "exactly the rates"),
        ((1e-3, 1e-2), {1e-3: 2, 1e-2: 1}, "2 learning rates"),
        ((1e-3, 1e-2), {1e-3: 2, 1e-2: 1}, "learns well enough"),
        ((1e-3, 1e-2), {1e-3: 2, 1e-2: 1}, "not too large yet"),
    ],
)
def test_each_wrong_look_at_learning_rates_has_its_remark(rates, best, said):
    assert said in wrong_remarks("01.17", {rate: HISTORIES[rate] for rate in rates}, best)


def test_rates_close_together_are_seen():
    close = {1e-3 * (1 + k / 10): HISTORIES[1e-3] for k in range(4)}
    assert "close together" in wrong_remarks("01.17", close, dict.fromkeys(close, 2))


def folds(y, seed, dealer=StratifiedKFold, shuffle=True):
    options = {"random_state": seed} if shuffle else {}
    parts = [part for _, part in dealer(5, shuffle=shuffle, **options).split(np.zeros(len(y)), y)]
    return [
        (np.concatenate([parts[j % 5] for j in range(k + 2, k + 5)]), parts[(k + 1) % 5], parts[k]) for k in range(5)
    ]


def leaving_out_only_the_test(y, seed):
    return [(np.setdiff1d(np.arange(len(y)), test), valid, test) for _, valid, test in folds(y, seed)]


def score(x, y, scaled_on, trained_on, scored_on):
    scaler = StandardScaler().fit(x[scaled_on])
    model = LogisticRegression().fit(scaler.transform(x[trained_on]), y[trained_on])
    return roc_auc_score(y[scored_on], model.decision_function(scaler.transform(x[scored_on])))


def fold_score(x, y, train, valid, test, seed):
    return score(x, y, train, train, test)


def test_an_honest_cross_validation_passes():
    assert learn.check("01.18", folds, fold_score).right


@pytest.mark.parametrize(
    ("dealt", "scored", "said"),
    [
        (folds, lambda x, y, train, valid, test, seed: score(x, y, slice(None), train, test), "fitted on 180 patients"),
        (folds, lambda x, y, train, valid, test, seed: score(x, y, train, train, valid), "others are scored"),
        (
            folds,
            lambda x, y, train, valid, test, seed: score(x, y, train, np.arange(len(y)), test),
            "training saw them",
        ),
        (folds, lambda x, y, train, valid, test, seed: None, "gives nothing back"),
        (folds, lambda x, y, train, valid, test, seed: 0.1, "No StandardScaler"),
        (lambda y, seed: folds(y, seed)[:4], fold_score, "five times three"),
        (lambda y, seed: folds(y, 0), fold_score, "Another seed"),
        (lambda y, seed: folds(y, seed, KFold, shuffle=False), fold_score, "Stratify"),
        (leaving_out_only_the_test, fold_score, "two parts of one fold"),
        (lambda y, seed: [folds(y, seed)[0]] * 5, fold_score, "tested exactly once"),
    ],
)
def test_each_leak_in_the_cross_validation_has_its_remark(dealt, scored, said):
    assert said in wrong_remarks("01.18", dealt, scored)
