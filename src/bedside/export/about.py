"""What an exported file says of itself: enough to use it rightly without the run that it came from."""

from typing import Any

from bedside.environment import versions
from bedside.export.session import FORMAT
from bedside.export.whole import MEMBERS, PREDICTED, PROBABILITIES
from bedside.models import family_named
from bedside.report.brief import sentences
from bedside.scoring import Scorer

INTENDED_USE = "Research and teaching only; not a medical device."


def about_of(scorer: Scorer, inputs: dict[str, Any]) -> dict[str, Any]:
    """Plain values for JSON: task, classes, threshold, features, what goes in and comes out, and the card in short."""
    run, model = scorer.run, scorer.model
    reads_table = "pixels" not in inputs
    return {
        "format": FORMAT,
        "bedside": versions()["bedside"],
        "intended_use": INTENDED_USE,
        "run": run.path.resolve().name,
        "model_sha256": run.environment.get("model_sha256"),
        "family": model.family,
        "summary": family_named(model.family).summary,
        "task": model.task.kind,
        "target": run.description["roles"]["target"],
        "classes": list(model.task.classes),
        "positive": model.task.positive,
        "threshold": scorer.threshold,
        "inputs": inputs,
        "outputs": _outputs(scorer),
        "features": [feature.to_dict() for feature in model.features] if reads_table else [],
        "members": list(model.names),
        "final": model.final,
        "recalibration": [found.method for found in model.recalibration][:1],
        "updated_for_a_hospital": scorer.update is not None,
        "card": sentences(run),
        "weights": _weights(run.environment.get("weights")),
    }


def _outputs(scorer: Scorer) -> dict[str, str]:
    """The results by name, in words."""
    task = scorer.model.task
    if task.kind == "regression":
        return {
            PREDICTED: "float64 (samples,): the number, mean over the members",
            MEMBERS: "float64 (members, samples): the number by each member",
        }
    order = ", ".join(task.classes)
    return {
        PROBABILITIES: f"float64 (samples, classes): after recalibration, if there is any, mean over the members, in the order {order}",
        MEMBERS: "float64 (members, samples, classes): the score by each member before recalibration",
    }


def _weights(record: dict[str, Any] | None) -> dict[str, Any] | None:
    """Whose pretrained weights are inside, and their licence; None without any."""
    if not record:
        return None
    return {name: record[name] for name in ("architecture", "source", "licence", "sha256")}
