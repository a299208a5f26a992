"""All figures of a run, in the order in which the report shows them."""

from bedside.folder import Run
from bedside.report import calibration_figures, curve_figures, decision_figures, number_figures
from bedside.report import training_figures as learned
from bedside.report.abstention_figures import abstention_figures
from bedside.report.columns import draw as draw_columns
from bedside.report.group_figures import coverage_figure, group_figures
from bedside.report.latent_figures import latent_figure
from bedside.report.null import null_figure
from bedside.report.style import Drawing, calm
from bedside.report.synthetic_figures import synthetic_figures
from bedside.report.told import told


def draw(run: Run) -> dict[str, list[Drawing]]:
    """Figures by section of the report; those for a phone end with `narrow` and stand beside their wide twins.

    Raises:
        RunError: if the run is not finished.
    """
    with calm():
        latent = latent_figure(run)
        return {
            "calibration": calibration_figures.calibration_drawings(run),
            "decision": calibration_figures.decision_drawings(run),
            "performance": _performance(run),
            **_groups(run),
            **draw_columns(run),
            "latent": [latent] if latent else [],
            "synthetic": synthetic_figures(run),
            "training": _training(run),
            "folds": _folds(run),
            "null": [shuffled] if (shuffled := null_figure(run)) else [],
            "flow": [told(run).flow_drawing],
        }


def _performance(run: Run) -> list[Drawing]:
    kind = run.estimates["task"]["kind"]
    if kind == "regression":
        return [number_figures.observed_figure(run), number_figures.residual_figure(run)]
    confusion = [decision_figures.confusion_figure(run)] if run.estimates["confusion"] else []
    if kind == "multiclass":
        return [*curve_figures.class_figures(run), *confusion]
    return [*curve_figures.binary_figures(run), *confusion]


def _groups(run: Run) -> dict[str, list[Drawing]]:
    groups, covered = group_figures(run), coverage_figure(run)
    return {
        "groups": [wide for wide, _ in groups],
        "groups_narrow": [narrow for _, narrow in groups],
        "coverage": [wide for wide, _ in covered],
        "coverage_narrow": [narrow for _, narrow in covered],
        "abstention": abstention_figures(run),
    }


def _folds(run: Run) -> list[Drawing]:
    estimates = run.estimates
    spread = learned.spread_figure(estimates["per_fold"], estimates["spread"], estimates.get("spread_by_seed", []))
    return [spread] if spread else []


def _training(run: Run) -> list[Drawing]:
    drawings = []
    if run.history is not None and len(run.history):
        drawings = [learned.loss_figure(run.history), learned.metric_figure(run.history)]
    if run.learning_rates is not None and len(run.learning_rates):
        drawings.append(learned.sweep_figure(run.learning_rates))
    return [drawing for drawing in drawings if drawing is not None]
