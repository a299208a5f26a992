"""Documents say what the run shows and where, ask for the rest, and never claim more; in HTML, Markdown and DOCX alike."""

import re
import shutil
import subprocess
import sys
from io import BytesIO

import docx
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bedside.cli import app
from bedside.cohort import Estimate
from bedside.errors import RunError, SettingError
from bedside.folder import Run, write_json, write_table, write_yaml
from bedside.report import claim, tripod
from bedside.report.answers import count, count_words
from bedside.report.card import card
from bedside.report.checklist import answers, checklist
from bedside.report.document import NOTICE, Heading, split_dois
from bedside.report.document_markdown import to_markdown
from bedside.report.documents import AT_ONCE, DOCUMENTS, FORMATS, write_documents
from bedside.report.flow import PARTS, flow
from bedside.report.flow_figures import flow_figure
from bedside.report.html import write_report
from bedside.report.paper import paper
from bedside.report.told import Told
from bedside.settings import RunSettings, build
from report_runs import BINARY, TASKS, Page, chromium, make_run, open_page
from test_report_images import make_image_run

pytestmark = pytest.mark.figures

SECTIONS = [
    "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data", "Quantitative analyses",
    "Ethical considerations", "Caveats and recommendations",
]  # fmt: skip
TRIPOD = (
    "1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 17 18a 18b 18c 18d 18e 18f 19 "
    "20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c"
)


