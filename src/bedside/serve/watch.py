"""Around every request: its number, its time for the metrics, and one form for whatever goes wrong inside."""

import logging
import os
from contextvars import ContextVar
from time import perf_counter
from typing import Any

from bedside.serve.errors import form, refusal_of
from bedside.serve.memory import Memory
from bedside.serve.metrics import Metrics
from bedside.web.refusals import header

REQUEST: ContextVar[str] = ContextVar("bedside-request", default="")
_log = logging.getLogger("bedside.serve")


class Watch:
    """Pure ASGI, outermost, so that refusals of the guards are counted and numbered too."""

    def __init__(self, app: Any, metrics: Metrics) -> None:
        self.app, self.metrics, self.memory = app, metrics, Memory()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        number, begun, status = os.urandom(8).hex(), perf_counter(), 0
        scope["bedside.request"] = number
        REQUEST.set(number)

        async def noted(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", number.encode())]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            self.metrics.answered(scope["path"], status or 499, perf_counter() - begun)
            if scope["method"] == "POST":
                size = header(scope, b"content-length")
                self.memory.after(size if size.isdecimal() else "")


async def refuse(scope: Any, send: Any, error: Exception, headers: list[tuple[bytes, bytes]]) -> None:
    """Answer with a refusal; a defect is noted by its kind and place alone, never with what was sent."""
    refused = refusal_of(error)
    if refused.code == "defect":
        from bedside.web.faults import place_of

        _log.error("Request %s met a defect: %s", scope.get("bedside.request", ""), place_of(error))
    await answer(send, refused.status, form(refused, scope.get("bedside.request", "")), headers=headers)


async def answer(
    send: Any, status: int, body: bytes, kind: bytes = b"application/json", *, headers: list[tuple[bytes, bytes]]
) -> None:
    """Send a whole answer."""
    own = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": body})
