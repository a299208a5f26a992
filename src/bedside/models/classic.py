"""Classic machine learning from scikit-learn: the baselines that a network has to beat, and the null model."""

from typing import Any, Literal

from pydantic import Field

from bedside.cohort import Task
from bedside.settings import Settings


class LogisticSettings(Settings):
    C: float = Field(default=1.0, gt=0)
    """Inverse strength of the L2 penalty; smaller values shrink the coefficients more."""
    class_weights: Literal["none", "balanced"] = "none"
    """`balanced` weighs rare classes up; this spoils calibration."""


class RidgeSettings(Settings):
    alpha: float = Field(default=1.0, ge=0)
    """Strength of the L2 penalty."""


class ForestSettings(Settings):
    trees: int = Field(default=300, ge=1, le=100_000)
    """Number of trees."""
    leaf_samples: int = Field(default=5, ge=1)
    """Smallest number of training samples in a leaf; larger leaves give smoother probabilities."""
    depth: int | None = Field(default=None, ge=1)
    """Largest depth of a tree; by default unlimited."""


class BoostingSettings(Settings):
    trees: int = Field(default=100, ge=1, le=100_000)
    """Number of trees (per class)."""
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    """Share of each tree's correction that is kept."""
    leaf_samples: int = Field(default=20, ge=1)
    """Smallest number of training samples in a leaf."""
    leaves: int = Field(default=15, ge=2)
    """Largest number of leaves of a tree."""


class PrevalenceSettings(Settings):
    """Nothing to set."""


class SimplestSettings(Settings):
    """Nothing to set."""


def logistic(task: Task, settings: LogisticSettings, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    weights = None if settings.class_weights == "none" else "balanced"
    return LogisticRegression(C=settings.C, class_weight=weights, max_iter=5000, random_state=seed % 2**32)


def ridge(task: Task, settings: RidgeSettings, seed: int) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(alpha=settings.alpha)


def simplest(task: Task, settings: SimplestSettings, seed: int) -> Any:
    """The linear model of the task, as it stands."""
    return ridge(task, RidgeSettings(), seed) if task.kind == "regression" else logistic(task, LogisticSettings(), seed)


def forest(task: Task, settings: ForestSettings, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if task.kind == "regression" else RandomForestClassifier
    return kind(
        n_estimators=settings.trees,
        min_samples_leaf=settings.leaf_samples,
        max_depth=settings.depth,
        random_state=seed % 2**32,
    )


def boosting(task: Task, settings: BoostingSettings, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if task.kind == "regression" else HistGradientBoostingClassifier
    return kind(
        max_iter=settings.trees,
        learning_rate=settings.learning_rate,
        min_samples_leaf=settings.leaf_samples,
        max_leaf_nodes=settings.leaves,
        early_stopping=False,
        random_state=seed % 2**32,
    )


def prevalence(task: Task, settings: PrevalenceSettings, seed: int) -> Any:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    return DummyRegressor() if task.kind == "regression" else DummyClassifier(strategy="prior")
