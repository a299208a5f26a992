"""What a run was made from, in a line: the cohort, whom, what is predicted, and who was tested."""

from bedside.app.words import later, t
from bedside.folder import Run
from bedside.report.words import percent

SCHEMES = {
    "holdout": later("tested on one fifth"),
    "crossval": later("cross-validation with {folds} folds"),
    "site": later("each of {folds} sites tested in turn"),
    "time": later("tested on the latest fifth"),
    "given": later("split as given with the data"),
}


def facts(run: Run) -> list[str]:
    """Short pieces in the reader's language; names of data stay as they are."""
    return [
        str(run.description["name"]),
        str(run.settings.get("family", "")),
        _patients(run),
        _outcome(run),
        _split(run),
    ]


def _patients(run: Run) -> str:
    words = t("Patients: {count}", count=f"{run.description['patients']:,}")
    return words if run.estimates["n"]["patient_column"] else f"{words} ({t('no patient column')})"


def _outcome(run: Run) -> str:
    task, n = run.estimates["task"], run.estimates["n"]
    if task["kind"] == "regression":
        return t("Target: {name}", name=run.description["roles"]["target"])
    if task["kind"] == "multiclass":
        return t("Classes: {count}", count=len(task["classes"]))
    events = n["events"][task["positive"]]
    return t("{name}: {events} of {samples} tested ({share})", name=task["positive"], events=f"{events:,}",
             samples=f"{n['samples']:,}", share=percent(events, n["samples"]))  # fmt: skip


def _split(run: Run) -> str:
    n, scheme = run.estimates["n"], str(run.settings.get("folds", {}).get("scheme", ""))
    words = t(SCHEMES[scheme], folds=n["folds"]) if scheme in SCHEMES else scheme
    return words if n["repeats"] == 1 else f"{words}, " + t("{count} repeats", count=n["repeats"])
