"""The page of a tuning: what the chosen settings are worth on patients whom the search never saw."""

from pathlib import Path
from typing import Any

from bedside.cohort import Estimate, minus
from bedside.evaluation.metrics import LABELS
from bedside.folder import Run
from bedside.report import experiment, experiment_words, page, tables, tuning_tables
from bedside.report.candidates import headline_of, read_pair
from bedside.report.experiment import Experiment
from bedside.report.style import Drawing, calm
from bedside.report.tuning_figures import honest_figure, outer_figure, space_figure, trials_figure
from bedside.report.words import p_words


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
    estimates = tuning_tables.estimate_rows(record)
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
        "against_untuned": _against_untuned(record),
        "chosen": tuning_tables.chosen_rows(record),
        "outer": tuning_tables.outer_rows(record, honest),
        "drawings": drawings,
        "numbers": experiment.numbered([*drawings["honest"], *drawings["trials"], *drawings["space"]]),
        "methods": experiment_words.paragraphs(run, _further(run)),
        "settings": tables.setting_rows(run.settings),
        "command": experiment.train_command(run, record["chosen_settings"]),
    }


def _facts(run: Experiment) -> list[tuple[str, str]]:
    record, n = run.record, len(run.record["space"])
    return [
        *experiment.data_facts(run),
        ("Model", str(record["family"])),
        ("Search", f"{record['trials']} trials of {n} {'setting' if n == 1 else 'settings'}"),
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
    value, _, interval = minus(honest.text()).partition(" [")
    naive, optimism = record["naive"]["value"], record["optimism"]["value"]
    label = ("macro " if honest.of == "macro" else "") + LABELS[honest.metric]
    never, said = "on patients that the search never saw", f"what the best of {record['trials']} trials said"
    shown = [_big("honest", f"Honest {label}", value, never, f"[{interval}" if interval else "")]
    if naive is not None:
        shown.append(_big("naive", f"Naive {label}", f"{naive:.{digits}f}", said))
    if optimism is not None:
        shown.append(_big("optimism", "Optimism", f"{optimism:+.{max(2, digits)}f}", "naive minus honest"))
    return shown


def _big(kind: str, name: str, value: str, words: str, beside: str = "") -> dict[str, str]:
    return {"kind": kind, "name": name, "value": minus(value), "words": words, "beside": beside}


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


def _against_untuned(record: dict[str, Any]) -> str:
    """Tuned minus not tuned, in words; nothing if only the tuned settings were tested."""
    if not record["pair"] or not record["untuned"]:
        return ""
    pair = read_pair(record["pair"])
    words = {"better": "Tuning made it better", "worse": "Tuning made it worse"}.get(
        pair.verdict, "Tuned and not tuned are not distinguishable"
    )
    return f"{words}: tuned minus not tuned {tables.signed(pair.difference)}, {p_words(pair.p)}."


def _further(run: Experiment) -> dict[str, str]:
    record = run.record
    folds = "each outer fold" if len(record["outer"]) > 1 else "the training and validation patients"
    tested = experiment_words.how_tested([read_pair(record["pair"])]) if record["pair"] else ""
    return {
        "Nested search": f"The search ran anew inside {folds}, on training and validation patients only, and what it chose there was tested on patients "
        "whom it never saw (Varma and Simon 2006, doi:10.1186/1471-2105-7-91; Cawley and Talbot 2010, Journal of Machine Learning Research 11:2079). "
        "One more search, on all patients, chose the settings to keep.",
        "Trials": f"Each search made {record['trials']} trials with the tree-structured Parzen estimator (Bergstra et al. 2011, Advances in Neural Information "
        f"Processing Systems 24); the value of a trial is its cross-validated {LABELS[record['headline']['metric']]}. The naive figure is {record['naive']['what']}.",
        "Against the settings as they were": tested and f"Both were tested on the same outer folds. {tested}",
        "What was tested": "The honest figure is that of choosing settings in this way, not of one set of settings: each outer fold may have chosen others.",
    }
