"""What stands around every page: the way to the other pages, language and look, and words instead of tracebacks."""

import asyncio
import contextvars
import copy
import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from nicegui import Client, context, ui

from bedside.app import parts, theme
from bedside.app.words import LANGUAGES, language_asked, later, speaking, t, tongue
from bedside.errors import BedsideError, RunError

if TYPE_CHECKING:
    from fastapi import APIRouter

NAVIGATION = {
    "/data": later("Data"),
    "/train": later("Train"),
    "/runs": later("Runs"),
    "/cases": later("Cases"),
    "/predict": later("Predict"),
    "/operating": later("Operating point"),
    "/learn": later("Learn"),
}
BELOW = {"/runs": ("/compare", "/trash")}  # pages that a menu entry leads to under another name
LIMITS = later("Research and teaching only; not a medical device.")
SECONDS_FOR_A_PAGE = 60
A_YEAR = 365 * 24 * 3600
_told: "WeakKeyDictionary[Client, ui.notification]" = WeakKeyDictionary()  # the last line on each reader's page
LOOK_NAMES = {"auto": later("as the system"), "light": later("light"), "dark": later("dark")}


def route(path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """As `ui.page`, patient with pages that compute something first."""
    return ui.page(path, response_timeout=SECONDS_FOR_A_PAGE)


@contextmanager
def page(title: str, *, wide: bool = False) -> Iterator[None]:
    """A page with its heading; what is drawn inside stands in its main part.

    An error of bedside inside becomes words on the page.
    """
    asked = context.client.request
    look = asked.cookies.get("bedside_look", "auto")
    _speak(language_of_page() or "en")
    around = context.client.content.parent_slot
    assert around is not None
    around.parent.tag = "div"  # Quasar's page is a <main>, around the header too
    theme.wear(look)
    ui.page_title(f"{title} · bedside")
    parts.tag("a", t("To the content"), "skip", href="#content")
    _header(asked.url.path, str(asked.url.query), look)
    with parts.tag("main", classes="wide" if wide else "", id="content", tabindex="-1"):
        parts.tag("h1", title)
        try:
            yield
        except BedsideError as error:
            parts.notice(str(error), "error")
            if isinstance(error, RunError):
                parts.link(t("Runs"), "/runs", kind="button")
    with parts.tag("footer"):
        parts.tag("p", t(LIMITS))
        parts.tag("p", t("Everything stays on this computer."))


def language_of_page() -> str | None:
    """What the reader of the page that is being drawn chose, or what the browser asks for; None where no page is drawn."""
    try:
        asked = context.client.request
    except RuntimeError:
        return None
    return language_asked(asked.cookies, asked.headers)


async def in_thread(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Work that takes longer than a blink, so that other people's pages stay alive; it speaks the page's language."""
    with speaking(language_of_page() or "en"):
        around = contextvars.copy_context()
    return await asyncio.to_thread(around.run, functools.partial(function, *arguments, **named))


def in_words(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler of clicks and changes, whose errors the reader sees as words."""
    takes = wants(handler)

    @functools.wraps(handler)
    async def careful(*event: Any) -> None:
        try:
            result = handler(*event[:takes])
            if inspect.isawaitable(result):
                await result
        except BedsideError as error:
            tell(str(error), "error")

    del careful.__wrapped__
    like = (lambda event: None) if takes else (lambda: None)  # NiceGUI looks whether the event is wanted
    careful.__signature__ = inspect.signature(like)  # type: ignore[attr-defined]
    return careful


def wants(handler: Callable[..., Any]) -> int:
    """How many values a handler must be given; what has a default, as in `lambda name=name: ...`, is its own affair."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    known = inspect.signature(handler).parameters.values()
    return sum(one.kind in positional and one.default is inspect.Parameter.empty for one in known)


def tell(words: str, kind: str = "note") -> None:
    """A line that appears for a while, and is read aloud; an error stays until it is closed, or something else is told."""
    hush()
    stays = kind == "error"
    close = [{"label": t("Close"), "color": "inherit", "flat": True}]
    _told[context.client] = ui.notification(
        words,
        position="bottom",
        timeout=0 if stays else 6,
        actions=close if stays else [],
        classes=f"told {kind}",
        multi_line=True,
        attrs={"role": "alert" if stays else "status", **({"lang": "en"} if tongue(words) else {})},
    )


def hush() -> None:
    """What was told is no longer so: an error goes when what it was about has come right."""
    told = _told.pop(context.client, None)
    if told is not None and not told.is_deleted:
        told.dismiss()


def choices() -> "APIRouter":
    """The addresses of the choices of language and look, which the browser keeps in cookies, and of shared colours."""
    from fastapi import APIRouter, Response
    from fastapi.responses import RedirectResponse

    router = APIRouter()

    @router.get("/choose/{what}/{value}")
    def choose(what: str, value: str, back: str = "/") -> Response:
        here = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
        answer = RedirectResponse(here, status_code=303)
        if value in {"language": tuple(LANGUAGES), "look": theme.LOOKS}.get(what, ()):
            answer.set_cookie(f"bedside_{what}", value, max_age=A_YEAR, httponly=True, samesite="strict")
        return answer

    @router.get("/look/tokens.css")
    def tokens() -> Response:
        text = (resources.files("bedside.report") / "templates" / "tokens.css").read_bytes()
        return Response(text, media_type="text/css")

    return router


def _speak(language: str) -> None:
    """The page says its language, so that a screen reader pronounces it well."""
    client = context.client
    client.page = copy.copy(client.page)
    client.page.language = "de" if language == "de" else "en-US"


def _header(path: str, query: str, look: str) -> None:
    """The way to the other pages, and the choices."""
    here = path + (f"?{query}" if query else "")
    with parts.tag("header", classes="top"):
        parts.tag("a", "bedside", "brand", href="/")
        with parts.tag("nav", classes="pages", aria_label=t("Pages")):
            for place, name in NAVIGATION.items():
                inside = (place, *BELOW.get(place, ()))
                here_now = any(path == one or path.startswith(f"{one}/") for one in inside)
                parts.tag("a", t(name), href=place, aria_current="page" if here_now else None)
        with parts.tag("nav", classes="choices", aria_label=t("Language and look")):
            other = "en" if language_of_page() == "de" else "de"
            back = quote(here, safe="")
            parts.tag("a", LANGUAGES[other], href=f"/choose/language/{other}?back={back}", lang=other)
            turn = {"auto": "dark", "dark": "light", "light": "auto"}[look if look in theme.LOOKS else "auto"]
            label = t("Look: {look}", look=t(LOOK_NAMES[look if look in theme.LOOKS else "auto"]))
            parts.tag("a", label, href=f"/choose/look/{turn}?back={back}")
