"""What a generative family gives: a synthetic cohort, and whether it is useful, like the real one, and safe to show.

Reads:  a run folder, its cohort, and the members that its folds trained.
Gives:  synthetic/ in the run folder: samples.csv, tests.json, distances.csv.

Every fold is judged by itself: its member draws as many samples of each class as it had to learn from, and these are held
against the real training and test samples of the same fold. Test samples judge and choose nothing.
"""

from bedside.synthesis.stage import FOLDER, synthesis_steps, wanted

__all__ = ["FOLDER", "synthesis_steps", "wanted"]
