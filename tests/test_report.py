"""A report tells the numbers of its run and nothing else, needs nothing but itself, and opens anywhere."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest

from bedside.cohort import Estimate, Task, minus
from bedside.errors import RunError
from bedside.folder import Run, write_json
from bedside.report import brief
from bedside.report.documents import write_documents
from bedside.report.html import write_report
from bedside.report.panel import at_least, operating_point, panel, threshold_list
from bedside.report.words import number, percent
from report_runs import BINARY, TASKS, chromium, make_run, open_page, page_of

pytestmark = pytest.mark.figures


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One reported run per kind of task."""
    made = {}
    for kind, task in TASKS.items():
        made[kind] = make_run(tmp_path_factory.mktemp(kind), task)
        write_documents(made[kind], ["md"])
        write_report(made[kind])
    return made


# What the page says


@pytest.mark.parametrize("kind", TASKS)
def test_every_estimate_of_the_run_stands_in_the_tables_with_its_interval(runs, kind):
    page, run = page_of(runs[kind]), runs[kind]
    shown = {key: re.sub(r"\s+", " ", text).replace("−", "-") for key, text in page.metrics.items()}
    for record in run.estimates["estimates"]:
        text = shown[record["metric"], record["of"]]
        wanted = Estimate.from_dict(record).text()
        value, _, interval = wanted.partition(" [")
        assert value in text
        assert interval in text
    assert len(shown) == len(run.estimates["estimates"])


@pytest.mark.parametrize("kind", TASKS)
def test_report_leads_with_the_sentences_and_says_what_it_is_not(runs, kind):
    text = (runs[kind].path / "report.html").read_text(encoding="utf-8")
    assert "not a medical device" in text
    first = text.index('aria-label="In brief"')
    assert first < text.index('id="findings"')
    assert text[first : text.index("</ol>", first)].count("<li>") == len(brief.sentences(runs[kind])) <= 6


def test_columns_and_classes_cannot_act_as_html(runs):
    for run in runs.values():
        text = (run.path / "report.html").read_text(encoding="utf-8")
        assert "<script>alert" not in text
        assert "<i>c" not in text
        card = (run.path / "card.md").read_text(encoding="utf-8")
        assert "<script" not in card
        assert "<i>" not in card


def test_each_figure_is_named_for_screen_readers_and_lies_in_the_run_folder(runs):
    for run in runs.values():
        page = page_of(run)
        figures = [found for tag, found in page.elements if tag == "figure"]
        named = [found for tag, found in page.elements if tag == "svg" and found.get("role") == "img"]
        files = {path.stem for path in (run.path / "figures").glob("*.svg")}
        pairs = [found for found in figures if "both" in found["class"].split()]  # one for the page, one for a phone
        assert len(named) == len(figures) + len(pairs)
        assert {found["id"].removeprefix("figure-") for found in figures} == files
        assert all(found["aria-label"] for found in named)


def test_ids_are_unique_and_every_reference_inside_the_page_leads_somewhere(runs):
    for run in runs.values():
        page = page_of(run)
        ids = [found["id"] for _, found in page.elements if "id" in found]
        assert len(ids) == len(set(ids))
        links = [found[key] for _, found in page.elements for key in ("href", "xlink:href") if key in found]
        assert {link[1:] for link in links if link.startswith("#")} <= set(ids)


def test_headings_do_not_skip_a_level_and_tables_have_headers(runs):
    page = page_of(runs["binary"])
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    tables = sum(tag == "table" for tag, _ in page.elements)
    assert sum(tag == "thead" for tag, _ in page.elements) == tables


def test_nothing_is_loaded_from_elsewhere(runs):
    for run in runs.values():
        for tag, found in page_of(run).elements:
            assert tag not in ("iframe", "object", "embed", "base")
            for key in ("src", "srcset", "poster", "data", "action"):
                assert key not in found
            if "href" in found:
                assert found["href"].startswith("#") or (tag, found["href"]) == ("link", "data:,")


def test_same_run_same_bytes(runs):
    run = runs["binary"]
    paths = [run.path / "report.html", run.path / "card.md", *sorted((run.path / "figures").glob("*.svg"))]
    before = [path.read_bytes() for path in paths]
    write_report(Run(run.path))
    write_documents(Run(run.path), ["md"])
    assert [path.read_bytes() for path in paths] == before


