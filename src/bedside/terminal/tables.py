"""Tables for the terminal, from the same records that the report is made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bedside.cohort import Estimate, Finding, level_text
from bedside.data.codes import count
from bedside.evaluation.metrics import HEADLINE, LABELS
from bedside.evaluation.sample_size import Need
from bedside.folder import Run
from bedside.models.family import ALL, Family
from bedside.report.brief import sentences
from bedside.report.words import p_text

COLOURS = {"error": "bold red", "warning": "yellow", "note": "dim"}


def plain(words: str) -> str:
    """Words for any terminal: markup escaped, and the hyphen for a minus sign, as in all numbers here."""
    return escape(words.replace("−", "-"))


_KINDS = {
    "table": "for tables",
    "image": "for images",
    "signal": "for recordings",
    "graph": "for molecules",
    "any": "for everything",
}


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def print_findings(findings: Iterable[Finding], console: Console) -> None:
    for finding in findings:
        console.print(f"[{COLOURS[finding.level]}]{finding.level}[/]  {escape(str(finding))}", highlight=False)


def print_summary(run: Run, console: Console) -> None:
    """Sentences, the main estimates beside the baseline's, and where the report lies."""
    print_sentences({"sentences": sentences(run)}, console)
    print_estimates(run.estimates, console)
    console.print(f"\nReport: [bold]{escape(str(run.path / 'report.html'))}[/]", soft_wrap=True, highlight=False)


def print_sentences(record: Mapping[str, Any], console: Console) -> None:
    """The verdict in words, one sentence a line."""
    console.print()
    for sentence in record["sentences"]:
        console.print(plain(sentence), highlight=False)
    console.print()


def print_worth(record: Mapping[str, Any], console: Console) -> None:
    """Where deciding by the score is worth it, one sentence a class; nothing for numbers."""
    for found in (record["decision_curve"] or {"of": []})["of"]:
        console.print(f"\n[bold]Class {escape(found['of'])}[/]: {escape(found['sentence'])}", highlight=False)


def print_estimates(record: Mapping[str, Any], console: Console) -> None:
    """Every estimate with its interval; the baseline's beside it when there is one."""
    baseline = record["baseline"]
    beside = (
        {(e["metric"], e["of"]): escape(Estimate.from_dict(e).text()) for e in baseline["estimates"]}
        if baseline
        else {}
    )
    level = f"{level_text(record['level'])} interval"
    table = _table(f"On {record['n']['patients']} test patients", "metric", escape(f"estimate [{level}]"))
    if baseline:
        table.add_column(f"{baseline['family']} (baseline)")
    for entry in record["estimates"]:
        estimate = Estimate.from_dict(entry)
        name = entry["metric"].replace("_", " ") + (f" ({entry['of']})" if entry["of"] else "")
        cells = [escape(name), escape(estimate.text())]
        table.add_row(*cells, *([beside.get((entry["metric"], entry["of"]), "")] if baseline else []))
    console.print(table)
    if record.get("ensemble"):
        console.print(plain(_of_the_mean(record["ensemble"], record["task"]["kind"])), highlight=False)


def _of_the_mean(ensemble: Mapping[str, Any], task: str) -> str:
    """What the mean of models that were tested on the same patients scores, in a sentence."""
    found = {
        entry["metric"]: Estimate.from_dict(entry) for entry in ensemble["estimates"] if entry["of"] in ("", "macro")
    }
    wanted = [metric for metric in (HEADLINE[task], "accuracy", "mae") if metric in found]
    told = ", ".join(
        f"{'macro ' if found[metric].of else ''}{LABELS[metric]} {found[metric].text()}" for metric in wanted
    )
    return f"The mean of the {ensemble['models']} models, tested as one model on the same patients: {told}."


