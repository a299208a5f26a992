"""When the heart beats: intervals whose spectrum has a slow and a breathing part, and the phase that follows from them.

Source: McSharry, Clifford, Tarassenko, Smith 2003, doi:10.1109/TBME.2003.808805, section II-C.
"""

from dataclasses import dataclass

import numpy as np

SLOW, BREATHING = 0.1, 0.25  # Hz: where the two parts of the spectrum lie (Mayer waves, respiration)
WIDTH = 0.01  # Hz: standard deviation of either part
_FREQUENCIES = np.concatenate([np.arange(0.0625, 0.14, 0.0025), np.arange(0.2125, 0.29, 0.0025)])
_SHORTEST = 0.3  # seconds between two beats, that no interval falls below


@dataclass(frozen=True)
class Rhythm:
    """Of each of n recordings: mean RR interval in seconds, its standard deviation, the power of the slow part divided by
    that of the breathing part, and the phase of the heart at the beginning in -pi..pi (0 is the R peak); shape (n,)."""

    mean: np.ndarray
    sd: np.ndarray
    balance: np.ndarray
    start: np.ndarray


def tachogram(rhythm: Rhythm, angles: np.ndarray, times: np.ndarray) -> np.ndarray:
    """RR interval in seconds at each of `times`, (n, time); `angles` (n, FREQUENCIES) are random phases, 0..2 pi."""
    power = _spectrum(rhythm.balance)
    amplitude = np.sqrt(2 * power) * rhythm.sd[:, None]
    turns = 2 * np.pi * np.outer(_FREQUENCIES, times)
    waves = (amplitude * np.cos(angles)) @ np.cos(turns) - (amplitude * np.sin(angles)) @ np.sin(turns)
    return np.maximum(rhythm.mean[:, None] + waves, _SHORTEST)


def n_angles() -> int:
    """Random phases that a tachogram needs."""
    return len(_FREQUENCIES)


def _spectrum(balance: np.ndarray) -> np.ndarray:
    """Share of the variance at each frequency, (n, frequencies): two Gaussians."""
    slow = np.exp(-((_FREQUENCIES - SLOW) ** 2) / (2 * WIDTH**2))
    breathing = np.exp(-((_FREQUENCIES - BREATHING) ** 2) / (2 * WIDTH**2))
    share = (balance / (1 + balance))[:, None]
    return np.asarray(share * slow / slow.sum() + (1 - share) * breathing / breathing.sum())


def phase(rhythm: Rhythm, intervals: np.ndarray, rate: float) -> np.ndarray:
    """The phase of the heart, (n, time), unwrapped: R peaks lie at multiples of 2 pi.

    On the limit cycle of the model the point moves with the angular velocity 2 pi / RR, so its phase is the integral of
    that, here by the trapezoidal rule.
    """
    speed = 2 * np.pi / intervals
    steps = 0.5 * (speed[:, 1:] + speed[:, :-1]) / rate
    return np.asarray(rhythm.start[:, None] + np.concatenate([np.zeros((len(speed), 1)), steps.cumsum(axis=1)], axis=1))
