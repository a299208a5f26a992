"""What is compared of a sample as a whole: its distance from training, its scores, its place in the latent space."""

from typing import Any

import numpy as np

from bedside.cohort import minus
from bedside.evaluation.discrepancy import discrepancy
from bedside.evaluation.drift import TOO_FEW
from bedside.evaluation.drift_verdict import column_record
from bedside.evaluation.histograms import counted, histogram
from bedside.folder import Run
from bedside.monitoring.samples import NewSamples, not_alike, own_scores
from bedside.reference import FOLDER
from bedside.seeds import derive, one_per_patient
from bedside.training.kept_vectors import KeptVectors, whole_patients

MOST_VECTORS = 1000  # new samples whose vectors are compared, of whole patients


def distance(run: Run, new: NewSamples, rows: np.ndarray) -> list[dict[str, Any]]:
    """Distance from training, against that of held-out samples."""
    name = "distance from training"
    if not new.model.novelties:
        return [not_compared(name, "the model keeps no distances")]
    if run.settings.get("folds", {}).get("scheme") == "site":
        return [not_compared(name, "held-out samples came from sites that the members had not seen")]
    usual = [float(np.median(novelty.held_out)) or 1.0 for novelty in new.model.novelties]
    known = np.concatenate([novelty.held_out / one for novelty, one in zip(new.model.novelties, usual, strict=True)])
    dealt = new.dealt[rows] % len(usual)
    found = new.distances[dealt, rows] / np.array(usual)[dealt]
    return [
        compared(name, known, found, "New patients lie at another distance from training than held-out ones did ({}).")
    ]


def scores(run: Run, new: NewSamples, rows: np.ndarray) -> list[dict[str, Any]]:
    """Scores, against those of the test patients of the first repeat."""
    task = new.model.task
    wanted = task.score_columns()[-1:] if task.kind != "multiclass" else task.score_columns()
    if why := not_alike(run, new.model):
        return [not_compared("score", why)]
    test = run.predictions[(run.predictions["part"] == "test") & (run.predictions["repeat"] == 0)]
    test = test.iloc[one_per_patient(test["patient"].to_numpy(), 0)]
    own = own_scores(new)
    records = []
    for name in wanted:
        column = own if task.kind == "regression" else own[:, task.score_columns().index(name)]
        what = "Predictions" if name == "predicted" else f"Scores of {name.removeprefix('score_')}"
        known = test[name].to_numpy(dtype=np.float64)
        records.append(compared(what.lower(), known, column[rows], f"{what} are distributed otherwise ({{}})."))
    return records


def latent(run: Run, new: NewSamples, seed: int) -> dict[str, Any]:
    """The cloud of new vectors, against the cloud of those that were kept."""
    kept = KeptVectors.load(run.path / FOLDER)
    if new.model.final == "refit":
        return not_compared("latent space", "the final model was trained once more on everybody")
    if kept is None or kept.member not in new.model.names:
        return not_compared("latent space", "the run keeps no vectors of its patients")
    codes = np.unique(new.patients, return_inverse=True)[1]
    rows = whole_patients(codes, MOST_VECTORS, derive(seed, 2))
    places = kept.place(new.model.members[new.model.names.index(kept.member)], new.aligned.inputs.take(rows))
    found = discrepancy(kept.places, places, kept.patients, codes[rows], seed=derive(seed, 3))
    name = "latent space" if kept.of == "latent" else "all columns together"
    record = {"name": name, "p": found.p, "value": found.value, "bandwidth": found.bandwidth, "why": found.why}
    counts = {"known_patients": found.known_patients, "new_patients": found.new_patients}
    sentence = f"In the {name} new patients lie elsewhere than known ones."
    words = found.why if found.value is None else minus(f"squared discrepancy {found.value:z.4f}")
    verdict = {"verdict": TOO_FEW} if found.p is None and found.why.startswith("fewer") else {}
    return {**record, **counts, "permutations": found.permutations, "words": words, "sentence": sentence, **verdict}


def compared(name: str, known: np.ndarray, new: np.ndarray, sentence: str) -> dict[str, Any]:
    """One number of known and new patients as a column of its own."""
    before = histogram(name, "number", known)
    record = column_record(before, counted(before, new))
    sizes = {"known_patients": len(known), "new_patients": len(new)}
    return {**record, **sizes, "sentence": sentence.format(record["words"])}


def not_compared(name: str, why: str) -> dict[str, Any]:
    return {"name": name, "p": None, "why": why, "words": why, "sentence": "", "known_patients": 0, "new_patients": 0}
