"""Operating point: another threshold and another prevalence, and everything that follows from them."""

from pathlib import Path
from urllib.parse import quote

import numpy as np
from nicegui import ui

from bedside.app import parts
from bedside.app.dots import dots
from bedside.app.frame import in_thread, page, route
from bedside.app.home import home
from bedside.app.metric_words import name_of, number_of
from bedside.app.operating.charts import draw_charts
from bedside.app.operating.point import Operating, Point
from bedside.app.operating.sliders import number_typed, slider
from bedside.app.runs.choose_run import choose_run
from bedside.app.runs.run_page import estimate
from bedside.app.words import t
from bedside.cohort import level_text, minus, share_text
from bedside.folder import Run
from bedside.report.operating import point
from bedside.report.panel import threshold_list

LOWEST, HIGHEST = 0.001, 0.999  # prevalence


def register() -> None:
    @route("/operating")
    async def choose() -> None:
        with page(t("Operating point")):
            lead = t("Whose threshold do you want to move? Only models that choose between two classes have one.")
            await choose_run("/operating", lead, lambda row: row.binary)

    @route("/operating/{name}")
    async def operating(name: str) -> None:
        with page(t("Operating point of {run}", run=name), wide=True):
            run = home().run(name)
            run.require_finished()
            found = await in_thread(_read, run.path)
            _Page(found).draw()


def _read(path: Path) -> Operating:
    found = Operating(Run(path))
    found.at(None, found.prevalence), found.curves
    return found


