"""The worst group of patients, in a sentence for the top of a report."""

from typing import Any


def worst_group(subgroups: dict[str, Any] | None) -> tuple[tuple[str, ...], str]:
    """Numbers of the rules and the sentence; no sentence if no groups were asked for.

    Args:
        subgroups: the entry of estimates.json. `worst` is None where no difference stands after Holm's adjustment.
    """
    if not subgroups:
        return ("6",), ""
    tested = any(test["p"] is not None for test in subgroups["tests"])
    rule = "6.1" if subgroups["worst"] else "6.2" if tested else "6.3"
    return (rule,), str(subgroups["sentence"])


def checked(subgroups: dict[str, Any] | None) -> list[str]:
    """Columns whose groups were judged by themselves."""
    return [str(column["column"]) for column in subgroups["columns"]] if subgroups else []


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
