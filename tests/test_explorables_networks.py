"""What the explorables of neurons, networks and losses compute: closed forms, autograd, and refusals in words."""

import base64

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.linear_model import LinearRegression

from bedside.data.samples import load
from bedside.errors import BedsideError, SettingError
from bedside.learn.explorables import activations, backpropagation, explorable, landscape, losses, playground
from bedside.learn.explorables.data import breast_masses
from bedside.learn.explorables.networks import layers_of, make_network, packed
from bedside.learn.explorables.playground_data import TITLES, points
from bedside.learn.explorables.routes import _answer


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z)))


# networks


def test_without_activations_a_network_is_the_product_of_its_matrices():
    network = make_network(2, (3, 3), "none", 0)
    rows = torch.randn(7, 2)
    first, second = (network.hidden[k] for k in (0, 2))
    weight = network.output.weight @ second.weight @ first.weight
    bias = network(torch.zeros(1, 2))
    assert torch.allclose(network(rows), rows @ weight.T + bias, atol=1e-6)


def test_layers_pass_on_what_the_network_reads():
    network = make_network(2, (3, 4), "tanh", 0)
    rows = torch.randn(5, 2)
    first, second = layers_of(network, rows)
    assert first.shape == (5, 3)
    assert torch.allclose(network.output(second), network(rows))


def test_a_seed_gives_the_same_network_and_leaves_chance_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    one, two = (make_network(2, (3,), "relu", 5) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one.output.weight, two.output.weight)


def test_surfaces_travel_as_bytes():
    assert list(base64.b64decode(packed(np.array([0, 0.5, 1, 2])))) == [0, 128, 255, 255]


# activation functions

SLOPES = {
    "relu": lambda z: (z > 0) * 1.0,
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "sigmoid": lambda z: sigmoid(z) * (1 - sigmoid(z)),
    "elu": lambda z: np.where(z > 0, 1.0, np.exp(z)),
}


@pytest.mark.parametrize("name", SLOPES)
def test_slopes_are_the_closed_forms(name):
    found = activations.look(activations.Function(activation=name, at=0.7, layers=3))
    assert found["slope"] == pytest.approx(SLOPES[name](found["z"]), abs=1e-9)
    assert found["left"] == pytest.approx(SLOPES[name](np.array(0.7)) ** 3)


def test_six_layers_without_activations_are_the_best_straight_line_and_no_more():
    line = activations.begin(activations.Function())["line_loss"]
    deep = activations.depth(activations.Deep(activation="none", layers=6))
    assert deep["bend"] < 1e-3 * np.ptp(deep["curve"])
    assert line * (1 - 1e-6) <= deep["loss"] < 1.05 * line
    for layer in deep["layers"]:
        for curve in layer:
            assert np.abs(np.diff(curve, 2)).max() < 1e-4 * max(1, np.abs(curve).max())


def test_one_bent_layer_does_what_six_straight_ones_cannot():
    line = activations.begin(activations.Function())["line_loss"]
    assert activations.depth(activations.Deep(activation="relu", layers=1))["loss"] < line / 3


# five steps of backpropagation


def by_hand(weights, inputs, target):
    """Loss and gradient of the 2-2-1 network, written out."""
    w, b, v, c = np.reshape(weights[:4], (2, 2)), np.array(weights[4:6]), np.array(weights[6:8]), weights[8]
    hidden = sigmoid(w @ inputs + b)
    chance = sigmoid(v @ hidden + c)
    back = chance - target
    sums = back * v * hidden * (1 - hidden)
    loss = -np.log(chance if target else 1 - chance)
    return loss, [*np.outer(sums, inputs).flatten(), *sums, *(back * hidden), back]


@pytest.mark.parametrize("patient", [0, 1])
def test_every_number_agrees_with_the_formulas(patient):
    begun = backpropagation.begin(backpropagation.Lesson())
    who = begun["patients"][patient]
    found = backpropagation.look(backpropagation.Lesson(patient=patient, learning_rate=2.0))
    loss, gradient = by_hand(found["weights"], who["inputs"], who["target"])
    assert found["loss"] == pytest.approx(loss)
    assert found["gradients"] == pytest.approx(gradient)
    assert found["new_weights"] == pytest.approx(np.array(found["weights"]) - 2 * np.array(gradient))
    assert found["new"]["loss"] == pytest.approx(by_hand(found["new_weights"], who["inputs"], who["target"])[0])
    assert found["new"]["loss"] < found["loss"]


def test_the_new_weights_can_be_given_back():
    first = backpropagation.look(backpropagation.Lesson())
    second = backpropagation.look(backpropagation.Lesson(weights=tuple(first["new_weights"])))
    assert second["loss"] == pytest.approx(first["new"]["loss"])


