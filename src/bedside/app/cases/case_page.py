"""One case, opened: why it got its score, what else is known of it, and what people write about it."""

from collections.abc import Callable

from bedside.app import parts
from bedside.app.cases.case_rows import Cases
from bedside.app.cases.contribution_bars import contribution_bars, in_words
from bedside.app.cases.notes import LONGEST, read_notes, write_note
from bedside.app.frame import in_thread, tell
from bedside.app.opened import Opened
from bedside.app.pictures import Seen, address
from bedside.app.why import why_of_case
from bedside.app.words import later, t
from bedside.errors import BedsideError
from bedside.explain.contributions import METHODS
from bedside.reasons import Reasons

Row = dict[str, object]


async def inside(run: Opened, cases: Cases, row: Row, written: Callable[[str], None]) -> None:
    """Draw it; `written` hears what was kept as its note."""
    with parts.tag("div", classes="inside"):
        with parts.tag("div"):
            await _why(run, row)
        with parts.tag("div"):
            parts.tag("h3", t("Known of this sample"))
            _facts(cases, row)
            _note(run, str(row["sample"]), written)


async def _why(run: Opened, row: Row) -> None:
    parts.tag("h3", t("Where the evidence lies") if run.pictured else t("What led to this score"))
    place = parts.live()
    with place:
        parts.tag("p", t("Being computed …"), "soft")
    try:
        found = await in_thread(_explained, run, row)
    except BedsideError as error:
        found = str(error)
    place.clear()
    with place:
        parts.notice(found) if isinstance(found, str) else draw_why(found)


def _explained(run: Opened, row: Row) -> Reasons | Seen | str:
    if not run.explainable:
        return t("This family looks at no single column or place, so nothing can be said of a single case.")
    return why_of_case(run, row)


def draw_why(found: Reasons | Seen) -> None:
    """What led to a score."""
    _draw_reasons(found) if isinstance(found, Reasons) else _draw_seen(found)


def _draw_reasons(found: Reasons) -> None:
    """Bars from the score of an average training sample to that of this one."""
    ends = (t("an average training sample"), t("this sample"))
    svg = contribution_bars(found, ends, t("all other columns"))
    parts.drawing(svg, t("What each column contributed: {list}", list="; ".join(in_words(found))))
    of = t("In units of the score of {name}", name=found.of) if found.of else t("In units of the prediction")
    raw = f" ({t('before recalibration')})" if found.raw else ""
    parts.tag("small", f"{of}{raw}. {t(HOW[found.how])}" if found.how in HOW else f"{of}{raw}.")


def _draw_seen(found: Seen) -> None:
    """The image, and the same with its evidence; of what is drawn by lines its evidence alone, because it hides nothing."""
    method = t(MAPS.get(found.method, found.method))
    lines = found.image.startswith(b"<svg")
    colours = t("Evidence by {method}: orange speaks for it, blue against it", method=method)
    bright = t("Evidence by {method}: the brighter, the more", method=method)
    shown = [(found.map, colours)] if lines else [(found.image, t("As the network saw it")), (found.map, bright)]
    with parts.tag("div", classes="pair wide" if lines else "pair"):
        for picture, words in shown:
            with parts.tag("figure"):
                parts.tag("img", src=address(picture), alt=words)
                parts.tag("figcaption", words)


def _facts(cases: Cases, row: Row) -> None:
    facts = [(t("Patient"), str(row["patient"])), (t("Fold"), str(int(row["fold"]) + 1))]  # type: ignore[call-overload]
    if len(cases.repeats) > 1:
        facts.append((t("Repeat"), str(int(row["repeat"]) + 1)))  # type: ignore[call-overload]
    facts += [(column, str(row[column])) for column in cases.groups]
    facts += [
        (t("Score of class {name}", name=name.removeprefix("score_")), f"{row[name]:.4f}")
        for name in cases.task.score_columns()
        if cases.task.classes
    ]
    with parts.tag("dl", classes="known"):
        for name, value in facts:
            parts.tag("dt", name)
            parts.tag("dd", value)


def _note(run: Opened, sample: str, written: Callable[[str], None]) -> None:
    known = read_notes(run.run.path).get(sample, {})
    text = {"now": known.get("text", "")}
    with parts.tag("div", classes="field"):
        label = parts.tag("label", t("Note"))
        box = parts.tag("textarea", maxlength=LONGEST, rows=4, **parts.typed(text["now"]))
        label.props["for"] = box.props["id"] = f"note-{box.id}"
        box.on("input", lambda event: text.update(now=str(event.args)), js_handler=parts.VALUE)
        when = parts.tag("small", _when(known))

    async def keep() -> None:
        await in_thread(write_note, run.run.path, sample, text["now"])
        kept = read_notes(run.run.path).get(sample, {})
        parts.say(when, _when(kept))
        written(kept.get("text", ""))
        tell(t("The note is kept in the run.") if kept else t("The note is gone."))

    parts.button(t("Keep the note"), keep, label=t("Keep the note on {sample}", sample=sample))


def _when(note: dict[str, str]) -> str:
    return (
        t("Written {when}", when=note["when"][:16].replace("T", " "))
        if note
        else t("Kept in the run folder, as notes.json and notes.csv.")
    )


MAPS = {
    "grad-cam": "Grad-CAM",
    "integrated-gradients": later("integrated gradients"),
    "attention": later("attention rollout"),
    "reconstruction error": later("reconstruction error"),
    "denoising error": later("denoising error by class"),
    "occlusion": later("occlusion"),
}
HOW = {
    METHODS["integrated gradients"]: later("Integrated gradients of the score, from an average sample of training."),
    METHODS["sampled Shapley values"]: later("Shapley values by sampling, against samples of training."),
}
