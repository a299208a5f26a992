"""Images that are not what they should be: noisy, out of focus, dark, pale, compressed, turned.

Every change has a strength; strength 0 is the image as it is. Changes act on the pixels as they are read, before the model
prepares them, so that their size is a share of the image and not of what the network sees.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter

from bedside.data.pixels import ImageInputs, Pictures
from bedside.seeds import derive

GRADES: dict[str, tuple[float, ...]] = {
    "noise": (0.02, 0.05, 0.1, 0.2),
    "blur": (0.003, 0.006, 0.012, 0.025),
    "darker": (0.1, 0.25, 0.5),
    "brighter": (0.1, 0.25, 0.5),
    "contrast": (0.1, 0.25, 0.5, 0.75),
    "jpeg": (50, 70, 85, 95),
    "rotation": (5, 10, 20, 45),
}
LABELS = {
    "noise": "Gaussian noise of {:g} of white",
    "blur": "blur of {:g} of the shorter side",
    "darker": "brightness −{:.0f}\u00a0%",
    "brighter": "brightness +{:.0f}\u00a0%",
    "contrast": "contrast −{:.0f}\u00a0%",
    "jpeg": "JPEG of quality {:g}",
    "rotation": "turned by {:g}°",
}


@dataclass(frozen=True)
class Change:
    """One way in which the images are wrong. Strengths: see `LABELS`; of JPEG 100 minus the quality."""

    kind: str
    label: str
    strength: float
    columns: tuple[str, ...] = ()

    def __call__(self, inputs: ImageInputs, seed: int, *, named: bool) -> ImageInputs:
        """The changed images of one member.

        Args:
            inputs: its test images.
            seed: drives noise.
            named: keep the sha256 of the images as they are, by which a network draws the versions that it averages over;
                a member that remembers what it computed of an image must not know it by that name.
        """
        pictures = _Changed(inputs.pictures, self.kind, self.strength, seed)
        records = inputs.records if named else inputs.records.assign(sha256="")
        return replace(inputs, pictures=pictures, records=records)


@dataclass(frozen=True)
class _Changed:
    """Pictures that are changed when they are read; noise belongs to the number of the picture."""

    pictures: Pictures
    kind: str
    strength: float
    seed: int

    def __len__(self) -> int:
        return len(self.pictures)

    def read(self, number: int) -> np.ndarray:
        return changed(self.pictures.read(number), self.kind, self.strength, derive(self.seed, number))


def changes() -> Iterator[Change]:
    """Every change that is tried on images, in the order of the report."""
    for kind, grades in GRADES.items():
        for strength in grades:
            shown = 100 - strength if kind == "jpeg" else 100 * strength if "%" in LABELS[kind] else strength
            yield Change(kind, LABELS[kind].format(shown), float(strength))


def changed(pixels: np.ndarray, kind: str, strength: float, seed: int) -> np.ndarray:
    """One image (height, width[, 3]), uint8 or uint16, with one change; the same size and type.

    Noise and brightness count from the largest value of the image, up to which a 16-bit image may be dark as a whole; blur,
    JPEG and rotation of 16-bit images act on 8 bits of that range.
    """
    if strength == 0:
        return pixels
    white = 255.0 if pixels.dtype == np.uint8 else float(max(1, pixels.max()))
    if kind in ("noise", "darker", "brighter", "contrast"):
        values = pixels.astype(np.float64)
        if kind == "noise":
            values += np.random.default_rng(seed).normal(0, strength * white, pixels.shape)
        elif kind == "contrast":
            values = values.mean() + (1 - strength) * (values - values.mean())
        else:
            values *= 1 - strength if kind == "darker" else 1 + strength
        return values.round().clip(0, white).astype(pixels.dtype)
    eight = pixels if pixels.dtype == np.uint8 else (pixels * (255 / white)).round().astype(np.uint8)
    done = np.asarray(_by_pillow(Image.fromarray(eight), kind, strength))
    return done if pixels.dtype == np.uint8 else (done * (white / 255)).round().astype(pixels.dtype)


def _by_pillow(image: Image.Image, kind: str, strength: float) -> Image.Image:
    if kind == "blur":
        return image.filter(ImageFilter.GaussianBlur(strength * min(image.size)))
    if kind == "rotation":
        return image.rotate(strength, resample=Image.Resampling.BILINEAR)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=int(100 - strength))
    return Image.open(buffer)
