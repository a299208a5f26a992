"""Signals become a cohort: arrays, tables with a row per recording or per time point, WFDB records."""
