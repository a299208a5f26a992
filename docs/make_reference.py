"""Write docs/reference.md from the code, so that it cannot drift away from it.

python docs/make_reference.py            writes the page; the same as `make docs`
python docs/make_reference.py --check    writes nothing; exit code 1 if the page is out of date
"""

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

import bedside
from bedside import errors, learn, recalibration
from bedside.cli import app
from bedside.data import codes
from bedside.data.samples import COHORTS, generator_settings
from bedside.evaluation import audit
from bedside.evaluation.metrics import HIGHER_IS_BETTER, LABELS
from bedside.learn.answer import exercises
from bedside.learn.explorables import EXPLORABLES
from bedside.models import FAMILIES, settings_class, suited
from bedside.report.words import metric_words
from bedside.settings import RunSettings, describe
from bedside.splits import folds

PAGE = Path(__file__).with_name("reference.md")

START = """# Reference

Every verb, setting, family, metric, finding, error and file. This page is made from the code by `make docs`:
correct the code, not the page. How the numbers come about stands in [evaluation.md](evaluation.md), what to do with
the files in [run-folder.md](run-folder.md).
"""

# Every file that a run can hold, with what it is for; a test compares this table with real runs.
FILES = {
    "settings.yaml": "every setting that acted; `bedside train --settings` repeats the run",
    "environment.json": "versions, device, threads, seed, data fingerprint (sha256), git revision, wall time; weights of a backbone",
    "cohort.csv": "sample, patient, target and the columns with a role, and nothing else",
    "description.json": "the cohort in numbers: classes, sites, and one record per feature, or the formats and sizes of images",
    "folds.csv": "which samples train, validate and test in each fold",
    "findings.json": "what the checks found, worst first",
    "history.csv": "losses and metric of each epoch; for neural networks",
    "learning_rates.csv": "the sweep of the learning-rate finder; with `--find-lr`",
    "predictions.csv": "the scores of validation and test samples, from which every number is made",
    "baseline.csv": "the same of the simple baseline",
    "estimates.json": "every number with its interval, the number of patients and its method",
    "reference/": "what new patients are held against: counts of each column, and vectors of some patients; see monitoring.md",
    "model/": "the final model: model.json, and weights and preparation of each member",
    "explanations/": "what the model uses (columns of a table, places in images), the sanity checks of that, and the latent map of images",
    "synthetic/": "synthetic samples and what tests found: usefulness, copies, membership, columns; of families that generate",
    "null.json": "what the whole pipeline scored with shuffled targets; with `--null`",
    "figures/": "the figures of the report as SVG, for papers",
    "report.html": "the report; opens without a network",
    "stress.json": "what noise, gaps, wrong units or poor images do to scores and performance; after `bedside stress`",
    "stress.csv": "the same as a table, worst first",
    "stress.html": "the same as a page",
    "card.html": "the model card; what only a person can answer is marked",
    "card.md": "the same as Markdown; `bedside document` makes DOCX of each document",
    "checklist.html": "TRIPOD+AI, and CLAIM 2024 for images: filled, for the authors, or not applicable",
    "checklist.md": "the same as Markdown",
    "paper.html": "a draft of methods and results, with the flow of patients",
    "paper.md": "the same as Markdown",
}


