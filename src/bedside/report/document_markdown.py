"""A document as Markdown: text of the data shows itself and does nothing else."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from bedside.report.document import (
    AUTHORS,
    NOTICE,
    Ask,
    Block,
    Bullets,
    Document,
    Heading,
    Line,
    Link,
    Paragraph,
    Picture,
    Strong,
    Subheading,
    Table,
    split_dois,
)


def to_markdown(document: Document) -> str:
    """The whole document."""
    head = [f"# {_plain(document.title)}", _plain(document.subtitle), f"{NOTICE}. {_plain(document.made)}"]
    if document.synthetic:
        head.append(
            f"**{document.synthetic[0]}.** {_plain(document.synthetic[1])}. No patient is behind any number of this document."
        )
    return "\n\n".join([*filter(None, head), *(part for block in document.blocks for part in _block(block))]) + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading(words):
            yield f"## {_plain(words)}"
        case Subheading(words):
            yield f"### {_plain(words)}"
        case Paragraph(line):
            yield _line(line)
        case Bullets(lines):
            yield "\n".join(f"- {_line(line)}" for line in lines)
        case Table():
            yield from _table(block)
        case Picture(drawing=drawing):
            yield f"![{_plain(drawing.title)}](figures/{drawing.name}.svg)"
            yield f"*{_plain(drawing.title)}.* {_plain(drawing.caption)}"


def _table(table: Table) -> Iterator[str]:
    """A table, or several with a heading each where it has groups."""
    yield f"**{_plain(table.name)}.** {_plain(table.caption)}" if table.name else _plain(table.caption)
    starts = [start for start, _ in table.groups] or [0]
    names = dict(table.groups)
    for start, end in zip(starts, [*starts[1:], len(table.rows)], strict=True):
        if start in names:
            yield f"*{_plain(names[start])}*"
        lines = ["| " + " | ".join(map(_plain, table.head)) + " |", "|" + "---|" * len(table.head)]
        lines += ["| " + " | ".join(map(_line, row)) + " |" for row in table.rows[start:end]]
        yield "\n".join(lines)


def _line(line: Line) -> str:
    return " ".join(_piece(piece) for piece in line)


def _piece(piece: object) -> str:
    match piece:
        case Ask(question):
            return f"**{AUTHORS}:** {_plain(question)}"
        case Strong(words):
            return f"**{_plain(words)}**"
        case Link(words, target):
            return f"[{_plain(words)}]({target})"
    return "".join(f"{_plain_part(words)}{_doi(doi)}" for words, doi in split_dois(str(piece)))


def _doi(doi: str) -> str:
    return f"[doi:{_plain(doi)}](https://doi.org/{quote(doi, safe='/:;')})" if doi else ""


def _plain(words: str) -> str:
    """Text of the data as Markdown that shows it and does nothing else: no HTML, no links, no broken tables."""
    return _plain_part(" ".join(words.split()))


def _plain_part(words: str) -> str:
    one_line = re.sub(r"\s+", " ", words)
    return re.sub(r"([\\`*_|]|\](?=\())", r"\\\1", one_line.replace("&", "&amp;").replace("<", "&lt;"))
