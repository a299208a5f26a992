"""Make images to try bedside on, in the folder where this is called: skin lesions of patients who do not exist.

    python examples/make_images.py

Every image is drawn by bedside's own generator of dermoscopy, at a small size, so the network trains in seconds. The
same images lie there in three ways: as a folder per class, in a table, and in one array file as MedMNIST has them.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from bedside.data.dermoscopy import DermoscopySettings, Generated, generate

KNOWN = 160  # images with a diagnosis, two of each patient; those after them are new
SPLIT = {"train": slice(0, 96), "val": slice(96, 128), "test": slice(128, KNOWN)}


def write(folder: Path) -> None:
    """images/, images.csv, images.npz and new_images/ in `folder`; the same bytes every time."""
    made = generate(DermoscopySettings(patients=86, images_per_patient=2, size=64, sites=2, malignant=0.4, seed=3))
    number = made.truth["patient"].str.removeprefix("patient-").astype(int)
    view = made.truth.groupby("patient").cumcount() + 1
    names = [f"{t}_P{n:03d}_{k}.png" for t, n, k in zip(made.truth["target"], number, view, strict=True)]
    known = made.truth.iloc[:KNOWN]
    paths = [f"images/{target}/{name}" for target, name in zip(known["target"], names[:KNOWN], strict=True)]
    new = [f"new_images/{k:02d}.png" for k in range(1, len(names) - KNOWN + 1)]
    for pixels, path in zip(made.images, [*paths, *new], strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / path)
    table = known[["patient", "site", "sex", "age"]].assign(image=paths, diagnosis=known["target"])
    table.to_csv(folder / "images.csv", index=False, lineterminator="\n")
    np.savez(folder / "images.npz", **_arrays(made))


def _arrays(made: Generated) -> dict[str, np.ndarray]:
    """The layout of MedMNIST: images and labels of each part, and what the labels mean."""
    labels = (made.truth["target"] == "malignant").to_numpy().astype(np.uint8)[:, None]
    parts = {f"{part}_images": made.images[rows] for part, rows in SPLIT.items()}
    parts |= {f"{part}_labels": labels[rows] for part, rows in SPLIT.items()}
    return {**parts, "class_names": np.array(["benign", "malignant"])}


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path())
