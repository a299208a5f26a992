"""How the numbers of a run were made, in sentences that a methods section could quote."""

import json
from typing import Any

from bedside.cohort import level_text
from bedside.data.description import kind_of
from bedside.errors import RunError
from bedside.folder import Run
from bedside.report import image_words, kinds

_SCHEMES = {
    "holdout": "Patients were dealt once: about 60 % to training, 20 % to validation and 20 % to testing.",
    "time": "Patients were divided by date: the latest fifth was tested by a model that had learned from those before.",
    "site": "Each site was held out in turn and tested by a model that had never seen it.",
    "given": "The division into training, validation and test samples that came with the data was kept.",
}


def methods(run: Run) -> list[dict[str, str]]:
    """Paragraphs with a title each, in the order in which the work was done."""
    images, read = kind_of(run.description) == "image", kinds.preparation(run)
    paragraphs = {
        "Patients and splits": splits(run),
        "Preparation": preparation(run.settings.get("preparation", {})) if read is None else read,
        "Augmentation": kinds.augmentation(run),
        "Model": _model(run),
        "Weights": image_words.weights(run) if images else "",
        "Training": _training(run) if run.history is not None else "",
        "Decisions": decisions(run),
        "Intervals": intervals(run.estimates),
        "Baseline": _baseline(run.estimates),
    }
    return [{"title": title, "text": text} for title, text in paragraphs.items() if text]


def scheme(run: Run) -> str:
    """How patients were dealt, in a sentence."""
    folds, n = run.settings.get("folds", {}), run.estimates["n"]
    if folds.get("scheme") == "crossval":
        divisions = n.get("divisions", n["repeats"])
        times = f", repeated {divisions} times with new folds" if divisions > 1 else ""
        return f"{folds.get('number', n['folds'])}-fold cross-validation{times}: in each fold one part was tested, the next validated, the others trained.{_scaffolds(run)}{_seeds(run)}"
    return _SCHEMES.get(str(folds.get("scheme")), "") + _dealt_anew(run) + _scaffolds(run) + _seeds(run)


def _dealt_anew(run: Run) -> str:
    """That a division that came with the data left open who validates, and several were tried."""
    times = run.estimates["n"].get("divisions", 1)
    if run.settings.get("folds", {}).get("scheme") != "given" or times == 1:
        return ""
    return f" Who of its training patients validates was dealt {times} times; the tested patients stayed the same."


def _scaffolds(run: Run) -> str:
    together = kind_of(run.description) == "graph" and run.settings.get("folds", {}).get("link_scaffolds")
    return " No scaffold stands on two sides of a split, so the tested molecules are new chemistry." if together else ""


def _seeds(run: Run) -> str:
    seeds = run.settings.get("folds", {}).get("seeds", 1)
    return f" Every fold was trained {seeds} times with other random numbers." if seeds > 1 else ""


def keeps_copies_together(run: Run) -> bool:
    """Whether the folds were dealt with duplicates on one side; a division that came with the data is as it is."""
    folds = run.settings.get("folds", {})
    return bool(folds.get("link_duplicates")) and folds.get("scheme") != "given"


def splits(run: Run) -> str:
    n = run.estimates["n"]
    unit = (
        _separation(run)
        if n["patient_column"]
        else "Each molecule counts as its own patient."
        if kind_of(run.description) == "graph"
        else (
            "There is no patient column, so each sample counts as its own patient; leakage between samples of one patient cannot be ruled out."
        )
    )
    linked = f" Samples with {kinds.alike(run.description)} were kept together." if keeps_copies_together(run) else ""
    once = "once per repeat" if n["repeats"] > 1 else "once"
    return f"{scheme(run)} {unit}{linked} Epoch, threshold and everything else that is chosen was chosen without the test patients, who were scored {once}."


def _separation(run: Run) -> str:
    """Whether patients stay on one side of every split; a division that came with the data may separate them."""
    table = run.folds[run.folds["part"] != "left_out"].merge(run.cohort[["sample", "patient"]], on="sample")
    parts = table.groupby(["repeat", "fold", "patient"])["part"].nunique()
    torn = parts[parts > 1].index.get_level_values("patient").nunique()
    if not torn:
        return "No patient stands on two sides of a split."
    who = "1 patient stands" if torn == 1 else f"{torn:,} patients stand"
    return f"{who} on two sides of a split, so the test was easier for them than for new patients."


def preparation(settings: dict[str, Any]) -> str:
    scale = ", numbers were scaled to mean 0 and standard deviation 1" if settings.get("scale") == "standard" else ""
    rare = f", levels with fewer than {settings['rare_level']} samples joined" if "rare_level" in settings else ""
    flags = ", with an indicator column for each feature that had gaps" if settings.get("missing_indicators") else ""
    return (
        f"Everything was fitted on the training samples of each fold only. Gaps were filled with the median or the most frequent level{flags}"
        f"{scale}; categories became one column per level{rare}."
    )


def _model(run: Run) -> str:
    parameters = model_record(run)["parameters"]
    size = f"It has {parameters:,} parameters." if parameters else ""
    return " ".join(filter(None, (f"{summary(run)}.", size, unsupervised(run), kept(run))))


