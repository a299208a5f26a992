"""Under which names this server answers, and to whose pages: what stops a page from the internet from talking to it.

A page of evil.example can make a browser send requests here. If it had its own name point to this machine (DNS
rebinding), the request bears that name: refused. If it calls this machine by its right name, the browser tells the page's
origin: refused, for websockets as for everything else.
"""

import ipaddress
import socket
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from bedside.web.refusals import App, Form, Receive, Scope, Send, header, plain_form, refuse

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=256)
def split_host(value: str) -> str:
    """The name in a Host header, without its port; empty if it is none."""
    try:
        return "" if "@" in value else (urlsplit(f"//{value}").hostname or "").rstrip(".")
    except ValueError:
        return ""


class Names:
    """Refuses requests under foreign names and from foreign pages.

    Args:
        names: further host names, such as the one of a proxy in front.
        anywhere: the server is reached from other machines, so its numbers and its own name are right too.
    """

    def __init__(self, app: App, names: Iterable[str] = (), *, anywhere: bool = False, form: Form = plain_form) -> None:
        self.app, self.anywhere, self.form = app, anywhere, form
        own = [socket.gethostname(), socket.getfqdn()] if anywhere else []
        self.names = {name.lower() for name in (*LOOPBACK, *own, *names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        host, origin = header(scope, b"host"), header(scope, b"origin")
        several = sum(key == b"host" for key, _ in scope["headers"]) > 1  # of which a proxy may have read another one
        if several or not self.known(split_host(host)):
            words = "This server does not answer under that name. Use the address that it printed when it started."
            await refuse(scope, send, 400, words, self.form)
        elif origin and not self.same(origin, host):
            words = "This request comes from a page of another origin, which may not talk to this server."
            await refuse(scope, send, 403, words, self.form)
        else:
            await self.app(scope, receive, send)

    def known(self, name: str) -> bool:
        if name in self.names:
            return True
        return self.anywhere and _is_number(name)  # no other site's name can be a number

    @staticmethod
    def same(origin: str, host: str) -> bool:
        """A page's origin is ours if it names the host that it asked; a proxy may have added the s of https."""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        default = {"http": ":80", "https": ":443"}.get(parts.scheme)
        place = parts.netloc.lower()
        return default is not None and place.removesuffix(default) == host.lower().removesuffix(default)


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
