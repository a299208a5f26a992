"""A run with what its report and its documents say again and again, worked out once."""

from functools import cached_property
from typing import Any

from bedside.data.description import kind_of
from bedside.evaluation.verdict import Said
from bedside.folder import Run
from bedside.report import brief, methods
from bedside.report.flow import flow
from bedside.report.flow_figures import flow_figure
from bedside.report.gallery import verdicts
from bedside.report.sections import headings
from bedside.report.style import Drawing


class Told(Run):
    """Flow of patients, paragraphs of the methods, and the verdict of a run."""

    @cached_property
    def flow(self) -> dict[str, Any]:
        return flow(self)

    @cached_property
    def flow_drawing(self) -> Drawing:
        return flow_figure(self.flow)

    @cached_property
    def headings(self) -> dict[str, str]:
        """{id: heading} of the sections of the report."""
        return headings(self)

    @cached_property
    def paragraphs(self) -> dict[str, str]:
        """{title: text} of the methods."""
        return {one["title"]: one["text"] for one in methods.methods(self)}

    @cached_property
    def said(self) -> list[Said]:
        """The verdict with the numbers of its rules."""
        return brief.said_of(self)

    @cached_property
    def maps(self) -> dict[str, Any] | None:
        """How many samples were explained, and what the checks said; None if nothing was explained."""
        return verdicts(self) if self.kind != "table" else None

    @cached_property
    def kind(self) -> str:
        """What its samples are; see `data.description.kind_of`."""
        return kind_of(self.description)


def told(run: Run) -> Told:
    """The run as one that remembers; it reads its files anew unless it was one already."""
    return run if isinstance(run, Told) else Told(run.path)
