"""Why samples got their scores, told in one way by the assistant, the server and the app.

Of a table it is said what each column contributed, of an image, a recording or a molecule where the evidence lies; the mean over
members of the model.
"""

from collections.abc import Callable

from bedside.errors import RunError
from bedside.models import family_named
from bedside.reasons.images import Evidence, ImageExplainer, where
from bedside.reasons.molecules import AtomEvidence, MoleculeExplainer
from bedside.reasons.tables import Reason, Reasons, TableExplainer, Training
from bedside.reasons.traces import Heard, TraceExplainer
from bedside.scoring import Scorer

__all__ = [
    "AtomEvidence",
    "Evidence",
    "Explainer",
    "Heard",
    "ImageExplainer",
    "MoleculeExplainer",
    "Reason",
    "Reasons",
    "TableExplainer",
    "TraceExplainer",
    "explainer",
    "where",
]


Explainer = TableExplainer | ImageExplainer | TraceExplainer | MoleculeExplainer
_PLACES = {"image": "place of an image", "table": "column", "signal": "place in a recording", "graph": "atom"}
_PICTURED: dict[str, Callable[[Scorer], Explainer]] = {
    "image": ImageExplainer,
    "signal": TraceExplainer,
    "graph": MoleculeExplainer,
}


def explainer(scorer: Scorer, training: Training = None) -> Explainer:
    """What explains the scores of a model.

    Args:
        scorer: the model.
        training: see `TableExplainer`.

    Raises:
        RunError: if the family looks at no column or place, so that there is nothing to explain.
    """
    model = scorer.model
    if not family_named(model.family).explains(model.kind):
        raise RunError(
            f"A model of the family {model.family} looks at no {_PLACES[model.kind]}, so there is nothing to explain."
        )
    if model.kind == "table":
        return TableExplainer(scorer, training)
    return _PICTURED[model.kind](scorer)
