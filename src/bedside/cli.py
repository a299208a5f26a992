"""The command line: each verb reads its options, calls one public function and prints.

Nothing heavy is imported before a verb needs it, so that `bedside --help` answers at once.
"""

import gc
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bedside import cli_app, cli_export, cli_learn, cli_mcp, cli_serve
from bedside import cli_options as options
from bedside.cli_options import folds_settings, given, reads_data, runs_fits
from bedside.errors import BedsideError

app = typer.Typer(
    help="Deep learning in medicine, honestly evaluated: from a clinical table to a report. Research and teaching only; not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


app.add_typer(cli_learn.app, name="learn")
app.command("app")(cli_app.app)
app.command()(cli_serve.serve)
app.command()(cli_mcp.mcp)
app.command()(cli_export.export)


def main() -> None:
    """Run the command line; errors a user can act on are printed without a traceback, exit code 2."""
    gc.set_threshold(10_000)  # what is imported stays; to look through it again and again takes a second
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
@runs_fits
@reads_data()
def train(
    source: options.Source = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="pretrained, a file, download, or none to start from scratch.", rich_help_panel=options.IMAGES
        ),
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(help="backbone (train the last layer), none, or gradual.", rich_help_panel=options.IMAGES),
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(
            help="Stored versions of each training image, with a frozen backbone.", rich_help_panel=options.IMAGES
        ),
    ] = None,
    family: Annotated[str | None, typer.Option(help="Kind of model; see `bedside families`.")] = None,
    folds: options.Folds = None,
    repeats: options.Repeats = None,
    seeds: options.Seeds = None,
    seed: options.Seed = None,
    final: Annotated[str | None, typer.Option(help="ensemble of the fold members, or refit on everything.")] = None,
    null: Annotated[
        int | None,
        typer.Option("--null", min=5, help="Repeat everything so often with shuffled targets: it must score chance."),
    ] = None,
    find_lr: Annotated[bool, typer.Option("--find-lr", help="Let a sweep choose the learning rate.")] = False,
    assign: options.Assign = None,
    settings: options.SettingsFile = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of the run.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Continue this unfinished run.")] = None,
    *,
    data: dict[str, Any],
    way: dict[str, Any],
) -> None:
    """Train a model on a table, images or recordings, judge it honestly and write a report."""
    from bedside.fold_parts import Way
    from bedside.run import train_steps
    from bedside.settings import RunSettings, build
    from bedside.terminal.progress import show_run

    asked = given(family=family, seed=seed, final=final, null_runs=null)
    more = asked | folds_settings(folds, repeats, seeds)
    if model := given(weights=weights, freeze=freeze):
        more["model"] = model
    if views is not None:
        more["augment"] = {"views": views}
    if find_lr:
        more["train"] = {"find_learning_rate": True}
    asked = build(RunSettings, _asked(settings, data, more, assign))
    show_run(train_steps(source, asked, folder=output, resume=resume, way=Way(**way)), _console())


@app.command()
@runs_fits
@reads_data()
def compare(
    source: options.Source = None,
    family: Annotated[list[str] | None, typer.Option(help="Kind of model; repeat for more.")] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B,...", help="Values of a setting, such as train.learning_rate=1e-4,1e-3; repeat for more."
        ),
    ] = None,
    folds: options.Folds = None,
    repeats: options.Repeats = None,
    seeds: options.Seeds = None,
    seed: options.Seed = None,
    assign: options.Assign = None,
    settings: options.SettingsFile = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of the comparison.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Continue this unfinished comparison.")] = None,
    *,
    data: dict[str, Any],
    way: dict[str, Any],
) -> None:
    """Compare families and settings on the same folds, and say what the data can tell apart."""
    from bedside.fold_parts import Way
    from bedside.many.candidates import parse_grid
    from bedside.many.compare import Asked, compare_steps
    from bedside.terminal.progress import show_experiment

    shared = _asked(settings, data, given(seed=seed) | folds_settings(folds, repeats, seeds), assign)
    asked = Asked(shared, tuple(family or ()), parse_grid(grid or []))
    show_experiment(compare_steps(source, asked, folder=output, resume=resume, way=Way(**way)), "compare", _console())


