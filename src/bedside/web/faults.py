"""What is said and kept of defects: their kind and place, never their message, which may quote a patient's values."""

import logging
import traceback
from pathlib import Path

from bedside.web.refusals import App, Form, Receive, Scope, Send, plain_form, refuse

LOGGERS = ("uvicorn", "uvicorn.error", "nicegui", "asyncio", "fastapi", "engineio.server", "socketio.server")
OURS, GUARDS = str(Path(__file__).parents[1]), str(Path(__file__).parent)
_log = logging.getLogger("bedside.web")


def place_of(error: BaseException) -> str:
    """'KeyError in bedside/data/roles.py:41 (propose)': enough to find a defect, nothing of what was read."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    ours = [one for one in frames if one.filename.startswith(OURS) and not one.filename.startswith(GUARDS)]
    last = (ours or frames)[-1]
    file = "/".join(Path(last.filename).parts[-3:])
    return f"{type(error).__name__} in {file}:{last.lineno} ({last.name})"


class Faults:
    """Turns a defect into an answer in words and one line of the log."""

    def __init__(self, app: App, *, form: Form = plain_form) -> None:
        self.app, self.form = app, form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(message: Scope) -> None:
            nonlocal started
            started = started or message["type"] in ("http.response.start", "websocket.accept")
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception as error:
            if scope["type"] not in ("http", "websocket"):
                raise
            _log.error("A request failed: %s", place_of(error))
            if not started:
                words = f"This could not be done: a defect of bedside ({place_of(error)}). Please report it."
                await refuse(scope, send, 500, words, self.form, title="A defect")


class Discreet(logging.Filter):
    """Leaves of a log record what cannot quote a value: where an error came from, or the first line of what was said."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = _error_of(record)
        if error is not None:
            record.msg = f"An error in {record.name}: {place_of(error)}"
        elif record.name == "nicegui":  # its warnings name addresses, its reports quote the browser's
            return False
        elif record.levelno >= logging.ERROR:
            record.msg = record.getMessage().split("\n")[0]
        else:
            return True
        record.args = record.exc_info = record.exc_text = record.stack_info = None
        return True


def _error_of(record: logging.LogRecord) -> BaseException | None:
    if isinstance(record.msg, BaseException):
        return record.msg
    info: object = record.exc_info
    if isinstance(info, tuple):
        return next((part for part in info if isinstance(part, BaseException)), None)
    return None


def keep_logs_discreet() -> None:
    """From now on the logs of the server's libraries hold no values; repeating this changes nothing."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, Discreet) for one in logger.filters):
            logger.addFilter(Discreet())
