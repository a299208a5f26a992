"""Checks of the exercises in notebook 01: a network for a table, its training loop, and how sure its result is."""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from bedside.learn.answer import Remark, exercise, right, wrong
from bedside.models.mlp import ACTIVATIONS

_SQUASHING = (nn.Sigmoid, nn.Softmax, nn.LogSigmoid, nn.LogSoftmax)


@exercise("01.8", "The architecture")
def architecture(net: Any) -> Iterator[Remark]:
    """A class whose layers are what its arguments ask for."""
    if not (isinstance(net, type) and issubclass(net, nn.Module)):
        yield wrong(
            "This is not a class that inherits from nn.Module.", "Hand over the class itself: Net, not Net(...)."
        )
        return
    yield right("A class that inherits from nn.Module.")
    layers = list(net(11, n_layers=3, n_nodes=7, activation=nn.Tanh, dropout=0.5).children())
    layers = [leaf for layer in layers for leaf in layer.modules() if not list(leaf.children())]
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    if not linear:
        yield wrong("It has no nn.Linear in it.", "Is there still a gap? Append the layers to the list `layers`.")
        return
    yield from _sizes([(layer.in_features, layer.out_features) for layer in linear])
    yield from _bends(layers)
    yield from _order(layers)
    yield from _dropout(net, layers)
    yield from _runs(net)


def _sizes(found: list[tuple[int, int]]) -> Iterator[Remark]:
    """For 11 inputs and 3 hidden layers of 7 nodes."""
    words = ", ".join(f"{a} to {b}" for a, b in found)
    if found[0][0] != 11:
        yield wrong(f"The first layer takes {found[0][0]} numbers, not n_inputs.", "How many features has a patient?")
    if found[-1][1] != 1:
        yield wrong(f"The last layer has {found[-1][1]} nodes.", "One node tells two classes apart: above 0, or below.")
    if len(found) != 4:
        yield wrong(
            f"For n_layers=3 there are {len(found)} linear layers ({words}).",
            "One for each hidden layer, inside the loop, and one for the output, after it.",
        )
    if any(before[1] != after[0] for before, after in itertools.pairwise(found)):
        yield wrong(
            f"A layer does not take what the one before gives: {words}.",
            "After a hidden layer another number of values flows on; `width` has to know.",
        )
    elif found == [(11, 7), (7, 7), (7, 7), (7, 1)]:
        yield right(f"For 11 features and 3 layers of 7 nodes: {words}.")
    elif found[0][0] == 11 and found[-1][1] == 1 and len(found) == 4:
        yield wrong(
            f"The hidden layers do not have n_nodes=7 nodes: {words}.", "Is a number written where n_nodes belongs?"
        )


def _bends(layers: list[nn.Module]) -> Iterator[Remark]:
    """An activation after each hidden layer, the one asked for, and none after the output."""
    known = tuple(ACTIVATIONS.values())
    bends = [layer for layer in layers if isinstance(layer, known)]
    asked = [layer for layer in bends if isinstance(layer, nn.Tanh)]
    if isinstance(layers[-1], _SQUASHING):
        yield wrong(
            f"It ends with {type(layers[-1]).__name__}, so its output is no logit.",
            "BCEWithLogitsLoss of step 11 has the sigmoid inside; what would two of them do?",
        )
    elif isinstance(layers[-1], (nn.Dropout, *known)):
        yield wrong(f"It ends with {type(layers[-1]).__name__}.", "The output is a plain weighted sum.")
    if len(asked) == 3 and len(bends) == 3:
        yield right("Each hidden layer has the activation that was asked for.")
    elif not bends:
        yield wrong("There is no activation.", "Without one, all layers together are one linear layer.")
    elif len(asked) < len(bends):
        other = next(layer for layer in bends if not isinstance(layer, nn.Tanh))
        if other is not layers[-1]:
            yield wrong(
                f"Asked for nn.Tanh, it has {type(other).__name__}.", "The argument `activation` is the class to use."
            )
    else:
        yield wrong(f"For 3 hidden layers there are {len(asked)} activations.", "One after each hidden layer.")


