"""Small runs to serve, made once, and how tests ask a server that lives in their own process."""

import json

import httpx
import pytest

import bedside
from bedside.data.table import read_table
from bedside.serve import serve_app
from cohorts import image_cohort, table
from made_once import made_once
from own_loop import run_alone

SMALL = {"evaluation": {"resamples": 100, "baseline": False}, "explain": {"samples": 0}}


def asked_of(frame, **more):
    return {"target": "outcome", "patient": "patient", "exclude": ("year",), "positive": "sick", **more}


@pytest.fixture(scope="session")
def served_table(tmp_path_factory):
    """A run of three networks on a table with numbers, categories and gaps, recalibrated."""
    return made_once(tmp_path_factory, "served", lambda home: make_table(home / "clinic", seed=0)) / "clinic"


@pytest.fixture(scope="session")
def other_table(tmp_path_factory):
    """The same study trained with another seed: another version."""
    return made_once(tmp_path_factory, "served-other", lambda home: make_table(home / "clinic", seed=1)) / "clinic"


@pytest.fixture(scope="session")
def served_images(tmp_path_factory):
    """A tiny network for images."""
    tiny = {
        "family": "cnn",
        "model": {"width": 4, "stages": 2},
        "preparation": {"image_size": 32},
        "train": {"epochs": 1, "early_stopping": False},
        **SMALL,
    }

    def make(home):
        bedside.train(image_cohort(60), tiny, folder=home / "spots")

    return made_once(tmp_path_factory, "served-images", make) / "spots"


@pytest.fixture(scope="session")
def served_classes(tmp_path_factory):
    """Three classes, two repeats of three folds."""
    folds = {"scheme": "crossval", "number": 3, "repeats": 2}
    return (
        made_once(tmp_path_factory, "served-classes", lambda home: make_task(home / "stages", "multiclass", folds))
        / "stages"
    )


@pytest.fixture(scope="session")
def served_numbers(tmp_path_factory):
    """A number, learned from everybody at the end."""
    make = lambda home: make_task(home / "days", "regression", {"scheme": "crossval", "number": 3}, final="refit")  # noqa: E731
    return made_once(tmp_path_factory, "served-numbers", make) / "days"


def make_task(folder, task, folds, **more):
    frame = table(90, seed=3, task=task).drop(columns=["site", "sex"])
    settings = {
        "folds": folds,
        "model": {"hidden": [8]},
        "train": {"epochs": 3, "early_stopping": False},
        **SMALL,
        **more,
    }
    roles = {"target": "outcome", "patient": "patient", "exclude": ("year",)}
    bedside.train(read_table(frame, **roles), settings, folder=folder)


def make_table(folder, *, seed, family="mlp", **more):
    frame = table(90, seed=3)
    frame["smoker"] = frame.index % 3 == 0
    path = folder.parent / "data.csv"
    frame.to_csv(path, index=False)
    epochs = {"train": {"epochs": 3, "early_stopping": False}} if family == "mlp" else {}
    evaluation = {**SMALL["evaluation"], "recalibrate": "temperature"}
    settings = {
        **SMALL,
        **epochs,
        "family": family,
        "seed": seed,
        "evaluation": evaluation,
        "folds": {"scheme": "crossval", "number": 3},
        **more,
    }
    return bedside.train(path, settings, data=asked_of(frame), folder=folder).path


def asking(app):
    """A client of the application in this process; the application is not started, so nobody watches its folder."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


def asked(app, *requests):
    """Answers to (method, path, options), one after the other."""

    async def run():
        async with asking(app) as client:
            return [await client.request(method, path, **options) for method, path, options in requests]

    return run_alone(run())


def post(app, body, path="/v1/predict", **more):
    """The answer to JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    (answer,) = asked(
        app, ("POST", path, {"content": content, "headers": {"content-type": "application/json"}, **more})
    )
    return answer


def app_of(run, **more):
    return serve_app(run, **more)


def is_refusal(answer, status, code):
    """The documented form, and the number of the request in it."""
    said = answer.json()
    assert answer.status_code == status, said
    assert said["error"]["code"] == code
    assert said["error"]["message"]
    assert said["request"] == answer.headers["x-request-id"]
    assert set(said) == {"error", "request"}
    assert set(said["error"]) == {"code", "message", "details"}
    return said["error"]["message"]
