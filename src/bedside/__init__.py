"""bedside: deep learning in medicine, from a table to a model that is honestly evaluated and documented.

The public names are loaded when they are first used, so that `import bedside` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedside.cohort import Cohort, Estimate, Finding, Fold, Roles, Task
    from bedside.data import read_cohort
    from bedside.data.checks import check
    from bedside.data.table import read_table
    from bedside.errors import (
        BedsideError,
        DataError,
        ExportError,
        LeakError,
        RunError,
        SettingError,
        StorageError,
        TrainingError,
    )
    from bedside.estimators import MLPClassifier, MLPRegressor
    from bedside.evaluation.table import evaluate_table as evaluate
    from bedside.folder import Run, open_run
    from bedside.imputing import impute
    from bedside.models import FAMILIES
    from bedside.monitoring import monitor
    from bedside.permuted import null_of
    from bedside.report.html import write_report
    from bedside.robustness.stress import stress
    from bedside.run import train
    from bedside.sampling import sample
    from bedside.scoring import predict
    from bedside.settings import RunSettings
    from bedside.updating import recalibrate

__version__ = "0.1.0"

_PLACES = {
    "BedsideError": "errors",
    "Cohort": "cohort",
    "DataError": "errors",
    "Estimate": "cohort",
    "ExportError": "errors",
    "FAMILIES": "models",
    "Finding": "cohort",
    "Fold": "cohort",
    "LeakError": "errors",
    "MLPClassifier": "estimators",
    "MLPRegressor": "estimators",
    "Roles": "cohort",
    "Run": "folder",
    "RunError": "errors",
    "RunSettings": "settings",
    "SettingError": "errors",
    "StorageError": "errors",
    "Task": "cohort",
    "TrainingError": "errors",
    "check": "data.checks",
    "evaluate": "evaluation.table:evaluate_table",
    "impute": "imputing",
    "monitor": "monitoring",
    "null_of": "permuted",
    "open_run": "folder",
    "predict": "scoring",
    "read_cohort": "data",
    "recalibrate": "updating",
    "read_table": "data.table",
    "sample": "sampling",
    "stress": "robustness.stress",
    "train": "run",
    "write_report": "report.html",
}

__all__ = [
    "FAMILIES",
    "BedsideError",
    "Cohort",
    "DataError",
    "Estimate",
    "ExportError",
    "Finding",
    "Fold",
    "LeakError",
    "MLPClassifier",
    "MLPRegressor",
    "Roles",
    "Run",
    "RunError",
    "RunSettings",
    "SettingError",
    "StorageError",
    "Task",
    "TrainingError",
    "check",
    "evaluate",
    "impute",
    "monitor",
    "null_of",
    "open_run",
    "predict",
    "read_cohort",
    "read_table",
    "recalibrate",
    "sample",
    "stress",
    "train",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name == "learn":  # the course is a package of its own: bedside.learn.check("01.8", Net)
        return import_module("bedside.learn")
    if name not in _PLACES:
        raise AttributeError(f"module 'bedside' has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    value = getattr(import_module(f"bedside.{module}"), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
