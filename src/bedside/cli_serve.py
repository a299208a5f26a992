"""The verb `serve`: a run's model behind an address."""

from typing import Annotated

import typer

from bedside import cli_options as options


def serve(
    run: options.RunFolder,
    port: options.Port = None,
    host: options.Host = "127.0.0.1",
    token: options.Token = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help="Further host name that is answered to, such as a proxy's; repeat for more."),
    ] = None,
    recalibration: options.Recalibration = None,
    data: Annotated[
        str | None, typer.Option(help="Where the data of training lie now; explaining trees and lines needs them.")
    ] = None,
    rows: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Samples of a table that one request may have.")
    ] = 10_000,
) -> None:
    """Answer requests with a run's model: REST with a document at /docs, metrics, and a new model without a pause."""
    from bedside.serve import serve_app
    from bedside.web import serve as listen
    from bedside.web import token_for

    console = options.console()
    asked = token_for(host, token)
    app = serve_app(run, recalibration=recalibration, data=data, token=asked, names=name or (), rows=rows)
    address, server, listening = listen(app, port, host=host)
    console.print(
        f"Model {app.state.shelf.model().version} of {run}: {address.door('/docs')}  (Ctrl-C ends)\n"
        "Research and teaching only; not a medical device.",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    if asked:
        console.print(
            f"Programs send the header  Authorization: Bearer {asked}", soft_wrap=True, highlight=False, markup=False
        )
    server.run(sockets=[listening])
