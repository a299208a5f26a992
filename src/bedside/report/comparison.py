"""The page of a comparison: which candidates the data tell apart, and where they do not, exactly that."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bedside.cohort import minus
from bedside.folder import Run
from bedside.report import candidate_figures, candidate_tables, experiment, experiment_words, page
from bedside.report.candidates import ALIKE, Candidate, Pair, pairs_of, ranked
from bedside.report.experiment import Experiment
from bedside.report.overlaid_figures import overlaid_figures
from bedside.report.style import Drawing, calm
from bedside.report.words import metric_name

MOST_PAIRS = 12  # of the rest of the pairs, shown without being asked for


def write_comparison(run: Run) -> Path:
    """Write `comparison.html` and `figures/*.svg` into the folder of a comparison; the same folder gives the same bytes.

    Raises:
        RunError: if the comparison is not finished or a file of it is damaged.
        StorageError: if the disk is full.
    """
    opened = Experiment(run.path, "compare", "comparison.json")
    rows = ranked(opened.record)
    pairs = pairs_of(opened.record, rows)
    drawings = draw(opened, rows, pairs)
    context = page_context(opened, rows, pairs, drawings)
    return page.write_page(run.path / "comparison.html", "comparison.html", context, experiment.to_keep(drawings))


def draw(run: Experiment, rows: Sequence[Candidate], pairs: Sequence[Pair]) -> dict[str, list[Drawing]]:
    """Figures by section; those for a phone end with `narrow` and stand beside their wide twins."""
    with calm():
        wide = candidate_figures.differences_figure(rows, pairs)
        narrow = candidate_figures.differences_figure(rows, pairs, narrow=True)
        return {
            "candidates": [candidate_figures.candidates_figure(rows)],
            "candidates_narrow": [candidate_figures.candidates_figure(rows, narrow=True)],
            "pairs": [wide] if wide else [],
            "pairs_narrow": [narrow] if narrow else [],
            "learning": _learning(run, rows),
        }


def _learning(run: Experiment, rows: Sequence[Candidate]) -> list[Drawing]:
    """Learning curves of the candidates that have some; those of a grid are labelled by their values."""
    heads, names = candidate_figures.columns(rows)
    histories = {}
    for row in rows:
        history = run.fits[row.number].history if row.number in run.fits else None
        if history is not None and len(history):
            histories["  ".join(names[row.name])] = history
    return overlaid_figures(histories, f" Labels give {', '.join(heads)}." if heads else "")


def page_context(
    run: Experiment, rows: Sequence[Candidate], pairs: Sequence[Pair], drawings: dict[str, list[Drawing]]
) -> dict[str, Any]:
    """Everything the template needs, as plain values."""
    leader = rows[0].name
    with_best = [pair for pair in pairs if leader in (pair.first, pair.second)]
    others = [pair for pair in pairs if leader not in (pair.first, pair.second)]
    finding, how = split_sentence(run.record["ranking"]["sentence"])
    in_matrix = candidate_tables.matrix(rows, pairs)
    return {
        **experiment.page_context(run),
        "kind": "comparison",
        "finding": finding,
        "how": how,
        "facts": _facts(run, rows),
        "headlines": headlines(rows, pairs),
        "contents": _contents(pairs, drawings),
        "n_candidates": len(rows),
        "table": candidate_tables.candidate_table(rows, run.record["task"]["kind"]),
        "matrix": in_matrix,
        "pairs": candidate_tables.pair_rows(with_best),
        "other_pairs": candidate_tables.pair_rows(others) if len(rows) <= candidate_tables.MOST_IN_MATRIX else [],
        "hidden_pairs": len(others) if len(rows) > candidate_tables.MOST_IN_MATRIX else 0,
        "most_pairs": MOST_PAIRS,
        "leader": leader,
        "found": sum(pair.verdict != ALIKE for pair in pairs),
        "n_pairs": len(pairs),
        "delong": any(pair.delong for pair in pairs) and any(pair.test != "DeLong" for pair in pairs),
        "tested": experiment_words.in_short(pairs),
        "drawings": drawings,
        "numbers": experiment.numbered([*drawings["candidates"], *drawings["pairs"], *drawings["learning"]]),
        "methods": experiment_words.paragraphs(run, _further(run, pairs)),
        "settings": candidate_tables.shared_settings(_settings(run, rows)),
        "commands": commands(run, rows),
    }


def split_sentence(sentence: str) -> tuple[str, str]:
    """What was found, and how it was tested: the ranking says both in one breath."""
    found = re.match(
        r"(.*?\.) (\d+ (?:of \d+ )?pairs? (?:was|were|could) .*|No pair could be tested.*)", sentence, re.DOTALL
    )
    return (found[1], found[2]) if found else (sentence, "")


def headlines(rows: Sequence[Candidate], pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """Two or three numbers for the top: the estimate if one stands out, the range if none does, and the pairs that differ."""
    label = metric_name(rows[0].estimate.metric) + (" (macro)" if rows[0].estimate.of == "macro" else "")
    known = [row.estimate for row in rows if row.estimate.value is not None]
    shown = []
    if known and all(row.status == ALIKE for row in rows):
        digits = min(estimate.digits() for estimate in known)
        ends = [minus(f"{estimate.value:.{digits}f}") for estimate in (known[-1], known[0])]
        shown.append({"name": f"{label}, all candidates", "value": "–".join(dict.fromkeys(ends)), "beside": ""})
    elif known:
        value, _, interval = minus(known[0].text()).partition(" [")
        shown.append({"name": f"{label}, {rows[0].status}", "value": value, "beside": f"[{interval}"})
    if pairs:
        differing = sum(pair.verdict != ALIKE for pair in pairs)
        shown.append({"name": "Pairs that can be told apart", "value": str(differing), "beside": f"of {len(pairs)}"})
    return shown


def _facts(run: Experiment, rows: Sequence[Candidate]) -> list[tuple[str, str]]:
    seconds = sum(float(row.record.get("seconds") or 0) for row in rows)
    return [
        *experiment.data_facts(run),
        ("Candidates", str(len(rows))),
        page.splits_fact(run),
        ("Training, in all", page.seconds_text(seconds) if seconds else "–"),
        ("Date", str(run.environment["started"])[:10]),
    ]


def _contents(pairs: Sequence[Pair], drawings: dict[str, list[Drawing]]) -> list[tuple[str, str]]:
    sections = [
        ("findings", "Findings", True),
        ("candidates", "Candidates", True),
        ("pairs", "Pair by pair", bool(pairs)),
        ("learning", "Learning curves", bool(drawings["learning"])),
        ("data", "Patients and splits", True),
        ("methods", "How the numbers were made", True),
        ("train", "Train one of them", True),
        ("settings", "Settings they share", True),
        ("reproducibility", "Reproducibility", True),
    ]
    return [(name, heading) for name, heading, there in sections if there]


def _further(run: Experiment, pairs: Sequence[Pair]) -> dict[str, str]:
    luck = (
        "The highest of several estimates is also the luckiest: it was picked because it was high on these patients, so on new "
        "ones it will be a little lower. An honest figure for a choice is that of bedside tune, or of new patients."
    )
    return {
        "Training": experiment_words.training(run),
        "Differences": experiment_words.how_tested(pairs),
        "Many pairs": experiment_words.how_adjusted(pairs, run.record["level"]),
        "The luck of the best": luck if len(run.record["candidates"]) > 2 else "",
    }


def _settings(run: Experiment, rows: Sequence[Candidate]) -> dict[str, Any]:
    return {row.name: experiment.settings_in(run, f"{row.record['folder']}/settings.yaml") for row in rows}


def commands(run: Experiment, rows: Sequence[Candidate]) -> dict[str, Any]:
    """The commands that train candidates completely, each under the name of its candidate."""
    shown = rows[: experiment.MOST_COMMANDS]
    lines = [
        f"# {' '.join(row.name.split())}\n{experiment.train_command(run, row.record['folder'] + '/settings.yaml')}"
        for row in shown
    ]
    return {"text": "\n\n".join(lines), "hidden": len(rows) - len(shown)}