@app.command()
@runs_fits
@reads_data()
def tune(
    source: options.Source = None,
    family: Annotated[str | None, typer.Option(help="Kind of model; see `bedside families`.")] = None,
    trials: Annotated[int | None, typer.Option(min=2, help="Trials of each search; by default 60.")] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES", help="Where to look, such as train.learning_rate='1e-4..1e-2 log'; repeat for more."
        ),
    ] = None,
    folds: options.Folds = None,
    seed: options.Seed = None,
    assign: options.Assign = None,
    settings: options.SettingsFile = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of the search.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Continue this unfinished search.")] = None,
    *,
    data: dict[str, Any],
    way: dict[str, Any],
) -> None:
    """Search for better settings, and judge the choice on patients that the search never saw."""
    from bedside.fold_parts import Way
    from bedside.many.tune import tune_steps
    from bedside.terminal.progress import show_experiment

    shared = _asked(settings, data, given(family=family, seed=seed) | folds_settings(folds, None), assign)
    events = tune_steps(
        source, shared, trials=trials, search=search or (), folder=output, resume=resume, way=Way(**way)
    )
    show_experiment(events, "tune", _console())


@app.command()
@runs_fits
@reads_data()
def curve(
    source: options.Source = None,
    family: Annotated[str | None, typer.Option(help="Kind of model; see `bedside families`.")] = None,
    folds: options.Folds = None,
    repeats: options.Repeats = None,
    seeds: options.Seeds = None,
    seed: options.Seed = None,
    assign: options.Assign = None,
    settings: options.SettingsFile = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of the learning curve.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Continue this unfinished learning curve.")] = None,
    *,
    data: dict[str, Any],
    way: dict[str, Any],
) -> None:
    """Train with more and more patients: does it pay to collect more?"""
    from bedside.fold_parts import Way
    from bedside.many.curve import curve_steps
    from bedside.terminal.progress import show_experiment

    shared = _asked(settings, data, given(family=family, seed=seed) | folds_settings(folds, repeats, seeds), assign)
    show_experiment(curve_steps(source, shared, folder=output, resume=resume, way=Way(**way)), "curve", _console())


def _asked(file: Path | None, data: dict[str, Any], more: dict[str, Any], assign: list[str] | None) -> dict[str, Any]:
    """Settings of a file, under those of options, under those of `--set`."""
    from bedside.settings import merge, parse_assignment

    layers = [_settings_file(file), {"data": data} if data else {}, more]
    return merge(*layers, *(parse_assignment(text) for text in assign or []))


@app.command()
@reads_data()
def check(
    source: Annotated[str, typer.Argument(help=options.SOURCE)],
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of the data, such as data.task.")
    ] = None,
    *,
    data: dict[str, Any],
) -> None:
    """Look at the data for leaks, duplicates and gaps; train nothing."""
    from bedside.data import read_cohort
    from bedside.data.checks import check as check_cohort
    from bedside.data.description import describe
    from bedside.errors import SettingError
    from bedside.settings import DataSettings, build, merge, parse_assignment
    from bedside.terminal.tables import print_cohort, print_findings

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
@reads_data(*options.READING_NEW)
def predict(
    run: options.RunFolder,
    source: Annotated[
        Path,
        typer.Argument(
            help="Table with the columns that the model learned from, or images or recordings like those of training."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV file for the scores.")],
    recalibration: options.Recalibration = None,
    *,
    data: dict[str, Any],
) -> None:
    """Score new samples with a run's model."""
    from bedside.scoring import predict as predict_samples
    from bedside.settings import DataSettings, build
    from bedside.terminal.tables import print_findings

    asked = build(DataSettings, data, prefix="data.")
    prediction = predict_samples(run, source, output=output, settings=asked, recalibration=recalibration)
    print_findings(prediction.findings, _console())
    _console().print(
        f"{len(prediction.table):,} {'sample' if len(prediction.table) == 1 else 'samples'} scored: [bold]{_escaped(str(output))}[/]\n"
        "Research and teaching only; not a medical device.",
        soft_wrap=True,
    )


@app.command()
@reads_data(*options.READING_NEW)
def impute(
    run: options.RunFolder,
    source: Annotated[Path, typer.Argument(help="Table with the columns that the model learned from.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV file for the table without gaps.")],
    *,
    data: dict[str, Any],
) -> None:
    """Fill the gaps of a table with what an autoencoder expects there; known cells stay as they are."""
    from bedside.imputing import impute as fill
    from bedside.settings import DataSettings, build
    from bedside.terminal.tables import print_findings

    done = fill(run, source, output=output, settings=build(DataSettings, data, prefix="data."))
    print_findings(done.findings, _console())
    _console().print(
        f"{int(done.cells.to_numpy().sum()):,} of {done.cells.size:,} cells filled: [bold]{_escaped(str(output))}[/]\n"
        "Filled cells are guesses: how good they are stands in the report of the run.",
        soft_wrap=True,
    )


@app.command()
def sample(
    run: options.RunFolder,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="CSV file for the synthetic samples; for images a new folder.")
    ],
    n: Annotated[int, typer.Option("-n", help="How many samples.")] = 200,
    label: Annotated[
        str | None, typer.Option("--class", help="Class of all of them; as in training by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same samples.")] = 0,
) -> None:
    """Draw synthetic patients from the model of a generative family; none of them exists."""
    from bedside.sampling import sample as draw

    done = draw(run, n=n, label=label, seed=seed, output=output)
    for warning in done.warnings:
        _console().print(f"[yellow]{_escaped(warning)}[/]", soft_wrap=True)
    _console().print(
        f"{len(done.table):,} synthetic {'sample' if len(done.table) == 1 else 'samples'}: [bold]{_escaped(str(output))}[/]\n"
        "None of these patients exists. What they may not be used for stands in the report of the run.",
        soft_wrap=True,
    )