def _order(layers: list[nn.Module]) -> Iterator[Remark]:
    """Each hidden layer with its own activation and dropout, then the output."""
    kinds = "".join(
        "L" if isinstance(one, nn.Linear) else "D" if isinstance(one, nn.Dropout) else "A" for one in layers
    )
    counted = kinds.count("L") == 4 and kinds.count("A") == 3 and kinds.endswith("L") and "D" in kinds
    if counted and not re.fullmatch("(L(AD|DA)){3}L", kinds):
        words = {"L": "linear", "A": "activation", "D": "dropout"}
        yield wrong(
            f"The layers stand in another order: {', '.join(words[kind] for kind in kinds)}.",
            "Each hidden layer is followed by its own activation, and that by its own dropout; the output layer comes last.",
        )


def _dropout(net: Any, layers: list[nn.Module]) -> Iterator[Remark]:
    shares = [layer.p for layer in layers if isinstance(layer, nn.Dropout)]
    without = [layer for layer in net(11, dropout=0.0).modules() if isinstance(layer, nn.Dropout) and layer.p > 0]
    if without:
        yield wrong("With dropout=0 it drops neurons all the same.", "Use the argument `dropout` as it is.")
    elif not shares:
        yield wrong("With dropout=0.5 there is no nn.Dropout.", "It follows the activation, inside the loop.")
    elif set(shares) != {0.5}:
        yield wrong(f"With dropout=0.5 it drops a share of {shares[0]:g}.", "Use the argument `dropout` as it is.")
    else:
        yield right("Dropout as asked for, and none if none is.")


def _runs(net: Any) -> Iterator[Remark]:
    """Numbers go in, gradients come back to every weight."""
    torch.manual_seed(0)
    made = net(11, n_layers=2, n_nodes=7, activation=nn.Tanh)
    through = made if type(made).forward is not nn.Module.forward else getattr(made, "layers", None)
    if through is None:
        yield wrong("self.layers is missing.", "The last line of __init__ puts all layers into it.")
        return
    outputs = through(torch.randn(5, 11))
    if outputs.shape not in ((5, 1), (5,)):
        yield wrong(f"5 patients give an output of shape {tuple(outputs.shape)}.", "One number for each patient.")
        return
    outputs.sum().backward()
    yield from _gradients(made, "5 patients go in, one logit each comes out")


def _gradients(made: nn.Module, words: str) -> Iterator[Remark]:
    weights = list(made.parameters())
    if any(weight.grad is None for weight in weights):
        yield wrong("Some weights get no gradient: they can never learn.", "Is each layer used on the way through?")
    else:
        yield right(f"{words}, and gradients reach all {sum(weight.numel() for weight in weights)} weights.")


@exercise("01.9", "The forward pass")
def forward_pass(net: Any) -> Iterator[Remark]:
    """Features in, one logit per patient out."""
    torch.manual_seed(0)
    made = net(11, n_layers=2, n_nodes=7, activation=nn.Tanh)
    features = torch.randn(5, 11)
    outputs = made(features)
    if outputs is ... or outputs is None:
        yield wrong("forward gives nothing back.", "Is there still a gap, or is `return` missing?")
        return
    if not isinstance(outputs, Tensor):
        yield wrong(f"forward gives a {type(outputs).__name__}, not a tensor.", "Return what comes out of self.layers.")
        return
    plain = made.layers(features)
    if outputs.shape == (5, 1):
        yield wrong("The shape is (5, 1), and the targets have (5,).", "squeeze(-1) takes the last dimension away.")
    elif outputs.shape != (5,):
        yield wrong(f"5 patients give the shape {tuple(outputs.shape)}, not (5,).", "One number for each patient.")
        return
    else:
        yield right("5 patients give 5 numbers, shape (5,), as the targets have.")
    flat = outputs.reshape(-1)
    if torch.allclose(flat, torch.sigmoid(plain).reshape(-1)):
        yield wrong("The numbers are probabilities, not logits.", "The loss of step 11 has the sigmoid inside.")
    elif not torch.allclose(flat, plain.reshape(-1)):
        yield wrong("The numbers are not what self.layers gives for x.", "Nothing but self.layers acts on x.")
    else:
        yield right("They are what self.layers gives: logits.")
    one = made(features[:1])
    if one.shape == ():
        yield wrong(
            "A single patient gives a number without a shape.", "squeeze(-1) takes away the last dimension only."
        )
    outputs.sum().backward()
    yield from _gradients(made, "Differentiable")


