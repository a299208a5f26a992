"""Exercises of notebook 05, honest evaluation."""

from collections.abc import Callable, Iterator

import numpy as np

from bedside.learn.answer import Remark, exercise, right, wrong

# Names in no order, with unequal numbers of images, as patients come.
_PATIENTS = np.array([f"P{number}" for number in np.random.default_rng(5).permutation(np.repeat(range(60), 4))[:200]])


@exercise("05.3", "a split by patients")
def patient_split(split: Callable[..., np.ndarray]) -> Iterator[Remark]:
    """`split(patients, share, seed)` gives a mask of the test rows."""
    mask = np.asarray(split(_PATIENTS, 0.3, 0))
    if mask.shape != _PATIENTS.shape or mask.dtype != bool:
        yield wrong(
            f"The result should be True or False for each of {len(_PATIENTS)} rows; it is {mask.dtype} of shape {mask.shape}.",
            "Draw the patients of the test first; then ask of every row whether its patient is among them (np.isin).",
        )
        return
    yield right("There is one True or False for every row.")
    both = set(_PATIENTS[mask]) & set(_PATIENTS[~mask])
    if both:
        yield wrong(
            f"{len(both)} of {len(set(_PATIENTS))} patients have images on both sides.",
            "Deal out the different names (np.unique), not the rows: all rows of a name must go the same way.",
        )
        return
    yield right("No patient is on both sides.")
    share = len(set(_PATIENTS[mask])) / len(set(_PATIENTS))
    if abs(share - 0.3) < 0.12:
        yield right("About the share of patients that was asked for is tested.")
    else:
        yield wrong(
            f"{share:.0%} of the patients are tested, asked for were 30 %.",
            "True means tested; and share is a share of the patients.",
        )
    if not np.array_equal(mask, split(_PATIENTS, 0.3, 0)):
        yield wrong("The same seed gives another split each time.", "Make the generator inside, from the seed.")
    elif all(np.array_equal(mask, split(_PATIENTS, 0.3, seed)) for seed in (1, 2, 3)):
        yield wrong(
            "Every seed gives the same split, so the order of the table decides who is tested.",
            "np.random.default_rng(seed) can choose from the names.",
        )
    else:
        yield right("The seed decides who is tested.")


@exercise("05.5", "drawing patients with replacement")
def draw_patients(draw: Callable[..., np.ndarray]) -> Iterator[Remark]:
    """`draw(patients, rng)` gives the rows of as many patients as there are, drawn with replacement."""
    rng = np.random.default_rng(0)
    rows = np.asarray(draw(_PATIENTS, rng))
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        yield wrong(
            f"Row numbers are asked for; these are {rows.dtype} of shape {rows.shape}.",
            "np.flatnonzero(patients == name) gives the row numbers of one patient.",
        )
        return
    yield right("The result is a list of row numbers.")
    names = np.unique(_PATIENTS)
    times = np.array([np.bincount(rows, minlength=len(_PATIENTS))[name == _PATIENTS] for name in names], dtype=object)
    if any(len(set(each)) > 1 for each in times):
        yield wrong(
            "Some patients are drawn with a part of their images.",
            "Draw names, then take all rows of each name that was drawn.",
        )
        return
    yield right("Whoever is drawn brings all images along.")
    drawn = np.array([each[0] for each in times])
    if drawn.max() <= 1:
        everyone = drawn.sum() == len(names)
        yield wrong(
            "Everybody is drawn exactly once, so every resample is the study itself."
            if everyone
            else "Nobody is drawn twice.",
            "Draw with replacement, and take the rows of a name as often as it was drawn; np.isin asks only whether.",
        )
        return
    yield right("A patient can be drawn more than once, and others not at all.")
    if drawn.sum() != len(names):
        yield wrong(
            f"{drawn.sum()} patients are drawn, but the study has {len(names)}.",
            "A resample is a study of the same size: as many patients as there are.",
        )
    else:
        yield right("Each resample has as many patients as the study.")
    if np.array_equal(rows, draw(_PATIENTS, rng)):
        yield wrong("Two draws are equal.", "Use the generator that is handed in, not one with a fixed seed.")
    else:
        yield right("The next draw is another one.")


