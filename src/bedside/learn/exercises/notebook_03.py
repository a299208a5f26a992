"""Checks of the exercises in notebook 03: a derivative, the way back of an error, a loss, and a learning rate's limit."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from bedside.cohort import Task
from bedside.learn.answer import Remark, exercise, right, wrong
from bedside.models.losses import Supervised


def _numbers(found: Any) -> np.ndarray | None:
    """As an array of finite or infinite numbers; None if it is something else."""
    try:
        return np.asarray(found, dtype=float)
    except (TypeError, ValueError):
        return None


def _same(found: np.ndarray, truth: np.ndarray) -> bool:
    return found.shape == truth.shape and np.allclose(found, truth, rtol=1e-6, atol=1e-9)


@exercise("03.1", "The derivative of tanh")
def derivative(d_tanh: Callable[..., Any]) -> Iterator[Remark]:
    """Against the change of tanh over a tiny change of its input."""
    z = np.array([-3.0, -0.5, 0.0, 1.0, 2.5])
    given = d_tanh(z)
    if given is None or given is ...:
        yield wrong("d_tanh gives nothing back.", "Is there still a gap, or is `return` missing?")
        return
    found = _numbers(given)
    if found is None or found.shape != z.shape:
        yield wrong(f"For five numbers it gives {given!r}.", "One derivative for each number.")
        return
    tiny = 1e-6
    truth = (np.tanh(z + tiny) - np.tanh(z - tiny)) / (2 * tiny)
    sigmoid = 1 / (1 + np.exp(-z))
    if np.allclose(found, truth, atol=1e-7):
        yield right("It is how steep tanh is, at five places; measured by tiny steps to both sides.")
    elif np.allclose(found, np.tanh(z)):
        yield wrong("This is tanh itself.", "How steep is it at 0? tanh is 0 there.")
    elif np.allclose(found, sigmoid * (1 - sigmoid)):
        yield wrong("This is the derivative of the sigmoid.", "At 0 tanh is four times as steep.")
    elif np.allclose(found, 1 - np.tanh(z)):
        yield wrong("At 0 it is right, but far to the left it should be near 0.", "Something is to be squared.")
    elif np.allclose(found, np.tanh(z) * (1 - np.tanh(z))):
        yield wrong("That rule is for the sigmoid, applied to tanh.", "At 0 this gives 0, but tanh is steepest there.")
    else:
        yield wrong(
            f"At 0 it gives {found[2]:.3g}; the steepness measured there is {truth[2]:.3g}. At 2.5: {found[4]:.3g} and {truth[4]:.3g}.",
            "tanh(z) itself appears in its derivative.",
        )


@exercise("03.4", "The error of the hidden neurons")
def sent_back(
    delta_hidden: Any, x: np.ndarray, y: float, W1: np.ndarray, b1: np.ndarray, w2: np.ndarray, b2: float
) -> Iterator[Remark]:
    """Against the derivative of the loss by the sums of the hidden neurons, by autograd."""
    sums = torch.tensor(W1 @ x + b1, dtype=torch.float64, requires_grad=True)
    logit = torch.tensor(w2, dtype=torch.float64) @ torch.tanh(sums) + b2
    objective = Supervised(Task("binary", ("benign", "malignant")))
    objective.per_row(logit.view(1, 1), torch.tensor([y])).sum().backward()
    assert sums.grad is not None
    truth, error = sums.grad.numpy(), float(torch.sigmoid(logit.detach())) - y
    found = _numbers(delta_hidden)
    if found is None or found.shape != truth.shape:
        yield wrong(f"delta_hidden is {delta_hidden!r}, not two numbers.", "One for each hidden neuron.")
        return
    yield right("Two numbers, one for each hidden neuron.")
    hidden = np.tanh(W1 @ x + b1)
    steep = 1 - hidden**2
    if _same(found, truth):
        yield right("They are what autograd finds too: the change of the loss when the sum of a neuron changes.")
    elif _same(found, -truth):
        yield wrong("The sign is turned round.", "The error of the output is the probability minus the truth.")
    elif _same(found, error * w2):
        yield wrong(
            "The error has come through the weights, but not through tanh.", "d_tanh at the sums `a` is missing."
        )
    elif _same(found, error * steep):
        yield wrong("The weights on the way back are missing.", "Through which weight did neuron j act on the output?")
    elif _same(found, w2 * steep):
        yield wrong("The error itself is missing.", "What is multiplied by w2?")
    elif _same(found, error * w2 * (1 - np.tanh(hidden) ** 2)):
        yield wrong("The derivative is taken at h.", "It is taken at what goes into tanh: the sums `a`.")
    elif _same(found, error * hidden):
        yield wrong(
            "These are the gradients of w2 (step 3).", "Back to the neuron it goes through the weight, not through h."
        )
    else:
        yield wrong(
            "They are not the change of the loss when the sum of a neuron changes.",
            "Three factors: the error of the output, the weight it came through, the steepness of tanh there.",
        )


@exercise("03.5", "Binary cross-entropy from logits")
def cross_entropy(bce: Callable[..., Any]) -> Iterator[Remark]:
    """Against the loss that bedside trains with, also for very sure networks."""
    z, y = np.array([2.0, -1.0, 0.3, -2.0]), np.array([1.0, 0.0, 0.0, 1.0])
    given = bce(z, y)
    if given is None or given is ...:
        yield wrong("bce gives nothing back.", "Is there still a gap, or is `return` missing?")
        return
    found, truth = _numbers(given), _bedside(z, y)
    if found is None or found.shape != z.shape:
        many = "the mean of all" if found is not None and found.ndim == 0 else f"{given!r}"
        yield wrong(f"For four patients it gives {many}.", "The loss of each patient, without a mean.")
        return
    if np.allclose(found, truth):
        yield right("For four patients it is the loss that bedside trains with.")
    else:
        yield _mistaken(found, truth, z, y)
        return
    with np.errstate(all="ignore"):
        sure = _numbers(bce(np.array([800.0, -800.0, 800.0]), np.array([0.0, 1.0, 1.0])))
    if sure is not None and np.allclose(sure, [800, 800, 0]):
        yield right("Sure and wrong, at a logit of 800: the loss is 800, not infinite.")
    else:
        yield wrong(
            f"For logits of 800, −800 and 800 and truths 0, 1 and 1 it gives {sure}.",
            "No exp or log of your own: np.logaddexp(0, z) is log(1 + e^z) for any z.",
        )


def _mistaken(found: np.ndarray, truth: np.ndarray, z: np.ndarray, y: np.ndarray) -> Remark:
    if np.allclose(found, -truth):
        return wrong("The sign is turned round: a loss is never negative.", "Where does the minus stand?")
    if np.allclose(found, _bedside(z, 1 - y)):
        return wrong("The classes are exchanged.", "For y = 1 the loss is small if z is large.")
    if np.allclose(found, np.logaddexp(0, z)):
        return wrong(
            "For y = 0 it is right, for y = 1 it is not.",
            "By how much do log(1 + e^z) and log(1 + e^(−z)) differ? Try some z.",
        )
    if np.allclose(found, np.logaddexp(0, -z)):
        return wrong("For y = 1 it is right, for y = 0 it is not.", "For y = 0 it is log(1 + e^z).")
    return wrong(
        f"For z = {z[0]:g} and y = {y[0]:g} it gives {found[0]:.4f}, the loss is {truth[0]:.4f}.",
        "−log of the probability of the truth; both classes are written above.",
    )


def _bedside(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    objective = Supervised(Task("binary", ("benign", "malignant")))
    return objective.per_row(torch.from_numpy(z).view(-1, 1), torch.from_numpy(y)).numpy()


@exercise("03.6", "The largest learning rate that converges")
def largest_rate(limit: Any, X: np.ndarray) -> Iterator[Remark]:
    """Tried: a hundredth below it the distance to the bottom shrinks in every direction, a hundredth above it grows."""
    found = _numbers(limit)
    if found is None or found.ndim:
        yield wrong(f"limit is {limit!r}, not a number.", "2 divided by one number.")
        return
    curvatures = np.linalg.eigvalsh(2 * X.T @ X / len(X))
    truth = 2 / curvatures.max()
    below, above = (_farthest(0.99 * found, curvatures), _farthest(1.01 * found, curvatures))
    if below < 1 < above:
        yield right("Tried: a hundredth below it gradient descent converges, a hundredth above it runs away.")
    elif np.isclose(found, 2 / curvatures.min()):
        yield wrong("This is for the smallest curvature.", "The steepest direction is the first to run away.")
    elif np.isclose(found, truth / 2):
        yield wrong(
            "Twice as much still converges.", "2 divided by the curvature, not 1; or is the 2 missing in the Hessian?"
        )
    elif np.isclose(found, 2 * truth):
        yield wrong("Half of it runs away already.", "The derivative of a square brings a 2: the Hessian is 2 XᵀX / n.")
    elif np.isclose(found, truth / len(X)):
        yield wrong("It is as many times too small as there are patients.", "The loss is a mean: divide by n.")
    elif np.isclose(found, curvatures.max()):
        yield wrong("This is the largest curvature itself.", "2 divided by it.")
    elif above < 1:
        yield wrong("A hundredth more still converges.", "2 divided by the largest eigenvalue of 2 XᵀX / n.")
    else:
        yield wrong("It runs away already.", "2 divided by the largest eigenvalue of 2 XᵀX / n.")


def _farthest(rate: np.ndarray, curvatures: np.ndarray) -> float:
    """By what the distance to the bottom is multiplied in each step, in the worst direction."""
    return float(np.abs(1 - rate * curvatures).max())
