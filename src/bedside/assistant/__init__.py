"""The model of a run as tools for assistants: describe, predict, explain, with the card's limits in every answer."""

from bedside.assistant.tools import Assistant

__all__ = ["Assistant"]
