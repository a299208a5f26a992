"""The page of a tuning: what the chosen settings are worth on patients whom the search never saw."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bedside.cohort import Estimate
from bedside.evaluation.metrics import LABELS
from bedside.folder import Run
from bedside.report import experiment, experiment_words, page, tables
from bedside.report.candidate_tables import setting_text
from bedside.report.candidates import headline_of
from bedside.report.experiment import Experiment
from bedside.report.style import Drawing, calm
from bedside.report.tuning_figures import honest_figure, outer_figure, space_figure, trials_figure
from bedside.report.words import metric_name, p_text


def write_tuning(run: Run) -> Path:
    """Write `tuning.html` and `figures/*.svg` into the folder of a tuning; the same folder gives the same bytes.

    Raises:
        RunError: if the tuning is not finished or a file of it is damaged.
        StorageError: if the disk is full.
    """
    opened = Experiment(run.path, "tune", "tuning.json")
    drawings = draw(opened)
    context = page_context(opened, drawings)
    return page.write_page(run.path / "tuning.html", "tuning.html", context, experiment.to_keep(drawings))


def draw(run: Experiment) -> dict[str, list[Drawing]]:
    """Figures by section; those for a phone end with `narrow` and stand beside their wide twins."""
    record = run.record
    with calm():
        wide, narrow = space_figure(record), space_figure(record, narrow=True)
        half = [trials_figure(record), outer_figure(record), wide if wide and not wide.wide else None]
        return {
            "honest": [honest_figure(record)],
            "honest_narrow": [honest_figure(record, narrow=True)],
            "trials": [drawing for drawing in half if drawing],
            "space": [wide] if wide and wide.wide else [],
            "space_narrow": [narrow] if narrow else [],
        }


def page_context(run: Experiment, drawings: dict[str, list[Drawing]]) -> dict[str, Any]:
    """Everything the template needs, as plain values."""
    record = run.record
    honest = headline_of(record["honest"]["estimates"], record["headline"])
    estimates = _estimate_rows(record)
    return {
        **experiment.page_context(run),
        "kind": "tuning",
        "family": str(record["family"]),
        "trials": record["trials"],
        "sentences": record["sentences"],
        "facts": _facts(run),
        "top": honest_and_naive(record, honest),
        "explained": explained(record, honest),
        "contents": _contents(record),
        "rows": estimates,
        "notes": tables.footnotes([row["tuned"].to_dict() for row in estimates]),
        "pair": _pair(record),
        "chosen": chosen_rows(record),
        "outer": _outer_rows(record, honest),
        "drawings": drawings,
        "numbers": experiment.numbered([*drawings["honest"], *drawings["trials"], *drawings["space"]]),
        "methods": experiment_words.paragraphs(run, _further(run)),
        "settings": tables.setting_rows(run.settings),
        "command": experiment.train_command(run, record["chosen_settings"]),
    }


def _facts(run: Experiment) -> list[tuple[str, str]]:
    record = run.record
    return [
        *experiment.data_facts(run),
        ("Model", str(record["family"])),
        (
            "Search",
            f"{record['trials']} trials, {len(record['space'])} {'setting' if len(record['space']) == 1 else 'settings'}",
        ),
        page.splits_fact(run),
        ("Date", str(run.environment["started"])[:10]),
    ]


def _contents(record: dict[str, Any]) -> list[tuple[str, str]]:
    sections = [
        ("findings", "Findings", True),
        ("estimates", "Tuned and not tuned" if record["untuned"] else "Estimates", True),
        ("chosen", "The chosen settings", True),
        ("trials", "The search", True),
        ("data", "Patients and splits", True),
        ("methods", "How the numbers were made", True),
        ("train", "Train with the chosen settings", True),
        ("settings", "Settings", True),
        ("reproducibility", "Reproducibility", True),
    ]
    return [(name, heading) for name, heading, there in sections if there]


def honest_and_naive(record: dict[str, Any], honest: Estimate) -> list[dict[str, str]]:
    """The three numbers of the top: the honest one, the naive one, and what lies between them."""
    digits = honest.digits()
    value, _, interval = honest.text().replace("-", "−").partition(" [")
    naive, optimism = record["naive"]["value"], record["optimism"]["value"]
    label = ("macro " if honest.of == "macro" else "") + LABELS[honest.metric]
    shown = [{"name": f"Honest {label}", "value": value, "beside": f"[{interval}" if interval else "", "words": "on patients that the search never saw", "kind": "honest"}]  # fmt: skip
    if naive is not None:
        shown.append({"name": f"Naive {label}", "value": f"{naive:.{digits}f}".replace("-", "−"), "beside": "", "words": f"what the best of {record['trials']} trials said", "kind": "naive"})  # fmt: skip
    if optimism is not None:
        text = f"{optimism:+.{max(2, digits)}f}".replace("-", "−")
        shown.append(
            {"name": "Optimism", "value": text, "beside": "", "words": "naive minus honest", "kind": "optimism"}
        )
    return shown


def explained(record: dict[str, Any], honest: Estimate) -> str:
    """For a clinician, in two sentences: why the best trial flatters itself, and which figure to use."""
    naive, optimism = record["naive"]["value"], record["optimism"]["value"]
    why = (
        f"A search that tries {record['trials']} settings and reports the best one rewards luck: the naive figure was chosen because it was high "
        "on the very patients it was measured on."
    )
    if honest.value is None or naive is None or optimism is None:
        return f"{why} Only the honest figure, from patients whom the search never saw, may be reported."
    small = " (here the two hardly differ)" if optimism <= 0 else ""
    return f"{why} The honest figure comes from patients whom the search never saw, so it is the one to report and to expect of new patients of the same kind{small}."


def _estimate_rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Overall and macro estimates of the tuned settings, those of the untuned ones beside them."""
    other = {(e["metric"], e["of"]): Estimate.from_dict(e) for e in (record["untuned"] or {}).get("estimates", [])}
    rows = (Estimate.from_dict(entry) for entry in record["honest"]["estimates"] if entry["of"] in ("", "macro"))
    return [
        {
            "name": metric_name(tuned.metric) + (", macro" if tuned.of == "macro" else ""),
            "headline": (tuned.metric, tuned.of) == (record["headline"]["metric"], record["headline"]["of"]),
            "tuned": tuned,
            "untuned": other.get((tuned.metric, tuned.of)),
        }
        for tuned in rows
    ]


