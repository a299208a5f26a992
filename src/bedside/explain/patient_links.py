"""What a graph of patients adds: whom a patient is linked to, whether linked patients fare alike, and what is lost in silence.

In silence the links are there and nothing is said along them. The network learned with messages, so what it loses shows how
much it relies on them; a network that learned without them may do as well (`--grid model.neighbours=0,10` asks for that).
"""

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from bedside.cohort import Estimate, minus
from bedside.evaluation import panels
from bedside.evaluation.intervals import Panel, percentile, resample
from bedside.evaluation.metrics import HEADLINE
from bedside.explain.columns import Part, TableScene
from bedside.explain.importance import headline


@dataclass(frozen=True)
class Linked:
    """Of every test sample: rows of the cohort that it is linked to, (n, k), the share that each has in its message, (n, k), and
    its scores with messages and without, (n, outputs)."""

    rows: np.ndarray
    shares: np.ndarray
    scores: np.ndarray
    silent: np.ndarray


def linked(scene: TableScene) -> Linked | None:
    """Links of the samples by the members that tested them; None for a model without links."""
    networks: list[Any] = [getattr(part.fitted, "network", None) for part in scene.parts]
    if not networks or not all(getattr(network, "links", 0) for network in networks):
        return None
    n, k, width = len(scene.table), int(networks[0].links), max(1, len(scene.task.classes))
    found = Linked(np.full((n, k), -1), np.zeros((n, k)), np.zeros((n, width)), np.zeros((n, width)))
    for part in scene.parts:
        near, shares = _links(part)
        found.rows[part.places] = scene.train[part.name][near]
        found.shares[part.places] = shares
        found.scores[part.places] = part.scores(part.x)
        found.silent[part.places] = _in_silence(part).scores(part.x)
    return found


def measure(
    scene: TableScene, found: Linked, places: np.ndarray, *, resamples: int, level: float, seed: int
) -> dict[str, Any]:
    """What columns.json says of links: `estimate` of what is lost in silence, how far scores move, and how alike linked
    patients fare, with the sentences of the report.

    Args:
        places: rows of the test table that are measured.
        resamples: draws of patients.
        level: coverage of the interval.
    """
    estimate = _lost(scene, found, places, resamples=resamples, level=level, seed=seed)
    chosen = scene.output[places]
    moved = np.abs(found.scores[places, chosen] - found.silent[places, chosen])
    shares = found.shares[places]
    record = {
        "neighbours": found.rows.shape[1],
        "reached": float(np.mean(1 / np.maximum((shares**2).sum(axis=1), 1 / shares.shape[1]))),
        "estimate": estimate.to_dict(),
        "moved": float(moved.mean()),
        "alike": _alike(scene, found, places),
    }
    return {**record, "sentences": _sentences(record, estimate, scene)}


def links_table(scene: TableScene, found: Linked, shown: pd.DataFrame) -> pd.DataFrame:
    """links.csv: a row for each link of the samples that are shown, the strongest first. It names training patients."""
    samples, rows = scene.cohort.samples, []
    for row in sorted(int(str(place)) for place in shown.index):
        sample, column = scene.table.iloc[row], scene.output[row]
        head = {name: sample[name] for name in ("sample", "patient", "repeat", "fold")}
        head |= {"score": found.scores[row, column], "silent": found.silent[row, column]}
        for place in np.argsort(-found.shares[row], kind="stable"):
            known = int(found.rows[row, place])
            other = {f"linked_{name}": samples[name].iloc[known] for name in ("patient", "target")}
            rows.append({**head, "linked_sample": samples.index[known], **other, "share": found.shares[row, place]})
    names = [
        *("sample", "patient", "repeat", "fold", "score", "silent"),
        *("linked_sample", "linked_patient", "linked_target", "share"),
    ]
    return pd.DataFrame(rows, columns=names)


