"""Why one sample got its score, as pages show it: the columns that contributed most, or the image,
recording or molecule with its evidence."""

from typing import Any

from bedside.app.opened import Opened
from bedside.app.pictures import Seen, drawn, seen
from bedside.explain.choose import member_of
from bedside.reasons import AtomEvidence, Evidence, Heard, Reasons
from bedside.reasons.kept import kept_pictures, kept_reasons

SHOWN = 8  # columns; all others are summed


def why(run: Opened, inputs: Any, decision: str, member: str | None = None) -> Reasons | Seen:
    """Of one sample.

    Args:
        run: the run.
        inputs: one sample.
        decision: the decided class, whose score is explained if there are several.
        member: the name of the one that is asked; else the mean over members.

    Raises:
        RunError: if it cannot be said, or the data that it takes are no longer there.
    """
    several = run.scorer.model.task.kind == "multiclass"
    asked = None if member is None else [member]
    found = run.explainer(inputs, members=asked, decision=decision if several else "")
    if isinstance(found, Heard | AtomEvidence):
        return drawn(found, inputs)
    return seen(found) if isinstance(found, Evidence) else found[0].largest(SHOWN)


def why_of_case(run: Opened, case: dict[str, object]) -> Reasons | Seen:
    """Of a tested sample: from the run folder if it was explained there, else by the member that tested it.

    Args:
        run: the run.
        case: a row of `Cases.table`.

    Raises:
        RunError: if it is not in the run folder and the data are no longer there.
    """
    if run.images:
        pictures = kept_pictures(run.run, case)
        if pictures is not None:
            return Seen(pictures.image, pictures.map, pictures.method)
    elif not run.pictured:
        reasons = kept_reasons(run.run, case)
        if reasons is not None:
            return reasons.largest(SHOWN)
    inputs = run.cohort.inputs.take(run.rows([str(case["sample"])]))
    return why(run, inputs, str(case["decision"]), member_of(case, run.scorer.model.names))