@app.command()
@reads_data(*options.READING_NEW)
def monitor(
    run: options.RunFolder,
    source: Annotated[
        Path, typer.Argument(help="New samples: a table, or images or recordings like those of training.")
    ],
    target: Annotated[str | None, typer.Option(help="Column with the outcomes, if they are known.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="New folder; by default one beside the run.")
    ] = None,
    fail_on_drift: Annotated[bool, typer.Option("--fail-on-drift", help="Exit code 1 if there is drift.")] = False,
    seed: Annotated[int, typer.Option(help="Drives draws of samples, permutations and resampling.")] = 0,
    *,
    data: dict[str, Any],
) -> None:
    """Hold new patients against those of a run: did columns, scores or outcomes drift?"""
    from bedside.monitoring import monitor as monitor_samples
    from bedside.settings import DataSettings, build
    from bedside.terminal.tables import print_findings, print_monitoring

    asked = build(DataSettings, data, prefix="data.")
    found = monitor_samples(run, source, target=target, output=output, settings=asked, seed=seed)
    print_findings(found.findings, _console())
    print_monitoring(found.record, _console())
    _console().print(f"Page: [bold]{_escaped(str(found.path / 'monitor.html'))}[/]", soft_wrap=True)
    if fail_on_drift and found.drift:
        raise typer.Exit(1)


@app.command()
@reads_data(*options.READING_NEW)
def recalibrate(
    run: options.RunFolder,
    source: Annotated[
        Path,
        typer.Argument(help="Table of the new hospital: the columns that the model learned from, and the outcome."),
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of the recalibration.")] = None,
    method: Annotated[
        str | None, typer.Option(help="intercept, or slope (and intercept); by default by the number of patients.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column with the outcome; by default as in training.")] = None,
    seed: Annotated[int, typer.Option(help="Drives the resampling of patients.")] = 0,
    *,
    data: dict[str, Any],
) -> None:
    """Bring the scores of a model with two classes to a new hospital whose outcomes are known, and say whether that helps."""
    from bedside.settings import DataSettings, build
    from bedside.terminal.tables import print_findings, print_sentences
    from bedside.updating import recalibrate as update

    asked = build(DataSettings, data | given(target=target), prefix="data.")
    updated = update(run, source, output=output, method=method, settings=asked, seed=seed)
    print_findings(updated.findings, _console())
    print_sentences(updated.record["update"], _console())
    _console().print(f"Report: [bold]{_escaped(str(updated.path / 'report.html'))}[/]", soft_wrap=True, highlight=False)


@app.command()
@reads_data(*options.READING_TABLES)
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
    site: Annotated[str | None, typer.Option(help="Column that names the site.")] = None,
    subgroup: Annotated[list[str] | None, typer.Option(help="Column of a group, such as sex; repeat for more.")] = None,
    threshold: Annotated[float | None, typer.Option(min=0, max=1, help="Decision threshold; by default 0.5.")] = None,
    prevalence: Annotated[
        float | None, typer.Option(help="How common the class is where the scores will be used, such as 0.02.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file for every estimate.")] = None,
    seed: Annotated[int, typer.Option(help="Drives the resampling of patients.")] = 0,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="How to judge, such as evaluation.resamples=5000."),
    ] = None,
    *,
    data: dict[str, Any],
) -> None:
    """Judge anybody's predictions: a vendor's, a colleague's, or a run's predictions.csv."""
    from bedside.cohort import Finding
    from bedside.evaluation.table import evaluate_table
    from bedside.folder import require_folder_of, write_json
    from bedside.settings import DataSettings, build, merge, parse_assignment
    from bedside.terminal.tables import print_estimates, print_findings, print_sentences, print_worth

    asked = merge(*(parse_assignment(text) for text in assign or []))
    record = evaluate_table(
        predictions, target=target, score=score, predicted=predicted, positive=positive, patient=patient, site=site,
        subgroups=subgroup or (), threshold=threshold, prevalence=prevalence, settings=asked,
        reading=build(DataSettings, data, prefix="data."), seed=seed,
    )  # fmt: skip
    print_findings([Finding(**found) for found in record["findings"]], _console())
    print_sentences(record, _console())
    print_estimates(record, _console())
    print_worth(record, _console())
    if output is not None:
        require_folder_of(output)
        write_json(output, record)


