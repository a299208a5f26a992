"""The stage of a run: every fold draws its synthetic cohort, the tests hold it against real patients, and all is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Fold
from bedside.fold_parts import Way
from bedside.folder import Run, whole_folder, write_json, write_table
from bedside.models import family_named
from bedside.models.suited import KEEPS_FEWER
from bedside.seeds import derive
from bedside.settings import RunSettings
from bedside.synthesis import images, likeness, membership, nearest, tables
from bedside.synthesis.usefulness import usefulness
from bedside.synthesis.verdicts import verdicts

FOLDER = "synthetic"
KINDS: dict[str, Any] = {"table": tables, "image": images}
SHOWN = 300  # synthetic samples in samples.csv
FEWEST = 10  # test samples of a fold below which it is not judged
_PLACE = 0xD5  # of the seeds of this stage


@dataclass(frozen=True)
class Drawn:
    """What one fold drew: classes (n,) as frequent as among its training samples, and inputs."""

    fold: Fold
    member: Any
    label: np.ndarray
    inputs: Any


def wanted(cohort: Cohort, settings: RunSettings) -> bool:
    """Whether the family draws samples of this kind."""
    return family_named(str(settings.family)).generates and cohort.inputs.kind in KINDS


def synthesis_steps(
    run: Run, cohort: Cohort, folds: Sequence[Fold], members: Sequence[Any], settings: RunSettings, way: Way
) -> Iterator[Any]:
    """Write synthetic/ into the run folder, whole or not at all.

    Args:
        run: the run, with predictions.
        cohort: what it was trained and tested on.
        folds: of the run; those of the first repeat are judged.
        members: what each fold trained, in the order of the folds.
        settings: of the run.

    Yields:
        Events of fitting the baseline family on synthetic samples.
    """
    kind, seed, level = KINDS[cohort.inputs.kind], derive(settings.seed, _PLACE), settings.evaluation.level
    pairs = [pair for pair in zip(folds, members, strict=True) if pair[0].repeat == folds[0].repeat]
    most = None if kind.MOST is None else max(2, kind.MOST // len(pairs))
    made = [_draw(cohort, fold, member, most, derive(seed, k)) for k, (fold, member) in enumerate(pairs)]
    cohort = kind.seen(cohort, [member for _, member in pairs])
    fewer = [
        replace(one.fold, train=_some(cohort, one.fold.train, most, derive(seed, 98, k))) for k, one in enumerate(made)
    ]
    useful = yield from usefulness(run, cohort, settings, kind, fewer, [(one.label, one.inputs) for one in made], way)
    judged = [one for one in made if len(one.fold.test) >= FEWEST]
    record: dict[str, Any] = {
        "kind": cohort.inputs.kind,
        "family": settings.family,
        "folds": len(made),
        "level": level,
        "drawn": {name: int(sum((one.label == k).sum() for one in made)) for k, name in enumerate(cohort.task.classes)},
        "usefulness": useful,
        "learned_from": int(sum(len(one.fold.train) for one in made)),
        **_against_patients(judged, cohort, kind, derive(seed, 99), level, most),
        **_against_columns(judged, cohort, kind),
    }
    distances = record.pop("distances")
    record["verdicts"] = verdicts(record)
    with whole_folder(run.path / FOLDER) as folder:
        write_table(folder / "samples.csv", shown(made, cohort, kind, SHOWN, folder))
        first, learned = made[0], made[0].fold.train
        kind.beside_nearest(
            folder, first.label, first.inputs, cohort.target[learned], cohort.inputs.take(learned),
            keep=settings.reference.keep not in KEEPS_FEWER,
        )  # fmt: skip
        if distances is not None:
            write_table(folder / "distances.csv", distances)
        write_json(folder / "tests.json", record)


def _some(cohort: Cohort, rows: np.ndarray, most: int | None, seed: int) -> np.ndarray:
    """At most so many rows, with classes as frequent as among all of them."""
    if most is None or len(rows) <= most:
        return rows
    mixed = np.random.default_rng(seed).permutation(rows)
    mixed = mixed[np.argsort(cohort.target[mixed], kind="stable")]
    return np.sort(mixed[np.linspace(0, len(mixed) - 1, most).round().astype(int)])


def _draw(cohort: Cohort, fold: Fold, member: Any, most: int | None, seed: int) -> Drawn:
    from bedside.training.drawn import drawn

    label = np.sort(cohort.target[_some(cohort, fold.train, most, seed)])
    return Drawn(fold, member, label, drawn(member, label, seed, cohort.inputs.features))


def _against_patients(
    made: list[Drawn], cohort: Cohort, kind: Any, seed: int, level: float, most: int | None = None
) -> dict[str, Any]:
    """Copies and membership, from distances between synthetic and real samples and from the models' bounds."""
    from bedside.training.drawn import evidence

    if not made:
        return {"copying": None, "membership": None, "distances": None}
    neighbours, attacked = [], []
    for k, one in enumerate(made):
        train, test = _alike(cohort, one.fold, derive(seed, k), most)
        place, columns = kind.place_of(cohort.inputs.take(np.concatenate([train, test])))  # as near to either side
        synthetic = place(one.inputs)
        real = {name: place(cohort.inputs.take(rows)) for name, rows in (("train", train), ("test", test))}
        every = place(cohort.inputs.take(one.fold.train))
        found = _neighbours(cohort, one, train, test, synthetic, real, every, columns)
        neighbours.append(found)
        rows = np.concatenate([train, test])
        own = cohort.target[rows]
        far = np.concatenate(
            [
                _within(cohort.target[part], one.label, real[name], synthetic, columns)
                for name, part in (("train", train), ("test", test))
            ]
        )
        bounds = evidence(one.member, cohort.inputs.take(rows))
        attacked.append(
            pd.DataFrame(
                {
                    "member": np.arange(len(rows)) < len(train),
                    "samples": -far,
                    "model": bounds[np.arange(len(rows)), own],
                    "fold": k,
                    "patient": cohort.patients[rows],
                }
            )
        )
    table = pd.concat(attacked, ignore_index=True)
    given = (table["fold"].to_numpy(), pd.factorize(table["patient"])[0])
    attacks = {
        name: membership.attack(
            table["member"].to_numpy(dtype=bool), table[name].to_numpy(), *given, how, level
        ).to_dict()
        for name, how in membership.ATTACKERS.items()
    }
    distances = pd.concat([found.table(one.fold.name) for found, one in zip(neighbours, made, strict=True)])
    return {"copying": nearest.copying(neighbours, level), "membership": attacks, "distances": distances}