@torch.no_grad()
def _links(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training samples of a member that its test samples are linked to, and their shares in messages."""
    network = copy.deepcopy(part.fitted.network).cpu().double().eval()
    pieces = torch.from_numpy(np.ascontiguousarray(part.x)).double().split(network.at_once)
    found = [network.linked(some) for some in pieces]
    near = torch.cat([one for one, _ in found]).numpy()
    weight = torch.cat([one for _, one in found]).numpy()
    return near, weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)


def _in_silence(part: Part) -> Part:
    network = copy.deepcopy(part.fitted.network)
    network.silent = True
    return replace(part, fitted=replace(_bare(part.fitted), network=network))


def _bare(fitted: Any) -> Any:
    """A member before recalibration, which explanations of tables are about."""
    return getattr(fitted, "member", fitted)


def _lost(scene: TableScene, found: Linked, places: np.ndarray, *, resamples: int, level: float, seed: int) -> Estimate:
    """AUROC or R2 with messages minus that without, on the same resampled patients."""
    rows, patients = scene.table.iloc[places], np.unique(scene.patients[places], return_inverse=True)[1]
    n_patients = int(patients.max()) + 1
    of = headline(scene.task, rows)
    wanted = [of(found.scores[places]), of(found.silent[places])]
    panel = Panel(wanted, patients, n_patients)
    values = panel(np.ones((1, n_patients)))[0]
    name, used = f"{HEADLINE[scene.task.kind]}_loss", wanted[0].samples
    n = (panel.patients_in(used), int(used.sum()))
    if not np.isfinite(values).all():
        return Estimate(name, None, None, None, level, *n, f"not defined: {wanted[0].undefined}")
    draws = resample(panel, panels.presence(rows, scene.task, patients), resamples=resamples, seed=seed)
    low, high, method = percentile(draws[:, 0] - draws[:, 1], level=level, n_patients=n_patients)
    return Estimate(name, float(values[0] - values[1]), low, high, level, *n, method)


def _alike(scene: TableScene, found: Linked, places: np.ndarray) -> dict[str, float] | None:
    """How alike linked patients fare: the share of links to the same class, weighed by strength, beside what links drawn by
    chance would have; for numbers the correlation with the mean of the neighbours."""
    target, shares = scene.cohort.target, found.shares[places]
    own, theirs = target[scene.rows[places]], target[found.rows[places]]
    if scene.task.kind == "regression":
        mean = (theirs * shares).sum(axis=1)
        if own.std() == 0 or mean.std() == 0:
            return None
        return {"correlation": float(np.corrcoef(own, mean)[0, 1])}
    same = ((theirs == own[:, None]) * shares).sum(axis=1)
    chance = np.bincount(target, minlength=len(scene.task.classes)) / len(target)
    return {"same": float(same.mean()), "chance": float(chance[own].mean())}


def _sentences(record: dict[str, Any], estimate: Estimate, scene: TableScene) -> list[str]:
    alike, kind = record["alike"], scene.task.kind
    metric = "R2" if kind == "regression" else "AUROC"
    said = []
    if alike and "same" in alike:
        said.append(
            f"Linked patients had the same class in {alike['same']:.0%} (weighed by the strength of the links); among patients "
            f"drawn by chance it would be {alike['chance']:.0%}."
        )
    elif alike:
        said.append(
            f"The correlation of a patient's own number with the mean of those of the linked patients is {alike['correlation']:.2f}."
        )
    if estimate.value is None or estimate.low is None or estimate.high is None:
        said.append("Too few patients to tell what the messages add.")
        return [minus(one) for one in said]
    verdict = "is not shown to rely on the messages"
    if estimate.low > 0:
        verdict = "relies on the messages"
    elif estimate.high < 0:
        verdict = "does better without the messages"
    said.append(
        f"The network {verdict}: in silence, and else as it is, its {metric} is lower by {estimate.value:.3f} "
        f"[{estimate.low:.3f}, {estimate.high:.3f}]; the score of a sample moves by {record['moved']:.3g} on average."
    )
    said.append(
        "Whether a graph is worth it is another question, because a network that never had one may do as well: "
        "--grid model.neighbours=0,10 compares both."
    )
    return [minus(one) for one in said]
