"""Synthetic electrocardiograms: a generator of recordings whose truth is known, for every check that needs one."""

from bedside.data.ecg.cohort import Generated, generate
from bedside.data.ecg.settings import EcgSettings

__all__ = ["EcgSettings", "Generated", "generate"]
