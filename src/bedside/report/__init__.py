"""One self-contained HTML page made from a run folder."""
