"""A run's model as one ONNX file: from raw values or pixels to recalibrated probabilities."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bedside.data.description import NOT_SENT
from bedside.errors import ExportError, SettingError
from bedside.export.about import about_of
from bedside.export.bundle import bundle as make_bundle
from bedside.export.graph import LARGEST
from bedside.export.inputs import inputs_of
from bedside.export.proof import largest_difference
from bedside.export.session import ABOUT, Session
from bedside.export.whole import whole_graph
from bedside.folder import Run, require_folder_of, write_bytes
from bedside.scoring import Scorer

TOLERANCE = 1e-5  # largest difference from the run's own scores; tables usually stay below 1e-12


@dataclass(frozen=True)
class Exported:
    """An exported model or bundle: its bytes, where they were written, what the file says of itself, the largest difference from
    the run's own scores on made-up samples, and what whoever gives the file away must know."""

    content: bytes
    path: Path | None
    about: dict[str, Any]
    difference: float
    warnings: tuple[str, ...] = ()


def export(
    run: Run | str | Path,
    output: str | Path | None = None,
    *,
    bundle: bool = False,
    with_report: bool = False,
    recalibration: str | Path | None = None,
) -> Exported:
    """Write a run's model as one ONNX file, alone or in a zip file with everything that belongs to it.

    The model is tried in ONNX Runtime on made-up samples with gaps and unknown levels before it is written.

    Args:
        run: a finished run, or its path.
        output: the file; without it nothing is written.
        bundle: a zip file with model, card, settings, estimates, example clients and checksums.
        with_report: put the report into the bundle as well, which shows single patients.
        recalibration: what `bedside recalibrate` made of this run for a new hospital.

    Raises:
        ExportError: if the model, or a part of it, cannot be expressed, or the file would be larger than 2 GB.
        RunError: if the model's files are not what was saved, or the recalibration is of another model.
        SettingError: if the report is wanted without a bundle.
        StorageError: if the file cannot be written.
    """
    if with_report and not bundle:
        raise SettingError("with_report puts the report into a bundle; ask for a bundle too, or leave it away.")
    if output is not None:
        require_folder_of(Path(output))
    scorer = Scorer(run, recalibration=recalibration)
    scorer.run.require_finished()
    exported = replace(export_scorer(scorer), warnings=_leaks(scorer.run))
    if bundle:
        content = make_bundle(scorer, exported.content, exported.about, with_report=with_report)
        exported = replace(exported, content=content)
    if output is not None:
        write_bytes(Path(output), exported.content)
        exported = replace(exported, path=Path(output))
    return exported


def _leaks(run: Run) -> tuple[str, ...]:
    """What the tests of a model that draws samples found whoever has the model to learn of its patients."""
    found = (run.synthetic or {"verdicts": []})["verdicts"]
    return tuple(one["sentence"] for one in found if (one["test"], one["level"]) == ("membership_model", "danger"))


def export_scorer(scorer: Scorer, *, places: bool = False) -> Exported:
    """The same for a model that is in memory already; nothing is written.

    Args:
        places: a model of images also gives out in what space distances from training are taken.
    """
    things = NOT_SENT.get(scorer.model.kind)
    if things:
        raise ExportError(f"Models for {things} cannot be exported yet; score {things} with `bedside predict`.")
    graph = whole_graph(scorer.model, scorer.update, places=places)
    size = sum(constant.ByteSize() for constant in graph.constants.values())
    if size > LARGEST:
        raise ExportError(
            f"The model has {size / 2**30:.1f} GB of weights; an ONNX file holds 2 GB. Train fewer members, or serve the "
            "run itself with `bedside serve`."
        )
    about = about_of(scorer, inputs_of(scorer.model))
    content = graph.to_bytes(about["family"], {ABOUT: json.dumps(about, ensure_ascii=False, allow_nan=False)})
    difference = largest_difference(scorer, Session(content))
    if not difference <= TOLERANCE:
        raise ExportError(
            f"The exported model differs by {difference:.1g} from the run's own scores, more than {TOLERANCE:g}, so it is "
            "not written. Please report this with the family and its settings."
        )
    return Exported(content, None, about, difference)
