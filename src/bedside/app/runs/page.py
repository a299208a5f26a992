"""Runs: what was trained, the newest first; open, compare, continue or delete."""

from collections.abc import Callable
from urllib.parse import quote, urlencode

from nicegui import ui

from bedside.app import parts
from bedside.app.frame import in_thread, page, route
from bedside.app.home import home
from bedside.app.metric_words import name_of, number_of
from bedside.app.runs import beside_page, run_page, trash_page
from bedside.app.runs.run_rows import VERDICTS, Row, row_of
from bedside.app.runs.trash import Trash
from bedside.app.state_words import STATES
from bedside.app.words import t


def register() -> None:
    run_page.register()
    beside_page.register()
    trash_page.register()

    @route("/runs")
    async def runs() -> None:
        with page(t("Runs"), wide=True):
            listed = _List(await in_thread(rows))
            listed.draw()


def rows() -> list[Row]:
    """All runs of the folder."""
    jobs = home().jobs.jobs()
    return [row_of(run, jobs) for run in home().runs()]


class _List:
    """The list on one reader's page: what is ticked, and what was just deleted."""

    def __init__(self, found: list[Row]) -> None:
        self.rows = found
        self.chosen: dict[str, None] = {}  # names in the order in which they were ticked
        self.said = parts.live()

    @ui.refreshable_method
    def draw(self) -> None:
        if not self.rows:
            parts.tag("p", t("Nothing has been trained here yet."), "lead")
            parts.link(t("Choose data"), "/data", kind="primary")
        else:
            parts.tag(
                "p",
                t("How well each model did on tested patients, whom it had not seen; intervals in brackets."),
                "lead",
            )
            self._table()
            self._compare()
        thrown = len(Trash(home().folder).contents())
        if thrown:
            parts.link(t("Trash ({count})", count=thrown), "/trash", kind="quiet")

    def _table(self) -> None:
        caption = t("Runs in this folder")
        with (
            parts.tag("div", classes="scroll", tabindex="0", role="region", aria_label=caption),
            parts.tag("table", classes="runs"),
        ):
            parts.tag("caption", caption, "unseen")
            heads = (
                ("", t("Compare")),
                (t("Run"), ""),
                (t("Patients"), ""),
                (t("How well"), ""),
                (t("In a word"), ""),
                ("", t("Actions")),
            )
            with parts.tag("thead"), parts.tag("tr"):
                for place, (words, unseen) in enumerate(heads):
                    with parts.tag("th", words or None, "num" if place == 2 else "", scope="col"):
                        if unseen:
                            parts.tag("span", unseen, "unseen")
            with parts.tag("tbody"):
                for row in self.rows:
                    with parts.tag("tr"):
                        self._row(row)

    def _row(self, row: Row) -> None:
        with parts.tag("td", classes="tickbox"):
            if row.finished:
                box = parts.tag(
                    "input",
                    type="checkbox",
                    checked=row.name in self.chosen,
                    aria_label=t("Compare {run}", run=row.name),
                )
                box.on(
                    "change",
                    lambda event, name=row.name: self._choose(name, bool(event.args)),
                    js_handler=parts.CHECKED,
                )
        with parts.tag("th", classes="name", scope="row"):
            parts.link(row.name, f"/runs/{quote(row.name, safe='')}")
            about = " · ".join(filter(None, (row.cohort, row.family, row.date)))
            parts.tag("small", about)
        parts.tag("td", f"{row.patients:,}" if row.patients else "", "num", data_head=t("Patients"))
        with parts.tag("td"):
            if row.estimate:
                parts.tag("span", f"{name_of(row.metric)} ", "soft")
                parts.tag("span", number_of(row.estimate), "figure")
        if row.finished:
            parts.tag("td", t(VERDICTS[row.verdict]))
        else:
            parts.tag("td", t(STATES[row.state]), "soft")
        with parts.tag("td", classes="acts"):
            self._actions(row)

    def _actions(self, row: Row) -> None:
        if row.finished:
            parts.link(
                t("Report"),
                report_of(row.name),
                kind="quiet",
                target="_blank",
                aria_label=t("Report of {run}", run=row.name),
            )
        elif row.queued:
            parts.link(t("Watch"), "/train", kind="quiet", aria_label=t("Watch {run}", run=row.name))
        elif row.state == "unfinished":
            parts.button(
                t("Resume"), lambda: self._resume(row.name), kind="quiet", label=t("Resume {run}", run=row.name)
            )
        if not row.busy:
            parts.button(
                t("Delete"), lambda: self._delete(row.name), kind="quiet", label=t("Delete {run}", run=row.name)
            )

    def _choose(self, name: str, ticked: bool) -> None:
        self.chosen = {**self.chosen, name: None} if ticked else {k: None for k in self.chosen if k != name}
        self._compare.refresh()

    @ui.refreshable_method
    def _compare(self) -> None:
        """The way to the comparison, once two runs are ticked."""
        finished = sum(row.finished for row in self.rows)
        if finished < 2:
            return
        with parts.tag("div", classes="buttons"):
            if len(self.chosen) >= 2:
                words = t("Compare {count} runs side by side", count=len(self.chosen))
                parts.link(words, f"/compare?{urlencode([('run', name) for name in self.chosen])}", kind="primary")
            else:
                parts.tag("p", t("Tick two runs or more to see them side by side."), "soft")

    async def _delete(self, name: str) -> None:
        thrown = await in_thread(Trash(home().folder).throw, name)
        self.chosen.pop(name, None)
        await self._again()
        offer_undo(self.said, name, lambda: self._undo(thrown.id))

    async def _undo(self, id: str) -> None:
        place = await in_thread(Trash(home().folder).restore, id)
        await self._again()
        self.said.clear()
        with self.said:
            parts.notice(t("{run} is back.", run=place.name), "good")

    async def _resume(self, name: str) -> None:
        await in_thread(run_page.resume, name)
        await self._again()

    async def _again(self) -> None:
        self.rows = await in_thread(rows)
        self.draw.refresh()


def offer_undo(place: parts.Element, name: str, undo: Callable[[], object]) -> None:
    """Says that a run is in the trash, with the way back, which takes the focus."""
    place.clear()
    with place, parts.notice(t("{run} is in the trash.", run=name)), parts.tag("div", classes="buttons"):
        button = parts.button(t("Undo"), undo)
    button.run_method("focus")


def report_of(name: str) -> str:
    return f"/runs/{quote(name, safe='')}/report.html"
