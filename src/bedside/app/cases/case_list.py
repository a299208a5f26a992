"""The cases that were asked for, page by page; each opens in place."""

from nicegui import ui
from nicegui.element import Element

from bedside.app import parts
from bedside.app.cases.case_page import inside
from bedside.app.cases.case_rows import PAGE, Cases, Wanted, pages
from bedside.app.cases.matrix import named
from bedside.app.cases.notes import read_notes
from bedside.app.dots import score_bar
from bedside.app.frame import in_thread
from bedside.app.opened import Opened
from bedside.app.pictures import address, thumbnail
from bedside.app.words import t
from bedside.errors import BedsideError

Row = dict[str, object]


class CaseList:
    """The list on one reader's page."""

    def __init__(self, run: Opened, cases: Cases) -> None:
        self.run, self.cases = run, cases
        self.wanted, self.number = Wanted(), 0
        self.asked = 0  # times that the list was drawn
        self.patients = bool(run.run.estimates["n"]["patient_column"])
        self.cuts = {(one["repeat"], one["fold"]): one["value"] for one in run.run.estimates["thresholds"]}

    async def draw(self, wanted: Wanted) -> None:
        self.wanted = wanted
        await self._draw()

    def show(self, wanted: Wanted) -> None:
        self.wanted, self.number = wanted, 0
        self._draw.refresh()

    @ui.refreshable_method
    async def _draw(self) -> None:
        self.asked += 1
        mine = self.asked
        rows = self.cases.among(self.wanted)
        last = pages(len(rows)) - 1
        self.number = min(self.number, last)
        shown: list[Row] = rows.iloc[self.number * PAGE : (self.number + 1) * PAGE].to_dict("records")  # type: ignore[assignment]
        with parts.tag("div", classes="listed"):
            parts.tag("h2", self._heading())
            words = t("Samples: {count}", count=f"{len(rows):,}")
            if self.patients:
                words += " · " + t("Patients: {count}", count=f"{rows['patient'].nunique():,}")
            parts.tag("p", words, "soft", role="status")
        if not shown:
            parts.tag("p", t("Nobody is in here."))
            return
        pictures = await in_thread(self._pictures, [str(row["sample"]) for row in shown])
        if mine != self.asked:  # another choice meanwhile: its table alone belongs here
            return
        notes = read_notes(self.run.run.path)
        self._table(shown, pictures, notes)
        if last:
            self._paging(last)

    def _heading(self) -> str:
        wanted = self.wanted
        if not wanted.decision:
            return t("All cases")
        decision = named(self.cases, wanted.decision)
        return (
            t("Truth {target}, decided {decision}", target=wanted.target, decision=decision)
            if wanted.target
            else t("Predicted {side}", side=decision)
        )

    def _pictures(self, samples: list[str]) -> dict[str, str]:
        """Small pictures as addresses that hold them; none for tables, or where the data are gone."""
        if not self.run.pictured:
            return {}
        try:
            inputs, rows = self.run.cohort.inputs, self.run.rows(samples)
            return {sample: address(thumbnail(inputs, int(row))) for sample, row in zip(samples, rows, strict=True)}
        except BedsideError:
            return {}

    def _table(self, shown: list[Row], pictures: dict[str, str], notes: dict[str, dict[str, str]]) -> None:
        numbers = self.cases.task.kind == "regression"
        heads = [(t("Sample"), "who")] + ([(t("Patient"), "")] if self.patients else [])
        heads += [(t("Truth"), "num" if numbers else ""), (t("Decision"), "")]
        heads += [(t("Predicted") if numbers else t("Score"), "num"), (t("Surprise"), "num"), (t("Note"), "")]
        with parts.tag("div", classes="scroll"), parts.tag("table", classes="cases"):
            parts.tag("caption", t("Cases; each opens to show why it got its score"), "unseen")
            with parts.tag("thead"), parts.tag("tr"):
                for words, side in heads:
                    parts.tag("th", words, side, scope="col")
            with parts.tag("tbody"):
                for row in shown:
                    self._row(row, len(heads), pictures, notes)

    def _row(self, row: Row, width: int, pictures: dict[str, str], notes: dict[str, dict[str, str]]) -> None:
        sample = str(row["sample"])
        line = parts.tag("tr", data_sample=sample)
        below = parts.tag("tr")
        with line:
            with parts.tag("th", scope="row"):
                opener = parts.tag("button", None, "opener", type="button", aria_expanded="false")
                with opener:
                    if sample in pictures:
                        parts.tag("img", src=pictures[sample], alt="")
                    parts.tag("span", sample)
            if self.patients:
                parts.tag("td", str(row["patient"]))
            self._judged(row)
            noted = parts.tag("td", t("noted") if sample in notes else "", "noted")
        below.set_visibility(False)
        with below:
            place = parts.tag("td", classes="inside-cell", colspan=width)
        opener.on("click", parts.careful(lambda: self._toggle(row, line, below, place, opener, noted)), args=[])

    def _judged(self, row: Row) -> None:
        decision = named(self.cases, str(row["decision"]))
        if self.cases.task.kind == "regression":
            parts.tag("td", f"{row['target']:g}", "num")
        else:
            parts.tag("td", str(row["target"]))
        parts.tag("td", decision, "right" if row["correct"] else "amiss")
        with parts.tag("td", classes="num"), parts.tag("span", classes="scored"):
            score = float(row["score"])  # type: ignore[arg-type]
            if self.cases.task.kind == "regression":
                parts.tag("span", f"{score:.4g}")
            else:
                cut = self.cuts.get((row["repeat"], row["fold"]))
                parts.drawing(score_bar(score, cut), t("score {score}", score=f"{score:.3f}"))
                parts.tag("span", f"{score:.3f}")
        parts.tag("td", f"{row['surprise']:{'.3f' if self.cases.task.classes else '.3g'}}", "num")

    async def _toggle(
        self, row: Row, line: Element, below: Element, place: Element, opener: Element, noted: Element
    ) -> None:
        open_now = opener.props["aria-expanded"] == "true"
        opener.props["aria-expanded"] = str(not open_now).lower()
        line.classes(remove="opened") if open_now else line.classes("opened")
        below.set_visibility(not open_now)
        opener.update()
        if open_now or place.default_slot.children:
            return
        with place:
            await inside(self.run, self.cases, row, lambda text: parts.say(noted, t("noted") if text else ""))

    def _paging(self, last: int) -> None:
        with parts.tag("nav", classes="paging", aria_label=t("Pages of cases")):
            back = parts.button(t("Back"), lambda: self._turn(-1), disabled=self.number == 0 or None)
            back.props["aria-label"] = t("Previous page of cases")
            parts.tag("span", t("Page {page} of {pages}", page=self.number + 1, pages=last + 1))
            parts.button(
                t("Next"), lambda: self._turn(1), disabled=self.number == last or None, label=t("Next page of cases")
            )

    def _turn(self, by: int) -> None:
        self.number += by
        self._draw.refresh()
