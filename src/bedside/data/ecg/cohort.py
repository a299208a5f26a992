"""The generated recordings with their truth, and the cohort made from them."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, KnownTruth
from bedside.data.ecg import device, rhythm, waves
from bedside.data.ecg.settings import EcgSettings
from bedside.data.ecg.truth import beats, rhythms, truth_table
from bedside.data.signals.cohort import make_signal_cohort
from bedside.data.signals.inputs import SignalInputs
from bedside.settings import DataSettings, build

_AT_ONCE = 2_000_000  # time points of recordings computed together


@dataclass(frozen=True)
class Generated:
    """Synthetic electrocardiograms with their truth: recordings (n, leads, time) in mV, the phase of the heart (n, time),
    where ischaemia changes them and where a pulse lies, both (n, time) bool, and one row per recording of
    `truth.truth_table`."""

    recordings: np.ndarray
    phase: np.ndarray
    change: np.ndarray
    pulse: np.ndarray
    truth: pd.DataFrame


def generate(settings: EcgSettings | None = None) -> Generated:
    """Compute a cohort of synthetic electrocardiograms; the same settings give the same recordings.

    Recording k does not depend on how many there are, nor, apart from the pulse itself, on who has a pulse.
    """
    settings = settings or EcgSettings()
    table = truth_table(settings)
    times = np.arange(settings.points) / settings.rate
    rhythm_of, angles = rhythms(settings, table)
    phase = rhythm.phase(rhythm_of, rhythm.tachogram(rhythm_of, angles, times), settings.rate)
    shapes = beats(settings, table)
    clean = _clean(settings, shapes, phase)
    recordings = device.disturb(settings, table, clean)
    pulsed = table["pulse"].to_numpy() == 1
    device.add_pulse(settings, table, recordings, np.flatnonzero(pulsed).tolist())
    pulse = pulsed[:, None] & (np.arange(settings.points) < device.pulse_points(settings))
    change = waves.changed(shapes, phase) & ~pulse
    return Generated(device.stored(recordings), phase, change, pulse, table)


def _clean(settings: EcgSettings, shapes: waves.Beats, phase: np.ndarray) -> np.ndarray:
    """What the heart alone gives, (n, leads, time) in mV, some recordings at a time."""
    baseline = device.breathing(settings, len(phase))
    step = max(1, _AT_ONCE // phase.shape[1])
    parts = [slice(begin, begin + step) for begin in range(0, len(phase), step)]
    return np.concatenate(
        [
            waves.trace(
                waves.Beats(*(values[part] for values in vars(shapes).values())),
                phase[part],
                baseline[part],
                settings.rate,
            )
            for part in parts
        ]
    )


def make_cohort(settings: DataSettings, *, name: str, about: dict[str, str]) -> Cohort:
    """The generated recordings as a cohort. Its samples keep only columns with a role; the truth lies beside them, for
    explanations to be held against.

    Raises:
        SettingError: if a setting under `data.synthetic` is unknown, out of range, or cannot act.
    """
    asked = build(EcgSettings, settings.synthetic, prefix="data.synthetic.")
    generated = generate(asked)
    frame = generated.truth[["patient", "site", "sex", "age"]].assign(diagnosis=generated.truth["target"])
    inputs = _inputs(generated.recordings, asked)
    cohort = make_signal_cohort(inputs, frame, settings, name=name, about=about)
    return replace(cohort, truth=partial(known_truth, asked, generated))


def known_truth(settings: EcgSettings, generated: Generated) -> KnownTruth:
    """Where ischaemia changes a recording, and, if there are pulses, where they lie and the recordings without them."""
    if not generated.pulse.any():
        return KnownTruth({"change": generated.change})
    bare = generate(settings.model_copy(update={"shortcut": 0.0}))
    masks = {"change": generated.change, "pulse": generated.pulse}
    return KnownTruth(masks, {"pulse": _inputs(bare.recordings, settings)})


def _inputs(recordings: np.ndarray, settings: EcgSettings) -> SignalInputs:
    return SignalInputs(tuple(recordings), waves.LEADS, settings.rate, ("mV",) * len(waves.LEADS))
