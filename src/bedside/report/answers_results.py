"""What a run shows of how well its model works, for whom, and what it leaves open, for checklists."""

from bedside.cohort import level_text
from bedside.evaluation.metrics import HEADLINE
from bedside.report import brief, methods
from bedside.report.answers import Answer, at, file
from bedside.report.answers_model import checked_groups, headline, paragraph
from bedside.report.document import Link
from bedside.report.told import Told
from bedside.report.words import metric_name


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
            at(run, "learning", "methods"),
        )
    if run.description["roles"]["site"] in checked_groups(run):
        return Answer(f"Each of {len(sites)} sites was judged by itself.", file("estimates.json"))
    shown = (
        f"There are {len(sites)} sites, which train and test together."
        if len(sites) > 1
        else "All patients are of one site."
    )
    return Answer(
        shown,
        at(run, "data"),
        "How much do the estimates differ between hospitals (--folds site holds out one at a time)?",
    )


def heterogeneity(run: Told) -> Answer:
    if clusters(run).status != "filled":
        return Answer(reason="Differences between sites were not examined in this run.")
    if run.settings.get("folds", {}).get("scheme") != "site":  # folds are then no sites
        return Answer("Each site has its own estimates, and the differences were tested.", file("estimates.json"))
    spread = [
        record for record in run.estimates["spread"] if record["metric"] == HEADLINE[run.estimates["task"]["kind"]]
    ]
    said = [
        f"Over {one['n_folds']} folds {metric_name(one['metric'])} ranged from {one['low']:.2f} to {one['high']:.2f}."
        for one in spread
    ]
    return Answer(" ".join(said) or "Each site has its own estimates.", file("estimates.json"))


def measure_names(run: Told) -> list[str]:
    return list(dict.fromkeys(metric_name(record["metric"]) for record in run.estimates["estimates"]))


def measures(run: Told) -> Answer:
    compared = f" {paragraph(run, 'Baseline')}" if run.estimates["baseline"] else ""
    shown = f"{', '.join(measure_names(run))}; what each means stands beside it, and figures show them.{compared}"
    return Answer(shown, at(run, "estimates", "performance"))


def uncertainty(run: Told) -> Answer:
    return Answer(methods.intervals(run.estimates), at(run, "methods", "estimates"))


def fairness(run: Told) -> Answer:
    groups = checked_groups(run)
    shown = f"Estimates were made for groups by {', '.join(groups)}." if groups else ""
    return Answer(shown, file("estimates.json") if groups else (), "Which approaches to fairness were taken, and why?")


def size(run: Told) -> Answer:
    """How many were tested and whether that is enough."""
    said = next(one.text for one in run.said if one.rules[0].startswith("2."))
    more = file("estimates.json") if run.estimates.get("sample_size") else ()
    return Answer(
        said, at(run, "estimates") + more, "How was the number of patients arrived at, for training and for testing?"
    )


def performance(run: Told) -> Answer:
    groups = checked_groups(run)
    by = f", and for groups by {', '.join(groups)}" if groups else ""
    shown = f"{headline(run)}; every measure with its {level_text(run.estimates['level'])} interval{by}."
    question = "" if groups else "Which groups of patients need estimates of their own (--subgroup makes them)?"
    return Answer(shown, at(run, "estimates", "performance") + file("estimates.json"), question)


def external(run: Told) -> Answer:
    if brief.unseen_sites(run):
        return Answer("Every fold tested sites that its model had not seen.", at(run, "methods", "learning"))
    return Answer(question="Was the model tested on data from elsewhere, and if not, why not?")


def internal(run: Told) -> Answer:
    return Answer(f"{methods.scheme(run)} {headline(run)}.", at(run, "methods", "estimates"))


def explained(run: Told) -> Answer:
    known = run.maps
    if known is None:
        return Answer(
            question="Were the decisions explained, by which method, and was that method checked? This run holds no explanations."
        )
    failed = known["failed"]
    checks = f"failed the check of {' and of '.join(failed)}" if failed else "passed their checks"
    return Answer(f"The maps of {known['explained']} test samples were made, and {checks}.", at(run, "seen"))


def errors(run: Told) -> Answer:
    if run.estimates["task"]["kind"] == "regression":
        return Answer(
            "Residuals are drawn against the predictions.",
            at(run, "performance"),
            "Which patients were predicted badly, and why?",
        )
    where = at(run, "performance") + (at(run, "seen") if run.maps else ())
    return Answer(
        "The confusion matrix counts every kind of error.", where, "Which patients were decided wrongly, and why?"
    )


def interpretation(run: Told) -> Answer:
    return Answer(
        " ".join(said.text for said in run.said[:3]),
        (Link("report.html", "report.html#main"),),
        "What do these results mean beside earlier studies, and are they fair to all groups?",
    )


def limitations(run: Told) -> Answer:
    said = [one.text for one in run.said if one.rules[0].startswith(("2.1", "8"))]
    warned = sum(finding["level"] != "note" for finding in run.findings)
    more = [f"The checks of the data gave {warned} {'warning' if warned == 1 else 'warnings'}."] if warned else []
    return Answer(
        " ".join([*said, *more]),
        at(run, "findings"),
        "Which limits of the study could have biased the result, and how?",
    )
