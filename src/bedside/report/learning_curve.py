"""The page of a learning curve: what more training patients have brought, and whether still more are likely to help."""

from pathlib import Path
from typing import Any

from bedside.cohort import Estimate, minus, share_text
from bedside.folder import Run
from bedside.report import candidate_tables, experiment, experiment_words, page, tables
from bedside.report.candidates import Pair, fold_values, headline_of, negated, pairs_of, ranked
from bedside.report.experiment import Experiment
from bedside.report.growth_figures import growth_figure
from bedside.report.style import Drawing, calm
from bedside.report.words import metric_name, number, p_words

ANSWERS = {
    "likely": "More patients are likely to help.",
    "unlikely": "More patients of the same kind are unlikely to help much.",
    "not distinguishable": "Whether more patients would help cannot be told: not distinguishable.",
}


def write_curve(run: Run) -> Path:
    """Write `curve.html` and `figures/*.svg` into the folder of a learning curve; the same folder gives the same bytes.

    Raises:
        RunError: if the curve is not finished or a file of it is damaged.
        StorageError: if the disk is full.
    """
    opened = Experiment(run.path, "curve", "curve.json")
    drawings = draw(opened)
    context = page_context(opened, drawings)
    return page.write_page(run.path / "curve.html", "curve.html", context, experiment.to_keep(drawings))


def draw(run: Experiment) -> dict[str, list[Drawing]]:
    """The curve, once as wide as the page and once for a phone."""
    with calm():
        return {"growth": [growth_figure(run.record)], "growth_narrow": [growth_figure(run.record, narrow=True)]}


def page_context(run: Experiment, drawings: dict[str, list[Drawing]]) -> dict[str, Any]:
    """Everything the template needs, as plain values."""
    record = run.record
    growth, largest = record["growth"], record["candidates"][-1]
    pairs = pairs_of(record, ranked(record))
    return {
        **experiment.page_context(run),
        "kind": "learning curve",
        "family": str(run.settings.get("family", "model")),
        "answer": ANSWERS[growth["verdict"]],
        "sentence": growth["sentence"],
        "fact": _fact(growth["sentence"]),
        "facts": _facts(run),
        "headlines": _headlines(record),
        "contents": [
            ("findings", "Findings"), ("sizes", "Sizes"), ("growth", "Does it still grow?"), ("data", "Patients and splits"),
            ("methods", "How the numbers were made"), ("train", "Train with all patients"), ("settings", "Settings"),
            ("reproducibility", "Reproducibility"),
        ],
        "table": size_table(record, pairs),
        "planned": _planned(record),
        "fit": _fit_words(growth["fit"], largest, headline_of(largest["estimates"], record["headline"]).value),
        "tested": experiment_words.in_short([_pair_of(record, pairs)]),
        "drawings": drawings,
        "numbers": experiment.numbered(drawings["growth"]),
        "methods": experiment_words.paragraphs(run, _further(run, pairs)),
        "settings": tables.setting_rows(experiment.settings_in(run, f"{largest['folder']}/settings.yaml")),
        "command": experiment.train_command(run, f"{largest['folder']}/settings.yaml"),
    }  # fmt: skip


def _fact(sentence: str) -> str:
    """The sentence without its conclusion, which stands above it in larger type."""
    fact, colon, _ = sentence.rpartition(": ")
    return f"{fact}." if colon else sentence


def _facts(run: Experiment) -> list[tuple[str, str]]:
    sizes = run.record["candidates"]
    smallest, largest = (f"{sizes[k]['patients']:,.0f}" for k in (0, -1))
    return [
        *experiment.data_facts(run),
        ("Training patients", f"{smallest} to {largest}, {len(sizes)} sizes"),
        page.splits_fact(run),
        ("Model", str(run.settings.get("family", ""))),
        ("Date", str(run.environment["started"])[:10]),
    ]


def _headlines(record: dict[str, Any]) -> list[dict[str, str]]:
    """The largest size, and what came with the last doubling."""
    largest = record["candidates"][-1]
    whole = headline_of(largest["estimates"], record["headline"])
    value, _, interval = minus(whole.text()).partition(" [")
    shown = [{
        "name": f"{metric_name(whole.metric)}, {largest['patients']:,.0f} training patients",
        "value": value, "beside": f"[{interval}" if interval else "",
    }]  # fmt: skip
    planned = _planned(record)
    if planned["difference"].value is not None:
        value, _, interval = tables.signed(planned["difference"]).partition(" [")
        shown.append({"name": f"Gain since {planned['patients']} patients", "value": value, "beside": f"[{interval}"})
    return shown


