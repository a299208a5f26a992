"""Why samples got their scores, told in one way by the assistant, the server and the app.

Of a table it is said what each column contributed, of an image or a recording where the evidence lies; the mean over members of the model.
"""

from bedside.errors import RunError
from bedside.models import family_named
from bedside.reasons.images import Evidence, ImageExplainer, where
from bedside.reasons.tables import Reason, Reasons, TableExplainer, Training
from bedside.reasons.traces import Heard, TraceExplainer
from bedside.scoring import Scorer

__all__ = [
    "Evidence",
    "Heard",
    "ImageExplainer",
    "Reason",
    "Reasons",
    "TableExplainer",
    "TraceExplainer",
    "explainer",
    "where",
]


def explainer(scorer: Scorer, training: Training = None) -> TableExplainer | ImageExplainer | TraceExplainer:
    """What explains the scores of a model.

    Args:
        scorer: the model.
        training: see `TableExplainer`.

    Raises:
        RunError: if the family looks at no column or place, so that there is nothing to explain.
    """
    model = scorer.model
    what = {"image": "place of an image", "table": "column", "signal": "place in a recording"}[model.kind]
    if not family_named(model.family).explains(model.kind):
        raise RunError(f"A model of the family {model.family} looks at no {what}, so there is nothing to explain.")
    if model.kind == "table":
        return TableExplainer(scorer, training)
    return ImageExplainer(scorer) if model.kind == "image" else TraceExplainer(scorer)
