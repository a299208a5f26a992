"""A served model gives what `bedside predict` gives, alone and together, and says in words what it does not answer."""

import asyncio
import copy
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from bedside.errors import DataError, RunError, SettingError
from bedside.scoring import Scorer
from bedside.serve import serve_app
from bedside.serve.engine import Members, make_engine, noise
from bedside.serve.errors import Refused
from bedside.serve.pictures import Pictures
from bedside.settings import DataSettings
from bedside.training.vision import FittedHead, FrozenBackbone
from cohorts import table
from own_loop import run_alone
from served_models import app_of, asked, asking, is_refusal, make_table, other_table, post, served_images, served_table  # noqa: F401


@pytest.fixture(scope="module")
def clinic(served_table):  # noqa: F811
    return app_of(served_table)


@pytest.fixture(scope="module")
def spots(served_images):  # noqa: F811
    return app_of(served_images)


def new_samples(n=40, seed=9):
    """New patients with gaps, levels that training never saw and values beyond its range."""
    frame = table(max(n, 8), seed=seed).drop(columns=["outcome", "site", "sex", "year"])
    frame["smoker"] = frame.index % 2 == 0
    frame["sex"] = np.where(frame.index % 2, "f", "m")
    frame["site"] = "north"
    frame.loc[3, "dose"], frame.loc[5, "drug"] = 99.0, "Z"
    return frame.iloc[:n]


def rows_of(frame):
    """JSON rows; what is missing is null."""
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()} for row in frame.to_dict("records")
    ]


def as_table(answer, task):
    """An answer in the columns of `bedside predict`."""
    flat = []
    for sample in answer["samples"]:
        row = dict(sample)
        for prefix, name in (("score_", "scores"), ("raw_score_", "raw_scores")):
            row |= {prefix + one: value for one, value in row.pop(name, {}).items()}
        if "set" in row:
            row["set"] = "|".join(row["set"]) or "none"
        row["outside"] = ", ".join(row["outside"])
        flat.append(row)
    return pd.DataFrame(flat)


def test_an_answer_is_what_predict_writes(clinic, served_table):  # noqa: F811
    frame = new_samples()
    expected = Scorer(served_table).predict(frame, DataSettings(patient="patient"))
    answer = post(clinic, {"samples": rows_of(frame)})
    assert answer.status_code == 200, answer.text
    found = as_table(answer.json(), None)
    assert set(found) == set(expected.table)
    pd.testing.assert_frame_equal(found[list(expected.table)], expected.table, rtol=0, atol=1e-9, check_dtype=False)
    said = [(one["level"], one["code"], one["message"]) for one in answer.json()["findings"]]
    assert said == [(one.level, one.code, one.message) for one in expected.findings]
    assert answer.json()["notice"].startswith("Research and teaching only")
    assert answer.headers["x-model-version"] == answer.json()["model"]["version"] == clinic.state.shelf.now.version


def test_a_family_without_networks_is_served_and_explained(tmp_path):
    run = make_table(tmp_path / "run", seed=0, family="logistic")
    frame = new_samples(6)
    app = app_of(run)
    found = as_table(post(app, {"samples": rows_of(frame)}).json(), None)
    expected = Scorer(run).predict(frame, DataSettings(patient="patient")).table
    np.testing.assert_allclose(found["score_sick"], expected["score_sick"], atol=1e-9)
    answer = post(app, {"samples": rows_of(frame)[:2]}, "/v1/explain")
    assert answer.json()["method"] == "sampled Shapley values", answer.text
    adds_up(answer)
    (tmp_path / "data.csv").unlink()
    refused = post(app_of(run), {"samples": rows_of(frame)[:2]}, "/v1/explain")
    assert "--data" in is_refusal(refused, 422, "not-explained")


def adds_up(answer):
    for sample in answer.json()["samples"]:
        total = sample["start"] + sum(part["contribution"] for part in sample["contributions"])
        assert total == pytest.approx(sample["score"], abs=5e-3)


