"""Operating point: another threshold and another prevalence, and everything that follows."""
