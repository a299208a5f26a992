"""The command line: each verb reads its options, calls one public function and prints.

Nothing heavy is imported before a verb needs it, so that `bedside --help` answers at once.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bedside.errors import BedsideError

app = typer.Typer(
    help="Deep learning in medicine, honestly evaluated: from a clinical table to a report. Research and teaching only.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

COLUMNS = "Columns"
FILE = "Reading the file"
IMAGES = "Images"

SOURCE = "A built-in cohort, a table (CSV, TSV, Parquet, Excel), a folder of images, or a MedMNIST .npz file."
Source = Annotated[str | None, typer.Argument(help=SOURCE)]
Target = Annotated[str | None, typer.Option(help="Column to predict.", rich_help_panel=COLUMNS)]
Patient = Annotated[str | None, typer.Option(help="Column that identifies the patient.", rich_help_panel=COLUMNS)]
Site = Annotated[str | None, typer.Option(help="Column that names the site.", rich_help_panel=COLUMNS)]
Time = Annotated[str | None, typer.Option(help="Column with the date.", rich_help_panel=COLUMNS)]
Subgroup = Annotated[
    list[str] | None,
    typer.Option(help="Column of a group, kept beside every prediction; repeat for more.", rich_help_panel=COLUMNS),
]
TaskOption = Annotated[
    str | None, typer.Option("--task", help="binary, multiclass or regression.", rich_help_panel=COLUMNS)
]
Positive = Annotated[str | None, typer.Option(help="Class to detect, such as malignant.", rich_help_panel=COLUMNS)]
Feature = Annotated[
    list[str] | None, typer.Option(help="Column to learn from; by default all others.", rich_help_panel=COLUMNS)
]
Exclude = Annotated[
    list[str] | None, typer.Option(help="Column to leave out; repeat for more.", rich_help_panel=COLUMNS)
]
Category = Annotated[list[str] | None, typer.Option(help="Column whose numbers are codes.", rich_help_panel=COLUMNS)]
AllowLeak = Annotated[
    list[str] | None, typer.Option(help="Use this column although it gives the target away.", rich_help_panel=COLUMNS)
]
Separator = Annotated[str | None, typer.Option(help="Character between columns, such as ';'.", rich_help_panel=FILE)]
Decimal = Annotated[str | None, typer.Option(help="Decimal mark, '.' or ','.", rich_help_panel=FILE)]
Encoding = Annotated[str | None, typer.Option(help="Character encoding, such as latin-1.", rich_help_panel=FILE)]
Sheet = Annotated[str | None, typer.Option(help="Sheet of an Excel file.", rich_help_panel=FILE)]
Split = Annotated[str | None, typer.Option(help="Column that says train, valid or test.", rich_help_panel=COLUMNS)]
Image = Annotated[str | None, typer.Option(help="Column with the path of each image.", rich_help_panel=IMAGES)]
LabelPattern = Annotated[
    str | None,
    typer.Option(help="Regular expression that finds (?P<target>...) in the file name.", rich_help_panel=IMAGES),
]
Modality = Annotated[str | None, typer.Option(help="dermoscopy, histology, xray or photo.", rich_help_panel=IMAGES)]
SkipUnreadable = Annotated[
    bool, typer.Option("--skip-unreadable", help="Leave out images that cannot be read.", rich_help_panel=IMAGES)
]
RunFolder = Annotated[Path, typer.Argument(help="A run folder, such as runs/heart-2026-11-22-101500.")]


def main() -> None:
    """Run the command line; errors a user can act on are printed without a traceback, exit code 2."""
    try:
        app()
    except BedsideError as error:
        _console(stderr=True).print(f"[bold red]Error:[/] {_escaped(str(error))}", soft_wrap=True, highlight=False)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe has gone, such as `| head`
        sys.stderr.close()
        sys.exit(0)


@app.command()
def train(
    source: Source = None,
    target: Target = None,
    patient: Patient = None,
    site: Site = None,
    time: Time = None,
    subgroup: Subgroup = None,
    task: TaskOption = None,
    positive: Positive = None,
    feature: Feature = None,
    exclude: Exclude = None,
    category: Category = None,
    allow_leak: AllowLeak = None,
    split: Split = None,
    image: Image = None,
    label_pattern: LabelPattern = None,
    modality: Modality = None,
    skip_unreadable: SkipUnreadable = False,
    weights: Annotated[
        str | None,
        typer.Option(help="pretrained, a file, download, or none to start from scratch.", rich_help_panel=IMAGES),
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(help="backbone (train the last layer), none, or gradual.", rich_help_panel=IMAGES),
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(help="Stored versions of each training image, with a frozen backbone.", rich_help_panel=IMAGES),
    ] = None,
    family: Annotated[str | None, typer.Option(help="Kind of model; see `bedside families`.")] = None,
    folds: Annotated[str | None, typer.Option(help="holdout, crossval, site, time or given.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed deals and starts everything anew.")] = None,
    final: Annotated[str | None, typer.Option(help="ensemble of the fold members, or refit on everything.")] = None,
    find_lr: Annotated[bool, typer.Option("--find-lr", help="Let a sweep choose the learning rate.")] = False,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any setting; see `bedside settings`.")
    ] = None,
    settings: Annotated[Path | None, typer.Option(help="YAML file of settings; options win over it.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of the run.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Continue this unfinished run.")] = None,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
) -> None:
    """Train a model on a table or on images, judge it honestly and write a report."""
    from bedside.run import train_steps
    from bedside.settings import RunSettings, build, merge, parse_assignment
    from bedside.terminal.progress import show_run

    data = _data_options(
        target=target, patient=patient, site=site, time=time, subgroups=subgroup, task=task, positive=positive,
        features=feature, exclude=exclude, categories=category, allow_leak=allow_leak, split=split,
        image=image, label_pattern=label_pattern, modality=modality, skip_unreadable=skip_unreadable or None,
        separator=separator, decimal=decimal, encoding=encoding, sheet=sheet,
    )  # fmt: skip
    options: dict[str, Any] = {"data": data} if data else {}
    options |= _given(family=family, seed=seed, final=final)
    if model := _given(weights=weights, freeze=freeze):
        options["model"] = model
    if views is not None:
        options["augment"] = {"views": views}
    if folds is not None:
        options["folds"] = {"scheme": folds}
    if find_lr:
        options["train"] = {"find_learning_rate": True}
    layers = [_settings_file(settings), options, *(parse_assignment(text) for text in assign or [])]
    asked = build(RunSettings, merge(*layers))
    show_run(train_steps(source, asked, folder=output, resume=resume), _console())


@app.command()
def check(
    source: Annotated[str, typer.Argument(help=SOURCE)],
    target: Target = None,
    patient: Patient = None,
    site: Site = None,
    time: Time = None,
    subgroup: Subgroup = None,
    task: TaskOption = None,
    positive: Positive = None,
    feature: Feature = None,
    exclude: Exclude = None,
    category: Category = None,
    allow_leak: AllowLeak = None,
    split: Split = None,
    image: Image = None,
    label_pattern: LabelPattern = None,
    modality: Modality = None,
    skip_unreadable: SkipUnreadable = False,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of the data, such as data.task.")
    ] = None,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
) -> None:
    """Look at the data for leaks, duplicates and gaps; train nothing."""
    from bedside.data import read_cohort
    from bedside.data.checks import check as check_cohort
    from bedside.data.description import describe
    from bedside.errors import SettingError
    from bedside.settings import DataSettings, build, merge, parse_assignment
    from bedside.terminal.tables import print_cohort, print_findings

    data = _data_options(
        target=target, patient=patient, site=site, time=time, subgroups=subgroup, task=task, positive=positive,
        features=feature, exclude=exclude, categories=category, allow_leak=allow_leak, split=split,
        image=image, label_pattern=label_pattern, modality=modality, skip_unreadable=skip_unreadable or None,
        separator=separator, decimal=decimal, encoding=encoding, sheet=sheet,
    )  # fmt: skip
    asked = merge({"data": data}, *(parse_assignment(text) for text in assign or []))
    if others := sorted(asked.keys() - {"data"}):
        raise SettingError(f"--set {others[0]} has no effect: `bedside check` only reads; it takes settings of data.")
    cohort = read_cohort(source, build(DataSettings, asked["data"], prefix="data."))
    print_cohort(describe(cohort), _console())
    findings = check_cohort(cohort)
    print_findings(findings, _console())
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


@app.command()
def predict(
    run: RunFolder,
    source: Annotated[
        Path,
        typer.Argument(help="Table with the columns that the model learned from, or images like those of training."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV file for the scores.")],
    patient: Annotated[
        str | None, typer.Option(help="Column that identifies the patient, to keep beside the scores.")
    ] = None,
    image: Image = None,
    skip_unreadable: SkipUnreadable = False,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
) -> None:
    """Score new samples with a run's model."""
    from bedside.scoring import predict as predict_samples
    from bedside.settings import DataSettings, build
    from bedside.terminal.tables import print_findings

    options = _data_options(
        patient=patient, image=image, skip_unreadable=skip_unreadable or None,
        separator=separator, decimal=decimal, encoding=encoding, sheet=sheet,
    )  # fmt: skip
    prediction = predict_samples(run, source, output=output, settings=build(DataSettings, options, prefix="data."))
    print_findings(prediction.findings, _console())
    _console().print(
        f"{len(prediction.table):,} {'sample' if len(prediction.table) == 1 else 'samples'} scored: [bold]{_escaped(str(output))}[/]",
        soft_wrap=True,
    )


