"""Answers to the items of a checklist: what the run shows with a pointer to where, and what only the authors can write.

An item counts as filled only if no question is left: what a run shows of an item is never taken for the whole of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bedside.report.document import Link
from bedside.report.told import Told

Status = Literal["filled", "authors", "not applicable"]


@dataclass(frozen=True)
class Answer:
    """`shown` is what the run says, `where` points to it, `question` asks for the rest, `reason` says why nothing applies."""

    shown: str = ""
    where: tuple[Link, ...] = ()
    question: str = ""
    reason: str = ""

    @property
    def status(self) -> Status:
        if self.reason:
            return "not applicable"
        return "authors" if self.question or not self.shown else "filled"


@dataclass(frozen=True)
class Item:
    """One item: its official number, where it stands in a paper, what it is about, and what it asks in our words."""

    number: str
    section: str
    topic: str
    asks: str
    answer: Callable[[Told], Answer]


def ask(question: str) -> Callable[[Told], Answer]:
    """An item of which a run knows nothing."""
    return lambda run: Answer(question=question)


def at(run: Told, *sections: str) -> tuple[Link, ...]:
    """Pointers to sections of the report, by their headings."""
    return tuple(Link(f"report.html, {run.headings[name]}", f"report.html#{name}") for name in sections)


def file(*names: str) -> tuple[Link, ...]:
    """Pointers to files or folders of the run."""
    return tuple(Link(name, name) for name in names)


def count(answers: list[Answer]) -> dict[str, int]:
    """How many items are filled, for the authors, not applicable; and of those for the authors, how many are begun."""
    found = [answer.status for answer in answers]
    begun = sum(answer.status == "authors" and bool(answer.shown) for answer in answers)
    return {**{status: found.count(status) for status in ("filled", "authors", "not applicable")}, "begun": begun}


def count_words(counts: dict[str, int]) -> str:
    """`11 filled, 37 for the authors (20 of them begun from the run), 4 not applicable`."""
    begun = f" ({counts['begun']} of them begun from the run)" if counts["begun"] else ""
    return f"{counts['filled']} filled, {counts['authors']} for the authors{begun}, {counts['not applicable']} not applicable"
