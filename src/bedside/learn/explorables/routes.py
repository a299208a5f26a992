"""The addresses of the explorables: a list, a page for each, and one way to ask for what its figure shows."""

import json
import math
from importlib import resources
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import ValidationError

from bedside.errors import BedsideError
from bedside.learn.explorables import EXPLORABLES, Explorable, explorable
from bedside.web import local_app

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

LARGEST = 16 * 1024**2  # bytes of a question; an uploaded image travels in it
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def play_app() -> "FastAPI":
    """The explorables as an application of their own."""
    from fastapi.responses import RedirectResponse

    app = local_app("bedside: figures to play with")
    app.include_router(play_router())
    app.add_api_route("/", lambda: RedirectResponse("/play/"), methods=["GET"])
    return app


def play_router() -> "APIRouter":
    """The routes under /play, for this application and for the app."""
    from fastapi import APIRouter, HTTPException, Request, Response
    from fastapi.concurrency import run_in_threadpool
    from fastapi.responses import HTMLResponse

    router = APIRouter(prefix="/play")

    def known(name: str) -> Explorable:
        if name not in EXPLORABLES:
            raise HTTPException(404, f"There is no explorable '{name}'.")
        return explorable(name)

    @router.get("/", response_class=HTMLResponse)
    def album() -> str:
        return _page("album.html", explorables=list(EXPLORABLES.values()))

    @router.get("/static/{file}")
    def static(file: str) -> Response:
        found = _static(file)
        if found is None:
            raise HTTPException(404, f"There is no file '{file}'.")
        return Response(*found)

    @router.get("/{name}", response_class=HTMLResponse)
    def page(name: str, frame: int = 0) -> str:
        one, row = known(name), list(EXPLORABLES.values())
        place = row.index(one)
        around = {
            "before": row[place - 1] if place else None,
            "after": row[place + 1] if place + 1 < len(row) else None,
        }
        return _page("explorable.html", one=one, frame=bool(frame), count=len(row), **around)

    @router.post("/{name}/{action}")
    async def act(name: str, action: str, request: Request) -> Response:
        if action not in known(name).actions:
            raise HTTPException(404, f"'{name}' has no action '{action}'.")
        body = await request.body()
        if len(body) > LARGEST:
            return _said(413, f"That is larger than {LARGEST // 1024**2} MB; choose a smaller image.")
        try:
            answer = await run_in_threadpool(_answer, explorable(name), action, body)
        except BedsideError as error:
            return _said(422, str(error))
        except Exception as error:  # a defect of ours; the page must not look as if the server were gone
            return _said(500, f"This could not be computed ({type(error).__name__}: {error}). Please report it.")
        return Response(answer, media_type="application/json")

    def _said(status: int, words: str) -> Response:
        return Response(json.dumps({"error": words}), status_code=status, media_type="application/json")

    return router


def _answer(one: Explorable, action: str, body: bytes) -> str:
    """Ask an action with the JSON of the page; what it does not know is refused."""
    function = one.actions[action]
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
    environment = Environment(
        loader=PackageLoader("bedside.learn.explorables"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(name).render(**values)


def _static(file: str) -> tuple[bytes, int, None, str] | None:
    """A script or style of the pages, and the colours that reports use too."""
    place = "bedside.report" if file == "tokens.css" else "bedside.learn.explorables"
    folder = "templates" if file == "tokens.css" else "static"
    found = resources.files(place) / folder / file
    kind = KINDS.get(f".{file.rpartition('.')[2]}")
    if kind is None or "/" in file or not found.is_file():
        return None
    return found.read_bytes(), 200, None, kind
