"""A run as it happens: one bar per stage, and a way back in if it is interrupted."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from bedside.folder import Run, read_json
from bedside.many.search import Tried
from bedside.run import Begun, Event, Explained, Finished, Stage
from bedside.terminal.tables import plain, print_changes, print_findings, print_summary
from bedside.training.events import Extracted, FoldFit, FoldKept, Plan
from bedside.training.events import Progress as Epoch

if TYPE_CHECKING:
    from bedside.cohort import Cohort

_COLUMNS = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))


def show_run(events: Iterator[Event], console: Console) -> Run | None:
    """Draw the events of `run.train_steps`, then print the estimates.

    Returns:
        The finished run, or None if the events ended before.

    Raises:
        KeyboardInterrupt: as it came, after saying how to continue the run.
    """
    run = _draw(events, "train", console)
    if run is not None:
        print_summary(run, console)
    return run


def show_experiment(events: Iterator[Any], verb: str, console: Console) -> Run | None:
    """Draw the events of `compare`, `tune` or `curve`, then say what was found and where the page is; see `show_run`."""
    run = _draw(events, verb, console)
    if run is not None:
        page, sentences = found_by(run, verb)
        for sentence in sentences:
            console.print(escape(sentence), highlight=False)
        console.print(f"\nPage: [bold]{escape(str(page))}[/]", soft_wrap=True, highlight=False)
    return run


def found_by(run: Run, verb: str) -> tuple[Path, list[str]]:
    """The page of an experiment, and its sentences."""
    name = {"compare": "comparison", "tune": "tuning", "curve": "curve"}[verb]
    record = read_json(run.path / f"{name}.json")
    parts = {"compare": "ranking", "curve": "growth"}
    sentences = [record[parts[verb]]["sentence"]] if verb in parts else record["sentences"]
    return run.path / f"{name}.html", sentences


def _draw(events: Iterator[Any], verb: str, console: Console) -> Run | None:
    run: Run | None = None
    try:
        with Progress(*_COLUMNS, TimeElapsedColumn(), console=console) as bars:
            board = _Board(bars)
            for event in events:
                if isinstance(event, Begun | Finished):
                    run = event.run
                if isinstance(event, Begun):
                    if verb == "train":
                        board.batch_size = event.run.settings.get("train", {}).get("batch_size")
                    _print_start(event.cohort, console)
                    print_findings(event.findings, console)
                else:
                    board.show(event)
    except KeyboardInterrupt:
        words = "Stopped before the run was begun; nothing was written."
        if run is not None:
            words = f"Stopped. Finished folds are kept, one in training starts again. Continue with: [bold]bedside {verb} --resume {escape(str(run.path))}[/]"
        console.print(f"\n{words}", soft_wrap=True)
        raise
    return run


def show_explanations(events: Iterator[Event], console: Console) -> None:
    """Draw the events of `run.explain_steps`, then say what the sanity checks found."""
    run: Run | None = None
    with Progress(*_COLUMNS, TimeElapsedColumn(), console=console) as bars:
        board = _Board(bars)
        for event in events:
            board.show(event)
            run = event.run if isinstance(event, Finished) else run
    if run is not None:
        for sentence in (run.sanity or {}).get("sentences", ()):
            console.print(plain(sentence), highlight=False)
        console.print(f"\nReport: [bold]{escape(str(run.path / 'report.html'))}[/]", soft_wrap=True, highlight=False)


def show_stress(events: Iterator[Event], console: Console) -> None:
    """Draw the events of `robustness.stress.stress_steps`, then say what was found."""
    run: Run | None = None
    with Progress(*_COLUMNS, TimeElapsedColumn(), console=console) as bars:
        board = _Board(bars)
        for event in events:
            board.show(event)
            run = event.run if isinstance(event, Finished) else run
    if run is not None and (record := run.stress) is not None:
        for sentence in [*record["units"], "", *record["sentences"]]:
            console.print(plain(sentence), highlight=False)
        print_changes(record, console)
        console.print(f"\nPage: [bold]{escape(str(run.path / 'stress.html'))}[/]", soft_wrap=True, highlight=False)


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

    def __init__(self, bars: Progress, batch_size: int | None = None) -> None:
        self.bars, self.batch_size = bars, batch_size
        self.bar: TaskID | None = None
        self.folds = self.fitted = 0

    def show(self, event: Event | Tried) -> None:
        match event:
            case Stage():
                self._finish()
                self.folds, self.fitted = event.folds, 0
                words = {
                    "training": f"Training {event.family}",
                    "refit": f"Refit of {event.family}",
                    "search": f"Search {event.family}",
                }
                label = words.get(event.name, event.name.capitalize())
                self.bar = self.bars.add_task(escape(label), total=event.folds or None, state="")
            case Plan() if self.bar is not None:
                size = f", {event.parameters:,} weights" if event.parameters else ""
                self.bars.update(self.bar, state=f"{event.device}{size}")
                for line in plan_lines(event, self.batch_size):
                    self.bars.console.print(escape(line), highlight=False, style="dim")
            case Extracted() if self.bar is not None:
                self.bars.update(self.bar, state=f"features of {event.done:,} of {event.total:,} images")
                if event.problem:
                    self.bars.console.print(escape(f"The next run computes the features again. {event.problem}"))
            case Epoch() if self.bar is not None:
                done = self.fitted + len(event.folds) * event.record.epoch / event.epochs
                losses = event.record.valid_loss[event.record.active]
                state = f"epoch {event.record.epoch}/{event.epochs}, fold {_numbers(event)}, validation loss {losses.mean():.3f}"
                self.bars.update(self.bar, completed=min(done, self.folds), state=state)
            case Tried() if self.bar is not None:
                self.fitted += 1
                value = "failed" if event.trial.value is None else f"{event.trial.value:.3f}"
                self.bars.update(self.bar, completed=self.fitted, state=f"trial {event.trial.number + 1}: {value}")
            case Explained() if event.problem:
                self.bars.console.print(
                    escape(f"There are no explanations. {event.problem}"), style="yellow", highlight=False
                )
            case Explained() if self.bar is not None:
                self.bars.update(self.bar, total=event.total, completed=event.done)
            case FoldFit() | FoldKept() if self.bar is not None:
                self.fitted += 1
                state = "" if self.fitted == self.folds else f"fold {self.fitted} of {self.folds}"
                self.bars.update(self.bar, completed=self.fitted, state=state)
            case Finished():
                self._finish()

    def _finish(self) -> None:
        if self.bar is not None:
            total = self.folds or 1
            self.bars.update(self.bar, total=total, completed=total, state="done")


def plan_lines(plan: Plan, asked: int | None = None) -> Iterator[str]:
    """What the training will take, in words, before it begins; only what is worth knowing.

    Args:
        asked: batch size of the settings; a plan with a smaller one says why.
    """
    if plan.parameters is not None and plan.trained is not None and plan.trained < plan.parameters:
        yield f"{plan.parameters:,} weights, of which {plan.trained:,} train."
    if plan.alone and len(plan.stacks) > 1:
        yield f"The {len(plan.stacks)} members train one by one, because {plan.alone}."
    if plan.weights is not None:
        yield f"Weights: {plan.weights['source']} ({plan.weights['licence']})."
    if plan.epoch_seconds is not None and plan.memory is not None:
        yield f"About {duration(plan.epoch_seconds)} for an epoch of one fold, and {plan.memory / 2**30:.1f} GB of memory."
    if plan.image_seconds:
        yield f"About {duration(plan.image_seconds)} until the backbone has seen every image; the next run remembers."
    if asked is not None and plan.batch_size is not None and plan.batch_size < asked:
        yield f"Batch size lowered from {asked} to {plan.batch_size}: there is no memory for more."


def duration(seconds: float) -> str:
    """`40 s`, `3 min`, `1.5 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )


def _numbers(event: Epoch) -> str:
    """Folds that train together, counted from 1: `3`, or `1-5`."""
    first, last = event.folds[0], event.folds[-1]
    return (
        f"{first.number + 1}"
        if len(event.folds) == 1
        else f"{first.number + 1}-{last.number + 1} (x{len(event.folds)})"
    )