class _Line(nn.Module):
    """One weighted sum, which remembers whether it was asked while training, and whether an error was sent back."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(2, dtype=torch.float64))
        self.asked: list[bool] = []
        self.sent = 0
        self.weights.register_hook(self._count)

    def forward(self, x: Tensor) -> Tensor:
        self.asked.append(self.training)
        return x @ self.weights

    def _count(self, _: Tensor) -> None:
        self.sent += 1


_RATE = 0.5


@exercise("01.12", "The training loop")
def training_loop(train_epoch: Callable[..., Any]) -> Iterator[Remark]:
    """One epoch of plain gradient descent on six patients in two batches, against the closed form."""
    x = torch.tensor([[1.0, 0.5], [0.2, -1], [-1, 0.3], [0.7, 0.7], [-0.4, -0.9], [2, 1]], dtype=torch.float64)
    y = torch.tensor([1.0, 0, 0, 1, 1, 0], dtype=torch.float64)
    loader = DataLoader(TensorDataset(x, y), batch_size=4)
    model, loss = _Line(), nn.BCEWithLogitsLoss()
    given = train_epoch(model.eval(), loader, loss, torch.optim.SGD(model.parameters(), lr=_RATE))
    found = model.weights.detach()
    if not model.asked:
        yield wrong(
            "The model was never asked.", "Line 1 is the forward pass: what does the network say about these patients?"
        )
        return
    yield right(f"Forward: the model was asked for {len(model.asked)} batches.")
    if not model.sent:
        yield wrong(
            "No weight ever gets a gradient.",
            "Which line sends the error back through the network?",
        )
        return
    yield from _steps(found, x, y, model.weights.grad)
    if not all(model.asked):
        yield wrong(
            "The model was not in training mode, so dropout would not act.", "model.train() stands before the loop."
        )
    mean = _mean_loss(x, y)
    if not isinstance(given, float) or not np.isfinite(given):
        yield wrong(f"It gives {given!r} back, not the mean loss.", "The last line returns a number.")
    elif np.isclose(given, mean):
        yield right("It gives the mean loss over patients back.")
    elif not found.any():
        yield wrong("The loss is that of a network that does not learn.", "First mend the steps.")


def _steps(found: Tensor, x: Tensor, y: Tensor, left: Tensor | None) -> Iterator[Remark]:
    """Where the weights should be after two steps, and where typical mistakes lead."""
    expected = _descend(x, y)
    if torch.allclose(found, expected):
        yield right("Backward and step: after two batches the weights are where gradient descent puts them.")
        return
    if not found.any():
        if left is not None and left.any():
            yield wrong("There are gradients, but no weight has moved.", "Which line moves the weights?")
        else:
            yield wrong(
                "No weight has moved, and the gradients are gone.",
                "Which line moves the weights, and does it stand before the line that forgets the gradients?",
            )
    elif torch.allclose(found, _descend(x, y, adding=True)):
        yield wrong(
            "The second step used the gradients of the first batch too.",
            "PyTorch adds new gradients to old ones until told to forget.",
        )
    elif torch.allclose(found, _descend(x, y, late=True)):
        yield wrong("Each step used the gradients of the batch before.", "backward comes before step.")
    elif torch.allclose(found, _descend(x, y, uphill=True)):
        yield wrong("The weights moved uphill: the loss grows.", "The loss itself, without a minus, is sent back.")
    else:
        yield wrong(
            "The weights moved, but not to where two steps of gradient descent put them.",
            "Each of the five lines stands once, inside the loop over batches.",
        )


def _gradient(weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Of the mean binary cross-entropy: the features, weighted by probability minus truth."""
    return x.T @ (torch.sigmoid(x @ weights) - y) / len(y)


