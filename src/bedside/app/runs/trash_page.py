"""The trash: runs that were deleted, to be brought back, or deleted for good after a second question."""

from nicegui import ui

from bedside.app import parts
from bedside.app.frame import in_thread, page, route
from bedside.app.home import home
from bedside.app.runs.trash import Thrown, Trash
from bedside.app.words import t


def register() -> None:
    @route("/trash")
    async def trash(thrown: str = "") -> None:
        with page(t("Trash")):
            found = await in_thread(contents)
            _Trash(found, thrown).draw()


def contents() -> list[tuple[Thrown, int]]:
    """What can be brought back, with its size in bytes."""
    return [(thrown, thrown.size) for thrown in Trash(home().folder).contents()]


class _Trash:
    """The trash on one reader's page."""

    def __init__(self, found: list[tuple[Thrown, int]], just: str) -> None:
        self.found, self.just, self.asking = found, just, False
        self.said = parts.live()

    @ui.refreshable_method
    def draw(self) -> None:
        if not self.found:
            parts.tag("p", t("The trash is empty."), "lead")
            parts.link(t("To the runs"), "/runs", kind="button")
            return
        parts.tag("p", t("Runs stay here, whole, until the trash is emptied."), "lead")
        with parts.tag("div", classes="scroll"), parts.tag("table"):
            parts.tag("caption", t("Runs in the trash"), "unseen")
            with parts.tag("thead"), parts.tag("tr"):
                for words, side in ((t("Run"), ""), (t("Deleted"), ""), (t("Size"), "num"), ("", "")):
                    parts.tag("th", words, side, scope="col")
            with parts.tag("tbody"):
                for thrown, size in self.found:
                    self._row(thrown, size)
        self._empty()

    def _row(self, thrown: Thrown, size: int) -> None:
        with parts.tag("tr", classes="new" if thrown.id == self.just else ""):
            parts.tag("th", thrown.name, scope="row")
            parts.tag("td", thrown.when[:16].replace("T", " "))
            parts.tag("td", f"{size / 1e6:.1f} MB", "num")
            with parts.tag("td", classes="acts"):
                words = t("Undo") if thrown.id == self.just else t("Restore")
                parts.button(words, lambda: self._restore(thrown.id), label=t("Restore {run}", run=thrown.name))

    def _empty(self) -> None:
        with parts.tag("div", classes="buttons"):
            if not self.asking:
                parts.button(t("Empty the trash …"), self._ask)
                return
            count = len(self.found)
            words = t("Delete everything in the trash for good, {count} in all? Nobody can bring it back.", count=count)
            with parts.notice(words, "warning"), parts.tag("div", classes="buttons"):
                parts.button(t("Delete for good"), self._delete, kind="primary")
                parts.button(t("Keep it"), self._ask).run_method("focus")

    def _ask(self) -> None:
        self.asking = not self.asking
        self.draw.refresh()

    async def _restore(self, id: str) -> None:
        place = await in_thread(Trash(home().folder).restore, id)
        await self._again(t("{run} is back.", run=place.name))

    async def _delete(self) -> None:
        gone = await in_thread(Trash(home().folder).empty)
        self.asking = False
        await self._again(t("Deleted for good: {count}.", count=gone))

    async def _again(self, words: str) -> None:
        self.found = await in_thread(contents)
        self.draw.refresh()
        self.said.clear()
        with self.said:
            parts.notice(words, "good")