def test_more_than_forty_features_show_the_most_incomplete_and_count_the_rest(tmp_path):
    run = make_run(tmp_path, BINARY, features=64)
    text = write_report(run).read_text(encoding="utf-8")
    table = text[text.index('class="features"') :].partition("</table>")[0]
    assert table.count('<th scope="row"') == 40
    assert "24 that are not shown" in text
    assert "none" not in table.partition("<tbody>")[2].partition("</tr>")[0]  # the first has missing values


def test_fifty_folds_and_long_names_are_drawn(tmp_path):
    run = make_run(tmp_path, BINARY, repeats=17, column="a_name_without_space_" * 8)
    text = write_report(run).read_text(encoding="utf-8")
    assert "Median and middle 80 % of 51 folds" in text
    assert "Patients per part in each of the 51 folds" in text


def test_twenty_classes_are_drawn_in_part_and_the_report_says_so(tmp_path):
    run = make_run(tmp_path, Task("multiclass", tuple(f"class {i}" for i in range(20))), n=400)
    text = write_report(run).read_text(encoding="utf-8")
    assert "The 15 largest of 20 classes are drawn." in text
    assert len(text) < 5_000_000


def test_hundred_thousand_predictions_are_thinned(tmp_path):
    for name in ("binary", "regression"):
        run = make_run(tmp_path / name, TASKS[name], n=50_000)
        assert len(run.predictions) == 100_000
        assert write_report(run).stat().st_size < 1_000_000


@pytest.mark.parametrize(
    "missing", ["estimates.json", "predictions.csv", "description.json", "folds.csv", "findings.json"]
)
def test_unfinished_run_is_refused_and_nothing_is_written(tmp_path, missing):
    run = make_run(tmp_path, BINARY)
    (tmp_path / missing).unlink()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RunError, match=rf"no {missing}.*not finished.*--resume"):
        write_report(Run(run.path))
    assert sorted(tmp_path.rglob("*")) == before


def test_family_without_epochs_and_without_baseline_has_a_report(tmp_path):
    run = make_run(tmp_path, BINARY)
    for name in ("history.csv", "baseline.csv"):
        (tmp_path / name).unlink()
    write_json(tmp_path / "estimates.json", {**run.estimates, "baseline": None})
    text = write_report(Run(tmp_path)).read_text(encoding="utf-8")
    assert "Learning curves" not in text
    assert 'id="baseline"' not in text


def test_card_asks_what_only_a_person_can_answer(runs):
    card = (runs["binary"].path / "card.md").read_text(encoding="utf-8")
    sections = [
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ]  # Mitchell et al. 2019
    assert re.findall(r"^## (.*)$", card, re.MULTILINE) == sections
    questions = re.findall(r"\*\*For the authors to write:\*\* (.*)", card)
    assert len(questions) >= 8
    assert all(question.endswith("?") for question in questions)


# The operating-point panel


def test_panel_counts_are_those_of_the_predictions(runs):
    run, data = runs["binary"], panel(runs["binary"])
    test = run.predictions[run.predictions["part"] == "test"]
    ill, score = (test["target"] == "ill").to_numpy(), test["score_ill"].to_numpy()
    for i, threshold in enumerate(data["thresholds"]):
        assert data["found"][i] == (score[ill] >= threshold).sum()
        assert data["alarms"][i] == (score[~ill] >= threshold).sum()
    assert data["thresholds"][data["start"]] == data["frozen"]
    assert data["frozen"] == pytest.approx(np.mean([record["value"] for record in run.estimates["thresholds"]]))


def test_a_score_on_the_threshold_is_an_alarm():
    assert at_least(np.array([0.2, 0.5, 0.5, 0.9]), np.array([0.5, 0.51])).tolist() == [3, 1]


def test_thresholds_follow_the_scores_of_a_rare_disease():
    score = np.random.default_rng(0).beta(1, 2000, 5000)
    thresholds = threshold_list(score, 0.0007)
    assert 0.0007 in thresholds
    assert ((thresholds > 0) & (thresholds < score.max())).sum() > 200
    assert (np.diff(thresholds) > 0).all()


def test_operating_point_is_bayes_rule():
    data = {"thresholds": [0.5], "found": [90], "alarms": [40], "positives": 100, "negatives": 400}
    point = operating_point(data, 0, 0.02)
    assert point["ppv"] == pytest.approx(0.9 * 0.02 / (0.9 * 0.02 + 0.1 * 0.98))
    assert point["npv"] == pytest.approx(0.9 * 0.98 / (0.9 * 0.98 + 0.1 * 0.02))
    assert [point[name] for name in ("tp", "fn", "fp", "tn")] == [18, 2, 98, 882]


