"""What goes in and comes out, as JSON schemas of the model that is served: its own columns, its own classes."""

from typing import Any

from bedside.data.cells import MISSING
from bedside.data.columns import LARGEST
from bedside.data.table import Feature
from bedside.serve.answers import NOTICE
from bedside.serve.errors import CODES
from bedside.serve.examples import example
from bedside.serve.served import Served

NUMBER_TEXT = r"^[ ]*[+-]?([0-9]{1,9}([.][0-9]{0,9})?|[.][0-9]{1,9})([eE][+-]?1?[0-9])?[ ]*$"
_GAPS = sorted(MISSING)
_NUMBER = {"type": ["number", "null"]}
TEXT = {"type": "string"}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Any], optional: tuple[str, ...] = (), words: str = "") -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    made = {"type": "object", "properties": properties, "required": required}
    return {**made, "description": words} if words else made


def _list(of: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": of, **more}


def schemas(served: Served, most: int, explained: int) -> dict[str, Any]:
    """All of them by name.

    Args:
        served: the model.
        most: samples of one request.
        explained: the same of one that asks for reasons.
    """
    head = {"model": _object({"name": TEXT, "version": TEXT})}
    notice = {"notice": {"type": "string", "const": NOTICE}}
    found: dict[str, Any] = {
        "Prediction": _object({**head, "samples": _list(ref("Scored")), "findings": _list(ref("Finding")), **notice}),
        "Scored": scored(served),
        "Finding": _object(
            {"level": {"enum": ["error", "warning", "note"]}, "code": TEXT, "message": TEXT, "remedy": TEXT, "columns": _list(TEXT)},
            words="What is to be said of the samples of a request, in words, and what to do.",
        ),
        "Explanation": _explanation(served, head, notice),
        "Model": _model(),
        "Alive": _object({"status": {"const": "alive"}}),
        "Ready": _object(
            {"status": {"const": "ready"}, "version": TEXT, "problem": {"type": ["string", "null"], "description": "Why a newer model in the folder is not served."}}
        ),
        "Refusal": _object(
            {
                "error": _object({"code": {"enum": list(CODES)}, "message": TEXT, "details": {"type": "array"}}),
                "request": {"type": "string", "description": "Number of the request, also in X-Request-Id."},
            },
            words="Why a request was not answered, and what to do.",
        ),
    }  # fmt: skip
    kind = "ImageSamples" if served.images else "Samples"
    row = _image_row() if served.images else _row(served)
    found["Sample"] = row
    for name, limit in ((kind, most), (f"{kind}ToExplain", explained)):
        rows = _list(ref("Sample"), minItems=1, maxItems=limit)
        found[name] = {**_object({"samples": rows}), "additionalProperties": False}
    return found


def _row(served: Served) -> dict[str, Any]:
    """One sample of a table: its columns by name, null where a value is not known."""
    properties = {feature.name: cell(feature) for feature in served.model.features}
    words = "Every column that the model learned from; null where a value is not known. All samples of a request have the same columns; others are not used, which a finding says."
    made = _object(properties, words=words)
    if "sample" not in properties:  # else it is a column like any other, and samples are numbered
        own = "Its name in the answer; by default its number from 1."
        properties["sample"] = {"type": ["string", "number"], "minLength": 1, "description": own}
    made["additionalProperties"] = {"type": ["string", "number", "boolean", "null"]}
    made["example"] = example(served)
    return made


def _image_row() -> dict[str, Any]:
    image = {"type": "string", "contentEncoding": "base64", "description": "The file, as base64 without line breaks."}
    made = _object({"sample": {"type": "string", "minLength": 1}, "image": image}, optional=("sample",))
    made["additionalProperties"] = False
    return made


def cell(feature: Feature) -> dict[str, Any]:
    """What one cell may hold; text is read as the cell of a table would be."""
    if feature.kind == "category":
        words = f"One of {', '.join(feature.levels)}; others are treated as unknown, which a finding says."
        return {
            "type": ["string", "number", "boolean", "null"],
            "description": words,
            "examples": list(feature.levels[:3]),
        }
    if feature.kind == "boolean":
        no, yes = feature.levels
        return {
            "enum": list(dict.fromkeys([True, False, None, yes, no, *_GAPS])),
            "description": f"true or '{yes}', false or '{no}'.",
        }
    if feature.kind == "date":
        return {"type": ["string", "null"], "description": "A date such as 2026-11-22.", "examples": ["2026-11-22"]}
    seen = f"In training from {feature.low:g} to {feature.high:g}; beyond that, scores are extrapolated, which a finding says."
    text = {"type": "string", "pattern": NUMBER_TEXT, "description": "A number as text."}
    gap = {"enum": _GAPS, "description": "What a table may have where a value is missing."}
    plain = {"type": ["number", "null"], "minimum": -LARGEST, "maximum": LARGEST}
    return {"anyOf": [plain, text, gap], "description": seen}


def scored(served: Served) -> dict[str, Any]:
    """What is said of one sample."""
    model, task = served.model, served.model.task
    by_class = _object(dict.fromkeys(task.classes, _NUMBER))
    properties: dict[str, Any] = {"sample": TEXT, "patient": {"type": ["string", "null"]}}
    optional = ["patient"]
    if task.kind == "regression":
        properties |= {"predicted": _NUMBER, "raw_predicted": _NUMBER}
        optional.append("raw_predicted")
    else:
        properties["scores"] = {**by_class, "description": "Probability of each class."}
        if served.about["recalibrated"]:
            properties["raw_scores"] = {**by_class, "description": "The same before recalibration."}
    if served.scorer.threshold is not None:
        properties["decision"] = {
            "enum": list(task.classes),
            "description": f"At the threshold {served.scorer.threshold:.4g}.",
        }
    if len(model.members) > 1:
        properties["spread"] = {**_NUMBER, "description": "Standard deviation between members."}
    if model.conformal is not None and task.kind == "regression":
        words = f"End of the interval that holds the truth at a rate of {model.conformal.level:g}; null without an end."
        properties |= {"low": {**_NUMBER, "description": words}, "high": {**_NUMBER, "description": words}}
    elif model.conformal is not None:
        words = f"Classes that cannot be excluded at a level of {model.conformal.level:g}."
        properties["set"] = _list({"enum": list(task.classes)}, description=words)
    if model.novelties:
        properties["unusual"] = {
            "type": "boolean",
            "description": "Farther from training than nearly all held-out samples.",
        }
        properties["distance"] = {**_NUMBER, "description": "The usual held-out sample has 1."}
    if not served.images:
        properties["outside"] = _list(TEXT, description="Columns whose value training never saw.")
    return _object(properties, tuple(optional))


def _explanation(served: Served, head: dict[str, Any], notice: dict[str, Any]) -> dict[str, Any]:
    common = {"sample": TEXT, "of": {"type": ["string", "null"], "description": "The class that is explained."}}
    if served.images:
        one = _object(
            {**common, "map": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/webp"}, "cells": _list(_list({"type": "number"}))}
        )  # fmt: skip
        more: dict[str, Any] = {"checks": _list(TEXT, description="What the sanity checks of the run found.")}
    else:
        part = _object({"column": TEXT, "value": TEXT, "contribution": _NUMBER})
        others = {**_NUMBER, "description": "The sum of the columns that are not listed; 0 if all are."}
        one, more = (
            _object({**common, "start": _NUMBER, "score": _NUMBER, "contributions": _list(part), "others": others}),
            {"how": TEXT},
        )
    facts = {"method": TEXT, "what": TEXT, "members": {"type": "integer"}, **more}
    return _object({**head, **facts, "samples": _list(one), **notice})


def _model() -> dict[str, Any]:
    feature = _object(
        {"name": TEXT, "kind": {"enum": ["number", "boolean", "date", "category"]}, "low": _NUMBER, "high": _NUMBER, "levels": _list(TEXT)}
    )  # fmt: skip
    maybe, flag, number = {"type": ["string", "null"]}, {"type": "boolean"}, {"type": "integer"}
    return _object(
        {
            "name": TEXT, "version": TEXT, "checksum": TEXT, "family": TEXT, "summary": TEXT,
            "task": {"enum": ["binary", "multiclass", "regression"]}, "target": maybe, "classes": _list(TEXT), "positive": maybe,
            "threshold": _NUMBER, "reads": {"enum": ["table", "images"]}, "features": _list(feature),
            "images": {"type": ["object", "null"]}, "members": number, "final": TEXT, "set_level": _NUMBER, "unusual_rate": _NUMBER,
            "recalibrated": flag, "trained": _object({"samples": number, "patients": number}), "engine": TEXT, "bedside": TEXT,
            "card": maybe, "notice": TEXT, "problem": maybe,
            "limits": _object({"rows": number, "images": number, "explained": number}),
        }
    )  # fmt: skip
