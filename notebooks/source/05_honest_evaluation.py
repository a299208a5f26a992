# %% [markdown]
# # 05 Honest evaluation
#
# A model is trained once and believed for years. This notebook is about the number it is believed for: whom it was tested on,
# how sure it is, what it means where the disease is rare, whether 80 % means 80 %, and for whom it does not hold.
#
# All data are generated here, so the truth is known and each method can be held against it. Four cells have a gap (`...`) for
# you; `learn.check` says what is right, what is wrong, and gives a hint.
#
# *For research and teaching only. Nothing here is a medical device.*

# %% [markdown]
# ## 1 Open
# Torch gets one thread: for layers as small as ours, a second one only waits for the first.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import nn

import bedside
from bedside import learn

torch.set_num_threads(1)
BLUE, ORANGE, GREY = "#1b5583", "#c4581a", "#565f68"
plt.rcParams.update(
    {"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left"}
)

# %% [markdown]
# ## 2 Patients with a fingerprint
# Six photos of each patient, 16 by 16 points. Every photo is the sum of three things: the **skin** of the patient, which is the
# same in all six photos and has nothing to do with any disease; **noise**, new in every photo; and in patients with a malignant
# lesion a faint bright **spot** in the middle. The spot is all there is to learn.
#
# Two things more are planted for later: in dark skin the spot is much fainter, and a few patients come from an old camera,
# which changes nothing.

# %%
down, across = np.mgrid[:16, :16] - 7.5
spot = np.exp(-(down**2 + across**2) / 12).ravel()
spot = spot / np.linalg.norm(spot)


def take_photos(n_patients, sign, seed, photos=6):
    """Photos (n, 256) and a table with a row for each of them."""
    rng = np.random.default_rng(seed)
    malignant, dark, old = (rng.random(n_patients) < share for share in (0.4, 0.3, 0.04))
    skin = 1.2 * rng.normal(size=(n_patients, 256))
    patient = np.repeat(np.arange(n_patients), photos)
    brightness = sign * np.where(dark, 0.3, 1.0) * malignant
    noise = rng.normal(size=(len(patient), 256))
    pixels = skin[patient] + noise + brightness[patient, None] * spot
    words = {
        "patient": patient,
        "target": np.where(malignant, "malignant", "benign")[patient],
        "skin": np.where(dark, "dark", "light")[patient],
        "camera": np.where(old, "old", "new")[patient],
    }
    return pixels.astype(np.float32), pd.DataFrame(words)


# %% tags=["fact"]
pixels, table = take_photos(600, sign=4.5, seed=0)
malignant = (table["target"] == "malignant").to_numpy()
patients = table["patient"].to_numpy()
print(
    f"{len(table)} photos of {table['patient'].nunique()} patients, {table[malignant]['patient'].nunique()} with a malignant lesion"
)

# %% [markdown]
# Look at the rows: whose photos resemble each other, those of one patient or those of one diagnosis? Below stands the answer in
# numbers, the correlation of two photos, point by point.

# %%
figure, places = plt.subplots(3, 6, figsize=(7, 3.8))
for row, person in enumerate([1, 3, 7]):
    for column, photo in enumerate(np.flatnonzero(patients == person)):
        place = places[row, column]
        place.imshow(pixels[photo].reshape(16, 16), cmap="gray", vmin=-5, vmax=5)
        place.set(xticks=[], yticks=[])
    places[row, 0].set_ylabel(f"patient {person}\n{table['target'][photo]}", fontsize=8)
figure.suptitle("Three patients, six photos each: the skin is easier to see than the disease", x=0.02, ha="left")
figure.tight_layout()

# %% tags=["fact"]
alike = np.corrcoef(pixels)
one_patient = patients[:, None] == patients
one_diagnosis = malignant[:, None] & malignant & ~one_patient
print(f"two photos of one patient: correlation {alike[one_patient & (alike < 0.999)].mean():.2f}")
print(f"one photo each of two patients with a malignant lesion: {alike[one_diagnosis].mean():.2f}")

