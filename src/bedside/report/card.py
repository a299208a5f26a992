"""The model card: what the run knows is filled in, what only a person can answer is asked.

Source: Mitchell et al. 2019, Model Cards for Model Reporting, doi:10.1145/3287560.3287596; its nine sections, in its order.
"""

from bedside.cohort import minus
from bedside.report import answers_data as data
from bedside.report import answers_model as model
from bedside.report import answers_results as results
from bedside.report import methods as words_of
from bedside.report.answers import at, file
from bedside.report.document import Ask, Block, Bullets, Document, Heading, Line, Paragraph, text
from bedside.report.document_parts import class_table, estimate_table, further, made_from, synthetic, title_of
from bedside.report.synthetic import LEAKS, may_not
from bedside.report.told import Told

_FORM = "Questions for the authors cannot be answered from the run. The form is that of Mitchell et al. 2019, doi:10.1145/3287560.3287596."


def card(run: Told) -> Document:
    """All nine sections."""
    sections = {
        "Model details": _details(run),
        "Intended use": _use(run),
        "Factors": _factors(run),
        "Metrics": _metrics(run),
        "Evaluation data": _evaluation(run),
        "Training data": _training(run),
        "Quantitative analyses": [],
        "Ethical considerations": _ethics(run),
        "Caveats and recommendations": _caveats(run),
    }
    blocks: list[Block] = [Paragraph(text(_FORM))]
    for heading, lines in sections.items():
        blocks.append(Heading(heading))
        blocks += _analyses(run) if heading == "Quantitative analyses" else [Bullets(tuple(lines))]
    return Document(
        "card", "model card", f"Model card: {title_of(run)}", "", made_from(run), tuple(blocks), synthetic(run)
    )


def _details(run: Told) -> list[Line]:
    said = [run.paragraphs[title] for title in ("Model", "Weights") if title in run.paragraphs]
    return [
        text(f"Family: {run.settings.get('family', 'model')}.", *at(run, "settings")),
        *(text(words, *at(run, "methods")) for words in said),
        text(f"Task: {run.description['task']['kind']}, {words_of.what_is_predicted(run)}.", *file("model/model.json")),
        text(f"Date: {str(run.environment['started'])[:10]}. bedside {run.environment['versions']['bedside']}.", *at(run, "reproducibility")),
        text(f"Data fingerprint: sha256 {run.environment['data_fingerprint']}.", *file("environment.json")),
        text(Ask("Who made this model, and whom can a user write to?")),
        text(Ask("Under which licence may it be used, and which paper describes it?")),
    ]  # fmt: skip


def _use(run: Told) -> list[Line]:
    drawn = [
        text(f"It draws synthetic samples. None of them may be used {'; '.join(may_not(run.synthetic))}.", *at(run, "synthetic"))
    ] if run.synthetic else []  # fmt: skip
    return [
        text(Ask("For which patients, in which setting and at which moment of care is the prediction meant?")),
        text(Ask("Who acts on it, and what happens then?")),
        text(Ask("For what must it not be used?")),
        *drawn,
        text("It was tested on this cohort only, and it is not a medical device."),
    ]


def _factors(run: Told) -> list[Line]:
    roles, groups = run.description["roles"], model.checked_groups(run)
    sites = run.description.get("sites") or []
    where = f"{len(sites)} {'site' if len(sites) == 1 else 'sites'}, named in the column {roles['site']}." if sites else (
        "No site column; nothing can be said about other hospitals."
    )  # fmt: skip
    named = (
        f"Subgroups with a role: {', '.join(roles['subgroups'])}."
        if roles.get("subgroups")
        else "No subgroup was named."
    )
    judged = f" Judged by themselves: {', '.join(groups)}." if groups else " None was judged by itself."
    question = "Which groups of patients, instruments or circumstances could change how well it works, and which of them are too rare here to tell?"
    pointer = file("estimates.json") if groups else at(run, "data")
    return [text(where, *at(run, "data")), text(named + judged, *pointer), text(Ask(question))]


def _metrics(run: Told) -> list[Line]:
    said = {title: words for title, words in run.paragraphs.items() if title in ("Decisions", "Intervals", "Baseline")}
    question = "Which errors cost most at the bedside, and do these metrics measure them?"
    return [
        text(f"{', '.join(results.measure_names(run))}.", *at(run, "estimates")),
        *(text(f"{title}: {words}", *at(run, "methods")) for title, words in said.items()),
        text(Ask(question)),
    ]