@app.command()
def samplesize(
    prevalence: Annotated[
        float | None, typer.Option(help="Share of patients with the condition; without it the target is a number.")
    ] = None,
    auroc: Annotated[float | None, typer.Option(help="AUROC that you expect.")] = None,
    r2: Annotated[
        float | None, typer.Option(help="R2 that you expect; with a prevalence that of Cox and Snell.")
    ] = None,
    parameters: Annotated[int | None, typer.Option(help="Candidate parameters of the model to develop.")] = None,
    mean: Annotated[float | None, typer.Option(help="Mean of a number as target.")] = None,
    sd: Annotated[float | None, typer.Option(help="Standard deviation of a number as target.")] = None,
    width: Annotated[float, typer.Option(help="Width of the 95 % interval of the AUROC, or of R2.")] = 0.1,
    slope_width: Annotated[float, typer.Option(help="The same of the calibration slope.")] = 0.2,
    ratio_width: Annotated[float, typer.Option(help="The same of observed over expected events.")] = 0.2,
) -> None:
    """Count the patients that a study needs, to develop a model and to judge it."""
    from bedside.evaluation.planning import plan
    from bedside.terminal.tables import print_needs

    found = plan(
        prevalence=prevalence, auroc=auroc, r2=r2, parameters=parameters, mean=mean, sd=sd,
        width=width, slope_width=slope_width, ratio_width=ratio_width,
    )  # fmt: skip
    print_needs(found, _console())


@app.command()
def explain(
    run: options.RunFolder,
    source: options.DataOfRun = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Test samples to show; as in the run by default.")] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="auto, grad-cam, attention or occlusion for images; integrated-gradients or occlusion for recordings."
        ),
    ] = None,
) -> None:
    """Show what a model uses, columns or places, check whether that can be trusted, and renew the report."""
    from bedside.run import explain_steps
    from bedside.terminal.progress import show_explanations

    show_explanations(explain_steps(run, source=source, samples=samples, method=method), _console())


@app.command()
def stress(
    run: options.RunFolder,
    source: options.DataOfRun = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=UNIT", help="Unit of a column, such as glucose=mg/dl; repeat for more."),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(min=1, help="Test samples at most; 5,000 of a table, 2,000 recordings, 300 images by default."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Drives noise, gaps and the resampling of patients.")] = 0,
) -> None:
    """Try noise, gaps, wrong units, poor images or poor recordings on a finished model, and say what they do to it."""
    from bedside.robustness.stress import stress_steps
    from bedside.robustness.units import parse_units
    from bedside.terminal.progress import show_stress

    units = parse_units(unit or [])
    show_stress(stress_steps(run, source, units=units, samples=samples, seed=seed), _console())


@app.command()
def report(run: options.RunFolder) -> None:
    """Make report.html, model card, checklist and draft anew from a run's files."""
    from bedside.report.again import report as make_report

    _console().print(f"Report: [bold]{_escaped(str(make_report(run)))}[/]", soft_wrap=True)


@app.command()
def document(
    run: options.RunFolder,
    form: Annotated[
        list[str] | None,
        typer.Option("--format", metavar="FORMAT", help="docx, html or md; repeat for more. By default all of them."),
    ] = None,
) -> None:
    """Write model card, reporting checklist, and a draft of methods and results."""
    from bedside.folder import open_run
    from bedside.report.documents import FORMATS, write_documents

    for path in write_documents(open_run(run), form or FORMATS):
        _console().print(f"Document: [bold]{_escaped(str(path))}[/]", soft_wrap=True)


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
