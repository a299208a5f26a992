"""Runs: the list, a run's own page, runs side by side, and the trash."""
