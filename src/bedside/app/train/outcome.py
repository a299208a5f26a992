"""What came out of a finished run, in a line and the first sentences of its verdict."""

from dataclasses import dataclass
from pathlib import Path

from bedside.app.metric_words import sentence_of
from bedside.cohort import Estimate
from bedside.evaluation.metrics import HEADLINE, LABELS
from bedside.folder import open_run
from bedside.report import brief

SENTENCES = 3


@dataclass(frozen=True)
class Outcome:
    """`run` is the name of its folder; `headline` is the leading metric with its interval."""

    run: str
    headline: str
    sentences: list[str]


def outcome(path: Path) -> Outcome:
    """The headline and the verdict's first sentences.

    Raises:
        RunError: if the run is not finished.
    """
    run = open_run(path)
    run.require_finished()
    kind = run.estimates["task"]["kind"]
    metric, of = HEADLINE[kind], "macro" if kind == "multiclass" else ""
    found = next(one for one in run.estimates["estimates"] if (one["metric"], one["of"]) == (metric, of))
    estimate = Estimate.from_dict(found)
    said = [_without(text, f"{LABELS[metric]} {estimate.text()}: ") for text in brief.sentences(run)[:SENTENCES]]
    return Outcome(path.name, sentence_of(estimate), said)


def _without(text: str, headline: str) -> str:
    """A sentence that does not repeat the headline above it."""
    rest = text.removeprefix(f"Macro {headline}").removeprefix(headline)
    return rest[0].upper() + rest[1:]
