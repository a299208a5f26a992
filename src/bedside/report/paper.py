"""A draft of methods and results, in the past tense, with every number in its place; what is missing is asked."""

from bedside.cohort import Estimate, level_text, minus
from bedside.evaluation.metrics import HEADLINE, LABELS
from bedside.report import answers_data as data
from bedside.report import kinds
from bedside.report.document import Ask, Block, Document, Heading, Line, Paragraph, Subheading, text
from bedside.report.document_parts import (
    class_table,
    estimate_table,
    feature_table,
    made_from,
    picture,
    synthetic,
    title_of,
)
from bedside.report.methods import what_is_predicted
from bedside.report.paper_words import calibration, comparison, decision, groups, learned, shares, spread, uncertain
from bedside.report.told import Told
from bedside.report.words import find


def paper(run: Told) -> Document:
    """Methods, results, the flow diagram, characteristics and estimates."""
    blocks: list[Block] = [
        Heading("Methods"), *_methods(run),
        Heading("Results"), *_results(run),
        Heading("Flow of patients"), picture(run),
    ]  # fmt: skip
    features, per_class = feature_table(run), class_table(run)
    blocks += [Heading("Characteristics"), features] if features else []
    blocks += [Heading("Estimates"), estimate_table(run), *([per_class] if per_class else [])]
    subtitle = "A draft to rewrite, not a text to submit: it tells what this run did and found, and asks for what it cannot know."
    return Document(
        "paper",
        "methods and results",
        f"Methods and results: {title_of(run)}",
        subtitle,
        made_from(run),
        tuple(blocks),
        synthetic(run),
    )


def _methods(run: Told) -> list[Block]:
    """Data, model, analysis; one paragraph each."""
    sections: dict[str, Line] = {
        "Data": text(_data(run), Ask("Where, when and from whom were the data collected, and who approved it?")),
        "Outcome": text(_outcome(run), Ask("How was the outcome assessed, and by whom?")),
        "Predictors and preparation": text(_predictors(run)),
        "Model": text(learned(run), Ask("Why this model, and how were its settings found?")),
        "Analysis": text(" ".join(filter(None, (shares(run), uncertain(run))))),
    }
    return [block for title, line in sections.items() for block in (Subheading(title), Paragraph(line))]


def _data(run: Told) -> str:
    read = run.flow["read"]
    patients = (
        f"{read['patients']:,} patients with " if run.flow["patient_column"] and read["patients"] is not None else ""
    )
    alone = "" if run.flow["patient_column"] else " No column named the patient, so each sample counted as one patient."
    return f"The cohort {run.description['name']} held {patients}{read['samples']:,} samples. {data.excluded_words(run)}{alone}"


def _outcome(run: Told) -> str:
    kind = run.description["task"]["kind"]
    what = {"binary": "binary", "multiclass": "categorical", "regression": "a number"}[kind]
    return f"The outcome, {what_is_predicted(run)}, was {what}. {data.class_words(run)}"


def _predictors(run: Told) -> str:
    own = kinds.facts_of(run.description)
    if own is not None:
        told = f"The predictors were {own.read(run.description)}."
        return f"{told} {data.preparation_words(run)} {run.paragraphs.get('Augmentation', '')}".strip()
    n = len(run.description["features"])
    return f"{n:,} {'predictor was' if n == 1 else 'predictors were'} used. {data.missing_words(run, filled=False)} {data.preparation_words(run)}"


def _results(run: Told) -> list[Block]:
    """Participants and performance; one paragraph each."""
    flow = f"{data.flow_words(run)} Samples by part: {_lower(data.parts_words(run))}"
    said = [_headline(run), decision(run), comparison(run), calibration(run), spread(run), groups(run)]
    sections: dict[str, Line] = {
        "Participants": text(flow, Ask("How old were the patients, of which sex, and how were they treated?")),
        "Performance": text(minus(" ".join(filter(None, said)))),
    }
    return [block for title, line in sections.items() for block in (Subheading(title), Paragraph(line))]


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]


def _headline(run: Told) -> str:
    """The headline metric with interval and n."""
    task, n = run.estimates["task"], run.estimates["n"]
    metric = HEADLINE[task["kind"]]
    found = find(run.estimates, metric)
    name = f"macro {LABELS[metric]}" if task["kind"] == "multiclass" else LABELS[metric]
    tested = (
        f"{n['patients']:,} test patients ({n['samples']:,} samples)"
        if n["patient_column"]
        else f"{n['samples']:,} test samples"
    )
    if found is None or found.value is None:
        return f"The {name} could not be given on {tested}."
    return f"On {tested} the {name} was {_with_level(found)}."


def _with_level(estimate: Estimate) -> str:
    """`0.76 (95 % interval 0.72 to 0.81)`."""
    digits = estimate.digits()
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:z.{digits}f} (no interval)"
    low, high = (f"{end:z.{digits}f}" for end in (estimate.low, estimate.high))
    return f"{estimate.value:z.{digits}f} ({level_text(estimate.level)} interval {low} to {high})"