def reference() -> str:
    """The whole page."""
    sections = [START, *_verbs(), *_settings(), _families(), *_cohorts(), _metrics(), _findings(), _errors(), _files()]
    return "\n".join([*sections, _python(), _course()])


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; bars within cells are escaped."""
    lines = [list(head), ["---"] * len(list(head)), *map(list, rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def verbs() -> dict[str, Any]:
    """The commands of the command line by name; those of a group such as `learn play` follow it."""
    found: dict[str, Any] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        found[name] = command
        found |= {f"{name} {inner}": one for inner, one in getattr(command, "commands", {}).items()}
    return found


def _verbs() -> Iterator[str]:
    yield "## Verbs\n"
    for name, command in verbs().items():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option"]
        shown = [p.name.upper() if p.required else f"[{p.name.upper()}]" for p in arguments]
        yield f"### bedside {name}\n\n{command.help}\n"
        yield f"```sh\n{' '.join(['bedside', name, *shown, *(['[OPTIONS]'] if options else [])])}\n```\n"
        rows = [(f"`{p.name.upper()}`", p.help) for p in arguments]
        rows += [(", ".join(map(_option(p), p.opts)), _meaning(p)) for p in options]
        if rows:
            yield table(("option", "meaning"), rows)


def _option(parameter: Any) -> Callable[[str], str]:
    return lambda name: f"`{name} {parameter.metavar}`" if parameter.metavar else f"`{name}`"


def _meaning(option: Any) -> str:
    """The help of an option, and how often it may or must be given."""
    words = option.help if not option.multiple or "repeat" in option.help else f"{option.help} May be repeated."
    return f"{words} Must be given." if option.required else words


def _settings() -> Iterator[str]:
    yield "## Settings\n\nGiven as `--set NAME=VALUE`, in a YAML file for `--settings`, or in Python.\n"
    head = ("setting", "range", "default", "meaning")
    records = list(describe(RunSettings))
    yield table(head, [_setting(record) for record in records if "." not in record["name"]])
    for section, field in RunSettings.model_fields.items():
        if rows := [_setting(record) for record in records if record["name"].startswith(f"{section}.")]:
            yield f"### {section}\n\n{first_line(field.annotation)}\n\n{table(head, rows)}"
    families: dict[Any, list[str]] = {}
    for name in FAMILIES:
        families.setdefault(settings_class(name), []).append(name)
    for kind, names in families.items():
        if rows := [_setting(record) for record in describe(kind, "model.")]:
            yield f"### model, with --family {', '.join(names)}\n\n{table(head, rows)}"


def _setting(record: dict[str, str]) -> tuple[str, ...]:
    default = f"`{record['default']}`" if record["default"] else ""
    return f"`{record['name']}`", record["range"], default, record["meaning"]


def _families() -> str:
    rows = [
        (f"`{name}`", ", ".join(it.kinds), ", ".join(it.tasks), it.summary, it.prefer, it.source)
        for name, it in FAMILIES.items()
    ]
    said = "Every other architecture of timm is a family for images too, under its own name."
    return f"## Families\n\n{table(('family', 'data', 'tasks', 'what it is', 'take it for', 'source'), rows)}\n{said}\n"


def _cohorts() -> Iterator[str]:
    rows = [(f"`{name}`", it.task, it.title, it.source, it.licence) for name, it in COHORTS.items()]
    yield f"## Built-in cohorts\n\n{table(('cohort', 'task', 'what it is', 'source', 'licence'), rows)}"
    for name in (name for name, it in COHORTS.items() if it.synthetic):
        kind = generator_settings(name)
        settings = [_setting(record) for record in describe(kind, "data.synthetic.")]
        head = ("setting", "range", "default", "meaning")
        yield f"### data.synthetic, of {name}\n\n{first_line(kind)}\n\n{table(head, settings)}"


def _metrics() -> str:
    better = {True: "higher", False: "lower"}
    rows = [
        (f"`{name}`", label, metric_words(name).meaning, better.get(HIGHER_IS_BETTER.get(name), ""))
        for name, label in LABELS.items()
    ]
    return f"## Metrics\n\n{table(('metric', 'name', 'meaning', 'better'), rows)}"


def finding_codes() -> dict[str, str]:
    """Every finding that any stage can make."""
    return {**codes.CODES, **folds.CODES, **suited.CODES, **audit.CODES, **recalibration.CODES}


def _findings() -> str:
    rows = [(f"`{code}`", meaning) for code, meaning in finding_codes().items()]
    said = "Each finding is an error, a warning or a note, and is kept in findings.json under its code."
    return f"## Findings\n\n{said}\n\n{table(('code', 'meaning'), rows)}"


def error_classes() -> list[type[Exception]]:
    """BedsideError and its children, in the order of the file."""
    own = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]
    return sorted(own, key=lambda kind: inspect.getsourcelines(kind)[1])


def _errors() -> str:
    rows = [(f"`{kind.__name__}`", f"`{kind.__base__.__name__}`", first_line(kind)) for kind in error_classes()]
    said = "The command line prints the message of such an error and ends with exit code 2."
    return f"## Errors\n\n{said}\n\n{table(('error', 'is a', 'meaning'), rows)}"


def _files() -> str:
    rows = [(f"`{name}`", meaning) for name, meaning in FILES.items()]
    return f"## Files of a run\n\n{table(('file', 'what it holds'), rows)}"


def _python() -> str:
    known = {kind.__name__ for kind in error_classes()}
    rows = [(f"`bedside.{name}`", first_line(getattr(bedside, name))) for name in bedside.__all__ if name not in known]
    rows += [(f"`bedside.learn.{name}`", first_line(getattr(learn, name))) for name in learn.__all__]
    return f"## Names in Python\n\n{table(('name', 'what it is'), rows)}"


def _course() -> str:
    """Explorables and exercises."""
    figures = [(f"`{one.name}`", one.title, one.idea) for one in EXPLORABLES.values()]
    asked = [(f"`{number}`", one.title) for number, one in exercises().items()]
    return (
        f"## Explorables\n\nShown by `bedside learn play NAME`, or `learn.play` in a notebook.\n\n"
        f"{table(('name', 'title', 'idea'), figures)}\n"
        f"## Exercises\n\nChecked by `learn.check` in the notebooks.\n\n{table(('number', 'title'), asked)}"
    )


def first_line(thing: Any) -> str:
    """The first line of a docstring; the table of families, being a plain dictionary, has none of its own."""
    if thing is FAMILIES:
        return "The families that come with bedside, by name."
    return str(inspect.getdoc(thing)).split("\n")[0]


def main(arguments: list[str]) -> int:
    page = reference()
    if arguments == ["--check"]:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page:
            return 0
        print("docs/reference.md is out of date; make it anew with: make docs", file=sys.stderr)
        return 1
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
