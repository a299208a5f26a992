"""Options that several verbs of the command line share, and how they reach a verb: as one argument.

A verb that asks for `data` gets the options that say how data are read, one that asks for `way` those that say where
fits run; whoever types the command sees them as options like any other.
"""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

COLUMNS = "Columns"
FILE = "Reading the file"
IMAGES = "Images"
SIGNALS = "Signals"
MOLECULES = "Molecules"

SOURCE = "A built-in cohort, a table (CSV, TSV, Parquet, Excel), a folder of images or recordings, or an .npz file of either."
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
    bool,
    typer.Option(
        "--skip-unreadable", help="Leave out images or molecules that cannot be read.", rich_help_panel=IMAGES
    ),
]
Signal = Annotated[
    list[str] | None,
    typer.Option(
        help="Columns of a recording, such as 't*'; repeat for more channels. Or the column of WFDB records.",
        rich_help_panel=SIGNALS,
    ),
]
Smiles = Annotated[
    str | None, typer.Option(help="Column with molecules, written in SMILES.", rich_help_panel=MOLECULES)
]
Recording = Annotated[
    str | None, typer.Option(help="Column of the recording, if rows are time points.", rich_help_panel=SIGNALS)
]
At = Annotated[str | None, typer.Option(help="Column with the time in seconds.", rich_help_panel=SIGNALS)]
Rate = Annotated[
    float | None, typer.Option(help="Time points per second (Hz), if files do not say it.", rich_help_panel=SIGNALS)
]
RunFolder = Annotated[Path, typer.Argument(help="A run folder, such as runs/heart-2026-11-22-101500.")]
DataOfRun = Annotated[
    str | None, typer.Argument(help="Where the table or the images of the run lie now, if they were moved.")
]
Jobs = Annotated[int, typer.Option(min=1, help="Processes that share the work; the results are the same.")]
Cluster = Annotated[str | None, typer.Option(help="Run on this cluster: ray, ray://HOST:PORT or dask://HOST:PORT.")]
Assign = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any setting; see `bedside settings`.")
]
SettingsFile = Annotated[Path | None, typer.Option(help="YAML file of settings; options win over it.")]
Folds = Annotated[
    str | None, typer.Option(help="holdout, crossval, site, time or given; or the number of folds of a crossval.")
]
Repeats = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Times that patients are dealt anew, by cross-validation or, with --folds given, to training and validation.",
    ),
]
Seeds = Annotated[
    int | None, typer.Option(min=1, help="Trainings of every fold that differ in their random numbers alone.")
]
Seed = Annotated[int | None, typer.Option(help="Another seed deals and starts everything anew.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the server; any free one by default.")]
Host = Annotated[
    str, typer.Option(help="Address to listen at; any other than 127.0.0.1 lets other computers in, with a token.")
]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="BEDSIDE_TOKEN",
        help="What a browser or a program must show; 'new' makes one. Other addresses always have one.",
    ),
]
Recalibration = Annotated[Path | None, typer.Option(help="Folder that `bedside recalibrate` made for this hospital.")]

# Option of the command line -> setting of `data`.
READING: dict[str, tuple[str, Any]] = {
    "target": ("target", Target),
    "patient": ("patient", Patient),
    "site": ("site", Site),
    "time": ("time", Time),
    "subgroup": ("subgroups", Subgroup),
    "task": ("task", TaskOption),
    "positive": ("positive", Positive),
    "feature": ("features", Feature),
    "exclude": ("exclude", Exclude),
    "category": ("categories", Category),
    "allow_leak": ("allow_leak", AllowLeak),
    "split": ("split", Split),
    "image": ("image", Image),
    "signal": ("signal", Signal),
    "recording": ("recording", Recording),
    "smiles": ("smiles", Smiles),
    "at": ("at", At),
    "rate": ("rate", Rate),
    "label_pattern": ("label_pattern", LabelPattern),
    "modality": ("modality", Modality),
    "skip_unreadable": ("skip_unreadable", SkipUnreadable),
    "separator": ("separator", Separator),
    "decimal": ("decimal", Decimal),
    "encoding": ("encoding", Encoding),
    "sheet": ("sheet", Sheet),
}
READING_TABLES = ("separator", "decimal", "encoding", "sheet")
READING_NEW = (
    "patient",
    "image",
    "skip_unreadable",
    "signal",
    "recording",
    "at",
    "rate",
    "smiles",
    *READING_TABLES,
)  # of data that meet a finished model
WAY: dict[str, tuple[str, Any]] = {"jobs": ("jobs", Jobs), "cluster": ("cluster", Cluster)}


def reads_data(*options: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The verb with these options of reading, or all, which reach it as `data`: settings that were given, by name."""
    wanted = {name: READING[name] for name in options or READING}
    return lambda verb: _with_options(verb, "data", wanted, data_settings)


def runs_fits(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with `--jobs` and `--cluster`, which reach it as `way`: arguments of `fold_parts.Way`."""
    return _with_options(verb, "way", WAY, lambda **given: {"jobs": 1, **given})


def _with_options(
    verb: Callable[..., None], name: str, options: dict[str, tuple[str, Any]], collect: Callable[..., dict[str, Any]]
) -> Callable[..., None]:
    """The verb with `options` in place of its argument `name`, which gets what `collect` makes of those given."""
    own = inspect.signature(verb, eval_str=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(option, kind, default={bool: False, int: 1}.get(typed.__origin__), annotation=typed)
        for option, (_, typed) in options.items()
    ]
    kept = [parameter.replace(kind=kind) for parameter in own.parameters.values() if parameter.name != name]

    @functools.wraps(verb)
    def asked(**arguments: Any) -> None:
        found = {setting: arguments.pop(option) for option, (setting, _) in options.items()}
        verb(**arguments, **{name: collect(**found)})

    asked.__signature__ = own.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]
    asked.__annotations__ = {parameter.name: parameter.annotation for parameter in (*kept, *added)}
    return asked


def data_settings(**options: Any) -> dict[str, Any]:
    """Options that were given, as values of `DataSettings`."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given(**options).items()}


def given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None and value is not False and value != []}


def folds_settings(folds: str | None, repeats: int | None, seeds: int | None = None) -> dict[str, Any]:
    """`--folds crossval`, or `--folds 5`, `--repeats 10` and `--seeds 3` as settings; nothing if nothing was asked."""
    scheme: dict[str, Any] = {}
    if folds is not None:
        scheme = {"scheme": "crossval", "number": int(folds)} if folds.isdigit() else {"scheme": folds}
    if repeats is not None:
        scheme = {"scheme": "crossval", **scheme, "repeats": repeats}
    if seeds is not None:
        scheme["seeds"] = seeds
    return {"folds": scheme} if scheme else {}


def console(*, stderr: bool = False) -> Any:
    """Where a verb prints."""
    from rich.console import Console

    return Console(stderr=stderr)
