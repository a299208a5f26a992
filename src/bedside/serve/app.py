"""The application: guards of `web`, one watch over every request, the routes, and the loop that watches the folder."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.errors import SettingError
from bedside.serve.shelf import SECONDS, Shelf

if TYPE_CHECKING:
    from fastapi import FastAPI

MB = 1024**2
ROWS = 10_000  # of a table, in one request
IMAGES = 32
PUBLIC = ("/healthz", "/readyz")  # asked by machines that watch over the server; they say nothing of patients


def serve_app(
    run: str | Path,
    *,
    recalibration: str | Path | None = None,
    data: str | None = None,
    token: str | None = None,
    names: Iterable[str] = (),
    rows: int = ROWS,
    load: bool = True,
    seconds: float = SECONDS,
) -> "FastAPI":
    """An ASGI application that serves a run's model.

    Args:
        run: a finished run, or a link to one; what takes its place later is served from then on.
        recalibration: what `bedside recalibrate` made of the run for this hospital.
        data: where the data of training lie now; explanations of some families compare with them.
        token: what requests must show, if anything.
        names: further host names that the server answers to, such as that of a proxy.
        rows: of a table, that one request may have.
        load: load the model now; otherwise when the application starts, while /readyz says that it is not there yet.
        seconds: between two looks at the folder.

    Raises:
        SettingError: the extra 'app' is not installed, or `rows` has no effect because the model reads images.
        RunError: the run is not finished, or its files are not what was saved.
    """
    try:
        from bedside.serve.metrics import Metrics
    except ImportError:
        raise SettingError(
            "The server needs the extra 'app', which is not installed: pip install -c constraints.txt 'bedside[app]'."
        ) from None
    from bedside.serve.errors import refusal_form
    from bedside.serve.routes import PATHS, Routes
    from bedside.serve.watch import Watch
    from bedside.web import Limits, local_app

    metrics = Metrics(frozenset(PATHS))
    shelf = Shelf(run, recalibration=recalibration, data=data, formed=metrics.formed, changed=metrics.changed)
    if load:
        shelf.load()
        if rows != ROWS and shelf.model().images:
            raise SettingError(
                f"--rows has no effect: this model reads images, of which it takes {IMAGES} at once. Leave it away."
            )

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        first = asyncio.create_task(shelf.first()) if shelf.now is None else None
        watching = asyncio.create_task(shelf.watch(seconds))
        yield
        for task in filter(None, (watching, first)):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await shelf.close()
        routes.close()

    limits = Limits(body=64 * MB, json=(64 if shelf.now is not None and shelf.now.images else 8) * MB)
    app = local_app(
        "bedside", token=token, names=names, limits=limits, public=PUBLIC, form=refusal_form, lifespan=lifespan
    )
    app.router.redirect_slashes = False  # to an address that a proxy may not pass on
    routes = Routes(shelf, metrics, rows=rows, images=IMAGES, token=token is not None)
    routes.add_to(app)
    app.add_middleware(Watch, metrics=metrics)
    app.state.shelf = shelf
    return app
