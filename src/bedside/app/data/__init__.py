"""Data: files that arrive, what their columns are for, and what the checks found."""
