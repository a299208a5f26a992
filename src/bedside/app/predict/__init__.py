"""Predict: a form or a file for a model, and its answers with their doubts."""
