"""Recordings and what is known of them become a cohort."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Finding
from bedside.data.assemble import ONLY_IMAGES, assemble
from bedside.data.files import refuse_idle
from bedside.data.signals.copies import link_signals
from bedside.data.signals.inputs import SignalInputs
from bedside.settings import DataSettings


def make_signal_cohort(
    inputs: SignalInputs,
    frame: pd.DataFrame,
    settings: DataSettings,
    *,
    name: str,
    about: dict[str, str] | None = None,
    split: np.ndarray | None = None,
    findings: Iterable[Finding] = (),
) -> Cohort:
    """A cohort from recordings and what is known about them; every reader and the generator come through here.

    Args:
        inputs: the recordings, one per sample.
        frame: raw cells, one row per recording; the index holds the sample ids, the columns are named by `settings`.
        settings: what the columns are for; `target` must be named.
        name: what the cohort is called.
        about: source, licence and the like, for the report.
        split: "train", "valid" or "test" for each sample, shape (n,), if the data came divided and no column says so.
        findings: what was found while reading.

    Raises:
        DataError: if a column is missing or cannot be used for its role.
        SettingError: if a setting cannot act on signals.
    """
    refuse_idle(settings, ONLY_IMAGES, "signals")
    one_each = "If a patient may have several recordings, name the column: --patient COLUMN."
    if not settings.signal and not settings.recording:
        one_each = "If a patient may have several recordings, say which are whose: an array `patients` in an .npz file, or a table with --patient COLUMN."
    return assemble(
        inputs,
        lambda: link_signals(inputs),
        frame,
        settings,
        thing="recording",
        one_each=one_each,
        name=name,
        about=about or {},
        split=split,
        findings=findings,
    )