def _planned(record: dict[str, Any]) -> dict[str, Any]:
    """The one difference that was named beforehand: the largest size minus half of it."""
    growth, largest = record["growth"], record["candidates"][-1]
    pair, half = growth["pair"], next(e for e in record["candidates"] if e["name"] == growth["against"])
    difference = Estimate.from_dict(pair["difference"])
    if pair["first"] != largest["name"]:
        difference = negated(difference)
    return {"difference": difference, "p": p_words(pair["p"]), "patients": f"{half['patients']:,.0f}"}


def _pair_of(record: dict[str, Any], pairs: list[Pair]) -> Pair:
    names = {record["growth"]["against"], record["candidates"][-1]["name"]}
    return next(pair for pair in pairs if {pair.first, pair.second} == names)


def size_table(record: dict[str, Any], pairs: list[Pair]) -> dict[str, Any]:
    """One row per size, the smallest first, with its difference from everything."""
    largest = record["candidates"][-1]["name"]
    further = [m for m in page.HEADLINES[record["task"]["kind"]] if m != record["headline"]["metric"]]
    rows: list[dict[str, Any]] = []
    for entry in record["candidates"]:
        estimate = headline_of(entry["estimates"], record["headline"])
        found = {e["metric"]: Estimate.from_dict(e) for e in entry["estimates"] if e["of"] in ("", "macro")}
        rows.append({
            "number": str(entry["folder"]).rpartition("/")[2], "patients": f"{entry['patients']:,.0f}", "samples": f"{entry['samples']:,.0f}",
            "share": share_text(entry['share']), "events": number(None if entry["events"] is None else round(entry["events"])), "headline": estimate,
            "mean": candidate_tables.fold_text(fold_values(entry["per_fold"], estimate.metric), estimate),
            "further": [found.get(metric) for metric in further], "to_all": _to_all(entry["name"], largest, pairs),
        })  # fmt: skip
    estimates = [row["headline"] for row in rows] + [cell for row in rows for cell in row["further"] if cell]
    return {
        "headline": metric_name(rows[0]["headline"].metric),
        "further": [metric_name(metric) for metric in further],
        "events": any(entry["events"] is not None for entry in record["candidates"]),
        "samples": any(round(entry["samples"]) != round(entry["patients"]) for entry in record["candidates"]),
        "rows": rows,
        "notes": tables.footnotes([estimate.to_dict() for estimate in estimates]),
    }


def _to_all(name: str, largest: str, pairs: list[Pair]) -> Estimate | None:
    """This size minus everything, paired; None for everything itself."""
    for pair in pairs:
        if {pair.first, pair.second} == {name, largest} and name != largest:
            return pair.difference if pair.first == name else negated(pair.difference)
    return None


def _fit_words(fit: dict[str, Any] | None, largest: dict[str, Any], reached: float | None) -> str:
    """What the fitted curve would say of twice as many patients, with its warning; nothing without one."""
    if not fit:
        return ""
    patients, value = fit["points"][-1]
    if reached is not None and value < reached:
        return (
            f"Carried on to {patients:,.0f} patients, the curve stays below what {largest['patients']:,.0f} have reached already. It does not follow the "
            "last points, so it says nothing of further patients."
        )
    return (
        f"Carried on to {patients:,.0f} patients, the curve would reach {value:.3f}. That is a guess: a curve through a few points, from "
        f"patients like these, which the next {patients - largest['patients']:,.0f} may not be."
    )


def _further(run: Experiment, pairs: list[Pair]) -> dict[str, str]:
    fit = run.record["growth"]["fit"]
    return {
        "Sizes": "In every fold some training and validation patients were left out, evenly over the classes; each smaller size holds patients "
        "of the larger ones only. The test patients are the same for all sizes.",
        "Differences": experiment_words.how_tested(pairs),
        "The question": "Whether more patients help was asked by one difference that was named beforehand, everything against half of it, so its "
        "p-value needs no adjustment.",
        "The curve": f"An inverse power law, a − b n⁻ᶜ, was fitted through the estimates ({fit['source']}): a = {fit['a']:.3f}, "
        f"b = {fit['b']:.3g}, c = {fit['c']:.2f}. It has no interval here and decides nothing."
        if fit
        else "",
    }
