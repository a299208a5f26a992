"""Checks of the exercises in notebook 02."""
