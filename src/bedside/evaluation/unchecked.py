"""What was not checked, in one sentence: a report that is silent about it would seem to say that all is well."""

from dataclasses import dataclass
from typing import Any

from bedside.evaluation.worst_group import checked


@dataclass(frozen=True)
class Known:
    """What a run knows beside its predictions; None where nobody knows, as for predictions that somebody brings.

    `unseen_sites`: every fold tested sites that its model had not seen. `sites`: how many there are, 0 without a site column.
    `subgroups`: whether columns have that role. `permuted`: whether the pipeline was run with shuffled targets.
    `leaking`: whether it then scored above chance.
    `maps`: why nothing is known of what a network for images looked at; empty if something is. `refit`: the model that was kept
    was trained once more on everybody.
    """

    sites: int | None = None
    unseen_sites: bool = False
    subgroups: bool | None = None
    baseline: bool | None = None
    permuted: bool | None = None
    leaking: bool = False
    maps: str = ""
    refit: bool = False


NOTHING_KNOWN = Known()


def not_checked(result: dict[str, Any], known: Known) -> tuple[tuple[str, ...], str]:
    """Numbers of the rules and the sentence; no sentence if nothing is to be said."""
    gaps = {
        "8.1": "" if result["n"]["patient_column"] else "leakage between samples of one patient (no patient column)",
        "8.2": _sites(known),
        "8.3": _groups(result.get("subgroups"), known),
        "8.4": "a simple baseline (it was switched off)" if known.baseline is False else "",
        "8.5": "whether shuffled targets score chance (not asked for)" if known.permuted is False else "",
        "8.6": f"what the network looked at ({known.maps})" if known.maps else "",
        "8.7": "the model that was kept (it was trained once more on everybody)" if known.refit else "",
    }
    open_ones = {rule: words for rule, words in gaps.items() if words}
    return tuple(open_ones) or ("8",), f"Not checked: {'; '.join(open_ones.values())}." if open_ones else ""


def _sites(known: Known) -> str:
    """Whether the model met a hospital it had not seen."""
    if known.sites is None or known.unseen_sites:
        return ""
    why = {0: "no site column", 1: "one site only"}.get(known.sites, "the same sites train and test")
    return f"other hospitals ({why})"


def _groups(subgroups: dict[str, Any] | None, known: Known) -> str:
    """Whether groups of patients were judged by themselves."""
    if checked(subgroups):
        return ""
    if subgroups is None and known.subgroups is None:
        return ""
    return "groups of patients (" + ("not judged in this run" if known.subgroups else "none was named") + ")"