def unsupervised(run: Run) -> str:
    """What a model that gives samples back learned from, and what its score is; nothing for other models."""
    classes = run.estimates["task"]["classes"]
    known = {
        "other": f"training samples of class '{classes[0]}' alone" if classes else "",
        "all": "all training samples, whatever their class",
    }
    whom = known.get(str(run.settings.get("model", {}).get("learn_from")))
    if not whom:
        return ""
    return (
        f"It learned to give back {whom}; gaps did not count. Its score is the share of validation samples of the same "
        "kind that it gives back with a smaller error."
    )


def summary(run: Run) -> str:
    """What kind of model it is, without a full stop."""
    return str(model_record(run)["summary"] or run.settings.get("family", "")).rstrip(".")


def kept(run: Run) -> str:
    """Which model came out of the folds, and whether it was the one that was tested."""
    record = model_record(run)
    tested = "was tested on patients that none of them had seen" if run.estimates.get("ensemble") else ""
    scored = tested or "whose predictions on patients they had not seen were scored"
    joined = ", and " if tested else ", "
    return {
        "ensemble": f"The model that was kept is the mean of the {len(record['members'])} members{joined}{scored}.",
        "refit": "The model that was kept was trained once more on all patients; this very model was not tested.",
        "tested": "The model that was kept is the one that was tested.",
    }.get(str(record["final"]), "")


def searched(run: Run) -> str:
    """The search that chose the settings before the run, as they name it; nothing if they name none."""
    by = str(run.settings.get("chosen_by") or "").rstrip(".")
    if not by:
        return ""
    return (
        f"The settings were chosen by {by}. If that saw patients who are tested here, the estimates are too good by what "
        "the choice owes to them."
    )


def _training(run: Run) -> str:
    train = run.settings.get("train", {})
    rate = (
        "a learning rate chosen by a sweep over the training samples"
        if train.get("find_learning_rate")
        else f"learning rate {train.get('learning_rate')}"
    )
    stop = (
        f" Training stopped when the validation loss had not fallen for {train['patience']} epochs."
        if train.get("early_stopping") and "patience" in train
        else ""
    )
    weights = (
        " Rare classes were weighed up in the loss, which spoils calibration."
        if train.get("class_weights") == "balanced"
        else ""
    )
    drawn = (
        " Every class was drawn equally often, which spoils calibration." if train.get("sampling") == "balanced" else ""
    )
    asked = train.get("batch_size")
    batch = run.environment.get("batch_size") or asked
    lowered = f" (memory did not allow the {asked} that were asked for)" if batch != asked else ""
    return (
        f"Training took at most {train.get('epochs')} epochs of {train.get('optimizer')} with {rate}, batches of {batch} samples{lowered} and a "
        f"{train.get('schedule')} schedule; the epoch with the lowest validation loss was kept.{stop}{weights}{drawn}"
    )


def decisions(run: Run) -> str:
    kind, thresholds = run.estimates["task"]["kind"], run.estimates["thresholds"]
    if kind == "multiclass":
        return "The class with the highest score was the decision."
    if not thresholds:
        return ""
    first = thresholds[0]
    if first["chosen_on"] == "given":
        return f"The threshold {first['value']:.3g} was given before training."
    point = run.estimates.get("operating") or {}
    where = "in each fold on its validation patients" if len(thresholds) > 1 else "on validation patients"
    said = f"The threshold was chosen {where} by {point.get('chosen_by') or first['rule']}, then frozen and applied to the test patients."
    return f"{said} {point['problem']}" if point.get("problem") else said


def intervals(estimates: dict[str, Any]) -> str:
    return (
        f"Intervals cover {level_text(estimates['level'])} and come from {estimates['resamples']:,} resamples of whole patients unless a footnote says otherwise "
        "(Efron and Tibshirani 1993). They speak of the sampling of these patients, not of another hospital. "
        "Estimates carry as many digits as their interval supports."
    )


def _baseline(estimates: dict[str, Any]) -> str:
    if not estimates["baseline"]:
        return ""
    family, known = estimates["baseline"]["family"], kinds.baseline_words(estimates)
    words = f" ({known})" if known else ""
    return (
        f"The baseline, {family}{words}, saw the same folds, and its differences to the model were taken "
        "on the same resampled patients, so they are paired."
    )


def model_record(run: Run) -> dict[str, Any]:
    """model/model.json; without one, the same names and nothing known.

    Raises:
        RunError: if the file is damaged.
    """
    path = run.path / "model" / "model.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except json.JSONDecodeError as error:
        raise RunError(f"{path} is damaged ({error}); remake the run.") from None
    return {"summary": None, "parameters": None, "members": [], "final": None, **known}


def repeat_command(run: Run) -> str:
    """The command that repeats the run from its own settings."""
    source = str(run.settings.get("source") or "TABLE")
    quoted = f'"{source}"' if " " in source else source
    return f"bedside train {quoted} --settings {run.path.name}/settings.yaml"


def what_is_predicted(run: Run) -> str:
    """`diagnosis (malignant against benign)`, `dx (7 classes)`, `progression`: for the title."""
    task, target = run.estimates["task"], run.description["roles"]["target"]
    if task["kind"] == "binary":
        return f"{target} ({task['positive']} against {task['classes'][0]})"
    if task["kind"] == "multiclass":
        return f"{target} ({len(task['classes'])} classes)"
    return str(target)
