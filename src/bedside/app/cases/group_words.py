"""Groups of a subgroup column as `evaluation.groups` names them, in the reader's language."""

import re

from bedside.app.words import t
from bedside.evaluation.groups import MISSING

_BAND = re.compile(r"(\S+) to < (\S+)")
_JOINED = re.compile(r"(\d+) other levels")


def group_name(name: str) -> str:
    """`48 to < 55` in words; a level of the data stays as it is."""
    if name == MISSING:
        return t("missing")
    if found := _BAND.fullmatch(name):
        return t("{low} to below {high}", low=found[1], high=found[2])
    if found := _JOINED.fullmatch(name):
        return t("{count} other values", count=found[1])
    return name
