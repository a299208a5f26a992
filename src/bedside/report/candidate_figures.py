"""Figures of a comparison: every candidate as a dot with its interval, and what separates it from the best estimate."""

from collections.abc import Sequence

from bedside.cohort import level_text
from bedside.report.candidate_tables import setting_text, varied_settings
from bedside.report.candidates import ALIKE, Candidate, Pair, negated
from bedside.report.interval_rows import IntervalRow, guessing, interval_rows
from bedside.report.style import Drawing, short
from bedside.report.tables import signed
from bedside.report.words import metric_name, p_words

MOST_ROWS, MOST_DIFFERENCES = 40, 20  # of a figure that can be taken in; the tables have the rest


def candidates_figure(rows: Sequence[Candidate], *, narrow: bool = False) -> Drawing:
    """Every candidate's headline estimate with its interval, and the values of single folds."""
    metric = rows[0].estimate.metric
    heads, names = columns(rows)
    shown = [
        IntervalRow(names[row.name], row.estimate, row.estimate.text(), row.status, row.folds, row.worse)
        for row in rows[:MOST_ROWS]
    ]
    name = "candidates-narrow" if narrow else "candidates"
    level = level_text(rows[0].estimate.level)
    folds = " and the faint points single folds" if any(len(row.folds) > 1 for row in rows) else ""
    order = (
        "The order is that of the estimates and says nothing more: no candidate can be told from the one on top."
        if all(row.status == ALIKE for row in rows)
        else "“Worse” and “not distinguishable” compare with the best estimate, on the same folds; overlapping intervals do "
        "not decide that, the pairs do."
    )
    luck = " The highest of several estimates is partly luck: expect a little less of it." if len(rows) > 2 else ""
    rest = f" The {MOST_ROWS} highest of {len(rows)} are drawn." if len(rows) > MOST_ROWS else ""
    dotted = guessing(shown, metric)
    label = ("Macro " if rows[0].estimate.of == "macro" else "") + metric_name(metric)
    return Drawing(
        name,
        f"{label} of each candidate",
        f"The dot is the estimate, the line its {level} interval{folds}.{dotted} {order}{luck}{rest}",
        _in_words(rows),
        interval_rows(shown, metric, label, name, heads=heads, narrow=narrow),
        wide=not narrow,
    )


def _in_words(rows: Sequence[Candidate]) -> str:
    """For readers who cannot see the figure."""
    said = [f"{short(row.name, 40)} {row.estimate.text()}, {row.status}" for row in rows[:12]]
    more = f"; and {len(rows) - 12} more, all in the table" if len(rows) > 12 else ""
    return "; ".join(said) + more + "."


def differences_figure(rows: Sequence[Candidate], pairs: Sequence[Pair], *, narrow: bool = False) -> Drawing | None:
    """How far each candidate is from the best estimate, paired on the same folds; None if no pair can be tested."""
    leader, (heads, names) = rows[0], columns(rows)
    against = [pair for pair in pairs if pair.first == leader.name]
    drawn = against[:MOST_DIFFERENCES]
    if not any(pair.difference.value is not None for pair in against):
        return None
    worse = {row.name: row.worse for row in rows}
    shown = []
    for pair in drawn:
        turned = negated(pair.difference)
        shown.append(
            IntervalRow(names[pair.second], turned, signed(turned), p_words(pair.p_adjusted), (), worse[pair.second])
        )
    name = "differences-narrow" if narrow else "differences"
    metric = leader.estimate.metric
    found = sum(worse.values())
    rest = f" The first {len(drawn)} of {len(against)} are drawn." if len(drawn) < len(against) else ""
    return Drawing(
        name,
        f"Difference from the highest estimate, {short(leader.name, 40)}",
        f"Each candidate minus {short(leader.name, 40)}, paired on the same folds, with the {level_text(leader.estimate.level)} interval of this pair "
        f"alone; left of the line it is worse. The p-values are adjusted for all pairs of this comparison, and no verdict stands without a small one.{rest}",
        f"{found} of {len(against)} are worse; the others are not distinguishable.",
        interval_rows(
            shown, metric, f"difference of {metric_name(metric)}", name, heads=heads, narrow=narrow, middle=0.0
        ),
        wide=not narrow,
    )


def columns(rows: Sequence[Candidate]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Heads of the columns that name the candidates of a grid, none otherwise; and by candidate what stands in them."""
    varied = varied_settings([row.record["varied"] for row in rows])
    families = {str(row.record["varied"].get("family", "")) for row in rows}
    if not varied:
        return [], {row.name: (row.name,) for row in rows}
    keys = ["family"] * (len(families) > 1) + varied
    found = {row.name: row.record["varied"] for row in rows}
    cells = {
        name: tuple(setting_text(values[key]) if key in values else "–" for key in keys)
        for name, values in found.items()
    }
    return [key.rpartition(".")[2] for key in keys], cells
