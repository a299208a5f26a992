"""The page of a monitoring: one verdict, the columns by evidence, the patients as a whole, and outcomes if they are known."""

from pathlib import Path
from typing import Any

import numpy as np

from bedside.cohort import Estimate, level_text
from bedside.evaluation.drift import ALPHA, tenths
from bedside.evaluation.drift_verdict import OF_COLUMNS
from bedside.folder import Run
from bedside.report import methods, page
from bedside.report.words import metric_name, p_text

MOST = 60  # columns on the page; monitor.json has all
MOST_BARS = 12  # levels of a category that are drawn
WIDTH, HEIGHT = 160.0, 34.0  # of a small histogram


_MEASURED = {
    "table": "Column by column",
    "image": "Images, measured",
    "signal": "Recordings, measured",
    "graph": "Molecules, measured",
}


def write_monitor(folder: Path, record: dict[str, Any], run: Run) -> Path:
    """Write monitor.html from monitor.json's record; the folder it goes into exists.

    Raises:
        StorageError: if the disk is full.
    """
    return page.write_page(folder / "monitor.html", "monitor.html", _context(record, run), ())


def _context(record: dict[str, Any], run: Run) -> dict[str, Any]:
    outcomes = record["outcomes"]
    shown = record["columns"][:MOST]
    contents = [
        ("columns", _MEASURED[record["kind"]]),
        ("whole", "The patients as a whole"),
        *([("outcomes", "Outcomes")] if outcomes else []),
        ("findings", "Findings"),
        ("methods", "How this was done"),
        ("reproducibility", "Reproducibility"),
    ]
    return {
        "kind": "monitor",
        "cohort": run.description,
        "environment": run.environment,
        "predicted": methods.what_is_predicted(run),
        "folder": record["run"],
        "contents": contents,
        "monitor": record,
        "source": Path(record["source"]).name or record["source"],
        "facts": _facts(record, run),
        "headlines": _headlines(record),
        "columns": [_row(one) for one in shown],
        "hidden": len(record["columns"]) - len(shown),
        "whole": [_row(one) for one in record["whole"]],
        "changes": [_change(one) for one in outcomes["changes"]] if outcomes else [],
        "estimates": _estimates(outcomes["estimates"]) if outcomes else [],
        "outcomes": outcomes,
        "findings": record["findings"],
        "methods": _methods(record, run),
        "record": _record(record),
    }


def _facts(record: dict[str, Any], run: Run) -> list[tuple[str, str]]:
    n = record["n"]
    named = "" if record["patient_column"] else " (no patient column)"
    outcomes = record["outcomes"]
    return [
        ("New patients", f"{n['new_patients']:,}{named}"),
        ("New samples", f"{n['new_samples']:,}"),
        ("Known patients", f"{n['known_patients']:,}"),
        ("Outcomes", f"{outcomes['patients']:,} patients" if outcomes else "not given"),
        ("Run", record["run"]),
        ("Model", f"{run.settings.get('family', '')}, {record['final']}"),
        ("Tests", f"{record['tests']:,}, together at {level_text(record['alpha'])}"),
        ("Date", record["date"]),
    ]


def _headlines(record: dict[str, Any]) -> list[dict[str, str]]:
    drifted = sum(one["verdict"] == "drift" for one in record["columns"])
    shift = record["shift"]
    return [
        {"name": "Columns with drift", "value": f"{drifted}", "beside": f"of {len(record['columns']):,}"},
        {"name": "Shift that would be found", "value": f"{shift:.1f}" if shift else "–", "beside": "SD, 4 times in 5"},
    ]


def _row(one: dict[str, Any]) -> dict[str, Any]:
    """A column or a number of the whole, as the table shows it."""
    return {
        "name": one["name"],
        "verdict": one["verdict"],
        "words": one["words"],
        "p": p_text(one["p_adjusted"]),
        "index": _index(one),
        "picture": picture(one) if "known" in one and one["known"]["counts"] else "",
        "drift": one["verdict"] == "drift",
    }


def _index(one: dict[str, Any]) -> tuple[str, str]:
    """The stability index, and what chance alone makes of it."""
    if one.get("psi") is None:
        return "–", ""
    return f"{one['psi']:.2f}", f"chance: up to {one['psi_chance']:.2f}" if one["psi_chance"] is not None else ""


