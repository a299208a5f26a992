"""Judging predictions: reads only the predictions table, never a model."""
