"""What a document is made of before it becomes HTML, Markdown or DOCX: one content, three forms.

`NOTICE` stands at the top of every form of every document; the writers put it there, so that no document can lack it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bedside.report.style import Drawing

NOTICE = "Research and teaching only; not a medical device"
AUTHORS = "For the authors to write"


@dataclass(frozen=True)
class Ask:
    """A question that only a person can answer."""

    question: str


@dataclass(frozen=True)
class Strong:
    text: str


@dataclass(frozen=True)
class Link:
    """To a file of the run folder, with the section within it after a #."""

    text: str
    target: str


Piece = str | Ask | Strong | Link
Line = tuple[Piece, ...]


@dataclass(frozen=True)
class Heading:
    text: str


@dataclass(frozen=True)
class Subheading:
    text: str


@dataclass(frozen=True)
class Paragraph:
    line: Line


@dataclass(frozen=True)
class Bullets:
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells; `groups` are headings within it: {number of the row below: text}. `widths` are shares of the width."""

    name: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]
    widths: tuple[float, ...]
    groups: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Picture:
    drawing: Drawing
    png: Callable[[], bytes]  # draws the same figure for DOCX


Block = Heading | Subheading | Paragraph | Bullets | Table | Picture


@dataclass(frozen=True)
class Document:
    """`name` is that of its files, `kind` what it is ("model card"), `title` and `subtitle` what stands at its top."""

    name: str
    kind: str
    title: str
    subtitle: str
    made: str  # by which version, from which run
    blocks: tuple[Block, ...]
    synthetic: tuple[str, str] | None = None  # what was made by a computer and how, if no patient is behind it

    def sections(self) -> list[tuple[str, str]]:
        """(id, heading) of each section, in order."""
        return [(anchor(block.text), block.text) for block in self.blocks if isinstance(block, Heading)]

    def lines(self) -> Iterator[Line]:
        """Every line of text, of paragraphs, lists and cells."""
        for block in self.blocks:
            match block:
                case Paragraph(line):
                    yield line
                case Bullets(lines):
                    yield from lines
                case Table(rows=rows):
                    yield from (cell for row in rows for cell in row)

    def questions(self) -> list[str]:
        """What the document asks of its authors."""
        return [piece.question for line in self.lines() for piece in line if isinstance(piece, Ask)]

    def links(self) -> list[Link]:
        return [piece for line in self.lines() for piece in line if isinstance(piece, Link)]


def text(*pieces: Piece) -> Line:
    """A line; empty pieces are left out."""
    return tuple(piece for piece in pieces if piece != "")


def anchor(heading: str) -> str:
    """`Model details` -> `model-details`."""
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def split_dois(words: str) -> list[tuple[str, str]]:
    """Text in pieces, each with the digital object identifier that follows it, or with nothing."""
    pieces, end = [], 0
    for found in re.finditer(r"doi:(10\.\d{4,9}/\S+)", words):
        doi = found[1].rstrip(".,;:")
        while doi.endswith(")") and doi.count(")") > doi.count("("):
            doi = doi[:-1].rstrip(".,;:")
        pieces.append((words[end : found.start()], doi))
        end = found.start() + len("doi:") + len(doi)
    return [*pieces, (words[end:], "")]
