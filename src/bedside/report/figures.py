"""All figures of a run, in the order in which the report shows them."""

from bedside.folder import Run
from bedside.report import calibration_figures, curve_figures, decision_figures, number_figures
from bedside.report import training_figures as learned
from bedside.report.latent_figures import latent_figure
from bedside.report.style import Drawing, calm


def draw(run: Run) -> dict[str, list[Drawing]]:
    """Figures by section of the report: `calibration`, `decision`, `performance`, `latent`, `training`, `folds`.

    Raises:
        RunError: if the run is not finished.
    """
    with calm():
        latent = latent_figure(run)
        return {
            "calibration": calibration_figures.calibration_drawings(run),
            "decision": calibration_figures.decision_drawings(run),
            "performance": _performance(run),
            "latent": [latent] if latent else [],
            "training": _training(run),
            "folds": _folds(run),
        }


def _performance(run: Run) -> list[Drawing]:
    drawings = _of_task(run)
    return [one for one in drawings if one.name != "calibration" or "calibration" not in run.estimates]


def _of_task(run: Run) -> list[Drawing]:
    kind = run.estimates["task"]["kind"]
    if kind == "regression":
        return [number_figures.observed_figure(run), number_figures.residual_figure(run)]
    confusion = [decision_figures.confusion_figure(run)] if run.estimates["confusion"] else []
    if kind == "multiclass":
        return [*curve_figures.class_figures(run), *confusion]
    return [*curve_figures.binary_figures(run), *confusion]


def _folds(run: Run) -> list[Drawing]:
    spread = learned.spread_figure(run.estimates["per_fold"], run.estimates["spread"])
    return [spread] if spread else []


def _training(run: Run) -> list[Drawing]:
    drawings = []
    if run.history is not None and len(run.history):
        drawings = [learned.loss_figure(run.history), learned.metric_figure(run.history)]
    if run.learning_rates is not None and len(run.learning_rates):
        drawings.append(learned.sweep_figure(run.learning_rates))
    return [drawing for drawing in drawings if drawing is not None]
