"""Properties of a sample that are not its content but tell the target: what a network finds sooner than the disease."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Finding
from bedside.data import leaks
from bedside.data.codes import finding

SUSPICIOUS_AUC = 0.9
SUSPICIOUS_CORRELATION = 0.8


@dataclass(frozen=True)
class Look:
    """One property: the code of its finding, what it is called, its values, shape (k,), and the samples they are of."""

    code: str
    what: str
    values: np.ndarray
    rows: np.ndarray | None = None  # all samples
    auc: float = SUSPICIOUS_AUC
    correlation: float = SUSPICIOUS_CORRELATION


def shortcuts(cohort: Cohort, looks: Iterable[Look], remedies: Mapping[str, str]) -> list[Finding]:
    """A warning for each property that nearly tells the target, each code once, and for the site if it does."""
    looks, target, found = list(looks), cohort.target, dict[str, Finding]()
    if "site" in cohort.samples:
        looks.append(Look("shortcut-site", "The site", cohort.samples["site"].to_numpy(object)))
    for look in looks:
        if look.code in found or len(pd.unique(look.values)) < 2:
            continue
        how = leaks.scan(
            look.values,
            target if look.rows is None else target[look.rows],
            cohort.task,
            category=look.values.dtype == object,
            among=len(looks),
            auc=look.auc,
            correlation=look.correlation,
        )
        if how is not None:
            tells = "gives the target away" if how.perfect else "nearly gives the target away"
            message = f"{look.what} alone {tells}: {how.how}."
            found[look.code] = finding("warning", look.code, message, remedies[look.code])
    return list(found.values())