def picture(one: dict[str, Any]) -> str:
    """New patients as bars and known ones as a line, over the same bins, as SVG without any text.

    Bins of numbers hold about as many known patients each, so without drift the bars are level.
    """
    before, after = np.array(one["known"]["counts"], dtype=float), np.array(one["new"]["counts"], dtype=float)
    unseen = list(one["new"].get("unseen", {}).values())
    if "edges" in one:
        before, after = tenths(before), tenths(after)
    room = MOST_BARS - min(len(unseen), 3)
    if len(before) > room and "edges" not in one:
        before, after = (np.append(side[: room - 1], side[room - 1 :].sum()) for side in (before, after))
    n_known = len(before)
    before, after = np.append(before, np.zeros(len(unseen[:3]))), np.append(after, unseen[:3])
    shares = [side / max(1.0, side.sum()) for side in (before, after)]
    top, step = max(0.01, float(np.max(shares))), WIDTH / len(before)
    parts = []
    for k, share in enumerate(shares[1]):
        height = HEIGHT * share / top
        kind = "new" if k < n_known else "new unseen"
        parts.append(
            f'<rect class="{kind}" x="{k * step + step * 0.08:.1f}" y="{HEIGHT - height:.1f}" width="{step * 0.84:.1f}" height="{height:.1f}"/>'
        )
    places = [
        f"{k * step:.1f} {HEIGHT - HEIGHT * share / top:.1f} {(k + 1) * step:.1f}" for k, share in enumerate(shares[0])
    ]
    line = " ".join(
        f"{'M' if k == 0 else 'L'}{x} {y}H{end}" for k, (x, y, end) in enumerate(place.split() for place in places)
    )
    return (
        f'<svg class="counts" viewBox="0 -1 {WIDTH:.0f} {HEIGHT + 2:.0f}" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        f'{"".join(parts)}<path class="known" d="{line}" vector-effect="non-scaling-stroke"/></svg>'
    )


def _change(one: dict[str, Any]) -> dict[str, Any]:
    estimates: dict[str, Any] = {
        key: Estimate.from_dict(one[key]) for key in ("before", "now", "difference") if key in one
    }
    return {**_row(one), **estimates, "why": one.get("why", "")}


def _estimates(records: list[dict[str, Any]]) -> list[tuple[str, Estimate]]:
    found = [Estimate.from_dict(record) for record in records]
    return [(f"{metric_name(one.metric)}{f' of {one.of}' if one.of else ''}", one) for one in found]


def _methods(record: dict[str, Any], run: Run) -> list[dict[str, str]]:
    """What was compared and how, in the words of docs/monitoring.md."""
    unit = (
        "Each patient counts once, with one sample drawn at random."
        if record["n"]["new_samples"] != record["n"]["new_patients"]
        else "Each patient has one sample."
    )
    latent = next((one for one in record["whole"] if one.get("permutations")), None)
    alpha = level_text(record["alpha"])
    paragraphs = [
        ("Columns", f"{unit} Numbers are compared by Smirnov's test, exact within the bins that the run kept, and by Pearson's over tenths, with the price of two tests; categories by Pearson's; gaps by Fisher's exact test."),
        ("Stability index", f"Says how much changed, never whether: it is compared with what chance alone exceeds in {level_text(ALPHA)} of studies of this size (Yurdakul & Naranjo 2020)."),
        ("False alarms", f"All p-values are adjusted together by Holm's method{_shares(record)}. Without drift at most {alpha} of such pages say that there is some."),
    ]  # fmt: skip
    if latent:
        paragraphs.append(
            ("Latent space", f"Maximum mean discrepancy with a Gaussian kernel of the median distance (Gretton et al. 2012), tested by {latent['permutations']:,} permutations of whole patients.")
        )  # fmt: skip
    if record["final"] == "ensemble":
        paragraphs.append(("Scores", "Each new patient is scored by one member of the ensemble, as each known one was; the mean of members varies less and would look like drift."))  # fmt: skip
    paragraphs.append(("What this cannot say", "Finding no drift is no proof that there is none, and drift is no proof that the model does worse: only outcomes tell."))  # fmt: skip
    return [{"title": title, "text": text} for title, text in paragraphs]


def _shares(record: dict[str, Any]) -> str:
    """How the false alarms are divided, if both columns and the patients as a whole were tested."""
    columns = any(one[key] is not None for one in record["columns"] for key in ("p", "p_missing"))
    if not columns or all(one["p"] is None for one in record["whole"]):
        return ""
    first, second = (level_text(record["alpha"] * share) for share in (OF_COLUMNS, 1 - OF_COLUMNS))
    return f", with {first} for the columns and {second} for the patients as a whole"


def _record(record: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("New data", record["source"]),
        ("Run", record["run"]),
        ("Model", f"sha256 {record['model_sha256']}"),
        ("Seed", str(record["seed"])),
        ("Made by", f"bedside {record['bedside']}, {record['date']}"),
    ]
