"""Forest plots: one row per group, the same for a phone, and the line of all patients through them."""

from typing import Any

from bedside.cohort import Estimate, level_text
from bedside.evaluation.metrics import HEADLINE
from bedside.folder import Run
from bedside.report.interval_rows import IntervalRow, interval_rows
from bedside.report.style import Drawing, short
from bedside.report.words import find, metric_name

Pair = tuple[Drawing, Drawing]  # for a page, and for a phone


def group_figures(run: Run) -> list[Pair]:
    """A forest plot of the headline metric for each column of groups that has two to show."""
    groups = run.estimates.get("subgroups")
    if not groups:
        return []
    metric = HEADLINE[run.estimates["task"]["kind"]]
    names = _names([column["column"] for column in groups["columns"]])
    drawn = (_forest(run, column, names[column["column"]], metric, groups) for column in groups["columns"])
    return [pair for pair in drawn if pair]


def headline_of(group: dict[str, Any], metric: str) -> Estimate | None:
    """The estimate of a metric in a group; None if it is hidden."""
    records = (e for e in group["estimates"] if e["metric"] == metric and e["of"] in ("", "macro"))
    found = next((Estimate.from_dict(record) for record in records), None)
    return found if found is not None and found.value is not None else None


def _forest(run: Run, column: dict[str, Any], name: str, metric: str, groups: dict[str, Any]) -> Pair | None:
    known = [(group, estimate) for group in column["groups"] if (estimate := headline_of(group, metric))]
    overall = find(run.estimates, metric)
    if len(known) < 2 or overall is None or overall.value is None:
        return None
    positive = run.estimates["task"]["positive"]
    rows = [IntervalRow((short(g["name"], 30), _size(g, positive)), e, e.text()) for g, e in known]
    rows.append(
        IntervalRow(("all patients", _size({"n": run.estimates["n"]}, positive)), overall, overall.text(), hollow=True)
    )
    summary = (groups["sites"] or {}).get("summary") if column["column"] == "site" else None
    if summary:
        for words, key in (("mean of the sites", "mean"), ("expected in a new site", "new_site")):
            estimate = Estimate.from_dict(summary[key])
            rows.append(
                IntervalRow(
                    (words, f"{len(summary['sites'])} sites"), estimate, estimate.text(), faint=True, hollow=True
                )
            )
    label = metric_name(metric)
    options: dict[str, Any] = {
        "heads": (column["column"], f"patients{', class ' + short(positive, 12) if positive else ''}")
    }
    title = f"{label} by {column['column']}"
    caption = (
        f"{label} within each group with {level_text(run.estimates['level'])} intervals; the line is the {label} of all patients. "
        f"{_left_out(column, known)}{_of_sites(groups, summary) if column['column'] == 'site' else ''}"
    ).strip()
    alt = "; ".join(f"{g['name']} {e.text()}" for g, e in known) + "."
    each = [
        interval_rows(rows, metric, label, name + end, narrow=bool(end), middle=overall.value, **options)
        for end in ("", "-narrow")
    ]
    wide, narrow = (
        Drawing(name + end, title, caption, alt, svg, wide=True) for end, svg in zip(("", "-narrow"), each, strict=True)
    )
    return wide, narrow


def _size(group: dict[str, Any], positive: str | None) -> str:
    n = group["n"]
    return f"{n['patients']:,}" + (f", {n['events'][positive]:,}" if positive else "")


def _left_out(column: dict[str, Any], known: list[Any]) -> str:
    hidden = len(column["groups"]) - len(known)
    return f"{hidden} {'group is' if hidden == 1 else 'groups are'} hidden, with too few patients. " if hidden else ""


def _of_sites(groups: dict[str, Any], summary: Any) -> str:
    external = groups["sites"]["external"]
    said = "Each site was tested by a model that had not seen it. " if external else ""
    return said + ("The two last rows are the random-effects summary." if summary else "")


def _names(columns: list[str]) -> dict[str, str]:
    """Columns as names of files, each its own."""
    names: dict[str, str] = {}
    for column in columns:
        plain = "groups-" + "".join(c if c.isalnum() and c.isascii() else "-" for c in column.lower())[:40]
        names[column] = plain if plain not in names.values() else f"{plain}-{len(names)}"
    return names


def coverage_figure(run: Run) -> list[Pair]:
    """Coverage of conformal sets: everybody, each class, each group, beside the promise; none without sets."""
    found = (run.estimates.get("uncertainty") or {}).get("conformal")
    if not found or "coverage" not in found:
        return []
    rows = []
    for record in found["coverage"]:
        estimate = Estimate.from_dict(record["estimate"])
        name = (record["column"] or "all samples", short(record["name"], 30))
        rows.append(IntervalRow(name, estimate, estimate.text(), "falls short" if record["short"] else ""))
    caption = (
        f"Share of test samples whose {'interval' if run.estimates['task']['kind'] == 'regression' else 'set'} holds the truth; the line is "
        f"the promise, {level_text(found['level'])}. By group nothing is promised, and it is checked all the same."
    )
    alt = "; ".join(f"{' '.join(row.name).strip()} {row.text}" for row in rows) + "."
    wide, narrow = (
        Drawing(
            f"coverage{end}", "Do the sets hold what they promise", caption, alt,
            interval_rows(rows, "coverage", "coverage", f"coverage{end}", narrow=bool(end), middle=found["level"]), wide=True,
        )
        for end in ("", "-narrow")
    )  # fmt: skip
    return [(wide, narrow)]
