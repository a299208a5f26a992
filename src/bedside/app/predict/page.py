"""Predict: one new sample in a form, as an image or in SMILES, or a file of many."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nicegui import context, ui

from bedside.app import parts
from bedside.app.cases.case_rows import Cases
from bedside.app.frame import hush, in_thread, page, route
from bedside.app.home import home
from bedside.app.opened import Opened, opened
from bedside.app.predict import given
from bedside.app.predict.answer import Answer, answer, answer_of, answer_of_case
from bedside.app.predict.answer_page import begin_answer, finish_answer
from bedside.app.predict.form import Field, fields_of, frame_of, typed_from
from bedside.app.predict.given_page import draw_given, drop
from bedside.app.predict.molecule_form import MoleculeForm
from bedside.app.runs.choose_run import choose_run
from bedside.app.words import t
from bedside.cohort import minus
from bedside.errors import BedsideError, DataError


def register() -> None:
    given.register()

    @route("/predict")
    async def choose() -> None:
        with page(t("Predict")):
            await choose_run("/predict", t("Which model shall predict?"))

    @route("/predict/{name}")
    async def predict(name: str, batch: str = "", job: str = "") -> None:
        with page(t("Predict with {run}", run=name), wide=True):
            run = home().run(name)
            found = await in_thread(_read, run.path)
            ui.add_head_html('<script defer src="/static/drop.js"></script>')  # before the page is sent
            await context.client.connected()
            if batch or job:
                await draw_given(found, batch, job)
            else:
                _Page(found).draw()
            with parts.tag("div", classes="buttons"):
                parts.link(t("To the run"), f"/runs/{quote(name, safe='')}", kind="quiet")


def _read(path: Path) -> Opened:
    found = opened(path)
    found.scorer.model  # noqa: B018 - read here, in a thread
    return found


class _Page:
    """The page of one reader: what is typed, and the answer to it."""

    def __init__(self, run: Opened) -> None:
        self.run, model = run, run.scorer.model
        self.fields: list[Field] = fields_of(run.run, model.features)
        self.typed: dict[str, str] = {}
        self.lines: dict[str, tuple[parts.Element, parts.Element]] = {}
        self.cases = Cases(run.run)
        self.molecule = MoleculeForm(run, self._predict_molecule, self._example, self._outdate)
        self.turn = 0
        self.shown: parts.Element | None = None  # the answer to what stands in the form

    def draw(self) -> None:
        lead = {
            "image": t("An image that the model has not seen."),
            "signal": t("Recordings that the model has not seen."),
            "graph": t("A molecule that the model has not seen."),
            "table": t("What is not known stays empty. Below each field stands what training saw."),
        }[self.run.kind]
        parts.tag("p", lead, "lead")
        with parts.tag("div", classes="beside"):
            with parts.tag("div"):
                self._example_said = parts.live()
                if self.run.images:
                    drop(self.run, t("Drop an image here, or many, or a zip of them:"))
                elif self.run.molecules:
                    self.molecule.draw()
                elif self.run.pictured:
                    drop(
                        self.run,
                        t(
                            "Drop a file of recordings here (.npz, or a table with one row per recording), or a zip of records:"
                        ),
                    )
                else:
                    self._form()
            self.place = parts.tag("div", classes="follows", aria_live="polite")
            with self.place:
                self._invitation()
        if not self.run.pictured or self.run.molecules:
            with parts.tag("section", aria_labelledby="many"):
                parts.tag("h2", t("A file of many samples"), id="many")
                if self.run.molecules:
                    drop(self.run, t("Drop a table here with a column of molecules in SMILES:"))
                else:
                    drop(self.run, t("Drop a table here with the columns that the model learned from:"))

    def _invitation(self) -> None:
        parts.tag(
            "p",
            t(
                "The answer appears here: the score with its uncertainty, the decision, the reasons, and the training cases that are most alike."
            ),
            "soft",
        )
        if self.run.pictured and not self.run.molecules:
            with parts.tag("div", classes="buttons"):
                words = t("Show a tested image") if self.run.images else t("Show a tested recording")
                parts.button(words, self._example)

    def _form(self) -> None:
        with parts.tag("form", aria_label=t("New sample"), novalidate=True) as form:
            with parts.tag("div", classes="fields"):
                for field in self.fields:
                    self._field(field)
            with parts.tag("div", classes="buttons sticky"):
                parts.tag("button", t("Predict"), "button primary", type="submit")
                parts.button(t("Fill in a tested patient"), self._example)
                parts.button(t("Empty the form"), self._clear, kind="quiet")
        form.on("submit.prevent", parts.careful(self._predict), args=[])

    def _field(self, field: Field) -> None:
        hint = self._hint(field)
        with parts.tag("div", classes="field"):
            label = parts.tag("label")
            with label:
                parts.tag("span", field.label)
                if field.unit:
                    parts.tag("span", f" {field.unit}", "unit")
            if field.levels:
                line = parts.tag("select")
                with line:
                    for level in ("", *field.levels):
                        parts.tag("option", level or t("not known"), value=level)
            else:
                keys = "decimal" if field.kind == "number" else "text"
                line = parts.tag("input", type="text", inputmode=keys, autocomplete="off", **parts.typed(""))
            small = parts.tag("small", hint)
            beyond = parts.tag("span", "", "beyond", role="status")
            label.props["for"] = line.props["id"] = f"field-{line.id}"
            small.props["id"], beyond.props["id"] = f"hint-{line.id}", f"beyond-{line.id}"
            line.props["aria-describedby"] = f"hint-{line.id} beyond-{line.id}"
        line.props["data-column"] = field.name
        self.lines[field.name] = (line, beyond)
        line.on(
            "input", parts.careful(lambda value, field=field: self._type(field, str(value))), js_handler=parts.VALUE
        )

    def _hint(self, field: Field) -> str:
        if field.low is None or field.high is None:
            return ""
        ends = t("{low} to {high}", low=minus(field.shown(field.low)), high=minus(field.shown(field.high)))
        if field.kind == "date" or field.usual is None:
            return ends
        low, high = (minus(field.shown(end)) for end in field.usual)
        return f"{ends}; " + t("middle half {low} to {high}", low=low, high=high)

    def _type(self, field: Field, value: str) -> None:
        self.typed[field.name] = value
        self._warn(field)
        self._outdate()

    def _outdate(self) -> None:
        """An answer to what no longer stands in the form says so."""
        if self.shown is not None:
            with self.shown:
                box = parts.notice(t("The values have changed since this answer; predict again."), "warning")
            box.move(target_index=0)
            self.shown.classes("stale")
            self.shown = None
            self._example_said.clear()

    def _warn(self, field: Field) -> None:
        """Says at once what is wrong with a field, or that training never saw such a value."""
        line, beyond = self.lines[field.name]
        words, wrong = "", False
        try:
            if field.outside(self.typed.get(field.name, "")):
                words = t("Outside what training saw. Check the unit.")
        except DataError as error:
            words, wrong = str(error), True
        parts.say(beyond, words)
        beyond.classes("error") if wrong else beyond.classes(remove="error")
        if (line.props.get("aria-invalid") == "true") != wrong:
            line.props["aria-invalid"] = str(wrong).lower()
            line.update()

    def _fill(self, typed: dict[str, str]) -> None:
        self.typed = dict(typed)
        for field in self.fields:
            line, _ = self.lines[field.name]
            parts.put(line, typed.get(field.name, ""))
            self._warn(field)

    def _clear(self) -> None:
        hush()
        self.shown = None
        self._fill({})
        self._example_said.clear()
        self.place.clear()
        with self.place:
            self._invitation()

    async def _predict(self) -> None:
        def compute() -> Answer:
            if not any(value.strip() for value in self.typed.values()):
                raise DataError(t("Fill in at least one field; what is not known may stay empty."))
            return answer(self.run, frame_of(self.fields, self.typed))

        await self._show(compute, "")

    async def _predict_molecule(self) -> None:
        await self._show(lambda: answer_of(self.run, self.molecule.aligned()), "")

    async def _example(self) -> None:
        """The next tested sample: into the form, or as the image it is."""
        test = self.cases.table
        case = test.iloc[self.turn % len(test)]
        self.turn += 1
        sample = str(case["sample"])
        if not self.run.pictured:
            self._fill(await in_thread(self._typed_of, sample))
        if self.run.molecules:
            await self.molecule.fill(await in_thread(self._smiles_of, sample))
        self._example_said.clear()
        with self._example_said:
            self._about(case)
        await self._show(lambda: answer_of_case(self.run, sample), sample)

    def _typed_of(self, sample: str) -> dict[str, str]:
        row = int(self.run.rows([sample])[0])
        return typed_from(self.fields, self.run.scorer.model.features, self.run.cohort.inputs.frame.iloc[row])

    def _smiles_of(self, sample: str) -> str:
        return str(self.run.cohort.inputs.molecules[int(self.run.rows([sample])[0])].smiles)

    def _about(self, case: Any) -> None:
        words = t("Sample {sample}; the truth was {truth}. The model that tested it had not seen it and gave {score}.",
                  sample=case["sample"], truth=case["target"], score=f"{case['score']:.3g}")  # fmt: skip
        final = self.run.scorer.model.final
        todo = (
            ""
            if final == "tested"
            else t(
                "The model here has learned from this patient too, in most of its members or in all, so its answer is surer than it would be for a new one."
            )
        )
        parts.notice(words, todo=todo)

    def _bring(self) -> None:
        """Where the answer stands below the form, it comes into view."""
        ui.run_javascript(
            f"if (innerWidth <= 1000) document.getElementById('{self.place.html_id}').scrollIntoView({{block: 'start'}})"
        )

    async def _show(self, compute: Callable[[], Answer], known: str) -> None:
        """An answer, or why there is none, in the place of what stood there before."""
        hush()
        self.shown = None
        self.place.clear()
        with self.place:
            parts.tag("p", t("Being computed …"), "soft")
        try:
            found: Answer = await in_thread(compute)
        except BedsideError as error:
            self.place.clear()
            with self.place:
                parts.notice(str(error), "error")
                self._invitation()
            self._bring()
            return
        self.place.clear()
        with self.place:
            self.shown = begin_answer(self.run, found)
            self._bring()
            await finish_answer(self.run, found, self.shown, known=known)
