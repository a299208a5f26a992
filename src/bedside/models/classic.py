"""Classic machine learning from scikit-learn: the baselines that a network has to beat, and the null model."""

from typing import Any, Literal

from pydantic import Field

from bedside.cohort import Task
from bedside.settings import Settings


class LogisticSettings(Settings):
    C: float = Field(default=1.0, gt=0)
    """How freely coefficients may grow; smaller values hold them closer to zero (inverse strength of the L2 penalty)."""
    class_weights: Literal["none", "balanced"] = "none"
    """Whether mistakes in rare classes count more (`balanced`); the probabilities are then no longer right as they stand."""


class RidgeSettings(Settings):
    alpha: float = Field(default=1.0, ge=0)
    """How strongly coefficients are held close to zero (L2 penalty)."""


class ForestSettings(Settings):
    trees: int = Field(default=300, ge=1, le=100_000)
    """Number of decision trees whose answers are averaged."""
    leaf_samples: int = Field(default=5, ge=1)
    """Fewest training samples that a tree may decide by; more give smoother probabilities."""
    depth: int | None = Field(default=None, ge=1)
    """Most questions that a tree may ask in a row; by default as many as it likes."""


class FingerprintForestSettings(Settings):
    trees: int = Field(default=300, ge=1, le=100_000)
    """Number of decision trees whose answers are averaged."""
    leaf_samples: int = Field(default=1, ge=1)
    """Fewest training samples that a tree may decide by; more give smoother probabilities."""


class BoostingSettings(Settings):
    trees: int = Field(default=100, ge=1, le=100_000)
    """Number of decision trees, each of which corrects those before (per class)."""
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    """Share of each tree's correction that is kept; smaller needs more trees."""
    leaf_samples: int = Field(default=20, ge=1)
    """Fewest training samples that a tree may decide by."""
    leaves: int = Field(default=15, ge=2)
    """Most different answers that one tree may give."""


class PrevalenceSettings(Settings):
    """Nothing to set."""


class SimplestSettings(Settings):
    """Nothing to set."""


class NearestSettings(Settings):
    neighbours: int = Field(default=1, ge=1, le=100_000)
    """Training recordings that decide together; 1 gives no probabilities between 0 and 1."""


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


def fingerprint_forest(task: Task, settings: FingerprintForestSettings, seed: int) -> Any:
    """Trees that ask which fragments a molecule has."""
    return forest(task, ForestSettings(trees=settings.trees, leaf_samples=settings.leaf_samples), seed)


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


def nearest_signal(task: Task, settings: NearestSettings, seed: int) -> Any:
    """The training recordings at the smallest Euclidean distance, all points and channels alike; its file holds them all.

    A recording that ended before the longest one counts as 0 from there on, which is the mean of its channel if it was scaled.

    Source: Dau et al. 2019, doi:10.1109/JAS.2019.1911747 (what results on recordings are usually compared with).
    """
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    kind = KNeighborsRegressor if task.kind == "regression" else KNeighborsClassifier
    return kind(n_neighbors=settings.neighbours, algorithm="brute")
