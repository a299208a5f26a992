"""How much a request may bring, in one place, and the guard that counts a body while it arrives."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.web.refusals import App, Form, Receive, Scope, Send, header, plain_form, refuse

if TYPE_CHECKING:
    from fastapi import Request

MB = 1024**2
LISTENED, SECONDS_LISTENED = 128 * MB, 10.0  # to a body that is refused


@dataclass(frozen=True)
class Limits:
    """What is read of strangers, at most."""

    body: int = 256 * MB  # bytes of one request, an upload with all its files
    json: int = 16 * MB  # bytes of a question in JSON
    rows: int = 200_000  # of an uploaded table, or of one request to predict
    columns: int = 5_000
    pixels: int = 64_000_000  # of one image, before it is made smaller
    files: int = 20_000  # in an archive
    unpacked: int = 2048 * MB  # bytes of an archive, unpacked
    ratio: int = 200  # unpacked bytes for one packed byte, of archives that unpack to more than `small`
    small: int = 32 * MB
    name: int = 200  # characters of a file's name


class BodyLimit:
    """Refuses a body that is too large: at once where its length is said, else as soon as it is."""

    def __init__(self, app: App, limits: Limits, *, form: Form = plain_form) -> None:
        self.app, self.limits, self.form = app, limits, form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        said = header(scope, b"content-length")
        most = self._most(scope)
        if said.isdecimal() and int(said) > most:
            await let_finish(receive)
            await self._too_large(scope, send, most)
            return
        read, started, refused = 0, False, False

        async def counted() -> Scope:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                if read > most:
                    raise _too_large(most)
            return message

        async def noted(message: Scope) -> None:
            nonlocal started, refused
            if read > most and not started:  # whatever the application made of the cut body
                started = refused = True
                await let_finish(receive)
                await self._too_large(scope, send, most)
            elif not refused:
                started = True
                await send(message)

        try:
            await self.app(scope, counted, noted)
        except Exception:
            if read <= most or (started and not refused):
                raise
            if not refused:
                await let_finish(receive)
                await self._too_large(scope, send, most)

    def _most(self, scope: Scope) -> int:
        kind = header(scope, b"content-type").partition(";")[0].strip().lower()
        return self.limits.json if kind == "application/json" else self.limits.body

    async def _too_large(self, scope: Scope, send: Send, most: int) -> None:
        words = words_of_size(most)
        await refuse(scope, send, 413, words, self.form, headers=[(b"connection", b"close")], title="Too large")


async def let_finish(receive: Receive) -> None:
    """Let a client say a little more before it is refused: who is cut off while speaking does not hear why (its system
    drops the answer with the connection). Nothing is kept, and whoever sends much more is cut off."""
    left = LISTENED
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS_LISTENED):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


async def body_of(request: "Request", most: int) -> bytes:
    """The body of a request; the reading ends where it is too large.

    Raises:
        HTTPException: with status 413.
    """
    parts, read = [], 0
    async for part in request.stream():
        read += len(part)
        if read > most:
            raise _too_large(most)
        parts.append(part)
    return b"".join(parts)


def words_of_size(most: int) -> str:
    shown = f"{most // MB} MB" if most >= MB else f"{most:,} bytes"
    return f"That is larger than {shown}, which is the most that this server reads at once; send less, or in parts."


def _too_large(most: int) -> Exception:
    """An error that FastAPI passes through while it reads a body."""
    from starlette.exceptions import HTTPException

    return HTTPException(413, words_of_size(most))
