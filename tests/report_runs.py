"""Run folders with made-up predictions, ready for a report, and what a browser makes of the page."""

import atexit
import os
import shutil
from contextlib import contextmanager
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from bedside.cohort import Task
from bedside.evaluation import evaluate
from bedside.folder import Run, write_json, write_table, write_yaml
from bedside.settings import EvaluationSettings, RunSettings, build

NASTY = '<script>alert("x")</script>'
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


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
        "format": 2, "versions": {"bedside": "0.1.0", "python": "3.11"}, "device": "cpu", "threads": 1, "seed": 0,
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


@contextmanager
def chromium():
    """Chromium, or a skip with the reason; with BEDSIDE_REQUIRE_BROWSER=1 a missing browser is a failure.

    It is launched once in a process, because Playwright cannot be started twice; pages are closed, the browser stays.
    """
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        path, reason = None, "playwright is not installed"
    else:
        reason = f"no browser was found; install one of {', '.join(BROWSERS)}"
    if path is None:
        (pytest.fail if os.environ.get("BEDSIDE_REQUIRE_BROWSER") == "1" else pytest.skip)(reason)
    browser = launched(path)
    before = list(browser.contexts)
    yield browser
    for context in browser.contexts:
        if context not in before:
            context.close()


@cache
def launched(path):
    from playwright.sync_api import sync_playwright

    playwright = sync_playwright().start()
    atexit.register(playwright.stop)
    return playwright.chromium.launch(executable_path=path, args=FLAGS)


def open_page(browser, run, width, name="report.html"):
    """A page of the run at a width in pixels, with what it requested and complained about."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((run.path / name).as_uri())
    return page, requests, complaints
