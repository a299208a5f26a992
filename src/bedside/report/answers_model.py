"""What a run shows of its model and of how that was judged, for checklists."""

from bedside.data.samples import COHORTS
from bedside.evaluation.metrics import HEADLINE
from bedside.evaluation.worst_group import checked
from bedside.report import brief, methods
from bedside.report.answers import Answer, at, file
from bedside.report.document import Link
from bedside.report.image_words import weights as weights_words
from bedside.report.told import Told
from bedside.report.words import estimate_text, find, metric_name

_NOT_TUNED = "This run tuned no setting."


def paragraph(run: Told, title: str) -> str:
    """A paragraph of the methods by its title, or nothing."""
    return run.paragraphs.get(title, "")


def headline(run: Told) -> str:
    """`AUROC 0.76 [0.72, 0.81] on 320 patients`."""
    metric = HEADLINE[run.estimates["task"]["kind"]]
    estimate = find(run.estimates, metric)
    return f"{metric_name(metric)}{estimate_text(estimate)} on {run.estimates['n']['patients']:,} patients"


def checked_groups(run: Told) -> list[str]:
    """Columns whose groups were judged by themselves."""
    return checked(run.estimates.get("subgroups"))


def partition(run: Told) -> Answer:
    return Answer(paragraph(run, "Patients and splits"), at("methods", "data") + file("folds.csv"))


def disjoint(run: Told) -> Answer:
    n = run.estimates["n"]
    level = "by patient" if n["patient_column"] else "by sample, because there is no patient column"
    copies = "; samples with the same content stayed together" if methods.keeps_copies_together(run) else ""
    question = "" if n["patient_column"] else "Could several samples be of one patient?"
    return Answer(f"Parts are disjoint {level}{copies}.", at("methods") + file("folds.csv"), question)


def handling(run: Told) -> Answer:
    title = "Preparation"
    return Answer(paragraph(run, title), at("methods", "settings"))


def model(run: Told) -> Answer:
    words = " ".join(
        filter(None, (paragraph(run, "Model"), paragraph(run, "Training"), methods.scheme(run), _NOT_TUNED))
    )
    question = "Why this type of model, and where do its settings come from (a search, the literature, the defaults)?"
    return Answer(words, at("methods", "settings"), question)


def architecture(run: Told) -> Answer:
    return Answer(paragraph(run, "Model"), at("methods") + file("model/model.json"))


def training(run: Told) -> Answer:
    words = " ".join(filter(None, (paragraph(run, "Training"), paragraph(run, "Augmentation"))))
    return Answer(words or paragraph(run, "Model"), at("methods", "settings"))


def selection(run: Told) -> Answer:
    """How the model that was kept was chosen."""
    if run.history is None:
        return Answer(f"There was one candidate. {_NOT_TUNED}", at("methods"))
    return Answer(
        f"The epoch with the lowest validation loss was kept in each fold. {_NOT_TUNED}",
        at("methods") + file("history.csv"),
    )


def ensemble(run: Told) -> Answer:
    record = methods.model_record(run)
    if record["final"] != "ensemble":
        return Answer(reason="The model that was kept is a single one.")
    return Answer(
        f"The kept model is the mean of the scores of its {len(record['members'])} members, one per fold.",
        file("model/model.json"),
    )


def initial_weights(run: Told) -> Answer:
    if run.history is None:
        return Answer(reason="The model is no network; its fitting needs no initial weights.")
    return Answer(weights_words(run), at("methods", "reproducibility"))


def clusters(run: Told) -> Answer:
    """Whether sites were told apart in the evaluation."""
    sites = run.description.get("sites") or []
    if not sites:
        return Answer(
            question="Do the patients come from several hospitals or countries? The data have no site column."
        )
    if run.settings.get("folds", {}).get("scheme") == "site":
        return Answer(
            f"Each of the {len(sites)} sites was held out in turn, and each fold's value is reported.",
            at("learning", "methods"),
        )
    if run.description["roles"]["site"] in checked_groups(run):
        return Answer(f"Each of {len(sites)} sites was judged by itself.", file("estimates.json"))
    shown = (
        f"There are {len(sites)} sites, which train and test together."
        if len(sites) > 1
        else "All patients are of one site."
    )
    return Answer(
        shown, at("data"), "How much do the estimates differ between hospitals (--folds site holds out one at a time)?"
    )


def heterogeneity(run: Told) -> Answer:
    if clusters(run).status != "filled":
        return Answer(reason="Differences between sites were not examined in this run.")
    spread = [
        record for record in run.estimates["spread"] if record["metric"] == HEADLINE[run.estimates["task"]["kind"]]
    ]
    said = [
        f"Over {one['n_folds']} folds {metric_name(one['metric'])} ranged from {one['low']:.2f} to {one['high']:.2f}."
        for one in spread
    ]
    return Answer(" ".join(said) or "Each site has its own estimates.", file("estimates.json"))


def measures(run: Told) -> Answer:
    names = list(dict.fromkeys(metric_name(record["metric"]) for record in run.estimates["estimates"]))
    compared = f" {paragraph(run, 'Baseline')}" if run.estimates["baseline"] else ""
    shown = f"{', '.join(names)}; what each means stands beside it, and figures show them.{compared}"
    return Answer(shown, at("estimates", "performance"))


def uncertainty(run: Told) -> Answer:
    return Answer(methods.intervals(run.estimates), at("methods", "estimates"))


def no_update(run: Told) -> Answer:
    return Answer(reason="No existing model was updated in this run.")


def calculation(run: Told) -> Answer:
    kept = paragraph(run, "Model").partition(". ")[2]
    shown = f"Test patients were scored by the fold model that had not seen them. {kept} bedside predict {run.path.name} scores new samples."
    return Answer(shown, file("predictions.csv", "model/model.json"))