def print_monitoring(record: Mapping[str, Any], console: Console) -> None:
    """The verdict of a monitoring, and what drifted."""
    for sentence in record["sentences"]:
        console.print(plain(sentence), highlight=False)
    console.print()
    changes = record["outcomes"]["changes"] if record["outcomes"] else []
    drifted = [one for one in (*record["columns"], *record["whole"], *changes) if one["verdict"] == "drift"]
    if drifted:
        table = _table("Drift", "what", "how", "p, adjusted")
        for one in drifted[:20]:
            table.add_row(escape(one["name"]), plain(one["words"]), p_text(one["p_adjusted"]))
        console.print(table)


def print_needs(found: Mapping[str, Sequence[Need]], console: Console) -> None:
    """Patients by criterion, the largest number of each table bold: that many are needed."""
    titles = {"development": "To develop a regression", "validation": "To judge a model on other patients"}
    for part, needs in found.items():
        with_events = any(need.events is not None for need in needs)
        table = _table(titles[part], "what is asked for", "patients", *(["with the condition"] if with_events else []))
        most = max(need.patients for need in needs)
        for need in needs:
            cells = [
                f"{need.patients:,}",
                *(["" if need.events is None else f"{need.events:,}"] if with_events else []),
            ]
            shown = [f"[bold]{cell}[/]" if need.patients == most else cell for cell in cells]
            table.add_row(escape(need.criterion), *shown)
        console.print(table)
        console.print()
    if "development" in found:
        number = all(need.events is None for need in found["development"])
        more = (
            "; how much more was counted for binary outcomes only"
            if number
            else ": at least ten times as many events for each variable"
        )
        console.print(
            f"Networks, forests and boosting need more{more} (van der Ploeg et al. 2014, doi:10.1186/1471-2288-14-137).",
            highlight=False,
        )


def print_cohort(description: Mapping[str, Any], console: Console) -> None:
    """What the file was understood to be: task, classes, and one line per feature."""
    task = description["task"]
    console.print(
        f"[bold]{escape(description['name'])}[/]: {description['samples']} samples of {description['patients']} patients, "
        f"{task['kind']} task on '{escape(description['roles']['target'])}'.",
        highlight=False,
    )
    if task["kind"] != "regression":
        counts = [f"{entry['class']} {entry['samples']}" for entry in description["target"]]
        positive = f"; to detect: {task['positive']}" if task["positive"] else ""
        console.print(escape(f"Classes: {', '.join(counts)}{positive}."), highlight=False)
    for kind, told in (("images", _images), ("signals", _signals), ("molecules", _molecules)):
        if kind in description:
            console.print(escape(told(description[kind])), highlight=False)
            console.print()
            return
    table = _table("Features", "name", "kind", "missing", "median or levels")
    for feature in description["features"][:40]:
        table.add_row(escape(feature["name"]), feature["kind"], str(feature["missing"]), escape(_values(feature)))
    console.print(table)
    hidden = len(description["features"]) - 40
    if hidden > 0:
        console.print(f"... and {hidden} more features.")
    console.print()


def _images(images: Mapping[str, Any]) -> str:
    """Formats, sizes and what could not be read, in a line or two."""
    formats = ", ".join(f"{name} {n}" for name, n in images["formats"].items())
    low, high = images["smallest"], images["largest"]
    size = f"{low[0]} x {low[1]}" if low == high else f"{low[0]} x {low[1]} to {high[0]} x {high[1]}"
    colour = " and ".join({"1": "grey", "3": "colour"}[name] for name in images["channels"])
    bits = " and ".join(images["bits"])
    left_out = f"; {len(images['unreadable'])} could not be read" if images["unreadable"] else ""
    synthetic = f"\n{images['synthetic']}" if images["synthetic"] else ""
    return f"Images: {formats}; {size} pixels, {colour}, {bits} bits{left_out}.{synthetic}"


def _signals(signals: Mapping[str, Any]) -> str:
    """Channels, rate and lengths, in a line or two."""
    names, rate = ", ".join(signals["channels"]), signals["rate"]
    low, high = signals["shortest"], signals["longest"]
    length = f"{low:,} points" if low == high else f"{low:,} to {high:,} points"
    speed = f"{rate:g} Hz" if rate else "rate unknown"
    gaps = f"; {signals['with_gaps']:,} have gaps" if signals["with_gaps"] else ""
    synthetic = f"\n{signals['synthetic']}" if signals["synthetic"] else ""
    return f"Recordings: {names}; {length}, {speed}{gaps}.{synthetic}"