def _pair(record: dict[str, Any]) -> dict[str, Any] | None:
    """Tuned minus not tuned, in words and with its test."""
    pair = record["pair"]
    if not pair or not record["untuned"]:
        return None
    difference = Estimate.from_dict(pair["difference"])
    words = {"better": "Tuning made it better", "worse": "Tuning made it worse"}.get(
        pair["verdict"], "Tuned and not tuned are not distinguishable"
    )
    p = f", p {'' if (pair['p'] or 1) < 0.001 else '= '}{p_text(pair['p'])}" if pair["p"] is not None else ""
    return {"sentence": f"{words}: tuned minus not tuned {tables.signed(difference)}{p}."}


def chosen_rows(record: dict[str, Any]) -> list[dict[str, str]]:
    """Every searched setting: where it was looked for, what was chosen on all patients and in the outer folds."""
    rows = []
    for name, dimension in record["space"].items():
        found = [fold["chosen"].get(name) for fold in record["outer"]]
        rows.append({
            "name": name, "space": _space_text(dimension), "chosen": _plain(record["chosen"].get(name)),
            "folds": _spread_text(dimension, found), "stable": stability(dimension, found),
        })  # fmt: skip
    return rows


def _space_text(dimension: Mapping[str, Any]) -> str:
    if dimension["kind"] == "choice":
        return ", ".join(setting_text(value) for value in dimension["values"])
    words = {"log": ", logarithmic", "integer": ", whole numbers"}.get(dimension["kind"], "")
    return f"{_plain(dimension['low'])} to {_plain(dimension['high'])}{words}"


def _plain(value: Any) -> str:
    """As a setting is written, with the digits that a search can mean."""
    return f"{value:.4g}" if isinstance(value, float) else setting_text(value)


def _spread_text(dimension: Mapping[str, Any], found: Sequence[Any]) -> str:
    """`0.0003 to 0.004`, or `[64, 64] in 3 folds, [32] in 2`."""
    if not found:
        return "–"
    if dimension["kind"] == "choice":
        counted = Counter(setting_text(value) for value in found).most_common()
        return ", ".join(
            f"{text} in {n}{' folds' if k == 0 and n > 1 else ' fold' if k == 0 else ''}"
            for k, (text, n) in enumerate(counted)
        )
    known = [value for value in found if value is not None]
    ends = [_plain(end) for end in (min(known), max(known))] if known else ["–"]
    return " to ".join(dict.fromkeys(ends))


def stability(dimension: Mapping[str, Any], found: Sequence[Any]) -> str:
    """How much the choice depended on the patients: the share of the space over which the outer folds scattered."""
    from math import log

    if len(found) < 2 or any(value is None for value in found):
        return "–"
    if dimension["kind"] == "choice":
        most = Counter(setting_text(value) for value in found).most_common(1)[0][1]
        return f"the same in {most} of {len(found)} folds"
    scale = log if dimension["kind"] == "log" else float
    width = scale(dimension["high"]) - scale(dimension["low"])
    share = (scale(max(found)) - scale(min(found))) / width if width > 0 else 0.0
    return f"scattered over {share:.0%} of the range"


def _outer_rows(record: dict[str, Any], honest: Estimate) -> list[dict[str, Any]]:
    digits = max(2, honest.digits())
    return [
        {
            "fold": str(fold["fold"] + 1)
            if record["n"]["repeats"] == 1
            else f"{fold['repeat'] + 1}.{fold['fold'] + 1}",
            "values": [_plain(fold["chosen"].get(name)) for name in record["space"]],
            "inner": _number(fold["inner"], digits),
            "test": _number(fold["test"], digits),
        }
        for fold in record["outer"]
    ]


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def _further(run: Experiment) -> dict[str, str]:
    record = run.record
    folds = "each outer fold" if len(record["outer"]) > 1 else "the training and validation patients"
    test = {"corrected resampled t-test": "corrected resampled t-test"}.get((record["pair"] or {}).get("test", ""), "")
    return {
        "Nested search": f"The search ran anew inside {folds}, on training and validation patients only, and what it chose there was tested on patients "
        "whom it never saw (Varma and Simon 2006, doi:10.1186/1471-2105-7-91; Cawley and Talbot 2010, Journal of Machine Learning Research 11:2079). "
        "One more search, on all patients, chose the settings to keep.",
        "Trials": f"Each search made {record['trials']} trials with the tree-structured Parzen estimator (Bergstra et al. 2011, Advances in Neural Information "
        f"Processing Systems 24); the value of a trial is its cross-validated {LABELS[record['headline']['metric']]}. The naive figure is {record['naive']['what']}.",
        "Against the settings as they were": f"Tuned and untuned settings were tested on the same outer folds; their difference was tested with the {test} "
        "(Nadeau and Bengio 2003, doi:10.1023/A:1024068626366)."
        if test
        else "",
        "What was tested": "The honest figure is that of choosing settings in this way, not of one set of settings: each outer fold may have chosen others.",
    }
