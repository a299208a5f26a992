"""Ways of training the same network that several benchmarks share: breast cancer, MLP 30-64-64-1, 30 epochs."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from bedside.cohort import Cohort, Fold

EPOCHS, BATCH, RATE = 30, 32, 1e-3
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # train x y, valid x y, test x


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))


def arrays(cohort: Cohort, fold: Fold) -> Arrays:
    """Standardised on the training samples, 32-bit."""
    x, y = cohort.inputs.frame.to_numpy(dtype=np.float64), cohort.target
    scale = StandardScaler().fit(x[fold.train])
    train, valid, test = (scale.transform(x[rows]).astype(np.float32) for rows in (fold.train, fold.valid, fold.test))
    return train, y[fold.train], valid, y[fold.valid], test


def by_hand(data: Arrays) -> np.ndarray:
    """The loop of the course: TensorDataset, DataLoader, and a page of PyTorch."""
    train_x, train_y, valid_x, valid_y, test_x = (torch.tensor(part) for part in data)
    train = DataLoader(TensorDataset(train_x, train_y.float()), batch_size=BATCH, shuffle=True)
    valid = DataLoader(TensorDataset(valid_x, valid_y.float()), batch_size=BATCH)
    model, loss = network(), nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    history = []
    for _ in range(EPOCHS):
        model.train()
        train_loss = 0.0
        for x, y in train:
            logits = model(x).squeeze(1)
            value = loss(logits, y)
            value.backward()
            optimizer.step()
            optimizer.zero_grad()
            train_loss += value.item() * len(y)
        model.eval()
        valid_loss = 0.0
        with torch.no_grad():
            for x, y in valid:
                valid_loss += loss(model(x).squeeze(1), y).item() * len(y)
        history.append((train_loss / len(train_y), valid_loss / len(valid_y)))
    with torch.no_grad():
        return torch.sigmoid(model(test_x)).squeeze(1).numpy()


def by_scikit_learn(data: Arrays) -> np.ndarray:
    """scikit-learn's own network; it cannot watch validation samples that it is given."""
    train_x, train_y, _, _, test_x = data
    model = MLPClassifier((64, 64), batch_size=BATCH, learning_rate_init=RATE, alpha=0, max_iter=EPOCHS)
    return model.fit(train_x, train_y).predict_proba(test_x)[:, 1]


def one_by_one(way: Callable[[Arrays], np.ndarray]) -> Callable[[Cohort, list[Fold]], list[np.ndarray]]:
    return lambda cohort, folds: [way(arrays(cohort, fold)) for fold in folds]
