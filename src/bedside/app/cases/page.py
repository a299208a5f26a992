"""Cases: from the confusion matrix to the patients in it."""

from dataclasses import replace
from typing import Any, Literal, cast
from urllib.parse import quote

from nicegui import ui

from bedside.app import parts
from bedside.app.cases.case_list import CaseList
from bedside.app.cases.case_rows import Cases, Wanted
from bedside.app.cases.group_words import group_name
from bedside.app.cases.matrix import matrix
from bedside.app.drawings import residuals
from bedside.app.frame import in_thread, page, route
from bedside.app.home import home
from bedside.app.opened import Opened, opened
from bedside.app.runs.choose_run import choose_run
from bedside.app.words import later, t

ORDERS = {"surprise": later("most surprising first"), "score": later("highest score first"), "sample": later("by name")}


def register() -> None:
    @route("/cases")
    async def choose() -> None:
        with page(t("Cases")):
            await choose_run("/cases", t("Whose patients do you want to see?"))

    @route("/cases/{name}")
    async def cases(name: str) -> None:
        with page(t("Cases of {run}", run=name), wide=True):
            run = home().run(name)
            found = await in_thread(_read, run.path)
            await _Page(*found).draw()


def _read(path: Any) -> tuple[Opened, Cases]:
    run = opened(path)
    found = Cases(run.run)
    found.table, found.groups  # noqa: B018 - read here, in a thread
    return run, found


class _Page:
    """The page of one reader: what is asked for, and the parts that follow it."""

    def __init__(self, run: Opened, cases: Cases) -> None:
        self.run, self.cases = run, cases
        self.wanted = Wanted(repeat=cases.repeats[0] if len(cases.repeats) > 1 else None)
        self.list = CaseList(run, cases)

    async def draw(self) -> None:
        here = quote(self.run.run.path.name, safe="")
        lead = (
            t("Whom the model got right and whom it got wrong: the patients it was tested on, one by one.")
            if self.cases.task.classes
            else t("How near the predictions came to the truth: the patients the model was tested on, one by one.")
        )
        parts.tag("p", lead, "lead")
        with parts.tag("div", classes="overview"):
            with parts.tag("div"):
                self._matrix()
            with parts.tag("div"):
                self._filters()
        await self.list.draw(self.wanted)
        with parts.tag("div", classes="buttons"):
            parts.link(t("To the run"), f"/runs/{here}", kind="quiet")

    @ui.refreshable_method
    def _matrix(self) -> None:
        matrix(self.cases, self.wanted, self._choose)
        if self.cases.task.kind == "regression":
            shown = self.cases.among(self.wanted)
            kinds = ["right" if right else "amiss" for right in shown["correct"]]
            words = (t("truth"), t("predicted"))
            svg = (
                residuals(shown["target"].astype(float).tolist(), shown["score"].tolist(), kinds, words)
                if len(shown) > 1
                else ""
            )
            parts.drawing(
                svg,
                t(
                    "Predicted against true values of {count} samples; on the diagonal both are equal.",
                    count=len(shown),
                ),
            )

    def _filters(self) -> None:
        parts.tag("h2", t("Show"), "unseen")
        with parts.tag("div", classes="filters"):
            surprise = (
                t("Surprising is a case that the model was sure of and wrong about (log loss: minus the logarithm of the probability it gave to what was true).")
                if self.cases.task.classes
                else t("Surprise is the distance between the prediction and the truth.")
            )  # fmt: skip
            orders = {key: t(words) for key, words in ORDERS.items()}
            with parts.tag("div", classes="across"):
                parts.choice(t("Order"), orders, self.wanted.order, self._order, help=surprise)
            for column, groups in self.cases.groups.items():
                parts.choice(
                    column,
                    {"": t("all"), **{name: group_name(name) for name in groups}},
                    "",
                    lambda value, c=column: self._group(c, value),
                )
            if len(self.cases.folds) > 1:
                parts.choice(
                    t("Fold"), {"": t("all"), **{str(k): str(k + 1) for k in self.cases.folds}}, "", self._fold
                )
            if len(self.cases.repeats) > 1:
                every = {"": t("all"), **{str(k): str(k + 1) for k in self.cases.repeats}}
                parts.choice(t("Repeat"), every, str(self.wanted.repeat), self._repeat)

    def _choose(self, target: str, decision: str) -> None:
        self._now(target=target, decision=decision)

    def _order(self, value: str) -> None:
        self._now(order=cast(Literal["surprise", "score", "sample"], value if value in ORDERS else "surprise"))

    def _group(self, column: str, value: str) -> None:
        groups = {name: group for name, group in self.wanted.groups.items() if name != column}
        self._now(groups={**groups, column: value} if value else groups)

    def _fold(self, value: str) -> None:
        self._now(fold=int(value) if value.isdigit() else None)

    def _repeat(self, value: str) -> None:
        self._now(repeat=int(value) if value.isdigit() else None)

    def _now(self, **changed: Any) -> None:
        self.wanted = replace(self.wanted, **changed)
        self._matrix.refresh()
        self.list.show(self.wanted)
