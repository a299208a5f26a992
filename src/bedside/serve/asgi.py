"""Routes as plain ASGI functions: the short way to them, and one form for whatever they raise."""

from collections.abc import Awaitable, Callable
from typing import Any

from bedside.serve.errors import RETRY_SECONDS, Refused, form
from bedside.serve.watch import answer, refuse

DOCS = "/docs"
Answer = tuple[int, bytes, bytes, list[tuple[bytes, bytes]]]  # status, body, content type, headers


class Straight:
    """The innermost guard's neighbour: whose path and method are known goes straight to its route; everything else, and
    what is to be said of it, is left to the framework's router."""

    def __init__(self, app: Any, exact: dict[tuple[str, str], Any]) -> None:
        self.app, self.exact = app, exact

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        straight = self.exact.get((scope["path"], scope["method"])) if scope["type"] == "http" else None
        await (straight or self.app)(scope, receive, send)


class Asgi:
    """A route as plain ASGI: whatever is raised becomes a refusal in the one form."""

    def __init__(self, function: Callable[[Any], Awaitable[Answer]]) -> None:
        self.function = function

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.exceptions import HTTPException
        from starlette.requests import Request

        try:
            status, body, kind, headers = await self.function(Request(scope, receive))
        except HTTPException:
            raise  # of the guard that counts a body
        except Exception as error:
            late = isinstance(error, Refused) and error.code in ("overloaded", "not-ready")
            await refuse(scope, send, error, [(b"retry-after", str(RETRY_SECONDS).encode())] if late else [])
            return
        await answer(send, status, body, kind, headers=headers)


async def not_found(request: Any, error: Exception) -> Any:
    """What the framework does not find."""
    return _response(request, Refused("not-found", f"There is nothing at this address; see {DOCS}."))


async def wrong_method(request: Any, error: Any) -> Any:
    """What the framework finds for other methods only."""
    return _response(
        request, Refused("wrong-method", f"This address does not take {request.method}; see {DOCS}."), error.headers
    )


def _response(request: Any, refused: Refused, headers: Any = None) -> Any:
    from starlette.responses import Response

    body = form(refused, request.scope.get("bedside.request", ""))
    return Response(body, refused.status, headers, "application/json")
