"""Exercises of notebook 06, what can go wrong."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from bedside.learn.answer import Remark, exercise, right, wrong


@exercise("06.2", "AUROC by group")
def auroc_by_group(area_of: Callable[..., dict[str, Any]]) -> Iterator[Remark]:
    """`area_of(group, ill, score)` gives the AUROC of each group, None where a class has fewer than 10 patients."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(6)
    group = rng.permutation(np.repeat(["north", "south", "ship", "island"], [120, 80, 12, 60]))
    ill = rng.random(len(group)) < 0.5
    ill[group == "island"] = np.arange(60) < 4  # many people, few of them ill
    score = 1 / (1 + np.exp(-(rng.normal(size=len(group)) + 2 * ill * (group == "north"))))
    found = area_of(group, ill, score)
    if not isinstance(found, dict) or {str(name) for name in found} != {"north", "south", "ship", "island"}:
        yield wrong(
            f"A dictionary with one entry for each group is asked for; this is {type(found).__name__}.",
            "{name: ... for name in np.unique(group)} makes one.",
        )
        return
    yield right("There is one entry for each group.")
    true = {name: roc_auc_score(ill[group == name], score[group == name]) for name in ("north", "south")}
    got = {name: found[name] for name in true}
    if any(value is None for value in got.values()):
        yield wrong(
            "A group with enough patients of both classes has no value.", "Fewer than 10 of a class, not of the group."
        )
    elif all(np.isclose(got[name], true[name]) for name in true):
        yield right("The values of the large groups are right.")
    elif all(np.isclose(got[name], roc_auc_score(ill, score)) for name in true):
        yield wrong("All groups have the AUROC of everybody.", "Take the rows of the group from both, ill and score.")
    elif all(np.isclose(got[name], roc_auc_score(ill[group == name], score[group == name] >= 0.5)) for name in true):
        yield wrong("That is the AUROC of decisions.", "AUROC ranks the scores themselves, without a threshold.")
    else:
        yield wrong(
            f"South has {got['south']:.3f}; it should have another value.",
            "roc_auc_score takes the truth first, then the score.",
        )
    if found["ship"] is not None:
        yield wrong(
            "The ship has 12 people, fewer than 10 of a class, and still a value.",
            "Count both classes in the group; the smaller count decides.",
        )
    elif found["island"] is not None:
        yield wrong(
            "The island has 60 people of whom 4 are ill, and still a value.",
            "Ten people are not enough: ten ill ones and ten healthy ones are.",
        )
    else:
        yield right("Where there are too few to tell, nothing is told.")


@exercise("06.3", "a threshold for a sensitivity")
def choose_threshold(choose: Callable[..., float]) -> Iterator[Remark]:
    """`choose(ill, score, sensitivity)` gives the highest threshold that finds at least this share of the ill."""
    ill = np.array([True, True, True, True, True, False, False, False, False, False, False])
    score = np.array([0.91, 0.62, 0.33, 0.24, 0.05, 0.74, 0.41, 0.22, 0.11, 0.04, 0.01])
    threshold = float(choose(ill, score, 0.6))
    reached = float((score[ill] >= threshold).mean())
    if np.isclose(threshold, 0.6):
        yield wrong(
            "The threshold is the sensitivity itself.",
            "The threshold is one of the scores of the ill, or just below one.",
        )
    elif reached < 0.6 - 1e-9:
        hint = (
            "Count the ill only: their scores, from high to low."
            if np.isclose(threshold, np.sort(score)[::-1][int(np.ceil(0.6 * len(score))) - 1])
            else "With 5 ill people, 60 % are 3: the third highest score among them must still be positive (>=)."
        )
        yield wrong(f"Threshold {threshold:g} finds {reached:.0%} of the ill; 60 % were asked for.", hint)
    elif threshold <= 0.24:
        yield wrong(
            f"Threshold {threshold:g} finds {reached:.0%} of the ill, more than needed, at the price of false alarms.",
            "Of all thresholds that find enough, the highest is wanted; and the healthy have no say in it.",
        )
    else:
        yield right("Three of five ill people are found, with the highest threshold that does it.")
    everybody = float(choose(ill, score, 1.0))
    if (score[ill] >= everybody).all() and everybody > 0.04:
        yield right("A sensitivity of 1 finds everybody, and no lower than needed.")
    elif (score[ill] >= everybody).all():
        yield wrong(
            "For a sensitivity of 1 the threshold is lower than needed.", "The lowest score among the ill is enough."
        )
    else:
        yield wrong(
            "A sensitivity of 1 should find everybody who is ill.",
            "Is it one off? ceil(share × number) are needed, the first has index 0.",
        )