def test_contributions_of_a_network_add_up_to_its_score_before_recalibration(clinic, served_table):  # noqa: F811
    frame = new_samples(6)
    answer = post(clinic, {"samples": rows_of(frame)[:5]}, "/v1/explain")
    assert answer.status_code == 200, answer.text
    adds_up(answer)
    expected = Scorer(served_table).predict(frame.iloc[:5]).table
    assert "before recalibration" in answer.json()["how"]
    np.testing.assert_allclose(
        [one["score"] for one in answer.json()["samples"]], expected["raw_score_sick"], atol=1e-6
    )
    first = answer.json()["samples"][0]["contributions"]
    sizes = [abs(part["contribution"]) for part in first]
    assert sizes == sorted(sizes, reverse=True)


def test_a_csv_and_a_form_give_the_same_as_json(clinic):
    frame = new_samples(8).drop(columns="smoker").assign(smoker="no")
    csv, german = (frame.to_csv(index=False, **more).encode() for more in ({}, {"sep": ";", "decimal": ","}))
    rows = rows_of(frame)
    answers = asked(
        clinic,
        ("POST", "/v1/predict", {"json": {"samples": rows}}),
        ("POST", "/v1/predict", {"content": csv, "headers": {"content-type": "text/csv; charset=utf-8"}}),
        ("POST", "/v1/predict", {"files": {"file": ("new.csv", csv, "text/csv")}}),
        ("POST", "/v1/predict?separator=;&decimal=,", {"content": german, "headers": {"content-type": "text/csv"}}),
    )
    first = answers[0].json()["samples"]
    for answer in answers[1:]:
        assert answer.status_code == 200, answer.text
        assert answer.json()["samples"] == first


def test_scores_are_the_same_alone_and_in_company(clinic):
    """Many requests at once are scored together; one bad one among them is refused alone."""
    rows = rows_of(new_samples(30, seed=4))

    async def together():
        async with asking(clinic) as client:
            before = clinic.state.shelf.now.batches
            formed, tell = [], before.formed
            before.formed = lambda size: (formed.append(size), tell(size))
            bodies = [{"samples": [row]} for row in rows]
            bodies[7] = {"samples": [{**rows[7], "dose": "a lot"}]}
            bodies[11] = {"samples": [{**rows[11], "dose": 1e30}]}
            answers = await asyncio.gather(*(client.post("/v1/predict", json=body) for body in bodies))
            before.formed = tell
            return answers, formed

    answers, formed = run_alone(together())
    assert max(formed) > 1
    assert "a lot" in is_refusal(answers[7], 422, "unfit")
    alone = [post(clinic, {"samples": [row]}).json()["samples"][0] for row in rows]
    for k, answer in enumerate(answers):
        if k not in (7, 11):
            (found,) = answer.json()["samples"]
            assert found["scores"] == pytest.approx(alone[k]["scores"], abs=1e-12)
            assert found["decision"] == alone[k]["decision"]
            assert found["distance"] == pytest.approx(alone[k]["distance"])


def test_a_number_too_large_for_the_model_is_refused_alone(clinic, served_table):  # noqa: F811
    """Some numbers fit into a table but not into 32 bits once they are scaled; the others of their batch are answered."""
    served = clinic.state.shelf.now
    good = served.layout.read(rows_of(new_samples(4)))
    bad = served.layout.read([{**rows_of(new_samples(4))[0], "noise": 1e30}])
    huge = type(bad)(bad.layout, np.where(bad.numbers == 1e30, 1e300, bad.numbers), bad.words, bad.ids)
    first, second, third = served.compute([good, huge, good])
    assert isinstance(second, DataError)
    assert "32-bit" in str(second)
    assert first["samples"] == third["samples"]
    assert len(first["samples"]) == len(good)