def documented(run):
    """The run with a model, its documents and its report, as a training leaves them."""
    (run.path / "model").mkdir()
    write_json(
        run.path / "model" / "model.json",
        {"final": "ensemble", "members": ["a", "b"], "parameters": 1234, "summary": "A model"},
    )
    write_documents(Run(run.path))
    write_report(Run(run.path))
    return Told(run.path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One documented run per kind of task, and one of generated images."""
    made = {kind: documented(make_run(tmp_path_factory.mktemp(kind), task)) for kind, task in TASKS.items()}
    images = make_image_run(tmp_path_factory.mktemp("images"), synthetic="Drawn by a <generator>")
    return made | {"images": documented(images)}


@pytest.fixture
def binary(runs, tmp_path):
    """A copy of the binary run that a test may change."""
    return Told(shutil.copytree(runs["binary"].path, tmp_path / "run"))


def words_of(path):
    """Text of a DOCX file: paragraphs, cells, footer."""
    file = docx.Document(str(path))
    cells = [cell.text for table in file.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in file.paragraphs), *cells])


# All documents


def test_every_document_of_every_kind_says_what_it_is_not(runs):
    for run in runs.values():
        for name in DOCUMENTS:
            assert NOTICE in words_of(run.path / f"{name}.docx")
            assert docx.Document(str(run.path / f"{name}.docx")).sections[0].footer.paragraphs[0].text == f"{NOTICE}."
            assert NOTICE in (run.path / f"{name}.md").read_text(encoding="utf-8")[:600]
            assert (run.path / f"{name}.html").read_text(encoding="utf-8").count(NOTICE) == 2
        assert (run.path / "report.html").read_text(encoding="utf-8").count(NOTICE) == 2


def test_generated_images_are_called_so_at_the_top_of_every_document(runs):
    path = runs["images"].path
    for name in DOCUMENTS:
        assert (
            "**Synthetic images.** Drawn by a"
            in (path / f"{name}.md").read_text(encoding="utf-8").partition("\n## ")[0]
        )
        assert "Synthetic images. Drawn by a <generator>. No patient" in words_of(path / f"{name}.docx")
        assert "Drawn by a &lt;generator&gt;. No patient" in (path / f"{name}.html").read_text(encoding="utf-8")


def test_every_pointer_leads_to_a_file_and_a_section_that_are_there(runs):
    for run in runs.values():
        ids = {
            page.name: {found["id"] for _, found in Page(page.read_text(encoding="utf-8")).elements if "id" in found}
            for page in run.path.glob("*.html")
        }
        links = [link for make in DOCUMENTS.values() for link in make(run).links()]
        assert len(links) > 50
        for link in links:
            file, _, section = link.target.partition("#")
            assert (run.path / file).exists(), link
            assert not section or section in ids[file], link


def test_columns_and_classes_cannot_act_in_a_document(runs):
    for run in runs.values():
        for name in DOCUMENTS:
            page, text = ((run.path / f"{name}.{form}").read_text(encoding="utf-8") for form in ("html", "md"))
            assert "<script>alert" not in page
            assert "<i>c" not in page
            assert "<script" not in text
            assert "<i>" not in text


def test_pages_have_sections_with_unique_ids_and_load_nothing(runs):
    for name in DOCUMENTS:
        page = Page((runs["images"].path / f"{name}.html").read_text(encoding="utf-8"))
        ids = [found["id"] for _, found in page.elements if "id" in found]
        assert len(ids) == len(set(ids))
        links = [found["href"] for _, found in page.elements if "href" in found]
        assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
        assert not [
            tag for tag, found in page.elements if tag in ("script", "iframe", "img", "object") or "src" in found
        ]


def test_same_run_same_bytes_and_word_is_read_only_when_asked_for(runs):
    run = runs["binary"]
    before = {path: path.read_bytes() for path in run.path.glob("*.*")}
    assert {path.name for path in write_documents(Run(run.path))} == {
        f"{name}.{form}" for name in DOCUMENTS for form in FORMATS
    }
    assert all(path.read_bytes() == content for path, content in before.items())
    code = (
        "import sys; from pathlib import Path; from bedside.folder import Run; from bedside.report.documents import AT_ONCE, write_documents;"
        f"write_documents(Run(Path({str(run.path)!r})), AT_ONCE); sys.exit('docx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_verb_writes_what_is_asked_and_names_a_misspelt_format(binary):
    for path in binary.path.glob("*.docx"):
        path.unlink()
    answer = CliRunner().invoke(app, ["document", str(binary.path), "--format", "docx"])
    assert answer.exit_code == 0, answer.output
    assert answer.output.count("Document: ") == 3
    assert len(list(binary.path.glob("*.docx"))) == 3
    with pytest.raises(
        SettingError, match=r"There is no format 'dox'\. Did you mean 'docx'\? Formats: html, md, docx\."
    ):
        write_documents(binary, ["dox"])
    facts = {key: value for key, value in binary.environment.items() if key != "wall_seconds"}
    write_json(binary.path / "environment.json", facts)
    with pytest.raises(RunError, match="is not finished"):
        write_documents(Run(binary.path), AT_ONCE)


def test_the_report_links_to_its_documents_and_only_to_those_that_are_there(binary):
    links = 'href="checklist.html">Reporting checklist</a>'
    assert links in write_report(Run(binary.path)).read_text(encoding="utf-8")
    (binary.path / "checklist.html").unlink()
    assert links not in write_report(Run(binary.path)).read_text(encoding="utf-8")


# Model card


def test_the_card_has_the_nine_sections_each_with_a_pointer_or_a_question(runs):
    for run in runs.values():
        document = card(run)
        assert [heading for _, heading in document.sections()] == SECTIONS
        for part in to_markdown(document).split("\n## ")[1:]:
            assert "**For the authors to write:**" in part or "](report.html" in part
        assert all(question.endswith("?") for question in document.questions())
        headings = [
            p.text for p in docx.Document(str(run.path / "card.docx")).paragraphs if p.style.name == "Heading 1"
        ]
        assert headings == SECTIONS


# Checklists


def test_the_numbers_of_the_items_are_the_official_ones():
    assert [item.number for item in tripod.ITEMS] == TRIPOD.split()
    assert len({re.sub(r"\D", "", number) for number in TRIPOD.split()}) == 27
    assert [item.number for item in claim.ITEMS] == [str(k) for k in range(1, 45)]


def test_every_item_is_filled_asked_or_not_applicable_and_the_count_at_the_top_is_that_of_the_rows(runs):
    for run in runs.values():
        document = checklist(run)
        lists = [tripod, claim] if run.kind == "image" else [tripod]
        assert [block.text for block in document.blocks if isinstance(block, Heading)] == [one.NAME for one in lists]
        text = (run.path / "checklist.md").read_text(encoding="utf-8")
        for one, part in zip(lists, text.split("\n## ")[1:], strict=True):
            found = answers(run, one.ITEMS)
            rows = re.findall(r"^\| \*\*\w+\*\* .*$", part, re.MULTILINE)
            filled, none = (sum(f"| **{word}.**" in row for row in rows) for word in ("Filled", "Not applicable"))
            asked = sum("**For the authors to write:**" in row for row in rows)
            assert filled + none + asked == len(rows) == len(found) == len(one.ITEMS)
            assert f"{one.NAME}: {count_words(count(found))}" in document.subtitle
            assert re.match(rf"{filled} filled, {asked} for the authors", count_words(count(found)))
            for answer in found:
                assert answer.status != "filled" or (answer.shown and answer.where)
                assert answer.status != "not applicable" or answer.reason.endswith(".")


def statuses(run):
    return {item.number: item.answer(Told(run.path)) for item in tripod.ITEMS}


def settings_of(run, **asked):
    write_yaml(
        run.path / "settings.yaml",
        build(RunSettings, {"source": "table.csv", "data": {"target": "x"}, **asked}).acting(),
    )


ALWAYS_ASKED = "1 2 3a 3b 3c 4 6c 8b 8c 9c 10 14 17 18a 18b 18c 18d 19 25 26 27a 27b 27c"


def test_what_only_people_know_is_never_filled(runs):
    for run in runs.values():
        found = statuses(run)
        assert {found[number].status for number in ALWAYS_ASKED.split()} == {"authors"}


def test_items_follow_the_run(binary):
    found = statuses(binary)
    assert found["13"].reason == "No method against class imbalance was used."
    assert found["16"].status == "filled"
    assert found["12d"].question.endswith("The data have no site column.")
    assert found["23b"].status == "not applicable"
    assert found["23a"].status == "authors"
    settings_of(binary, train={"class_weights": "balanced"}, folds={"scheme": "site"})
    write_json(binary.path / "description.json", {**binary.description, "sites": [{"site": name} for name in "ab"]})
    none_shown = {"columns": [{"column": "sex"}], "tests": [], "worst": None, "sentence": "No group could be compared."}
    write_json(binary.path / "estimates.json", {**binary.estimates, "subgroups": none_shown})
    found = statuses(binary)
    weighed = "Rare classes were weighed up in the loss, which spoils calibration."
    assert found["13"].shown == f"{weighed} The scores were not recalibrated."
    assert found["13"].question == "Why was it used?"
    scored = {**binary.estimates["calibration"], "recalibration": {"method": "platt", "before": {}}}
    write_json(binary.path / "estimates.json", {**binary.estimates, "calibration": scored})
    assert statuses(binary)["13"].shown.startswith(f"{weighed} The scores were recalibrated by Platt scaling, fitted")
    assert found["13"].status == "authors"
    assert found["16"].status == "authors"
    assert found["12d"].status == found["23b"].status == "filled"
    assert "for groups by sex" in found["23a"].shown
    assert found["23a"].status == "filled"


def test_robustness_is_filled_only_if_it_was_examined(runs, tmp_path):
    run = Told(shutil.copytree(runs["images"].path, tmp_path / "run"))
    item = next(item for item in claim.ITEMS if item.topic == "Robustness")
    assert item.answer(run).status == "authors"
    write_json(run.path / "stress.json", {"sentences": ["Blur lowers the AUROC."]})
    run = Told(run.path)
    assert (item.answer(run).status, item.answer(run).shown) == ("filled", "Blur lowers the AUROC.")


def test_the_checklist_of_a_docx_has_a_row_for_every_item(runs):
    for kind, items in (("binary", [tripod.ITEMS]), ("images", [tripod.ITEMS, claim.ITEMS])):
        file = docx.Document(str(runs[kind].path / "checklist.docx"))
        for table, wanted in zip(file.tables, items, strict=True):
            assert [cell.text for cell in table.rows[0].cells] == ["Item", "It asks", "Answer", "Where"]
            sections = len({item.section for item in wanted})
            assert len(table.rows) == 1 + len(wanted) + sections
            numbers = [row.cells[0].text.split()[0] for row in table.rows[1:] if row.cells[0].text != row.cells[1].text]
            assert numbers == [item.number for item in wanted]
            for row in (table.rows[0], table.rows[2]):
                assert [round(cell.width.cm, 1) for cell in row.cells] == [2.1, 3.5, 7.6, 3.3]


# The draft of methods and results


@pytest.mark.parametrize("kind", TASKS)
def test_results_hold_every_number_with_interval_and_patients(runs, kind):
    run = runs[kind]
    text = words_of(run.path / "paper.docx").replace("−", "-")
    wanted = {
        "binary": ("sensitivity", "specificity", "calibration_slope", "brier"),
        "multiclass": ("balanced_accuracy",),
        "regression": ("mae", "rmse"),
    }
    for record in run.estimates["estimates"]:
        estimate = Estimate.from_dict(record)
        if record["metric"] in wanted[kind] and record["of"] == "":
            assert f"was {estimate.text()} ({estimate.n_patients:,} patients)" in text
        if record["of"] in ("", "macro"):
            assert estimate.text() in text  # the table of estimates
    headline = next(
        Estimate.from_dict(e)
        for e in run.estimates["estimates"]
        if e["metric"] in ("auroc", "r2") and e["of"] in ("", "macro")
    )
    value, low, high = (f"{x:z.{headline.digits()}f}" for x in (headline.value, headline.low, headline.high))
    assert f"was {value} (95\u00a0% interval {low} to {high})" in text
    assert f"On {run.estimates['n']['patients']} test patients ({run.estimates['n']['samples']} samples)" in text
    assert len(docx.Document(str(run.path / "paper.docx")).inline_shapes) == 1


def test_the_draft_has_methods_and_results_in_the_past_tense(runs):
    for run in runs.values():
        document = paper(run)
        headings = [heading for _, heading in document.sections()]
        assert headings[:3] == ["Methods", "Results", "Flow of patients"]
        text = to_markdown(document).partition("## Flow of patients")[0]
        told = re.sub(r"\*\*For the authors to write:\*\*[^\n]*", "", text.partition("## Methods")[2])
        assert not re.findall(r"\b(?:is|are|has|have|train|validates?) ", told.partition("### Model")[0])
        assert len(document.questions()) == 4


def test_the_draft_follows_the_verdict_against_the_baseline(binary):
    for verdict, words in (
        ("better", "The model was better than the baseline"),
        ("not distinguishable", "could not be distinguished from the baseline"),
    ):
        write_json(
            binary.path / "estimates.json",
            {**binary.estimates, "baseline": {**binary.estimates["baseline"], "verdict": verdict}},
        )
        assert words in to_markdown(paper(Told(binary.path)))
    write_json(binary.path / "estimates.json", {**binary.estimates, "baseline": None})
    assert "baseline" not in to_markdown(paper(Told(binary.path)))


# The flow of patients


def adds_up(counts):
    """Read is excluded and analysed; each fold's parts are what was analysed; for patients and for samples."""
    for unit in ("patients", "samples"):
        lost = [record[unit] for record in counts["excluded"]]
        if None not in lost:
            assert counts["read"][unit] == sum(lost) + counts["kept"][unit]
        for fold in counts["folds"]:
            assert set(fold["parts"]) == set(PARTS)
            assert sum(part[unit] for part in fold["parts"].values()) == counts["kept"][unit]
    return counts


def planted(folder, parts):
    """A run whose patients have two samples each and stand where `parts` says: {fold: part of each sample}."""
    run = make_run(folder, BINARY, n=12)
    names = [f"s{i}" for i in range(12)]
    blocks = [pd.DataFrame({"sample": names, "repeat": 0, "fold": fold, "part": part}) for fold, part in parts.items()]
    cohort = pd.DataFrame(
        {"sample": names, "patient": [f"p{i // 2}" for i in range(12)], "target": ["ill", "healthy"] * 6}
    )
    write_table(folder / "folds.csv", pd.concat(blocks))
    write_table(folder / "cohort.csv", cohort)
    return run


def test_every_patient_stands_once_on_each_level(tmp_path, runs):
    for run in runs.values():
        if run.kind != "image":
            adds_up(flow(run))
    held_out = ["train"] * 6 + ["valid"] * 2 + ["test"] * 4
    run = planted(tmp_path / "a", {0: held_out, 1: held_out[::-1]})
    counts = adds_up(flow(run))
    assert counts["folds"][0]["parts"]["test"] == {"samples": 4, "patients": 2, "events": 2}
    assert counts["tested"] == {"samples": run.estimates["n"]["samples"], "patients": 4}


def test_a_patient_seen_at_two_sites_stands_where_the_patient_is_tested(tmp_path):
    torn = ["test", "left_out", "left_out", "left_out", *["train"] * 6, "valid", "valid"]
    run = planted(tmp_path, {0: torn})
    counts = adds_up(flow(run))
    assert counts["folds"][0]["parts"]["test"] == {"samples": 1, "patients": 1, "events": 1}
    assert counts["folds"][0]["parts"]["left_out"] == {"samples": 3, "patients": 1, "events": 1}
    assert "others left out stands in the part" in flow_figure(flow(run)).caption


def test_who_was_excluded_is_counted_and_named(binary):
    record = {"code": "unreadable", "reason": "the image could not be read", "samples": 3, "patients": 1}
    known = binary.description
    for patients, read in ((1, known["patients"] + 1), (None, None)):
        excluded = {
            "read": {"samples": known["samples"] + 3, "patients": read},
            "excluded": [{**record, "patients": patients}],
        }
        write_json(binary.path / "description.json", {**known, "flow": excluded})
        counts = adds_up(flow(Run(binary.path)))
        assert counts["read"]["samples"] == 123
        drawing = flow_figure(flow(Run(binary.path)))
        assert ("1 patient, 3 samples" if patients else "patients not known, 3 samples") in drawing.alt
    assert "Excluded after the data were read: 3 samples because the image could not be read." in to_markdown(
        paper(Told(binary.path))
    )


def test_the_figure_is_in_the_report_beside_it_and_in_the_draft(runs):
    for run in runs.values():
        assert (run.path / "figures" / "flow.svg").exists()
        assert 'id="figure-flow"' in (run.path / "report.html").read_text(encoding="utf-8")
        assert 'id="figure-flow"' in (run.path / "paper.html").read_text(encoding="utf-8")


# Forms


def test_identifiers_keep_their_brackets_and_lose_those_of_the_sentence():
    youden = "10.1002/1097-0142(1950)3:1<32::aid-cncr2820030106>3.0.co;2-3"
    pieces = split_dois(f"(Youden 1950, doi:{youden}), then doi:10.1136/bmj-2023-078378.")
    assert pieces == [("(Youden 1950, ", youden), ("), then ", "10.1136/bmj-2023-078378"), (".", "")]


def test_control_signs_of_the_data_do_not_break_a_docx(binary):
    write_json(binary.path / "description.json", {**binary.description, "name": "a\x0bb\x00c"})
    content = (write_documents(Run(binary.path), ["docx"])[0]).read_bytes()
    assert "Model card: abc" in docx.Document(BytesIO(content)).paragraphs[0].text


@pytest.mark.browser
def test_no_document_scrolls_sideways_or_asks_for_anything(runs):
    with chromium() as browser:
        for name in DOCUMENTS:
            for width in (360, 1280):
                page, requests, complaints = open_page(browser, runs["images"], width, f"{name}.html")
                assert len(requests) == 1
                assert complaints == []
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                page.close()


def test_numbers_of_folds_are_ranges(tmp_path):
    parts = {0: ["test"] * 2 + ["valid"] * 2 + ["train"] * 8, 1: ["train"] * 6 + ["valid"] * 2 + ["test"] * 4}
    drawing = flow_figure(flow(planted(tmp_path, parts)))
    assert "test: 1 to 2 patients, 2 to 4 samples, 1 to 2 of class ill" in drawing.alt
    assert np.isclose(float(re.search(r'width="([\d.]+)pt"', drawing.svg)[1]), 360)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "This run tuned no setting."),
        ({"chosen_by": "40 trials of bedside tune on heart"}, "The settings were chosen by 40 trials of bedside tune on heart. If that saw patients who are tested here,"),
        ({"train": {"find_learning_rate": True}}, "A sweep over the training samples of each fold chose its learning rate."),
    ],
)  # fmt: skip
def test_a_tuned_run_is_called_tuned_and_an_untuned_one_is_not(binary, settings, said):
    write_yaml(binary.path / "settings.yaml", {**binary.settings, **settings})
    run = Told(binary.path)
    text = {name: "".join(to_markdown(make(run))) for name, make in DOCUMENTS.items()}
    assert said in text["checklist"]
    assert ("tuned no setting" in text["checklist"]) == (not settings)
    assert ("There was one candidate" in text["checklist"]) == (run.history is None and "chosen_by" not in settings)
    assert ("The settings were chosen by" in text["paper"]) == ("chosen_by" in settings)