def test_patients_are_real_and_of_both_classes():
    patients, cloud = backpropagation.begin(backpropagation.Lesson())["patients"], breast_masses()
    assert {who["target"] for who in patients} == {0, 1}
    assert all(np.array_equal(who["values"], cloud.values[who["row"]]) for who in patients)


# losses


@pytest.mark.parametrize("kind", ["mse", "bce", "ce"])
def test_gradients_are_how_wrong_each_output_is(kind):
    begun = losses.begin(losses.Predictions(kind=kind))
    asked = losses.Predictions(kind=kind, outputs=begun["outputs"])
    found, outputs, target = losses.look(asked), np.array(begun["outputs"]), begun["target"]
    if kind == "mse":
        expected, rows = 2 * (outputs - target), (outputs - target) ** 2
    elif kind == "bce":
        expected = sigmoid(outputs) - target
        rows = -np.log(np.where(target == 1, sigmoid(outputs), 1 - sigmoid(outputs)))
    else:
        chance = np.exp(outputs) / np.exp(outputs).sum()
        expected, rows = chance - (np.arange(3) == target[0]), -np.log(chance[target])
        assert found["probability"].sum() == pytest.approx(1)
    assert found["gradient"] == pytest.approx(expected)
    assert found["rows"] == pytest.approx(rows)
    assert found["mean"] == pytest.approx(rows.mean())
    pushed = losses.push(losses.Push(kind=kind, outputs=begun["outputs"], learning_rate=0.1))["outputs"]
    assert pushed == pytest.approx(outputs - 0.1 * expected)
    assert losses.look(losses.Predictions(kind=kind, outputs=tuple(pushed)))["mean"] < found["mean"]


def test_the_curve_is_the_loss_of_the_chosen_output():
    asked = losses.Predictions(kind="bce", outputs=(1.0, 0.0, -2.0, 0.5, 1.0, 3.0), selected=2)
    found = losses.look(asked)
    truth = losses.begin(asked)["target"][2]
    chance = sigmoid(found["sweep"])
    assert found["curve"] == pytest.approx(-np.log(chance if truth else 1 - chance), abs=1e-6)
    assert found["selected_loss"] == pytest.approx(found["rows"][2])


def test_a_wrong_number_of_outputs_is_refused_in_words():
    with pytest.raises(SettingError, match="ce has 3 outputs here, not 6"):
        losses.look(losses.Predictions(kind="ce"))
    with pytest.raises(ValidationError, match="no output 4 among 3"):
        losses.Predictions(kind="ce", outputs=(0, 0, 0), selected=4)


# loss landscape


