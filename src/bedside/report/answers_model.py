"""What a run shows of its model and of how that was judged, for checklists."""

from bedside.data.samples import COHORTS
from bedside.evaluation.metrics import HEADLINE
from bedside.evaluation.worst_group import checked
from bedside.report import methods
from bedside.report.answers import Answer, at, file
from bedside.report.calibration import recalibrated
from bedside.report.image_words import weights as weights_words
from bedside.report.told import Told
from bedside.report.words import estimate_text, find, metric_name

_POOR_INPUT = {
    "table": "bedside predict fills gaps as in training and refuses a table that lacks a column.",
    "image": "An image that cannot be read gets no score.",
    "signal": "bedside predict refuses recordings that lack a channel of training, and says where amplitude or length are new.",
    "graph": "bedside predict refuses structures that cannot be read, and names elements, sizes and charges that training never saw.",
}


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
    return Answer(paragraph(run, "Patients and splits"), at(run, "methods", "data") + file("folds.csv"))


def disjoint(run: Told) -> Answer:
    n = run.estimates["n"]
    level = "by patient" if n["patient_column"] else "by sample, because there is no patient column"
    copies = "; samples with the same content stayed together" if methods.keeps_copies_together(run) else ""
    question = "" if n["patient_column"] else "Could several samples be of one patient?"
    return Answer(f"Parts are disjoint {level}{copies}.", at(run, "methods") + file("folds.csv"), question)


def handling(run: Told) -> Answer:
    title = "Preparation"
    return Answer(paragraph(run, title), at(run, "methods", "settings"))


def model(run: Told) -> Answer:
    words = " ".join(
        filter(None, (paragraph(run, "Model"), paragraph(run, "Training"), methods.scheme(run), _tuned(run)))
    )
    question = "Why this type of model, and where do its settings come from (a search, the literature, the defaults)?"
    return Answer(words, at(run, "methods", "settings"), question)


def _tuned(run: Told) -> str:
    """What chose the settings, before the run or in it."""
    sweep = run.settings.get("train", {}).get("find_learning_rate")
    found = "A sweep over the training samples of each fold chose its learning rate." if sweep else ""
    return " ".join(filter(None, (methods.searched(run), found))) or "This run tuned no setting."


def architecture(run: Told) -> Answer:
    return Answer(paragraph(run, "Model"), at(run, "methods") + file("model/model.json"))


def training(run: Told) -> Answer:
    words = " ".join(filter(None, (paragraph(run, "Training"), paragraph(run, "Augmentation"))))
    return Answer(words or paragraph(run, "Model"), at(run, "methods", "settings"))


def selection(run: Told) -> Answer:
    """How the model that was kept was chosen."""
    if run.history is None:
        one = "" if run.settings.get("chosen_by") else "There was one candidate. "
        return Answer(f"{one}{_tuned(run)}", at(run, "methods", "settings"))
    return Answer(
        f"The epoch with the lowest validation loss was kept in each fold. {_tuned(run)}",
        at(run, "methods", "settings") + file("history.csv"),
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
    return Answer(weights_words(run), at(run, "methods", "reproducibility"))


def no_update(run: Told) -> Answer:
    return Answer(reason="No existing model was updated in this run.")


def calculation(run: Told) -> Answer:
    shown = f"Test patients were scored by the fold model that had not seen them. {methods.kept(run)} bedside predict {run.path.name} scores new samples."
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
    again = recalibrated(run)
    shown = (
        f"{' and '.join(used).capitalize()}, which spoils calibration. {again or 'The scores were not recalibrated.'}"
    )
    where = ("methods", "settings", *(["calibration"] if again else []))
    return Answer(shown, at(run, *where), "Why was it used?")


def output(run: Told) -> Answer:
    kind = run.estimates["task"]["kind"]
    if kind == "regression":
        return Answer("A number in the unit of the target.", file("predictions.csv"))
    shown = f"A probability for each class. {methods.decisions(run)}"
    if kind == "multiclass":
        return Answer(shown, at(run, "methods"))
    return Answer(
        shown,
        at(run, "estimates", "methods"),
        "Why is this rule for the threshold right for the decision at the bedside?",
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
            at(run, "data"),
        )
    shown = f"Fingerprint of the data: sha256 {run.environment['data_fingerprint']}."
    return Answer(shown, at(run, "reproducibility"), "Where and under which conditions can the data be had?")


def code_sharing(run: Told) -> Answer:
    shown = f"bedside {run.environment['versions']['bedside']}; {methods.repeat_command(run)} repeats the run from its settings."
    return Answer(
        shown,
        at(run, "reproducibility") + file("settings.yaml", "environment.json"),
        "Where can your settings and your own code be had?",
    )


def software(run: Told) -> Answer:
    versions = ", ".join(
        f"{name} {version}" for name, version in run.environment["versions"].items() if version != "not installed"
    )
    return Answer(f"{versions}.", at(run, "reproducibility") + file("environment.json"))


def poor_input(run: Told) -> Answer:
    return Answer(
        _POOR_INPUT[run.kind],
        at(run, "methods"),
        "At the bedside, who checks the quality of the input, and what is done if it is poor?",
    )
