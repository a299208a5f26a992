"""NiceGUI's own inline scripts get the nonce of their answer, so that no other inline script runs.

NiceGUI knows no nonces. Its page is one template, so the attribute is written into the template's own script tags before
it is filled in: what is filled in later, such as HTML that a page adds, gets none and therefore does not run.
"""

import re
from collections.abc import Callable
from typing import Any

from jinja2 import BaseLoader, Environment

from bedside.errors import BedsideError
from bedside.web.headers import NONCE

_TAG = re.compile(r"<script(?![^>]*\bsrc=)")
_MARK = f"<script nonce=\"{{{{ request.scope['{NONCE}'] }}}}\""


def marked(source: str) -> str:
    """A template whose inline script tags ask the request for the nonce."""
    return _TAG.sub(_MARK, source)


def give_nonces() -> None:
    """Teach NiceGUI's template the nonce; repeating this changes nothing.

    Raises:
        BedsideError: this NiceGUI is built in another way.
    """
    from nicegui.client import templates

    loader: Any = templates.env.loader
    if isinstance(loader, _Marking):
        return
    if "<script>" not in loader.get_source(templates.env, "index.html")[0]:
        raise BedsideError(
            "This version of NiceGUI has another page than bedside knows; install the one of constraints.txt."
        )
    templates.env.loader = _Marking(loader)
    if templates.env.cache is not None:
        templates.env.cache.clear()


class _Marking(BaseLoader):
    """A loader that marks what another one reads."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, place, fresh = self.inner.get_source(environment, template)
        return marked(source), place, fresh