def test_the_words_of_refusals(clinic):
    row = next(row for row in rows_of(new_samples(20)) if None not in row.values())
    less = {name: value for name, value in row.items() if name != "dose"}
    assert "'dose'" in is_refusal(post(clinic, {"samples": [less]}), 422, "unfit")
    assert "Sample 2 lacks 'dose'" in is_refusal(post(clinic, {"samples": [row, less]}), 422, "unfit")
    assert "infinite" in is_refusal(
        post(clinic, json.dumps({"samples": [row]}).replace(str(row["dose"]), "1e999", 1).encode()), 422, "unfit"
    )
    assert "a list" in is_refusal(post(clinic, {"samples": [{**row, "dose": [1]}]}), 422, "unfit")
    assert "NaN" in is_refusal(post(clinic, b'{"samples": [{"dose": NaN}]}'), 400, "not-json")
    assert "twice" in is_refusal(post(clinic, b'{"samples": [{"dose": 1, "dose": 2}]}'), 400, "not-json")
    is_refusal(post(clinic, b'{"samples": ['), 400, "not-json")
    is_refusal(post(clinic, b"[" * 100_000), 400, "not-json")
    is_refusal(post(clinic, b"\xff\xfe{}"), 400, "not-json")
    is_refusal(post(clinic, {"samples": []}), 400, "not-json")
    is_refusal(post(clinic, {"rows": [row]}), 400, "not-json")
    is_refusal(post(clinic, {"samples": [row], "more": 1}), 400, "not-json")
    is_refusal(post(clinic, {"samples": [row]}, headers={"content-type": "application/xml"}), 415, "wrong-type")
    assert "at most 32" in is_refusal(post(clinic, {"samples": [row] * 33}, "/v1/explain"), 413, "too-many")
    is_refusal(post(clinic, b" " * (8 * 1024**2 + 1)), 413, "too-large")
    is_refusal(post(clinic, {"samples": [row]}, "/v1/predict?colour=red"), 422, "unfit")
    assert clinic.state.shelf.now.version in is_refusal(
        post(clinic, {"samples": [row]}, "/v1/predict?version=0"), 409, "other-version"
    )
    nowhere, wrong, host = asked(
        clinic,
        ("GET", "/nothing", {}),
        ("GET", "/v1/predict", {}),
        ("GET", "/healthz", {"headers": {"host": "evil.example"}}),
    )
    is_refusal(nowhere, 404, "not-found")
    is_refusal(wrong, 405, "wrong-method")
    assert wrong.headers["allow"] == "POST"
    is_refusal(host, 400, "wrong-host")


def test_what_a_program_sends_means_the_same_alone_and_in_company(clinic):
    """True beside yes, and a file that begins with a byte order mark."""
    first, second = rows_of(new_samples(8))[:2]
    mixed = post(clinic, {"samples": [{**first, "smoker": True}, {**second, "smoker": "no"}]})
    alone = [post(clinic, {"samples": [row]}) for row in ({**first, "smoker": True}, {**second, "smoker": "no"})]
    assert [one["scores"] for one in mixed.json()["samples"]] == [one.json()["samples"][0]["scores"] for one in alone]
    marked = post(clinic, b"\xef\xbb\xbf" + json.dumps({"samples": [first]}).encode())
    assert marked.status_code == 200, marked.text


