"""A report tells the numbers of its run and nothing else, needs nothing but itself, and opens anywhere."""

import json
import os
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from bedside.cohort import Estimate, Task
from bedside.errors import RunError
from bedside.evaluation import evaluate
from bedside.folder import Run, write_json, write_table, write_yaml
from bedside.report.card import write_card
from bedside.report.html import write_report
from bedside.report.panel import at_least, operating_point, panel, threshold_list
from bedside.report.words import number, percent
from bedside.settings import EvaluationSettings, RunSettings, build

NASTY = '<script>alert("x")</script>'
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


# A run folder from synthetic predictions


def predictions_of(task, *, n, folds=3, repeats=1, seed=0):
    """Scores that know something, one row per repeat and sample as test and one as validation."""
    rng = np.random.default_rng(seed)
    code = rng.integers(max(len(task.classes), 1), size=n)
    target = rng.normal(50, 10, n) if task.kind == "regression" else np.array(task.classes, dtype=object)[code]
    blocks = []
    for repeat in range(repeats):
        fold = rng.permutation(n) % folds
        rows = pd.DataFrame({"sample": [f"s{i}" for i in range(n)], "patient": [f"p{i // 2}" for i in range(n)],
                             "repeat": repeat, "fold": fold, "part": "test", "target": target})  # fmt: skip
        if task.kind == "regression":
            rows["predicted"] = target + rng.normal(0, 6, n)
        else:
            logits = 1.5 * np.eye(len(task.classes))[code] + rng.normal(size=(n, len(task.classes)))
            scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            rows[[f"score_{name}" for name in task.classes]] = scores
        blocks += [rows, rows.assign(fold=(fold + 1) % folds, part="valid")]
    return pd.concat(blocks, ignore_index=True)


def folds_of(predictions, folds=3):
    parts = [predictions[["sample", "repeat", "fold", "part"]]]
    known = predictions[predictions["part"] == "test"]
    for k in range(folds):  # with three folds, who neither tests nor validates trains
        others = known[(known["fold"] - k) % folds == 1]
        parts.append(others[["sample", "repeat"]].assign(fold=k, part="train"))
    return pd.concat(parts, ignore_index=True)[["sample", "repeat", "fold", "part"]]


def history_of(repeats):
    epochs = np.arange(1, 9)
    rows = [{"repeat": r, "fold": f, "epoch": e, "train_loss": 1 / e, "valid_loss": 1 / e + 0.01 * e, "train_auroc": 1 - 0.3 / e,
             "valid_auroc": 0.9 - 0.3 / e, "learning_rate": 1e-3, "best": int(e == 8)}
            for r in range(repeats) for f in range(3) for e in epochs]  # fmt: skip
    return pd.DataFrame(rows)


def make_run(folder, task, *, n=120, repeats=1, features=4, column=NASTY):
    """A finished training in `folder`, ready for its report; at most 1,000 patients are judged, to be quick."""
    predictions = predictions_of(task, n=n, repeats=repeats)
    scores = task.score_columns()
    baseline = predictions.assign(**(0.8 * predictions[scores] + 0.2 * predictions[scores].mean()))  # a duller twin
    some = predictions["patient"].isin([f"p{i}" for i in range(1000)])
    settings = EvaluationSettings(resamples=100)
    estimates = evaluate(predictions[some], task, settings, seed=0, baseline=baseline[some], baseline_family="logistic")
    names = [column, *(f"feature_{i}" for i in range(1, features))]
    numbers = {"kind": "number", "median": 5.25, "q25": 1.0, "q75": 9.5, "low": -3.0, "high": 20.0}
    tested = predictions[(predictions["part"] == "test") & (predictions["repeat"] == 0)]
    counts = tested["target"].value_counts() if task.classes else {}
    description = {
        "name": "synthetic", "about": {"source": NASTY, "licence": "none"}, "samples": n, "patients": n // 2,
        "roles": {"target": column, "patient": "patient", "site": None, "time": None, "subgroups": []},
        "task": {"kind": task.kind, "classes": list(task.classes), "positive": task.positive},
        "target": [{"class": c, "samples": int(counts[c]), "patients": int(counts[c])} for c in task.classes]
        or {"median": 50.0, "low": 20.0, "high": 80.0, "q25": 43.0, "q75": 57.0},
        "sites": [], "linked": {"groups": 1, "samples": 2},
        "features": [{"name": name, "missing": i % 3, **numbers} for i, name in enumerate(names)],
    }  # fmt: skip
    asked = {
        "source": "table.csv",
        "data": {"target": column},
        "folds": {"scheme": "crossval", "number": 3, "repeats": repeats},
    }
    write_yaml(folder / "settings.yaml", build(RunSettings, asked).acting())
    write_json(folder / "environment.json", {
        "format": 1, "versions": {"bedside": "0.1.0", "python": "3.11"}, "device": "cpu", "threads": 1, "seed": 0,
        "data_fingerprint": "0" * 64, "git": None, "started": "2026-11-22T10:15:00+01:00", "wall_seconds": 3.2, "platform": "any",
    })  # fmt: skip
    write_json(folder / "estimates.json", estimates)
    write_json(folder / "description.json", description)
    write_json(folder / "findings.json", [
        {"level": "warning", "code": "identifier", "message": f"{column} looks odd.", "remedy": "Look at it.", "columns": [column]}
    ])  # fmt: skip
    write_table(folder / "predictions.csv", predictions)
    write_table(folder / "baseline.csv", baseline)
    write_table(folder / "folds.csv", folds_of(predictions))
    write_table(folder / "cohort.csv", tested[["sample", "patient", "target"]])
    write_table(folder / "history.csv", history_of(repeats))
    return Run(folder)


BINARY = Task("binary", ("healthy", "ill"))
TASKS = {
    "binary": BINARY,
    "multiclass": Task("multiclass", ("a", "b", "<i>c</i>")),
    "regression": Task("regression"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One reported run per kind of task."""
    made = {}
    for kind, task in TASKS.items():
        made[kind] = make_run(tmp_path_factory.mktemp(kind), task)
        write_card(made[kind])
        write_report(made[kind])
    return made


class Page(HTMLParser):
    """What a browser would make of the page: elements with their attributes, and text by data-metric."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.metrics, self._row = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.elements.append((tag, found))
        if "data-metric" in found:
            self._row = (found["data-metric"], found["data-of"])
            self.metrics[self._row] = ""
        elif tag == "tr":
            self._row = None

    def handle_data(self, data):
        if self._row:
            self.metrics[self._row] += data


def page_of(run):
    return Page((run.path / "report.html").read_text(encoding="utf-8"))


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
    assert text[first : text.index("</ol>", first)].count("<li>") == len(runs[kind].estimates["sentences"])


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
        assert len(named) == len(figures) == len(files)
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
    write_card(Run(run.path))
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


# In a browser


@pytest.fixture(scope="module")
def browser():
    """Chromium, or a skip with the reason; with BEDSIDE_REQUIRE_BROWSER=1 a missing browser is a failure."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path, reason = None, "playwright is not installed"
    else:
        reason = f"no browser was found; install one of {', '.join(BROWSERS)}"
    if path is None:
        (pytest.fail if os.environ.get("BEDSIDE_REQUIRE_BROWSER") == "1" else pytest.skip)(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


def open_page(browser, run, width):
    """The report at a width in pixels, with what it requested and complained about."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((run.path / "report.html").as_uri())
    return page, requests, complaints


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
