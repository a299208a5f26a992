"""A run as it happens: one bar per stage, and a way back in if it is interrupted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from bedside.folder import Run
from bedside.run import Begun, Event, Finished, Stage
from bedside.terminal.tables import print_findings, print_summary
from bedside.training.fits import FoldFit, Plan
from bedside.training.fits import Progress as Epoch

if TYPE_CHECKING:
    from bedside.cohort import Cohort


def show_run(events: Iterator[Event], console: Console) -> Run | None:
    """Draw the events of `run.train_steps` until the run is finished.

    Raises:
        KeyboardInterrupt: as it came, after saying how to continue the run.
    """
    run: Run | None = None
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    try:
        with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
            board = _Board(bars)
            for event in events:
                if isinstance(event, Begun | Finished):
                    run = event.run
                if isinstance(event, Begun):
                    _print_start(event.cohort, console)
                    print_findings(event.findings, console)
                else:
                    board.show(event)
    except KeyboardInterrupt:
        if run is not None:
            console.print(
                f"\nStopped. Continue with: [bold]bedside train --resume {escape(str(run.path))}[/]", soft_wrap=True
            )
        else:
            console.print("\nStopped before the run was begun; nothing was written.")
        raise
    if run is not None:
        print_summary(run, console)
    return run


def _print_start(cohort: "Cohort", console: Console) -> None:
    task = cohort.task
    goal = {
        "binary": f"tell {task.positive!r} from {task.classes[0]!r}" if task.classes else "",
        "multiclass": f"tell {len(task.classes)} classes apart",
        "regression": "predict a number",
    }[task.kind]
    console.print(
        f"[bold]{escape(cohort.name)}[/]: {len(cohort)} samples of {cohort.n_patients} patients; "
        f"{task.kind} task: {escape(goal)} ({escape(cohort.roles.target)}).",
        highlight=False,
    )


class _Board:
    """The bars: one for each stage, moved by epochs for networks and by folds for everything else."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.bar: TaskID | None = None
        self.folds = self.fitted = 0

    def show(self, event: Event) -> None:
        match event:
            case Stage():
                self._finish()
                self.folds, self.fitted = event.folds, 0
                words = {"training": f"Training {event.family}", "refit": f"Refit of {event.family}"}
                label = words.get(event.name, event.name.capitalize())
                self.bar = self.bars.add_task(escape(label), total=event.folds or None, state="")
            case Plan() if self.bar is not None:
                size = f", {event.parameters:,} weights" if event.parameters else ""
                self.bars.update(self.bar, state=f"{event.device}{size}")
            case Epoch() if self.bar is not None:
                done = self.fitted + len(event.folds) * event.record.epoch / event.epochs
                losses = event.record.valid_loss[event.record.active]
                state = f"epoch {event.record.epoch}/{event.epochs}, fold {_numbers(event)}, validation loss {losses.mean():.3f}"
                self.bars.update(self.bar, completed=min(done, self.folds), state=state)
            case FoldFit() if self.bar is not None:
                self.fitted += 1
                state = "" if self.fitted == self.folds else f"fold {self.fitted} of {self.folds}"
                self.bars.update(self.bar, completed=self.fitted, state=state)
            case Finished():
                self._finish()

    def _finish(self) -> None:
        if self.bar is not None:
            total = self.folds or 1
            self.bars.update(self.bar, total=total, completed=total, state="done")


def _numbers(event: Epoch) -> str:
    """Folds that train together, counted from 1: `3`, or `1-5`."""
    first, last = event.folds[0], event.folds[-1]
    return (
        f"{first.number + 1}"
        if len(event.folds) == 1
        else f"{first.number + 1}-{last.number + 1} (x{len(event.folds)})"
    )
