"""The exercises of notebook 03: the right answer passes, and each typical wrong one gets its own remark."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from bedside import learn
from course_answers import wrong_remarks


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_the_derivative_of_tanh_passes_however_it_is_written():
    assert learn.check("03.1", lambda z: 1 - np.tanh(z) ** 2).right
    assert learn.check("03.1", lambda z: 1 / np.cosh(z) ** 2).right


@pytest.mark.parametrize(
    ("d_tanh", "said"),
    [
        (lambda z: None, "gap"),
        (np.tanh, "tanh itself"),
        (lambda z: sigmoid(z) * (1 - sigmoid(z)), "derivative of the sigmoid"),
        (lambda z: 1 - np.tanh(z), "squared"),
        (lambda z: np.tanh(z) * (1 - np.tanh(z)), "rule is for the sigmoid"),
        (lambda z: 1 + np.tanh(z) ** 2, "At 0 it gives 1; the steepness measured there is 1. At 2.5"),
        (lambda z: 1.0, "One derivative for each number"),
    ],
)
def test_each_wrong_derivative_has_its_remark(d_tanh, said):
    assert said in wrong_remarks("03.1", d_tanh)


X2, Y = np.array([0.8, -1.2]), 1.0
W1, B1 = np.array([[0.6, -0.4], [-0.3, 0.8]]), np.array([0.1, -0.1])
W2, B2 = np.array([-0.5, 0.7]), 0.2
NETWORK = (X2, Y, W1, B1, W2, B2)
SUMS = W1 @ X2 + B1
ERROR = sigmoid(W2 @ np.tanh(SUMS) + B2) - Y
STEEP = 1 - np.tanh(SUMS) ** 2


def test_the_error_of_the_hidden_neurons_passes():
    assert learn.check("03.4", ERROR * W2 * STEEP, *NETWORK).right


@pytest.mark.parametrize(
    ("delta", "said"),
    [
        (-ERROR * W2 * STEEP, "sign"),
        (ERROR * W2, "not through tanh"),
        (ERROR * STEEP, "weights on the way back"),
        (W2 * STEEP, "error itself is missing"),
        (ERROR * W2 * (1 - np.tanh(np.tanh(SUMS)) ** 2), "taken at h"),
        (ERROR * np.tanh(SUMS), "gradients of w2"),
        (ERROR * W2 * STEEP * 2, "Three factors"),
        (0.3, "not two numbers"),
        ("a text", "not two numbers"),
    ],
)
def test_each_wrong_way_back_has_its_remark(delta, said):
    assert said in wrong_remarks("03.4", delta, *NETWORK)


def naive(z, y):
    return -(y * np.log(sigmoid(z)) + (1 - y) * np.log(1 - sigmoid(z)))


def test_the_loss_from_logits_passes():
    assert learn.check("03.5", lambda z, y: np.logaddexp(0, z) - y * z).right
    assert learn.check("03.5", lambda z, y: np.logaddexp(0, (1 - 2 * y) * z)).right


@pytest.mark.parametrize(
    ("bce", "said"),
    [
        (lambda z, y: None, "gap"),
        (naive, "No exp or log of your own"),
        (lambda z, y: -naive(z, y), "sign"),
        (lambda z, y: naive(z, 1 - y), "classes are exchanged"),
        (lambda z, y: np.logaddexp(0, z), "for y = 1 it is not"),
        (lambda z, y: np.logaddexp(0, -z), "for y = 0 it is not"),
        (lambda z, y: naive(z, y).mean(), "mean of all"),
        (lambda z, y: (sigmoid(z) - y) ** 2, "the loss is 0.1269"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_each_wrong_loss_has_its_remark(bce, said):
    assert said in wrong_remarks("03.5", bce)


X = load_diabetes(return_X_y=True)[0][:, [2, 3]]
X = X / X.std(0)
CURVATURES = np.linalg.eigvalsh(2 * X.T @ X / len(X))
LIMIT = 2 / CURVATURES.max()


def test_the_limit_of_the_learning_rate_passes():
    assert learn.check("03.6", LIMIT, X).right


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (2 / CURVATURES.min(), "smallest curvature"),
        (1 / CURVATURES.max(), "Twice as much"),
        (2 * LIMIT, "Half of it"),
        (LIMIT / len(X), "divide by n"),
        (CURVATURES.max(), "curvature itself"),
        (0.9 * LIMIT, "still converges"),
        (1.2 * LIMIT, "runs away already"),
        (np.ones(2), "not a number"),
    ],
)
def test_each_wrong_limit_has_its_remark(limit, said):
    assert said in wrong_remarks("03.6", limit, X)