def standardised_diabetes():
    cohort = load("diabetes")
    x = cohort.inputs.take(np.arange(len(cohort))).frame[["total_cholesterol", "ldl"]].to_numpy(float)
    y = cohort.samples["target"].to_numpy(float)
    return (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()


def test_the_valley_is_that_of_least_squares():
    land, (x, y) = landscape.look(landscape.Walk()), standardised_diabetes()
    best = LinearRegression(fit_intercept=False).fit(x, y)
    together = np.corrcoef(x.T)[0, 1]
    assert land["place"] == pytest.approx(best.coef_, abs=1e-3)
    assert land["lowest"] == pytest.approx(np.mean((y - x @ best.coef_) ** 2), abs=1e-5)
    assert land["curvature"] == pytest.approx([2 * (1 - together), 2 * (1 + together)], rel=1e-3)
    assert land["limit"] == pytest.approx(1 / (1 + together), rel=1e-3)


def test_gradient_descent_walks_as_the_closed_form_says():
    (x, y), walk = standardised_diabetes(), landscape.Walk(learning_rate=0.3, steps=20)
    hessian = 2 * x.T @ x / len(y)
    best = np.linalg.solve(hessian, 2 * x.T @ y / len(y))
    first = np.array(landscape.look(walk)["start"])
    shrink = np.eye(2) - 0.3 * hessian
    expected = [best + np.linalg.matrix_power(shrink, k) @ (first - best) for k in range(21)]
    assert np.array(landscape.go(walk)["path"]) == pytest.approx(np.array(expected), abs=1e-4)


@pytest.mark.parametrize(
    ("rate", "how"), [(0.005, "has not arrived"), (0.26, "arrives"), (0.52, "arrives"), (0.54, "diverges")]
)
def test_the_learning_rate_decides_how_the_walk_ends(rate, how):
    assert landscape.go(landscape.Walk(learning_rate=rate, steps=100))["how"] == how


def test_momentum_survives_a_rate_at_which_plain_descent_diverges():
    for optimizer, how in (("sgd", "diverges"), ("momentum", "arrives")):
        walk = landscape.Walk(learning_rate=0.6, optimizer=optimizer, steps=150)
        assert landscape.go(walk)["how"] == how


def test_turning_both_signs_gives_the_same_loss():
    land = landscape.look(landscape.Walk(land="saddle"))
    heights = np.frombuffer(base64.b64decode(land["heights"]), dtype=np.uint8).reshape(land["n"], land["n"]).astype(int)
    assert np.abs(heights - heights[::-1, ::-1]).max() <= 1
    ends = [
        landscape.go(landscape.Walk(land="saddle", start=start, learning_rate=0.6, steps=100))["path"][-1]
        for start in ((1.0, 1.0), (-1.0, -1.0))
    ]
    assert ends[0] == pytest.approx([-value for value in ends[1]], abs=1e-4)


# playground


@pytest.mark.parametrize("name", TITLES)
def test_points_are_standardised_by_those_that_train(name):
    found = points(name, noise=0.0)
    training = found.values[~found.valid]
    assert training.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
    assert training.std(axis=0) == pytest.approx([1, 1])
    assert 0.15 < found.valid.mean() < 0.25
    assert set(found.target[found.valid]) == set(found.target[~found.valid]) == {0, 1}


def test_noise_is_what_was_asked_for():
    added = points("spirals", 0.5).values - points("spirals", 0.0).values
    assert added.std() == pytest.approx(0.5, rel=0.1)


def begun(**plan):
    return playground.begin(playground.Plan(**plan))


def trained(session, steps, **more):
    return playground.train(playground.More(session=session, steps=steps, **more))


def test_eight_single_steps_are_eight_steps():
    one, two = begun(hidden=(3,)), begun(hidden=(3,))
    for _ in range(8):
        single = trained(one["session"], 1)
    together = trained(two["session"], 8)
    assert single["steps"] == together["steps"] == 8
    assert single["train"] == together["train"]
    assert all(np.array_equal(a, b) for a, b in zip(single["weights"], together["weights"], strict=True))


def test_the_page_is_told_who_only_validates():
    page = begun(data="breast")
    assert len(page["validates"]) == len(page["points"]) == 300
    assert 0 < page["validates"].sum() < 100
    assert isinstance(page["valid"], float)


def test_a_ring_needs_more_than_two_neurons():
    few, more = (trained(begun(hidden=hidden)["session"], 200) for hidden in ((2,), (4, 2)))
    assert more["valid"] < 0.3 < few["valid"]


def test_no_hidden_layer_leaves_one_straight_border():
    network = begun(data="breast", hidden=())
    view = trained(network["session"], 100)
    assert view["layers"] == []
    shades = np.frombuffer(base64.b64decode(view["output"]), dtype=np.uint8).reshape(network["n"], -1)
    ill = shades > 127
    assert (np.diff(ill.astype(int), axis=1) >= 0).all()  # from left to right it turns once: larger radius, more ill
    assert view["valid_auroc"] > 0.85


def test_weight_decay_makes_weights_small():
    free, kept = (trained(begun()["session"], 150, weight_decay=decay) for decay in (0.0, 3.0))
    assert np.abs(kept["weights"][0]).mean() < np.abs(free["weights"][0]).mean()


def test_dropout_acts_on_steps_and_never_on_what_is_shown():
    begins = [begun(hidden=(8, 8)) for _ in range(3)]
    whole, first, second = (one["session"] for one in begins)
    free = trained(whole, 60)
    for _ in range(60):
        single = trained(first, 1, dropout=0.5)
    together = trained(second, 60, dropout=0.5)
    assert single["train"] == together["train"]  # who drops out belongs to the step, however it is asked for
    assert together["train"] > free["train"]
    looked = [trained(second, 0, dropout=0.5) for _ in range(2)]
    assert looked[0]["output"] == looked[1]["output"] == together["output"]


def test_what_is_passed_on_is_seen_after_its_activation_with_dropout_too():
    network = make_network(2, (3, 4), "none", 0, dropout=0.5).eval()
    rows = torch.randn(5, 2)
    layers = layers_of(network, rows)
    assert [tuple(one.shape) for one in layers] == [(5, 3), (5, 4)]
    torch.testing.assert_close(network.output(layers[-1]), network(rows))


def test_an_old_training_is_forgotten_and_said_so():
    old = begun()["session"]
    for _ in range(playground.KEPT):
        begun(hidden=())
    with pytest.raises(SettingError, match="no longer kept here; press “Start again”"):
        trained(old, 1)


def test_what_a_page_may_not_ask_is_refused_in_words():
    with pytest.raises(BedsideError, match=r"hidden\.0: Input should be less than or equal to 8"):
        _answer(explorable("playground"), "begin", b'{"hidden": [9]}')
    with pytest.raises(BedsideError, match=r"weights: .*at least 9 items"):
        _answer(explorable("backpropagation"), "look", b'{"weights": [1, 2]}')
    with pytest.raises(BedsideError, match="learning_rate: Input should be greater than 0"):
        _answer(explorable("landscape"), "go", b'{"learning_rate": 0}')
