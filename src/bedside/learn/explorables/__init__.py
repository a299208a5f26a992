"""The explorables: small figures to play with, each with one idea, what to notice, and something to try.

One line of this table, one module that computes (`<name>.py`) and one that draws (`static/<name>.js`) make an
explorable. Whatever is computed is computed by the parts of bedside that train and judge models.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from bedside.errors import SettingError, nearest


@dataclass(frozen=True)
class Explorable:
    """What stands around the figure: plain words, for people who have never seen a formula."""

    number: int
    name: str
    title: str
    idea: str
    notice: str
    try_this: str

    @property
    def actions(self) -> dict[str, Callable[[Any], dict[str, Any]]]:
        """What the page can ask for: functions from settings to plain values."""
        found: dict[str, Callable[[Any], dict[str, Any]]] = import_module(
            f"bedside.learn.explorables.{self.name}"
        ).ACTIONS
        return found


_ALL = (
    Explorable(
        1,
        "neuron",
        "One neuron",
        "A neuron multiplies each feature by a weight, adds a bias, and turns the sum into a probability: a line between two groups of patients.",
        "The weights turn the line, the bias shifts it, and their size decides how sure the neuron is on either side.",
        "Bring the loss below 0.3 by hand; then let it learn, and see how near you were.",
    ),
)

EXPLORABLES = {one.name: one for one in _ALL}


def explorable(name: str) -> Explorable:
    """The explorable of that name.

    Raises:
        SettingError: there is none; the nearest names are suggested.
    """
    if name not in EXPLORABLES:
        raise SettingError(
            f"There is no explorable '{name}'.{nearest(name, EXPLORABLES)} There are: {', '.join(EXPLORABLES)}."
        )
    return EXPLORABLES[name]
