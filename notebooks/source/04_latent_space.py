# %% [markdown]
# # 04 Latent space
#
# Between its input and its answer a network turns every patient into a few numbers of its own making. The space in which these
# numbers are coordinates is called *latent*, hidden. There patients whom the network treats alike lie together. You will look
# into two such spaces, find the nearest cases of a patient, and learn which pictures of them to mistrust.
#
# What you need: notebook 01; notebook 02 helps. Time: about 40 minutes.
#
# *For research and teaching only. bedside is not a medical device, and nothing here may be used to treat a patient.*

# %% [markdown]
# ## 1 Open
# The data are those of notebook 01: breast masses, described by 30 numbers each. In scikit-learn 0 means malignant; we turn it
# round, so that 1 is malignant.

# %% tags=["fact"]
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer
from sklearn.manifold import TSNE
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

from bedside import learn

torch.set_num_threads(1)
plt.rcParams.update({"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False})
BLUE, ORANGE, GREY = "#1b5583", "#c4581a", "#565f68"

features, target = load_breast_cancer(return_X_y=True)
y = 1 - target
x_train, x_valid, y_train, y_valid = train_test_split(features, y, test_size=0.4, stratify=y, random_state=0)
scaler = StandardScaler().fit(x_train)
train_x, valid_x = (torch.tensor(scaler.transform(x), dtype=torch.float32) for x in (x_train, x_valid))
train_y = torch.tensor(y_train, dtype=torch.float32).reshape(-1, 1)
print(f"{len(train_x)} patients to train, {len(valid_x)} to look at; {y_valid.sum()} of these malignant")

# %% [markdown]
# ## 2 The hidden layer of a small network
# We give the last hidden layer only **two** nodes. Then its latent space is a plane, and can be drawn as it is: nothing is left
# out, nothing is squeezed.
#
# **Exercise 04.2:** write `latent`: what the last layer reads, two numbers for each patient.


# %%
class TwoNumbers(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.first = nn.Linear(n_features, 16)
        self.second = nn.Linear(16, 2)
        self.last = nn.Linear(2, 1)

    def latent(self, x):
        # gap: through the first layer and a tanh, through the second and a tanh; return that
        x = torch.tanh(self.first(x))
        return torch.tanh(self.second(x))
        # end gap

    def forward(self, x):
        return self.last(self.latent(x))


# %%
learn.check("04.2", TwoNumbers)

# %% [markdown]
# ## 3 Watch it come into being
# We train, and after some epochs keep the places of the *validation* patients: those of training patients look better than they
# should, because the network has learnt from them.

# %%
torch.manual_seed(3)
model = TwoNumbers(train_x.shape[1])
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
seen = {}
for epoch in range(61):
    if epoch in (0, 2, 5, 15, 60):
        with torch.no_grad():
            border = (model.last.weight[0].clone(), model.last.bias[0].clone())
            seen[epoch] = (model.latent(valid_x).numpy(), border)
    for rows in torch.randperm(len(train_x)).split(64):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(model(train_x[rows]), train_y[rows]).backward()
        optimizer.step()


# %%
def scatter(axis, points, which, names=("no", "yes"), size=14):
    for value, colour, mark in ((False, BLUE, "o"), (True, ORANGE, "^")):
        chosen = points[which == value]
        axis.scatter(*chosen.T, s=size, c=colour, marker=mark, alpha=0.75, linewidths=0, label=names[value])


figure, axes = plt.subplots(1, len(seen), figsize=(12, 2.9), sharex=True, sharey=True)
line = np.linspace(-1.1, 1.1, 2)
for axis, (epoch, (places, (weight, bias))) in zip(axes, seen.items(), strict=True):
    scatter(axis, places, y_valid == 1, ("benign", "malignant"))
    axis.plot(line, -(weight[0] * line + bias) / weight[1], color=GREY, linestyle="--", linewidth=1)
    axis.set(title=f"epoch {epoch}", xlabel="node 1", aspect="equal")
    axis.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
axes[0].set_ylabel("node 2")
axes[-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
figure.suptitle("The classes move apart; the last layer only draws the dashed line", y=1.03, fontsize=11)
plt.show()

# %% [markdown]
# Notice that the hidden layers do the work: they lay the patients out so that a straight line suffices. Patients near the line
# are those of whom the network is unsure. With another seed the picture may be turned or mirrored: the *axes* of a latent space
# mean nothing by themselves, only who lies near whom does.

# %% [markdown]
# ## 4 More than two numbers: principal components
# Usually a hidden layer has many nodes. *Principal component analysis* (PCA) looks for the directions in which the points
# vary most. It is a shadow of the cloud: straight, the same for everybody, and it says how much of the variance it shows.
#
# **Exercise 04.4:** PCA by hand. Take the mean away, let `np.linalg.svd` find the directions (the rows of its third result),
# project on the first two. The variance along a direction goes with the *square* of its singular value.


# %%
def pca(vectors):
    """Coordinates (n, 2) along the first two components, and the share of the variance of each."""
    # gap: centre; singular value decomposition; return coordinates and shares
    centred = vectors - vectors.mean(axis=0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    return centred @ directions[:2].T, (lengths**2 / np.sum(lengths**2))[:2]
    # end gap


# %%
learn.check("04.4", pca)

# %% [markdown]
# Tried on three points that lie on a line, at 0, 5 and 10 from its beginning: one direction says all, and along it their distances are
# kept.

# %% tags=["fact"]
on_a_line = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
along, says = pca(on_a_line)
print("share of the first component:", says[0].round(3))
print("distances between neighbours:", np.abs(np.diff(along[:, 0])).round(3))

# %% [markdown]
# ## 5 The latent space of a pretrained network
# Now images: drawn skin lesions, two pictures of each. A network that has seen a million photographs (notebook 02) turns each
# picture into many numbers, before it has learnt anything about skin.

# %% tags=["fact"]
from bedside.data.dermoscopy import DermoscopySettings, generate
from bedside.models.backbone import create
from bedside.models.pretrained import load_weights

drawn = generate(DermoscopySettings(patients=120, images_per_patient=2, size=64))
backbone = create("tf_efficientnet_lite0", (3, 64, 64)).eval()  # without its last layer
known = load_weights(backbone, "tf_efficientnet_lite0", "pretrained")
mean, std = torch.tensor(known.mean).view(3, 1, 1), torch.tensor(known.std).view(3, 1, 1)
pixels = (torch.tensor(drawn.images).permute(0, 3, 1, 2).float() / 255 - mean) / std
with torch.no_grad():
    vectors = torch.cat([backbone(batch) for batch in pixels.split(32)]).numpy()
print("images", drawn.images.shape, "latent vectors", vectors.shape)

# %% [markdown]
# These lesions were drawn by a computer, so we know more about them than their diagnosis: for example which pictures show
# *hair*, which has nothing to do with the diagnosis. We colour the same map twice.

# %%
lesion = drawn.truth["patient"].to_numpy()
known_of = {
    "malignant": (drawn.truth["target"] == "malignant").to_numpy(),
    "hair": (drawn.truth["hair"] == 1).to_numpy(),
    "ruler": (drawn.truth["ruler"] == 1).to_numpy(),
}
malignant = known_of["malignant"]
places, shares = pca(vectors)


figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
scatter(axes[0], places, malignant, ("benign", "malignant"))
scatter(axes[1], places, known_of["hair"], ("no hair", "hair"))
axes[0].set(title="By diagnosis ...", ylabel=f"component 2 ({shares[1]:.0%} of the variance)")
axes[1].set(title="... and the same points by hair: which one orders the map?")
for axis in axes:
    axis.set_xlabel(f"component 1 ({shares[0]:.0%} of the variance)")
    axis.legend(frameon=False)
figure.tight_layout()
plt.show()

# %%
print(f"The two components show {shares.sum():.0%} of the variance; the rest is not in the picture.")
print("rank correlation with      component 1   component 2")
for name, which in known_of.items():
    found = [abs(spearmanr(places[:, number], which).statistic) for number in (0, 1)]
    print(f"{name:24}{found[0]:>14.2f}{found[1]:>14.2f}")

# %% [markdown]
# What varies most is not always what you asked about: it may be hair, light, camera or skin. So colour a map by everything you
# know, by site and device above all. If the *hospitals* form islands, the network can tell them apart, and may use it
# (notebook 06).

# %% [markdown]
# ## 6 t-SNE, and what it must not be used for
# t-SNE ([van der Maaten & Hinton 2008](https://jmlr.org/papers/v9/vandermaaten08a.html)) bends the space: it tries to keep each
# point's *neighbours*, and gives up everything else. Its main setting, the perplexity, is roughly how many neighbours count. Here
# are four maps of the same vectors.


# %%
def map_of(vectors, perplexity, seed, init="pca"):
    return TSNE(2, perplexity=perplexity, init=init, random_state=seed, max_iter=500).fit_transform(vectors)


settings = [(5, 0, "pca"), (30, 0, "pca"), (30, 1, "random"), (30, 2, "random")]
maps = [map_of(vectors, *one) for one in settings]
figure, axes = plt.subplots(1, 4, figsize=(12, 3.1))
for axis, (perplexity, seed, init), page in zip(axes, settings, maps, strict=True):
    scatter(axis, page, malignant, size=10)
    start = f"start: random, seed {seed}" if init == "random" else "start: PCA"
    axis.set(xticks=[], yticks=[])
    axis.set_title(f"perplexity {perplexity}, {start}", fontsize=9)
figure.suptitle("One space, four maps: what differs between them is not in the data", fontsize=11)
figure.tight_layout()
plt.show()

# %% [markdown]
# How much of the distances survives? We compare the distances of all pairs in the space with those on each map by a rank
# correlation: 1 would mean that whoever is further away in the space is so on the map.


# %%
def distances(points):
    return torch.pdist(torch.tensor(points, dtype=torch.float64)).numpy()


true = distances(vectors)
print(f"{'PCA, two components:':38} {spearmanr(true, distances(places)).statistic:.2f}")
for (perplexity, seed, init), page in zip(settings, maps, strict=True):
    name = f"t-SNE, perplexity {perplexity}, {init}, seed {seed}:"
    print(f"{name:38} {spearmanr(true, distances(page)).statistic:.2f}")

# %% [markdown]
# And two plants, whose truth we know. First three clouds, the third *ten times* as far away as the second; then pure noise, in
# which there are no groups at all.

# %%
rng = np.random.default_rng(0)
clouds = rng.normal(size=(120, 10))
clouds[:, 0] += np.repeat([0, 10, 110], 40)
which = np.repeat([0, 1, 2], 40)
planted = map_of(clouds, 15, 0)
noise = map_of(rng.normal(size=(120, 10)), 3, 0)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
for number, (colour, mark) in enumerate(((BLUE, "o"), (ORANGE, "^"), (GREY, "s"))):
    left.scatter(*planted[which == number].T, s=14, c=colour, marker=mark, linewidths=0)
right.scatter(*noise.T, s=14, c=GREY, linewidths=0)
left.set(xticks=[], yticks=[], title="Three clouds at 0, 10 and 110")
right.set(xticks=[], yticks=[], title="Noise at perplexity 3: islands that are not there")
figure.tight_layout()
plt.show()

centres = np.array([planted[which == number].mean(axis=0) for number in range(3)])
near, far = np.linalg.norm(centres[1] - centres[0]), np.linalg.norm(centres[2] - centres[1])
print(f"In the space the second gap is {100 / 10:.0f} times the first; on the map {far / near:.1f} times.")

# %% [markdown]
# So read a t-SNE map like this ([Wattenberg et al. 2016](https://doi.org/10.23915/distill.00002),
# [Kobak & Berens 2019](https://doi.org/10.1038/s41467-019-13056-x)):
#
# * who lies close together was probably close; the **distance between islands, their size and density mean little**;
# * make it with several perplexities and seeds, and believe only what all of them show;
# * start it from the principal components, so that at least the coarse order is not chance;
# * never cluster, test or draw conclusions on the map: do that in the space itself;
# * new patients have no place on it. A classifier says how well classes are separated; a map does not.

# %% [markdown]
# ## 7 The nearest cases
# The use of a latent space that clinicians understand at once: *show me the cases that the network finds most alike*. It is done in
# the space itself, with all its numbers, not on a map.
#
# **Exercise 04.7:** write it. Other pictures of the same lesion must not count: they tell nothing new.


# %%
def nearest(vectors, row, groups, k):
    """Rows of the k nearest vectors of other groups, the nearest first."""
    # gap: distances to all; infinity for its own group; the rows in order
    distance = np.linalg.norm(vectors - vectors[row], axis=1)
    distance[groups == groups[row]] = np.inf
    return np.argsort(distance)[:k]
    # end gap


# %%
learn.check("04.7", nearest)

# %%
asked = [int(np.flatnonzero(malignant)[3]), int(np.flatnonzero(~malignant)[5])]
figure, axes = plt.subplots(2, 6, figsize=(9, 3.6))
for line, row in zip(axes, asked, strict=True):
    for axis, shown in zip(line, [row, *nearest(vectors, row, lesion, 5)], strict=True):
        axis.imshow(drawn.images[shown])
        axis.set(xticks=[], yticks=[])
        word, colour = ("malignant", ORANGE) if malignant[shown] else ("benign", BLUE)
        axis.set_title(word, color=colour, fontsize=9)
    line[0].spines[:].set_visible(True)
    line[0].set_ylabel("asked for")
figure.suptitle("Left the case, then its nearest: alike in what?", fontsize=11)
plt.show()

# %% [markdown]
# Alike in what? For every picture we look at its nearest other lesion: does it share the diagnosis, the hair, the ruler? And how
# often would a picture drawn at random?

# %%
first = np.array([nearest(vectors, row, lesion, 1)[0] for row in range(len(vectors))])
print("the nearest other lesion shares   really   at random")
for name, which in known_of.items():
    share = which.mean()
    print(f"{name:30}{np.mean(which[first] == which):>10.0%}{share**2 + (1 - share) ** 2:>12.0%}")

alone = np.arange(len(vectors))  # each picture a group of its own: the rule of lesions is off
five = [nearest(vectors, row, alone, 5) for row in alone]
twins = np.mean([lesion[row] in lesion[found] for row, found in zip(alone, five, strict=True)])
print(f"Without the rule, the other picture of the lesion is among the five nearest for {twins:.0%};")
print(f"at random it would be for {5 / (len(vectors) - 1):.0%}.")

# %% [markdown]
# To this network pictures are alike that both show hair, more than those with the same diagnosis: it learnt on
# photographs, and nobody told it what counts here. *Alike to the network* is not *alike to a doctor*. After training on the diagnosis the space would be another.
#
# And the two pictures of one lesion find each other, although they were drawn from another angle and in other light. In a real
# archive they may be nearly the same picture. That is one more reason why they stay on one side of a split.

# %% [markdown]
# ## 8 How bedside keeps its maps
# After each training on images bedside lays out the *test* samples, and keeps both maps: `explanations/latent.csv` in the run folder has
# `pca1`, `pca2`, `tsne1`, `tsne2` for each sample, `latent.json` how they were made: the layer, the share of the variance, perplexity and
# seed. The report shows both, by class, by site and by error, and says that distances on the second mean little. t-SNE starts from the
# principal components, and on one thread, so that the same seed gives the same page:

# %%
learn.source("bedside.explain.latent:lay_out", "components = PCA", "fit_transform")

# %% [markdown]
# Each member of a cross-validation that trained its backbone has a space of its own, and two of them cannot be laid over
# each other; bedside then shows one member and the samples it was tested on:

# %%
learn.source("bedside.explain.latent:choose_space", "first = next")

# %% [markdown]
# And it uses the space where no map is needed: how far a new patient lies from all that the network knows (Mahalanobis distance), kept
# as means and covariances, from which no single patient can be read off.
#
# ```python
# run = bedside.train("dermoscopy", family="tf_efficientnet_lite0")
# learn.report(run)
# ```
#
# To play with: `bedside learn play latent`, a latent space by epoch, with points to click on. Next: notebook 05, honest evaluation.

# %% tags=["live"]
learn.play("latent")