def _descend(x: Tensor, y: Tensor, *, adding: bool = False, late: bool = False, uphill: bool = False) -> Tensor:
    weights, before = torch.zeros(2, dtype=x.dtype), torch.zeros(2, dtype=x.dtype)
    for rows in (slice(0, 4), slice(4, 6)):
        new = _gradient(weights, x[rows], y[rows])
        used = before if late else new + before if adding else new
        weights = weights + (_RATE if uphill else -_RATE) * used
        before = new
    return weights


def _mean_loss(x: Tensor, y: Tensor) -> float:
    """Over patients, each before the step of its batch."""
    weights, total = torch.zeros(2, dtype=x.dtype), 0.0
    for rows in (slice(0, 4), slice(4, 6)):
        logits = x[rows] @ weights
        total += nn.functional.binary_cross_entropy_with_logits(logits, y[rows], reduction="sum").item()
        weights = weights - _RATE * _gradient(weights, x[rows], y[rows])
    return total / len(y)


@exercise("01.16", "Hidden layers, nodes, activations")
def architectures(trials: Sequence[tuple[int, int, type]], table: pd.DataFrame, choice: Any) -> Iterator[Remark]:
    """Comparisons of one thing at a time, and a choice that does not chase luck."""
    trials = list(trials)
    if any(trial is ... for trial in trials):
        yield wrong("There is still a gap in `trials`.", "Replace the ... by networks of your own.")
        return
    if len(set(trials)) < 6:
        yield wrong(f"There are {len(set(trials))} different networks.", "Five more than the one that is given.")
    for place, name in enumerate(("hidden layers", "nodes", "activation")):
        pairs = [(a, b) for a in trials for b in trials if _only(place, a, b)]
        if pairs:
            yield right(f"Two networks differ in nothing but {name}.")
        else:
            yield wrong(
                f"No two networks differ in {name} alone.",
                "Copy a row, and change one number (or the activation) of the copy.",
            )
    if nn.Identity in {trial[2] for trial in trials}:
        yield right("One network has no real activation, to see what activations do.")
    else:
        yield wrong("None of them goes without an activation.", "nn.Identity gives back what it gets.")
    if len(table) != len(trials):
        yield wrong("The table is not that of these trials.", "Run the cell that trains them again.")
        return
    yield from _chosen(table, choice)


def _only(place: int, a: tuple[int, int, type], b: tuple[int, int, type]) -> bool:
    return [x != y for x, y in zip(a, b, strict=True)] == [k == place for k in range(3)]


def _chosen(table: pd.DataFrame, choice: Any) -> Iterator[Remark]:
    if not isinstance(choice, int | np.integer) or choice not in table.index:
        yield wrong(f"choice is {choice!r}, not the number of a row.", "The numbers stand at the left of the table.")
        return
    losses, weights = table["loss"].to_numpy(dtype=float), table["weights"].to_numpy(dtype=int)
    best, chosen = int(losses.argmin()), list(table.index).index(choice)
    limit = float(losses[best] + table["spread"].iloc[best])
    good = weights[losses <= limit]
    if losses[chosen] > limit:
        yield wrong(
            f"Row {choice} has a loss of {losses[chosen]:.4f}; at most {limit:.4f} is allowed.",
            "The limit is the lowest loss plus the spread of that same row.",
        )
    elif weights[chosen] > good.min():
        yield wrong(
            f"Row {choice} has {weights[chosen]:,} weights, and a smaller network is as good within the spread.",
            "Which rows lie below the limit, and which of them has the fewest weights?",
        )
    else:
        yield right(f"Row {choice}: the fewest weights of the rows within the limit ({len(good)} of {len(table)}).")


