"""What lies between the heart and the file: wander, muscle, mains hum, gain, leads on the wrong electrode, a test pulse."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.ndimage import uniform_filter1d

from bedside.data.ecg.rhythm import BREATHING
from bedside.data.ecg.settings import EcgSettings
from bedside.data.ecg.truth import FAULTS, NOISE, stream

MAINS = 50.0  # Hz
PULSE = (0.06, 0.26, 0.32)  # seconds: the pulse begins, ends, and the heart is connected
STEP = 0.001  # mV: what one unit of the stored numbers stands for
_WANDER, _BREATH, _HUM = 1.5, 2.0, 0.15  # amplitudes as a multiple of the muscle noise
_GAIN = {"A": 1.0, "B": 0.9}
_MORE_HUM = {"A": 1.0, "B": 3.0}


def breathing(settings: EcgSettings, n: int) -> np.ndarray:
    """The baseline z0 of the model in mV, (n, time): it moves with respiration."""
    times = np.arange(settings.points) / settings.rate
    start = np.array([stream(settings, NOISE, k).random() for k in range(n)])
    return np.asarray(_BREATH * settings.noise * np.sin(2 * np.pi * (BREATHING * times + start[:, None])))


def disturb(settings: EcgSettings, table: pd.DataFrame, clean: np.ndarray) -> np.ndarray:
    """Recordings (n, leads, time) in mV as a device of the site gives them, on electrodes that are not always right."""
    times = np.arange(settings.points) / settings.rate
    leads = clean.shape[1]
    disturbed = np.empty_like(clean)
    for k, (site, fault) in enumerate(zip(table["site"], table["fault"], strict=True)):
        rng = stream(settings, NOISE, k).spawn(1)[0]
        muscle = uniform_filter1d(rng.standard_normal((leads, len(times))), 2, axis=1) * np.sqrt(2)
        slow = rng.uniform(0.05, 0.35, (leads, 2, 1))
        wander = np.sin(2 * np.pi * (slow * times + rng.random((leads, 2, 1)))).sum(axis=1)
        hum = np.sin(2 * np.pi * (MAINS * times + rng.random((leads, 1))))
        disturbance = muscle + _WANDER * wander * rng.uniform(0, 1, (leads, 1)) + _HUM * _MORE_HUM[site] * hum
        disturbed[k] = _GAIN[site] * _connected(clean[k], fault) + settings.noise * disturbance
    return disturbed


def _connected(clean: np.ndarray, fault: str) -> np.ndarray:
    """The leads of one recording, (leads, time), as the electrodes were put on."""
    if not fault:
        return clean
    if fault == FAULTS[0]:
        return clean[::-1]
    sign = np.where(np.arange(len(clean)) == FAULTS.index(fault) - 1, -1.0, 1.0)
    return np.asarray(clean * sign[:, None])


def pulse_points(settings: EcgSettings) -> int:
    """Time points from the beginning until the heart is connected."""
    return min(settings.points, round(PULSE[2] * settings.rate))


def add_pulse(settings: EcgSettings, table: pd.DataFrame, recordings: np.ndarray, rows: Iterable[int]) -> None:
    """Put a pulse of 1 mV before the given recordings, in place; the noise of the device stays."""
    times = np.arange(pulse_points(settings)) / settings.rate
    shape = ((times >= PULSE[0]) & (times < PULSE[1])).astype(np.float64)
    sites = table["site"].to_numpy()
    for row in rows:
        noise = stream(settings, NOISE, row).spawn(2)[1].standard_normal((recordings.shape[1], len(times)))
        recordings[row, :, : len(times)] = _GAIN[sites[row]] * shape + 0.3 * settings.noise * noise


def stored(recordings: np.ndarray) -> np.ndarray:
    """Recordings in whole steps of the device, 32-bit floats: what the last bits of a processor differ in is gone."""
    return np.asarray(np.round(recordings / STEP) * STEP, dtype=np.float32)