# %% [markdown]
# ## 3 The same model, two splits
# The model is a network as in notebook 01, with one hidden layer. It is the same in both experiments: same layers, same
# starting weights, same number of steps.


# %%
def fit(pixels, malignant, epochs=12):
    """A network trained on photos (n, 256)."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss_of = nn.BCEWithLogitsLoss()
    x, y = torch.tensor(pixels), torch.tensor(malignant, dtype=torch.float32)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(32):
            loss = loss_of(network(x[rows])[:, 0], y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


@torch.no_grad()
def scores_of(network, pixels):
    """The probability of a malignant lesion in each photo, (n,)."""
    return torch.sigmoid(network(torch.tensor(pixels)))[:, 0].numpy().astype(float)


# %% [markdown]
# Splitting photos is one line. Splitting patients is your line: deal out the names, then let every photo follow its patient.


# %%
def photo_split(patients, share, seed):
    """True for each photo that is tested."""
    return np.random.default_rng(seed).random(len(patients)) < share


def patient_split(patients, share, seed):
    """True for each photo of each patient who is tested."""
    # gap: draw a share of the different names with the generator of this seed, and return which rows are theirs
    names = np.unique(patients)
    tested = np.random.default_rng(seed).choice(names, size=round(share * len(names)), replace=False)
    return np.isin(patients, tested)
    # end gap


# %%
learn.check("05.3", patient_split)

# %% [markdown]
# Now both splits, and a judge: 1,500 patients whom nobody has seen. In a real study there is no such judge. Here
# there is, because the next patients come out of the same generator.

# %%
new_pixels, new_table = take_photos(1500, sign=4.5, seed=1, photos=1)
new_malignant = (new_table["target"] == "malignant").to_numpy()


def experiment(pixels, malignant, split):
    """AUROC on the tested part, and the network."""
    test = split(patients, 0.5, 0)
    network = fit(pixels[~test], malignant[~test])
    return roc_auc_score(malignant[test], scores_of(network, pixels[test])), network


found = []
for name, split in (("photos", photo_split), ("patients", patient_split)):
    auroc, network = experiment(pixels, malignant, split)
    later = roc_auc_score(new_malignant, scores_of(network, new_pixels))
    found.append((name, auroc, later))
    print(
        f"split by {name:8}: AUROC {auroc:.2f} in the test, {later:.2f} in patients who come later: {auroc - later:+.2f}"
    )

# %%
figure, place = plt.subplots(figsize=(6, 2.6))
for row, (_, auroc, later) in enumerate(found):
    place.plot([auroc, later], [row, row], color=GREY, lw=1, zorder=0)
    place.plot(auroc, row, "o", color=BLUE, ms=9, label="in the test" if row == 0 else None)
    place.plot(later, row, "D", color=ORANGE, ms=8, label="patients who come later" if row == 0 else None)
place.set(
    yticks=[0, 1], yticklabels=[f"split by {one[0]}" for one in found], xlabel="AUROC", ylim=(-0.6, 1.6), xlim=(0.5, 1)
)
place.set_title("Which split tells how good the network will be?")
place.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 0.75))
figure.tight_layout()

# %% [markdown]
# For later patients the two networks are much alike (the one that learnt from photos of nearly everybody has seen more skins). What
# differs is the number: the split by photos tests whether the network recognises *people*, and it does, by their skin. In words:

# %% tags=["fact"]
(_, by_photos, later_photos), (_, by_patients, later_patients) = found
print("the split by photos promises at least 0.10 too much:", bool(by_photos - later_photos >= 0.10))
print("the split by patients is less than 0.08 off:        ", bool(abs(by_patients - later_patients) < 0.08))
print("later, the networks differ by less than 0.08:       ", bool(abs(later_photos - later_patients) < 0.08))

# %% [markdown]
# How far can that go? Take the spot away, so that there is nothing to learn at all. The true AUROC is then 0.5.

# %%
nothing, _ = take_photos(600, sign=0.0, seed=0)
without = {}
for name, split in (("photos", photo_split), ("patients", patient_split)):
    without[name], _ = experiment(nothing, malignant, split)
    print(f"no disease in any photo, split by {name:8}: AUROC {without[name]:.2f}")

# %% tags=["fact"]
print("by photos, AUROC above 0.8 for nothing:  ", bool(without["photos"] > 0.8))
print("by patients, AUROC between 0.4 and 0.6:  ", bool(0.4 < without["patients"] < 0.6))

# %% [markdown]
# This happens in published work: in optical coherence tomography, splits by image gave the same network better numbers than splits by
# patient or volume did (Tampu et al. 2022, doi:10.1038/s41597-022-01618-6). In bedside nothing but one module
# deals samples to sides, and it deals whole groups: patients, joined with copies of their images. `hand[groups]` is the line
# where every sample follows its group:

# %%
learn.source("bedside.splits.folds:_deal", "hand = ", "return")

# %% [markdown]
# To move this by hand: `bedside learn play split` in a terminal.
#
# ## 4 Train, validation, test
# From here on there are three parts, by patients: 200 to learn from, 100 to choose on, 300 to test on once.

# %% tags=["live"]
learn.play("split")

# %% tags=["fact"]
dealt = np.random.default_rng(2).permutation(np.repeat(["train", "valid", "test"], [200, 100, 300]))
part = dealt[patients]
for name in ("train", "valid", "test"):
    inside = part == name
    print(f"{name:5} {inside.sum():5} photos of {len(set(patients[inside]))} patients")

# %%
network = fit(pixels[part == "train"], malignant[part == "train"])
score = scores_of(network, pixels)
test, valid = part == "test", part == "valid"
print(f"AUROC in the test: {roc_auc_score(malignant[test], score[test]):.3f}")

# %% [markdown]
# ## 5 How sure is that?
# The bootstrap asks: had other patients come, what would the number have been? It draws a new study from the study, with
# replacement, again and again. What is drawn must be what comes at random: that is **patients**. A patient brings six
# photos that are right or wrong together.


# %%
def draw_photos(patients, rng):
    """Row numbers of a resample that takes every photo for a patient of its own."""
    return rng.choice(len(patients), size=len(patients))


def draw_patients(patients, rng):
    """Row numbers of a resample of patients."""
    # gap: draw as many names as there are, with replacement, and return all rows of each drawn name
    names = np.unique(patients)
    drawn = rng.choice(names, size=len(names))
    return np.concatenate([np.flatnonzero(patients == name) for name in drawn])
    # end gap


# %%
learn.check("05.5", draw_patients)


# %%
def interval(values, patients, draw, resamples, seed=0):
    """The middle 95 % of the mean of `values` (n,) over resamples."""
    rng = np.random.default_rng(seed)
    return np.quantile([values[draw(patients, rng)].mean() for _ in range(resamples)], [0.025, 0.975])


correct = (score >= 0.5) == malignant
width = {}
for name, draw in (("photos", draw_photos), ("patients", draw_patients)):
    low, high = interval(correct[test], patients[test], draw, 300)
    width[name] = high - low
    print(f"accuracy {correct[test].mean():.3f}, resampling {name:8}: from {low:.3f} to {high:.3f}")
print(f"drawing patients makes it {width['patients'] / width['photos']:.1f} times as wide")

# %% [markdown]
# Narrower looks better. Which one is right? An interval of 95 % promises to hold the truth in 95 of 100 studies. So run 120
# studies with 60 new patients each, and count.

# %%
truth = ((scores_of(network, new_pixels) >= 0.5) == new_malignant).mean()
held, drawn_from = {"photos": [], "patients": []}, {"photos": draw_photos, "patients": draw_patients}
for study in range(120):
    others, their = take_photos(60, sign=4.5, seed=100 + study)
    right = (scores_of(network, others) >= 0.5) == (their["target"] == "malignant").to_numpy()
    for name, draw in drawn_from.items():
        low, high = interval(right, their["patient"].to_numpy(), draw, 100, seed=study)
        held[name].append((low, high, low <= truth <= high))
for name, each in held.items():
    print(
        f"resampling {name:8}: {np.mean([one[2] for one in each]):.0%} of 120 intervals hold the truth; promised are 95 %"
    )

# %% tags=["fact"]
kept = {name: np.mean([one[2] for one in each]) for name, each in held.items()}
print("drawing photos keeps the promise in fewer than 85 of 100:  ", bool(kept["photos"] < 0.85))
print("drawing patients keeps it in more than 85 of 100:          ", bool(kept["patients"] > 0.85))

# %%
figure, places = plt.subplots(1, 2, figsize=(9, 3.6), sharex=True, sharey=True)
for place, (name, each) in zip(places, held.items(), strict=True):
    for row, (low, high, holds) in enumerate(each[:50]):
        place.plot([low, high], [row, row], color=BLUE if holds else ORANGE, lw=1.4 if holds else 2.4)
    place.axvline(truth, color=GREY, lw=1, ls="--")
    place.set(title=f"Resampling {name}", xlabel="accuracy", yticks=[])
figure.suptitle("Thick orange intervals miss the truth (dashed): too many if photos are drawn", x=0.02, ha="left")
figure.tight_layout()

# %% [markdown]
# In bedside every interval counts patients: where it resamples, it draws them, and the photos of each stay together:

# %%
learn.source("bedside.evaluation.resampling:_draw", "for _ in range", "return")

# %% [markdown]
# ## 6 The threshold
# A score becomes a decision by a threshold. It is a choice about people: how many missed, how many frightened? Here: find
# 90 % of the malignant photos. It is chosen on the validation patients and then frozen; on the test patients it would be fitted to
# the very people it is judged by.

# %%
ill = np.sort(score[valid & malignant])[::-1]
threshold = ill[int(np.ceil(0.9 * len(ill))) - 1]
positive = score >= threshold
sensitivity = positive[test & malignant].mean()
specificity = (~positive[test & ~malignant]).mean()
print(
    f"threshold {threshold:.3f}: sensitivity {positive[valid & malignant].mean():.3f} on validation, {sensitivity:.3f} in the test"
)
print(f"specificity in the test {specificity:.3f}")
pd.crosstab(table["target"][test], np.where(positive[test], "called malignant", "called benign")).rename_axis(
    columns=""
)

# %% [markdown]
# Note that 90 % on validation need not be 90 % in the test: the threshold was fitted to 100 patients, of whom fewer than half are
# ill. bedside's rule is the same:

# %%
learn.source("bedside.evaluation.thresholds:choose", "thresholds = candidates", 'if rule == "specificity"')

# %% [markdown]
# ## 7 Prevalence
# "The test is positive. Am I ill?" Sensitivity does not answer that, the **positive predictive value** does: the share of the
# ill among the positive. It depends on how common the disease is. Of 1,000 people count the ill who are positive, and
# the well who are positive.


# %%
def ppv(sensitivity, specificity, prevalence):
    """The share of the ill among the positive."""
    # gap: the ill and positive, divided by everybody who is positive
    found = sensitivity * prevalence
    false_alarms = (1 - specificity) * (1 - prevalence)
    return found / (found + false_alarms)
    # end gap


# %%
learn.check("05.7", ppv)

# %% [markdown]
# By hand, for a test that is right in 90 % of the ill and in 80 % of the well:

# %% tags=["fact"]
for prevalence in (0.4, 0.1, 0.02, 0.001):
    ill, well = 1000 * prevalence, 1000 * (1 - prevalence)
    print(
        f"of 1,000 people {ill:5.1f} are ill, {0.9 * ill:5.1f} of them positive; {0.2 * well:5.1f} of the well are positive:",
        end="",
    )
    print(f" PPV {ppv(0.9, 0.8, prevalence):6.1%}")

# %% [markdown]
# In our study 40 % of the patients are ill. In screening it may be 2 in 100. Same network, same threshold:

# %%
shares = np.geomspace(0.001, 0.6, 80)
figure, place = plt.subplots(figsize=(6.5, 3.2))
place.plot(100 * shares, 100 * ppv(sensitivity, specificity, shares), color=BLUE, lw=2)
for share, where in ((0.4, "this study"), (0.02, "screening")):
    value = 100 * ppv(sensitivity, specificity, share)
    place.plot(100 * share, value, "o", color=ORANGE)
    place.annotate(f"{where}: {value:.0f} %", (100 * share, value), (-8, 6), textcoords="offset points", ha="right")
place.set(xscale="log", xticks=[0.1, 1, 10, 50], xticklabels=["0.1", "1", "10", "50"], ylim=(0, 100))
place.set(xlabel="prevalence in % (logarithmic)", ylabel="PPV in %")
place.set_title("The rarer the disease, the more alarms are false")
figure.tight_layout()

# %% [markdown]
# This takes sensitivity and specificity to be the same in screening. They often are not, because other patients come (Leeflang et
# al. 2013, doi:10.1503/cmaj.121286). `bedside.evaluate(..., prevalence=0.02)` uses the same formula, and puts an interval around it:

# %%
learn.source("bedside.evaluation.metrics:_ppv", "right =", "return")

# %% [markdown]
# To move threshold and prevalence over 1,000 patients: `bedside learn play threshold`.
#
# ## 8 Calibration
# Of all photos with a score of 0.8, are 80 % malignant? AUROC does not ask, it looks at the order only. Gather photos with similar
# scores and compare what was said with what was seen:

# %% tags=["live"]
learn.play("threshold")

# %%
figure, place = plt.subplots(figsize=(4.6, 4.2))


def calibration_plot(place, score, malignant, colour, marker, label):
    """The observed share against the mean score in ten groups of equal size."""
    groups = np.array_split(np.argsort(score), 10)
    said, seen = (np.array([values[rows].mean() for rows in groups]) for values in (score, malignant))
    place.plot(said, seen, marker, color=colour, ls="-", lw=1, label=label)


place.plot([0, 1], [0, 1], color=GREY, ls="--", lw=1, label="what is said is what is seen")
calibration_plot(place, score[test], malignant[test], BLUE, "o", "the network")
place.set(xlabel="mean score (said)", ylabel="share malignant (seen)", xlim=(0, 1), ylim=(0, 1))
place.set_title("The network is surer than it should be")
place.legend(frameon=False)
figure.tight_layout()

# %% [markdown]
# Two numbers say it (Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7). Both live on the scale of log odds, log(p / (1 − p)):
#
# * **slope**: how the log odds should be stretched. 1 is right; below 1 the scores are too extreme.
# * **intercept**: by how much they should be shifted if they are not stretched. 0 is right; below 0 the scores are too high on
#   average.


# %%
def calibration(score, malignant):
    """Slope and intercept."""
    odds = logit(np.clip(score, 1e-10, 1 - 1e-10))
    slope = LogisticRegression(C=1e9).fit(odds[:, None], malignant).coef_[0, 0]
    intercept = brentq(lambda shift: np.sum(expit(shift + odds) - malignant), -20, 20)
    return slope, intercept


slope, intercept = calibration(score[test], malignant[test])
print(f"in the test: slope {slope:.2f}, intercept {intercept:.2f}")

# %% [markdown]
# How did it become so sure? By its training photos. Compare how sure it is (the mean probability that it gives to what it says) and
# how often it is right, there and in the test:

# %%
sure = np.maximum(score, 1 - score)
for name, rows in (("training photos", part == "train"), ("test photos", test)):
    print(f"{name:<16} sure by {sure[rows].mean():.0%} on average, right in {correct[rows].mean():.0%}")

# %% tags=["fact"]
print("nearly always right (95 % and more) in training photos:", bool(correct[part == "train"].mean() > 0.95))
print("surer than right by more than 10 % in the test:        ", bool(sure[test].mean() - correct[test].mean() > 0.10))

# %% [markdown]
# In its training photos it knew the people, so being sure was right there. New patients do not bear that out.
#
# ## 9 Recalibration
# A straight line in log odds repairs it: new log odds = intercept + slope × log odds. The line is fitted on the validation patients
# (Platt scaling).


# %%
def recalibrate(score, intercept, slope):
    """Scores (n,) after a straight line in log odds."""
    odds = logit(np.clip(score, 1e-10, 1 - 1e-10))
    # gap: draw the line, and come back from log odds to probabilities with expit
    return expit(intercept + slope * odds)
    # end gap


# %%
learn.check("05.9", recalibrate)

# %%
line = LogisticRegression(C=1e9).fit(logit(np.clip(score[valid], 1e-10, 1 - 1e-10))[:, None], malignant[valid])
better = recalibrate(score, line.intercept_[0], line.coef_[0, 0])
for name, each in (("before", score), ("after", better)):
    slope, intercept = calibration(each[test], malignant[test])
    print(
        f"{name:6} slope {slope:.2f}, intercept {intercept:.2f}, AUROC {roc_auc_score(malignant[test], each[test]):.3f}"
    )

# %% tags=["fact"]
slopes = [calibration(each[test], malignant[test])[0] for each in (score, better)]
areas = [roc_auc_score(malignant[test], each[test]) for each in (score, better)]
print("slope was below 0.7:                    ", bool(slopes[0] < 0.7))
print("slope is now less than 0.3 away from 1: ", bool(abs(slopes[1] - 1) < 0.3))
print("AUROC is the same to six digits:        ", bool(abs(areas[0] - areas[1]) < 1e-6))

# %%
figure, place = plt.subplots(figsize=(4.6, 4.2))
place.plot([0, 1], [0, 1], color=GREY, ls="--", lw=1)
calibration_plot(place, score[test], malignant[test], BLUE, "o", "before")
calibration_plot(place, better[test], malignant[test], ORANGE, "D", "after recalibration")
place.set(xlabel="mean score (said)", ylabel="share malignant (seen)", xlim=(0, 1), ylim=(0, 1))
place.set_title("A line fitted on validation patients helps in the test")
place.legend(frameon=False)
figure.tight_layout()

# %% [markdown]
# The AUROC has not moved: a rising line keeps the order of patients. Recalibration makes scores honest, not better.
# bedside has it as `evaluation.recalibrate=platt`, fitted on the validation patients of each fold:

# %%
learn.source("bedside.recalibration:Line.__call__")

# %% [markdown]
# ## 10 For whom does it hold?
# The number of everybody hides the numbers of some. Look at each group, with how many patients it stands on:

# %%
rows = []
for column in ("skin", "camera"):
    for name in sorted(table[column].unique()):
        inside = test & (table[column] == name).to_numpy()
        rng = np.random.default_rng(0)
        draws = [np.flatnonzero(inside)[draw_patients(patients[inside], rng)] for _ in range(200)]
        areas = [roc_auc_score(malignant[one], better[one]) for one in draws if 0 < malignant[one].mean() < 1]
        with_, without = (len(set(patients[inside & side])) for side in (malignant, ~malignant))
        low, high = np.quantile(areas, [0.025, 0.975])
        rows.append([column, name, with_, without, roc_auc_score(malignant[inside], better[inside]), low, high])
groups = pd.DataFrame(rows, columns=["column", "group", "malignant", "benign", "AUROC", "low", "high"])
groups.round(2)

# %% tags=["fact"]
area = groups.set_index("group")["AUROC"]
print(f"AUROC in dark skin lower by at least 0.05: {area['dark'] + 0.05 <= area['light']}")
print(f"patients with the old camera: {groups['malignant'].iloc[-1]} malignant, {groups['benign'].iloc[-1]} benign")

# %%
figure, place = plt.subplots(figsize=(6.5, 2.8))
for row, one in enumerate(groups.itertuples()):
    few = min(one.malignant, one.benign) < 10
    place.plot([one.low, one.high], [row, row], color=GREY if few else BLUE, lw=2, ls=":" if few else "-")
    place.plot(one.AUROC, row, "o", color=GREY if few else BLUE, mfc="white" if few else BLUE, ms=8)
place.set(yticks=range(len(groups)), xlabel="AUROC", xlim=(0.4, 1.02), ylim=(-0.5, len(groups) - 0.5))
place.set_yticklabels(
    [f"{one.column} {one.group} ({one.malignant} + {one.benign} patients)" for one in groups.itertuples()]
)
place.set_title("Worse in dark skin; the old camera (dotted) has too few patients to tell")
figure.tight_layout()

# %% [markdown]
# In dark skin the network is worse, as planted. The old camera changes nothing, because we planted nothing there; but its number stands on a
# handful of patients: the bootstrap of so few cannot be believed, whatever it says. bedside shows no number that rests on fewer than 10
# patients of a class:

# %%
learn.source("bedside.evaluation.subgroups:_too_few")

# %% [markdown]
# ## 11 The same in bedside
# Everything above is one call. The table has one row per photo; validation rows choose the threshold, test rows are judged, every other
# column makes groups. The scores before recalibration stand beside as `raw_score_...`.

# %%
predictions = table.assign(sample=np.arange(len(table)), repeat=0, fold=0, part=part)
for name, before, after in (("benign", 1 - score, 1 - better), ("malignant", score, better)):
    predictions[f"score_{name}"], predictions[f"raw_score_{name}"] = after, before
judged = bedside.evaluate(
    predictions[part != "train"],
    settings={
        "evaluation": {"threshold": "sensitivity", "threshold_value": 0.9, "prevalence": 0.02, "resamples": 1000}
    },
)
for sentence in judged["sentences"]:
    print("*", sentence)

# %% [markdown]
# Each estimate carries its interval, the number of patients it stands on, and how it was made. Beside it what you computed by hand:

# %%
by_hand = {
    "auroc": roc_auc_score(malignant[test], score[test]),
    "sensitivity": sensitivity,
    "specificity": specificity,
    "ppv_at_prevalence": ppv(sensitivity, specificity, 0.02),
    "calibration_slope": calibration(better[test], malignant[test])[0],
    "calibration_intercept": calibration(better[test], malignant[test])[1],
}
estimates = pd.DataFrame(judged["estimates"]).set_index("metric").loc[list(by_hand)]
estimates = estimates[["value", "low", "high", "n_patients", "method"]]
estimates.insert(0, "by hand", by_hand)
estimates.round(3)

# %% [markdown]
# Of the groups, bedside names the worst after correcting for the number of comparisons, and hides what is too small:

# %%
print(judged["subgroups"]["sentence"])
for column in judged["subgroups"]["columns"]:
    for group in column["groups"]:
        area = next((one for one in group["estimates"] if one["metric"] == "auroc"), None)
        said = (
            f"hidden, {group['hidden']}"
            if area is None
            else f"{area['value']:.2f}"
            if area["value"]
            else area["method"]
        )
        print(f"{column['column']} {group['name']}: AUROC {said}")

# %% [markdown]
# And it notices what this notebook began with. Give it predictions of a split by photos, and it says so:

# %%
leaky = predictions.assign(part=np.where(photo_split(patients, 0.5, 0), "test", "valid"))
for finding in bedside.evaluate(leaky, settings={"evaluation": {"resamples": 200}})["findings"]:
    print(f"{finding['level']}: {finding['message']}")

# %% [markdown]
# ## What to take along
# * Whatever comes at random together stays together: in the split, in the resampling, in the counting. Here that is the patient.
# * What is chosen (epoch, threshold, line of recalibration) is chosen on validation patients. Test patients are asked once.
# * A predictive value without a prevalence means nothing.
# * AUROC is about order, calibration about meaning; a model needs both if its scores are read as risks.
# * A group with a handful of patients is not "fine". It is unknown.
#
# Your own predictions, from any model, as a CSV file with columns `target`, `score` and `patient`:
# `bedside evaluate predictions.csv --prevalence 0.02`.