def test_names_of_columns_neither_break_nor_hold_up_the_server(clinic):
    row = rows_of(new_samples(8))[0]
    half = json.dumps({"samples": [{**row, "x": 1}]}).replace('"x"', '"\\ud800"').encode()
    assert "half a character" in is_refusal(post(clinic, half), 422, "unfit")
    many = {f"c{k}": 1 for k in range(100_000)}
    for rows in ([{**row, **many}], [many]):
        answer = post(clinic, {"samples": rows})
        assert "columns, and the model needs" in is_refusal(answer, 422, "unfit")
        assert answer.elapsed.total_seconds() < 5
    csv = {"headers": {"content-type": "text/csv"}}
    wide, long, other, slash = asked(
        clinic,
        ("POST", "/v1/predict", {"content": ",".join(many), **csv}),
        ("POST", "/v1/predict", {"content": "dose\n" + "1\n" * 10_001, **csv}),
        ("POST", "/v1/predict", {"content": "dose;age\n1,5;2\n", **csv}),
        ("POST", "/v1/predict/", {"json": {"samples": [row]}}),
    )
    assert "100,000 columns" in is_refusal(wide, 422, "unfit")
    assert "more than 10,000 samples" in is_refusal(long, 413, "too-many")
    said = is_refusal(other, 422, "unfit")
    assert "add ?separator=; to the address" in said
    assert "add ?decimal=, to the address" in said
    assert "--" not in said
    is_refusal(slash, 404, "not-found")
    (excel,) = asked(clinic, ("POST", "/v1/predict", {"files": {"file": ("a.xlsx", b"PK\x03\x04and so on")}}))
    assert "a.xlsx is no CSV: its content is that of a .xlsx file" in is_refusal(excel, 422, "unfit").replace(
        "A.xlsx", "a.xlsx"
    )


def test_too_many_rows_and_too_much_waiting(served_table):  # noqa: F811
    app = serve_app(served_table, rows=2)
    rows = rows_of(new_samples(4))
    is_refusal(post(app, {"samples": rows[:3]}), 413, "too-many")
    assert post(app, {"samples": rows[:2]}).status_code == 200

    async def crowded():
        async with asking(app) as client:
            app.state.shelf.now.batches.waiting = 0
            return await asyncio.gather(*(client.post("/v1/predict", json={"samples": rows[:1]}) for _ in range(20)))

    answers = run_alone(crowded())
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 503}
    late = next(answer for answer in answers if answer.status_code == 503)
    is_refusal(late, 503, "overloaded")
    assert late.headers["retry-after"] == "1"


def test_rows_of_a_model_of_images_are_refused(served_images):  # noqa: F811
    with pytest.raises(SettingError, match="--rows has no effect"):
        serve_app(served_images, rows=5)


def test_a_token_is_asked_for_except_to_see_whether_the_server_lives(served_table):  # noqa: F811
    token = "a-token-of-some-length"
    app = serve_app(served_table, token=token)
    alive, ready, closed, open_ = asked(
        app,
        ("GET", "/healthz", {}),
        ("GET", "/readyz", {}),
        ("GET", "/v1/model", {}),
        ("GET", "/v1/model", {"headers": {"authorization": f"Bearer {token}"}}),
    )
    assert alive.status_code == ready.status_code == open_.status_code == 200
    is_refusal(closed, 401, "unauthorised")


def test_nothing_is_served_before_a_model_is_loaded(tmp_path):
    """An address without a model says so, and one with a broken run does not start."""
    app = serve_app(tmp_path / "none", load=False, seconds=60)
    alive, ready, model = asked(app, ("GET", "/healthz", {}), ("GET", "/readyz", {}), ("GET", "/v1/model", {}))
    assert alive.status_code == 200
    is_refusal(ready, 503, "not-ready")
    is_refusal(model, 503, "not-ready")
    with pytest.raises(RunError, match="no run folder"):
        serve_app(tmp_path / "none")


def test_metrics_count_requests_and_hold_no_values(clinic):
    row = rows_of(new_samples(1))[0]
    planted = {**row, "sample": "Planted4711", "patient": "Secret4712"}
    post(clinic, {"samples": [planted]})
    before, _, _, after = asked(
        clinic,
        ("GET", "/metrics", {}),
        ("POST", "/v1/predict", {"json": {"samples": [planted]}}),
        ("GET", "/" + "x" * 50, {}),
        ("GET", "/metrics", {}),
    )
    count = 'bedside_requests_total{route="/v1/predict",status="200"}'
    one, two = (
        float(next(line for line in text.splitlines() if line.startswith(count)).split()[-1])
        for text in (before.text, after.text)
    )
    assert two == one + 1
    assert f'bedside_model_info{{version="{clinic.state.shelf.now.version}"}} 1.0' in after.text
    assert 'route="other",status="404"' in after.text
    assert "xxxx" not in after.text
    assert not any(word in after.text for word in ("Planted4711", "Secret4712", "dose"))


