"""What a server says of every kind of model is what `bedside predict` writes: classes, numbers, a hospital's recalibration,
DICOM. The document describes it, and explanations add up."""

import asyncio
import base64
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

import bedside
from bedside.data.align import align
from bedside.scoring import Scorer
from bedside.settings import DataSettings
from cohorts import table
from own_loop import run_alone
from served_models import (  # noqa: F401
    SMALL,
    app_of,
    asked,
    asked_of,
    is_refusal,
    post,
    served_classes,
    served_images,
    served_numbers,
    served_table,
)
from test_serve import as_table, new_samples, rows_of


def new(n=12):
    """New patients with gaps, a level that training never saw and a value beyond its range; no outcome."""
    return new_samples(max(n, 8)).drop(columns="smoker").head(n)


def fits(document, name, said):
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    Draft202012Validator(schema).validate(said)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_an_answer_is_what_predict_writes_and_what_the_document_describes(kind, request):
    run = request.getfixturevalue(f"served_{kind}")
    app, frame = app_of(run), new()
    expected = Scorer(run).predict(frame, DataSettings(patient="patient"))
    csv = frame.to_csv(index=False).encode()
    document, answer, same, reasons, model = asked(
        app,
        ("GET", "/openapi.json", {}),
        ("POST", "/v1/predict", {"json": {"samples": rows_of(frame)}}),
        ("POST", "/v1/predict", {"content": csv, "headers": {"content-type": "text/csv"}}),
        ("POST", "/v1/explain", {"json": {"samples": rows_of(frame)}}),
        ("GET", "/v1/model", {}),
    )
    found = as_table(answer.json(), None)
    assert set(found) == set(expected.table)
    pd.testing.assert_frame_equal(found[list(expected.table)], expected.table, rtol=0, atol=1e-9, check_dtype=False)
    assert [one["message"] for one in answer.json()["findings"]] == [one.message for one in expected.findings]
    assert same.json()["samples"] == answer.json()["samples"]
    fits(document.json(), "Prediction", answer.json())
    fits(document.json(), "Explanation", reasons.json())
    fits(document.json(), "Model", model.json())
    scorer = Scorer(run)
    raw = scorer.model.scores(align(frame, scorer.model.features).inputs).mean(axis=0)
    for row, sample in enumerate(reasons.json()["samples"]):
        total = sample["start"] + sum(one["contribution"] for one in sample["contributions"]) + sample["others"]
        if not answer.json()["samples"][row]["outside"]:
            assert total == pytest.approx(sample["score"], abs=5e-3 * max(1, abs(sample["score"])))
        if kind == "numbers":
            assert sample["of"] is None
            assert sample["score"] == pytest.approx(raw[row], abs=1e-6)
        else:
            assert sample["of"] == scorer.model.task.classes[raw[row].argmax()]
            assert sample["score"] == pytest.approx(raw[row].max(), abs=1e-6)
    assert reasons.json()["members"] == model.json()["members"] == len(scorer.model.members)


def test_classes_keep_the_order_of_the_task_and_answer_alone_as_together(served_classes):  # noqa: F811
    app, rows = app_of(served_classes), rows_of(new(6))
    assert app.state.shelf.now.engine.name == "onnx"
    together = post(app, {"samples": rows}).json()["samples"]
    assert list(together[0]["scores"]) == ["mild", "moderate", "severe"]
    for row, sample in zip(rows, together, strict=True):
        (alone,) = post(app, {"samples": [row]}).json()["samples"]
        assert alone["scores"] == pytest.approx(sample["scores"], abs=1e-12)
        assert sum(sample["scores"].values()) == pytest.approx(1)


def test_a_hospitals_recalibration_is_served_as_a_version_of_its_own(served_table, tmp_path):  # noqa: F811
    frame = table(120, seed=21).assign(smoker=False)
    for name, method in (("here", "slope"), ("other", "intercept")):
        bedside.recalibrate(served_table, frame.drop(columns="year"), output=tmp_path / name, method=method)
    run, asked_for = served_table, new_samples(8)
    app = app_of(run, recalibration=tmp_path / "here")
    shelf = app.state.shelf
    expected = Scorer(run, recalibration=tmp_path / "here").predict(asked_for, DataSettings(patient="patient")).table
    answer = post(app, {"samples": rows_of(asked_for)})
    pd.testing.assert_frame_equal(
        as_table(answer.json(), None)[list(expected)], expected, rtol=0, atol=1e-9, check_dtype=False
    )
    first = answer.headers["x-model-version"]
    assert first != app_of(run).state.shelf.now.version
    (model,) = asked(app, ("GET", "/v1/model", {}))
    assert model.json()["recalibrated"]
    assert model.json()["threshold"] == Scorer(run, recalibration=tmp_path / "here").threshold
    content = (tmp_path / "other" / "recalibration.json").read_bytes()
    (tmp_path / "here" / "recalibration.json").write_bytes(content)

    async def look():
        return await shelf.look()

    assert run_alone(look())  # the hospital recalibrated again: another version takes over
    again = post(app, {"samples": rows_of(asked_for)})
    assert again.headers["x-model-version"] != first
    assert again.json()["samples"][0]["scores"] != answer.json()["samples"][0]["scores"]


