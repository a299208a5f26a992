"""A document as DOCX, for the word processor in which a manuscript is written.

python-docx is imported here only when a document is made; the file is the same bytes for the same run.
"""

import datetime
import re
import zipfile
from io import BytesIO
from typing import Any

from bedside.report.document import (
    AUTHORS,
    NOTICE,
    Ask,
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
)

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # of every file within the archive, so that no clock is in its bytes
_WIDE = 16.5  # centimetres between the margins of A4
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # XML has no place for them


def to_word(document: Document, *, started: str) -> bytes:
    """The whole document.

    Args:
        document: what it says.
        started: when the run began, in ISO form; the date of the document.
    """
    import docx

    file = docx.Document()
    _style(file, document, started)
    file.add_heading(_clean(document.title), level=0)
    for words in filter(None, (document.subtitle, f"{NOTICE}. {document.made}", _synthetic(document))):
        file.add_paragraph(_clean(words))
    for block in document.blocks:
        _add(file, block)
    buffer = BytesIO()
    file.save(buffer)
    return _dateless(buffer.getvalue())


def _synthetic(document: Document) -> str:
    if not document.synthetic:
        return ""
    return f"{document.synthetic[0]}. {document.synthetic[1]}. No patient is behind any number of this document."


def _style(file: Any, document: Document, started: str) -> None:
    """Page, type, footer and properties."""
    from docx.shared import Cm, Pt, RGBColor

    section = file.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm((21 - _WIDE) / 2)
    section.footer.paragraphs[0].text = f"{NOTICE}."
    normal = file.styles["Normal"]
    normal.font.name, normal.font.size = "Calibri", Pt(10.5)
    for level in range(4):
        style = file.styles["Title" if level == 0 else f"Heading {level}"]
        style.font.name, style.font.color.rgb = "Calibri", RGBColor(0x1C, 0x21, 0x26)
    properties, begun = file.core_properties, datetime.datetime.fromisoformat(started)
    properties.title, properties.author, properties.comments = _clean(document.title)[:255], "", f"{NOTICE}."
    properties.created = properties.modified = begun.replace(tzinfo=None)


def _add(file: Any, block: Any) -> None:
    match block:
        case Heading(words):
            file.add_heading(_clean(words), level=1)
        case Subheading(words):
            file.add_heading(_clean(words), level=2)
        case Paragraph(line):
            _write(file.add_paragraph(), line)
        case Bullets(lines):
            for line in lines:
                _write(file.add_paragraph(style="List Bullet"), line)
        case Picture(drawing, png):
            from docx.shared import Cm

            file.add_picture(BytesIO(png()), width=Cm(12))
            file.inline_shapes[-1]._inline.docPr.set("descr", _clean(f"{drawing.title}. {drawing.alt}"))
            _caption(file, f"{drawing.title}. ", drawing.caption)
        case Table():
            _table(file, block)


def _table(file: Any, table: Table) -> None:
    """A table whose first row is repeated on every page."""
    from docx.oxml import OxmlElement
    from docx.shared import Cm, Pt

    _caption(file, f"{table.name}. " if table.name else "", table.caption)
    names = dict(table.groups)
    made = file.add_table(rows=1 + len(table.rows) + len(names), cols=len(table.head), style="Table Grid")
    made.autofit = False
    rows = iter(made.rows)
    head = next(rows)
    head._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    _fill(head.cells, [(Strong(name),) for name in table.head])
    for k, row in enumerate(table.rows):
        if k in names:
            cells = next(rows).cells
            _fill([cells[0].merge(cells[-1])], [(Strong(names[k]),)])
        _fill(next(rows).cells, row)
    for column, share in zip(made.columns, table.widths, strict=True):
        column.width = Cm(_WIDE * share)
    for row in made._tbl.tr_lst:
        for cell, share in zip(row.tc_lst, table.widths, strict=False):  # a heading within the table is one wide cell
            if len(row.tc_lst) == len(table.widths):
                cell.width = Cm(_WIDE * share)
    for run in made._tbl.iter("{http://schemas.openxmlformats.org/wordprocessingml/2006/main}r"):
        run.get_or_add_rPr().sz_val = Pt(8.5)


def _fill(cells: Any, lines: Any) -> None:
    for cell, line in zip(cells, lines, strict=True):
        _write(cell.paragraphs[0], line)


def _caption(file: Any, name: str, words: str) -> None:
    paragraph = file.add_paragraph()
    paragraph.add_run(_clean(name)).bold = True
    paragraph.add_run(_clean(words))
    paragraph.paragraph_format.keep_with_next = True


def _write(paragraph: Any, line: Line) -> None:
    """Pieces with a blank between them; what the authors have to write stands out."""
    from docx.enum.text import WD_COLOR_INDEX

    for k, piece in enumerate(line):
        if k:
            paragraph.add_run(" ")
        match piece:
            case Ask(question):
                run = paragraph.add_run(f"{AUTHORS}: ")
                run.bold = True
                run.font.highlight_color = WD_COLOR_INDEX.YELLOW
                paragraph.add_run(_clean(question))
            case Strong(words):
                paragraph.add_run(_clean(words)).bold = True
            case Link(words):
                paragraph.add_run(_clean(words)).italic = True
            case _:
                paragraph.add_run(_clean(str(piece)))


def _clean(words: str) -> str:
    return _FORBIDDEN.sub("", words)


def _dateless(content: bytes) -> bytes:
    """The archive anew, without the time at which it was made."""
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, _FIRST_DAY)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, old.read(name))
    return buffer.getvalue()
