"""The exercises of notebook 04 answer the right solution, typical mistakes, and gaps."""

import numpy as np
import pytest
import torch
from torch import nn

from bedside import learn
from course_answers import hints, remarks


class Net(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.before = nn.Sequential(nn.Linear(n_features, 8), nn.Tanh(), nn.Linear(8, 2), nn.Tanh())
        self.last = nn.Linear(2, 1)

    def latent(self, x):
        return self.before(x)

    def forward(self, x):
        return self.last(self.latent(x))


class TestHidden:
    def test_the_right_one_passes(self):
        assert learn.check("04.2", Net).right

    @pytest.mark.parametrize(
        ("latent", "said"),
        [
            (lambda self, x: self.last(self.before(x)), "the shape (7, 1) for 7 patients, not (7, 2)"),
            (lambda self, x: self.before[:2](x), "the shape (7, 8) for 7 patients, not (7, 2)"),
            (lambda self, x: self.before(x).detach(), "No gradient can flow through latent"),
            (lambda self, x: None, "latent gives nothing back"),
        ],
    )
    def test_each_mistake_has_its_remark(self, latent, said):
        def forward(self, x):
            return self.last(self.before(x))

        assert said in remarks(
            learn.check("04.2", type("Mistaken", (Net,), {"latent": latent, "forward": forward})), right=False
        )

    def test_a_layer_without_its_bend_is_seen(self):
        class Straight(Net):
            def __init__(self, n_features):
                super().__init__(n_features)
                self.first, self.second = nn.Linear(n_features, 16), nn.Linear(16, 2)

            def latent(self, x):
                return self.second(self.first(x))

        assert "both bends" in remarks(learn.check("04.2", Straight), right=False)

    def test_something_between_is_seen(self):
        def forward(self, x):
            return self.last(torch.relu(self.latent(x)))

        answer = learn.check("04.2", type("Mistaken", (Net,), {"forward": forward}))
        assert "other logits" in remarks(answer, right=False)


def pca(vectors, *, centred=True, squared=True, rows=True, scaled=False):
    vectors = vectors - vectors.mean(axis=0) if centred else vectors
    _, lengths, directions = np.linalg.svd(vectors, full_matrices=False)
    variances = lengths**2 if squared else lengths
    places = vectors @ (directions[:2].T if rows else directions[:, :2])
    return places / places.std(axis=0) if scaled else places, (variances / variances.sum())[:2]


class TestComponents:
    def test_the_right_one_passes(self):
        assert learn.check("04.4", pca).right

    @pytest.mark.parametrize(
        ("mistake", "said"),
        [
            ({"centred": False}, "The coordinates do not lie around zero"),
            ({"rows": False}, "They are not the directions in which the vectors vary most"),
            ({"scaled": True}, "the lengths are not"),
            ({"squared": False}, "not those of the variance"),
        ],
    )
    def test_each_mistake_has_its_remark(self, mistake, said):
        assert said in remarks(learn.check("04.4", lambda vectors: pca(vectors, **mistake)), right=False)

    def test_lengths_instead_of_squares_get_their_own_hint(self):
        assert "squares of the singular values" in hints(
            learn.check("04.4", lambda vectors: pca(vectors, squared=False))
        )

    def test_a_gap_and_the_wrong_way_round_are_seen(self):
        assert "gives nothing back" in remarks(learn.check("04.4", lambda vectors: None), right=False)
        turned = learn.check("04.4", lambda vectors: (pca(vectors)[0].T, pca(vectors)[1]))
        assert "the shape (2, 40), not (40, 2)" in remarks(turned, right=False)


def nearest(vectors, row, groups, k, *, without="group", of=np.argsort, sign=1):
    distance = sign * np.linalg.norm(vectors - vectors[row], axis=1)
    distance[{"group": groups == groups[row], "self": np.arange(len(groups)) == row, "nobody": groups < 0}[without]] = (
        np.inf
    )
    return of(distance)[:k]


class TestNeighbours:
    def test_the_right_one_passes(self):
        assert learn.check("04.7", nearest).right

    @pytest.mark.parametrize(
        ("mistake", "said"),
        [
            ({"without": "nobody"}, "its own nearest neighbour"),
            ({"without": "self"}, "another picture of the same lesion"),
            ({"of": np.sort}, "It gives distances"),
            ({"sign": -1}, "There are nearer ones"),
            ({"of": lambda distance: np.argsort(distance)[:4][::-1]}, "in another order"),
            ({"of": lambda distance: np.argsort(distance)[:2]}, "It gives 2 rows where 4 were asked for"),
        ],
    )
    def test_each_mistake_has_its_remark(self, mistake, said):
        answer = learn.check("04.7", lambda *given: nearest(*given, **mistake))
        assert said in remarks(answer, right=False)

    def test_a_gap_is_seen(self):
        assert "gives nothing back" in remarks(learn.check("04.7", lambda *given: None), right=False)
        assert "gap" in remarks(learn.check("04.7", ...), right=False)
