"""What assistants are told: the same as bedside says, in words, with the limits in every answer."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mcp")

from mcp import Client, StdioServerParameters

import bedside
from bedside.assistant import Assistant
from bedside.assistant.about import NOTICE, UNSAID
from bedside.assistant.server import make_server
from bedside.errors import DataError, RunError, SettingError
from bedside.folder import Run
from cohorts import table
from own_loop import run_alone
from served_models import served_images  # noqa: F401

COLUMNS = ["dose", "age", "noise", "drug", "sex"]


@pytest.fixture(scope="module")
def run(clinic_home):
    return Run(clinic_home / "clinic")


@pytest.fixture(scope="module")
def assistant(run):
    return Assistant(run)


@pytest.fixture(scope="module")
def rows():
    """Three samples as an assistant would send them, the last one far outside."""
    frame = table(60, seed=5)[COLUMNS].head(3)
    found = [{name: None if cell != cell else cell for name, cell in row.items()} for row in frame.to_dict("records")]
    found[2] |= {"dose": 9000.0, "drug": "Z"}
    return found


def limited(answer) -> bool:
    """Whether an answer says what the model is for, on whom it was tested, and who is outside."""
    found = answer["limits"]
    said = [NOTICE in found["notice"], UNSAID in found["intended_use"], "60 patients" in found["population"]]
    return all([*said, "'unusual'" in found["outside"], "AUROC" in found["verdict"][0]])


def test_it_describes_what_it_reads_and_what_it_is_worth(assistant):
    found = assistant.describe()
    assert limited(found)
    assert [one["name"] for one in found["features"]] == COLUMNS
    assert found["classes"] == ["well", "sick"]
    assert 0 < found["threshold"] < 1
    json.dumps(found, allow_nan=False)


def test_it_predicts_what_bedside_predicts(assistant, run, rows):
    import pandas as pd

    found = assistant.predict(rows)
    wanted = bedside.predict(run, pd.DataFrame(rows)).table
    assert limited(found)
    for one, row in zip(found["samples"], wanted.to_dict("records"), strict=True):
        assert one == row
    assert found["samples"][2]["unusual"] is True
    assert found["samples"][2]["outside"] == "dose (9000), drug (Z)"
    assert any("Values outside the range of training" in words for words in found["findings"])
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("name", ["clinic", "simpler"])  # the second compares with samples of training, read again
def test_contributions_add_up_from_start_to_score(name, clinic_home, rows):
    asked = Assistant(clinic_home / name)
    found = asked.explain(rows)
    assert "notice" in found["limits"]
    for one, scored in zip(found["samples"], asked.predict(rows)["samples"], strict=True):
        total = sum(reason["contribution"] for reason in one["contributions"])
        assert one["start"] + total + one["left"] == pytest.approx(one["score"], abs=1e-9)
        assert abs(one["left"]) < (0.02 if scored["outside"] else 1e-3)
        assert one["score"] == pytest.approx(scored["score_sick"], abs=1e-6)
        assert {reason["column"] for reason in one["contributions"]} == set(COLUMNS)
        sizes = [abs(reason["contribution"]) for reason in one["contributions"]]
        assert sizes == sorted(sizes, reverse=True)


def test_a_card_that_its_authors_filled_in_is_quoted(run, assistant):
    from bedside.assistant.about import intended_use

    card = run.path / "card.md"
    before = card.read_text(encoding="utf-8")
    try:
        card.write_text("# Card\n\n## Intended use\n\n- Adults in a [study](x).\n\n## Factors\n", encoding="utf-8")
        assert intended_use(run) == "Adults in a study."
    finally:
        card.write_text(before, encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "between 1 and 200"),
        ([{}] * 201, "between 1 and 200"),
        ([{}], "Sample 1 is empty; give it the columns"),
        ([{"dose": 1}], "The new data lack 4 columns"),
        ([{"dose": 1}, {"age": 1}], "Sample 2 lacks 'dose'"),
        ([dict.fromkeys(COLUMNS) | {"dose": 10**400}], "more than 300 digits"),
        ([dict.fromkeys(COLUMNS) | {"drug": "\ud800"}], "half a character"),
        ([{**dict.fromkeys(COLUMNS), **{f"c{k}": 1 for k in range(2000)}}], "2,005 columns"),
        ([dict.fromkeys(COLUMNS, "words")], "words"),
    ],
)
def test_wrong_rows_are_refused_in_words(assistant, given, words):
    with pytest.raises(DataError, match=words):
        assistant.predict(given)


def test_models_and_options_that_do_not_fit_are_said(run, assistant, tmp_path):
    with pytest.raises(RunError, match="There is no run folder"):
        Assistant(tmp_path / "none")
    with pytest.raises(SettingError, match="--images has no effect"):
        Assistant(run, images=tmp_path)
    with pytest.raises(SettingError, match="rows of a table"):
        assistant.predict_images(["a.png"])


def test_only_images_of_the_folder_that_was_allowed_are_read(served_images, tmp_path):  # noqa: F811
    from PIL import Image

    run = served_images
    folder, secret = tmp_path / "images", tmp_path / "secret.png"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    for path in (folder / "a.png", secret):
        Image.fromarray(pixels).save(path)
    (folder / "link.png").symlink_to(secret)
    asked = Assistant(run, images=folder)
    (folder / "inner").mkdir()
    Image.fromarray(pixels // 2).save(folder / "inner" / "a.png")
    found = asked.predict_images(["a.png", "inner/a.png"])
    wanted = [bedside.predict(run, folder / name).table["score_large"].iloc[0] for name in ("a.png", "inner/a.png")]
    assert [one["score_large"] for one in found["samples"]] == pytest.approx(wanted, abs=1e-12)
    assert [one["sample"] for one in found["samples"]] == ["a.png", "inner/a.png"]
    assert found["limits"]["notice"] == NOTICE
    np.save(folder / "many.npy", np.zeros((3, 32, 32, 3), dtype=np.uint8))
    for names, words in ((["many.npy"], "is a numpy file"), (["a.png", "a.png"], "named twice")):
        with pytest.raises(DataError, match=words):
            asked.predict_images(names)
    for name in ("../secret.png", str(secret), "link.png", "none.png", ".", "", "a.png\0"):
        with pytest.raises(DataError, match="in the folder that was allowed"):
            asked.predict_images([name])
    with pytest.raises(SettingError, match="--images FOLDER"):
        Assistant(run).predict_images(["a.png"])
    with pytest.raises(SettingError, match="not rows"):
        asked.predict([{"a": 1}])


# Over the protocol


def test_a_client_sees_where_the_evidence_lies_and_reads_it(served_images, tmp_path):  # noqa: F811
    """The map is an image of the protocol, the same that the server draws; the words name the places that hold most of it."""
    from PIL import Image

    from bedside.reasons import explainer, where
    from bedside.scoring import Scorer, read_new
    from bedside.serve.explaining import drawn
    from bedside.settings import DataSettings
    from cohorts import spots

    (first, second), _, _ = spots(2, seed=3)
    for name, pixels in (("a.png", first), ("b.png", second)):
        Image.fromarray(pixels).save(tmp_path / name)

    async def hear():
        async with Client(make_server(Assistant(served_images, images=tmp_path))) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            asked = ({"files": ["a.png", "b.png"]}, {"files": [f"{k}.png" for k in range(9)]}, {"files": ["../x.png"]})
            return tools, [await client.call_tool("explain_images", given) for given in asked]

    tools, (answer, many, outside) = run_alone(hear())
    assert tools == {"describe", "predict_images", "explain_images"}
    assert not answer.is_error
    words, *pictures = answer.content
    said = answer.structured_content
    assert json.loads(words.text) == said
    assert said["limits"]["notice"] == NOTICE
    scorer = Scorer(served_images)
    found = explainer(scorer)(read_new(scorer.model, tmp_path, DataSettings()).inputs)
    assert [one.mime_type for one in pictures] == ["image/webp"] * 2
    assert [one.data for one in pictures] == [drawn(found.pixels[k], found.maps[k]) for k in range(2)]
    for k, sample in enumerate(said["samples"]):
        assert sample["sample"] == ("a.png", "b.png")[k]
        places = [(one["place"], one["share"]) for one in sample["most_evidence"]]
        assert places == [(place, pytest.approx(share)) for place, share in where(found.maps[k])]
        shares = [share for _, share in places]
        assert shares == sorted(shares, reverse=True)
        assert 1 / 3 <= sum(shares) <= 1
    assert many.is_error
    assert "between 1 and 8" in many.content[0].text
    assert outside.is_error


async def conversation(server, rows):
    """What a client of the SDK hears: all tools, a wrong question, the resources."""
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        resources = {str(one.uri) for one in (await client.list_resources()).resources}
        answers = {name: await client.call_tool(name, given) for name, given in asked_of(rows).items()}
        wrong = await client.call_tool("predict", {"rows": [{"dose": "Planted-Name"}]})
        odd = await client.call_tool("predict", {"rows": "all"})
        texts = {uri: (await client.read_resource(uri)).contents[0].text for uri in resources}
        return client.instructions, tools, answers, wrong, odd, texts


def asked_of(rows):
    return {"describe": {}, "predict": {"rows": rows}, "explain": {"rows": rows[:1]}}


def check(heard, assistant, rows):
    instructions, tools, answers, wrong, odd, texts = heard
    assert NOTICE in instructions
    assert {tool.name for tool in tools} == {"describe", "predict", "explain"}
    assert all(tool.annotations.read_only_hint and tool.description for tool in tools)
    for answer in answers.values():
        assert not answer.is_error
        assert limited(answer.structured_content)
    assert answers["predict"].structured_content == json.loads(json.dumps(assistant.predict(rows)))
    assert wrong.is_error
    assert "The new data lack 4 columns" in wrong.content[0].text
    assert odd.is_error
    assert set(texts) == {"bedside://card", "bedside://report"}
    assert "Intended use" in texts["bedside://card"]
    assert "## Verdict" in texts["bedside://report"]


def test_a_client_in_memory_hears_the_same(assistant, rows):
    check(run_alone(conversation(make_server(assistant), rows)), assistant, rows)


def test_a_client_over_standard_input_and_output_hears_the_same(run, assistant, rows):
    """Whatever prints, such as the library that is planted here, reaches standard error and not the protocol."""
    code = (
        "import sys, bedside.assistant.tools as t; from bedside.cli import main\n"
        "old = t.Assistant.predict; t.Assistant.predict = lambda *a: (print('noise'), old(*a))[1]\n"
        f"print = print; sys.argv = ['bedside', 'mcp', {str(run.path)!r}]; main()"
    )
    server = StdioServerParameters(command=sys.executable, args=["-c", code], env=dict(os.environ))
    check(run_alone(conversation(server, rows)), assistant, rows)


def test_a_defect_is_told_without_what_was_read(run, monkeypatch, capfd):
    asked = Assistant(run)

    def broken():
        raise KeyError("Planted-Name")

    monkeypatch.setattr(asked, "describe", broken)

    async def hear():
        async with Client(make_server(asked)) as client:
            return await client.call_tool("describe", {})

    answer = run_alone(hear())
    assert answer.is_error
    assert "KeyError in" in answer.content[0].text
    assert "Planted" not in answer.content[0].text + "".join(capfd.readouterr())


def test_a_missing_extra_and_a_missing_run_are_said(run, monkeypatch):
    from typer.testing import CliRunner

    from bedside.cli import app

    monkeypatch.setitem(sys.modules, "mcp.server", None)
    with pytest.raises(SettingError, match=r"bedside\[mcp\]"):
        make_server(Assistant(run))
    found = CliRunner().invoke(app, ["mcp", "nowhere"])
    assert isinstance(found.exception, RunError)


def test_the_verb_opens_no_address():
    source = (Path(bedside.__file__).parent / "assistant" / "server.py").read_text(encoding="utf-8")
    assert 'server.run("stdio")' in source
    assert "http" not in source
