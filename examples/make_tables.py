"""Make the tables of this folder: a clinic that does not exist, its next patients and year, and the scores of a vendor.

    python examples/make_tables.py

Every patient is invented. Risk of readmission rises with age, creatinine and earlier admissions and falls with
haemoglobin; blood pressure tells nothing. The vendor's scores rank patients well and are nearly twice too high. A year later haemoglobin is measured
less often, and at equal findings the odds of readmission are half of what they were.
"""

from pathlib import Path

import numpy as np
import pandas as pd


def tables(seed: int = 1) -> dict[str, pd.DataFrame]:
    """The tables by file name."""
    rng = np.random.default_rng(seed)
    clinic = visits(rng, n_patients=320)
    chance = risk(clinic)
    returned = rng.random(len(clinic)) < chance
    days = pd.Series(rng.integers(1, 31, len(clinic)), dtype="Int64").where(returned)
    clinic["readmitted"] = np.where(returned, "yes", "no")
    clinic["days_until_readmission"] = days  # known only after the outcome: a leak to be found

    following = visits(rng, n_patients=12).drop(columns=["patient", "hospital"])
    scored = visits(rng, n_patients=400)
    truth = np.where(rng.random(len(scored)) < risk(scored), "yes", "no")
    vendor = scored[["patient"]].assign(readmitted=truth, risk=(1 - (1 - risk(scored)) ** 2).round(3))
    later = visits(rng, n_patients=300)
    later["patient"] = later["patient"].str.replace("P", "N")
    later["haemoglobin"] = later["haemoglobin"].mask(rng.random(len(later)) < 0.3)
    odds = risk(later) / (1 - risk(later)) / 2
    later["readmitted"] = np.where(rng.random(len(later)) < odds / (1 + odds), "yes", "no")
    return {"clinic.csv": clinic, "new_patients.csv": following, "vendor.csv": vendor, "next_year.csv": later}


def visits(rng: np.random.Generator, n_patients: int) -> pd.DataFrame:
    """One row per hospital stay, one to three stays per patient, 6 % of the laboratory values missing."""
    patient = np.repeat(np.arange(1, n_patients + 1), rng.integers(1, 4, n_patients))
    n = len(patient)
    sex, hospital = rng.choice(["female", "male"], n_patients), rng.choice(["harbour", "hill", "park"], n_patients)
    age = rng.normal(66, 14, n_patients).clip(18, 97).astype(int)
    frame = pd.DataFrame(
        {
            "patient": [f"P{number:03d}" for number in patient],
            "hospital": hospital[patient - 1],
            "sex": sex[patient - 1],
            "age": age[patient - 1],
            "systolic_pressure": rng.normal(135, 18, n).round().astype(int),
            "creatinine": np.exp(rng.normal(0.05, 0.35, n)).round(2),
            "haemoglobin": rng.normal(12.8, 1.9, n).round(1),
            "earlier_admissions": rng.poisson(1.1, n),
            "ward": rng.choice(["medicine", "surgery", "cardiology"], n, p=[0.5, 0.3, 0.2]),
        }
    )
    for name in ("creatinine", "haemoglobin"):
        frame[name] = frame[name].mask(rng.random(n) < 0.06)
    return frame


def risk(stay: pd.DataFrame) -> np.ndarray:
    """The invented truth: probability of readmission within 30 days, shape (n,)."""
    creatinine, haemoglobin = stay.creatinine.fillna(1.1), stay.haemoglobin.fillna(12.8)
    odds = -1.6 + 0.03 * (stay.age - 66) + 1.2 * (creatinine - 1.1) - 0.3 * (haemoglobin - 12.8)
    return (1 / (1 + np.exp(-(odds + 0.6 * (stay.earlier_admissions - 1.1))))).to_numpy()


if __name__ == "__main__":
    for name, table in tables().items():
        table.to_csv(Path(__file__).with_name(name), index=False, lineterminator="\n")
