"""Which run a page is about, where the address does not say."""

from collections.abc import Callable
from urllib.parse import quote

from bedside.app import parts
from bedside.app.frame import in_thread
from bedside.app.metric_words import name_of, number_of
from bedside.app.runs.page import rows
from bedside.app.runs.run_rows import Row
from bedside.app.words import t


async def choose_run(place: str, lead: str, suits: Callable[[Row], bool] = lambda row: True) -> None:
    """Finished runs as links to `place/<run>`; with none, the way to a first one."""
    found = [row for row in await in_thread(rows) if row.finished and suits(row)]
    if not found:
        parts.tag("p", t("Nothing has been trained here yet."), "lead")
        parts.link(t("Choose data"), "/data", kind="primary")
        return
    parts.tag("p", lead, "lead")
    with parts.tag("ul", classes="choose"):
        for row in found:
            with parts.tag("li"), parts.link("", f"{place}/{quote(row.name, safe='')}"):
                parts.tag("b", row.name)
                parts.tag(
                    "span", " · ".join([row.cohort, row.family, f"{name_of(row.metric)} {number_of(row.estimate)}"])
                )
