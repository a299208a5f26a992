"""Generative families: a density of each class is a classifier, and its samples are like those of the class."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from bedside.cohort import Task
from bedside.models.generative import Generation, Generator, Judge, Learner, with_class
from bedside.training.stackable import rows_mix, why_alone


class Bells(Generator):
    """A normal distribution for each class, with a mean of its own and variance 1: small enough to be computed by hand."""

    def __init__(self, columns: int, n_outputs: int) -> None:
        super().__init__(n_outputs)
        self.mean = torch.nn.Parameter(torch.zeros(self.judge.classes, columns))

    def bound(self, x, label):
        own = torch.nn.functional.one_hot(label, self.judge.classes).to(x.dtype) @ self.mean
        return -0.5 * (((x - own) ** 2) + np.log(2 * np.pi)).sum(dim=1)

    def draw(self, label, random):
        own = self.mean[label]
        return own + torch.randn(own.shape, generator=random, dtype=own.dtype)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_logits_are_bayes_rule(n_outputs):
    network = Bells(4, n_outputs).double()
    classes = network.judge.classes
    network.mean.data = torch.randn(classes, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    network.judge.count(torch.tensor([0] * 60 + [1] * 20 + [2] * 20 * (classes > 2)))
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weight = torch.stack([torch.distributions.Normal(mean, 1).log_prob(x).sum(1).exp() for mean in network.mean], 1)
    wanted = weight * network.judge.share
    wanted = wanted / wanted.sum(dim=1, keepdim=True)
    logits = network(x)
    given = logits.softmax(1) if classes > 2 else torch.cat([torch.sigmoid(-logits), torch.sigmoid(logits)], 1)
    torch.testing.assert_close(given, wanted)


def test_the_judge_learns_how_sure_bounds_may_be():
    """Bounds whose difference is ten times the log-odds, and shifted, give the log-odds back."""
    rng = np.random.default_rng(0)
    odds = 1.5 * rng.normal(size=4000)
    label = rng.random(4000) < expit(odds)
    bounds = torch.tensor(np.column_stack([rng.normal(size=4000) * 0, 10 * (odds + 0.5)]))
    bounds += torch.tensor(rng.normal(size=(4000, 1)) * 100)  # what is common to the classes says nothing
    judge = Judge(1).double()
    judge.count(torch.tensor(label))
    judge.learn(bounds, torch.tensor(label))
    free = LogisticRegression(C=1e9, max_iter=1000).fit(odds[:, None], label)
    slope, intercept = np.polyfit(odds, judge(bounds)[:, 0].numpy(), 1)
    assert slope == pytest.approx(float(free.coef_[0, 0]), rel=0.02)
    assert intercept == pytest.approx(float(free.intercept_[0]), abs=0.05)


def test_few_held_out_samples_without_an_error_do_not_make_certainty():
    judge = Judge(1).double()
    bounds = torch.tensor([[0.0, -900.0], [0.0, -800.0], [0.0, 700.0], [0.0, 1000.0]], dtype=torch.float64)
    judge.learn(bounds, torch.tensor([0, 0, 1, 1]))
    scores = torch.sigmoid(judge(bounds))[:, 0]
    assert 0.02 < scores[0] < 0.3
    assert 0.7 < scores[3] < 0.98


def test_a_class_that_bounds_say_nothing_of_is_judged_by_its_share():
    judge = Judge(3).double()
    label = torch.tensor([0, 1, 2] * 30 + [2] * 30)
    judge.count(label)
    judge.learn(torch.zeros(len(label), 3, dtype=torch.float64), label)
    torch.testing.assert_close(
        judge(torch.zeros(1, 3, dtype=torch.float64)).softmax(1)[0],
        torch.tensor([0.25, 0.25, 0.5], dtype=torch.float64),
        atol=0.01,
        rtol=0,
    )


def test_the_loss_is_that_of_the_own_class_for_vectors_and_for_images():
    network = Bells(3, 1)
    network.mean.data[1] = 5.0
    objective = Generation(Task("binary", ("no", "yes")), None)
    learner = Learner(network)
    x, target = torch.randn(6, 3) + 5 * torch.tensor([0, 1, 0, 1, 1, 0])[:, None], torch.tensor([0.0, 1, 0, 1, 1, 0])
    loss, outputs = objective(learner, (x, target, torch.ones(6)))
    torch.testing.assert_close(outputs[:, 0], -network.bound(x, target.long()))
    torch.testing.assert_close(loss, outputs.mean())
    torch.testing.assert_close(learner(x, target.long()), learner(with_class(x, target, 2)))


def test_a_stack_is_told_the_classes_too():
    objective = Generation(Task("binary", ("no", "yes")), None)
    rows = objective.shown(torch.randn(8, 3), torch.tensor([0.0, 1] * 4))
    members = [Learner(Bells(3, 1)), Learner(Bells(3, 1))]
    assert why_alone(members, rows) == ""
    assert rows_mix(members[0], rows) == (False, False)