@exercise("01.17", "Learning rates and epochs")
def learning_rates(histories: Mapping[float, pd.DataFrame], best_epoch: Mapping[float, Any]) -> Iterator[Remark]:
    """Rates that lie far apart, and the epoch at which each should have stopped."""
    rates = sorted(histories)
    if len(rates) < 4:
        yield wrong(f"There are {len(rates)} learning rates.", "At least four.")
    elif rates[-1] < 999 * rates[0]:
        yield wrong(
            f"They lie between {rates[0]:g} and {rates[-1]:g}, close together.",
            "Go in steps of ten, from 1e-5 upwards.",
        )
    else:
        yield right(f"{len(rates)} learning rates from {rates[0]:g} to {rates[-1]:g}.")
    lowest = {rate: float(histories[rate]["valid_loss"].min()) for rate in rates}
    best = min(lowest, key=lambda rate: lowest[rate])
    slow = histories[rates[0]]["train_loss"]
    if best != rates[0] and slow.iloc[-1] > slow.iloc[0] / 2:
        yield right(
            f"{rates[0]:g} is too small for {len(slow)} epochs: its training loss is still {slow.iloc[-1]:.2f}."
        )
    else:
        yield wrong(f"{rates[0]:g} learns well enough in {len(slow)} epochs.", "Try one that is far too small.")
    worst = float(np.nan_to_num(histories[rates[-1]][["train_loss", "valid_loss"]], nan=np.inf).max())
    if worst > 1:
        yield right(
            f"{rates[-1]:g} is too large: its loss jumped to {worst:.1f}; saying 50 % for everybody has {np.log(2):.2f}."
        )
    else:
        yield wrong(f"{rates[-1]:g} is not too large yet: its loss never jumped above 1.", "Go on upwards.")
    yield from _stopped(histories, best_epoch)


def _stopped(histories: Mapping[float, pd.DataFrame], best_epoch: Mapping[float, Any]) -> Iterator[Remark]:
    if not isinstance(best_epoch, Mapping) or set(best_epoch) != set(histories):
        yield wrong("best_epoch does not have exactly the rates of `histories`.", "One entry for each learning rate.")
        return
    truth = {rate: int(str(history["valid_loss"].idxmin())) for rate, history in histories.items()}
    training = {rate: history["train_loss"].idxmin() for rate, history in histories.items()}
    said = {rate: int(epoch) for rate, epoch in best_epoch.items()}
    if said == truth:
        yield right("Each should have stopped where its validation loss was lowest.")
    elif said == training:
        yield wrong(
            "These are the epochs with the lowest training loss.", "It falls on while the network learns by heart."
        )
    elif all(epoch == truth[rate] - 1 for rate, epoch in said.items()):
        yield wrong("Each epoch is one too small.", "Epochs count from 1, positions in a list from 0.")
    elif said == {rate: histories[rate]["valid_loss"].idxmax() for rate in said}:
        yield wrong("These are the epochs with the highest validation loss.", "A loss should be low.")
    else:
        off = next(rate for rate in said if said[rate] != truth[rate])
        yield wrong(
            f"For the learning rate {off:g}, epoch {said[off]} is not the one.", "Where is its validation loss lowest?"
        )


@exercise("01.18", "Five-fold cross-validation")
def cross_validation(folds: Callable[..., Any], score_fold: Callable[..., Any]) -> Iterator[Remark]:
    """Every patient tested once by a network that has not seen it, and nothing learnt from who is tested."""
    rng = np.random.default_rng(0)
    y = np.repeat([1, 0, 0], 60)  # sorted, as tables often are
    dealt = folds(y, seed=0)
    if dealt is None or dealt is ...:
        yield wrong("folds gives nothing back.", "Is there still a gap, or is `return` missing?")
        return
    dealt = [tuple(np.asarray(part) for part in fold) for fold in dealt]
    if len(dealt) != 5 or any(len(fold) != 3 for fold in dealt):
        yield wrong("folds does not give five times three arrays.", "Five folds, each (train, valid, test).")
        return
    sound = True
    for remark in _dealt(dealt, y):
        sound &= remark.right
        yield remark
    other = folds(y, seed=1)
    if all(np.array_equal(np.sort(a[2]), np.sort(np.asarray(b[2]))) for a, b in zip(dealt, other, strict=True)):
        yield wrong("Another seed deals the same folds.", "StratifiedKFold has the arguments shuffle and random_state.")
    if not sound:
        return
    x = rng.normal(size=(len(y), 30))
    x[:, 0] += 1.5 * y
    yield from _scored(score_fold, x, y, dealt[0])


