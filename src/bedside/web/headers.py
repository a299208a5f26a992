"""What every answer tells the browser: load nothing from elsewhere, run no script but ours, be framed by nobody else.

A policy is chosen by what is shown:
`pages`    scripts from files of this server only; not to be framed.
`figures`  the same, but notebooks on this machine may frame it.
`app`      pages of NiceGUI: its own inline scripts carry a nonce, new for each answer; see docs/security.md on 'unsafe-eval'.
`report`   a finished report, which may come from elsewhere: it runs its script in a sandbox that reaches nothing.

A route that sets its own Content-Security-Policy keeps it.
"""

import secrets
from typing import Literal

from bedside.web.refusals import App, Receive, Scope, Send

Policy = Literal["pages", "figures", "app", "report"]
NONCE = "bedside.nonce"  # in the scope of a request
# Styles in attributes are what figures are made of; scripts come from files only.
_OWN = (
    "default-src 'self'; {script}style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors {frames}"
)
_NOTEBOOKS = (
    "'self' http://127.0.0.1:* http://localhost:* https://127.0.0.1:* https://localhost:* vscode-webview: vscode-file:"
)
_APP = "script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
_REPORT = "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
_ALWAYS = [
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=()"),
]
_FRAMES = {"pages": b"DENY", "app": b"SAMEORIGIN", "report": b"SAMEORIGIN"}  # for browsers that know no frame-ancestors


def policy_text(policy: Policy, nonce: str = "") -> str:
    """The Content-Security-Policy of that name."""
    if policy == "report":
        return _REPORT
    script = _APP.format(nonce=nonce) if policy == "app" else ""
    frames = {"pages": "'none'", "figures": _NOTEBOOKS, "app": "'self'"}[policy]
    return _OWN.format(script=script, frames=frames)


class Headers:
    """Adds the headers to every answer, refusals too."""

    def __init__(self, app: App, policy: Policy = "pages") -> None:
        self.app, self.policy = app, policy
        frames = [(b"x-frame-options", _FRAMES[policy])] if policy in _FRAMES else []
        self.fixed = [*_ALWAYS, *frames]
        self.text = policy_text(policy).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        text = self.text
        if self.policy == "app":
            scope[NONCE] = secrets.token_urlsafe(16)
            text = policy_text("app", scope[NONCE]).encode()

        async def marked(message: Scope) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", [])
                named = {key.lower() for key, _ in given}
                wanted = [*self.fixed, (b"content-security-policy", text), (b"cache-control", b"no-store")]
                message["headers"] = [*given, *(pair for pair in wanted if pair[0] not in named)]
            await send(message)

        await self.app(scope, receive, marked)