def imbalance(run: Told) -> Answer:
    train = run.settings.get("train", {})
    used = [
        words
        for key, words in (
            ("class_weights", "rare classes were weighed up in the loss"),
            ("sampling", "every class was drawn equally often"),
        )
        if train.get(key) == "balanced"
    ]
    if not used:
        return Answer(reason="No method against class imbalance was used.")
    shown = f"{' and '.join(used).capitalize()}, which spoils calibration."
    return Answer(shown, at("methods", "settings"), "Why was it used, and were the scores recalibrated afterwards?")


def fairness(run: Told) -> Answer:
    groups = checked_groups(run)
    shown = f"Estimates were made for groups by {', '.join(groups)}." if groups else ""
    return Answer(shown, file("estimates.json") if groups else (), "Which approaches to fairness were taken, and why?")


def output(run: Told) -> Answer:
    kind = run.estimates["task"]["kind"]
    if kind == "regression":
        return Answer("A number in the unit of the target.", file("predictions.csv"))
    shown = f"A probability for each class. {methods.decisions(run)}"
    if kind == "multiclass":
        return Answer(shown, at("methods"))
    return Answer(
        shown, at("estimates", "methods"), "Why is this rule for the threshold right for the decision at the bedside?"
    )


def size(run: Told) -> Answer:
    """How many were tested and whether that is enough."""
    said = next(one.text for one in run.said if one.rules[0].startswith("2."))
    more = file("estimates.json") if run.estimates.get("sample_size") else ()
    return Answer(
        said, at("estimates") + more, "How was the number of patients arrived at, for training and for testing?"
    )


def performance(run: Told) -> Answer:
    groups = checked_groups(run)
    by = f", and for groups by {', '.join(groups)}" if groups else ""
    shown = f"{headline(run)}; every measure with its {run.estimates['level']:.0%} interval{by}."
    question = "" if groups else "Which groups of patients need estimates of their own (--subgroup makes them)?"
    return Answer(shown, at("estimates", "performance") + file("estimates.json"), question)


def external(run: Told) -> Answer:
    if brief.unseen_sites(run):
        return Answer("Every fold tested sites that its model had not seen.", at("methods", "learning"))
    return Answer(question="Was the model tested on data from elsewhere, and if not, why not?")


def internal(run: Told) -> Answer:
    return Answer(f"{methods.scheme(run)} {headline(run)}.", at("methods", "estimates"))


def explained(run: Told) -> Answer:
    known = run.maps
    if known is None:
        return Answer(
            question="Were the decisions explained, by which method, and was that method checked? This run holds no explanations."
        )
    failed = known["failed"]
    checks = f"failed the check of {' and of '.join(failed)}" if failed else "passed their checks"
    return Answer(f"The maps of {known['explained']} test samples were made, and {checks}.", at("seen"))


def errors(run: Told) -> Answer:
    if run.estimates["task"]["kind"] == "regression":
        return Answer(
            "Residuals are drawn against the predictions.",
            at("performance"),
            "Which patients were predicted badly, and why?",
        )
    where = at("performance") + (at("seen") if run.maps else ())
    return Answer(
        "The confusion matrix counts every kind of error.", where, "Which patients were decided wrongly, and why?"
    )


def whole_model(run: Told) -> Answer:
    shown = f"The folder model/ holds weights and preparation with their sha256; bedside predict {run.path.name} TABLE -o SCORES scores new samples."
    return Answer(
        shown, file("model/model.json"), "Where can others get this model, and under which terms may they use it?"
    )


def data_sharing(run: Told) -> Answer:
    about = run.description["about"]
    if run.settings.get("source") in COHORTS:
        return Answer(
            f"Built into bedside as {run.settings['source']}. {about.get('source', '')}; licence: {about.get('licence', 'not said')}.",
            at("data"),
        )
    shown = f"Fingerprint of the data: sha256 {run.environment['data_fingerprint']}."
    return Answer(shown, at("reproducibility"), "Where and under which conditions can the data be had?")


def code_sharing(run: Told) -> Answer:
    shown = f"bedside {run.environment['versions']['bedside']}; {methods.repeat_command(run)} repeats the run from its settings."
    return Answer(
        shown,
        at("reproducibility") + file("settings.yaml", "environment.json"),
        "Where can your settings and your own code be had?",
    )


def software(run: Told) -> Answer:
    versions = ", ".join(
        f"{name} {version}" for name, version in run.environment["versions"].items() if version != "not installed"
    )
    return Answer(f"{versions}.", at("reproducibility") + file("environment.json"))


def interpretation(run: Told) -> Answer:
    return Answer(
        " ".join(brief.sentences(run)[:3]),
        (Link("report.html", "report.html#main"),),
        "What do these results mean beside earlier studies, and are they fair to all groups?",
    )


def limitations(run: Told) -> Answer:
    said = [one.text for one in run.said if one.rules[0].startswith(("2.1", "8"))]
    warned = sum(finding["level"] != "note" for finding in run.findings)
    more = [f"The checks of the data gave {warned} {'warning' if warned == 1 else 'warnings'}."] if warned else []
    return Answer(
        " ".join([*said, *more]), at("findings"), "Which limits of the study could have biased the result, and how?"
    )


def poor_input(run: Told) -> Answer:
    shown = (
        "An image that cannot be read gets no score." if run.is_image else
        "bedside predict fills gaps as in training and refuses a table that lacks a column."
    )  # fmt: skip
    return Answer(
        shown, at("methods"), "At the bedside, who checks the quality of the input, and what is done if it is poor?"
    )
