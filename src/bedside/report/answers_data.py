"""What a run shows of its patients, predictors and outcome, for checklists."""

from bedside.evaluation.worst_group import listed
from bedside.report import kinds
from bedside.report.answers import Answer, at, file
from bedside.report.document import Link
from bedside.report.flow import part_range, range_text
from bedside.report.images import duplicates
from bedside.report.methods import preparation as table_preparation
from bedside.report.told import Told
from bedside.report.words import number, percent

_PARTS = {"train": "training", "valid": "validation", "test": "test"}


def patients_words(run: Told) -> str:
    """`320 patients (656 samples)`, or samples alone without a patient column."""
    cohort = run.description
    if not run.estimates["n"]["patient_column"]:
        return f"{cohort['samples']:,} samples, each counted as one patient"
    return f"{cohort['patients']:,} patients ({cohort['samples']:,} samples)"


def source(run: Told) -> Answer:
    """Where the data come from."""
    about = {key: text for key, text in run.description["about"].items() if key not in ("modality", "synthetic")}
    said = "; ".join(f"{key.replace('_', ' ')}: {str(text).rstrip('.')}" for key, text in about.items())
    shown = f"Cohort {run.description['name']}, {patients_words(run)}{'; ' + said if said else ''}."
    question = (
        "What kind of source is it (trial, cohort, routine care, registry), why these data, and whom do they represent?"
    )
    return Answer(shown, at(run, "data") + file("description.json"), question)


def dates(run: Told) -> Answer:
    """When the data were collected, as far as a time column tells."""
    question = "When did the collection begin and end, and if outcomes were awaited, when did follow-up end?"
    if "time" not in run.cohort:
        return Answer(question=question)
    time = run.cohort["time"].dropna()
    shown = f"Column {run.description['roles']['time']} runs from {number(time.min())} to {number(time.max())}."
    return Answer(shown, file("cohort.csv"), question)


def setting(run: Told) -> Answer:
    sites = run.description.get("sites") or []
    question = "In which setting (primary care, hospital, population) and in which places were patients seen?"
    if not sites:
        return Answer(question=question)
    shown = f"{len(sites)} {'site' if len(sites) == 1 else 'sites'} in column {run.description['roles']['site']}."
    return Answer(shown, at(run, "data"), question)


def eligibility(run: Told) -> Answer:
    question = "Who could take part, and who could not?"
    return Answer(excluded_words(run), at(run, "data"), question)


def excluded_words(run: Told) -> str:
    """Who was left out before the splits, and why."""
    excluded = run.flow["excluded"]
    if not excluded:
        return "Nobody was excluded after the data were read."
    reasons = "; ".join(f"{record['samples']:,} samples because {record['reason']}" for record in excluded)
    return f"Excluded after the data were read: {reasons}."


def preparation_words(run: Told) -> str:
    read = kinds.preparation(run)
    return table_preparation(run.settings.get("preparation", {})) if read is None else read


def preparation(run: Told) -> Answer:
    levels = [finding["level"] for finding in run.findings]
    named = ", ".join(
        f"{levels.count(level)} {level}{'' if levels.count(level) == 1 else 's'}"
        for level in ("error", "warning", "note")
        if level in levels
    )
    checks = f" Checks of the data found {named}." if named else " Checks of the data found nothing to report."
    question = "What was done to the data before they were read here, and was it the same for all groups of patients?"
    return Answer(preparation_words(run) + checks, at(run, "methods", "findings"), question)


def outcome_words(run: Told) -> str:
    task = run.description["task"]
    if task["kind"] == "regression":
        return f"The number in column {run.description['roles']['target']}."
    classes = ", ".join(f"{row['class']} ({row['samples']:,} samples)" for row in run.description["target"])
    detect = f"; the class to detect is {task['positive']}" if task["positive"] else ""
    return f"Column {run.description['roles']['target']}: {classes}{detect}."


def outcome(run: Told) -> Answer:
    question = "What exactly is this outcome, over which time, how and when was it assessed, and in the same way in all groups?"
    return Answer(outcome_words(run), at(run, "data"), question)


def predictors_words(run: Told) -> str:
    own = kinds.facts_of(run.description)
    if own is not None:
        return str(own.predictors(run.description))
    data, features = run.settings.get("data", {}), run.description["features"]
    how = "named one by one" if data.get("features") else "every column without another role"
    out = f", without {', '.join(data['exclude'])}, which a person excluded" if data.get("exclude") else ""
    left = [finding for finding in run.findings if finding["message"].endswith("left out.")]
    also = f"; {len(left)} further {'finding' if len(left) == 1 else 'findings'} left columns out" if left else ""
    return f"{len(features):,} {'feature' if len(features) == 1 else 'features'}: {how}{out}{also}."


def choice_of_predictors(run: Told) -> Answer:
    where = at(run, "data", "findings") + file("settings.yaml")
    if run.kind != "table":
        return Answer(predictors_words(run), at(run, "data"))
    return Answer(predictors_words(run), where, "Why these columns, and were others dropped before the file was made?")


def definition_of_predictors(run: Told) -> Answer:
    question = "How and when was each predictor measured, and did whoever measured it know the outcome?"
    if run.kind != "table":
        return Answer(acquisition(run).shown, at(run, "data"), question)
    return Answer(
        "Kind, median or levels, range and gaps of each feature are listed.",
        at(run, "data") + file("description.json"),
        question,
    )


