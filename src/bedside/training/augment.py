"""Changes to training images that do not change the answer: turning, mirroring, zooming, brighter, more contrast.

What is harmless depends on what the image is. A skin lesion has no upright position; a chest has one, and mirrored it
has its heart on the wrong side. All random numbers come from the generator given, on the CPU, so that a training
repeats exactly; whether a batch is augmented at all is decided where batches are made, and only training ones are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bedside.seeds import derive
from bedside.settings import AugmentSettings

_CHANGES = ("flip_horizontal", "flip_vertical", "rotation", "zoom", "brightness", "contrast")
UNCHANGED = "unchanged"  # in place of a modality: images are learned as they are
_HARMLESS: dict[str | None, tuple[Any, ...]] = {
    "dermoscopy": (True, True, 180.0, 0.1, 0.15, 0.15),
    "histology": (True, True, 180.0, 0.1, 0.15, 0.15),
    "xray": (False, False, 10.0, 0.1, 0.1, 0.1),
    "photo": (True, False, 10.0, 0.1, 0.15, 0.15),
    None: (False, False, 5.0, 0.05, 0.1, 0.1),
    UNCHANGED: (False, False, 0.0, 0.0, 0.0, 0.0),
}

_DRAWS = 6  # random numbers per image, also for what is switched off: one setting does not shift another's numbers


def for_modality(modality: str | None) -> dict[str, Any]:
    """Augmentation that changes no answer for this kind of image; None is unknown and gets what harms no kind."""
    return dict(zip(_CHANGES, _HARMLESS[modality], strict=True))


def resolve(settings: AugmentSettings, modality: str | None) -> AugmentSettings:
    """The settings with every unset change filled in by modality, so that settings.yaml shows the numbers."""
    chosen = {name: value for name, value in settings.model_dump(exclude_unset=True).items() if value is not None}
    return AugmentSettings(**{**for_modality(modality), **chosen})


@dataclass(frozen=True)
class Augmentation:
    """Random changes of images, each drawn evenly from its range and for each image on its own.

    Turning, zooming and mirroring are one affine map with bilinear interpolation; what it would fetch from outside the
    image is mirrored back in, so that corners are not black. Mirroring alone moves whole pixels and is exact.
    """

    flip_horizontal: bool = False
    flip_vertical: bool = False
    rotation: float = 0.0  # degrees, either way
    zoom: float = 0.0  # share of the size, larger or smaller
    brightness: float = 0.0  # share by which all pixels become brighter or darker
    contrast: float = 0.0  # share by which pixels move away from, or towards, the mean of their image

    @classmethod
    def from_settings(cls, settings: AugmentSettings) -> "Augmentation":
        """From settings that `resolve` has filled in."""
        return cls(**{name: getattr(settings, name) for name in _CHANGES})

    @property
    def changes(self) -> bool:
        """Whether it ever changes a pixel."""
        return self != Augmentation()

    def __call__(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """One random version of each image.

        Args:
            pixels: (n, height, width, channels), uint8, on any device.
            generator: on the CPU; the same state gives the same versions.

        Returns:
            (n, channels, height, width) in 0..1, 32-bit floats, stored channels last.
        """
        return self._apply(pixels, torch.rand(len(pixels), _DRAWS, generator=generator))

    def views(self, pixels: Tensor, count: int, seeds: Sequence[int]) -> Iterator[Tensor]:
        """Fixed versions of each image: first the original, then augmented ones.

        Args:
            pixels: (n, height, width, channels), uint8.
            count: versions, the original included.
            seeds: one per image, see `image_seeds`; a version depends on the image, its seed and its number, not on
                the images beside it.

        Yields:
            `count` times (n, channels, height, width) in 0..1, 32-bit floats, stored channels last.
        """
        yield unit_pixels(pixels)
        for view in range(1, count):
            generators = (torch.Generator().manual_seed(derive(seed, view)) for seed in seeds)
            yield self._apply(pixels, torch.stack([torch.rand(_DRAWS, generator=one) for one in generators]))

    def _apply(self, pixels: Tensor, draws: Tensor) -> Tensor:
        """`draws` (n, 6) evenly from 0..1: two flips, turn, zoom, brightness, contrast."""
        even = 2 * draws.double() - 1  # (n, 6) in -1..1
        flips = draws[:, :2] < torch.tensor([0.5 * self.flip_horizontal, 0.5 * self.flip_vertical])
        if self.rotation or self.zoom:
            images = _warped(pixels, even[:, 2] * self.rotation, 1 + even[:, 3] * self.zoom, flips)
        else:
            images = _flipped(unit_pixels(pixels), flips)
        if self.brightness or self.contrast:
            _tone(images, pixels, 1 + even[:, 4] * self.brightness, 1 + even[:, 5] * self.contrast)
        return images


def unit_pixels(pixels: Tensor) -> Tensor:
    """(n, height, width, channels) uint8 -> (n, channels, height, width) in 0..1, stored channels last."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)


