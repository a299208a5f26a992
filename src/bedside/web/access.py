"""Who may ask: whoever shows the token. A server that only this machine reaches needs none.

A program sends it as `Authorization: Bearer TOKEN`. A person opens the address that was printed, with `?token=TOKEN`, once:
the browser gets a cookie and is sent on to the address without it. The cookie is made from the token and does not tell
it; scripts cannot read it, other sites cannot use it.
"""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from bedside.errors import SettingError
from bedside.web.names import is_loopback
from bedside.web.refusals import App, Form, Receive, Scope, Send, header, plain_form, refuse

SHORTEST = 16  # characters of a token that somebody chose
NEW = "new"  # asks for a generated one
TRIES, MINUTE = 10, 60.0  # wrong tokens from one address, in so many seconds
PAUSE = 0.5  # seconds before a wrong token is answered
REMEMBERED = 1000  # addresses whose wrong tokens are counted
DOOR = '<form method="get"><label>Token <input name="token" type="password" autocomplete="off" autofocus></label><button>Open</button></form>'


def token_for(host: str, given: str | None) -> str | None:
    """The token that a server at `host` asks for; None if it needs none.

    Args:
        given: what the user chose, "new" for a generated one, or None: then one is generated unless only this machine
            reaches the host.

    Raises:
        SettingError: a chosen token is too short or holds characters that no address can carry.
    """
    if given is None and is_loopback(host):
        return None
    if given is None or given == NEW:
        return secrets.token_urlsafe(32)
    if len(given) < SHORTEST or not (given.isascii() and given.replace("-", "").replace("_", "").isalnum()):
        raise SettingError(
            f"A token needs {SHORTEST} or more letters, digits, - and _; this one has {len(given)} characters. "
            "Leave --token out to have one made, or say --token new."
        )
    return given


class Access:
    """Lets requests with the token or its cookie through; without a token everything.

    Args:
        public: paths that need none, such as /healthz.
    """

    def __init__(self, app: App, token: str | None, *, public: Collection[str] = (), form: Form = plain_form) -> None:
        self.app, self.token, self.public, self.form = app, token, frozenset(public), form
        self.proof = _proof(token) if token else ""
        self.wrong: dict[str, list[float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.token is None or scope["type"] not in ("http", "websocket") or scope["path"] in self.public:
            await self.app(scope, receive, send)
            return
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        asked = [value for name, value in query if name == "token"]
        known = same(self._cookie(scope), self.proof)
        if asked and scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            await self._exchange(scope, send, known, asked[0], query)
        elif known or await self._bearer(scope, send):
            await self.app(scope, receive, send)

    async def _exchange(self, scope: Scope, send: Send, known: bool, asked: str, query: list[tuple[str, str]]) -> None:
        """A token in an address becomes a cookie, and the address loses it."""
        if not known and not await self._right(scope, send, asked):
            return
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        raw = scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
        place = "/" + raw.lstrip("/\\")  # never //elsewhere.example
        headers = [(b"location", f"{place}{'?' if rest else ''}{rest}".encode("latin-1"))]
        if not known:
            secure = "; Secure" if scope.get("scheme") == "https" else ""
            cookie = f"{_cookie_name(scope)}={self.proof}; Path=/; HttpOnly; SameSite=Strict{secure}"
            headers.append((b"set-cookie", cookie.encode()))
        await refuse(scope, send, 303, "The token is known; go on.", self.form, headers=headers, title="Welcome")

    async def _bearer(self, scope: Scope, send: Send) -> bool:
        kind, _, shown = header(scope, b"authorization").partition(" ")
        if kind.lower() == "bearer" and shown:
            return await self._right(scope, send, shown.strip())
        words = (
            "This server asks for a token. Open the address that it printed when it started, or send the header "
            "'Authorization: Bearer TOKEN'."
        )
        asks = [(b"www-authenticate", b"Bearer")]
        await refuse(scope, send, 401, words, self.form, headers=asks, title="A token, please", more=DOOR)
        return False

    async def _right(self, scope: Scope, send: Send, shown: str) -> bool:
        """Whether the token is right; wrong ones are answered slowly, and soon not at all."""
        client = (scope.get("client") or ("unknown",))[0]
        now = time.monotonic()
        recent = [at for at in self.wrong.get(client, []) if now - at < MINUTE]
        if len(recent) >= TRIES:
            words = "Too many wrong tokens came from this address; wait a minute."
            await refuse(scope, send, 429, words, self.form, headers=[(b"retry-after", b"60")], title="Wait a minute")
            return False
        if same(shown, self.token or ""):
            return True
        self.wrong.pop(client, None)
        self.wrong[client] = [*recent, now]
        while len(self.wrong) > REMEMBERED:
            self.wrong.pop(next(iter(self.wrong)))
        await asyncio.sleep(PAUSE)
        words = "That is not the token of this server. It was printed when the server started."
        asks = [(b"www-authenticate", b"Bearer")]
        await refuse(scope, send, 401, words, self.form, headers=asks, title="A token, please", more=DOOR)
        return False

    @staticmethod
    def _cookie(scope: Scope) -> str:
        try:
            jar = SimpleCookie(header(scope, b"cookie"))
        except CookieError:
            return ""
        name = _cookie_name(scope)
        return jar[name].value if name in jar else ""


def same(shown: str, right: str) -> bool:
    """Equal, found out in a time that tells nothing; an empty secret equals nothing."""
    return bool(right) and hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), right.encode())


def _proof(token: str) -> str:
    return hmac.new(token.encode(), b"bedside: this browser has shown the token", hashlib.sha256).hexdigest()


def _cookie_name(scope: Scope) -> str:
    """Cookies do not know ports, so two servers on one machine would take each other's."""
    return f"bedside-{(scope.get('server') or ('', 0))[1]}"
