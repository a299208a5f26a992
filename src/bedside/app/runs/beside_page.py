"""Runs side by side: what was asked differently, what came out, and which difference the data support."""

from urllib.parse import quote

from bedside.app import parts
from bedside.app.frame import in_thread, page, route
from bedside.app.home import home
from bedside.app.metric_words import name_of, number_of
from bedside.app.runs.beside import NOT_ASKED, Compared, compared
from bedside.app.setting_words import label_of, named
from bedside.app.words import later, t
from bedside.cohort import Estimate, level_text, minus
from bedside.evaluation.ranking import BOOTSTRAP, DELONG, T_TEST
from bedside.report.words import p_text

VERDICTS = {
    "better": later("better"),
    "worse": later("worse"),
    "not distinguishable": later("not distinguishable"),
}


TESTS = {T_TEST: later("corrected resampled t-test"), DELONG: "DeLong", BOOTSTRAP: later("resampled patients")}


def register() -> None:
    from fastapi import Query

    @route("/compare")
    async def compare(run: list[str] = Query(default=[])) -> None:  # noqa: B008
        with page(t("Runs side by side"), wide=True):
            runs = [home().run(name) for name in dict.fromkeys(run)]
            for one in runs:
                one.require_finished()
            _draw(await in_thread(compared, runs))


def _draw(found: Compared) -> None:
    if found.why_not:
        parts.notice(found.why_not, "warning", title=t("These runs cannot be compared patient by patient"),
                     todo=t("Their estimates stand beside each other below; do not read a difference between them as a difference between the models."))  # fmt: skip
    else:
        parts.tag("p", minus(found.sentence), "lead", lang="en")
    parts.tag("h2", t("Estimates"))
    heads = [t("Estimate"), *found.names]
    rows = [[name_of(metric), *map(number_of, row)] for metric, row in found.estimates.items()]
    numbers = range(1, len(heads))
    parts.table(
        heads, rows, caption=t("On tested patients, with {level} intervals", level=_level(found)), numbers=numbers
    )
    if found.pairs:
        _pairs(found)
    parts.tag("h2", t("Settings that differ"))
    _settings(found)
    with parts.tag("div", classes="buttons"):
        for name in found.names:
            words = t("Report of {run}", run=name)
            parts.link(words, f"/runs/{quote(name, safe='')}/report.html", kind="button", target="_blank")


def _settings(found: Compared) -> None:
    """Those that all runs have at once; those of one family only when asked for."""
    if not found.settings:
        parts.tag("p", t("All settings are the same."))
        return
    heads = [t("Setting"), *found.names]
    rows = {name: [label_of(name), *(_value(name, one) for one in row)] for name, row in found.settings.items()}
    shared = [row for row in rows.values() if NOT_ASKED not in row]
    if shared:
        parts.table(heads, shared, caption=t("Everything else was asked alike"))
    own = [row for row in rows.values() if NOT_ASKED in row]
    if own:
        with parts.tag("details"):
            parts.tag("summary", t("{count} settings that not all of these runs have", count=len(own)))
            parts.table(heads, own, caption=t("A dash where the family has no such setting"))


def _value(setting: str, value: str) -> str:
    """What was asked, in words as far as the form has some."""
    return {"true": t("yes"), "false": t("no")}.get(value) or named(setting, value)


def _pairs(found: Compared) -> None:
    parts.tag("h2", t("Pair by pair, on the same patients"))
    heads = [t("First"), t("Second"), t("First minus second"), t("p, adjusted"), t("The first is")]
    rows = []
    for pair in found.pairs:
        difference = Estimate.from_dict(pair["difference"])
        rows.append(
            [
                pair["first"],
                pair["second"],
                f"{name_of(difference.metric)} {number_of(difference)}",
                t("not tested") if pair["p_adjusted"] is None else p_text(pair["p_adjusted"]),
                t(VERDICTS[pair["verdict"]]),
            ]
        )
    names = dict.fromkeys(str(pair["test"]) for pair in found.pairs)
    tests = ", ".join(t(TESTS[name]) if name in TESTS else name for name in names)
    parts.table(
        heads,
        rows,
        caption=t("Test: {test}; adjusted for the number of pairs by Holm's method", test=tests),
        numbers=(2, 3),
    )


def _level(found: Compared) -> str:
    known = [one for row in found.estimates.values() for one in row if one is not None]
    return level_text(known[0].level) if known else ""
