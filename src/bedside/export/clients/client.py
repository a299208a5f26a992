"""Score new samples with a model that `bedside export` made; needs onnxruntime and numpy, for images pillow too.

    python client.py model.onnx patients.csv        one row per sample, the columns that the model learned from
    python client.py model.onnx first.png second.jpg

prints one line per sample, as CSV. In Python it is `Model("model.onnx").predict(rows)` or `.predict_images(paths)`.
Research and teaching only; not a medical device.
"""

import csv
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

MISSING = {"", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NaT", "NULL", "null", "None", "?", "-", ".",
           "#N/A", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}  # fmt: skip
NO, YES = ("false", "no", "nein", "falsch"), ("true", "yes", "ja", "wahr")


class Model:
    """A model in memory; `about` is what the file says of itself: classes, threshold, features, card."""

    def __init__(self, path: str | Path) -> None:
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.about: dict[str, Any] = json.loads(self.session.get_modelmeta().custom_metadata_map["bedside"])
        self.features = {one["name"]: one for one in self.about["features"]}

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Scores of samples.

        Args:
            rows: one for each sample, {column: value}; None, NaN or an empty text is missing, other columns are ignored.

        Returns:
            For each sample one score per class (or `predicted`), the decision at the model's threshold, and the columns
            whose value training never saw.
        """
        lacking = [name for name in self.features if any(name not in row for row in rows)]
        if lacking:
            raise ValueError(
                f"The model needs the columns {', '.join(lacking)}; leave cells empty where nothing is known."
            )
        arrays: dict[str, np.ndarray] = {}
        for name, described in self.about["inputs"].items():
            cells = [[read(row[column], self.features[column]) for column in described["columns"]] for row in rows]
            kind = np.float64 if described["type"] == "float64" else object
            arrays[name] = np.array(cells, dtype=kind).reshape(len(rows), len(described["columns"]))
        return [found | {"outside": self.outside(row)} for found, row in zip(self.run(arrays), rows, strict=True)]

    def predict_images(self, paths: Sequence[str | Path]) -> list[dict[str, Any]]:
        """Scores of images in files, framed and resized as in training."""
        described = self.about["inputs"]["pixels"]
        pixels = [prepare(path, described["shape"][1], **described["resizing"]) for path in paths]
        return self.run({"pixels": np.stack(pixels)})

    def run(self, arrays: dict[str, np.ndarray]) -> list[dict[str, Any]]:
        """Scores and decisions from the arrays that the model takes."""
        scores = self.session.run([self.session.get_outputs()[0].name], arrays)[0]
        if np.isnan(scores).any():
            raise ValueError("A number is too large to be scored; check its units.")
        if self.about["task"] == "regression":
            return [{"predicted": float(score)} for score in scores]
        found = []
        for row in scores:
            one: dict[str, Any] = {f"score_{name}": float(score) for name, score in zip(self.about["classes"], row)}
            if self.about["threshold"] is not None:
                one["decision"] = self.about["classes"][int(row[1] >= self.about["threshold"])]
            found.append(one)
        return found

    def outside(self, row: Mapping[str, Any]) -> str:
        """Columns whose value the cohort of training did not have, such as `dose (92), drug (D)`."""
        named = []
        for name, feature in self.features.items():
            value = read(row[name], feature)
            if feature["kind"] == "category":
                beyond = value != "" and value not in feature["levels"]
            else:
                beyond = feature["low"] is not None and (value < feature["low"] or value > feature["high"])
            if beyond:
                named.append(f"{name} ({value if feature['kind'] == 'category' else format(value, 'g')})")
        return ", ".join(named)


def read(cell: Any, feature: Mapping[str, Any]) -> Any:
    """A cell as the model takes it: text for a category, else a number; "" or NaN where it is missing."""
    text = "" if cell is None or cell != cell else str(cell).strip()
    if feature["kind"] == "category":
        whole = re.fullmatch(r"(-?)(0|[1-9]\d*)\.0+", text)
        return "" if text in MISSING else whole[1] + whole[2] if whole else text
    if text in MISSING:
        return math.nan
    if feature["kind"] == "boolean":
        if text.casefold() in NO + YES:
            return float(text.casefold() in YES)
        raise ValueError(f"Column '{feature['name']}' holds {text!r}; write yes or no, or leave it empty.")
    return year(text, feature["name"]) if feature["kind"] == "date" else number(text, feature["name"])


def number(text: str, name: str) -> float:
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text) or abs(float(text)) > 1e30:
        raise ValueError(f"Column '{name}' holds {text!r}; write a number such as 4.5, or leave it empty.")
    return float(text)


def year(text: str, name: str) -> float:
    """A date as a year: 2026-07-02 is about 2026.5."""
    try:
        if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]|$)", text):
            raise ValueError("no date")
        date = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(
            f"Column '{name}' holds {text!r}; write a date such as 2026-11-22, or leave it empty."
        ) from None
    if date.tzinfo is not None:
        date = date.astimezone(timezone.utc).replace(tzinfo=None)
    start, end = datetime(date.year, 1, 1), datetime(date.year + 1, 1, 1)
    return date.year + (date - start) / (end - start)


def prepare(
    path: str | Path, channels: int, *, framing: str, size: int, resample: str, crop_share: float, white: int
) -> np.ndarray:
    """An image file -> pixels (channels, size, size) uint8, as bedside makes them."""
    from PIL import Image

    image = eight_bits(path, white)
    if channels == 1:
        image = image.convert("L")
    width, height = image.size
    kind = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}[resample]
    if framing == "stretch":
        image = resized(image, size, size, kind)
    else:
        scale = round(size / crop_share) / min(width, height) if framing == "crop" else size / max(width, height)
        image = resized(image, max(1, round(width * scale)), max(1, round(height * scale)), kind)
        left, top = round((image.width - size) / 2), round((image.height - size) / 2)
        image = image.crop((left, top, left + size, top + size))
    pixels = np.asarray(image)
    return np.repeat(pixels[None], channels, axis=0) if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def resized(image: Any, width: int, height: int, kind: Any) -> Any:
    """Columns and rows one after the other, in an order that does not depend on the version of Pillow."""
    tall = image.height - height > 2 * max(0, image.width - width)
    for size in ((image.width, height) if tall else (width, image.height), (width, height)):
        image = image if image.size == size else image.resize(size, kind)
    return image


def eight_bits(path: str | Path, white: int) -> Any:
    """The image upright, grey or RGB with 8 bits per channel; what is transparent is laid over black."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I"):
        if white == 255:
            raise ValueError(f"{path} has 16 bits, but the model learned from 8; convert it as in training.")
        deep = np.minimum(np.asarray(image).astype(np.uint16), white).astype(np.uint32)
        return Image.fromarray(((deep * 510 + white) // (2 * white)).astype(np.uint8))
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        image = Image.new("RGB", clear.size)
        image.paste(clear.convert("RGB"), mask=clear.getchannel("A"))
    return image.convert("L" if grey else "RGB")


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    model = Model(sys.argv[1])
    try:
        if "pixels" in model.about["inputs"]:
            found = model.predict_images(sys.argv[2:])
        else:
            with open(sys.argv[2], encoding="utf-8-sig", newline="") as file:
                found = model.predict(list(csv.DictReader(file)))
    except (OSError, ValueError) as error:
        sys.exit(f"Error: {error}")
    writer = csv.DictWriter(sys.stdout, list(found[0]) if found else ["sample"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)


if __name__ == "__main__":
    main()
