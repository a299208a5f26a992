"""The ROC and the decision curve, each with a mark where the slider stands and one at the frozen threshold."""

from bedside.app import parts
from bedside.app.drawings import decision, roc
from bedside.app.metric_words import number_of
from bedside.app.operating.point import Operating, Point
from bedside.app.words import t
from bedside.cohort import minus


def draw_charts(model: Operating, now: Point, frozen: Point) -> None:
    """Both curves, side by side where there is room.

    Args:
        model: the test patients.
        now: everything at the chosen threshold and prevalence.
        frozen: the same at the frozen threshold.
    """
    with parts.tag("div", classes="charts"):
        if model.curves is not None:
            with parts.tag("figure"):
                _roc(model, now, frozen)
        with parts.tag("figure"):
            _decision(model, now, frozen)


def _roc(model: Operating, now: Point, frozen: Point) -> None:
    assert model.curves is not None
    svg = roc(model.curves.roc, _place(now), _place(frozen), (t("1 − specificity"), t("sensitivity")))
    rates = {name: number_of(now.estimates[name]) for name in ("sensitivity", "specificity")}
    parts.drawing(svg, t("ROC curve with a mark at sensitivity {sensitivity} and specificity {specificity}.", **rates))
    words = t("Sensitivity against the share of false alarms. Full dot: here; open dot: the frozen threshold.")
    parts.tag("figcaption", words)


def _decision(model: Operating, now: Point, frozen: Point) -> None:
    here = model.middle if now.threshold is None else now.threshold
    benefit, kept = (None if point.benefit is None else point.benefit[0] for point in (now, frozen))
    svg = decision(
        model.benefit_curve(now.prevalence),
        (here, benefit),
        (model.middle, kept),
        (t("threshold probability"), t("net benefit")),
        (t("treat everybody"), t("treat nobody")),
    )
    meaning = t("Net benefit: true alarms less what false ones cost, where the threshold says how much that is.")
    if benefit is None:  # at 0 and 1 a false alarm would cost nothing, or everything
        value = t("At a threshold of 0 or 1 there is none.")
    else:
        value = t("Here it is {value}.", value=minus(f"{benefit:.3f}"))
    parts.drawing(svg, f"{t('Decision curve with a line at the threshold {value}.', value=f'{here:.3g}')} {value}")
    parts.tag("figcaption", f"{meaning} {value} {t('Full dot and line: here; open dot: the frozen threshold.')}")


def _place(point: Point) -> tuple[float, float]:
    """False alarms and sensitivity, for the ROC."""
    sensitivity, specificity = (point.estimates[name].value for name in ("sensitivity", "specificity"))
    return 1 - (specificity or 0.0), sensitivity or 0.0
