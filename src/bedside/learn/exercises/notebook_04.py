"""Checks of the exercises in notebook 04."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from bedside.learn.answer import Remark, exercise, right, wrong


@exercise("04.2", "The last hidden layer")
def hidden(made: Callable[..., nn.Module]) -> Iterator[Remark]:
    """`made(n_features)` -> a network with a method `latent` and a layer `last`."""
    torch.manual_seed(0)
    model, x = made(5).eval(), torch.randn(7, 5)
    places, logits = model.latent(x), model(x)  # type: ignore[operator]
    if places is None:
        yield wrong("latent gives nothing back.", "Write return in front of what it computes.")
        return
    if logits.shape not in {(7, 1), (7,)}:
        yield wrong(f"forward gives the shape {tuple(logits.shape)} for 7 patients.", "One logit per patient: (7, 1).")
        return
    if places.shape != (7, 2):
        hint = (
            "Only the layers before the last one."
            if places.shape[-1] == 1
            else "All hidden layers, the one with two nodes too."
        )
        yield wrong(f"latent gives the shape {tuple(places.shape)} for 7 patients, not (7, 2).", hint)
        return
    yield right("latent gives two numbers for each patient.")
    if torch.allclose(model.last(places).reshape(7), logits.reshape(7), atol=1e-5):  # type: ignore[operator]
        yield right("The last layer makes the same logits of them as forward.")
    else:
        yield wrong(
            "The last layer makes other logits of them than forward does.",
            "forward is last(latent(x)): the same layers, in the same order, nothing between.",
        )
    if all(hasattr(model, name) for name in ("first", "second")):
        bent = torch.tanh(model.second(torch.tanh(model.first(x))))  # type: ignore[operator]
        if not torch.allclose(places, bent, atol=1e-5):
            yield wrong(
                "The two numbers are not what comes out after both bends.",
                "After each of the two hidden layers stands a tanh; without it, two layers are no more than one.",
            )
    if not places.requires_grad:
        yield wrong(
            "No gradient can flow through latent, so nothing before it would learn.",
            "Leave no_grad and detach to the plot.",
        )


@exercise("04.4", "Principal components by hand")
def components(made: Callable[..., Any]) -> Iterator[Remark]:
    """`made(vectors)` -> coordinates (n, 2) and their two shares of the variance."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6)) + 10 * np.arange(6)
    given = made(vectors)
    if given is None or any(one is None for one in given):
        yield wrong("The function gives nothing back.", "It returns two things: the coordinates and the shares.")
        return
    places, shares = (np.asarray(one, dtype=float) for one in given)
    truth = PCA(2, svd_solver="full").fit(vectors)
    if places.shape != (40, 2):
        yield wrong(
            f"For 40 vectors of 6 numbers the coordinates have the shape {places.shape}, not (40, 2).",
            "A row for each vector, and a column for each of the two directions: what has to be multiplied with what?",
        )
        return
    yield right("Two coordinates for each vector.")
    if np.abs(places.mean(axis=0)).max() > 1e-6:
        yield wrong(
            "The coordinates do not lie around zero.",
            "Take the mean of each column away first; else the first direction only points at the mean.",
        )
        return
    true = truth.transform(vectors)
    scale = np.linalg.norm(places, axis=0) / np.linalg.norm(true, axis=0)
    along = np.abs((places * true).sum(axis=0)) / (np.linalg.norm(places, axis=0) * np.linalg.norm(true, axis=0))
    if along.min() < 0.999:
        yield wrong(
            "They are not the directions in which the vectors vary most.",
            "The rows of the third thing that np.linalg.svd gives are the directions, in order.",
        )
        return
    if np.abs(scale - 1).max() > 1e-6:
        yield wrong("The directions are right, the lengths are not.", "Project the centred vectors; do not scale them.")
    else:
        yield right("The same coordinates as scikit-learn's, up to the sign, which is arbitrary.")
    known = truth.explained_variance_ratio_
    if shares.shape != (2,) or np.abs(shares - known).max() > 1e-6:
        squares = truth.singular_values_ / np.linalg.svd(vectors - vectors.mean(0), compute_uv=False).sum()
        yield wrong(
            f"The shares are {np.round(shares, 3).tolist()}, not those of the variance.",
            "Variances go with the squares of the singular values."
            if shares.shape == (2,) and np.allclose(shares, squares)
            else "The square of each singular value, divided by the sum of all squares.",
        )
    else:
        yield right("The shares of the variance are right.")


@exercise("04.7", "The nearest other cases")
def neighbours(made: Callable[..., Any]) -> Iterator[Remark]:
    """`made(vectors, row, groups, k)` -> rows of the k nearest vectors of other groups, the nearest first."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(15), 2)
    vectors = rng.normal(size=(15, 4))[groups] * 3 + rng.normal(size=(30, 4)) * 0.1
    row, k = 8, 4
    found = made(vectors, row, groups, k)
    if found is None:
        yield wrong("The function gives nothing back.", "It returns the rows of the nearest cases.")
        return
    found = np.asarray(found)
    if found.dtype.kind not in "iu":
        yield wrong(
            "It gives distances.", "np.argsort says in which order rows come, instead of what their distances are."
        )
        return
    if found.shape != (k,):
        yield wrong(f"It gives {found.size} rows where {k} were asked for.", "Cut the order off after k.")
        return
    if row in found:
        yield wrong(
            "A case is its own nearest neighbour, at distance 0.", "Leave out its whole group, itself included."
        )
        return
    if (groups[found] == groups[row]).any():
        yield wrong(
            "One of them is another picture of the same lesion: near, of course, and no evidence.",
            "Set the distance of every row of its group to infinity before you sort.",
        )
        return
    yield right("No picture of the same lesion is among them.")
    distance = np.linalg.norm(vectors - vectors[row], axis=1)
    distance[groups == groups[row]] = np.inf
    true = np.argsort(distance)[:k]
    if found.tolist() == true.tolist():
        yield right("They are the nearest ones, the nearest first.")
    elif set(found) == set(true):
        yield wrong("They are the nearest ones, in another order.", "The nearest comes first.")
    else:
        yield wrong(
            "There are nearer ones.",
            "The distance is the root of the sum of squared differences over all columns; small ones come first.",
        )
