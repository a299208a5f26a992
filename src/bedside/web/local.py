"""The server behind the explorables and the app: it listens on this machine, answers this machine, and asks nobody.

Every answer forbids the browser to load anything from elsewhere (a content security policy), and requests that were
made under another host's name are refused, so that a page from the internet cannot talk to it (DNS rebinding).
"""

import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.errors import BedsideError, SettingError

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

HOST = "127.0.0.1"
NAMES = [HOST, "localhost"]
# Styles in attributes are what figures are made of; scripts come from files only.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'"
SECONDS_TO_START = 20


@dataclass(frozen=True)
class Address:
    """Where a server answers."""

    port: int
    host: str = HOST

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def local_app(title: str) -> "FastAPI":
    """An empty application with the guards above; parts add their routes to it.

    Raises:
        SettingError: FastAPI is not installed.
    """
    try:
        from fastapi import FastAPI, Request, Response
        from starlette.middleware.trustedhost import TrustedHostMiddleware
    except ImportError:
        raise SettingError(
            "Pages in the browser need the extra 'app', which is not installed: pip install -c constraints.txt 'bedside[app]'."
        ) from None

    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)  # its pages load scripts from elsewhere
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=NAMES)

    @app.middleware("http")
    async def guard(request: Request, call_next) -> Response:  # type: ignore[no-untyped-def]
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app


def start(app: "FastAPI", port: int | None = None) -> Address:
    """Serve in a thread of this process, and return once it answers; it ends with the process.

    Raises:
        SettingError: the port is taken.
        BedsideError: the server did not come up.
    """
    listening = _listen(port)
    server = _server(app)
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="bedside-web", daemon=True).start()
    end = time.monotonic() + SECONDS_TO_START
    while not server.started:
        if time.monotonic() > end:
            raise BedsideError(f"The local server did not start within {SECONDS_TO_START} seconds; try again.")
        time.sleep(0.01)
    return Address(listening.getsockname()[1])


def serve(app: "FastAPI", port: int | None = None) -> tuple[Address, "uvicorn.Server", socket.socket]:
    """A server that is ready to `run(sockets=[socket])` until Ctrl-C, with the address it will answer at.

    Raises:
        SettingError: the port is taken.
    """
    listening = _listen(port)
    return Address(listening.getsockname()[1]), _server(app), listening


def _server(app: "FastAPI") -> "uvicorn.Server":
    import uvicorn

    # Requests hold what people look at: nothing of them is written to a log.
    return uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="on"))


def _listen(port: int | None) -> socket.socket:
    """A socket on this machine only; without a port, any free one."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port or 0))
    except OSError as error:
        listening.close()
        raise SettingError(
            f"Port {port} cannot be used ({error.strerror}); leave --port out to take a free one."
        ) from None
    listening.listen(128)
    return listening
