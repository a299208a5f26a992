"""A document as a page of the same look as the report; it needs nothing but itself."""

from typing import Any, assert_never
from urllib.parse import quote

from markupsafe import Markup, escape

from bedside.report import page
from bedside.report.document import (
    AUTHORS,
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
    anchor,
    split_dois,
)


def to_html(document: Document, *, folder: str, version: str) -> str:
    """The whole page."""
    return page.environment().get_template("document.html").render(
        kind=document.kind,
        document=document,
        cohort={"name": document.title},
        predicted=document.subtitle,
        contents=document.sections(),
        blocks=[_plain_block(block) for block in document.blocks],
        environment={"versions": {"bedside": version}},
        folder=folder,
    )  # fmt: skip


def _plain_block(block: Block) -> dict[str, Any]:
    """What the template needs of a block, with its lines as markup."""
    match block:
        case Heading(words):
            return {"kind": "heading", "id": anchor(words), "text": words}
        case Subheading(words):
            return {"kind": "subheading", "text": words}
        case Paragraph(line):
            return {"kind": "paragraph", "text": _line(line)}
        case Bullets(lines):
            return {"kind": "bullets", "lines": [_line(line) for line in lines]}
        case Picture(drawing=drawing):
            return {"kind": "picture", "drawing": drawing}
        case Table():
            return {"kind": "table", "table": block, "rows": _rows(block)}
    assert_never(block)


def _rows(table: Table) -> list[dict[str, Any]]:
    """Rows of cells as markup, each with the heading that stands above it, if one does."""
    names = dict(table.groups)
    return [{"group": names.get(k), "cells": [_line(cell) for cell in row]} for k, row in enumerate(table.rows)]


def _line(line: Line) -> Markup:
    return Markup(" ").join(_piece(piece) for piece in line)


def _piece(piece: Any) -> Markup:
    match piece:
        case Ask(question):
            return Markup('<span class="ask"><b>{}</b> {}</span>').format(AUTHORS, question)
        case Strong(words):
            return Markup("<b>{}</b>").format(words)
        case Link(words, target):
            return Markup('<a href="{}">{}</a>').format(target, words)
    return _with_dois(str(piece))


def _with_dois(words: str) -> Markup:
    """Escaped text whose digital object identifiers are links."""
    link = Markup('<a href="https://doi.org/{}">doi:{}</a>')
    pieces = [
        escape(before) + (link.format(quote(doi, safe="/:;"), doi) if doi else "") for before, doi in split_dois(words)
    ]
    return Markup("").join(pieces)
