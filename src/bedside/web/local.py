"""The server behind the explorables, the app and the model behind an address: it asks nobody, and says who may ask it.

By default it listens on this machine only. Every answer forbids the browser to load anything from elsewhere, and each
request passes the guards of this folder before it is looked at: `local_app` stacks them, outermost first.
"""

import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedside.errors import BedsideError, SettingError
from bedside.web.access import Access
from bedside.web.faults import Faults, keep_logs_discreet
from bedside.web.headers import Headers, Policy
from bedside.web.limits import MB, BodyLimit, Limits
from bedside.web.names import Names, is_loopback
from bedside.web.refusals import Form, plain_form

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

HOST = "127.0.0.1"
SECONDS_TO_START = 20
LARGEST_MESSAGE = 4 * MB  # of a websocket


@dataclass(frozen=True)
class Address:
    """Where a server answers; `door` is the address to open, which holds the token if there is one."""

    port: int
    host: str = HOST
    token: str | None = None

    @property
    def url(self) -> str:
        host = socket.gethostname() if self.host in ("0.0.0.0", "::", "") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def door(self, place: str = "/") -> str:
        return f"{self.url}{place}{f'?token={self.token}' if self.token else ''}"

    def __repr__(self) -> str:  # never the token
        return f"Address({self.url})"


def local_app(
    title: str,
    *,
    token: str | None = None,
    names: Iterable[str] = (),
    limits: Limits | None = None,
    policy: Policy = "pages",
    public: Iterable[str] = (),
    form: Form = plain_form,
    **options: Any,
) -> "FastAPI":
    """An empty application behind the guards; parts add their routes to it.

    Args:
        token: what requests must show; see `token_for`. With one, the server also answers under this machine's name and
            numbers.
        names: further host names that it answers to, such as the one of a proxy in front.
        limits: how much a request may bring.
        policy: what pages may do; see `headers`.
        public: paths that need no token, such as /healthz.
        form: the JSON in which a refusal is said.
        options: more for FastAPI, such as `lifespan`.

    Raises:
        SettingError: FastAPI is not installed.
    """
    try:
        from fastapi import FastAPI
    except ImportError:
        raise SettingError(
            "Pages in the browser need the extra 'app', which is not installed: pip install -c constraints.txt 'bedside[app]'."
        ) from None

    keep_logs_discreet()
    if policy == "app":
        from bedside.web.nonces import give_nonces

        give_nonces()
    plain = {"docs_url": None, "redoc_url": None, "openapi_url": None}  # its pages load scripts from elsewhere
    app = FastAPI(title=title, **{**plain, **options})
    app.state.token = token
    # The last one added is the first one asked.
    app.add_middleware(BodyLimit, limits=limits or Limits(), form=form)
    app.add_middleware(Access, token=token, public=tuple(public), form=form)
    app.add_middleware(Names, names=tuple(names), anywhere=token is not None, form=form)
    app.add_middleware(Faults, form=form)
    app.add_middleware(Headers, policy=policy)
    return app


def start(app: "FastAPI", port: int | None = None, *, host: str = HOST) -> Address:
    """Serve in a thread of this process, and return once it answers; it ends with the process.

    Raises:
        SettingError: the port is taken, or other machines would reach a server without a token.
        BedsideError: the server did not come up.
    """
    address, server, listening = serve(app, port, host=host)
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="bedside-web", daemon=True).start()
    end = time.monotonic() + SECONDS_TO_START
    while not server.started:
        if time.monotonic() > end:
            raise BedsideError(f"The local server did not start within {SECONDS_TO_START} seconds; try again.")
        time.sleep(0.01)
    return address


def serve(
    app: "FastAPI", port: int | None = None, *, host: str = HOST
) -> tuple[Address, "uvicorn.Server", socket.socket]:
    """A server that is ready to `run(sockets=[socket])` until Ctrl-C, with the address it will answer at.

    Raises:
        SettingError: the port is taken, or other machines would reach a server without a token.
    """
    token = getattr(app.state, "token", None)
    if token is None and not is_loopback(host):
        raise SettingError(
            f"At {host} other machines reach this server, so it needs a token; give --token, or --token new."
        )
    listening = _listen(host, port)
    return Address(listening.getsockname()[1], host, token), _server(app), listening


def _server(app: "FastAPI") -> "uvicorn.Server":
    import uvicorn

    # Requests hold what people look at: nothing of them is written to a log.
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="error",
            access_log=False,
            lifespan="on",
            server_header=False,
            ws_max_size=LARGEST_MESSAGE,
            timeout_graceful_shutdown=10,
        )
    )


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket at that address; without a port, any free one."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port or 0))
    except OSError as error:
        listening.close()
        if isinstance(error, socket.gaierror) or port is None:
            raise SettingError(f"This machine has no address {host} ({error.strerror}); leave --host out.") from None
        raise SettingError(
            f"Port {port} cannot be used ({error.strerror}); leave --port out to take a free one."
        ) from None
    listening.listen(128)
    return listening
