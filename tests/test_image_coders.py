"""Autoencoders of images: what they give back, whom they learn from, and a whole run with its report and its export."""

import numpy as np
import pytest
import torch

from bedside.contract.cohorts import image_outliers
from bedside.export import export
from bedside.models import build_model, model_settings
from bedside.run import train
from bedside.settings import RunSettings, build
from bedside.splits.folds import make_folds
from bedside.training.events import FoldFit
from bedside.training.fits import train_folds
from bedside.training.hardware import limited_threads
from bedside.training.isolated import own_random_numbers

SMALL = {"width": 8, "layers": 2}


def coder(shape, family="autoencoder", **options):
    with own_random_numbers(0):
        return build_model(family, shape, 1, model_settings(family, {**SMALL, **options}))


def fitted(cohort, **train):
    settings = build(
        RunSettings,
        {"family": "autoencoder", "model": SMALL, "train": {"epochs": 2, **train}, "device": {"threads": 1}},
    )
    folds = make_folds(cohort, settings.folds, seed=0)
    (kept,) = (event for event in train_folds("autoencoder", cohort, folds, settings) if isinstance(event, FoldFit))
    return kept


@pytest.mark.parametrize("size", [16, 19])
def test_what_depends_on_two_numbers_goes_through_a_code_of_two(size):
    rng = np.random.default_rng(0)
    hidden, pictures = rng.normal(size=(64, 2)), rng.normal(size=(2, 2, size, size))
    smooth = np.cumsum(np.cumsum(pictures, axis=-1), axis=-2) / size
    x = torch.from_numpy(np.einsum("nk,kchw->nchw", hidden, smooth)).float()
    x = x / x.std()
    network = coder((2, size, size), code=2, hide=0.0, width=16)
    network.learn_layout(None, x)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    with limited_threads(1):
        for _ in range(150):
            optimizer.zero_grad()
            network.errors(x)[:, 0].mean().backward()
            optimizer.step()
    errors = network.errors(x).mean(dim=0)
    assert errors[0] < 0.2 * errors[2]
    assert network.reconstruct(x).shape == x.shape
    assert torch.allclose(network.by_place(x).mean(dim=(1, 2)), network.errors(x)[:, 0], rtol=1e-5)


def test_a_hidden_place_is_hidden_in_all_channels():
    network = coder((3, 16, 16), hide=0.5).train()
    seen = []
    network.coder.encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network.errors(torch.ones(4, 3, 16, 16))
    gone = seen[0] == 0
    assert torch.equal(gone[:, :1].expand_as(gone), gone)
    assert 0.4 < gone.float().mean() < 0.6


def test_images_of_the_other_class_change_nothing_of_what_it_learns():
    with_stripes, without = (fitted(image_outliers(80, planted=planted)) for planted in (True, False))
    first, second = (fit.fitted.classifier.state_dict() for fit in (with_stripes, without))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(
        image_outliers(150),
        family="vae",
        model=SMALL,
        folder=tmp_path_factory.mktemp("images") / "run",
        train={"epochs": 20, "learning_rate": 0.01},
        evaluation={"resamples": 200},
        explain={"samples": 2},
        device={"threads": 1},
    )


def test_a_run_finds_planted_outliers_and_shows_what_is_given_back(run):
    found = next(one for one in run.estimates["estimates"] if one["metric"] == "auroc")
    assert found["value"] > 0.8
    assert run.sanity["method"] == "reconstruction error"
    given = run.explanations["back"]
    assert all((run.path / "explanations" / name).stat().st_size > 0 for name in given)
    page = (run.path / "report.html").read_text()
    assert page.count("<small>Given back</small>") == len(given) == 2


def test_its_pixels_score_alike_in_onnx(run, tmp_path):
    export(run.path, tmp_path / "model.onnx")  # which compares both, and refuses what differs
    assert (tmp_path / "model.onnx").stat().st_size > 0
