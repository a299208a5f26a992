"""The verb `learn`: the notebooks of the course, and its figures to play with."""

import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from bedside import cli_options as options

app = typer.Typer(no_args_is_help=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def learn(
    context: typer.Context,
    folder: Annotated[Path, typer.Option(help="Where your copies go; files that are there are kept.")] = Path(
        "bedside-course"
    ),
    solutions: Annotated[
        bool, typer.Option("--solutions", help="The trainer's version, with solutions and notes.")
    ] = False,
    open_lab: Annotated[bool, typer.Option("--open/--no-open", help="Open JupyterLab afterwards.")] = True,
) -> None:
    """Copy the notebooks of the course and open them; `bedside learn play` shows its figures in the browser."""
    if context.invoked_subcommand is not None:
        return
    from bedside.learn.lab import jupyter_lab
    from bedside.learn.shelf import copy_notebooks

    lab = jupyter_lab() if open_lab else None  # what is missing is said before anything is copied
    copied = copy_notebooks(folder, solutions=solutions)
    console = options.console()
    for path in copied.new:
        console.print(f"New: {path}", soft_wrap=True, highlight=False, markup=False)
    for path in copied.kept:
        console.print(f"Kept as it is: {path}", soft_wrap=True, highlight=False, markup=False)
    if lab is not None:
        console.print("Opening JupyterLab; Ctrl-C twice ends it.")
        sys.exit(lab(copied.folder))


@app.command()
def play(
    name: Annotated[str | None, typer.Argument(help="An explorable, such as neuron; all of them by default.")] = None,
    port: options.Port = None,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Figures to play with, in the browser; served by this computer to this computer."""
    from bedside.learn.explorables import explorable
    from bedside.learn.explorables.routes import play_app
    from bedside.web import serve

    place = f"/play/{explorable(name).name}" if name else "/play/"
    address, server, listening = serve(play_app(), port)
    options.console().print(
        f"Figures to play with: {address.url}{place}  (Ctrl-C ends)", soft_wrap=True, highlight=False
    )
    if open_page:
        webbrowser.open(f"{address.url}{place}")
    server.run(sockets=[listening])
