"""The OpenAPI document of the model that is served: each address, what it takes, and every refusal."""

from typing import Any

from bedside.serve.answers import NOTICE
from bedside.serve.errors import CODES
from bedside.serve.examples import csv_example, example
from bedside.serve.schemas import TEXT, ref, schemas
from bedside.serve.served import Served

VERSION = "1.0.0"  # of the API
_BODY = {"not-json", "not-multipart", "too-slow", "too-large", "too-many", "wrong-type", "unfit", "overloaded"}
_ALWAYS = {"wrong-host", "forbidden", "defect"}
_MODEL = {"not-ready", "other-version"}
_TOKEN = {"unauthorised", "too-often"}


def document(served: Served, *, rows: int, images: int, explained: dict[str, int], token: bool) -> dict[str, Any]:
    """The document, as plain values.

    Args:
        served: the model.
        rows: of a table, that one request may have.
        images: the same of images.
        explained: samples that are explained at once, by what the model reads.
        token: whether requests must show one.
    """
    model, reads = served.about, served.about["reads"]
    most = images if served.images else rows
    gate = _ALWAYS | (_TOKEN if token else set())
    ask = gate | _BODY | _MODEL
    result: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": f"bedside: {served.name}", "version": VERSION, "description": _about(model)},
        "paths": {
            "/v1/predict": {"post": _asked(served, "Score samples", "predict", most, ask, "Prediction", _PREDICT)},
            "/v1/explain": {
                "post": _asked(served, "Explain scores", "explain", explained[reads], ask | {"not-explained"}, "Explanation", _EXPLAIN)
            },
            "/v1/model": {"get": _get("What is served", "model", gate | {"not-ready", "unfit"}, "Model")},
            "/healthz": {"get": _get("The process is alive", "health", _ALWAYS, "Alive")},
            "/readyz": {"get": _get("A model is loaded", "ready", _ALWAYS | {"not-ready"}, "Ready")},
            "/metrics": {"get": _text("Counters for Prometheus", "metrics", gate)},
        },
        "components": {"schemas": schemas(served, most, explained[reads])},
    }  # fmt: skip
    if token:
        result["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        result["security"] = [{"token": []}]
        for path in ("/healthz", "/readyz"):
            result["paths"][path]["get"]["security"] = []
    return result


_PREDICT = "Scores, the decision at the threshold, and how far they can be relied on: what `bedside predict` writes."
_EXPLAIN = "Why the scores are what they are: contributions of columns, or places in an image."


def _about(model: dict[str, Any]) -> str:
    return (
        f"{model['summary']}. {NOTICE} Samples are checked as in `bedside predict`; what is unusual is said in words. "
        "Every refusal has one form, the schema Refusal."
    )


def _asked(
    served: Served, summary: str, name: str, most: int, codes: set[str], answer: str, words: str
) -> dict[str, Any]:
    """A route that takes samples."""
    schema = "ImageSamples" if served.images else "Samples"
    if name == "explain":
        schema += "ToExplain"
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    content: dict[str, Any] = {"application/json": {"schema": ref(schema), "example": {"samples": [example(served)]}}}
    if served.images:
        many = {"type": "array", "items": file, "minItems": 1, "maxItems": most}
        form = {"type": "object", "properties": {"files": many}, "required": ["files"], "additionalProperties": False}
    else:
        content["text/csv"] = {"schema": {"type": "string"}, "example": csv_example(served)}
        form = {"type": "object", "properties": {"file": file}, "required": ["file"], "additionalProperties": False}
    content["multipart/form-data"] = {"schema": form}
    return {
        "summary": summary,
        "description": words,
        "operationId": name,
        "parameters": _parameters(served),
        "requestBody": {"required": True, "content": content},
        "responses": {"200": _ok(answer, versioned=True), **refusals(codes)},
    }


def _parameters(served: Served) -> list[dict[str, Any]]:
    pinned = "The version that must answer; another one is refused with 409."
    found = [_query("version", {"type": "string", "example": served.version}, pinned)]
    if not served.images:
        separator = {"type": "string", "minLength": 1, "maxLength": 1}
        found.append(_query("separator", separator, "Of a CSV: the character between columns; a comma."))
        found.append(_query("decimal", {"enum": [".", ","]}, "Of a CSV: the decimal mark."))
        encodings = {"enum": ["utf-8", "latin-1", "cp1252", "utf-16"]}
        found.append(_query("encoding", encodings, "Of a CSV: the character encoding."))
    return found


def _query(name: str, schema: dict[str, Any], words: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": words}


def _get(summary: str, name: str, codes: set[str], answer: str) -> dict[str, Any]:
    return {"summary": summary, "operationId": name, "responses": {"200": _ok(answer), **refusals(codes)}}


def _text(summary: str, name: str, codes: set[str]) -> dict[str, Any]:
    plain = {"description": "Text of Prometheus", "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {"summary": summary, "operationId": name, "responses": {"200": plain, **refusals(codes)}}


def _ok(answer: str, *, versioned: bool = False) -> dict[str, Any]:
    said: dict[str, Any] = {"description": "Answered", "content": {"application/json": {"schema": ref(answer)}}}
    if versioned:
        said["headers"] = {"X-Model-Version": {"description": "The version that answered.", "schema": TEXT}}
    return said


def refusals(codes: set[str]) -> dict[str, Any]:
    """Responses by status, each with the codes that it may bear."""
    found: dict[str, Any] = {}
    for status in sorted({CODES[code][0] for code in codes}):
        said = [f"`{code}`: {CODES[code][1]}" for code in CODES if code in codes and CODES[code][0] == status]
        found[str(status)] = {
            "description": " ".join(said),
            "content": {"application/json": {"schema": ref("Refusal")}},
        }
        if status in (429, 503):
            found[str(status)]["headers"] = {
                "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}
            }
    return found
