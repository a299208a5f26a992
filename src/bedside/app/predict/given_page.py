"""A file of samples on the page: dropped, scored at once or in line, and its scores to look at and to keep."""

from urllib.parse import quote

import pandas as pd
from nicegui import ui

from bedside.app import parts
from bedside.app.frame import in_thread
from bedside.app.home import home
from bedside.app.opened import Opened
from bedside.app.predict.answer import answer
from bedside.app.predict.answer_page import draw_answer
from bedside.app.predict.familiar import draw_familiar
from bedside.app.predict.given import as_csv, forget, forget_source, given, scored
from bedside.app.predict.score_table import rows_of
from bedside.app.words import later, t
from bedside.jobs import Job
from bedside.seen_before import SeenBefore

SECONDS = 1.0  # between two looks at a job
STATES = {
    "waiting": later("It waits in line."),
    "running": later("It is being scored."),
    "stopping": later("It is being stopped."),
    "stopped": later("It was stopped."),
    "failed": later("It failed."),
    "finished": later("It is done."),
}


def drop(run: Opened, words: str) -> None:
    """A place for files; what comes leads to the page of its answer."""
    here = quote(run.run.path.name, safe="")
    said = {
        "data_sending": t("Taking in {total} files", total="{total}"),
        "data_reading": t("Reading ..."),
        "data_lost": t("The server did not answer. Is bedside still running?"),
        "data_end": f"/predict/{here}/arrived/{{batch}}",
    }
    several = run.pictured and not run.molecules  # else they stand in one table
    with parts.tag("div", classes="drop", data_drop="", **said):
        parts.tag("p", words)
        with parts.tag("label", classes="button"):
            parts.tag("span", t("Choose files") if several else t("Choose a file"))
            parts.tag("input", type="file", classes="unseen", data_arrive="", multiple=several or None)
        parts.tag("progress", hidden=True, aria_label=t("Files taken in"))
        parts.tag("p", "", "status", role="status", aria_live="polite")


async def draw_given(run: Opened, batch: str, job: str) -> None:
    """The answer to what was dropped, or how far the job is that makes it."""
    if job:
        _follow(run, home().jobs.job(job))
        return
    found = await in_thread(given, batch, run.kind)
    parts.tag("p", found.name, "lead")
    if found.kind == "image":
        try:
            await draw_answer(run, await in_thread(answer, run, found.path))
        finally:
            forget(batch)
    elif found.small:
        try:
            prediction, seen = await in_thread(scored, run, found)
        finally:
            forget(batch)
        draw_familiar(seen)
        _scores(run, prediction.table, [str(one) for one in prediction.findings], as_csv(prediction.table))
    else:
        asked = await in_thread(home().jobs.add_prediction, run.run.path, found.path, label=found.name)
        ui.navigate.to(f"/predict/{quote(run.run.path.name, safe='')}?job={asked.id}")
        return
    parts.link(t("Predict another"), f"/predict/{quote(run.run.path.name, safe='')}", kind="button")


def _follow(run: Opened, job: Job) -> None:
    """Look again and again until the job is over."""
    parts.tag("p", job.label, "lead")
    place = parts.live()

    def look() -> None:
        state = job.state
        place.clear()
        with place:
            parts.notice(t(STATES[state]), "error" if state == "failed" else "note", todo=job.error)
        if not job.over:
            return
        timer.deactivate()
        if state == "finished" and job.output is not None:
            forget_source(job.source)
            found = [event for event in job.events()[0] if event["event"] == "finished"]
            with place:
                for event in found:
                    if "seen" in event:  # those of an older bedside say nothing of it
                        draw_familiar(SeenBefore(**event["seen"]))
                said = [one["message"] for event in found for one in event["findings"]]
                _scores(run, pd.read_csv(job.output), said, job.output.read_bytes())

    timer = ui.timer(SECONDS, look)


def _scores(run: Opened, table: pd.DataFrame, findings: list[str], csv: bytes) -> None:
    for sentence in findings:
        parts.notice(sentence, "note")
    facts = [t("Samples: {count}", count=f"{len(table):,}")]
    if "decision" in table:
        facts += [
            t("decided {name}: {count}", name=name, count=f"{count:,}")
            for name, count in table["decision"].value_counts().items()
        ]
    if "unusual" in table:
        facts.append(t("unlike training: {count}", count=f"{int(table['unusual'].sum()):,}"))
    parts.tag("p", " · ".join(facts))
    name = f"{run.run.path.name}-scores.csv"
    with parts.tag("div", classes="buttons"):
        parts.button(t("Save the scores as CSV"), lambda: ui.download.content(csv, name, "text/csv"), kind="primary")
    heads, rows, numbers = rows_of(table, run.scorer.model.task.classes)
    more = t("The first {shown} of {count}", shown=len(rows), count=f"{len(table):,}")
    parts.table(heads, rows, caption=more if len(table) > len(rows) else t("Scores"), numbers=numbers)
