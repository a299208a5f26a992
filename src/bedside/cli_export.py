"""The verb `export`: a run's model as one file for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from bedside import cli_options as options


def export(
    run: options.RunFolder,
    onnx: Annotated[bool, typer.Option("--onnx", help="One ONNX file; this is the default.")] = False,
    bundle: Annotated[
        bool, typer.Option("--bundle", help="A zip file: model, card, settings, estimates, example clients, checksums.")
    ] = False,
    with_report: Annotated[
        bool, typer.Option("--with-report", help="Put the report into the bundle; it shows single patients.")
    ] = False,
    recalibration: options.Recalibration = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; by default named like the run, here.")
    ] = None,
) -> None:
    """Write a run's model as one ONNX file, from raw values or pixels to probabilities, for other programs."""
    from bedside.errors import SettingError
    from bedside.export import export as write

    if onnx and bundle:
        raise SettingError("--onnx writes one file and --bundle a zip file that contains it; choose one of them.")
    path = output or Path(f"{run.resolve().name}.{'zip' if bundle else 'onnx'}")
    exported = write(run, path, bundle=bundle, with_report=with_report, recalibration=recalibration)
    say = options.console().print
    inputs = ", ".join(f"{name} ({found['type']})" for name, found in exported.about["inputs"].items())
    say(f"Model: {exported.about['family']}, {exported.about['task']}. In: {inputs}.", highlight=False, markup=False)
    say(
        f"Tried on made-up samples: its scores differ by {exported.difference:.0e} at most from those of the run.",
        highlight=False,
    )
    size = len(exported.content) / 1e6
    say(f"File: {path} ({size:,.1f} MB)", soft_wrap=True, highlight=False, markup=False)
    for warning in exported.warnings:
        say(warning, style="yellow", soft_wrap=True, highlight=False, markup=False)
    if bundle and not with_report:
        say("No row of a patient is in it. The report shows single patients and is left out; --with-report puts it in.")
    say("Research and teaching only; not a medical device.")
