"""The shape of a beat: Gaussian events P, Q, R, S, T on the limit cycle, and what ischaemia does to them.

The model has dz/dt = -sum(a_i * dtheta_i * exp(-dtheta_i^2 / (2 b_i^2))) - (z - z0), driven by the phase theta. The sum is the
derivative of waves G(theta) of height A_i = a_i b_i^2 / omega, so z follows G, less its slow part: the last term acts as the
input filter of an amplifier (first order, 0.16 Hz). Written for w = z - G the equation is dw/dt = -(w + G - z0), which is
integrated exactly for G between two time points on a straight line.

Source: McSharry, Clifford, Tarassenko, Smith 2003, doi:10.1109/TBME.2003.808805, equations 1 and 2 and table I, for the events and
the angles of P and T. Ours are heights in mV per lead, a T wave that rises slower than it falls, and narrower waves: with the
widths of the source a P wave lasts 160 ms and a QRS complex 130 ms, which in patients are signs of disease.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

LEADS = ("II", "V5")
EVENTS = ("P", "Q", "R", "S", "T")
ANGLES = np.array([-np.pi / 3, -np.pi / 15, 0.0, np.pi / 15, np.pi / 2])  # at 60 beats per minute
WIDTHS = np.array([0.17, 0.075, 0.075, 0.075, 0.35])
HEIGHTS = np.array([[0.14, -0.10, 1.10, -0.18, 0.32], [0.09, -0.08, 1.35, -0.32, 0.40]])  # mV, (leads, events)
_RISE = 1.4  # how much slower the T wave rises than it falls
ST_WIDTH = 0.22  # of the event that lowers the ST segment, which lies between S and T


@dataclass(frozen=True)
class Beats:
    """The beats of n recordings: angles and widths (n, 5) in radians, heights (n, 2, 5) and height of the ST segment (n, 2)
    in mV; how much ischaemia lowers that segment, (n, 2) in mV, and takes from the T wave as a share of it, (n,): 1 flattens
    it, more turns it over."""

    angles: np.ndarray
    widths: np.ndarray
    heights: np.ndarray
    segment: np.ndarray
    lowered: np.ndarray
    turned: np.ndarray


def at_heart_rate(angles: np.ndarray, widths: np.ndarray, interval: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Angles and widths, both (n, 5), at mean RR intervals (n,): waves take a time that goes with the root of the interval
    (Bazett), so they cover a larger part of a shorter cycle; P and T move half as far, as in the source's program."""
    faster = np.sqrt(1 / interval)[:, None]
    powers = np.array([0.5, 1, 1, 1, 0.5])
    return angles * faster**powers, widths * faster


def trace(beats: Beats, phase: np.ndarray, baseline: np.ndarray, rate: float) -> np.ndarray:
    """Voltage in mV of each lead, (n, leads, time), along `phase` (n, time) around `baseline` z0 (n, time)."""
    heights = beats.heights.copy()
    heights[:, :, 4] *= (1 - beats.turned)[:, None]
    waves = np.zeros((*heights.shape[:2], phase.shape[1]))
    for event in range(len(EVENTS)):
        rise = _RISE if EVENTS[event] == "T" else 1.0
        wave = _wave(phase, beats.angles[:, event], beats.widths[:, event], rise)
        waves += heights[:, :, event, None] * wave[:, None]
    between = _wave(phase, st_angle(beats), beats.widths[:, 4] / WIDTHS[4] * ST_WIDTH, 1.0)
    waves += (beats.segment - beats.lowered)[..., None] * between[:, None]
    return waves + _relaxation(waves - baseline[:, None], rate)


def st_angle(beats: Beats) -> np.ndarray:
    """Where the ST segment has its middle, (n,): nearer to S than to T."""
    return np.asarray(beats.angles[:, 3] + 0.36 * (beats.angles[:, 4] - beats.angles[:, 3]))


def changed(beats: Beats, phase: np.ndarray) -> np.ndarray:
    """Where ischaemia acts, (n, time) bool: from the J point, where the S wave has ended, to the end of the T wave."""
    begin = beats.angles[:, 3] + 1.5 * beats.widths[:, 3]
    end = beats.angles[:, 4] + 2 * beats.widths[:, 4]
    place = np.mod(phase - begin[:, None], 2 * np.pi)
    return np.asarray(
        (place < (end - begin)[:, None]) & ((beats.turned > 0) | (beats.lowered > 0).any(axis=1))[:, None]
    )


def _wave(phase: np.ndarray, angle: np.ndarray, width: np.ndarray, rise: float) -> np.ndarray:
    """A Gaussian event of height 1 once in every cycle, (n, time); its rising flank is `rise` times as wide."""
    away = np.mod(phase - angle[:, None] + np.pi, 2 * np.pi) - np.pi
    flank = np.where(away < 0, rise, 1.0) if rise != 1 else 1.0
    return np.asarray(np.exp(-0.5 * (away / (width[:, None] * flank)) ** 2))


def _relaxation(drive: np.ndarray, rate: float) -> np.ndarray:
    """w with dw/dt = -(w + drive), (n, leads, time), exact for a drive that runs straight between points; it begins in
    balance with the mean of the drive, as if the recording had gone on for long."""
    h = 1 / rate
    keep = np.exp(-h)
    later = 1 - (1 - keep) / h  # weight of the drive at the end of a step, then at its beginning
    earlier = (1 - keep) - later
    begin = -drive.mean(axis=-1, keepdims=True)
    state = keep * begin - earlier * drive[..., :1]
    rest, _ = lfilter([-later, -earlier], [1.0, -keep], drive[..., 1:], axis=-1, zi=state)
    return np.concatenate([begin, rest], axis=-1)