def test_numbers_are_written_as_a_person_would():
    assert [number(x) for x in (3.0, 0.123456, 12345.6, None, float("nan"), "2020-01-01", True)] == [
        "3", "0.1235", "12,346", "–", "–", "2020-01-01", "True",
    ]  # fmt: skip
    assert [percent(1, 3), percent(1, 300), percent(0, 5), percent(1, 0)] == [
        "33\u00a0%",
        "0.3\u00a0%",
        "0\u00a0%",
        "–",
    ]


def test_only_numbers_get_a_minus_sign():
    said = "AUROC -0.2 [-0.31, 1e-05], -1,234 of covid-19 on 2020-01-02, 5-fold, HLA-B27, class -1"
    assert minus(said) == "AUROC −0.2 [−0.31, 1e−05], −1,234 of covid-19 on 2020-01-02, 5-fold, HLA-B27, class −1"


# In a browser


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


@pytest.mark.browser
@pytest.mark.parametrize("kind", TASKS)
def test_page_requests_nothing_complains_of_nothing_and_never_scrolls_sideways(runs, browser, kind):
    for width in (360, 800, 1400):
        page, requests, complaints = open_page(browser, runs[kind], width)
        assert [url for url in requests if not url.startswith(("data:", "file:"))] == []
        assert sum(url.startswith("file:") for url in requests) == 1
        assert complaints == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()


@pytest.mark.browser
def test_moving_the_sliders_gives_the_counts_of_the_predictions(runs, browser):
    run = runs["binary"]
    page, _, _ = open_page(browser, run, 1400)
    data = json.loads(page.locator("#panel-data").text_content())
    test = run.predictions[run.predictions["part"] == "test"]
    ill, score = (test["target"] == "ill").to_numpy(), test["score_ill"].to_numpy()

    def shown(name):
        return page.locator(f'[data-part="{name}"]').text_content()

    assert "frozen" in shown("state")
    for index, permille in ((data["start"], 300), (0, 5), (150, 500), (len(data["thresholds"]) - 1, 1000)):
        page.locator("#threshold").fill(str(index))
        page.locator("#prevalence").fill(str(permille))
        threshold, prevalence = data["thresholds"][index], permille / 1000
        sensitivity, specificity = (score[ill] >= threshold).mean(), (score[~ill] < threshold).mean()
        assert shown("sensitivity") == f"{100 * sensitivity:.1f} %"
        assert shown("specificity") == f"{100 * specificity:.1f} %"
        alarms = sensitivity * prevalence + (1 - specificity) * (1 - prevalence)
        assert shown("ppv") == (f"{100 * sensitivity * prevalence / alarms:.1f} %" if alarms > 0 else "–")
        counts = {name: int(shown(name)) for name in ("tp", "fp", "fn", "tn")}
        assert counts == {name: operating_point(data, index, prevalence)[name] for name in counts}
        assert counts["tp"] == pytest.approx(1000 * prevalence * sensitivity, abs=0.51)
        assert sum(counts.values()) == 1000
        dots = page.evaluate(
            "[...document.querySelectorAll('[data-part=dots] circle')].map(dot => dot.getAttribute('class'))"
        )
        assert {name: dots.count(name) for name in counts} == counts
    page.locator('[data-part="reset"]').click()
    assert page.locator("#threshold").input_value() == str(data["start"])
    page.close()


@pytest.mark.browser
def test_panel_works_with_the_keyboard_and_says_when_it_explores(runs, browser):
    page, _, _ = open_page(browser, runs["binary"], 800)
    before = page.locator('[data-part="threshold-value"]').text_content()
    page.locator("#threshold").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator('[data-part="threshold-value"]').text_content() != before
    assert "Exploring" in page.locator('[data-part="state"]').text_content()
    page.close()


@pytest.mark.browser
def test_print_shows_a_table_instead_of_the_panel_and_fits_the_paper(runs, browser):
    page, _, _ = open_page(browser, runs["binary"], 794)
    assert page.locator(".panel").is_visible()
    page.emulate_media(media="print")
    assert not page.locator(".panel").is_visible()
    assert page.locator(".static table").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 794
    page.close()
