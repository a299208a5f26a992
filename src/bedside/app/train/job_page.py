"""A training as it happens: where it stands, its curves, and, at the end, what came out."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

from bedside.app import parts
from bedside.app.frame import in_thread
from bedside.app.home import home
from bedside.app.in_app import in_app
from bedside.app.train import curve_figures
from bedside.app.train.outcome import Outcome, outcome
from bedside.app.train.told import told
from bedside.app.words import t
from bedside.cohort import minus
from bedside.errors import BedsideError
from bedside.jobs import Job, curves

SECONDS = 1.0


class JobPage:
    """Reads the job's files every second; nothing is lost if the page or the server goes away in between."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.events: list[dict[str, Any]] = []
        self.after = 0
        self.state = ""
        self.planned: tuple[str, ...] = ()
        self.offered: tuple[str, ...] | None = None  # on the buttons

    def draw(self) -> None:
        self.stage = parts.live("stage")
        with parts.tag("div", classes="going") as self.going:
            self.bar = parts.tag("progress", max=1, aria_label=t("Share of this step that is done"))
            self.detail = parts.tag("p", "", "soft")
        self.plan = parts.tag("ul", classes="plain soft plan")
        self.error = parts.tag("div")
        self.result = parts.tag("section", aria_label=t("What came out"))
        self.buttons = parts.tag("div", classes="buttons")
        with parts.tag("section", classes="curves") as self.section:
            parts.tag("h2", t("Learning curves"))
            with parts.tag("p", classes="legend soft"):
                parts.tag("span", t("training loss"), "key train")
                parts.tag("span", t("validation loss"), "key valid")
                parts.tag("span", t("epoch that is kept"), "key best")
            self.figure = ui.html("", sanitize=False).props("role=img")
        self.timer = ui.timer(SECONDS, self.update)

    async def update(self) -> None:
        try:
            new, self.after = self.job.events(self.after)
            state = self.job.state
        except (BedsideError, OSError):  # removed meanwhile
            self.timer.cancel()
            ui.navigate.to("/train")
            return
        self.events += new
        if new or state != self.state or state == "waiting":  # who waits may come to be next
            self._progress(state)
        if state != self.state:
            self.state = state
            await self._changed()

    def _progress(self, state: str) -> None:
        now = told(self.events, state, next_one=state == "waiting" and home().jobs.begins(self.job.id))
        parts.say(self.stage, now.stage)
        parts.say(self.detail, now.detail)
        self.going.set_visibility(state in ("running", "stopping") or now.stage == t("Begins in a moment"))
        self.bar.props.set_optional("value", now.share)
        self.bar.update()
        found = curves(self.events)
        drawn = curve_figures.figure(found)
        self.section.set_visibility(bool(drawn))
        self.figure.set_content(drawn)
        self.figure.props["aria-label"] = curve_figures.words(found)
        if now.plan != self.planned:
            self.planned = now.plan
            self.plan.clear()
            with self.plan:
                for line in now.plan:
                    parts.tag("li", line)

    async def _changed(self) -> None:
        self.error.clear()
        if self.job.error:
            with self.error:
                parts.notice(in_app(self.job.error), "error", title=t("It could not be finished."))
        if self.state == "finished":
            self.result.clear()
            found = await in_thread(outcome, self.job.run)
            with self.result:
                _draw_outcome(found)
            self.timer.interval = 30  # only to notice a removal
        can = offers(self.job)
        if can == self.offered:  # a button that stays keeps the focus of the keyboard
            return
        self.offered = can
        self.buttons.clear()
        with self.buttons:
            draw_buttons(self.job, self.update)
            parts.link(t("All trainings"), "/train", kind="quiet")


def offers(job: Job) -> tuple[str, ...]:
    """What can be done with a job in its state."""
    state = job.state
    return tuple(
        name
        for name, possible in (
            ("stop", state in ("waiting", "running")),
            ("resume", state in ("stopped", "failed")),
            ("remove", job.over),
        )
        if possible
    )


def draw_buttons(job: Job, after: Callable[[], Any]) -> None:
    """Buttons for all that can be done with a job."""

    async def do(what: Callable[[str], None]) -> None:
        await in_thread(what, job.id)
        result = after()
        if result is not None:
            await result

    queue, can = home().jobs, offers(job)
    if "stop" in can:
        parts.button(t("Stop"), lambda: do(queue.stop), label=t("Stop {name}", name=job.label))
    if "resume" in can:
        parts.button(t("Resume"), lambda: do(queue.resume), label=t("Resume {name}", name=job.label))
    if "remove" in can:
        parts.button(
            t("Take off the list"),
            lambda: do(queue.remove),
            kind="quiet",
            label=t("Take {name} off the list", name=job.label),
        )


def _draw_outcome(found: Outcome) -> None:
    parts.tag("p", found.headline, "headline")
    for sentence in found.sentences:
        parts.tag("p", minus(sentence), "verdict", lang="en")
    with parts.tag("div", classes="buttons"):
        parts.link(t("Open the report"), f"/runs/{found.run}/report.html", kind="primary")
        parts.link(t("Cases"), f"/cases/{found.run}", kind="button")
        parts.link(t("Predict"), f"/predict/{found.run}", kind="button")
        parts.link(t("Save the predictions"), f"/runs/{found.run}/save/predictions.csv", kind="quiet")
