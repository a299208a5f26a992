"""Every refusal of the server in one form, in words that say what to do; the same that the OpenAPI document shows.

    {"error": {"code": "too-large", "message": "...", "details": [...]}, "request": "6f1c..."}

Nothing of a traceback leaves the process, and nothing of what was sent goes into a log.
"""

import json
from collections.abc import Sequence
from typing import Any

from bedside.errors import BedsideError

# Code -> (status, what it means); the documentation and the OpenAPI document are made from this table.
CODES: dict[str, tuple[int, str]] = {
    "not-json": (400, "The body is not JSON, or not of the documented form."),
    "wrong-host": (400, "The server was addressed by a name that is not its own."),
    "not-multipart": (400, "The body is not a form with files."),
    "unauthorised": (401, "The token is missing or wrong."),
    "forbidden": (403, "The request comes from a page of another origin."),
    "not-found": (404, "There is nothing at this address."),
    "wrong-method": (405, "The address does not take this method."),
    "too-slow": (408, "The body did not arrive in time."),
    "other-version": (409, "The model that is asked for is not the one that is served now."),
    "too-large": (413, "The body is larger than the server takes."),
    "too-many": (413, "There are more samples than one request may have."),
    "wrong-type": (415, "The content type is not one that is read here."),
    "too-often": (429, "Too many wrong tokens came from one address; wait a minute."),
    "unfit": (422, "The samples do not fit the model; the message names the column and what to do."),
    "not-explained": (422, "This model cannot explain itself here; the message says what is lacking."),
    "defect": (500, "A defect of the server; nothing was answered."),
    "not-ready": (503, "No model is loaded yet, or the server is ending."),
    "overloaded": (503, "More waits than can be answered soon; come back after the seconds in Retry-After."),
}
_BY_STATUS = {400: "wrong-host", 401: "unauthorised", 403: "forbidden", 404: "not-found", 405: "wrong-method",
              413: "too-large", 415: "wrong-type", 422: "unfit", 429: "too-often", 503: "not-ready"}  # fmt: skip
RETRY_SECONDS = 1


class Refused(BedsideError):
    """A request that is not answered: a code of `CODES`, words for people, and details for programs."""

    def __init__(self, code: str, message: str, details: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.code, self.status, self.details = code, CODES[code][0], list(details)


def refusal_of(error: Exception) -> Refused:
    """Any error as a refusal; what is no error of the user's is a defect, whose words stay inside."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, BedsideError):
        return Refused("unfit", str(error))
    return Refused(
        "defect",
        "The server met a defect of its own. Please report it with the number of the request; nothing was kept.",
    )


def refusal_form(status: int, words: str) -> dict[str, Any]:
    """What a guard or the framework refuses, in the same form."""
    from bedside.serve.watch import REQUEST

    code = _BY_STATUS.get(status, "not-found" if status < 500 else "defect")
    return {"error": {"code": code, "message": words, "details": []}, "request": REQUEST.get()}


def form(error: Refused, request: str) -> bytes:
    """The body of a refusal; ASCII, so that no text that was sent can break it."""
    said = {"code": error.code, "message": str(error), "details": error.details}
    return json.dumps({"error": said, "request": request}).encode()