class _Page:
    """The page of one reader: where the sliders stand; None is the frozen threshold."""

    def __init__(self, model: Operating) -> None:
        self.model = model
        self.threshold: float | None = None
        self.prevalence = model.prevalence
        self.steps = threshold_list(model.score, model.middle)
        self.start = int(np.searchsorted(self.steps, model.middle))
        self.level = level_text(model.level)

    def draw(self) -> None:
        parts.tag("p", t("Who would be found, missed and alarmed if the score had to be higher or lower?"), "lead")
        with parts.tag("div", classes="beside"):
            with parts.tag("div"):
                self._sliders()
                self._state()
                self._how_chosen()
            with parts.tag("div", classes="follows"):
                self._patients()
        self._numbers()
        self._charts()
        here = quote(self.model.run.path.name, safe="")
        with parts.tag("div", classes="buttons"):
            parts.link(t("To the run"), f"/runs/{here}", kind="quiet")

    def _sliders(self) -> None:
        with parts.tag("div", classes="sliders"):
            self.line, self.number = slider(
                t("Threshold"), t("A score at or above it is an alarm."), (0, len(self.steps) - 1, 1), self.start,
                _written(self.model.middle), self._slide_threshold, self._type_threshold,
            )  # fmt: skip
            self.share, self.percent = slider(
                t("Prevalence, in %"), t("How many out of 100 have the condition where the model is used; here it was {share}.", share=share_text(self.model.prevalence)),
                (1000 * LOWEST, 1000 * HIGHEST, 1), round(1000 * self.prevalence), f"{100 * self.prevalence:.1f}",
                self._slide_prevalence, self._type_prevalence,
            )  # fmt: skip
        with parts.tag("div", classes="buttons"):
            parts.button(t("Back to the frozen threshold"), self._reset)

    def _slide_threshold(self, value: str) -> None:
        place = min(max(int(float(value)), 0), len(self.steps) - 1)
        self.threshold = None if place == self.start else float(self.steps[place])
        parts.put(self.number, _written(self.here))
        self._follow()

    def _type_threshold(self, value: str) -> None:
        typed = number_typed(value, t("Threshold"), 0, 1)
        self.threshold = None if _written(typed) == _written(self.model.middle) else typed
        parts.put(self.line, self.place)
        self._follow()

    def _slide_prevalence(self, value: str) -> None:
        self.prevalence = min(max(float(value) / 1000, LOWEST), HIGHEST)
        parts.put(self.percent, f"{100 * self.prevalence:.1f}")
        self._follow()

    def _type_prevalence(self, value: str) -> None:
        self.prevalence = number_typed(value, t("Prevalence, in %"), 100 * LOWEST, 100 * HIGHEST) / 100
        parts.put(self.share, round(1000 * self.prevalence))
        self._follow()

    def _reset(self) -> None:
        self.threshold, self.prevalence = None, self.model.prevalence
        for control, value in (
            (self.line, self.place),
            (self.number, _written(self.here)),
            (self.share, round(1000 * self.prevalence)),
            (self.percent, f"{100 * self.prevalence:.1f}"),
        ):
            parts.put(control, value)
        self._follow()

    @property
    def here(self) -> float:
        """The threshold where the slider stands."""
        return self.model.middle if self.threshold is None else self.threshold

    @property
    def place(self) -> int:
        """The step of the slider that is nearest to it."""
        return int(np.abs(self.steps - self.here).argmin())

    def _follow(self) -> None:
        """Everything on the page follows; a control that is being moved is left alone."""
        here = self.here
        for control, words in (
            (self.line, t("threshold {value}", value=_written(here))),
            (self.share, t("prevalence {share} percent", share=f"{100 * self.prevalence:.1f}")),
        ):
            control.props["aria-valuetext"] = words
            control.update()
        for part in (self._state, self._patients, self._numbers, self._charts):
            part.refresh()

    @property
    def now(self) -> Point:
        return self.model.at(self.threshold, self.prevalence)

    @ui.refreshable_method
    def _state(self) -> None:
        with parts.tag("div", role="status"):
            if self.threshold is not None:
                parts.notice(
                    t("You are choosing a threshold on the test patients. What it reaches on them is no honest estimate: it was not frozen before they were scored."),
                    "warning", todo=t("To use another threshold, choose its rule before training, in the settings of the evaluation."),
                )  # fmt: skip
            else:
                several = len(self.model.frozen)
                words = (
                    t("The frozen threshold.")
                    if several == 1
                    else t("The frozen thresholds, each fold with its own; the slider shows their mean.")
                )
                parts.notice(words, "good")

    def _how_chosen(self) -> None:
        known = point(self.model.run)
        if known:
            with parts.tag("details"):
                parts.tag("summary", t("How the threshold was chosen"))
                parts.tag("p", minus(known["sentence"]), lang="en")
                if known["problem"]:
                    parts.tag("p", known["problem"], lang="en")

    @ui.refreshable_method
    def _patients(self) -> None:
        now = self.now
        parts.tag("h2", t("Out of 1,000 patients like these"), "first")
        said = t("Of 1,000 patients {found} are found, {missed} missed, {alarms} falsely alarmed and {quiet} left in peace.",
                 found=now.dots["tp"], missed=now.dots["fn"], alarms=now.dots["fp"], quiet=now.dots["tn"])  # fmt: skip
        parts.drawing(dots(now.dots), said)
        with parts.tag("div", classes="quarters"):
            for kind, cell, words in (
                ("tp", "found", t("found")), ("fn", "missed", t("missed")),
                ("fp", "false_alarms", t("false alarms")), ("tn", "left_in_peace", t("left in peace")),
            ):  # fmt: skip
                with parts.tag("div", classes=kind):
                    parts.tag("i", aria_hidden="true")
                    parts.tag("span", words)
                    parts.tag("b", str(now.dots[kind]), data_part=kind)
                    parts.tag("small", _between(now.per_1000[cell]), "soft")

    @ui.refreshable_method
    def _numbers(self) -> None:
        now, share = self.now, _percent(self.prevalence)
        parts.tag("h2", t("What that means"))
        with parts.tag("div", classes="estimates"):
            for metric, meaning in (
                ("sensitivity", t("share of those with the condition who are found")),
                ("specificity", t("share of those without the condition who are left in peace")),
                ("ppv_at_prevalence", t("share of alarms that are right, at a prevalence of {share}", share=share)),
                ("npv_at_prevalence", t("share of all-clears that are right, at a prevalence of {share}", share=share)),
            ):
                name = name_of(metric.removesuffix("_at_prevalence"))
                with parts.tag("div", data_metric=metric):
                    estimate(name, number_of(now.estimates[metric]), meaning)
        counts = now.counts
        parts.tag(
            "p",
            t(
                "Counted on the tested samples: {tp} found, {fn} missed, {fp} false alarms, {tn} left in peace. Intervals: {level}.",
                **counts,
                level=self.level,
            ),
            "soft",
        )

    @ui.refreshable_method
    def _charts(self) -> None:
        draw_charts(self.model, self.now, self.model.at(None, self.prevalence))


def _written(threshold: float) -> str:
    return f"{threshold:.4g}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}\u00a0%"


def _between(cell: list[float | None]) -> str:
    """The interval of a count out of 1,000."""
    _, low, high = cell
    return "" if low is None or high is None else t("{low} to {high}", low=round(low), high=round(high))
