"""The answer to one sample, drawn: a score with its doubts, a decision in words, reasons, and who was like this before."""

from bedside.app import parts
from bedside.app.cases.case_page import draw_why
from bedside.app.frame import in_thread
from bedside.app.opened import Opened
from bedside.app.pictures import address, thumbnail
from bedside.app.predict.answer import Answer
from bedside.app.predict.gauges import class_bars, gauge
from bedside.app.predict.nearest import Neighbour, nearest_cases
from bedside.app.why import why
from bedside.app.words import t
from bedside.cohort import minus, share_text
from bedside.errors import BedsideError


async def draw_answer(run: Opened, found: Answer, *, known: str = "") -> None:
    """Everything at once what is known at once; reasons and neighbours when they are computed.

    Args:
        run: the run.
        found: what its model says.
        known: the sample, if it is one of the run's own.
    """
    await finish_answer(run, found, begin_answer(run, found), known=known)


def begin_answer(run: Opened, found: Answer) -> parts.Element:
    """Score, decision and doubts."""
    with parts.tag("section", classes="card answer", aria_label=t("Answer")) as card:
        _warnings(found)
        _score(run, found)
        _doubt(found)
    return card


async def finish_answer(run: Opened, found: Answer, card: parts.Element, *, known: str = "") -> None:
    """Reasons and neighbours."""
    with card:
        parts.tag("h3", t("Where the evidence lies") if run.pictured else t("What led to this score"))
        why = _waiting()
        parts.tag("h3", t("Nearest training cases"))
        near = _waiting()
    await _why(run, found, why)
    await _near(run, found, near, known)


def _waiting() -> parts.Element:
    place = parts.live()
    with place:
        parts.tag("p", t("Being computed …"), "soft")
    return place


def _warnings(found: Answer) -> None:
    if found.unusual and found.distance is not None:
        parts.notice(
            t("It lies {times} times as far from the training samples as a usual patient, farther than nearly all held-out ones.", times=f"{found.distance:.1f}"),
            "warning", title=t("Unlike anything in training"), todo=t("Check the values and units; do not rely on this score."),
        )  # fmt: skip
    for sentence in found.beyond:
        parts.notice(sentence, "warning")
    if found.outside:
        parts.notice(
            t("Outside what training saw: {columns}. The score is extrapolated.", columns=found.outside), "warning"
        )


def _score(run: Opened, found: Answer) -> None:
    if found.kind == "regression":
        parts.tag("div", t("Predicted {target}", target=str(run.run.description["roles"]["target"])), "soft")
        parts.tag("div", minus(f"{found.shown:.4g}"), "score", data_score=repr(found.shown))
        target = run.run.description["target"]
        ends = (float(target["low"]), float(target["high"]))
        band = None if found.low is None or found.high is None else (found.low, found.high)
        words = (
            t("{low} lowest in training", low=minus(f"{ends[0]:.4g}")),
            t("{high} highest", high=minus(f"{ends[1]:.4g}")),
        )
        parts.drawing(
            gauge(found.shown, ends=ends, members=found.members, band=band, words=words),
            t("Where the prediction lies in the range of training"),
        )
        return
    parts.tag("div", t("Score of class {name}", name=found.of), "soft")
    parts.tag("div", f"{found.shown:.3f}", "score", data_score=repr(found.shown))
    if found.kind == "multiclass":
        parts.tag("div", t("Decision: {name}, the highest score", name=found.decision), "decision")
        parts.drawing(
            class_bars(found.scores), "; ".join(f"{name}: {score:.3f}" for name, score in found.scores.items())
        )
        return
    cut = f"{found.threshold:.3g}"
    said = {"name": found.decision, "threshold": cut}
    if found.decision == found.of:
        why = t("Decision: {name}, because the score reaches the threshold of {threshold}", **said)
    else:
        why = t("Decision: {name}, because the score stays below the threshold of {threshold}", **said)
    parts.tag("div", why, "decision")
    parts.drawing(
        gauge(found.shown, threshold=found.threshold, members=found.members),
        t("The score from 0 to 1, with a mark at the threshold of {threshold}", threshold=cut),
    )


