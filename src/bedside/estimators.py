"""bedside's network as scikit-learn estimators, for Pipeline, GridSearchCV and cross_val_score.

The same network, loop and losses as `bedside train`, on arrays that are already numbers. They keep scikit-learn's
contract, so preparation belongs into a Pipeline in front of them and honest testing around them.
"""

from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from bedside.cohort import Task
from bedside.models.losses import Batch, Supervised
from bedside.models.mlp import MLP, MLPSettings
from bedside.seeds import derive
from bedside.settings import DeviceSettings, TrainSettings, build
from bedside.splits.folds import validation_rows
from bedside.training.batches import TensorBatches, to_device
from bedside.training.fitted import network_scores
from bedside.training.hardware import make_fabric, threads_for
from bedside.training.isolated import isolated, own_random_numbers
from bedside.training.loop import fit, refuse_broken
from bedside.training.members import DROPOUT, JUDGED_AT_ONCE, ORDER, WEIGHTS


class _MLPEstimator(BaseEstimator):
    """What classifier and regressor share: parameters, the fit, the scores."""

    def __init__(
        self,
        hidden: tuple[int, ...] = (64, 64),
        activation: str = "relu",
        dropout: float = 0.0,
        normalisation: str = "none",
        epochs: int = 50,
        batch_size: int = 32,
        optimizer: str = "adamw",
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-4,
        schedule: str = "cosine",
        clip_norm: float | None = 1.0,
        early_stopping: bool = False,
        patience: int = 10,
        accelerator: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.normalisation = normalisation
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.clip_norm = clip_norm
        self.early_stopping = early_stopping
        self.patience = patience
        self.accelerator = accelerator
        self.random_state = random_state

    def _learn(self, x: np.ndarray, target: np.ndarray, weight: np.ndarray, groups: Any, task: Task) -> None:
        """Train on x (n, features), encoded targets (n,) and weights (n,); sets `network_`, `history_`, `n_iter_`."""
        layers = [name for name in MLPSettings.model_fields if hasattr(self, name)] if len(self.hidden) else ["hidden"]
        architecture = {name: getattr(self, name) for name in layers}
        training = {name: getattr(self, name) for name in TrainSettings.model_fields if hasattr(self, name)}
        if not self.early_stopping:
            training.pop("patience")
        settings = build(TrainSettings, training)
        seed = int(check_random_state(self.random_state).randint(2**31))
        rows = np.arange(len(x))
        valid = rows
        if self.early_stopping:
            valid = validation_rows(target, groups, task=task, seed=seed)
            rows = np.setdiff1d(rows, valid)
        with own_random_numbers(derive(seed, WEIGHTS)):
            network = MLP(x.shape[1], task.n_outputs, build(MLPSettings, architecture))
        device = build(DeviceSettings, {"accelerator": self.accelerator})
        work = self.batch_size * sum(parameter.numel() for parameter in network.parameters())
        fabric = make_fabric(device, work=work)
        order = torch.Generator().manual_seed(derive(seed, ORDER))
        train, judged = (to_device(_tensors(x, target, weight, part, task), fabric.device) for part in (rows, valid))
        batches = TensorBatches(*train, self.batch_size, [order]), TensorBatches(*judged, JUDGED_AT_ONCE)
        records = fit(fabric, network, *batches, Supervised(task), settings)
        threads = threads_for(device, work=work)
        self.history_ = []
        for record in isolated(records, seed=derive(seed, DROPOUT), threads=threads, device=fabric.device):
            losses = {"train_loss": float(record.train_loss[0]), "valid_loss": float(record.valid_loss[0])}
            self.history_.append({"epoch": record.epoch, **losses})
            if not self.early_stopping and record.epoch == self.epochs:
                break  # no validation samples: the last weights, not the best ones
        refuse_broken(network, settings)
        self.network_ = network
        self.n_iter_ = len(self.history_)
        self._task = task

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "network_")
        x = _single(validate_data(self, X, reset=False, dtype=np.float64))
        centre, scale = getattr(self, "centre_", 0.0), getattr(self, "scale_", 1.0)
        return network_scores(self.network_, x, self._task, centre, scale)


