"""The section of what a model of a table uses: figures, single patients, and the checks of both."""

import math
from typing import Any

from bedside.cohort import Estimate, level_text, minus, share_text
from bedside.folder import Run
from bedside.report.column_figures import dependence_figure, importance_figure
from bedside.report.style import Drawing
from bedside.report.words import number

LOOKED = 12  # columns whose share of the attention is shown
ROWS = 6  # columns of a patient that get a bar; the others share one

QUESTIONS = {
    "right and confident": "What carries the decision, when all goes well?",
    "wrong and confident": "The surest errors: what misled it?",
    "unsure": "Scores that could have gone either way: what pulled in each direction?",
    "close to the truth": "",
    "far from the truth": "The largest errors: what misled it?",
}
METHODS = {
    "integrated gradients": ("Integrated gradients", "Sundararajan et al. 2017, arXiv:1703.01365"),
    "sampled Shapley values": (
        "Shapley values by sampling",
        "Štrumbelj and Kononenko 2014, doi:10.1007/s10115-013-0679-x",
    ),
}
MEANINGS = {
    "contributions: nothing learned": "A model that has learned nothing must be explained otherwise, or the explanation shows the data and not the model (Adebayo et al. 2018, arXiv:1810.03292).",
    "importance: nothing learned": "The same for the order of columns.",
    "contributions: deletion": "If columns that contributed most matter, replacing them by those of other patients must move the score further than replacing others.",
}


def draw(run: Run) -> dict[str, list[Drawing]]:
    """Figures of the section, and their twins for a phone; none if no table was explained."""
    record = run.columns
    if record is None or not record["importance"]:
        return {"columns": [], "columns_narrow": []}
    makers = [importance_figure, *([dependence_figure] if record["dependence"] else [])]
    return {
        "columns": [make(record) for make in makers],
        "columns_narrow": [make(record, narrow=True) for make in makers],
    }


def columns(run: Run) -> dict[str, Any] | None:
    """Everything the section needs, as plain values; None if no table was explained."""
    record, sanity = run.columns, run.sanity
    if record is None or sanity is None:
        return None
    method, source = METHODS.get(record["contributions"]["method"], (record["contributions"]["method"], ""))
    checks = [_check(check) for check in sanity["checks"]]
    patients = record["patients"]
    parts = [_parts(patient) for patient in patients]
    widest = max((abs(part["contribution"]) for rows in parts for part in rows), default=1.0) or 1.0
    regression = record["headline"] == "r2"
    cards = [_card(patient, rows, widest, regression=regression) for patient, rows in zip(patients, parts, strict=True)]
    groups = list(dict.fromkeys(patient["group"] for patient in patients))
    return {
        "lead": record["sentences"][0],
        "sentences": record["sentences"][1:],
        "together": _together(record),
        "attention": _attention(record.get("attention")),
        "links": (record.get("links") or {}).get("sentences"),
        "level": level_text(record["level"]),
        "measured": record["n_measured"],
        "all": record["n_columns"],
        "checks": checks,
        "failed": [check["name"] for check in checks if check["state"] == "failed"],
        "method": method,
        "source": source,
        "how": record["contributions"]["how"],
        "what": record["contributions"]["what"],
        "again": record["trained_on_these"],
        "score": "score before recalibration" if record.get("before_recalibration") else "score",
        "groups": [
            {
                "name": name,
                "question": QUESTIONS.get(name, ""),
                "cards": [card for card in cards if card["group"] == name],
            }
            for name in groups
        ],
    }


def _attention(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """Where a transformer looks: the columns with the largest shares; None for other models."""
    if found is None:
        return None
    rows, largest = found["columns"][:LOOKED], found["columns"][0]["share"] or 1.0
    agreement = found["agreement"]
    return {
        "rows": [
            {"column": row["column"], "share": share_text(row["share"]), "bar": round(100 * row["share"] / largest, 1)}
            for row in rows
        ],
        "rest": len(found["columns"]) - len(rows),
        "itself": share_text(found["itself"]),
        "agreement": None if agreement is None else minus(f"{agreement:.2f}"),
    }


def _together(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Groups of columns from the one that costs most: names, association, the largest loss of one alone, that of all."""
    alone = {row["column"]: Estimate.from_dict(row["estimate"]) for row in record["importance"]}
    rows = []
    for group in record["groups"]:
        single = max((name for name in group["columns"] if name in alone), key=lambda name: alone[name].value or 0.0)
        rows.append(
            {
                "columns": ", ".join(group["columns"]),
                "association": f"{group['association']:.2f}",
                "single": single,
                "alone": alone[single],
                "estimate": Estimate.from_dict(group["estimate"]),
            }
        )
    return sorted(rows, key=lambda row: -(row["estimate"].value or 0.0))


def _check(check: dict[str, Any]) -> dict[str, Any]:
    """A check is passed, failed, or could not be told from so few patients or columns."""
    few = check["sentence"].startswith("Too few")
    state = "passed" if check["passed"] else "not told" if few else "failed"
    return {**check, "state": state, "meaning": MEANINGS.get(check["name"], "")}


def _parts(patient: dict[str, Any]) -> list[dict[str, Any]]:
    """The strongest contributions of a patient, and what all other columns add."""
    ordered = sorted(patient["columns"], key=lambda one: -abs(one["contribution"]))
    rest, shown = ordered[ROWS:], ordered[:ROWS]
    others = sum(one["contribution"] for one in rest) + patient["others"]
    if not rest and not patient["others"]:
        return shown
    return [*shown, {"column": "all other columns", "value": None, "contribution": others}]


def _card(patient: dict[str, Any], rows: list[dict[str, Any]], widest: float, *, regression: bool) -> dict[str, Any]:
    bars, decimals = [], _decimals(rows) if regression else 2
    for row in rows:
        width = round(50 * abs(row["contribution"]) / widest, 2)
        up = row["contribution"] >= 0
        bars.append(
            {
                "column": row["column"],
                "value": None if row["value"] is None else _cell(row["value"]),
                "x": 50.0 if up else round(50 - width, 2),
                "width": width,
                "up": up,
                "text": minus(f"{row['contribution']:+z.{decimals}f}"),
            }
        )
    right = None if regression else str(patient["target"]) == str(patient["decision"])
    return {
        "group": patient["group"],
        "sample": patient["sample"],
        "patient": patient["patient"],
        "fold": patient["fold"] + 1,
        "truth": number(patient["target"]),
        "decision": number(patient["decision"]),
        "right": right,
        "score": _plain(patient["explained"], regression=regression),
        "start": _plain(patient["start"], regression=regression),
        "bars": bars,
    }


def _cell(text: str) -> str:
    if text == "":
        return "missing"
    try:
        return number(float(text))
    except ValueError:
        return text


def _plain(value: float, *, regression: bool) -> str:
    return minus(number(value) if regression else f"{value:.2f}")


def _decimals(rows: list[dict[str, Any]]) -> int:
    """Decimals of a patient's bars in the unit of the target: three digits of the largest, alike for all."""
    largest = max((abs(row["contribution"]) for row in rows), default=0.0)
    return min(6, max(0, 2 - math.floor(math.log10(largest)))) if largest > 0 else 2