def _doubt(found: Answer) -> None:
    """How far members disagree, and what the conformal set holds."""
    said = []
    if found.spread is not None:
        ends = [minus(f"{one:.3g}") for one in (min(found.members), max(found.members))]
        said.append(
            t(
                "The {count} members of the model say {low} to {high}.",
                count=len(found.members),
                low=ends[0],
                high=ends[1],
            )
        )
    level = "" if found.level is None else share_text(found.level)
    if found.set is not None:
        said.append(_set(found.set, level))
    if found.low is not None and found.high is not None:
        said.append(
            t(
                "The truth lies between {low} and {high} in about {level} of samples like these.",
                low=minus(f"{found.low:.4g}"),
                high=minus(f"{found.high:.4g}"),
                level=level,
            )
        )
    if found.distance is not None and not found.unusual:
        said.append(
            t("Its distance from training is {times} times that of a usual patient.", times=f"{found.distance:.2g}")
        )
    for sentence in said:
        parts.tag("p", sentence)
    for sentence in found.findings:
        parts.tag("p", sentence, "soft", lang="en")


def _set(classes: tuple[str, ...], level: str) -> str:
    if not classes:
        return t(
            "No class fits: at a promise of {level} every one is ruled out, as with a sample unlike all others.",
            level=level,
        )
    if len(classes) == 1:
        return t("At a promise of {level} only {name} is possible.", level=level, name=classes[0])
    return t("At a promise of {level} the model cannot choose between {names}.", level=level, names=", ".join(classes))


async def _why(run: Opened, found: Answer, place: parts.Element) -> None:
    try:
        if not run.explainable:
            words = t("This family looks at no single column or place, so nothing can be said of a single case.")
        else:
            explained = await in_thread(why, run, found.inputs, found.decision)
            place.clear()
            with place:
                draw_why(explained)
            return
    except BedsideError as error:
        words = str(error)
    place.clear()
    with place:
        parts.notice(words)


async def _near(run: Opened, found: Answer, place: parts.Element, known: str) -> None:
    try:
        near = await in_thread(nearest_cases, run, found.inputs)
        pictures = await in_thread(_pictures, run, near)
    except BedsideError as error:
        place.clear()
        with place:
            parts.notice(str(error))
        return
    place.clear()
    with place:
        _neighbours(run, near, pictures, known)


def _pictures(run: Opened, near: list[Neighbour]) -> list[str]:
    return [address(thumbnail(run.cohort.inputs, one.row, 96)) for one in near] if run.pictured else []


def _neighbours(run: Opened, near: list[Neighbour], pictures: list[str], known: str) -> None:
    heads = [t("Training case"), t("Outcome"), t("Distance")] + ([] if run.pictured else [t("What differs most")])
    with parts.tag("div", classes="scroll"), parts.tag("table", classes="near"):
        caption = t(
            "Distances in the last hidden layer of the first member; 1 is the distance between two training samples drawn by chance."
        )
        parts.tag("caption", caption)
        with parts.tag("thead"), parts.tag("tr"):
            for place, words in enumerate(heads):
                parts.tag("th", words, "num" if place == 2 else "", scope="col")
        with parts.tag("tbody"):
            for number, one in enumerate(near):
                with parts.tag("tr"):
                    with parts.tag("th", scope="row"):
                        if pictures:
                            parts.tag("img", src=pictures[number], alt="")
                        parts.tag(
                            "span",
                            t("{sample} (this very sample)", sample=one.sample) if one.sample == known else one.sample,
                        )
                    parts.tag("td", one.outcome)
                    parts.tag("td", f"{one.distance:.2f}", "num")
                    if not run.pictured:
                        parts.tag(
                            "td",
                            "; ".join(
                                t(
                                    "{column}: {there}, here {here}",
                                    column=d.column,
                                    there=d.there or "–",
                                    here=d.here or "–",
                                )
                                for d in one.differs
                            ),
                        )
