"""Make recordings to try bedside on, in the folder where this is called: electrocardiograms of patients who do not exist.

    python examples/make_signals.py

Every recording is computed by bedside's own generator, three seconds of leads II and V5. The same recordings lie there in
every layout that bedside reads: UCR text files, an array file, a table with a row per recording, a table with a row per time
point, and, if the package wfdb is installed, WFDB records in a table and in a folder per class.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from bedside.data.ecg import EcgSettings, Generated, generate
from bedside.data.ecg.waves import LEADS
from bedside.data.signals.record import outdated, package
from bedside.errors import DataError

KNOWN = 96  # recordings with a diagnosis, two of each patient; those after them are new
TRAIN = 64  # of these, in the split of the text files
RATE = 100.0


def write(folder: Path) -> None:
    """ECG_TRAIN.txt and ECG_TEST.txt in ucr/, ecg.npz, ecg.csv, points.csv, records.csv, records/ and new_ecg.npz in `folder`;
    the same values every time."""
    made = generate(EcgSettings(patients=54, rate=RATE, seconds=3, seed=1))
    known = made.truth.iloc[:KNOWN]
    table = known[["patient", "site", "sex", "age"]].assign(diagnosis=known["target"])
    arrays = {"rate": RATE, "channels": np.array(LEADS), "units": np.array(["mV", "mV"])}
    roles = {"labels": table["diagnosis"], "patients": table["patient"], "sites": table["site"]}
    roles = {name: column.to_numpy().astype(str) for name, column in roles.items()}
    np.savez(folder / "ecg.npz", signals=made.recordings[:KNOWN], **roles, **arrays)
    np.savez(folder / "new_ecg.npz", signals=made.recordings[KNOWN:], **arrays)
    _text(folder / "ucr", made)
    _rows(made, table).to_csv(folder / "ecg.csv", index=False, float_format="%.3f", lineterminator="\n")
    _points(made, table).to_csv(folder / "points.csv", index=False, float_format="%.3f", lineterminator="\n")
    try:
        package()
    except DataError as error:
        print(error)  # noqa: T201
        return
    _records(folder, made, table)


def _text(folder: Path, made: Generated) -> None:
    """Lead II alone: text files hold one channel. The label is 1 for ischaemia and -1 otherwise."""
    folder.mkdir(exist_ok=True)
    labels = np.where(made.truth["target"] == "ischaemia", 1, -1)
    for name, rows in (("TRAIN", range(TRAIN)), ("TEST", range(TRAIN, KNOWN))):
        lines = [" ".join([str(labels[k]), *(f"{value:.3f}" for value in made.recordings[k, 0])]) for k in rows]
        (folder / f"ECG_{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(made: Generated, table: pd.DataFrame) -> pd.DataFrame:
    """One row per recording: columns II_1, II_2, ... and V5_1, V5_2, ..."""
    values = {
        f"{lead}_{point + 1}": made.recordings[:KNOWN, k, point]
        for k, lead in enumerate(LEADS)
        for point in range(made.recordings.shape[2])
    }
    return table.reset_index(drop=True).join(pd.DataFrame(values))


def _points(made: Generated, table: pd.DataFrame) -> pd.DataFrame:
    """One row per time point, with the time in seconds."""
    points = made.recordings.shape[2]
    long = table.rename_axis("recording").reset_index().loc[np.repeat(np.arange(KNOWN), points)].reset_index(drop=True)
    long["second"] = np.tile(np.arange(points) / RATE, KNOWN)
    for k, lead in enumerate(LEADS):
        long[lead] = made.recordings[:KNOWN, k].ravel()
    return long


def _records(folder: Path, made: Generated, table: pd.DataFrame) -> None:
    """WFDB records in records/<class>/, and records.csv, which names them."""
    paths = [f"records/{target}/{sample}" for sample, target in table["diagnosis"].items()]
    for path, recording in zip(paths, made.recordings[:KNOWN].astype(np.float64), strict=True):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with outdated():
            package().wrsamp(
                place.name, RATE, ["mV"] * 2, list(LEADS), recording.T, fmt=["16"] * 2, adc_gain=[1000.0] * 2, baseline=[0] * 2,
                write_dir=str(place.parent),
            )  # fmt: skip
    table.assign(record=paths).to_csv(folder / "records.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path())