def normalised(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """What a network sees of images in 0..1, shape (n, channels, height, width), changed in place.

    `mean` and `std` have the shape (channels, 1, 1).
    """
    return images.sub_(mean).div_(std)


def image_seeds(sha256: Sequence[str], seed: int) -> list[int]:
    """A seed for the views of each image, from its pixels and the run's seed; its place in the cohort does not count."""
    return [derive(seed, int(digest[:16] or "0", 16)) for digest in sha256]


def _warped(pixels: Tensor, degrees: Tensor, size: Tensor, flips: Tensor) -> Tensor:
    """Turned counter-clockwise, enlarged and then mirrored; `degrees` and `size` (n,), `flips` (n, 2) across and down."""
    height, width = pixels.shape[1:3]
    device, turn = pixels.device, torch.deg2rad(degrees.double())
    across, down = (1 - 2 * flips.double()).unbind(1)
    cosine, sine = turn.cos() / size, turn.sin() / size
    # Where each pixel of the result comes from, in coordinates that run from -1 to 1 over the image.
    matrix = torch.stack(
        [cosine * across, -sine * down * height / width, sine * across * width / height, cosine * down], dim=1
    )
    xx, xy, yx, yy = matrix.float().to(device)[:, :, None, None].unbind(1)  # each (n, 1, 1)
    x, y = _centres(width, device)[None, None, :], _centres(height, device)[None, :, None]
    grid = torch.stack([xx * x + xy * y, yx * x + yy * y], dim=-1)  # (n, height, width, 2)
    planes = pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format).div_(255)
    moved = F.grid_sample(planes, grid, padding_mode="reflection", align_corners=False)
    return moved.contiguous(memory_format=torch.channels_last)


def _centres(count: int, device: torch.device) -> Tensor:
    """Centres of pixels that fill -1..1, shape (count,)."""
    return (2 * torch.arange(count, device=device) + 1) / count - 1


def _flipped(images: Tensor, flips: Tensor) -> Tensor:
    """Whole pixels change places; `flips` (n, 2) across and down; in place."""
    for axis, chosen in zip((3, 2), flips.unbind(1), strict=True):
        rows = chosen.nonzero().squeeze(1).to(images.device)
        if len(rows):
            images[rows] = images[rows].flip(axis)
    return images


def _tone(images: Tensor, pixels: Tensor, brightness: Tensor, contrast: Tensor) -> None:
    """Spread the pixels of each image around its mean by `contrast`, then scale by `brightness`, (n,); in place."""
    total = pixels.flatten(2).sum(2, dtype=torch.int32).sum(1)  # whole numbers: the same sum in any order
    mean = total.float() / (255 * pixels[0].numel())
    factor, offset = ((brightness * share).float().to(images.device) for share in (contrast, 1 - contrast))
    images.mul_(factor.view(-1, 1, 1, 1)).add_((offset * mean).view(-1, 1, 1, 1)).clamp_(0, 1)
