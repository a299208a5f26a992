"""The OpenAPI document tells the truth: Schemathesis finds no answer that it does not describe, and malformed requests are
refused in the documented form."""

import json
import sys
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.config import SchemathesisConfig

from bedside.serve.errors import CODES
from bedside.web import start
from own_loop import run_alone
from served_models import app_of, asked, asking, served_images, served_table  # noqa: F401

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import malformed

# A schema cannot say everything: that samples of a request have the same columns, or ids of their own, is said with 422.
CONFIG = {"checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "409", "422"]}}}


@pytest.fixture(scope="module")
def table_app(served_table):  # noqa: F811
    return app_of(served_table)


@pytest.fixture(scope="module")
def image_app(served_images):  # noqa: F811
    return app_of(served_images)


def finds_nothing(run, examples):
    """Requests that fit the document of a server that runs in a thread, and as many that do not."""
    address = start(app_of(run))
    schema = schemathesis.openapi.from_url(f"{address.url}/openapi.json", config=SchemathesisConfig.from_dict(CONFIG))
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in schemathesis.GenerationMode:
            if mode.is_negative and operation.method != "post":
                continue  # there is nothing to be wrong in a question without a body

            @settings(
                max_examples=examples,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def holds(case):
                nonlocal tried
                tried += 1
                case.call_and_validate()

            holds()
    assert tried > 4 * examples


def test_schemathesis_finds_nothing_in_a_table(served_table):  # noqa: F811
    finds_nothing(served_table, 25)


def test_schemathesis_finds_nothing_in_images(served_images):  # noqa: F811
    finds_nothing(served_images, 10)


def test_examples_of_the_document_are_answered(table_app, image_app):
    for app in (table_app, image_app):
        (document,) = asked(app, ("GET", "/openapi.json", {}))
        for path in ("/v1/predict", "/v1/explain"):
            content = document.json()["paths"][path]["post"]["requestBody"]["content"]
            given = [(kind, one["example"]) for kind, one in content.items() if "example" in one]
            for kind, example in given:
                body = example if isinstance(example, str) else json.dumps(example)
                (answer,) = asked(app, ("POST", path, {"content": body, "headers": {"content-type": kind}}))
                assert answer.status_code == 200, answer.text


def test_malformed_requests_are_refused_in_the_documented_form(table_app, image_app):
    """A hundred of the thousand that `benchmarks/malformed.py` sends."""
    for app, make in ((table_app, malformed.tables), (image_app, malformed.images)):
        requests = list(make(app.state.shelf.now, 50, seed=1))

        async def run(app=app, requests=requests):
            async with asking(app) as client:
                return [await client.request(method, path, **more) for method, path, more in requests]

        for (method, path, _), answer in zip(requests, run_alone(run()), strict=True):
            assert 400 <= answer.status_code < 500, (method, path, answer.text[:300])
            said = answer.json()
            assert set(said) == {"error", "request"}
            assert said["error"]["code"] in CODES
            assert CODES[said["error"]["code"]][0] == answer.status_code
