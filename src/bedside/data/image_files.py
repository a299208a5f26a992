"""Image files become `ImageInputs`: what cannot be read is listed, and nothing of a DICOM header goes further."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data.codes import count, finding, plural
from bedside.data.decode import by_suffix
from bedside.data.dicom import Header
from bedside.data.pixels import RECORD, ImageInputs
from bedside.data.scan import FilePictures, Seen, scan
from bedside.errors import DataError

SHOWN = 20  # names in an error
_XRAY = {"CR", "DX"}
_OFTEN_BURNED_IN = {"US", "IVUS", "XA", "RF", "SC", "OT", "CR", "DX", "ES", "XC", "GM", ""}  # "": not stated
_REMEDY = "Repair or remove them, or leave them out: --skip-unreadable."


@dataclass(frozen=True)
class Gathered:
    """The files that could be read. `rows` are their places among all files, shape (n,), `ids` the samples' names, shape (n,);
    `patients` are numbered patients of DICOM headers, shape (n,), or None; `modality` is what the headers agree on."""

    inputs: ImageInputs
    rows: np.ndarray
    ids: np.ndarray
    patients: np.ndarray | None
    modality: str | None
    findings: tuple[Finding, ...]


def gather(paths: Sequence[Path], names: Sequence[str], *, skip_unreadable: bool) -> Gathered:
    """Look at all files and keep those that can be read.

    Args:
        paths: the files.
        names: what their samples are called.
        skip_unreadable: leave out what cannot be read, with a warning, instead of refusing.

    Raises:
        DataError: if files cannot be read and are not skipped, or none can be read; lists up to 20 with the reasons.
    """
    seen = scan(paths, names)
    bad = [(name, one.reason) for name, one in zip(names, seen, strict=True) if one.record is None]
    if bad and (not skip_unreadable or len(bad) == len(seen)):
        raise DataError(_refusal(bad, len(seen), skip_unreadable))
    public, numbered = _public_names(paths, names, seen)
    rows = np.array([row for row, one in enumerate(seen) if one.record is not None], dtype=np.int64)
    left_out = tuple((public[row], one.reason) for row, one in enumerate(seen) if one.record is None)
    records = pd.DataFrame([seen[row].record for row in rows], columns=list(RECORD))
    pictures = FilePictures(tuple(str(paths[row]) for row in rows))
    headers = [seen[row].header for row in rows]
    patients, about_patients = _patients(headers)
    found = [*_unreadable(left_out, len(seen)), *numbered, *about_patients, *header_findings(headers)]
    return Gathered(
        ImageInputs(pictures, np.arange(len(rows)), records, unreadable=left_out),
        rows,
        np.array(public, dtype=object)[rows],
        patients,
        "xray" if all(header is not None and header.modality in _XRAY for header in headers) else None,
        tuple(found),
    )


def _refusal(bad: list[tuple[str, str]], n: int, skip: bool) -> str:
    """One line per file, so that the list can be worked through."""
    lines = [f"\n  {name} {reason}" for name, reason in bad[:SHOWN]]
    more = f"\n  and {len(bad) - SHOWN:,} more" if len(bad) > SHOWN else ""
    if len(bad) == n:
        return f"None of {count(n, 'image')} can be read:{''.join(lines)}{more}" + (
            "" if skip else "\nRepair or replace them."
        )
    return f"{len(bad):,} of {count(n, 'image')} cannot be read:{''.join(lines)}{more}\n{_REMEDY}"


def _unreadable(left_out: tuple[tuple[str, str], ...], n: int) -> list[Finding]:
    if not left_out:
        return []
    shown = "; ".join(f"{name!r} {reason}" for name, reason in left_out[:6])
    more = f"; and {len(left_out) - 6:,} more" if len(left_out) > 6 else ""
    message = f"{len(left_out):,} of {count(n, 'image')} could not be read and {plural(len(left_out), 'was', 'were')} left out: {shown}{more}."
    return [
        finding("warning", "unreadable", message, "Ask whether they differ from the others; then the result is biased.")
    ]


def _public_names(paths: Sequence[Path], names: Sequence[str], seen: list[Seen]) -> tuple[list[str], list[Finding]]:
    """Names as they may be kept: once the name of one DICOM file holds an identifier, all DICOM files are numbered."""
    n_private = sum(one.header is not None and one.header.private for one in seen)
    if not n_private:
        return list(names), []
    public, number = [], 0
    for path, name, one in zip(paths, names, seen, strict=True):
        number += (is_dicom := _may_be_dicom(path, one))
        public.append(f"dicom-{number:04d}" if is_dicom else name)
    message = f"The names of {count(n_private, 'DICOM file')} hold identifiers from the header, so DICOM samples are numbered in the order of their paths."
    return public, [finding("note", "numbered-files", message)]


def _may_be_dicom(path: Path, one: Seen) -> bool:
    return one.header is not None or (one.record is None and by_suffix(path) in (None, "DICOM"))


def _patients(headers: list[Header | None]) -> tuple[np.ndarray | None, list[Finding]]:
    """Numbered patients, if the headers tell them apart."""
    hashes = [header.patient if header is not None else "" for header in headers]
    if len({*hashes} - {""}) < 2:
        return None, []
    distinct = [value or f"file {row}" for row, value in enumerate(hashes)]
    codes = pd.factorize(np.array(distinct, dtype=object))[0]
    lacking = sum(not value for value in hashes)
    message = f"Patients are told apart by PatientID of the DICOM headers and numbered: {count(codes.max() + 1, 'patient')}; the identifiers themselves are not kept."
    if lacking:
        message += f" {count(lacking, 'image has', 'images have')} none and {plural(lacking, 'counts', 'count each')} as a patient of {plural(lacking, 'its', 'their')} own."
    patients = np.array([f"patient-{code + 1:04d}" for code in codes], dtype=object)
    return patients, [finding("note", "header-patient", message)]


def header_findings(headers: Sequence[Header | None]) -> list[Finding]:
    """What headers of DICOM files say of their pictures; None for an image of another format."""
    return [*_burned_in(headers), *_windows(headers)]


def _burned_in(headers: Sequence[Header | None]) -> list[Finding]:
    """Names and dates that are part of the picture: said by the header, or not excluded by it."""
    dicom = [header for header in headers if header is not None]
    stated = sum(header.burned_in == "yes" for header in dicom)
    silent = Counter(
        h.modality or "not stated" for h in dicom if h.burned_in == "unknown" and h.modality in _OFTEN_BURNED_IN
    )
    found = []
    if stated:
        message = f"{count(stated, 'DICOM file says', 'DICOM files say')} that text is burned into the picture: names may be readable, and a network may read them too."
        found.append(finding("warning", "burned-in", message, "Black it out before training or sharing."))
    if silent:
        kinds = ", ".join(f"{name} ({n:,})" for name, n in silent.most_common(6))
        n = silent.total()
        message = f"{count(n, 'DICOM file does', 'DICOM files do')} not say whether text is burned into the picture, and images of {plural(n, 'this kind', 'these kinds')} may have some; modality: {kinds}."
        found.append(finding("warning", "burned-in", message, "Look at some of them before training or sharing."))
    return found


def _windows(headers: Sequence[Header | None]) -> list[Finding]:
    n = sum(header is not None and not header.windowed for header in headers)
    if not n:
        return []
    message = f"{count(n, 'DICOM file states', 'DICOM files state')} no window; the range that the stored bits can hold is shown from black to white, which may leave little contrast."
    return [finding("note", "no-window", message, "If the images look flat, export them with a window.")]


def not_used(suffixes: Counter[str]) -> list[Finding]:
    """A note on files that do not claim to be images."""
    if not suffixes:
        return []
    shown = ", ".join(f"{suffix} ({n:,})" for suffix, n in suffixes.most_common(6))
    n = suffixes.total()
    return [
        finding(
            "note", "not-images", f"{count(n, 'file')} beside the images {plural(n, 'was', 'were')} not used: {shown}."
        )
    ]