def test_a_defect_says_nothing_of_patients(served_table, monkeypatch, caplog, capsys):  # noqa: F811
    """A planted value stands in the request and in the error that is raised; it is in no answer and no log."""
    app = serve_app(served_table)

    def fails(parts):
        raise ValueError(f"cannot score {parts[0].ids} {parts[0].numbers}")

    app.state.shelf.now.compute = fails
    app.state.shelf.now.begin(app.state.shelf.thread, lambda size: None)
    row = {**rows_of(new_samples(1))[0], "sample": "Planted4711", "dose": 4.71147}
    answer = post(app, {"samples": [row]})
    is_refusal(answer, 500, "defect")
    written = caplog.text + "".join(capsys.readouterr())
    assert "ValueError" in caplog.text
    assert not any(word in answer.text + written for word in ("4711", "4.711"))


def test_images_come_as_a_form_or_as_base64(spots, served_images, tmp_path):  # noqa: F811
    import base64
    from io import BytesIO

    from PIL import Image

    from cohorts import spots as drawn

    images, _, _ = drawn(3, seed=8)
    files = []
    for k, image in enumerate(images):
        held = BytesIO()
        Image.fromarray(image).save(held, "PNG")
        files.append((f"{k}.png", held.getvalue()))
        (tmp_path / f"{k}.png").write_bytes(held.getvalue())
    expected = Scorer(served_images).predict(tmp_path)
    rows = [{"sample": name, "image": base64.b64encode(data).decode()} for name, data in files]
    form, text, reasons = asked(
        spots,
        ("POST", "/v1/predict", {"files": [("files", (name, data, "image/png")) for name, data in files]}),
        ("POST", "/v1/predict", {"json": {"samples": rows}}),
        ("POST", "/v1/explain", {"json": {"samples": rows[:2]}}),
    )
    assert form.status_code == 200, form.text
    assert form.json()["samples"] == text.json()["samples"]
    found = [sample["scores"]["large"] for sample in form.json()["samples"]]
    np.testing.assert_allclose(found, expected.table["score_large"], atol=1e-6)
    assert [one["code"] for one in form.json()["findings"]] == [one.code for one in expected.findings]
    first = reasons.json()["samples"][0]
    assert np.array(first["cells"]).shape == (8, 8)
    assert np.max(first["cells"]) <= 1
    assert Image.open(BytesIO(base64.b64decode(first["map"]))).format == "WEBP"

    other, cut, twice, none = asked(
        spots,
        ("POST", "/v1/predict", {"files": [("files", ("a.png", b"not an image"))]}),
        ("POST", "/v1/predict", {"files": [("files", ("a.png", files[0][1][:100]))]}),
        ("POST", "/v1/predict", {"files": [("files", files[0]), ("files", files[0])]}),
        ("POST", "/v1/predict", {"json": {"samples": [{"image": "no base64!"}]}}),
    )
    assert "is not an image" in is_refusal(other, 422, "unfit")
    assert "cannot be read" in is_refusal(cut, 422, "unfit")
    assert "name of its own" in is_refusal(twice, 422, "unfit")
    assert "base64" in is_refusal(none, 422, "unfit")


