"""The reporting checklists of a run: TRIPOD+AI, and CLAIM 2024 for images, each item filled, asked or not applicable."""

from typing import Any

from bedside.cohort import minus
from bedside.report import claim, tripod
from bedside.report.answers import Answer, Item, count, count_words
from bedside.report.document import Ask, Block, Document, Heading, Line, Link, Paragraph, Strong, Table, text
from bedside.report.document_parts import made_from, synthetic, title_of
from bedside.report.told import Told

_HEAD = ("Item", "It asks", "Answer", "Where")
_WIDTHS = (0.13, 0.21, 0.46, 0.2)
_MORE: dict[str, list[Any]] = {"image": [claim]}


def checklist(run: Told) -> Document:
    """The document with one table per checklist."""
    lists: list[Any] = [tripod, *_MORE.get(run.kind, ())]
    blocks: list[Block] = []
    for one in lists:
        blocks += _section(run, one.NAME, one.SOURCE, one.ITEMS)
    subtitle = "; ".join(f"{one.NAME}: {count_words(count(answers(run, one.ITEMS)))}" for one in lists)
    return Document(
        "checklist", "reporting checklist", f"Reporting checklist: {title_of(run)}", f"{subtitle}.", made_from(run), tuple(blocks),
        synthetic(run),
    )  # fmt: skip


def answers(run: Told, items: tuple[Item, ...]) -> list[Answer]:
    return [item.answer(run) for item in items]


def _section(run: Told, name: str, source: str, items: tuple[Item, ...]) -> list[Block]:
    found = answers(run, items)
    said = text(
        Strong(f"{count_words(count(found))}."),
        "An item is filled only if the run answers the whole of it. Where a part is left, the question says which; write the answer into the "
        f"paper and its page beside the item. What each item asks is said here in short words; the statement ({source}) has the full text.",
    )
    groups = [(k, item.section) for k, item in enumerate(items) if not k or items[k - 1].section != item.section]
    rows = tuple(_row(item, answer) for item, answer in zip(items, found, strict=True))
    return [
        Heading(name),
        Paragraph(said),
        Table("", f"The {len(items)} items of {name}, with what the run says.", _HEAD, rows, _WIDTHS, tuple(groups)),
    ]


def _row(item: Item, answer: Answer) -> tuple[Line, ...]:
    return (
        text(Strong(item.number), item.topic),
        text(f"{item.asks[0].upper()}{item.asks[1:]}."),
        _answer(answer),
        text(*_pointers(answer)),
    )


def _answer(answer: Answer) -> Line:
    if answer.status == "not applicable":
        return text(Strong("Not applicable."), minus(answer.reason))
    shown = minus(answer.shown)
    if answer.status == "filled":
        return text(Strong("Filled."), shown)
    return text(shown, Ask(answer.question))


def _pointers(answer: Answer) -> list[Link | str]:
    """Links with commas between them."""
    pieces: list[Link | str] = []
    for link in answer.where:
        pieces += [link] if not pieces else ["·", link]
    return pieces or ["–"]
