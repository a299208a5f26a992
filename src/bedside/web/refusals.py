"""What a guard answers when it lets a request go no further: words, as a page for people and as JSON for programs."""

import json
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

# Plain ASGI, https://asgi.readthedocs.io: what every server and application of Python speaks.
Scope = Any  # a mapping that describes the request
Receive = Callable[[], Any]
Send = Callable[[Any], Any]
App = Callable[[Scope, Receive, Send], Any]
Form = Callable[[int, str], dict[str, Any]]  # the JSON that says why, from a status and words

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>bedside</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>body{{font:1.05rem/1.6 system-ui,sans-serif;max-width:34rem;margin:18vh auto 0;padding:0 1.5rem}}
input,button{{font:inherit;padding:.5rem .8rem;margin:.3rem .4rem .3rem 0}}</style></head>
<body><main><h1>{title}</h1><p>{words}</p>{more}</main></body></html>"""


def plain_form(status: int, words: str) -> dict[str, Any]:
    return {"error": words}


def header(scope: Scope, name: bytes) -> str:
    """The first header of that name, given in small letters; empty if there is none."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def refuse(
    scope: Scope,
    send: Send,
    status: int,
    words: str,
    form: Form = plain_form,
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    title: str = "Not like this",
    more: str = "",
) -> None:
    """Answer a request with words; a websocket is closed before it opens.

    Args:
        more: HTML below the words, for people.
    """
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": words[:120]})
        return
    if "text/html" in header(scope, b"accept"):
        kind, body = "text/html; charset=utf-8", PAGE.format(title=escape(title), words=escape(words), more=more)
    else:
        kind, body = "application/json", json.dumps(form(status, words), ensure_ascii=False)
    content = body.encode()
    own = [(b"content-type", kind.encode()), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": content})
