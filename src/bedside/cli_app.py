"""The verb `app`: bedside in the browser."""

import warnings
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from bedside import cli_options as options


def app(
    folder: Annotated[Path, typer.Option(help="Where runs are kept; made if it is not there.")] = Path("runs"),
    port: options.Port = None,
    host: options.Host = "127.0.0.1",
    token: options.Token = None,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Open bedside in the browser: data, training, runs, cases and predictions without code."""
    from bedside.app import make_app
    from bedside.web import serve, token_for

    warnings.filterwarnings("ignore", "`torch.distributed.reduce_op`", FutureWarning)  # NiceGUI looks at every object
    address, server, listening = serve(make_app(folder, token=token_for(host, token)), port, host=host)
    options.console().print(f"bedside: {address.door()}  (Ctrl-C ends)", soft_wrap=True, highlight=False, markup=False)
    if open_page:
        webbrowser.open(address.door())
    server.run(sockets=[listening])
