"""The addresses of the explorables: a list, a page for each, and one way to ask for what its figure shows.

Beside them stand the modules of bedside, to be read: a notebook links to the lines that it shows.
"""

import json
import math
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib import import_module, resources
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import ValidationError

from bedside.errors import BedsideError
from bedside.learn.explorables import EXPLORABLES, Explorable, explorable
from bedside.learn.listing import ROOT, lines_of, modules
from bedside.web import body_of, local_app
from bedside.web.faults import place_of

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

LARGEST = 16 * 1024**2  # bytes of a question; an uploaded image travels in it
HEAD_START = 0.5  # seconds in which the first page is out, before importing keeps the interpreter busy
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def play_app(*, warm: bool = True) -> "FastAPI":
    """The explorables as an application of their own.

    Args:
        warm: import in the background what the figures compute with. Not in a notebook: while another thread imports
            classes whose docstrings are read from their source, Python 3.11 may fail to compile a cell.
    """
    from fastapi.responses import RedirectResponse

    app = local_app("bedside: figures to play with", policy="figures")
    app.include_router(play_router(warm=warm))
    app.add_api_route("/", lambda: RedirectResponse("/play/"), methods=["GET"])
    return app


def play_router(back: str = "", *, warm: bool = True) -> "APIRouter":
    """The routes under /play and /source, for this application and for the app, to whose page `back` each figure leads."""
    from fastapi import APIRouter, HTTPException, Request, Response
    from fastapi.concurrency import run_in_threadpool
    from fastapi.responses import HTMLResponse

    router = APIRouter(lifespan=_warming if warm else None)

    def known(name: str) -> Explorable:
        if name not in EXPLORABLES:
            raise HTTPException(404, f"There is no explorable '{name}'.")
        return explorable(name)

    @router.get("/play/", response_class=HTMLResponse)
    def album() -> str:
        return _page("album.html", explorables=list(EXPLORABLES.values()), back=back)

    @router.get("/play/static/{file}")
    def static(file: str) -> Response:
        found = _static(file)
        if found is None:
            raise HTTPException(404, f"There is no file '{file}'.")
        return Response(*found)

    @router.get("/play/{name}", response_class=HTMLResponse)
    def page(name: str, frame: int = 0) -> str:
        one, row = known(name), list(EXPLORABLES.values())
        place = row.index(one)
        around = {
            "before": row[place - 1] if place else None,
            "after": row[place + 1] if place + 1 < len(row) else None,
        }
        return _page("explorable.html", one=one, frame=bool(frame), count=len(row), back=back, **around)

    @router.post("/play/{name}/{action}")
    async def act(name: str, action: str, request: Request) -> Response:
        one = known(name)
        try:
            body = await body_of(request, LARGEST)
        except HTTPException:
            return _said(413, f"That is larger than {LARGEST // 1024**2} MB; choose a smaller image.")
        try:
            answer = await run_in_threadpool(_answer, one, action, body)
        except NoAction as error:
            raise HTTPException(404, str(error)) from None
        except BedsideError as error:
            return _said(422, str(error))
        except Exception as error:  # a defect of ours; the page must not look as if the server were gone
            return _said(500, f"This could not be computed ({place_of(error)}). Please report it.")
        return Response(answer, media_type="application/json")

    @router.get("/source/{module}", response_class=HTMLResponse)
    def source(module: str) -> str:
        lines = lines_of(module)
        if lines is None:
            raise HTTPException(404, "There is no such module of bedside.")
        place = modules()[module].relative_to(ROOT.parent).as_posix()
        return _page("source.html", module=module, place=place, lines=lines)

    def _said(status: int, words: str) -> Response:
        return Response(json.dumps({"error": words}), status_code=status, media_type="application/json")

    return router


class NoAction(BedsideError):
    """An explorable has no action of that name."""


@asynccontextmanager
async def _warming(_: Any) -> AsyncIterator[None]:
    """Imports in the background what the pages compute with, so that the first question does not wait for torch."""
    warming = threading.Thread(target=_import_all, name="bedside-warming", daemon=True)
    warming.start()
    yield
    warming.join()  # a process that ends in the middle of an import may crash


def _import_all() -> None:
    time.sleep(HEAD_START)
    for name in EXPLORABLES:
        import_module(f"bedside.learn.explorables.{name}")


def _answer(one: Explorable, action: str, body: bytes) -> str:
    """Ask an action with the JSON of the page; what it does not know is refused."""
    function = one.actions.get(action)
    if function is None:
        raise NoAction(f"'{one.name}' has no action '{action}'.")
    (settings,) = [kind for name, kind in get_type_hints(function).items() if name != "return"]
    try:
        asked = settings.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BedsideError(f"{place or 'The question'}: {first['msg']}.") from None
    return json.dumps(plain(function(asked)), allow_nan=False)


def plain(value: Any) -> Any:
    """Arrays as lists, numbers with six significant digits, and what is no number as null: as JSON knows them."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _page(name: str, **values: Any) -> str:
    return _pages().get_template(name).render(**values)


@cache
def _pages() -> Environment:
    return Environment(
        loader=PackageLoader("bedside.learn.explorables"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def _static(file: str) -> tuple[bytes, int, None, str] | None:
    """A script or style of the pages, and the colours that reports use too."""
    place = "bedside.report" if file == "tokens.css" else "bedside.learn.explorables"
    folder = "templates" if file == "tokens.css" else "static"
    found = resources.files(place) / folder / file
    kind = KINDS.get(f".{file.rpartition('.')[2]}")
    if kind is None or "/" in file or not found.is_file():
        return None
    return found.read_bytes(), 200, None, kind
