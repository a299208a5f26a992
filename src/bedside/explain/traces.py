"""What a network for recordings listened to, whether that can be believed, and how it arranges the recordings.

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
from bedside.explain import truth as known
from bedside.explain.attribution import ERROR
from bedside.explain.choose import FOLDER, for_checks, gallery, sample_table, tested_by
from bedside.explain.latent import choose_space, lay_out
from bedside.explain.trace_drawing import AGAINST, FOR, PAPER, draw
from bedside.explain.trace_maps import CELLS, deletion, maps, method_for, occlude
from bedside.explain.trace_sight import Cells, TraceSight, sights_of, tensor
from bedside.explain.trace_truth import TraceEye
from bedside.folder import Run, whole_folder, write_json, write_table
from bedside.seeds import derive
from bedside.settings import RunSettings

CHECKED = 24  # test samples that the method is checked on
DRAWS = 2  # networks with random weights
_PLACE = 0xE3  # of the seeds of this stage


@dataclass(frozen=True)
class _Found:
    """What is known of some samples, in their order; maps of (n, channels, cells)."""

    maps: np.ndarray
    occlusions: np.ndarray
    lengths: np.ndarray  # time points that the network read of each, (n,)
    table: pd.DataFrame  # deletion, randomised, agreement; index: row of the test table


def explain_traces(
    run: Run, cohort: Cohort, settings: RunSettings, members: Mapping[str, Any]
) -> Iterator[tuple[int, int]]:
    """Write explanations/ into the run folder, whole or not at all.

    Args:
        run: a run with predictions and estimates.
        cohort: the recordings it was trained and tested on.
        settings: of the run; `explain` says how many samples, and by which method.
        members: as for images, see `explain_run`.

    Yields:
        Steps done and steps in all, as the work goes on.

    Raises:
        RunError: if the member of a fold is missing.
        SettingError: if the method is for images.
    """
    seed = derive(settings.seed, _PLACE)
    test, names = tested_by(run, cohort.task, members)
    sights = sights_of([(name, members[name]) for name in dict.fromkeys(names.sort_values())], cohort.task)
    method = method_for(settings.explain.method, next(iter(sights.values())).network)
    shown = gallery(test, cohort.task, settings.explain.samples)
    checked = for_checks(test, cohort.task, CHECKED, derive(seed, 1)) if settings.explain.samples else shown
    wanted = test.loc[sorted({*shown.index, *checked.index})]
    parts: list[_Found] = []
    told = cohort.truth is not None and settings.explain.samples > 0
    asked = [(place, name) for place, name in enumerate(sights) if (names[wanted.index] == name).any()]
    for place, name in asked:
        rows = wanted[names[wanted.index] == name]
        parts.append(_look(sights[name], cohort, rows, set(shown.index), method, derive(seed, 2, place)))
        yield len(parts), len(asked) + 1 + told
    with whole_folder(run.path / FOLDER) as folder:
        _write_gallery(folder, cohort, shown, parts, method)
        write_json(folder / "sanity.json", _verdict(cohort.task, method, checked, parts, members, seed))
        if cohort.truth is not None and told:
            scene = known.Scene(cohort, test, sights, names, run.estimates["thresholds"], TraceEye())
            write_json(folder / "truth.json", known.measure(scene, cohort.truth(), method, derive(seed, 5)))
            yield len(asked) + 1, len(asked) + 2
        space, inside, note = choose_space(test, sights, names)
        latent = lay_out(sights[space], cohort, inside, note, derive(seed, 3))
        if latent is not None:
            write_table(folder / "latent.csv", latent.table)
            write_json(folder / "latent.json", latent.record)
    yield len(asked) + 1 + told, len(asked) + 1 + told


def _look(sight: TraceSight, cohort: Cohort, rows: pd.DataFrame, shown: set[Any], method: str, seed: int) -> _Found:
    """Maps and numbers of the samples of one member; occlusion only of those that will be looked at."""
    outputs = rows["shown"].to_numpy(dtype=np.int64, copy=True)
    inputs = cohort.inputs.take(cohort.samples.index.get_indexer(pd.Index(rows["sample"])))
    prepared = sight.preparation(inputs)
    cells = Cells.of(prepared, CELLS)
    drawn = rows.index.isin(list(shown)) | (method == "occlusion")
    occlusions = np.zeros((len(prepared), prepared.shape[1] - 1, cells.count))
    if drawn.any():
        occlusions[drawn] = occlude(sight, prepared[drawn], outputs[drawn], cells.take(drawn))
    found = occlusions if method == "occlusion" else maps(method, sight, prepared, outputs, cells)
    table = pd.DataFrame(index=rows.index)
    table["deletion"] = deletion(sight, prepared, found, outputs, cells, derive(seed, 0))
    table["randomised"] = _randomised(sight, method, prepared, outputs, found, cells, seed)
    table["agreement"] = np.where(drawn & (method != "occlusion"), sanity.correlation(found, occlusions), np.nan)
    return _Found(found, occlusions, cells.lengths, table)


def _randomised(
    sight: TraceSight,
    method: str,
    prepared: np.ndarray,
    outputs: np.ndarray,
    found: np.ndarray,
    cells: Cells,
    seed: int,
) -> np.ndarray:
    """Absolute rank correlation of each map with the maps of networks with random weights, their mean, (n,)."""
    others = []
    for number in range(DRAWS):
        blank = sight.with_network(sanity.random_copy(sight.network, tensor(prepared), derive(seed, 1, number)))
        others.append(np.abs(sanity.correlation(found, maps(method, blank, prepared, outputs, cells))))
    return np.asarray(np.mean(others, axis=0))


def _write_gallery(folder: Path, cohort: Cohort, shown: pd.DataFrame, parts: list[_Found], method: str) -> None:
    """samples.csv and two drawings of each sample: the recording with the evidence of each method behind it."""
    places = {row: (part, k) for part in parts for k, row in enumerate(part.table.index)}
    numbers = [places[row][0].table.loc[row] for row in shown.index]
    kinds = ("occlusion",) if method == "occlusion" else ("map", "occlusion")
    table = sample_table(shown, cohort, numbers, dict.fromkeys(kinds, ".svg"))
    for record, row in zip(table.to_dict("records"), shown.index, strict=True):
        part, k = places[row]
        trace = cohort.inputs.traces[cohort.samples.index.get_loc(record["sample"])][:, : part.lengths[k]]
        for kind in kinds:
            evidence = (part.occlusions if kind == "occlusion" else part.maps)[k]
            draw(folder / record[kind], trace, cohort.inputs.channels, evidence, rate=cohort.inputs.rate)
    write_table(folder / "samples.csv", table)


def _verdict(
    task: Task, method: str, checked: pd.DataFrame, parts: list[_Found], members: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    """sanity.json; see `sanity.verdict`."""
    looked = pd.concat([part.table for part in parts]) if parts else None
    facts = sanity.verdict(task, looked, checked, derive(seed, 4), refit=list(members) == ["everything"])
    return {"method": method, **facts, "what": what(task, method), "colours": [AGAINST, PAPER, FOR]}


def what(task: Task, method: str = "") -> str:
    """The class whose evidence is shown, in words."""
    if method == ERROR:
        return "what the network does not give back as it is (orange)"
    if task.kind == "binary":
        return f"what speaks for '{task.positive}' (orange) and against it (blue)"
    if task.kind == "multiclass":
        return "what speaks for the decided class (orange) and against it (blue)"
    return "what raises the number (orange) and what lowers it (blue)"
