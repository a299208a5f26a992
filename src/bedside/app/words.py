"""What the app says, in English or German: English stands in the code, German in `german/*.yaml` beside it.

`t("Go on to {page}", page="training")` gives the sentence in the language of whoever looks at the page. A sentence
that stands in a table and is said later is marked with `later("...")`, so that a test finds it too.
"""

import re
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = {"en": "English", "de": "Deutsch"}

_spoken: ContextVar[str] = ContextVar("spoken", default="en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Everything said inside, also in threads started with `frame.in_thread`, is in this language."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def language() -> str:
    """The language of the page that is being drawn, else what `speaking` says."""
    import sys

    if "bedside.app.frame" in sys.modules and (asked := sys.modules["bedside.app.frame"].language_of_page()):
        return str(asked)
    return _spoken.get()


def language_asked(cookies: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """What the reader chose, else what the browser asks for first, else English."""
    chosen = cookies.get("bedside_language", "")
    first = headers.get("accept-language", "en").split(",")[0].split("-")[0].strip().lower()
    return chosen if chosen in LANGUAGES else first if first in LANGUAGES else "en"


def t(sentence: str, /, **values: Any) -> str:
    """The sentence in the reader's language, with `{names}` filled in."""
    said = german().get(sentence, sentence) if language() == "de" else sentence
    return said.format(**values) if values else said


def later(sentence: str) -> str:
    """The sentence as it is: a mark for what is translated when it is said."""
    return sentence


def tongue(said: str) -> str | None:
    """`en` for words that stay English on a page in another language, for the attribute lang, so that a screen reader
    pronounces them well; None where they are in the language of the page. What is only numbers and names counts as that.
    """
    if language() == "en" or not re.search(r"[a-z]{2}", said):
        return None
    return None if any(one.fullmatch(said) for one in _german_sentences()) else "en"


@cache
def _german_sentences() -> tuple[re.Pattern[str], ...]:
    """Every German sentence with room for its values; those that are little but values would fit anything."""
    return tuple(
        re.compile("".join(re.escape(words) + (".*" if name is not None else "") for words, name, _, _ in parts), re.S)
        for parts in (list(string.Formatter().parse(sentence)) for sentence in german().values())
        if re.search(r"\w{2}", "".join(words for words, *_ in parts))
    )


@cache
def german() -> dict[str, str]:
    """English sentence -> German sentence, of all pages."""
    import yaml

    files = sorted(
        (one for one in resources.files("bedside.app").joinpath("german").iterdir() if one.name.endswith(".yaml")),
        key=lambda one: one.name,
    )
    found: dict[str, str] = {}
    for file in files:
        found |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return found
