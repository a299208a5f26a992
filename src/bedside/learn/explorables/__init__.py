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
    Explorable(
        11,
        "threshold",
        "Threshold and prevalence",
        "A model gives a score; a threshold makes a decision of it. What an alarm means then depends on how common the disease is.",
        "Prevalence leaves sensitivity and specificity where they are, but changes what an alarm is worth: among few ill patients most alarms are false.",
        "Set the prevalence to 1 %, as in screening. Then raise the threshold until fewer than five false alarms are left, and count the ill patients who are missed.",
    ),
    Explorable(
        12,
        "split",
        "Patient split or image split",
        "The same model and the same images, tested in two ways: images dealt at random, or patients. Only one of the two numbers holds for new patients.",
        "Images of one patient resemble each other. If some of them train the model and others test it, it can pass by recognising the patient.",
        "Set the disease signal to 0: there is nothing to learn any more, and the image split still promises a good model.",
    ),
    Explorable(
        14,
        "family_album",
        "The family album",
        "Eight kinds of learning machines. They differ in what goes in, what comes out, and what they take for granted about the data.",
        "The first six give an answer about a case. An autoencoder and a generative model learn what the data themselves look like.",
        "Open classic learning and go from logistic regression to boosting to a deep network: the same patients, three different borders.",
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
