"""What an exercise answers: what is right, what is wrong, and a hint; never the solution.

An exercise is a generator function beside its notebook's others (`exercises/notebook_01.py`). It looks at what the
learner made and yields one remark after another; it stops where going on makes no sense. Whatever the learner's
code raises becomes a remark too, because an error message is a step on the way.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import import_module
from typing import Any

from bedside.errors import SettingError, nearest

NOTEBOOKS = ("00", "01", "02", "03", "04", "05", "06", "07")


@dataclass(frozen=True)
class Remark:
    """One thing that was looked at; a wrong one carries a hint."""

    right: bool
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Exercise:
    number: str
    title: str
    look: Callable[..., Iterator[Remark]]


@dataclass(frozen=True)
class Answer:
    """What an exercise says; reads well in a notebook and in a terminal."""

    exercise: Exercise
    remarks: tuple[Remark, ...]

    @property
    def right(self) -> bool:
        return all(remark.right for remark in self.remarks)

    @property
    def verdict(self) -> str:
        if self.right:
            return "all right"
        return f"{sum(remark.right for remark in self.remarks)} right, {sum(not remark.right for remark in self.remarks)} to mend"

    def __repr__(self) -> str:
        lines = [f"{self.exercise.number} {self.exercise.title}: {self.verdict}"]
        for remark in self.remarks:
            lines.append(f"  {'right' if remark.right else 'wrong'}  {remark.text}")
            lines += [f"  hint   {remark.hint}"] if remark.hint and not remark.right else []
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<li style="margin:3px 0"><b style="color:{_COLOUR[remark.right]}">{"right" if remark.right else "wrong"}</b> '
            f"{escape(remark.text)}{_hint(remark)}</li>"
            for remark in self.remarks
        )
        return (
            f'<div style="border-left:4px solid {_COLOUR[self.right]};padding:2px 14px;max-width:78ch">'
            f"<b>{escape(self.exercise.number)} {escape(self.exercise.title)}</b>: {self.verdict}"
            f'<ul style="list-style:none;padding:0;margin:4px 0">{rows}</ul></div>'
        )


_COLOUR = {True: "#1b5583", False: "#8c2f39"}  # those of the report; the word stands beside the colour


def _hint(remark: Remark) -> str:
    return f"<br><i>Hint:</i> {escape(remark.hint)}" if remark.hint and not remark.right else ""


def right(text: str) -> Remark:
    return Remark(True, text)


def wrong(text: str, hint: str) -> Remark:
    return Remark(False, text, hint)


_FOUND: dict[str, Exercise] = {}


def exercise(number: str, title: str) -> Callable[[Callable[..., Iterator[Remark]]], Callable[..., Iterator[Remark]]]:
    """Enter a generator of remarks as exercise `number`, such as 01.8: notebook 01, step 8."""

    def enter(look: Callable[..., Iterator[Remark]]) -> Callable[..., Iterator[Remark]]:
        _FOUND[number] = Exercise(number, title, look)
        return look

    return enter


@cache
def exercises() -> dict[str, Exercise]:
    """Every exercise of the course by its number."""
    for notebook in NOTEBOOKS:
        import_module(f"bedside.learn.exercises.notebook_{notebook}")
    return dict(sorted(_FOUND.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


def check(number: str, *made: Any) -> Answer:
    """Look at what was made in an exercise, and say what is right, what is wrong, and a hint.

    Args:
        number: the exercise, such as "01.8"; it stands beside the cell with the gap.
        made: what the exercise asks for, such as a class or a number.

    Raises:
        SettingError: there is no such exercise.
    """
    known = exercises()
    if number not in known:
        raise SettingError(f"There is no exercise '{number}'.{nearest(number, known)}")
    asked = known[number]
    if not made or any(thing is ... for thing in made):
        gap = wrong(
            "There is still a gap: ... stands where something of yours belongs.", "Replace every ... in the cell above."
        )
        return Answer(asked, (gap,))
    return Answer(asked, tuple(_look(asked, made)))


def _look(asked: Exercise, made: tuple[Any, ...]) -> Iterator[Remark]:
    import torch

    try:
        with torch.random.fork_rng(
            devices=[]
        ):  # what comes after in the notebook draws the same numbers, checked or not
            yield from asked.look(*made)
    except Exception as error:  # the learner's own code may raise anything
        said = f"{type(error).__name__}: {error}"
        yield wrong(
            f"Python stopped here and said: {said}",
            _WHY.get(type(error), "Read its last words first; they say what it could not do."),
        )


_WHY: dict[type[Exception], str] = {
    TypeError: "Something was called with too many, too few or other things than it takes; or ... is still left in it.",
    AttributeError: "A name after a dot is not there: is it spelt as in __init__, and does __init__ begin with super().__init__()?",
    RuntimeError: "If it speaks of shapes: what one layer gives must be what the next one takes.",
    NotImplementedError: "A method that is needed, such as forward, is not written yet, or is indented too far.",
}
