# %% [markdown]
# # 02 Convolutional neural networks
#
# A network that has already seen more than a million photographs learns your pictures faster than one that starts from
# nothing. In this notebook you take such a network, replace its last layer, and train it: first on two *species*, then
# on their *breeds*, then on **medical images**.
#
# What you need: notebook 01 (tensors, `nn.Module`, the training loop). Time: about 60 minutes.
#
# *For research and teaching only. bedside is not a medical device, and nothing here may be used to treat a patient.*

# %% [markdown]
# ## 1 Open
# We use plain PyTorch, and timm, a library of networks for images. bedside loads timm, because it also looks after
# installations in which timm would stop at its first import.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import StratifiedGroupKFold
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import bedside
from bedside import learn
from bedside.errors import SettingError
from bedside.models.backbone import load_timm
from bedside.models.pretrained import load_weights
from bedside.settings import DataSettings
from bedside.splits.folds import join_groups

timm = load_timm()
torch.set_num_threads(1)  # other programs run here too; threads that wait for each other are slow
torch.manual_seed(0)
plt.rcParams.update({"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False})
BLUE, ORANGE, GREY = "#1b5583", "#c4581a", "#565f68"

# %% [markdown]
# ## 2 Load images
# There are three places to take pictures from:
#
# 1. With `DOWNLOAD = True`, **Oxford-IIIT Pet** (37 breeds of cats and dogs, 792 MB,
#    [Parkhi et al. 2012](https://doi.org/10.1109/CVPR.2012.6248092)) is fetched once, if it can be reached. Breed and species stand in
#    the file names: `Bengal_12.jpg` is a cat, because it begins with a capital; `pug_3.jpg` is a dog.
# 2. Otherwise **a folder of your own**, with a folder per species or with such names: `learn.pets("my_folder")`, or the
#    variable `BEDSIDE_DATA`.
# 3. Otherwise the **built-in pictures**: skin lesions that a computer drew. There the diagnosis plays the species.
#
# What came is said in words, because you should always know what you train on.

# %% tags=["fact"]
DOWNLOAD = False  # True fetches the cats and dogs: 792 MB, once

pets = learn.pets(download=DOWNLOAD)
print(pets.about)

# %% [markdown]
# Always look at the pictures before you train on them. Here are some of each class.

# %%
species, labels = np.unique(pets.species, return_inverse=True)
figure, axes = plt.subplots(len(species), 6, figsize=(9, 1.7 * len(species)), squeeze=False)
for row, name in zip(axes, species, strict=True):
    for axis, number in zip(row, np.flatnonzero(pets.species == name)[::7], strict=False):
        axis.imshow(pets.picture(number), cmap="gray")
        axis.set(xticks=[], yticks=[])
    row[0].set_ylabel(name)
figure.suptitle("Could you tell the classes apart?", fontsize=11)
plt.show()

# %% [markdown]
# ## 3 Preprocess
# A network wants all pictures in one size. We keep the square in the middle and scale it to 48 pixels, small enough to
# train in seconds; the pretrained network was made for 224, and with more pixels it would see more.

# %% tags=["fact"]
SIZE = 48


def preprocess(pixels):
    image = Image.fromarray(pixels).convert("RGB")  # grey images get three equal channels
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


pixels = np.stack([preprocess(pets.picture(number)) for number in range(len(pets))])
print(pixels.shape, pixels.dtype, "smallest", pixels.min(), "largest", pixels.max())

# %% [markdown]
# bedside does the same, for images of 16 bits too:

# %%
learn.source("bedside.splits.images:ImagePreparation._framed", "size, (width", "return image.crop")

# %% [markdown]
# ## 4 Split
# Some pictures show the same lesion. If one of them trained the network and another tested it, the network could pass by
# recognising the lesion. So whole *groups* go to one side; `pets.groups` says which pictures belong together.
#
# **Exercise 02.4:** write the split. Deal the rows to five parts that keep groups together and share the classes
# evenly; three parts train, one validates, one is tested.


# %%
def split_by_group(labels, groups):
    """Rows of training, validation and test."""
    # gap: five parts from StratifiedGroupKFold; return training, validation and test rows
    five = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    parts = [rows for _, rows in five.split(labels, labels, groups)]
    return np.concatenate(parts[2:]), parts[1], parts[0]
    # end gap


# %%
learn.check("02.4", split_by_group)

# %%
train_rows, valid_rows, test_rows = split_by_group(labels, pets.groups)
for name, rows in {"train": train_rows, "validation": valid_rows, "test": test_rows}.items():
    counts = dict(zip(species.tolist(), np.bincount(labels[rows]).tolist(), strict=True))
    print(f"{name:>10}: {len(rows)} pictures in {len(set(pets.groups[rows]))} groups, {counts}")

# %% [markdown]
# Nothing else in bedside may split; the one place that does joins patients with all copies of their images first:

# %%
learn.source("bedside.splits.folds:join_groups", "groups = np.asarray", "return groups")

# %% [markdown]
# ## 5 Choose a network, and make tensors
# Pretrained weights of `resnet18` have to be downloaded; set `WEIGHTS = "download"` if you have a connection. Without
# one, we take a network whose weights came with the installation of `bedside[weights]`: `tf_efficientnet_lite0`, small and
# trained on the same photographs (ImageNet). Which one it became is printed.

# %%
WEIGHTS = "pretrained"  # what is on this computer; "download" asks the network
for BACKBONE in ("resnet18", "tf_efficientnet_lite0"):
    try:
        known = load_weights(timm.create_model(BACKBONE), BACKBONE, WEIGHTS)
        break
    except SettingError as error:
        known = None
        print(f"{BACKBONE}: {error}\n")
if known is None:
    raise SystemExit(
        "Neither network is here. Install bedside[weights], or set WEIGHTS to 'download', and begin again."
    )
print(f"{BACKBONE}, from {known.source}")

# %% [markdown]
# The weights expect pixels as they were when the network learnt: between 0 and 1, minus a mean, divided by a standard
# deviation, with the channels *before* height and width. Other numbers would be another picture to it.


# %%
def to_tensor(pixels):
    images = torch.tensor(pixels).permute(0, 3, 1, 2).float() / 255  # (n, 3, height, width), 0 to 1
    mean, std = torch.tensor(known.mean).view(3, 1, 1), torch.tensor(known.std).view(3, 1, 1)
    return (images - mean) / std


def loaders(images, labels, parts):
    """One loader for each part; only the first, for training, is shuffled."""
    targets = torch.tensor(labels)
    sets = [TensorDataset(images[rows], targets[rows]) for rows in parts]
    return [DataLoader(one, batch_size=32, shuffle=number == 0) for number, one in enumerate(sets)]


images = to_tensor(pixels)
train_loader, valid_loader, test_loader = loaders(images, labels, (train_rows, valid_rows, test_rows))
print(images.shape, images.dtype)

# %% [markdown]
# ### Before the class: what a convolution is
# A convolution lays a small square of weights, the *kernel*, on each place of a picture, multiplies every weight with the pixel under it,
# and adds up: one number for each place, together a new picture, called a map. The map is bright where the picture looks like the
# kernel, for example at an edge, wherever in the picture that is, and a 3 by 3 kernel needs nine weights for all places together. A
# convolutional network learns its kernels, many in each layer, and lays those of the next layer on the maps of the one before.
#
# By hand: a picture that is dark on the left and bright on the right, and a kernel that looks for just such an edge.

# %% tags=["fact"]
picture = torch.tensor([[0.0, 0, 0, 9, 9, 9]] * 4)  # 4 high, 6 wide
kernel = torch.tensor([[-1.0, 0, 1]] * 3)
by_hand = [[(picture[r : r + 3, c : c + 3] * kernel).sum().item() for c in range(4)] for r in range(2)]
by_torch = nn.functional.conv2d(picture[None, None], kernel[None, None])[0, 0].tolist()
print("map:", by_hand, " PyTorch says the same:", by_hand == by_torch)

# %% tags=["live"]
learn.play("convolution")

# %% [markdown]
# ## 6 The class
# As in notebook 01, a network is a class that inherits `torch.nn.Module`. Its `__init__` loads the pretrained backbone,
# takes its last layer away (it names the 1,000 classes of ImageNet), and puts a new one there.
#
# **Freezing** means: the backbone keeps what it knows, and only the new layer learns. `requires_grad = False` tells PyTorch
# not to compute gradients for a weight. One thing moves all the same: batch normalisation takes the mean of each batch while a
# model is in training mode. So the method `train` puts a frozen backbone back into evaluation mode.
#
# **Exercise 02.6:** fill the gap in `__init__`.


# %%
class PictureClassifier(nn.Module):
    def __init__(self, n_outputs, freeze=True):
        super().__init__()
        self.freeze = freeze
        self.backbone = timm.create_model(BACKBONE)  # with random weights
        load_weights(self.backbone, BACKBONE, WEIGHTS)  # with what it has learnt
        n_features = self.backbone.num_features
        self.backbone.reset_classifier(0)  # the old last layer goes
        # gap: freeze the backbone if asked to, then make the new last layer, self.last
        if freeze:
            for weight in self.backbone.parameters():
                weight.requires_grad = False
        self.last = nn.Linear(n_features, n_outputs)
        # end gap

    def train(self, mode=True):
        super().train(mode)
        if self.freeze:
            self.backbone.eval()
        return self

    def forward(self, x):  # (n, 3, height, width)
        features = self.backbone(x)  # (n, n_features)
        return self.last(features)  # (n, n_outputs), logits


# %%
learn.check("02.6", PictureClassifier)

# %% [markdown]
# ## 7 Forward
# `forward` stands in the class above: pictures become features, features become logits, one per class. Two classes get two
# outputs here, so that nothing has to change for more. Before training the answers are guesses:

# %%
torch.manual_seed(1)  # the new last layer begins with random weights; with a seed they are the same in every run
model = PictureClassifier(len(species))
with torch.no_grad():
    logits = model.eval()(images[:3])
print("logits", tuple(logits.shape))
print("probabilities of the first picture", [f"{value:.2f}" for value in logits.softmax(dim=1)[0]])
trains = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
print(f"{trains:,} of {sum(weight.numel() for weight in model.parameters()):,} weights train")

# %% [markdown]
# bedside's backbones freeze in the same way, batch normalisation included:

# %%
learn.source("bedside.models.classifier:Classifier.train")

# %% [markdown]
# ## 8 Train and validate
# The loop is the one from notebook 01. New is the loss, cross-entropy, which takes one logit per class, and that the optimiser
# gets only the weights that train. After each epoch we look at the validation pictures, without learning from them. Every pretrained
# network of this notebook gets the same number of epochs, so that none wins by having had more time.


# %%
EPOCHS = 5


def right_answers(model, loader):
    """How many pictures get the right class."""
    model.eval()
    with torch.no_grad():
        return sum(int((model(x).argmax(dim=1) == y).sum()) for x, y in loader)


def train(model, loader, valid_loader, epochs, rate):
    """Train in place; one record per epoch."""
    loss_function, history = nn.CrossEntropyLoss(), []
    optimizer = torch.optim.Adam([w for w in model.parameters() if w.requires_grad], lr=rate, fused=True)
    for _ in range(epochs):
        model.train()
        began, total = time.perf_counter(), 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = loss_function(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        seconds = time.perf_counter() - began
        valid = right_answers(model, valid_loader) / len(valid_loader.dataset)
        history.append({"loss": total / len(loader.dataset), "valid": valid, "seconds": seconds})
    return history


# %%
torch.manual_seed(1)
frozen_history = train(model, train_loader, valid_loader, EPOCHS, rate=2e-3)
commonest = np.bincount(labels[valid_rows]).max() / len(valid_rows)

figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 2.8))
epochs = range(1, len(frozen_history) + 1)
left.plot(epochs, [one["loss"] for one in frozen_history], color=BLUE, marker="o")
left.set(xlabel="epoch", ylabel="training loss", title="The loss falls ...")
right.plot(epochs, [one["valid"] for one in frozen_history], color=ORANGE, marker="s")
right.axhline(commonest, color=GREY, linestyle="--")
right.text(EPOCHS, commonest - 0.02, "always the commoner class", color=GREY, ha="right", va="top")
right.set(xlabel="epoch", ylabel="right on validation", ylim=(0.3, 1.02), title="... is it better than a guess?")
for axis in (left, right):
    axis.set_xticks(epochs)
figure.tight_layout()
plt.show()

# %% [markdown]
# In bedside one loop trains every network; its innermost lines are those you have just written:

# %%
learn.source("bedside.training.loop:step", "optimizer.zero_grad", "optimizer.step")

# %% [markdown]
# ## 9 Test, once
# The test pictures have not been looked at until now. Afterwards nothing is changed any more, or they would become a second
# validation set. So few pictures allow a rough statement only: bedside would give an interval with it (notebook 05).

# %%
correct = right_answers(model, test_loader)
print(f"{correct} of {len(test_rows)} test pictures are right, from {len(set(pets.groups[test_rows]))} groups;")
print(f"always the commoner class: {np.bincount(labels[test_rows]).max()} of {len(test_rows)}")

# %% [markdown]
# ## 10 Exercise: frozen against unfrozen
# What happens in practice? Train a second network with `freeze=False`, for as many epochs (`EPOCHS`) and at a learning rate of 3e-4,
# nearly ten times smaller, and compare three things: the weights that train, the seconds per epoch, and the validation pictures.

# %%
torch.manual_seed(1)
unfrozen, unfrozen_history = ..., ...
# gap: make the network unfrozen, and keep what train gives back as unfrozen_history
unfrozen = PictureClassifier(len(species), freeze=False)
unfrozen_history = train(unfrozen, train_loader, valid_loader, EPOCHS, rate=3e-4)
# end gap

# %%
learn.check("02.10", model, unfrozen)

# %% [markdown]
# And what does a large rate do to weights that were good? We train a third network unfrozen at 3e-2, a hundred times as fast, and
# compare.

# %%
torch.manual_seed(1)
hasty = PictureClassifier(len(species), freeze=False)
hasty_history = train(hasty, train_loader, valid_loader, EPOCHS, rate=3e-2)

ways = {
    "frozen, rate 2e-3": (model, frozen_history),
    "unfrozen, rate 3e-4": (unfrozen, unfrozen_history),
    "unfrozen, rate 3e-2": (hasty, hasty_history),
}
print(f"{'':24}{'weights that train':>20}{'s per epoch':>13}{'right on validation':>21}")
for name, (one, history) in ways.items():
    weights = sum(w.numel() for w in one.parameters() if w.requires_grad)
    seconds = np.mean([epoch["seconds"] for epoch in history])
    print(f"{name:24}{weights:>20,}{seconds:>13.1f}{history[-1]['valid']:>21.0%}")
print(f"{'always the commoner class':24}{commonest:>53.0%}; one picture more or less is {1 / len(valid_rows):.0%}")

# %%
figure, panels = plt.subplots(1, 2, figsize=(8.5, 2.8))
for (name, (_, history)), colour, marker in zip(ways.items(), [BLUE, ORANGE, GREY], "os^", strict=True):
    for panel, part in zip(panels, ("loss", "valid"), strict=True):
        panel.plot(epochs, [one[part] for one in history], color=colour, marker=marker, label=name)
panels[0].set(
    xlabel="epoch", ylabel="training loss", yscale="log", xticks=epochs, title="The same pictures and epochs ..."
)
panels[1].axhline(commonest, color=GREY, linestyle="--", linewidth=1)
panels[1].set(
    xlabel="epoch", ylabel="right on validation", ylim=(0.3, 1.02), xticks=epochs, title="... three ways to train"
)
panels[1].legend(frameon=False, fontsize=8, loc="upper left")
figure.tight_layout()
plt.show()

# %% [markdown]
# What usually happens, and what to look for in your table:
#
# * **Frozen** is cheaper in every epoch, because no gradient has to go back through the backbone, and a few hundred pictures
#   cannot spoil it. It can only sort what the old features show; photographs are not skin, so there is a ceiling.
# * **Unfrozen** can adapt the features. It costs more, wants a small learning rate and more pictures, and overfits sooner. With
#   so few pictures which one wins is often chance: repeat it with another seed before you believe it.
# * **Unfrozen at a large rate** throws the old knowledge away in the first steps, when the new layer is still random.
#   A common order is therefore: the last layer first, then the rest at a small rate
#   ([Kumar et al. 2022](https://arxiv.org/abs/2202.10054); [Howard & Ruder 2018](https://doi.org/10.18653/v1/P18-1031)).
#
# A frozen backbone gives the same features for the same picture in each epoch. So bedside computes them once, keeps them
# on the disk, and trains only the last layer on them: `freeze` of its backbones is `backbone`, `none` or `gradual`.

# %% [markdown]
# ## 11 Exercise: other ResNets
# ResNets come in sizes: 10, 18, 34, 50 ... layers ([He et al. 2016](https://doi.org/10.1109/CVPR.2016.90)). With a connection
# you can take them pretrained. Offline we can only train them **from scratch**, and that is what we compare here, honestly
# named: the same pictures, but nothing known before.
#
# **Exercise 02.11:** a function that makes an untrained ResNet of any name, with a last layer for `n_outputs` classes.


# %%
def untrained(name, n_outputs):
    # gap: the network of that name, with its last layer replaced; nothing frozen
    network = timm.create_model(name)
    network.fc = nn.Linear(network.num_features, n_outputs)
    return network
    # end gap


# %%
learn.check("02.11", untrained)

# %%
small = nn.functional.interpolate(images, 32, mode="area")  # fewer pixels still, so that it takes seconds
small_train, small_valid, _ = loaders(small, labels, (train_rows, valid_rows, test_rows))
scratch = {}
for name in ("resnet10t", "resnet18"):
    torch.manual_seed(1)
    network = untrained(name, len(species))
    scratch[name] = train(network, small_train, small_valid, epochs=12, rate=1e-3)  # from scratch takes longer
    weights, right = sum(weight.numel() for weight in network.parameters()), scratch[name][-1]["valid"]
    own = right_answers(network, small_train) / len(train_rows)
    better = right > commonest + 1.5 / len(valid_rows)  # one picture more is no difference
    print(
        f"{name}, from scratch, {weights:,} weights: {own:.0%} of its training pictures right, {right:.0%} of validation,"
    )
    print(
        f"  which is {'better than' if better else 'no better than'} always saying the commoner class ({commonest:.0%})"
    )
print(f"{BACKBONE}, pretrained and frozen: {frozen_history[-1]['valid']:.0%} of validation after {EPOCHS} epochs")
print(f"numbers in all training pictures together: {small[train_rows].numel():,}")

# %%
figure, axis = plt.subplots(figsize=(6.5, 2.8))
for (name, history), colour, marker in zip(scratch.items(), (BLUE, ORANGE), "os", strict=True):
    axis.plot(range(1, 13), [one["valid"] for one in history], color=colour, marker=marker, label=name)
axis.axhline(commonest, color=GREY, linestyle="--", linewidth=1)
axis.set(xlabel="epoch", ylabel="right on validation", ylim=(0.3, 1.02), xticks=range(1, 13))
axis.set_title("From scratch: how long does it stand at the dashed line (always the commoner class)?")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# A network that stands exactly on the dashed line, epoch after epoch, says the same class for all. In the first epochs that has a reason that is easily
# overlooked: in evaluation mode, batch normalisation uses means that it gathered over many batches, and they lag behind weights
# that still change quickly. So two or three epochs tell nothing about a network from scratch.
#
# Then compare the two shares of each line: training pictures nearly all right, and validation not, is learning by heart. Compare
# also the weights with the numbers in all pictures that are to teach them: the larger network need not be the better one. And
# with so few validation pictures a difference of two or three of them is chance. Pretraining pays most where pictures are few.

# %% [markdown]
# ## 12 Exercise: from species to breed
# Now adapt the code: the same pictures, but the finer label. (A folder per species knows no breeds; then the built-in
# pictures step in.) What has to change: the labels, and the number of outputs. What stays: everything else.

# %%
finer = pets if pets.breed is not None else learn.pets("dermoscopy")
finer_images = to_tensor(np.stack([preprocess(finer.picture(number)) for number in range(len(finer))]))
breeds, breed_labels, breed_model = ..., ..., ...
# gap: the breeds and a number for each picture's, from finer.breed; a network for so many classes
breeds, breed_labels = np.unique(finer.breed, return_inverse=True)
breed_model = PictureClassifier(len(breeds))
# end gap

# %%
learn.check("02.12", breed_labels, breed_model, finer.breed)

# %%
torch.manual_seed(1)
parts = split_by_group(breed_labels, finer.groups)
breed_train, breed_valid, _ = loaders(finer_images, breed_labels, parts)
breed_history = train(breed_model, breed_train, breed_valid, EPOCHS, rate=2e-3)
with torch.no_grad():
    said = breed_model.eval()(finer_images[parts[1]]).argmax(dim=1).numpy()
truth = breed_labels[parts[1]]
print(f"right on validation: {np.mean(said == truth):.0%}")
print(f"always the commonest breed: {np.bincount(truth).max() / len(truth):.0%}")
for number, name in enumerate(breeds[:12]):
    print(f"{name:32} {np.sum((said == truth) & (truth == number)):>3} of {np.sum(truth == number):>3}")

# %% [markdown]
# More classes and fewer pictures of each: guessing gets harder, and one number over all classes says little about the rare ones. So look
# at each class.

# %% [markdown]
# ## 13 Let's classify some medical images
# Everything is there now. Choose your images, by writing one of these into `MINE`, and what bedside has to know about them into
# `SETTINGS`:
#
# * `"dermoscopy"`: new drawn skin lesions, one image each; they come with bedside, and `SETTINGS` say how many, and how large;
# * the path of a **MedMNIST** file, such as `"pneumoniamnist.npz"` (chest radiographs of children; the files are at
#   [medmnist.com](https://medmnist.com), [Yang et al. 2023](https://doi.org/10.1038/s41597-022-01721-8)), and `SETTINGS = {}`;
# * the path of **your own folder**, with a folder for each class, and `SETTINGS = {}`. If patients have several images, the names of the
#   files have to tell whose they are: take the last line of `SETTINGS`, and change it until it fits your names. The one below fits
#   `benign_P07_2.png`, the second image of patient P07; see the guide on images.

# %%
MINE = "dermoscopy"
SETTINGS = {"synthetic": {"patients": 200, "size": 96, "seed": 7}}  # for "dermoscopy"
# SETTINGS = {}  # for a MedMNIST file, or a folder for each class
# SETTINGS = {"label_pattern": r"(?P<target>[a-z]+)_(?P<patient>P\d+)_\d\.png"}  # for names that tell class and patient

cohort = bedside.read_cohort(MINE, DataSettings(**SETTINGS))
rows = np.random.default_rng(0).permutation(len(cohort))[:240]  # enough for a lesson
classes, medical_labels = cohort.task.classes, cohort.target[rows]
groups = join_groups(cohort)[rows]  # patients, joined with all copies of their images
print(f"{len(rows)} images of {len(set(cohort.patients[rows]))} patients; classes: {', '.join(classes)}")

# %% [markdown]
# **Exercise 02.13:** prepare the images, split by patient, and train. You have written every part above.

# %%
torch.manual_seed(2)
medical_images = to_tensor(np.stack([preprocess(cohort.inputs.read(row)) for row in rows]))
parts, medical_model = (..., ..., ...), ...
# gap: three parts from split_by_group; loaders; medical_model; train it
parts = split_by_group(medical_labels, groups)
medical_train, medical_valid, medical_test = loaders(medical_images, medical_labels, parts)
medical_model = PictureClassifier(len(classes))
medical_history = train(medical_model, medical_train, medical_valid, EPOCHS, rate=2e-3)
# end gap

# %%
learn.check("02.13", *parts, groups, medical_model, len(classes))

# %% [markdown]
# A share of right answers hides what matters in medicine: are the ill found, and are the healthy left in peace? So look at
# each class, on the test images, once.

# %%
with torch.no_grad():
    said = medical_model.eval()(medical_images[parts[2]]).argmax(dim=1).numpy()
truth = medical_labels[parts[2]]
table = confusion_matrix(truth, said, labels=range(len(classes)))

figure, axis = plt.subplots(figsize=(3.6, 3.2))
axis.imshow(table, cmap="Blues", vmin=0)
for (row, column), count in np.ndenumerate(table):
    colour = "white" if count > table.max() / 2 else "black"
    axis.text(column, row, count, ha="center", va="center", color=colour)
axis.set(xticks=range(len(classes)), yticks=range(len(classes)), xticklabels=classes, yticklabels=classes)
axis.set(
    xlabel="the network says",
    ylabel="the truth",
    title=f"{np.trace(table)} of {table.sum()} right: which errors matter?",
)
axis.spines[:].set_visible(False)
plt.show()

# %% [markdown]
# ## The same in bedside
# bedside does all of this, and what was left out here: intervals that respect patients, a threshold chosen on validation
# images, calibration, a baseline, what the network looked at, and a report.
#
# ```python
# run = bedside.train("dermoscopy", family="tf_efficientnet_lite0")
# learn.report(run)
# ```
#
# It takes longer, because it uses all pixels that the network was made for. Then play with two more parts of such networks,
# `pooling` and `inside`. Next: notebook 03, how networks learn.

# %% tags=["live"]
learn.play("pooling")

# %% tags=["live"]
learn.play("inside")
