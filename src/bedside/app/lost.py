"""What stands at an address that has no page: words and the way back, answered as 404."""

from typing import TYPE_CHECKING

from bedside.app import parts
from bedside.app.frame import page
from bedside.app.words import t

if TYPE_CHECKING:
    from fastapi import Request, Response


def register() -> None:
    """Instead of NiceGUI's own page, which has no way back and speaks English only."""
    from fastapi.exception_handlers import http_exception_handler
    from nicegui import Client, app, ui
    from starlette.exceptions import HTTPException

    @app.exception_handler(404)
    async def lost(request: "Request", error: Exception) -> "Response":
        endpoint = request.scope.get("endpoint")
        if endpoint not in (None, app) and isinstance(error, HTTPException):
            return await http_exception_handler(request, error)  # not a page: a file or a part of one
        with Client(ui.page(""), request=request) as client, page(t("There is no page here")):
            parts.tag("p", t("The address may be mistyped, or what stood here was deleted."), "lead")
            parts.link(t("To the start"), "/", kind="primary")
        return client.build_response(request, 404)
