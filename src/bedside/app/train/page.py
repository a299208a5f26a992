"""Train: what waits and runs, and the form that asks for more."""

from nicegui import context, ui

from bedside.app import parts
from bedside.app.data import drafts
from bedside.app.frame import in_thread, page, route
from bedside.app.home import home
from bedside.app.in_app import in_app
from bedside.app.state_words import STATES
from bedside.app.train.job_page import JobPage, draw_buttons
from bedside.app.train.train_form import TrainForm
from bedside.app.words import t, tongue
from bedside.errors import BedsideError
from bedside.jobs import Job

SECONDS = 1.0


def register() -> None:
    @route("/train")
    def queue() -> None:
        with page(t("Train")):
            parts.tag(
                "p",
                t(
                    "One training at a time, in the order in which they were asked for. They go on if you close this page."
                ),
                "lead",
            )
            parts.link(t("Train on other data"), "/data", kind="primary")
            _Queue().draw()

    @route("/train/{id}")
    async def form(id: str) -> None:
        try:
            draft = drafts.load(id, home().drafts)
        except BedsideError as error:
            draft = None
            words = str(error)
        if draft is None or not draft.facts:
            with page(t("Train")):
                parts.notice(words if draft is None else t("Look at what the columns are for first."), "warning")
                parts.link(t("Choose data"), f"/data/{id}" if draft else "/data", kind="primary")
            return
        with page(t("Train on {name}", name=draft.name)):
            await context.client.connected()
            form = TrainForm(draft)
            await in_thread(form.load)
            form.draw()

    @route("/train/job/{id}")
    def job(id: str) -> None:
        try:
            found = home().jobs.job(id)
        except BedsideError as error:
            with page(t("Train")):
                parts.notice(str(error), "warning")
                parts.link(t("All trainings"), "/train", kind="primary")
            return
        with page(t("{name}, training", name=found.label), wide=True):
            JobPage(found).draw()


class _Queue:
    """The list of trainings, drawn anew when something in it changes."""

    def __init__(self) -> None:
        self.known: list[tuple[str, str]] = []

    def draw(self) -> None:
        self.place = parts.tag("section", aria_label=t("Trainings"))
        self.update()
        ui.timer(SECONDS, self.update)

    def update(self) -> None:
        jobs = [job for job in home().jobs.jobs() if job.kind == "train"]
        seen: list[tuple[str, str]] = [(job.id, job.state) for job in jobs]
        if seen == self.known and self.place.default_slot.children:
            return
        self.known = seen
        self.place.clear()
        with self.place:
            if not jobs:
                parts.tag("p", t("Nothing waits and nothing runs."), "soft")
                return
            with parts.tag("ul", classes="plain queue"):
                for job in reversed(jobs):
                    self._line(job)

    def _line(self, job: Job) -> None:
        with parts.tag("li", classes=f"card {job.state}"):
            with parts.tag("div"):
                parts.tag("h2", job.label)
                family = job.settings.get("family", "")
                parts.tag("p", f"{family} · {t(STATES[job.state])}" if family else t(STATES[job.state]), "soft")
                if job.error:
                    words = in_app(job.error)
                    parts.tag("p", words, lang=tongue(words))
            with parts.tag("div", classes="buttons"):
                parts.link(
                    t("Open"), f"/train/job/{job.id}", kind="button", aria_label=t("Open {name}", name=job.label)
                )
                draw_buttons(job, self.update)
