"""What is true of every recording before it is computed: who the patient is, how the heart beats, what ischaemia does to it.

Every patient and every recording draws from streams of its own, so one more patient changes no other recording. Nothing
but the change of ST segment and T wave goes with the diagnosis; both vary in the healthy too, so mild ischaemia hides.
"""

import numpy as np
import pandas as pd

from bedside.data.ecg.rhythm import Rhythm, n_angles
from bedside.data.ecg.settings import EcgSettings
from bedside.data.ecg.waves import ANGLES, HEIGHTS, LEADS, WIDTHS, Beats, at_heart_rate
from bedside.seeds import derive

PATIENT, RECORDING, NOISE = range(3)  # streams of chance
CLASSES = ("normal", "ischaemia")
SITES = ("A", "B")
FAULTS = ("swapped", *(f"{lead} inverted" for lead in LEADS))
_WAVES = len(ANGLES)
_LOWERED = np.array([0.16, 0.22])  # mV that the most severe ischaemia takes from the ST segment of each lead
_TURNED = 1.5  # share of the T wave that the most severe ischaemia takes
_HEIGHT_SD = np.array([0.25, 0.35, 0.25, 0.35, 0.35])  # of the logarithm, between patients
_SEGMENT_SD = 0.025  # mV, between patients without ischaemia
_WITHIN = 0.06  # how far recordings of one patient differ, of the logarithm of heights and interval
_SEVERITY_WITHIN = 0.2


def stream(settings: EcgSettings, kind: int, number: int) -> np.random.Generator:
    """The chance of one patient or recording, for one purpose."""
    return np.random.default_rng(derive(settings.seed, kind, number))


def truth_table(settings: EcgSettings) -> pd.DataFrame:
    """One row per recording, indexed by sample: patient, site, sex, age, mean RR interval and its standard deviation in
    seconds, balance of its spectrum, severity (0 without ischaemia, at most about 1.5), lead fault, pulse (0 or 1), true
    and recorded target."""
    people = _patients(settings)
    number = np.repeat(np.arange(settings.patients), settings.recordings)
    table = people.iloc[number].reset_index(drop=True)
    table.index = pd.Index([f"ecg-{k + 1:04d}" for k in range(len(table))], name="sample")
    chance = [stream(settings, RECORDING, k) for k in range(len(table))]
    faulty, kind, pulsed = np.array([rng.random(3) for rng in chance]).T
    interval, severity = np.array([rng.standard_normal(2) for rng in chance]).T
    fault = np.array(FAULTS, dtype=object)[(kind * len(FAULTS)).astype(int)]
    last = (table["site"] == SITES[settings.sites - 1]).to_numpy()
    ischaemic = (table["true_target"] == CLASSES[1]).to_numpy()
    return table.assign(
        rr_mean=np.clip(table["rr_mean"] * np.exp(_WITHIN * interval), 0.5, 1.4),
        severity=table["severity"] * np.exp(_SEVERITY_WITHIN * severity),
        fault=np.where(faulty < settings.lead_faults, fault, ""),
        pulse=(last & ischaemic & (pulsed < settings.shortcut)).astype(int),
    )


def _patients(settings: EcgSettings) -> pd.DataFrame:
    streams = [stream(settings, PATIENT, k) for k in range(settings.patients)]
    ill, severe, site, sex, age, wrong = np.array([rng.random(6) for rng in streams]).T
    rate, spread, balance = np.array([rng.standard_normal(3) for rng in streams]).T
    years = np.round(30 + 55 * np.sqrt(age)).astype(int)
    ischaemic = ill < settings.prevalence
    return pd.DataFrame(
        {
            "patient": [f"patient-{k + 1:04d}" for k in range(settings.patients)],
            "site": np.array(SITES)[(site * settings.sites).astype(int)],
            "sex": np.where(sex < 0.5, "female", "male"),
            "age": years,
            "rr_mean": 60 / np.clip(70 + 10 * rate, 48, 110),
            "rr_sd": 0.035 * np.exp(0.3 * spread) * (1 - 0.008 * (years - 60)),
            "balance": 0.5 * np.exp(0.5 * balance),  # the breathing part is the larger one at rest
            "severity": np.where(ischaemic, severe**0.8, 0.0),
            "true_target": np.array(CLASSES)[ischaemic.astype(int)],
            "target": np.array(CLASSES)[(ischaemic ^ (wrong < settings.label_noise)).astype(int)],
        }
    )


def rhythms(settings: EcgSettings, table: pd.DataFrame) -> tuple[Rhythm, np.ndarray]:
    """How the heart beats in each recording, and the random phases of its tachogram, (n, angles)."""
    chance = [stream(settings, RECORDING, k).spawn(1)[0].random(n_angles() + 1) for k in range(len(table))]
    angles = 2 * np.pi * np.array(chance)
    mean, sd, balance = table[["rr_mean", "rr_sd", "balance"]].to_numpy(np.float64).T
    return Rhythm(mean, sd, balance, start=angles[:, 0] - np.pi), angles[:, 1:]


def beats(settings: EcgSettings, table: pd.DataFrame) -> Beats:
    """The waves of each recording: those of the patient, slightly changed, and what ischaemia does to them."""
    leads = len(LEADS)
    people = np.array([stream(settings, PATIENT, k).spawn(1)[0].standard_normal(24) for k in range(settings.patients)])
    again = np.array(
        [stream(settings, RECORDING, k).spawn(2)[1].standard_normal(leads * _WAVES) for k in range(len(table))]
    )
    of = people[np.repeat(np.arange(settings.patients), settings.recordings)]
    shared, own, angle, width, segment = np.split(of, np.cumsum([_WAVES, _WAVES, _WAVES, _WAVES]), axis=1)
    both = np.stack([0.8 * shared + 0.6 * own, 0.8 * shared - 0.6 * own], axis=1)  # the leads of a patient go together
    heights = HEIGHTS * np.exp(_HEIGHT_SD * both + _WITHIN * again.reshape(-1, leads, _WAVES))
    heights[:, :, 4] *= np.where(table["sex"] == "female", 0.85, 1.0)[:, None]
    angles, widths = at_heart_rate(
        ANGLES * np.exp(0.06 * angle), WIDTHS * np.exp(0.10 * width), table["rr_mean"].to_numpy(np.float64)
    )
    severity = settings.strength * table["severity"].to_numpy(np.float64)
    common = segment[:, :1] * 0.8 + segment[:, 1:3] * 0.6
    return Beats(
        angles=angles,
        widths=widths,
        heights=heights,
        segment=_SEGMENT_SD * common,
        lowered=severity[:, None] * _LOWERED * np.exp(0.3 * segment[:, 3:4]),
        turned=severity * _TURNED * np.exp(0.3 * segment[:, 3]),
    )