def _molecules(molecules: Mapping[str, Any]) -> str:
    """Sizes, elements, scaffolds and what could not be read, in a line or two."""
    low, high = molecules["smallest"], molecules["largest"]
    size = f"{low:,} atoms" if low == high else f"{low:,} to {high:,} atoms"
    elements = ", ".join(f"{name} {n:,}" for name, n in molecules["elements"].items())
    most = molecules["scaffolds"][0] if molecules["scaffolds"] else None
    commonest = f", the commonest {most['smiles'] or 'no ring'} ({most['samples']:,})" if most else ""
    salts = f"; {molecules['parts']:,} of several parts, such as salts" if molecules["parts"] else ""
    left_out = f"; {len(molecules['unreadable']):,} could not be read" if molecules["unreadable"] else ""
    return f"Molecules: {size} without hydrogen; {count(molecules['n_scaffolds'], 'scaffold')}{commonest}{salts}{left_out}.\nWith the element: {elements}."


def _values(feature: Mapping[str, Any]) -> str:
    if feature["kind"] == "category":
        shown = ", ".join(f"{entry['level']} ({entry['samples']})" for entry in feature["levels"][:5])
        return shown + (f", ... {feature['n_levels']} levels" if feature["n_levels"] > 5 else "")
    if feature.get("median") is None:
        return ""
    return f"{feature['median']:.4g} ({feature['low']:.4g} to {feature['high']:.4g})"


def print_families(families: Mapping[str, Family], console: Console) -> None:
    """A table for each kind of data: what the family is, where it was described, when to take it."""
    for kind, title in _KINDS.items():
        own = {name: family for name, family in families.items() if kind in family.kinds}
        if own:
            table = _table(f"Families {title}", "name", "what it is, when to take it, source")
            for name, family in own.items():
                table.add_row(name, _about_family(family))
            console.print(table)
            console.print()


def _about_family(family: Family) -> str:
    tasks = "" if family.tasks == ALL else f" ({', '.join(family.tasks)})"
    lines = [
        f"{escape(family.summary)}{tasks}.",
        f"For {escape(family.prefer)}.",
        f"[dim]{escape(family.source)}[/]",
    ]
    return "\n".join(line for line, there in zip(lines, (True, family.prefer, family.source), strict=True) if there)


def print_cohorts(cohorts: Mapping[str, Any], console: Console) -> None:
    table = _table("Built-in cohorts", "name", "task", "what it is", "licence")
    for name, cohort in cohorts.items():
        table.add_row(name, cohort.task, escape(cohort.title), escape(cohort.licence))
    console.print(table)


def print_settings(title: str, records: Sequence[Mapping[str, str]], console: Console) -> None:
    table = _table(title, "setting", "range", "default", "meaning")
    for record in records:
        table.add_row(*(escape(record[key]) for key in ("name", "range", "default", "meaning")))
    console.print(table)
    console.print()


def print_changes(record: Mapping[str, Any], console: Console) -> None:
    """The ten worst changes of a stress, from stress.json."""
    shown = record["changes"][:10]
    headline = record["headline"].replace("_", " ")
    level = f"{level_text(record['level'])} interval"
    table = _table(
        f"The {len(shown)} worst of {len(record['changes'])} changes",
        "change",
        escape(f"{headline} [{level}]"),
        "difference",
    )
    if any(row["flipped"] for row in shown):
        table.add_column("decisions that flip")
    for row in shown:
        cells = [row["label"], Estimate.from_dict(row["stressed"]).text(), Estimate.from_dict(row["difference"]).text()]
        if row["flipped"]:
            cells.append(Estimate.from_dict(row["flipped"]).text())
        table.add_row(*map(plain, cells))
    console.print()
    console.print(table)
