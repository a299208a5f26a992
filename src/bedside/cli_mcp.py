"""The verb `mcp`: the model of a run as tools for assistants."""

from pathlib import Path
from typing import Annotated

import typer


def mcp(
    run: Annotated[Path, typer.Argument(help="A finished run.")],
    images: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="The only folder whose images may be read, for a model of images."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Where the data of training lie now, for families explained by comparing with them."),
    ] = None,
) -> None:
    """The model as tools for assistants: describe, predict, explain (Model Context Protocol over standard input and output).

    An assistant starts this command itself; docs/assistants.md says how to register it.
    """
    from bedside.assistant.server import serve_assistant

    serve_assistant(run, images=images, data=data)
