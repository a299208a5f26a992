"""One run: what its report says at the top, and the ways into it; its pages as they lie in the folder."""

from urllib.parse import quote

from nicegui import app, ui

from bedside.app import parts
from bedside.app.frame import in_thread, page, route
from bedside.app.home import home
from bedside.app.metric_words import meaning_of, name_of, number_of
from bedside.app.runs.facts import facts
from bedside.app.runs.run_rows import Row, row_of
from bedside.app.runs.trash import Trash, run_in
from bedside.app.state_words import STATES, capital
from bedside.app.words import t
from bedside.cohort import minus
from bedside.errors import BedsideError
from bedside.folder import Run
from bedside.jobs import Job
from bedside.report.brief import sentences
from bedside.report.page import HEADLINES
from bedside.report.words import find
from bedside.web.headers import policy_text

PAGES = ("card.html", "checklist.html", "paper.html")


def register() -> None:
    @route("/runs/{name}")
    async def run(name: str) -> None:
        with page(name):
            found = home().run(name)
            row = row_of(found, home().jobs.jobs())
            if row.finished:
                _draw(found, await in_thread(sentences, found))
            else:
                _draw_unfinished(row)

    @app.get("/runs/{name}/pages/{file}")
    def pages(name: str, file: str):  # type: ignore[no-untyped-def]
        """The run's own pages, by their names and no others."""
        from fastapi import HTTPException
        from fastapi.responses import FileResponse

        try:
            place = run_in(home().folder, name) / file
        except BedsideError as error:
            raise HTTPException(404, str(error)) from None
        if file not in PAGES or not place.is_file():
            raise HTTPException(404, f"This run has no page {file!r}.")
        return FileResponse(place, media_type="text/html", headers={"Content-Security-Policy": policy_text("report")})


def _draw(run: Run, said: list[str]) -> None:
    here = quote(run.path.name, safe="")
    parts.tag("p", " · ".join(facts(run)), "lead")
    with parts.tag("div", classes="estimates"):
        for metric in HEADLINES[run.estimates["task"]["kind"]]:
            found = find(run.estimates, metric)
            if found is not None:
                estimate(name_of(metric), number_of(found), meaning_of(metric))
    with parts.tag("ul", classes="said", lang="en"):
        for sentence in said:
            parts.tag("li", minus(sentence))
    with parts.tag("div", classes="buttons"):
        parts.link(t("Open the report"), f"/runs/{here}/report.html", kind="primary", target="_blank")
        parts.link(t("Cases"), f"/cases/{here}", kind="button")
        parts.link(t("Predict"), f"/predict/{here}", kind="button")
        if run.estimates["task"]["kind"] == "binary":
            parts.link(t("Operating point"), f"/operating/{here}", kind="button")
    with parts.tag("div", classes="buttons"):
        for file, words in (
            ("card.html", t("Model card")),
            ("checklist.html", t("Checklist")),
            ("paper.html", t("Methods for a paper")),
        ):
            if (run.path / file).is_file():
                parts.link(words, f"/runs/{here}/pages/{file}", kind="quiet", target="_blank")
        parts.button(t("Delete"), lambda: _delete(run.path.name), kind="quiet")


def _draw_unfinished(row: Row) -> None:
    """How far it is, and the way on."""
    parts.tag("p", " · ".join(filter(None, (row.cohort, row.family, row.date))), "lead")
    if row.problem:
        parts.notice(row.problem, "error", title=capital(t(STATES["damaged"])))
    else:
        parts.tag("p", t("State: {state}", state=t(STATES[row.state])))
    with parts.tag("div", classes="buttons"):
        if row.queued:
            parts.link(t("Watch"), "/train", kind="primary")
        elif row.state == "unfinished":
            parts.button(t("Resume"), lambda: _resume(row.name), kind="primary")
        if not row.busy:
            parts.button(t("Delete"), lambda: _delete(row.name), kind="quiet")


def resume(name: str) -> Job:
    """Put an unfinished run in line, whoever began it."""
    return home().jobs.adopt(home().run(name).path)


async def _resume(name: str) -> None:
    job = await in_thread(resume, name)
    ui.navigate.to(f"/train/job/{job.id}")


def estimate(name: str, text: str, meaning: str = "") -> None:
    """A number large, with its interval small beside it."""
    value, _, interval = text.partition(" [")
    with parts.tag("div", classes="estimate"):
        parts.tag("span", name, "what")
        with parts.tag("span", classes="value"):
            parts.tag("b", value)
            if interval:
                parts.tag("span", f" [{interval}", "interval")
        if meaning:
            parts.tag("small", meaning)


async def _delete(name: str) -> None:
    thrown = await in_thread(Trash(home().folder).throw, name)
    ui.navigate.to(f"/trash?thrown={thrown.id}")
