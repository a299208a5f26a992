"""What an image network looked at, whether that can be believed, and how it arranges the images it has seen.

Reads:  a run folder and the networks that were tested in it.
Gives:  explanations/ in the run folder: pictures, tables and verdicts as plain files, which the report reads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Task
from bedside.explain import attribution, sanity
from bedside.explain import truth as known
from bedside.explain.choose import FOLDER, for_checks, gallery, sample_table, tested_by
from bedside.explain.images import colours, draw
from bedside.explain.latent import choose_space, lay_out
from bedside.explain.sight import Member, Sight
from bedside.folder import Run, whole_folder, write_json, write_table
from bedside.seeds import derive
from bedside.settings import RunSettings

CHECKED = 24  # test samples that the method is checked on
CHECKED_SLOWLY = 12  # if each map takes many passes
DRAWS = 2  # networks with random weights
_PLACE = 0xE0  # of the seeds of this stage


@dataclass(frozen=True)
class _Found:
    """What is known of some samples, in their order; maps of (n, size, size)."""

    pixels: np.ndarray
    maps: np.ndarray
    occlusions: np.ndarray
    table: pd.DataFrame  # deletion, randomised, agreement; index: row of the test table
    back: np.ndarray | None = None  # the images as a network that reconstructs gives them back


def explain_run(
    run: Run,
    cohort: Cohort,
    settings: RunSettings,
    members: Mapping[str, Member],
) -> Iterator[tuple[int, int]]:
    """Write explanations/ into the run folder, whole or not at all.

    Args:
        run: a run with predictions and estimates.
        cohort: the images it was trained and tested on.
        settings: of the run; `explain` says how many samples, and by which method.
        members: the member that tested each fold, by the name of the fold ("repeat0-fold3"), of the first repeat at
            least; or {"everything": member} for a final fit that was never tested. As it scores, so with its
            recalibration if it has one (`training.model.Deployed`).

    Yields:
        Steps done and steps in all, as the work goes on.

    Raises:
        RunError: if the member of a fold is missing.
        SettingError: if attention is asked of a network that has none.
    """
    seed = derive(settings.seed, _PLACE)
    test, names = tested_by(run, cohort.task, members)
    sights = {name: Sight(members[name], cohort.task) for name in dict.fromkeys(names.sort_values())}
    method = _method(settings, cohort, test, next(iter(sights.values())))
    shown = gallery(test, cohort.task, settings.explain.samples)
    few = CHECKED_SLOWLY if method in attribution.SLOW else CHECKED
    checked = for_checks(test, cohort.task, few, derive(seed, 1)) if settings.explain.samples else shown
    wanted = test.loc[sorted({*shown.index, *checked.index})]
    told = cohort.truth is not None and settings.explain.samples > 0
    steps, parts = sum(name in set(names[wanted.index]) for name in sights) + 2 + told, []
    for name, sight in sights.items():
        rows = wanted[names[wanted.index] == name]
        if len(rows):
            place = list(sights).index(name)
            parts.append(_look(sight, cohort, rows, set(shown.index), method, derive(seed, 2, place)))
            yield len(parts), steps
    with whole_folder(run.path / FOLDER) as folder:
        _write_gallery(folder, cohort, shown, parts)
        write_json(folder / "sanity.json", _verdict(cohort.task, method, checked, parts, members, seed))
        yield steps - 1 - told, steps
        if cohort.truth is not None and told:
            tested = known.Scene(cohort, test, sights, names, run.estimates["thresholds"])
            write_json(folder / "truth.json", known.measure(tested, cohort.truth(), method, derive(seed, 5)))
            yield steps - 1, steps
        space, inside, note = choose_space(test, sights, names)
        latent = lay_out(sights[space], cohort, inside, note, derive(seed, 3))
        if latent is not None:
            write_table(folder / "latent.csv", latent.table)
            write_json(folder / "latent.json", latent.record)
    yield steps, steps


def _method(settings: RunSettings, cohort: Cohort, test: pd.DataFrame, sight: Sight) -> str:
    row = cohort.samples.index.get_indexer(pd.Index(test["sample"].iloc[:1]))
    example = sight.normalised(sight.pixels(cohort.inputs.take(row)))
    return attribution.method_for(settings.explain.method, sight.classifier, example)


def _look(sight: Sight, cohort: Cohort, rows: pd.DataFrame, shown: set[Any], method: str, seed: int) -> _Found:
    """Maps and numbers of the samples of one member; occlusion only of those that will be looked at."""
    outputs = rows["shown"].to_numpy(dtype=np.int64, copy=True)
    pixels = sight.pixels(cohort.inputs.take(cohort.samples.index.get_indexer(pd.Index(rows["sample"]))))
    drawn = rows.index.isin(list(shown)) | (method == "occlusion")
    occlusions = np.zeros(pixels.shape[:3], dtype=np.float32)
    if drawn.any():
        occlusions[drawn] = attribution.occlude(sight, pixels[drawn], outputs[drawn])
    maps = occlusions if method == "occlusion" else _maps(sight, method, pixels, outputs)
    table = pd.DataFrame(index=rows.index)
    table["deletion"] = sanity.deletion(sight, pixels, maps, outputs, derive(seed, 0))
    table["randomised"] = _randomised(sight, method, pixels, outputs, maps, seed)
    agreement = sanity.correlation(*(attribution.pooled(m, attribution.WINDOWS + 1) for m in (maps, occlusions)))
    table["agreement"] = np.where(drawn & (method != "occlusion"), agreement, np.nan)
    back = sight.given_back(pixels) if hasattr(sight.classifier, "reconstruct") else None
    return _Found(pixels, maps, occlusions, table, back)


def _maps(sight: Sight, method: str, pixels: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    return attribution.maps(method, sight.classifier, sight.normalised(pixels), outputs)


def _randomised(
    sight: Sight, method: str, pixels: np.ndarray, outputs: np.ndarray, maps: np.ndarray, seed: int
) -> np.ndarray:
    """Absolute rank correlation of each map with the maps of networks with random weights, their mean, (n,)."""
    x, cells = sight.normalised(pixels), min(sanity.CELLS, pixels.shape[1])
    found = []
    for draw_number in range(1 if method == "occlusion" else DRAWS):
        blank = sight.with_network(sanity.random_copy(sight.classifier, x, derive(seed, 1, draw_number)))
        if method == "occlusion":
            other = attribution.occlude(blank, pixels, outputs)
        else:
            other = _maps(blank, method, pixels, outputs)
        found.append(np.abs(sanity.correlation(attribution.pooled(maps, cells), attribution.pooled(other, cells))))
    return np.asarray(np.mean(found, axis=0))


def _write_gallery(folder: Path, cohort: Cohort, shown: pd.DataFrame, parts: list[_Found]) -> None:
    """samples.csv and three pictures of each sample."""
    places = {row: (part, k) for part in parts for k, row in enumerate(part.table.index)}
    numbers = [places[row][0].table.loc[row] for row in shown.index]
    table = sample_table(shown, cohort, numbers, dict.fromkeys(("image", "map", "occlusion"), ".webp"))
    if any(part.back is not None for part in parts):
        table["back"] = [f"{number:02d}-back.webp" for number in table["number"]]
    for record, row in zip(table.to_dict("records"), shown.index, strict=True):
        part, k = places[row]
        if part.back is not None:
            draw(folder / record["back"], part.back[k])
        draw(folder / record["image"], part.pixels[k])
        draw(folder / record["map"], part.pixels[k], part.maps[k])
        draw(folder / record["occlusion"], part.pixels[k], part.occlusions[k])
    write_table(folder / "samples.csv", table)


def _verdict(
    task: Task, method: str, checked: pd.DataFrame, parts: list[_Found], members: Mapping[str, Member], seed: int
) -> dict[str, Any]:
    """sanity.json: both checks, what the maps show, and what a reader must know."""
    looked = pd.concat([part.table for part in parts]) if parts else None
    facts = sanity.verdict(task, looked, checked, derive(seed, 4), refit=list(members) == ["everything"])
    return {"method": method, **facts, "what": _what(task, method), "colours": colours()}


def _what(task: Task, method: str) -> str:
    """The class whose evidence is shown, in words."""
    if method == attribution.ERROR:
        return "places that the network does not give back as they are"
    if method == "attention":
        return "places whose content flows into the decision; attention is not specific to a class"
    if task.kind == "binary":
        return f"evidence for '{task.positive}', also where the decision is against it"
    return "evidence for the decided class" if task.kind == "multiclass" else "evidence for a higher number"
