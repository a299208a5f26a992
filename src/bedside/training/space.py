"""How far a vector lies from those of training: the Mahalanobis distance, from means and covariances alone.

What is kept are a mean, the main directions and how much the training samples vary along each; no vector of a single
sample can be told from them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from safetensors.numpy import load_file, save

from bedside.errors import RunError

DIRECTIONS = 50  # along which variances are kept one by one; what is left has one in common
FLOOR = 1e-3  # smallest variance, as a share of the mean one: what never varied in training must not decide alone


@dataclass(frozen=True)
class Space:
    """Centre and spread of the training vectors of one member, (d,) each scaled to variance 1 before anything else.

    A vector's place is its coordinates along the main directions (q,), then the length of what they do not explain.
    """

    mean: np.ndarray  # (d,)
    scale: np.ndarray  # (d,)
    directions: np.ndarray  # (q, d), orthonormal
    spread: np.ndarray  # (q + 1,), standard deviations of coordinates, then of the rest per remaining dimension

    @classmethod
    def of(cls, vectors: np.ndarray) -> Self:
        """The space of training vectors (n, d)."""
        vectors = vectors.astype(np.float64)
        mean, scale = vectors.mean(axis=0), vectors.std(axis=0)
        scale[scale < 1e-9 * max(1.0, float(np.abs(mean).max()))] = 1.0
        _, singular, directions = np.linalg.svd((vectors - mean) / scale, full_matrices=False)
        variances = singular**2 / max(1, len(vectors) - 1)
        floor = FLOOR * max(float(variances.sum()) / vectors.shape[1], 1e-12)
        q, d = min(DIRECTIONS, len(variances)), vectors.shape[1]
        rest = float(variances[q:].sum()) / (d - q) if d > q else 0.0
        spread = np.sqrt(np.maximum(np.append(variances[:q], rest), floor))
        kept = (np.asarray(part, dtype=np.float32) for part in (mean, scale, directions[:q], spread))
        return cls(*kept)

    def place(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (n, d) -> coordinates along the main directions and the length of the rest, (n, q + 1)."""
        standard = (vectors.astype(np.float64) - self.mean) / self.scale
        along = standard @ self.directions.T.astype(np.float64)
        rest = np.maximum((standard**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        return np.column_stack([along, np.sqrt(rest)])

    def distances(self, vectors: np.ndarray) -> np.ndarray:
        """Mahalanobis distance of vectors (n, d) from the mean of training, (n,)."""
        length: np.ndarray = np.sqrt(((self.place(vectors) / self.spread) ** 2).sum(axis=1))
        return length

    def tensors(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean, "scale": self.scale, "directions": self.directions, "spread": self.spread}


def write_tensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    path.write_bytes(save({name: np.ascontiguousarray(value) for name, value in tensors.items()}))


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """What `write_tensors` wrote.

    Raises:
        RunError: if the file is missing or damaged.
    """
    try:
        return dict(load_file(path))
    except Exception as error:
        raise RunError(f"{path} cannot be read ({type(error).__name__}: {error}); the file is damaged.") from None