def acquisition(run: Told) -> Answer:
    """How samples that are no rows of a table were taken, as far as their files tell."""
    own = kinds.facts_of(run.description)
    assert own is not None, "columns have no one way of being taken"
    shown, question = own.acquisition(run.description)
    return Answer(shown, at(run, "data"), question)


def missing_words(run: Told, *, filled: bool = True) -> str:
    """How many gaps there were and, if `filled`, how they were handled."""
    own = kinds.facts_of(run.description)
    if own is not None:
        return f"{own.gaps(filled=filled)} {excluded_words(run)}"
    features, samples = run.description["features"], run.description["samples"]
    gaps = sorted((feature for feature in features if feature["missing"]), key=lambda feature: -feature["missing"])
    if not gaps:
        return "No feature and no outcome had a missing value; no sample was left out."
    most = f"most in {gaps[0]['name']} ({percent(gaps[0]['missing'], samples)})"
    lost = "No outcome was missing, and no sample was left out."
    if not filled:
        return f"{len(gaps)} of {len(features)} features had missing values, {most}. {lost}"
    flags = (
        ", with an indicator column for each" if run.settings.get("preparation", {}).get("missing_indicators") else ""
    )
    return (
        f"{len(gaps)} of {len(features)} features had missing values, {most}; they were filled with the median or the most "
        f"frequent level of the training samples{flags}. {lost}"
    )


def missing(run: Told) -> Answer:
    return Answer(missing_words(run), at(run, "data", "methods"))


def flow_words(run: Told) -> str:
    """Read, excluded, analysed, and with or without the outcome."""
    counts = run.flow
    read, kept = counts["read"], counts["kept"]
    who = f"{read['samples']:,} samples were read" if not counts["patient_column"] or read["patients"] is None else (
        f"{read['patients']:,} patients ({read['samples']:,} samples) were read"
    )  # fmt: skip
    left = (
        f"{kept['patients']:,} patients ({kept['samples']:,} samples)"
        if counts["patient_column"]
        else f"{kept['samples']:,} samples"
    )
    return f"{who}. {excluded_words(run)} {left} were analysed. {class_words(run)}".strip()


def class_words(run: Told) -> str:
    """Samples of each class among those that were analysed."""
    task = run.description["task"]
    if task["kind"] == "regression":
        five = run.description["target"]
        return f"The outcome had a median of {number(five['median'])} (quartiles {number(five['q25'])} to {number(five['q75'])})."
    counts = [f"{row['samples']:,} of class {row['class']}" for row in run.description["target"]]
    return f"Of the samples, {listed(counts)}.".replace(" of class ", " were of class ", 1)


def flow_of_patients(run: Told) -> Answer:
    return Answer(flow_words(run), at(run, "data") + file("figures/flow.svg"))


def parts_words(run: Told) -> str:
    """Patients, samples and events of each part."""
    counts = run.flow
    folds, said = counts["folds"], []
    for part, name in _PARTS.items():
        units = ("patients", "samples") if counts["patient_column"] else ("samples",)
        words = ", ".join(f"{range_text(*part_range(folds, part, unit))} {unit}" for unit in units)
        events = (
            f", {range_text(*part_range(folds, part, 'events'))} of class {counts['positive']}"
            if counts["positive"]
            else ""
        )
        said.append(f"{name}: {words}{events}")
    each = f" in each of {len(folds)} folds" if len(folds) > 1 else ""
    return f"{'; '.join(said)}{each}.".capitalize() if said else ""


def numbers_per_analysis(run: Told) -> Answer:
    return Answer(parts_words(run), at(run, "data") + file("folds.csv"))


def characteristics(run: Told) -> Answer:
    question = (
        "Which dates, demographics, treatments and follow-up describe these patients, overall, by part and by group?"
    )
    if run.kind != "table":
        return Answer(f"{patients_words(run)}. {class_words(run)}", at(run, "data"), question)
    shown = f"{patients_words(run)}. {class_words(run)} Every feature with its median or levels and its gaps is listed."
    return Answer(
        shown, (Link("paper.html, Characteristics", "paper.html#characteristics"), *at(run, "data")), question
    )


def same_source(run: Told) -> Answer:
    """Whether training and test patients differ, as far as the way of dealing them tells."""
    scheme = run.settings.get("folds", {}).get("scheme")
    if scheme in ("crossval", "holdout"):
        shown = "Training, validation and test patients were dealt at random from the same data, so setting, eligibility, outcome and predictors were the same."
        return Answer(shown, at(run, "methods"))
    said = {"site": "by site", "time": "by date", "given": "as they came divided"}.get(str(scheme), "")
    shown = f"Patients were separated {said}." if said else ""
    return Answer(
        shown, at(run, "methods"), "How did setting, eligibility, outcome and predictors differ between the parts?"
    )


def compared_parts(run: Told) -> Answer:
    if run.settings.get("folds", {}).get("scheme") == "crossval":
        return Answer(
            reason="With cross-validation every patient trains and is tested in turn, so the distributions are the same."
        )
    return Answer(
        question="How were predictors and outcome distributed among training and among test patients (folds.csv says who is who)?"
    )


def copies(run: Told) -> Answer:
    """Duplicates and what was done about them."""
    return Answer(duplicates(run.description["linked"]), at(run, "data")) if run.kind == "image" else Answer()