def _alike(cohort: Cohort, fold: Fold, seed: int, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """As many training as test samples of each class, drawn at random where there are more, at most so many of both together."""
    rng = np.random.default_rng(seed)
    fold = replace(fold, test=_some(cohort, fold.test, None if most is None else max(1, most // 2), seed))
    sides: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for label in range(len(cohort.task.classes)):
        own = [rows[cohort.target[rows] == label] for rows in (fold.train, fold.test)]
        fewest = min(map(len, own))
        for side, rows in zip(sides, own, strict=True):
            side.append(np.sort(rng.permutation(rows)[:fewest]))
    return np.concatenate(sides[0]), np.concatenate(sides[1])


def _within(label: np.ndarray, other: np.ndarray, places: np.ndarray, among: np.ndarray, columns: int) -> np.ndarray:
    """Distance of each sample to the nearest other one of its own class, (n,)."""
    found = np.full(len(label), np.inf)
    for own in np.unique(label):
        found[label == own] = nearest.nearest(places[label == own], among[other == own], columns)[0]
    return found


def _neighbours(
    cohort: Cohort,
    one: Drawn,
    train: np.ndarray,
    test: np.ndarray,
    synthetic: np.ndarray,
    real: dict[str, np.ndarray],
    every: np.ndarray,
    columns: int,
) -> nearest.Neighbours:
    """Distances of a fold; `train` and `test` are as many of each class, `every` are all training samples."""
    target, patients = cohort.target, cohort.patients
    closer, patient = np.full(len(one.label), 0.5), np.full(len(one.label), "", dtype=object)
    for label in np.unique(target[test]):
        rows = one.label == label
        sides = [
            (nearest.nearest(synthetic[rows], real[name][target[part] == label], columns), part[target[part] == label])
            for name, part in (("train", train), ("test", test))
        ]
        (learned, near), learned_rows = sides[0]
        (held, other), held_rows = sides[1]
        closer[rows] = np.where(learned < held, 1.0, np.where(learned > held, 0.0, 0.5))
        patient[rows] = np.where(learned <= held, patients[learned_rows[near]], patients[held_rows[other]])
    known = np.isin(one.label, np.unique(target[test]))
    return nearest.Neighbours(
        _within(one.label, target[one.fold.train], synthetic, every, columns),
        _within(target[test], target[one.fold.train], real["test"], every, columns),
        closer[known],
        patient[known].astype(str),
    )


def _against_columns(made: list[Drawn], cohort: Cohort, kind: Any) -> dict[str, Any]:
    """Columns by themselves and in pairs."""
    if not made:
        return {"columns": [], "pairs": None, "histograms": []}
    folds = [(one.inputs, cohort.inputs.take(one.fold.train), cohort.inputs.take(one.fold.test)) for one in made]
    rows = likeness.by_column(kind, folds)
    return {"columns": rows, "pairs": likeness.pairs(kind, folds), "histograms": likeness.histograms(kind, folds, rows)}


def shown(made: list[Drawn], cohort: Cohort, kind: Any, most: int, folder: Path | None = None) -> pd.DataFrame:
    """samples.csv: synthetic samples of all folds in turn, each marked as synthetic, with its class and its values or its file,
    which is written into `folder`."""
    each = -(-most // len(made))
    parts, labels = [], []
    for one in made:
        rows = np.unique(np.linspace(0, len(one.label) - 1, min(each, len(one.label))).round().astype(int))
        parts.append(one.inputs.take(rows))
        labels.append(one.label[rows])
    return table_of(kind, kind.joined(parts), np.concatenate(labels), cohort.task.classes, cohort.roles.target, folder)


def table_of(
    kind: Any, inputs: Any, label: np.ndarray, classes: Sequence[str], target: str, folder: Path | None = None
) -> pd.DataFrame:
    """A table of synthetic samples: their names, the mark that they are synthetic, the class, and what they are."""
    names = [f"synthetic-{k + 1:04d}" for k in range(len(label))]
    values = kind.written(inputs, names, folder)
    head = pd.DataFrame(
        {
            "sample": names,
            "synthetic": "yes",
            target: np.array(classes, dtype=object)[label],
        }
    )
    return pd.concat([head, values.reset_index(drop=True).drop(columns=list(head.columns), errors="ignore")], axis=1)