def _dealt(dealt: Sequence[tuple[np.ndarray, ...]], y: np.ndarray) -> Iterator[Remark]:
    tested = np.concatenate([test for _, _, test in dealt])
    if any(set(a) & set(b) for fold in dealt for a, b in ((fold[0], fold[1]), (fold[0], fold[2]), (fold[1], fold[2]))):
        yield wrong(
            "A patient stands in two parts of one fold.",
            "Train is what is left after validation and test are taken away.",
        )
    else:
        yield right("In each fold the three parts share no patient.")
    if sorted(tested) == list(range(len(y))):
        yield right("Every patient is tested exactly once.")
    else:
        yield wrong("Not every patient is tested exactly once.", "The five test parts together are everybody.")
    if any(not len(test) == len(valid) < len(train) for train, valid, test in dealt):
        yield wrong(
            "The parts do not have the sizes of five folds.",
            "Of five parts one is tested, one validates, and the other three train.",
        )
    if any(len(np.unique(np.concatenate(fold))) < len(y) for fold in dealt):
        yield wrong("In some fold patients are not used at all.", "Three parts train, one validates, one is tested.")
    shares = [y[test].mean() for _, _, test in dealt]
    if max(shares) - min(shares) > 0.1:
        yield wrong(
            f"The share of malignant patients in the test parts goes from {min(shares):.0%} to {max(shares):.0%}.",
            "Stratify: StratifiedKFold deals each class evenly.",
        )
    else:
        yield right("Each test part has its share of malignant patients.")


def _scored(
    score_fold: Callable[..., Any], x: np.ndarray, y: np.ndarray, fold: tuple[np.ndarray, ...]
) -> Iterator[Remark]:
    """If the diagnoses of the test patients alone are turned round, an honest AUROC a becomes exactly 1 - a."""
    train, valid, test = fold
    turned = y.copy()
    turned[test] = 1 - turned[test]
    fitted, seen = StandardScaler.partial_fit, []

    def watched(self: StandardScaler, X: Any, *args: Any, **options: Any) -> Any:
        seen.append(len(X))
        return fitted(self, X, *args, **options)

    with patch.object(StandardScaler, "partial_fit", watched):
        given = [score_fold(x, diagnoses, train, valid, test, seed=0) for diagnoses in (y, turned)]
    if given[0] is None or given[0] is ...:
        yield wrong("score_fold gives nothing back.", "Is there still a gap, or is `return` missing?")
        return
    before, after = (float(score) for score in given)
    if not 0 <= before <= 1:
        yield wrong(f"score_fold gives {before:.2f}, which is no AUROC.", "judge gives the loss first, then the AUROC.")
    elif abs(before + after - 1) < _ALIKE:
        yield right("It scores the test patients, and their diagnoses have no say in training.")
    elif abs(before - after) < _ALIKE:
        yield wrong(
            f"With all diagnoses of the test patients turned round it still gives {after:.2f}: others are scored.",
            "Fit on `train`, stop on `valid`, score `test`.",
        )
    else:
        yield wrong(
            f"Turning the diagnoses of the test patients round changes the AUROC from {before:.2f} to {after:.2f}, not to {1 - before:.2f}: training saw them.",
            "Only `train` and `valid` go into fit.",
        )
    if not seen:
        yield wrong("No StandardScaler was fitted inside the fold.", "Fit a new one in each fold.")
    elif set(seen) != {len(train)}:
        yield wrong(
            f"A scaler was fitted on {max(seen)} patients, but {len(train)} train.",
            "Step 4: what is learnt, is learnt from training patients.",
        )
    else:
        yield right("The scaler is fitted on the training patients of the fold.")


_ALIKE = 1e-3  # two AUROC from one seed are the same, but for rounding