def dicom(folder, name, **more):
    from test_data_dicom import RAMP, write

    pixels = np.kron((RAMP // 16).astype(np.uint8), np.ones((2, 2), np.uint8))
    return write(folder / name, **{"pixels": pixels, "stored": 8, **more})


def test_dicom_files_are_answered_as_predict_does_and_give_no_name_away(served_images, tmp_path):  # noqa: F811
    pytest.importorskip("pydicom", reason="the extra bedside[dicom] is not installed")
    from test_data_dicom import ID, NAME, RAMP

    app = app_of(served_images)
    dicom(tmp_path, "first.dcm")
    dicom(tmp_path, "second.dcm", meaning="MONOCHROME1", WindowCenter=100, WindowWidth=90)
    files = [("files", (path.name, path.read_bytes())) for path in sorted(tmp_path.glob("*.dcm"))]
    expected = Scorer(served_images).predict(tmp_path)
    (answer,) = asked(app, ("POST", "/v1/predict", {"files": files}))
    assert answer.status_code == 200, answer.text
    for found, (_, row) in zip(answer.json()["samples"], expected.table.iterrows(), strict=True):
        assert found["sample"] == row["sample"]
        assert found["scores"]["large"] == pytest.approx(row["score_large"], abs=1e-5)
    said = [(one["code"], one["message"]) for one in answer.json()["findings"]]
    assert said == [(one.code, one.message) for one in expected.findings]
    assert "no-window" in {code for code, _ in said}
    deep = dicom(tmp_path, "deep.dcm", pixels=np.kron(RAMP, np.ones((2, 2), np.uint16)), stored=12).read_bytes()
    named, sixteen = asked(
        app,
        ("POST", "/v1/predict", {"files": [("files", (f"{ID}.dcm", files[0][1][1]))]}),
        ("POST", "/v1/predict", {"files": [("files", ("deep.dcm", deep))]}),
    )
    assert "another name" in is_refusal(named, 422, "unfit")
    assert "learned from 8 bits" in is_refusal(sixteen, 422, "unfit")
    for one in (answer, named, sixteen):
        assert not any(secret in one.text for secret in (ID, NAME, "Planck"))


def test_images_sent_as_text_keep_the_names_that_they_were_given(served_images):  # noqa: F811
    held = BytesIO()
    Image.fromarray(np.full((32, 32, 3), 90, np.uint8)).save(held, "PNG")
    image, names = base64.b64encode(held.getvalue()).decode(), ["p1/left", "p2/left", "Ä=1+1"]
    app = app_of(served_images)
    answer = post(app, {"samples": [{"sample": name, "image": image} for name in names]})
    assert [one["sample"] for one in answer.json()["samples"]] == names
    assert "200" in is_refusal(post(app, {"samples": [{"sample": "x" * 201, "image": image}]}), 422, "unfit")
    refused = post(app, {"samples": [{"image": image}]}, "/v1/predict?separator=;")
    assert "how a CSV is read" in is_refusal(refused, 422, "unfit")


def test_members_that_the_graph_was_compared_with_give_their_engines_back(served_images):  # noqa: F811
    served = app_of(served_images).state.shelf.now
    assert served.engine.name == "onnx"
    for member in served.model.members:
        assert not {"engine", "embedding"} & set(vars(member))
        pixels = np.zeros((1, 1, 32, 32, 3), dtype=np.uint8)
        assert np.isfinite(member.score(pixels)).all()  # made anew where they are needed


def test_a_model_that_is_no_longer_served_leaves_the_memory(served_table, served_classes, tmp_path):  # noqa: F811
    import gc
    import weakref

    link = tmp_path / "live"
    link.symlink_to(served_table)
    app = app_of(link)
    assert post(app, {"samples": rows_of(new_samples(2))}, "/v1/explain").status_code == 200
    shelf, first = app.state.shelf, weakref.ref(app.state.shelf.now)

    async def turn():
        link.unlink()
        link.symlink_to(served_classes)
        assert await shelf.look()
        await asyncio.gather(*shelf.old.values())

    run_alone(turn())
    gc.collect()
    assert not shelf.old
    assert first() is None


def test_an_old_model_speaks_of_its_own_run_after_the_link_was_turned(served_table, served_classes, tmp_path):  # noqa: F811
    """The new run is damaged, so the old one goes on: name, card, checksum and explanations are still its own."""
    link, rows = tmp_path / "live", rows_of(new_samples(1))
    link.symlink_to(served_table)
    app, other = app_of(link), app_of(served_table)
    link.unlink()
    link.symlink_to(served_classes)
    for method, path, more in (
        ("GET", "/v1/model", {}),
        ("POST", "/v1/predict", {"json": {"samples": rows}}),
        ("POST", "/v1/explain", {"json": {"samples": rows}}),
    ):
        (found,), (wanted,) = (asked(one, (method, path, more)) for one in (app, other))
        assert found.json() == wanted.json()