@exercise("06.4", "covering a place")
def cover(covered: Callable[..., np.ndarray]) -> Iterator[Remark]:
    """`covered(image, mask)` gives the image with the masked place in the mean colour of all the rest."""
    image = np.random.default_rng(4).integers(0, 200, size=(8, 8, 3)).astype(np.uint8)
    before = image.copy()
    mask = np.zeros((8, 8), dtype=bool)
    mask[2:5, 3:7] = True
    found = np.asarray(covered(image, mask))
    if not np.array_equal(image, before):
        yield wrong("The original image was changed.", "Work on a copy: image.copy().")
        image = before
    else:
        yield right("The original is left as it was.")
    if found.shape != image.shape or found.dtype != np.uint8:
        yield wrong(
            f"The result is {found.dtype} of shape {found.shape}; an image is uint8 of shape {image.shape}.",
            "Assigning into a copy of the image keeps its type.",
        )
        return
    if not np.array_equal(found[~mask], image[~mask]):
        inside = np.array_equal(found[mask], image[mask])
        yield wrong(
            "The mask was turned round: what should be covered is left, the rest is covered."
            if inside
            else "Places outside the mask have changed.",
            "found[mask] = ... touches the masked places only.",
        )
        return
    yield right("Outside the mask nothing has changed.")
    wanted = image[~mask].mean(axis=0)
    if np.abs(found[mask] - wanted).max() <= 1:
        yield right("The covered place has the mean colour of the rest.")
    elif np.ptp(found[mask].reshape(-1, 3), axis=0).max() > 0:
        yield wrong(
            "The covered place still shows a pattern.",
            "One colour for the whole place; otherwise its outline is still to be seen.",
        )
    elif found[mask].max() == 0:
        yield wrong(
            "The place is black.", "Black is a sign of its own, which the network never saw; take the mean of the rest."
        )
    elif np.abs(found[mask] - image[~mask].mean()).max() <= 1:
        yield wrong(
            "The place is grey: all three colours were averaged into one.",
            "mean(axis=0) over the places keeps red, green and blue apart.",
        )
    else:
        yield wrong(
            "The covered place has another colour than the mean of the rest.",
            "image[~mask] are the places outside; their mean over axis 0 has three numbers.",
        )


@exercise("06.5", "glucose in one unit")
def to_mg_per_dl(convert: Callable[[pd.DataFrame], Any]) -> Iterator[Remark]:
    """`convert(table)` turns glucose from mmol/l into mg/dl; one mole of glucose has 180.156 g."""
    table = pd.DataFrame({"glucose": [4.0, 5.55, 10.0], "age": [40.0, 50.0, 60.0]})
    before = table.copy()
    found = convert(table)
    if not isinstance(found, pd.DataFrame):
        yield wrong(
            f"A table is asked for; this is {type(found).__name__}.", "table.assign(glucose=...) gives a new table."
        )
        return
    if not table.equals(before):
        yield wrong(
            "The original table was changed; run the cell twice and the values are converted twice.",
            "table.assign makes a new one.",
        )
    else:
        yield right("The original is left as it was.")
    factor = float(found["glucose"].iloc[0]) / 4.0
    if np.isclose(factor, 18.0156, rtol=0.002):
        yield right("10 mmol/l are 180 mg/dl.")
    else:
        known = {
            "It was converted the other way round.": 1 / 18.0156,
            "Grams per litre are not milligrams per decilitre: 1 g/l is 100 mg/dl.": 180.156,
            "That is a factor ten too small.": 1.80156,
            "That is the factor of cholesterol.": 38.665,
        }
        what = next(
            (said for said, value in known.items() if np.isclose(factor, value, rtol=0.01)),
            f"The factor is {factor:.3g}.",
        )
        yield wrong(what, "1 mmol are 180.156 mg, and a litre has 10 decilitres.")
    if list(found.columns) == list(before.columns) and found["age"].equals(before["age"]):
        yield right("The other columns are as they were.")
    else:
        yield wrong("Another column has changed, or is missing.", "Name the one column that is converted.")
