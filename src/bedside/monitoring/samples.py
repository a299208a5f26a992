"""New samples as the members of a run see them, each dealt to one member as each known patient was."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.data.align import Aligned
from bedside.folder import Run
from bedside.scoring import read_new
from bedside.seeds import derive
from bedside.settings import DataSettings
from bedside.training.model import Model, load_model


@dataclass(frozen=True)
class NewSamples:
    """New samples, scored as those of predictions.csv are: by each member and its recalibration, (members, n, classes) or
    (members, n), with their distances (novelties, n) and the member of the first repeat that each patient was dealt to, (n,).

    `target` holds their outcomes as training names them, None or NaN where there is none; None if no column was named."""

    model: Model
    aligned: Aligned
    patients: np.ndarray
    target: np.ndarray | None
    scores: np.ndarray
    distances: np.ndarray
    dealt: np.ndarray


def scored(run: Run, source: Any, settings: DataSettings, seed: int) -> NewSamples:
    """Read and score new samples.

    Raises:
        DataError: if they cannot be read, lack the column of outcomes, or have some that the model does not predict.
        RunError: if the model is damaged.
    """
    model = load_model(run.path / "model", known=run.environment.get("model_sha256"))
    aligned = read_new(model, source, settings)
    target = None
    if settings.target is not None:
        target = aligned.outcomes(settings.target, model.task, settings.decimal)
    ids = aligned.samples.index.to_numpy(dtype=str)
    patients = ids
    if "patient" in aligned.samples:
        named = aligned.samples["patient"]
        patients = np.where(named.isna(), ids, named.astype(str).to_numpy())
    raw, distances = model.scores_and_distances(aligned.inputs)
    dealt = _deal(run, model, patients, seed)
    return NewSamples(model, aligned, patients, target, model.recalibrated(raw), distances, dealt)


def _deal(run: Run, model: Model, patients: np.ndarray, seed: int) -> np.ndarray:
    """The number of a fold of the first repeat for each sample, (n,), as often as patients of the run were tested in it."""
    codes = np.unique(patients, return_inverse=True)[1]
    rng = np.random.default_rng(derive(seed, 1))
    tested = run.predictions[(run.predictions["part"] == "test") & (run.predictions["repeat"] == 0)]
    sizes = tested.groupby("fold")["patient"].nunique().to_numpy(dtype=float)
    return rng.choice(len(sizes), size=int(codes.max()) + 1, p=sizes / sizes.sum())[codes]


def own_scores(new: NewSamples) -> np.ndarray:
    """Scores of each sample by the member it was dealt to, (n, classes) or (n,)."""
    first = new.dealt if len(new.scores) > 1 else np.zeros_like(new.dealt)
    own: np.ndarray = new.scores[first, np.arange(len(first))]
    return own


def not_alike(run: Run, model: Model) -> str:
    """Why scores of new patients would differ from those of test patients without any drift; empty if they would not."""
    if model.final == "refit":
        return "the final model was trained once more and has no test patients of its own"
    if run.settings.get("folds", {}).get("scheme") == "site":
        return "test patients were scored by models that had not seen their site"
    return ""
