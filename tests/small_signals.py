"""Recordings with known properties, those of the contract; shared by the tests of families that read them."""

from bedside.contract.cohorts import pulses, signal_cohort

__all__ = ["pulses", "signal_cohort"]
