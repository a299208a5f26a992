"""One draft on its page: first rows, images or molecules, what the columns are for, and what the checks found."""

from pathlib import Path
from typing import Any

import pandas as pd
from nicegui import ui
from nicegui.element import Element

from bedside.app import parts
from bedside.app.data import previews, reading
from bedside.app.data.checked import LEAKS, Checked, check
from bedside.app.data.columns_form import ColumnsForm
from bedside.app.data.drafts import Draft
from bedside.app.data.images_form import ImagesForm
from bedside.app.data.proposals import Proposals, propose
from bedside.app.data.reading_form import ReadingForm
from bedside.app.frame import in_thread
from bedside.app.home import home
from bedside.app.in_app import in_app
from bedside.app.state_words import TASKS, capital
from bedside.app.words import language, later, t
from bedside.cohort import Finding
from bedside.errors import BedsideError, DataError

LEVELS = {
    "error": later("This must change first"),
    "warning": later("Look at this"),
    "note": later("Good to know"),
}
IMAGE, MOLECULE = later("Image {name}"), later("Molecule {name}")
SHOWN = 4  # notes that are open; more are behind a line


class Roles:
    """Draws the page of a draft and keeps it up to date."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.frame: pd.DataFrame | None = None
        self.form: ColumnsForm | ImagesForm | None = None
        self.told = ""  # how the file was read, if that is not usual
        self.sheets: list[str] = []  # of an Excel file with several

    async def draw(self) -> None:
        self.facts = parts.tag("div")
        self.preview = parts.tag("section", aria_label=t("First samples"))
        self.fields = parts.tag("section")
        self.status = parts.live("busy")
        self.results = parts.tag("section", aria_label=t("What the checks found"))
        self.actions = parts.tag("div", classes="buttons sticky")
        if self.draft.kind == "table":
            await self._read()
        elif self.draft.kind == "images":
            await self._look()
        if self.draft.kind in ("built-in", "signals") or self.draft.confirmed:
            await self.check()
        else:
            self._act(None)

    async def _read(self) -> None:
        """The table's cells, and a form with what they suggest."""
        parts.say(self.status, t("Reading ..."))
        values = dict(self.draft.data)
        self.sheets = await in_thread(reading.sheets, Path(self.draft.source))
        try:
            if not any(name in values for name in reading.OPTIONS):
                found, self.told = await in_thread(reading.propose, Path(self.draft.source))
                values |= found
            self.frame = await in_thread(reading.read, Path(self.draft.source), values)
        except BedsideError as error:
            self._unread(values, str(error))
            return
        finally:
            parts.say(self.status, "")
        self.draft = self.draft.with_data(**values)
        decimal = str(values.get("decimal", "."))
        rows = await in_thread(previews.rows_of, self.frame, decimal=decimal)
        self._show_rows(*rows, of=len(self.frame), columns=self.frame.shape[1])
        self._show_form(await in_thread(propose, self.frame, decimal=decimal))
        assert isinstance(self.form, ColumnsForm)
        if column := self.form.values.get("smiles"):
            pictures = await in_thread(previews.molecules_in, self.frame, column)
            with self.preview:
                _thumbnails(pictures, MOLECULE)

    def _unread(self, values: dict[str, Any], why: str) -> None:
        self.fields.clear()
        with self.fields:
            parts.notice(in_app(why), "error", title=t("This file cannot be read as it is."))
            self._reading_form(values, open=True)

    def _reading_form(self, values: dict[str, Any], *, open: bool = False) -> None:
        if self.sheets or Path(self.draft.source).suffix.lower() in reading.TEXT:
            ReadingForm(values, self.read_again, self.sheets).draw(open=open)

    async def read_again(self, values: dict[str, Any]) -> None:
        """With other settings of reading."""
        cleared = dict.fromkeys(reading.OPTIONS)
        self.draft = self.draft.with_data(**{**cleared, **values}).save(home().drafts)
        self.told = ""
        await self._read()
        if self.frame is not None:
            self._act(None)

    def _show_rows(
        self, header: list[str], rows: list[list[str]], numbers: list[int], *, of: int, columns: int
    ) -> None:
        self.preview.clear()
        with self.preview:
            caption = t(
                "The first {shown} of {rows} rows; {columns} columns", shown=len(rows), rows=f"{of:,}", columns=columns
            )
            parts.table(header, rows, caption=caption, numbers=numbers, classes="preview")

    def _show_images(self, pictures: list[previews.Thumbnail], said: str = IMAGE) -> None:
        self.preview.clear()
        with self.preview:
            _thumbnails(pictures, said)

    def _show_form(self, proposals: Proposals) -> None:
        assert self.frame is not None
        agreed = {name: self.draft.data[name] for name in self.draft.data}
        values = agreed if self.draft.confirmed else {**proposals.settings(), **agreed}
        self.form = ColumnsForm([str(name) for name in self.frame.columns], values, proposals)
        self.fields.clear()
        with self.fields:
            parts.tag("h2", t("What the columns are for"))
            parts.tag("p", t("These are proposals with their reasons. Look at each, change what is wrong, then check."))
            if self.told:
                parts.notice(self.told, "note")
            self.form.draw()
            self._reading_form(self.draft.data)

    async def _look(self) -> None:
        """Images: some of them, and how their classes are known."""
        folder = Path(self.draft.source)
        if folder.is_dir():
            parts.say(self.status, t("Reading ..."))
            self._show_images(await in_thread(previews.thumbnails_below, folder))
            parts.say(self.status, "")
        self.form = ImagesForm(self.draft)
        self.fields.clear()
        with self.fields:
            self.form.draw()

    async def check(self) -> None:
        """What `bedside check` says of the data as the form describes them."""
        if self.form is not None:
            self.draft = self.draft.with_data(**self.form.values)
            if isinstance(self.form, ColumnsForm) and not self.draft.data.get("target"):
                raise DataError(t("Choose the target first: the column that the model shall predict."))
        parts.say(self.status, t("Looking for leaks, duplicates and gaps ..."))
        self.results.clear()
        self.actions.clear()
        try:
            checked = await in_thread(check, self.draft, home().drafts)
        except BedsideError as error:
            with self.results:
                parts.notice(in_app(str(error)), "error", title=t("These data cannot be used as they are."))
            self._act(None)
            return
        finally:
            parts.say(self.status, "")
        self.draft = checked.draft
        if checked.thumbnails:
            self._show_images(checked.thumbnails, MOLECULE if self.draft.facts["kind"] == "graph" else IMAGE)
        if checked.rows is not None:
            facts = self.draft.facts
            self._show_rows(*checked.rows, of=facts["samples"], columns=facts["features"] + 1)
        self._show_facts()
        self._show_findings(checked)
        self._act(checked)

    async def check_and_show(self) -> None:
        """As `check`, and what was found is brought into view."""
        await self.check()
        ui.run_javascript(f"document.getElementById('{self.results.html_id}').scrollIntoView({{block: 'start'}})")

    def _show_facts(self) -> None:
        facts = self.draft.facts
        self.facts.clear()
        with self.facts:
            if facts["title"]:
                parts.tag("p", facts["synthetic"] or facts["title"], "lead", lang="en")
            with parts.tag("dl", classes="facts"):
                _fact(t("Samples"), f"{facts['samples']:,}")
                if facts["kind"] != "graph" or facts["patients"] < facts["samples"]:  # else molecules belong to nobody
                    _fact(t("Patients"), f"{facts['patients']:,}")
                if facts["kind"] == "table":
                    _fact(t("Features"), f"{facts['features']:,}")
                _fact(t("To predict"), _goal(facts))
            if self.draft.kind != "built-in":
                self._show_task(facts)

    def _show_task(self, facts: dict[str, Any]) -> None:
        """What is predicted, for those who see that it was taken for something else."""
        with parts.tag("div", classes="fields"):
            tasks = {name: capital(t(words)) for name, words in TASKS.items()}
            parts.choice(t("Task"), tasks, facts["task"], lambda task: self._say(task=task, positive=None))
            if facts["task"] == "binary":
                help = t("{positive} is what a positive result means.", positive=facts["positive"])
                say = lambda positive: self._say(positive=positive)  # noqa: E731
                parts.choice(t("Class to detect"), facts["classes"], facts["positive"], say, help=help)

    def _show_findings(self, checked: Checked) -> None:
        with self.results:
            parts.tag("h2", t("What the checks found"))
            if not checked.findings:
                parts.notice(t("Nothing that stands in the way."), "good")
            english_words()
            notes = [found for found in checked.findings if found.level == "note"]
            for found in checked.findings:
                if found.level != "note":
                    self._finding(found)
            for found in notes[:SHOWN]:
                self._finding(found)
            if len(notes) > SHOWN:
                with parts.tag("details"):
                    parts.tag("summary", t("{count} more notes", count=len(notes) - SHOWN))
                    for found in notes[SHOWN:]:
                        self._finding(found)

    def _finding(self, found: Finding) -> None:
        with parts.notice(found.message, found.level, title=t(LEVELS[found.level]), todo=in_app(found.remedy)):
            if found.code in LEAKS and found.columns and isinstance(self.form, ColumnsForm):
                with parts.tag("div", classes="buttons"):
                    parts.button(t("Leave it out"), lambda: self._without(found.columns))
                    if found.level == "error":
                        parts.button(t("Use it all the same"), lambda: self._allow(found.columns), kind="quiet")

    async def _say(self, **data: str | None) -> None:
        if self.form is not None:
            self.form.values |= data
        self.draft = self.draft.with_data(**data)
        await self.check()

    async def _without(self, columns: tuple[str, ...]) -> None:
        assert isinstance(self.form, ColumnsForm)
        self.form.values["exclude"] = [*dict.fromkeys([*self.form.values.get("exclude", ()), *columns])]
        self.draft = self.draft.with_data(**self.form.values)
        self._show_form(self.form.proposals)
        await self.check()

    async def _allow(self, columns: tuple[str, ...]) -> None:
        assert isinstance(self.form, ColumnsForm)
        self.form.values["allow_leak"] = [*dict.fromkeys([*self.form.values.get("allow_leak", ()), *columns])]
        await self.check()

    def _act(self, checked: Checked | None) -> None:
        """The next step: to check, or to go on."""
        self.actions.clear()
        with self.actions:
            ready = checked is not None and not checked.stops
            if ready:
                parts.link(t("Go on to training"), f"/train/{self.draft.id}", kind="primary")
            if self.form is not None:
                parts.button(
                    t("Check again") if checked else t("Check these data"),
                    self.check_and_show,
                    kind="" if ready else "primary",
                )
            parts.link(t("Other data"), "/data", kind="quiet")


def english_words() -> None:
    """Says to readers of another language that what the checks say stays English."""
    if language() != "en":
        parts.tag("p", t("What the checks say is in English."), "soft")


def _thumbnails(pictures: list[previews.Thumbnail], said: str) -> None:
    with parts.tag("ul", classes="thumbnails"):
        for one in pictures:
            with parts.tag("li"):
                parts.tag("img", src=one.place, alt=t(said, name=one.name), loading="lazy")
                parts.tag("span", one.name)


def _fact(name: str, value: str) -> Element:
    with parts.tag("div") as box:
        parts.tag("dt", name)
        parts.tag("dd", value)
    return box


def _goal(facts: dict[str, Any]) -> str:
    if facts["task"] == "regression":
        return t("{target}, a number", target=facts["target"])
    counts = facts["counts"]
    shown = ", ".join(f"{name} ({counts.get(name, 0):,})" for name in reversed(facts["classes"][:6]))
    more = ", ..." if len(facts["classes"]) > 6 else ""
    return f"{facts['target']}: {shown}{more}"
