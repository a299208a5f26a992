"""The course: notebooks with exercises that check themselves, and figures to play with.

from bedside import learn

learn.check("01.8", Net)                  # what is right, what is wrong, and a hint
learn.source("bedside.training.loop:fit")  # how bedside does what was just written by hand
learn.play("neuron")                      # a figure to play with, inside the notebook
learn.pets()                              # pictures to learn from: downloaded, your own, or built in
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedside.learn.answer import check
    from bedside.learn.frames import play, report
    from bedside.learn.pictures import pets
    from bedside.learn.reading import source
    from bedside.learn.shelf import copy_notebooks

_PLACES = {
    "check": "answer",
    "copy_notebooks": "shelf",
    "pets": "pictures",
    "play": "frames",
    "report": "frames",
    "source": "reading",
}

__all__ = ["check", "copy_notebooks", "pets", "play", "report", "source"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'bedside.learn' has no attribute {name!r}")
    value = getattr(import_module(f"bedside.learn.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