@exercise("05.7", "Bayes' theorem")
def predictive_value(ppv: Callable[..., float]) -> Iterator[Remark]:
    """`ppv(sensitivity, specificity, prevalence)` is the share of the ill among the positive."""
    found = float(ppv(0.9, 0.8, 0.1))
    true_alarms, false_alarms = 0.9 * 0.1, 0.2 * 0.9
    known = {
        "the share of everybody who is ill and found": true_alarms,
        "the share of everybody with a positive result": true_alarms + false_alarms,
        "the negative predictive value": 0.8 * 0.9 / (0.8 * 0.9 + 0.1 * 0.1),
        "the odds, ill to well, among the positive": true_alarms / false_alarms,
    }
    if np.isclose(found, true_alarms / (true_alarms + false_alarms)):
        yield right("At a prevalence of 10 % the value is right.")
    else:
        what = next((name for name, value in known.items() if np.isclose(found, value)), "")
        unmixed = np.isclose(found, 0.9 * 0.1 / (0.9 * 0.1 + 0.8 * 0.9))
        hint = (
            "Of the well, specificity are left in peace; the others are the false alarms."
            if unmixed
            else "Count in 1,000 people: how many are ill and positive, how many are well and positive?"
        )
        said = f"that is {what}" if what else "another value is needed"
        yield wrong(f"For sensitivity 0.9, specificity 0.8 and prevalence 0.1 you give {found:.3f}; {said}.", hint)
    if np.isclose(ppv(0.9, 0.8, 0.01), ppv(0.9, 0.8, 0.5)):
        yield wrong("The value does not move with the prevalence.", "Where nobody is ill, every alarm is a false one.")
    elif ppv(0.9, 0.8, 0.01) > ppv(0.9, 0.8, 0.5):
        yield wrong(
            "The value rises where the disease is rarer.", "Which of the two groups do the false alarms come from?"
        )
    else:
        yield right("The rarer the disease, the lower the value.")
    if np.isclose(ppv(0.7, 0.3, 0.25), 0.25):
        yield right("A test that is positive equally often in ill and well people leaves the prevalence as it was.")
    else:
        yield wrong(
            "A test that is positive in 70 % of the ill and 70 % of the well should teach nothing.",
            "Both counts need the prevalence: one with it, one with the rest.",
        )


@exercise("05.9", "recalibrating a score")
def recalibrate(change: Callable[..., np.ndarray]) -> Iterator[Remark]:
    """`change(score, intercept, slope)` draws a straight line in log odds."""
    score = np.array([0.02, 0.3, 0.5, 0.9, 0.98])
    odds = np.log(score / (1 - score))
    if not np.allclose(change(score, 0.0, 1.0), score, atol=1e-6):
        first = np.asarray(change(score, 0.0, 1.0))
        logs = np.allclose(first, odds)
        yield wrong(
            "Intercept 0 and slope 1 should leave every score as it is.",
            "You give log odds; a probability comes back by 1 / (1 + exp(-log odds))."
            if logs
            else "From probability to log odds and back again, nothing may be lost: log(p / (1 - p)), then 1 / (1 + exp(-x)).",
        )
        return
    yield right("Intercept 0 and slope 1 leave every score as it is.")
    moved = np.asarray(change(score, -1.0, 0.5))
    if np.allclose(moved, -1 + 0.5 * score) or moved.min() < 0 or moved.max() > 1:
        yield wrong(
            f"Scores go from {moved.min():.2f} to {moved.max():.2f}: the line was drawn through the scores themselves.",
            "The line belongs between the log odds before and after, so that the result stays between 0 and 1.",
        )
        return
    yield right("All results are probabilities.")
    wanted = 1 / (1 + np.exp(-(-1 + 0.5 * odds)))
    if np.allclose(moved, wanted, atol=1e-6):
        yield right("Intercept and slope act as they should.")
    elif np.allclose(moved, 1 / (1 + np.exp(-0.5 * (odds - 1))), atol=1e-6):
        yield wrong("The intercept is multiplied by the slope.", "The slope belongs to the log odds alone.")
    elif np.allclose(moved, 1 / (1 + np.exp(-(0.5 - odds))), atol=1e-6):
        yield wrong("Intercept and slope have changed places.", "The slope multiplies, the intercept is added.")
    else:
        yield wrong(
            "Intercept −1 and slope 0.5 give other values than they should.", "intercept + slope × log odds, and back."
        )