def test_images_alone_and_in_company_are_answered_by_the_exported_model_as_predict_does(spots, served_images, tmp_path):  # noqa: F811
    """Sizes and colours that training did not see among them; scores, sets and distances to 1e-5."""
    from io import BytesIO

    from PIL import Image

    served = spots.state.shelf.now
    assert served.engine.name == "onnx"
    rng, files = np.random.default_rng(0), []
    for k, shape in enumerate([(32, 32, 3)] * 9 + [(50, 40, 3), (33, 64)]):
        held = BytesIO()
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(held, "PNG")
        files.append((f"{k:02d}.png", held.getvalue()))
        (tmp_path / files[-1][0]).write_bytes(held.getvalue())
    expected = Scorer(served_images).predict(tmp_path)
    whole = Pictures.of(files, served.model.images, served.engine.preparation)
    assert "inputs" not in vars(whole)  # no checksum of pixels was made
    together = served.compute([whole])[0]
    parts = [Pictures.of([file], served.model.images, served.engine.preparation) for file in files]
    several = [one["samples"][0] for one in served.compute(parts)]
    for samples in (together["samples"], several, [served.compute([part])[0]["samples"][0] for part in parts]):
        for found, (_, row) in zip(samples, expected.table.iterrows(), strict=True):
            assert found["scores"]["large"] == pytest.approx(row["score_large"], abs=1e-5)
            assert found["distance"] == pytest.approx(row["distance"], rel=1e-5)
            assert ("|".join(found["set"]) or "none") == row["set"]
            assert (found["decision"], found["unusual"]) == (row["decision"], row["unusual"])
    assert [one["code"] for one in together["findings"]] == [one.code for one in expected.findings]


@pytest.mark.parametrize("kind", ["networks", "last layers on one backbone"])
def test_members_for_images_share_one_graph_and_keep_their_own_distances(kind, served_images):  # noqa: F811
    """Two members with different last layers, the second one's space first."""
    scorer = Scorer(served_images)
    (first,), (novelty,) = scorer.model.members, scorer.model.novelties
    second = replace(first, classifier=copy.deepcopy(first.classifier))
    with torch.no_grad():
        second.classifier.head[-1].weight.mul_(-3)
        for weights in second.classifier.parameters():
            weights.mul_(1.1)
    if kind != "networks":
        encoder = FrozenBackbone(first.preparation, first.classifier, None, first.versions, threads=1)
        first, second = (FittedHead(encoder, one.classifier.head, one.task) for one in (first, second))
    other = replace(novelty.space, mean=novelty.space.mean + 0.5)
    scorer.model = replace(
        scorer.model, members=(first, second), names=("a", "b"), conformal=None, recalibration=(),
        novelties=(replace(novelty, member="b"), replace(novelty, member="a", space=other)),
    )  # fmt: skip
    engine = make_engine(scorer, None)
    samples = noise(first.preparation)
    assert engine.name == "onnx"
    for found, wanted in zip(engine(samples), Members(scorer.model)(samples), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    raw, distances = engine(samples)
    assert np.abs(raw[0] - raw[1]).max() > 1e-3
    assert np.abs(distances[0] - distances[1]).max() > 1e-3


def test_what_is_said_of_images_in_memory_is_what_is_said_of_their_files(served_images, tmp_path):  # noqa: F811
    """For depths, sizes and colours that training saw and did not see."""
    from io import BytesIO

    from PIL import Image

    from bedside.data.new_images import read_new_images

    rng, known = np.random.default_rng(0), Scorer(served_images).model.images
    deep = {**known, "bits": {"8": 1, "16": 2}, "largest_value": 4095}
    for k, (shape, top) in enumerate(
        [((32, 32, 3), 256), ((32, 32), 256), ((40, 32, 3), 256), ((32, 32), 900), ((32, 32), 9000)]
    ):
        held = BytesIO()
        Image.fromarray(rng.integers(0, top, shape).astype(np.uint8 if top == 256 else np.uint16)).save(held, "PNG")
        (tmp_path / f"{k}.png").write_bytes(held.getvalue())
        for seen in (known, deep, {**deep, "bits": {"16": 3}}, {**known, "channels": {"1": 3}}):
            said = []
            for read in (
                lambda k=k, seen=seen: read_new_images(tmp_path / f"{k}.png", seen, DataSettings()),
                lambda k=k, seen=seen, held=held: Pictures.of([(f"{k}.png", held.getvalue())], seen),
            ):
                try:
                    said.append([*read().findings])
                except DataError as error:
                    said.append(str(error))
            assert said[0] == said[1]


def test_every_code_of_a_refusal_is_one_that_is_documented():
    with pytest.raises(KeyError):
        Refused("made-up", "words")
