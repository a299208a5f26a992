"""Which atoms a network for molecules read, whether that can be believed, and how it arranges the molecules.

Reads:  a run folder and the networks that were tested in it.
Gives:  explanations/ in the run folder: drawings, tables and verdicts as plain files, which the report reads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Task
from bedside.explain import sanity
from bedside.explain.array_sight import tensor
from bedside.explain.atoms import AtomSight, correlations, deletion, maps, method_for, occlude, sights_of
from bedside.explain.choose import FOLDER, for_checks, gallery, sample_table, tested_by
from bedside.explain.latent import choose_space, lay_out
from bedside.explain.molecule_drawing import draw
from bedside.explain.trace_drawing import AGAINST, FOR, PAPER
from bedside.explain.traces import what
from bedside.folder import Run, whole_folder, write_json, write_table
from bedside.seeds import derive
from bedside.settings import RunSettings

CHECKED = 24  # test samples that the method is checked on
DRAWS = 2  # networks with random weights
_PLACE = 0xE4  # of the seeds of this stage


@dataclass(frozen=True)
class _Found:
    """What is known of some samples, in their order; maps of (n, places)."""

    maps: np.ndarray
    occlusions: np.ndarray
    table: pd.DataFrame  # deletion, randomised, agreement; index: row of the test table


def explain_molecules(
    run: Run, cohort: Cohort, settings: RunSettings, members: Mapping[str, Any]
) -> Iterator[tuple[int, int]]:
    """Write explanations/ into the run folder, whole or not at all.

    Args:
        run: a run with predictions and estimates.
        cohort: the molecules it was trained and tested on.
        settings: of the run; `explain` says how many samples, and by which method.
        members: as for images, see `explain_run`.

    Yields:
        Steps done and steps in all, as the work goes on.

    Raises:
        RunError: if the member of a fold is missing.
        SettingError: if the method is for images.
    """
    method, seed = method_for(settings.explain.method), derive(settings.seed, _PLACE)
    test, names = tested_by(run, cohort.task, members)
    sights = sights_of([(name, members[name]) for name in dict.fromkeys(names.sort_values())], cohort.task)
    shown = gallery(test, cohort.task, settings.explain.samples)
    checked = for_checks(test, cohort.task, CHECKED, derive(seed, 1)) if settings.explain.samples else shown
    wanted = test.loc[sorted({*shown.index, *checked.index})]
    parts: list[_Found] = []
    asked = [(place, name) for place, name in enumerate(sights) if (names[wanted.index] == name).any()]
    for place, name in asked:
        rows = wanted[names[wanted.index] == name]
        parts.append(_look(sights[name], cohort, rows, method, derive(seed, 2, place)))
        yield len(parts), len(asked) + 1
    with whole_folder(run.path / FOLDER) as folder:
        _write_gallery(folder, cohort, shown, parts, method)
        write_json(folder / "sanity.json", _verdict(cohort.task, method, checked, parts, members, seed))
        space, inside, note = choose_space(test, sights, names)
        latent = lay_out(sights[space], cohort, inside, note, derive(seed, 3))
        if latent is not None:
            write_table(folder / "latent.csv", latent.table)
            write_json(folder / "latent.json", latent.record)
    yield len(asked) + 1, len(asked) + 1


def _look(sight: AtomSight, cohort: Cohort, rows: pd.DataFrame, method: str, seed: int) -> _Found:
    """Maps and numbers of the samples of one member."""
    outputs = rows["shown"].to_numpy(dtype=np.int64, copy=True)
    prepared = sight.preparation(cohort.inputs.take(cohort.samples.index.get_indexer(pd.Index(rows["sample"]))))
    occlusions = occlude(sight, prepared, outputs)
    found = occlusions if method == "occlusion" else maps(method, sight, prepared, outputs)
    table = pd.DataFrame(index=rows.index)
    table["deletion"] = deletion(sight, prepared, found, outputs, derive(seed, 0))
    table["randomised"] = _randomised(sight, method, prepared, outputs, found, seed)
    table["agreement"] = np.nan if method == "occlusion" else correlations(found, occlusions, prepared)
    return _Found(found, occlusions, table)


def _randomised(
    sight: AtomSight, method: str, prepared: np.ndarray, outputs: np.ndarray, found: np.ndarray, seed: int
) -> np.ndarray:
    """Absolute rank correlation of each map with the maps of networks with random weights, their mean, (n,)."""
    others = []
    for number in range(DRAWS):
        blank = sight.with_network(sanity.random_copy(sight.network, tensor(prepared), derive(seed, 1, number)))
        others.append(np.abs(correlations(found, maps(method, blank, prepared, outputs), prepared)))
    return np.asarray(np.mean(others, axis=0))


def _write_gallery(folder: Path, cohort: Cohort, shown: pd.DataFrame, parts: list[_Found], method: str) -> None:
    """samples.csv and two drawings of each sample: the molecule with the evidence of each method behind its atoms."""
    places = {row: (part, k) for part in parts for k, row in enumerate(part.table.index)}
    numbers = [places[row][0].table.loc[row] for row in shown.index]
    kinds = ("occlusion",) if method == "occlusion" else ("map", "occlusion")
    table = sample_table(shown, cohort, numbers, dict.fromkeys(kinds, ".svg"))
    for record, row in zip(table.to_dict("records"), shown.index, strict=True):
        part, k = places[row]
        molecule = cohort.inputs.molecules[cohort.samples.index.get_loc(record["sample"])]
        for kind in kinds:
            evidence = (part.occlusions if kind == "occlusion" else part.maps)[k]
            draw(folder / record[kind], molecule.smiles, evidence[: len(molecule)])
    write_table(folder / "samples.csv", table)


def _verdict(
    task: Task, method: str, checked: pd.DataFrame, parts: list[_Found], members: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    """sanity.json; see `sanity.verdict`."""
    looked = pd.concat([part.table for part in parts]) if parts else None
    facts = sanity.verdict(task, looked, checked, derive(seed, 4), refit=list(members) == ["everything"])
    return {"method": method, **facts, "what": what(task), "colours": [AGAINST, PAPER, FOR]}