@app.command()
def evaluate(
    predictions: Annotated[Path, typer.Argument(help="Table with one row per sample: its target and its score.")],
    target: Annotated[str | None, typer.Option(help="Column with the truth; by default 'target'.")] = None,
    score: Annotated[
        str | None, typer.Option(help="Column with the score; by default 'score' or 'score_<class>'.")
    ] = None,
    predicted: Annotated[
        str | None, typer.Option(help="Column with the predicted number, if the truth is one.")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="Class whose probability the score is.")] = None,
    patient: Annotated[str | None, typer.Option(help="Column that identifies the patient.")] = None,
    threshold: Annotated[float | None, typer.Option(min=0, max=1, help="Decision threshold; by default 0.5.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file for every estimate.")] = None,
    seed: Annotated[int, typer.Option(help="Drives the resampling of patients.")] = 0,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
) -> None:
    """Judge anybody's predictions: a vendor's, a colleague's, or a run's predictions.csv."""
    from bedside.evaluation.table import evaluate_table
    from bedside.folder import require_folder_of, write_json
    from bedside.settings import DataSettings, build
    from bedside.terminal.tables import print_estimates, print_sentences

    reading = _data_options(separator=separator, decimal=decimal, encoding=encoding, sheet=sheet)
    record = evaluate_table(
        predictions, target=target, score=score, predicted=predicted, positive=positive, patient=patient, threshold=threshold,
        reading=build(DataSettings, reading, prefix="data."), seed=seed,
    )  # fmt: skip
    print_sentences(record, _console())
    print_estimates(record, _console())
    if output is not None:
        require_folder_of(output)
        write_json(output, record)


