"""Changes to training recordings that do not change the answer: a little noise, another amplitude, a shift in time.

All random numbers come from the generator given, on the CPU, so that a training repeats exactly. Each kind of change draws
its numbers whether it is switched on or not: one setting does not shift another's numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bedside.cohort import Cohort
from bedside.settings import AugmentSettings, RunSettings

DEFAULTS = {"noise": 0.05, "scaling": 0.1, "shift": 0.05}  # where nothing was asked for


def resolve(settings: AugmentSettings) -> AugmentSettings:
    """The settings with every unset change of recordings filled in, so that settings.yaml shows the numbers."""
    chosen = {name: value for name, value in settings.model_dump(exclude_unset=True).items() if value is not None}
    return AugmentSettings(**{**DEFAULTS, **chosen})


@dataclass(frozen=True)
class SignalAugmentation:
    """Random changes of prepared recordings, drawn for each recording on its own."""

    noise: float  # standard deviation of what is added to each point, in that of the channel
    scaling: float  # share by which amplitudes grow or shrink, all channels alike
    shift: float  # share of its own length by which a recording moves, either way
    spread: tuple[float, ...] = ()  # standard deviation of each channel as it is prepared; 1 each for none

    def __call__(self, recordings: Tensor, generator: torch.Generator) -> Tensor:
        """One random version of each recording.

        Args:
            recordings: (n, channels + 1, time); the last row says what was recorded, and stays true.
            generator: on the CPU; the same state gives the same versions.
        """
        n, rows, time = recordings.shape
        numbers = torch.rand(n, 2, generator=generator) * 2 - 1
        spread = torch.tensor(self.spread or [1.0] * (rows - 1), dtype=recordings.dtype)
        noise = torch.randn(n, rows - 1, time, generator=generator) * self.noise * spread[:, None]
        factor = (1 + self.scaling * numbers[:, 0]).to(recordings.device)
        recorded = recordings[:, -1:]
        changed = (recordings[:, :-1] * factor[:, None, None] + noise.to(recordings.device)) * recorded
        moves = (numbers[:, 1].to(recordings.device) * self.shift * recorded.sum(dim=(1, 2))).round().long()
        return _moved(torch.cat([changed, recorded], dim=1), moves)


def _moved(recordings: Tensor, moves: Tensor) -> Tensor:
    """Recordings (n, rows, time) later in time by (n,) points; what leaves is lost, what enters was not recorded."""
    time = recordings.shape[-1]
    source = torch.arange(time, device=recordings.device) - moves[:, None]
    there = ((source >= 0) & (source < time))[:, None]
    place = source.clamp(0, time - 1)[:, None].expand_as(recordings)
    return recordings.gather(2, place) * there


def augmentation_of(
    cohort: Cohort, settings: RunSettings, learned: Tensor
) -> Callable[[Tensor, torch.Generator], Tensor] | None:
    """What changes recordings of a training; None for samples that are not recordings, or if everything is switched off.

    Args:
        learned: the training recordings as they are prepared, (n, channels + 1, time).
    """
    if cohort.inputs.kind != "signal":
        return None
    asked = resolve(settings.augment)
    spread = _spread(learned) if settings.preparation.scale == "none" else ()
    found = SignalAugmentation(asked.noise or 0.0, asked.scaling or 0.0, asked.shift or 0.0, spread)
    return found if any((found.noise, found.scaling, found.shift)) else None


def _spread(recordings: Tensor) -> tuple[float, ...]:
    """Standard deviation of each channel over what was recorded, in its own unit."""
    recorded = recordings[:, -1] > 0
    return tuple(float(channel[recorded].double().std(correction=0)) for channel in recordings[:, :-1].unbind(1))
