"""Report and documents of a finished run, made from its files."""

from pathlib import Path

from bedside.folder import open_run
from bedside.report.documents import AT_ONCE, write_documents
from bedside.report.html import write_report
from bedside.report.told import told


def report(path: str | Path) -> Path:
    """Make report.html and the documents beside it anew from the files of a run; the same as `bedside report`.

    Raises:
        RunError: if the run is not finished.
    """
    run = open_run(path)
    run.require_finished()
    known = told(run)
    write_documents(known, AT_ONCE)
    return write_report(known)
