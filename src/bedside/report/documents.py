"""The documents of a run as files beside its report: model card, checklist, and a draft of methods and results."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from bedside import folder
from bedside.errors import SettingError, nearest
from bedside.folder import Run
from bedside.report.card import card
from bedside.report.checklist import checklist
from bedside.report.document import Document
from bedside.report.document_html import to_html
from bedside.report.document_markdown import to_markdown
from bedside.report.document_word import to_word
from bedside.report.paper import paper
from bedside.report.told import Told, told

Format = Literal["html", "md", "docx"]
FORMATS: tuple[Format, ...] = ("html", "md", "docx")
AT_ONCE: tuple[Format, ...] = ("html", "md")  # written with every report; DOCX when somebody asks for it

DOCUMENTS: dict[str, Callable[[Told], Document]] = {"card": card, "checklist": checklist, "paper": paper}


def write_documents(run: Run, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write every document in the given formats into the run folder; the same run gives the same bytes.

    Args:
        run: a finished run.
        formats: any of `FORMATS`.

    Returns:
        The files, document by document.

    Raises:
        SettingError: if a format is not known.
        RunError: if the run is not finished or a file of it is damaged.
        StorageError: if the disk is full.
    """
    for name in formats:
        if name not in FORMATS:
            raise SettingError(f"There is no format {name!r}.{nearest(name, FORMATS)} Formats: {', '.join(FORMATS)}.")
    run.require_finished()
    known, written = told(run), []
    for make in DOCUMENTS.values():
        document = make(known)
        for name in formats:
            path = run.path / f"{document.name}.{name}"
            folder.write_bytes(path, content(known, document, name))
            written.append(path)
    return written


def content(run: Told, document: Document, name: str) -> bytes:
    """A document in one format, as the bytes of its file."""
    if name == "docx":
        return to_word(document, started=str(run.environment["started"]))
    if name == "md":
        return to_markdown(document).encode("utf-8")
    version = str(run.environment["versions"]["bedside"])
    return to_html(document, folder=run.path.name, version=version).encode("utf-8")


def present(run: Run) -> list[tuple[str, str]]:
    """(file, what it is) of the pages that lie beside the report."""
    words = {"card": "Model card", "checklist": "Reporting checklist", "paper": "Draft of methods and results"}
    return [(f"{name}.html", words[name]) for name in DOCUMENTS if (run.path / f"{name}.html").exists()]