@app.command()
def explain(
    run: RunFolder,
    samples: Annotated[int | None, typer.Option(min=1, help="Test samples to show; as in the run by default.")] = None,
    method: Annotated[str | None, typer.Option(help="auto, grad-cam, attention or occlusion.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the images lie now, if they were moved.")] = None,
) -> None:
    """Show what an image model looked at, check whether that can be trusted, and renew the report."""
    from bedside.run import explain_steps
    from bedside.terminal.progress import show_explanations

    options = _given(samples=samples, method=method)
    show_explanations(explain_steps(run, source=source, **options), _console())


@app.command()
def report(run: RunFolder) -> None:
    """Make report.html and card.md anew from a run's files."""
    from bedside.run import report as make_report

    _console().print(f"Report: [bold]{_escaped(str(make_report(run)))}[/]", soft_wrap=True)


@app.command()
def families() -> None:
    """List the kinds of models."""
    from bedside.models import families as known
    from bedside.terminal.tables import print_families

    print_families(known(), _console())


@app.command()
def cohorts() -> None:
    """List the built-in cohorts."""
    from bedside.data.samples import COHORTS
    from bedside.terminal.tables import print_cohorts

    print_cohorts(COHORTS, _console())


@app.command()
def settings(
    family: Annotated[str | None, typer.Option(help="Only the settings of this family.")] = None,
    cohort: Annotated[str | None, typer.Option(help="Only the settings of this generated cohort.")] = None,
) -> None:
    """List every setting with its range, default and meaning."""
    from bedside.data.samples import generator_settings
    from bedside.models import families as known
    from bedside.models import settings_class
    from bedside.settings import RunSettings, describe
    from bedside.terminal.tables import print_settings

    if cohort is not None:
        records = list(describe(generator_settings(cohort), "data.synthetic."))
        print_settings(f"Of the generated cohort {cohort}", records, _console())
    if family is None and cohort is None:
        print_settings("Settings of a run", list(describe(RunSettings)), _console())
    for name in [family] if family else known() if cohort is None else ():
        if records := list(describe(settings_class(name), "model.")):
            print_settings(f"With --family {name}", records, _console())


def _data_options(**options: Any) -> dict[str, Any]:
    """Options that were given, as values of `DataSettings`."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in _given(**options).items()}


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value not in (None, [])}


def _settings_file(path: Path | None) -> dict[str, Any]:
    """Settings of a YAML file; the `bedside` line that a run writes is left aside."""
    if path is None:
        return {}
    import yaml

    from bedside.errors import SettingError

    try:
        record = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise SettingError(f"There is no settings file {path}.") from None
    except OSError as error:
        raise SettingError(f"Cannot read the settings file {path}: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not a YAML file of settings: {error}") from None
    if not isinstance(record, dict):
        raise SettingError(f"{path} holds no settings; write lines such as `family: mlp`.")
    return {name: value for name, value in record.items() if name != "bedside"}


def _console(*, stderr: bool = False) -> Any:
    from rich.console import Console

    return Console(stderr=stderr)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