class MLPClassifier(ClassifierMixin, _MLPEstimator):
    """Multilayer perceptron that gives the probability of each class.

    Args:
        hidden: neurons in each hidden layer.
        activation: relu, tanh, sigmoid, gelu, leaky_relu or elu.
        dropout: share of neurons switched off at random in each training step, in 0..1.
        normalisation: none, batch or layer.
        epochs: passes over the training samples; an upper limit with `early_stopping`.
        batch_size: samples per step.
        optimizer: adam, adamw or sgd.
        learning_rate: step size at the start, or the peak of a one-cycle schedule.
        weight_decay: pull of the weights towards zero.
        schedule: constant, cosine or onecycle.
        clip_norm: largest norm of the gradient, or None.
        early_stopping: set a fifth of the samples aside (whole groups, if `fit` is given them), stop on their loss
            and keep the best epoch. Without it the last epoch is kept.
        patience: epochs without a lower loss before stopping.
        accelerator: cpu, cuda, mps or auto.
        class_weight: None, "balanced", or {class: weight}; anything but None spoils calibration.
        random_state: drives initial weights, batch order, dropout and the samples set aside.

    Attributes:
        classes_: class labels, shape (n_classes,).
        network_: the trained `torch.nn.Module`.
        history_: one record per epoch with train_loss and valid_loss.
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (64, 64),
        activation: str = "relu",
        dropout: float = 0.0,
        normalisation: str = "none",
        epochs: int = 50,
        batch_size: int = 32,
        optimizer: str = "adamw",
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-4,
        schedule: str = "cosine",
        clip_norm: float | None = 1.0,
        early_stopping: bool = False,
        patience: int = 10,
        accelerator: str = "cpu",
        class_weight: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            hidden, activation, dropout, normalisation, epochs, batch_size, optimizer, learning_rate, weight_decay,
            schedule, clip_norm, early_stopping, patience, accelerator, random_state,
        )  # fmt: skip
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Learn from numbers X (n, features) and labels y (n,); `groups` (n,) keeps patients together when stopping.

        Raises:
            ValueError: if X holds text, gaps or infinite values, or y one class only.
            SettingError: if a parameter is out of range.
            DataError: if `early_stopping` finds fewer than five groups of a class.
            TrainingError: if the weights are no longer numbers.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"MLPClassifier needs samples of at least 2 classes, but y holds one class: {self.classes_}"
            )
        names = tuple(str(label) for label in self.classes_)
        weight = np.ones(len(y))
        if self.class_weight is not None:
            weight = compute_class_weight(self.class_weight, classes=self.classes_, y=y)[codes]
        self._learn(_single(X), codes, weight, groups, Task("binary" if len(names) == 2 else "multiclass", names))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class in the order of `classes_`, shape (n, n_classes)."""
        return self._scores(X)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class, shape (n,)."""
        scores = self._scores(X)
        return np.asarray(self.classes_[scores.argmax(axis=1)])


class MLPRegressor(RegressorMixin, _MLPEstimator):
    """Multilayer perceptron that predicts a number; parameters as in `MLPClassifier`, without `class_weight`.

    The target is centred and scaled to variance 1 for training, and predictions are turned back into its unit.
    """

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Learn from numbers X (n, features) and numbers y (n,); `groups` (n,) keeps patients together when stopping.

        Raises:
            ValueError: if X or y holds text, gaps or infinite values.
            SettingError: if a parameter is out of range.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        y = column_or_1d(y, warn=True).astype(np.float64)
        self.centre_, self.scale_ = float(y.mean()), float(y.std()) or 1.0
        scaled = (y - self.centre_) / self.scale_
        self._learn(_single(X), scaled, np.ones(len(y)), groups, Task("regression"))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predicted number, shape (n,), in the unit of y."""
        return self._scores(X)


def _single(x: np.ndarray) -> np.ndarray:
    """64-bit features as the 32-bit numbers that networks compute with."""
    with np.errstate(over="ignore"):
        narrow = x.astype(np.float32)
    if not np.isfinite(narrow).all():
        raise ValueError("X holds a value too large for 32-bit numbers; scale it first, such as with StandardScaler.")
    return narrow


def _tensors(x: np.ndarray, target: np.ndarray, weight: np.ndarray, rows: np.ndarray, task: Task) -> Batch:
    kind = torch.long if task.kind == "multiclass" else torch.float32
    return (
        torch.from_numpy(x[rows]),
        torch.from_numpy(target[rows]).to(kind),
        torch.from_numpy(weight[rows].astype(np.float32)),
    )
