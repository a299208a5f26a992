"""NiceGUI on bedside's own guarded server: its files come from here, and it opens nothing and calls nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.web import local_app
from bedside.web.uploads import Uploads

if TYPE_CHECKING:
    from fastapi import FastAPI

STATIC = Path(__file__).with_name("static")
SECONDS_TO_RECONNECT = 30  # a tablet that slept, a cable that was pulled: the page is still as it was


def mounted(**access: Any) -> "FastAPI":
    """The pages that were registered, as an application to serve."""
    from fastapi.staticfiles import StaticFiles
    from nicegui import ui

    from bedside.app.data.arrivals import arrivals
    from bedside.app.frame import choices
    from bedside.app.home import home
    from bedside.app.lost import register as lost
    from bedside.app.runs.reports import reports

    lost()
    uploads = Uploads(home().uploads)

    @asynccontextmanager
    async def lifespan(_: "FastAPI") -> AsyncIterator[None]:
        begun = asyncio.create_task(asyncio.to_thread(_begin))  # pages need not wait for it
        with uploads:
            yield
        await begun
        await asyncio.to_thread(home().jobs.close)

    app = local_app("bedside", policy="app", lifespan=lifespan, **access)
    for routes in (choices(), arrivals(uploads), reports()):
        app.include_router(routes)
    app.mount("/static", StaticFiles(directory=STATIC))
    ui.run_with(
        app,
        title="bedside",
        favicon=STATIC / "bedside.svg",
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=SECONDS_TO_RECONNECT,
        show_welcome_message=False,
    )
    return app


def _begin() -> None:
    """Work off what waits, also what an earlier server left behind, and remove what nobody needs."""
    from bedside.app.home import home
    from bedside.app.tidy import tidy

    home().jobs.start()
    tidy(home())
