"""The same network on the same folds by five ways of training it: seconds and AUROC, in one run on one machine.

Breast cancer (569 x 30), MLP 30-64-64-1 with ReLU, Adam at 0.001, 30 epochs, batches of 32, five folds by patient.
Every way standardises on its training samples, watches the validation samples in every epoch where its library can,
and scores the test samples; that is what is timed. Importing the libraries is not. The ways take turns, so that a
busy moment of the machine does not fall on one of them alone.

    python benchmarks/table.py [--rounds 5] [--threads 1]

Needs the `benchmarks` extra: pip install -c constraints.txt '.[benchmarks]'
"""

import argparse
import logging
import platform
import statistics
import time
import warnings
from collections.abc import Callable

import bedside._torchvision  # noqa: F401  # isort: skip  before Lightning, which imports torchvision
import lightning
import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from skorch import NeuralNetBinaryClassifier
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from bedside.cohort import Cohort, Fold
from bedside.data import read_cohort
from bedside.evaluation import evaluate
from bedside.settings import EvaluationSettings, RunSettings, build
from bedside.splits.folds import make_folds
from bedside.training.fits import FoldFit, train_folds
from ways import BATCH, EPOCHS, RATE, Arrays, by_hand, by_scikit_learn, network, one_by_one


def by_skorch(data: Arrays) -> np.ndarray:
    train_x, train_y, valid_x, valid_y, test_x = data
    net = NeuralNetBinaryClassifier(
        network,
        max_epochs=EPOCHS,
        batch_size=BATCH,
        lr=RATE,
        optimizer=torch.optim.Adam,
        iterator_train__shuffle=True,
        train_split=predefined_split(Dataset(valid_x, valid_y.astype(np.float32))),
        verbose=0,
    )
    return net.fit(train_x, train_y.astype(np.float32)).predict_proba(test_x)[:, 1]


class Module(lightning.LightningModule):
    """The same network for Lightning's Trainer."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.loss = network(), nn.BCEWithLogitsLoss()

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
        return self.loss(self.net(batch[0]).squeeze(1), batch[1])

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> None:
        self.log("valid_loss", self.loss(self.net(batch[0]).squeeze(1), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=RATE)


def by_lightning(data: Arrays) -> np.ndarray:
    train_x, train_y, valid_x, valid_y, test_x = (torch.tensor(part) for part in data)
    train = DataLoader(TensorDataset(train_x, train_y.float()), batch_size=BATCH, shuffle=True)
    valid = DataLoader(TensorDataset(valid_x, valid_y.float()), batch_size=BATCH)
    module = Module()
    trainer = lightning.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, train, valid)
    with torch.no_grad():
        return torch.sigmoid(module.net(test_x)).squeeze(1).numpy()


def by_bedside(cohort: Cohort, folds: list[Fold]) -> list[np.ndarray]:
    asked = {
        "model": {"hidden": [64, 64], "dropout": 0.0},
        "train": {
            "epochs": EPOCHS, "batch_size": BATCH, "learning_rate": RATE, "optimizer": "adam", "weight_decay": 0.0,
            "schedule": "constant", "clip_norm": None, "early_stopping": False,
        },
        "folds": {"scheme": "crossval"},
        "device": {"accelerator": "cpu"},
    }  # fmt: skip
    events = train_folds("mlp", cohort, folds, build(RunSettings, asked))
    fits = {event.fold.number: event.fitted for event in events if isinstance(event, FoldFit)}
    return [fits[fold.number].scores(cohort.inputs.take(fold.test))[:, 1] for fold in folds]


WAYS: dict[str, Callable[[Cohort, list[Fold]], list[np.ndarray]]] = {
    "DataLoader loop by hand": one_by_one(by_hand),
    "skorch": one_by_one(by_skorch),
    "Lightning Trainer": one_by_one(by_lightning),
    "scikit-learn MLPClassifier": one_by_one(by_scikit_learn),
    "bedside": by_bedside,
}


def interval(cohort: Cohort, folds: list[Fold], scores: list[np.ndarray]) -> str:
    """AUROC within folds, with its patient-resampled 95 % interval."""
    blocks = [
        pd.DataFrame(
            {
                "sample": cohort.samples.index[fold.test],
                "patient": cohort.patients[fold.test],
                "repeat": 0,
                "fold": fold.number,
                "part": "test",
                "target": cohort.samples["target"].to_numpy()[fold.test],
                "score_benign": 1 - score.astype(np.float64),
                "score_malignant": score.astype(np.float64),
            }
        )
        for fold, score in zip(folds, scores, strict=True)
    ]
    record = evaluate(pd.concat(blocks, ignore_index=True), cohort.task, EvaluationSettings(), seed=0)
    found = next(entry for entry in record["estimates"] if entry["metric"] == "auroc")
    return f"{found['value']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="torch threads of the other ways; by default torch's own choice")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  (what the other libraries draw from)

    cohort = read_cohort("breast-cancer")
    folds = make_folds(cohort, build(RunSettings, {"folds": {"scheme": "crossval"}}).folds, seed=0)
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    scores: dict[str, list[np.ndarray]] = {}
    for way in WAYS.values():
        way(cohort, folds[:1])  # warm-up
    for _ in range(options.rounds):
        for name, way in WAYS.items():
            start = time.perf_counter()
            scores[name] = way(cohort, folds)
            seconds[name].append(time.perf_counter() - start)

    base = statistics.median(seconds["DataLoader loop by hand"])
    print(
        f"{platform.machine()}, {torch.get_num_threads()} torch threads, torch {torch.__version__}, {options.rounds} rounds"
    )
    print(
        "\n| way | seconds, median (min to max) | times as fast | mean AUROC of the folds | pooled AUROC [95 % interval] |"
    )
    print("|---|---|---|---|---|")
    for name, values in seconds.items():
        middle = statistics.median(values)
        aucs = [roc_auc_score(cohort.target[fold.test], s) for fold, s in zip(folds, scores[name], strict=True)]
        print(
            f"| {name} | {middle:.2f} ({min(values):.2f} to {max(values):.2f}) | {base / middle:.1f} "
            f"| {np.mean(aucs):.4f} | {interval(cohort, folds, scores[name])} |"
        )


if __name__ == "__main__":
    main()