def _evaluation(run: Told) -> list[Line]:
    n = run.estimates["n"]
    often = f", {n['repeats']} times" if n["repeats"] > 1 else ""
    events = "; ".join(f"{count:,} of class {name}" for name, count in (n["events"] or {}).items())
    return [
        text(f"{n['patients']:,} patients, {n['samples']:,} samples were tested{often}.", *at(run, "data"), *file("predictions.csv")),
        *([text(f"Samples: {events}.", *at(run, "data"))] if events else []),
        text(f"Splits: {run.paragraphs['Patients and splits']}", *at(run, "methods"), *file("folds.csv")),
        text(Ask("Why these patients, and how do they differ from those the model is meant for?")),
    ]  # fmt: skip


def _training(run: Told) -> list[Line]:
    source, answer = data.source(run), data.missing(run)
    lines = [
        text(source.shown, *source.where),
        text(f"Predicted: {data.outcome_words(run)}", *at(run, "data")),
        text(data.predictors_words(run), *at(run, "data")),
        text(answer.shown, *answer.where),
        text(f"Preparation: {run.paragraphs['Preparation']}", *at(run, "methods")),
    ]
    if run.kind != "table":
        lines.append(text(data.acquisition(run).shown, *at(run, "data")))
    if run.kind == "image":
        lines.append(text(f"Duplicates: {data.copies(run).shown}", *at(run, "data")))
    if "Augmentation" in run.paragraphs:
        lines.append(text(f"Augmentation: {run.paragraphs['Augmentation']}", *at(run, "methods")))
    found = [finding for finding in run.findings if finding["level"] != "note"]
    lines += [text(f"{finding['level'].capitalize()}: {finding['message']}", *at(run, "findings")) for finding in found]
    question = "When, where and how were the data collected, who labelled them, and with what reference standard?"
    return [*lines, text(Ask(question))]


def _analyses(run: Told) -> list[Block]:
    blocks: list[Block] = [Bullets(tuple(text(minus(said.text)) for said in run.said)), estimate_table(run)]
    per_class, more = class_table(run), further(run)
    blocks += [per_class] if per_class else []
    thresholds = dict.fromkeys(f"{record['value']:.3g}" for record in run.estimates["thresholds"])
    lines = [text(f"Decision threshold: {', '.join(thresholds)}.", *at(run, "estimates"))] if thresholds else []
    lines += (
        [text(f"The run holds further analyses: {', '.join(more)}.", *file("estimates.json", "report.html"))]
        if more
        else []
    )
    lines.append(
        text("Every number with its method and figures.", *at(run, "estimates", "performance"), *file("estimates.json"))
    )
    return [*blocks, Bullets(tuple(lines))]


def _ethics(run: Told) -> list[Line]:
    tests = (run.synthetic or {"verdicts": []})["verdicts"]
    leaks = [one["sentence"] for one in tests if one["test"] in LEAKS]
    return [
        text(Ask("Which approval and consent cover the data?")),
        text(Ask("Could a patient be recognised from the model or its files?")),
        *(text(minus(sentence), *at(run, "synthetic")) for sentence in leaks),
        text(Ask("Who could be harmed by a wrong prediction, or by one that is right and misused?")),
    ]


def _caveats(run: Told) -> list[Line]:
    lines = [
        text(
            "An interval speaks of the sampling of these patients, not of another hospital or another year.",
            *at(run, "methods"),
        )
    ]
    if run.maps:
        failed = run.maps["failed"]
        checks = (
            f"Do not trust these maps: the check of {' and of '.join(failed)} failed."
            if failed
            else f"The maps passed their checks ({', '.join(check['name'] for check in run.maps['checks'])})."
        )
        seen = f"What the network looked at was mapped for {run.maps['explained']} test samples; a map is no proof. {checks}"
        lines.append(text(seen, *at(run, "seen")))
    if not run.estimates["n"]["patient_column"]:
        lines.append(
            text(
                "There was no patient column: leakage between samples of one patient cannot be ruled out.",
                *at(run, "methods"),
            )
        )
    question = (
        "What should be tested before anybody relies on it: other sites, a later period, a comparison with clinicians?"
    )
    return [
        *lines,
        text(Ask(question)),
        text(f"The run can be repeated with {words_of.repeat_command(run)}.", *at(run, "reproducibility")),
    ]
