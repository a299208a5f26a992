# %% [markdown]
# # 01 Neural networks
#
# You build a neural network for a medical table by hand, in plain PyTorch, and train it, judge it, and vary it. After most
# steps you see the lines of bedside that do the same, because the tool and the course are one.
#
# The steps are numbered. Three cells in between and three exercises at the end have a gap (`...`) for you;
# `learn.check` says what is right, what is wrong, and gives a hint.
#
# *For research and teaching only. Nothing here is a medical device.*

# %% [markdown]
# ## 1 Open
# You have opened the notebook. Press Shift and Enter in each cell, from top to bottom. This first cell loads what the others need.
# Torch gets one thread: for layers as small as ours, a second one only waits for the first.

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

import bedside
from bedside import learn

torch.set_num_threads(1)
BLUE, ORANGE, GREY = "#1b5583", "#c4581a", "#565f68"
plt.rcParams.update(
    {"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left"}
)

# %% [markdown]
# ## 2 Load the data
# 569 breast masses were punctured with a fine needle; for each, 30 numbers describe the cell nuclei on the slide (Street et al.
# 1993, doi:10.1117/12.148698). The question: is the mass malignant?
#
# scikit-learn codes malignant as 0 and benign as 1. We turn that round, because the class that one looks for should be the 1:
# then a high output of the network means "malignant".

# %% tags=["fact"]
from sklearn.datasets import load_breast_cancer

data = load_breast_cancer()
x = data.data  # features, shape (patients, features)
y = (data.target == 0).astype(int)  # 1 = malignant, 0 = benign

print("x:", x.shape, " y:", y.shape)
print("malignant:", y.sum(), " benign:", (y == 0).sum())
print("first features:", ", ".join(data.feature_names[:4]))

# %% [markdown]
# ## 3 Split into train, validation and test
# A network can learn its patients by heart, so it is judged on others. Three parts, three jobs:
# **train** sets the weights, **validation** is where we choose (when to stop, which settings), **test** is looked at once, at the end.
# `stratify` gives each part the same share of malignant masses.
#
# The data name no patients, so each row counts as one patient. Where patients have several rows, all rows of a patient must
# stay in one part; notebook 05 shows what happens otherwise.

# %% tags=["fact"]
from sklearn.model_selection import train_test_split

rest, test = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=0)
train, valid = train_test_split(rest, test_size=0.25, stratify=y[rest], random_state=0)  # of 80 %

for name, rows in {"train": train, "validation": valid, "test": test}.items():
    print(f"{name:<11}{len(rows):>4} patients, {y[rows].sum():>3} malignant ({y[rows].mean():.0%})")

# %% [markdown]
# bedside deals patients, not rows, to five parts: one is tested, the next validates, the others train. A single split is the
# first of these five.

# %%
learn.source("bedside.splits.folds:_crossval", "folds = []")

# %% [markdown]
# ## 4 Standardise
# The features have very different sizes: an area in the hundreds, a smoothness of 0.1. A network starts with weights of similar
# size everywhere, so the large feature would drown the small one. `StandardScaler` subtracts the mean and divides by the
# standard deviation. It **learns** these numbers, so it is fitted on the training patients only.

# %% tags=["fact"]
from sklearn.preprocessing import StandardScaler

scaler = StandardScaler().fit(x[train])  # learns 30 means and 30 standard deviations
x_train, x_valid, x_test = (scaler.transform(x[rows]) for rows in (train, valid, test))

for name, part in {"before": x[train], "after": x_train}.items():
    print(f"{name:<7} mean area {abs(part[:, 3].mean()):7.2f}, its deviation {part[:, 3].std():7.2f}")

# %% [markdown]
# ### What goes wrong when it is fitted on everything?
# Then those who are held out have had a say before they are asked. How much does it matter? We do not guess, we measure: ten times
# we hold out another quarter of the training and validation patients, and fit the scaler once without and once with them. Our test
# patients take no part: they are asked once, in step 14. (The model is a logistic regression, which is quick. AUROC is the share of
# pairs, one malignant and one benign, that a score puts in the right order.)

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score


def auroc(x, y, some, others):
    model = LogisticRegression(max_iter=1000).fit(x[some], y[some])
    return roc_auc_score(y[others], model.decision_function(x[others]))


honest, leaky = [], []
for seed in range(10):
    some, others = train_test_split(rest, test_size=0.25, stratify=y[rest], random_state=seed)
    honest.append(auroc(StandardScaler().fit(x[some]).transform(x), y, some, others))
    leaky.append(auroc(StandardScaler().fit(x[rest]).transform(x), y, some, others))
difference = np.subtract(leaky, honest)
print(f"AUROC: scaler fitted without them {np.mean(honest):.4f}, with them {np.mean(leaky):.4f}")
print(f"difference on average {difference.mean():+.6f}, at most {np.abs(difference).max():.5f}")

# %% [markdown]
# Next to nothing: means and deviations of hundreds of patients hardly move when a third more are counted. So is the rule
# pedantry? No: it is a habit that costs nothing, and the same mistake is a disaster as soon as the step that sees those who are held out
# also sees their **diagnosis**. Choosing features does. We plant it: 100 patients, 2000 "genes" of pure noise, a
# "diagnosis" by lot. There is nothing to find, so an honest AUROC is 0.5.


# %%
def best_genes(genes, diagnosis, n=20):
    """Columns that differ most between the two groups."""
    distance = np.abs(genes[diagnosis == 1].mean(0) - genes[diagnosis == 0].mean(0))
    return np.argsort(distance)[-n:]


honest, leaky = [], []
for seed in range(20):
    genes = np.random.default_rng(seed).normal(size=(100, 2000))
    diagnosis = np.random.default_rng(seed + 1000).permutation(np.repeat([0, 1], 50))
    some, others = train_test_split(np.arange(100), test_size=0.3, stratify=diagnosis, random_state=seed)
    honest.append(auroc(genes[:, best_genes(genes[some], diagnosis[some])], diagnosis, some, others))
    leaky.append(auroc(genes[:, best_genes(genes, diagnosis)], diagnosis, some, others))
print(f"mean AUROC: chosen on train {np.mean(honest):.2f}, on everything {np.mean(leaky):.2f}, truth 0.50")

# %%
figure, axes = plt.subplots(figsize=(7, 2.4))
for height, values, colour, marker in [(0, leaky, ORANGE, "D"), (1, honest, BLUE, "o")]:
    axes.scatter(values, np.full(20, height), color=colour, marker=marker, alpha=0.6, s=36)
axes.axvline(0.5, color=GREY, linestyle="--")
axes.set(yticks=[0, 1], yticklabels=["chosen on everything", "chosen on train"])
axes.set(ylim=(-0.6, 1.6), xlim=(0, 1.03))
axes.set(xlabel="AUROC on patients held out, 20 repetitions (dashed: nothing to find)")
axes.set_title("Genes of pure noise seem to predict, if choosing them saw the test patients")
plt.show()

# %% [markdown]
# That mistake has been made in published studies of gene expression (Ambroise & McLachlan 2002, doi:10.1073/pnas.102102699).
# The rule that prevents it is one sentence: **whatever is learnt is learnt from training patients only**. In bedside the
# preparation never gets to see anyone else:

# %%
learn.source("bedside.splits.preparation:TablePreparation.fit", "def fit", '"""')

# %%
learn.source("bedside.splits.preparation:TablePreparation.fit", "if numbers:", "steps |=")

# %% [markdown]
# ## 5 Tensors
# PyTorch computes with tensors: arrays of numbers of one kind (`dtype`) with a `shape`. A number has no dimension, a patient one
# (the features), a table two (patients, features), a picture three (channels, height, width).

# %% tags=["fact"]
examples = {
    "0-D, a number": torch.tensor(3.5),
    "1-D, a patient": torch.tensor([17.99, 10.38, 122.8]),
    "2-D, a table": torch.tensor([[17.99, 10.38], [20.57, 17.77], [19.69, 21.25]]),
    "3-D, a picture": torch.zeros(3, 64, 64),
    "1-D, class numbers": torch.tensor([1, 0, 1]),
}
for name, tensor in examples.items():
    print(f"{name:<19}ndim {tensor.ndim}  shape {tuple(tensor.shape)!s:<12}  dtype {tensor.dtype}")

# %% [markdown]
# NumPy computes with 64-bit numbers, networks with 32-bit ones: half the memory, and precise enough. The targets become
# 32-bit numbers too, because the loss of step 11 compares them with the network's output.


# %% tags=["fact"]
def tensors(x, y):
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


train_set, valid_set = tensors(x_train, y[train]), tensors(x_valid, y[valid])
test_set = tensors(x_test, y[test])
print("from", x_train.dtype, "to", train_set[0].dtype)
print("features", tuple(train_set[0].shape), " targets", tuple(train_set[1].shape))

# %% [markdown]
# ## 6 TensorDataset and DataLoader
# The network learns from a few patients at a time (a mini-batch): each batch is a quick, rough estimate of which way to go.
# `TensorDataset` keeps features and target of a patient together; `DataLoader` shuffles the patients anew in every epoch and
# hands them out in batches.

# %% tags=["fact"]
from torch.utils.data import DataLoader, TensorDataset


def batches(part, seed=0, size=32):
    return DataLoader(
        TensorDataset(*part), batch_size=size, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )


loader = batches(train_set)
features, target = next(iter(loader))
print("batches per epoch:", len(loader), " patients in the last one:", len(train) - (len(loader) - 1) * 32)
print("one batch: features", tuple(features.shape), " targets", tuple(target.shape))

# %% [markdown]
# bedside shuffles all rows once per epoch and cuts slices from one tensor. That is the same, with less to do for each patient:

# %%
learn.source("bedside.training.batches:TensorBatches.__iter__")

# %% [markdown]
# How much faster that is, the clock tells; both hand out all training patients, twenty times:

# %%
import time

from bedside.training.batches import TensorBatches

slices = TensorBatches(*train_set, torch.ones(len(train)), 32, [torch.Generator().manual_seed(0)])
seconds = []
for handed_out in (loader, slices):
    began = time.perf_counter()
    for _ in range(20):
        for _batch in handed_out:
            pass
    seconds.append((time.perf_counter() - began) / 20)
print(f"per epoch: DataLoader {1000 * seconds[0]:.1f} ms, slices {1000 * seconds[1]:.1f} ms")
print(f"slices are {seconds[0] / seconds[1]:.1f} times as fast here")

# %% [markdown]
# ## 7 A model class
# In PyTorch a model is a class that inherits from `nn.Module`. That gives it a list of its weights, a way to save them, and a
# switch between training and use. `super().__init__()` sets this up, so it stands first. So far the class is empty:


# %% tags=["fact"]
class Net(nn.Module):
    """A network without a single layer."""

    def __init__(self):
        super().__init__()


empty = Net()
print("weights:", sum(weight.numel() for weight in empty.parameters()))
print("is training:", empty.training, "-> after eval():", empty.eval().training)

# %% [markdown]
# ## 8 The architecture
# `__init__` makes the layers. `nn.Linear(a, b)` takes `a` numbers and gives `b` weighted sums. The activation (`nn.ReLU`, `nn.Tanh`)
# bends them; without it, layers on top of each other would be no more than one layer (notebook 03 proves it). `nn.Dropout` switches some
# neurons off at random while training, so that none relies on a single other one. The last layer has **one** node and no
# activation: its number is the logit, above 0 for "rather malignant".
#
# (One neuron to play with: `bedside learn play neuron`; whole networks: `bedside learn play playground`.)
#
# Fill the two gaps. The number of hidden layers and nodes, the activation and the dropout come in as arguments.

# %% tags=["live"]
learn.play("neuron")

# %% tags=["live"]
learn.play("playground")


# %%
class Net(nn.Module):
    """Input, hidden layers, one output node."""

    def __init__(self, n_inputs, n_layers=2, n_nodes=32, activation=nn.ReLU, dropout=0.0):
        super().__init__()
        layers, width = [], n_inputs  # width: how many numbers the next layer takes
        for _ in range(n_layers):
            # gap: append a linear layer, its activation, and dropout if there is any; then the width has changed
            layers += [nn.Linear(width, n_nodes), activation()]
            if dropout > 0:
                layers.append(nn.Dropout(dropout))
            width = n_nodes
            # end gap
        # gap: append the output layer
        layers.append(nn.Linear(width, 1))
        # end gap
        self.layers = nn.Sequential(*layers)  # one after the other


# %%
learn.check("01.8", Net)

# %% [markdown]
# bedside's network for tables is built in the same loop:

# %%
learn.source("bedside.models.mlp:MLP.__init__")

# %% [markdown]
# ## 9 The forward pass
# `forward(self, x)` says how numbers flow from input to output. PyTorch calls it when you write `net(x)`. The last layer gives
# a table with one column, `(patients, 1)`; the targets have the shape `(patients,)`. `squeeze(-1)` takes the column away, so
# that both fit.
#
# In a file of your own you would write `forward` inside the class, below `__init__`. Here it has a cell to itself and is put
# into the class afterwards.


# %%
def forward(self, x):
    """Features (patients, n_inputs) -> logits (patients,)."""
    # gap: send x through self.layers, and take the last dimension away
    return self.layers(x).squeeze(-1)
    # end gap


Net.forward = forward

# %%
learn.check("01.9", Net)

# %%
learn.source("bedside.models.mlp:MLP.forward")

# %% [markdown]
# ## 10 Instantiate
# The class is the plan, an instance is a network with weights of its own. Four networks from the one plan; how many weights
# they have is simple arithmetic: (inputs + 1 bias) × nodes for each layer.


# %% tags=["fact"]
def n_weights(model):
    return sum(weight.numel() for weight in model.parameters())


for options in [
    {"n_layers": 0},
    {"n_layers": 1, "n_nodes": 8},
    {"n_layers": 2, "n_nodes": 32, "dropout": 0.1},
    {"n_layers": 4, "n_nodes": 64, "dropout": 0.2},
]:
    print(f"{n_weights(Net(30, **options)):>6,} weights: {options}")
print("by hand for 1 layer of 8 nodes:", (30 + 1) * 8 + (8 + 1) * 1)

# %% tags=["fact"]
torch.manual_seed(0)  # the weights start at random; with a seed they start alike in every run
model = Net(n_inputs=30, n_layers=2, n_nodes=32, activation=nn.ReLU, dropout=0.1)
print(model)

# %% [markdown]
# ## 11 Loss and optimiser
# The **loss** says how wrong the network is. `nn.BCEWithLogitsLoss` is binary cross-entropy: it turns the logit into a probability
# (sigmoid) and takes −log of the probability that the network gave to the truth. The **optimiser** says how weights move.
# `torch.optim.Adam` adapts the step of each weight to the gradients it has seen (Kingma & Ba 2015, arXiv:1412.6980);
# `torch.optim.SGD` takes the plain step.
#
# A network that knows nothing says 50 % for all, and its loss is log 2:

# %% tags=["fact"]
loss_function = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)  # or torch.optim.SGD, lr=0.1

truth = torch.tensor([1.0, 0.0])
for words, logits in {"undecided": [0.0, 0.0], "right": [2.0, -2.0], "wrong": [-2.0, 2.0]}.items():
    print(f"{words:<10} loss {loss_function(torch.tensor(logits), truth):.4f}")
print(f"log 2 = {np.log(2):.4f}")

# %% [markdown]
# The same in bedside, with the losses for numbers and for several classes beside it (notebook 03 computes all three by hand):

# %%
learn.source("bedside.models.losses:Supervised.per_row")

# %% [markdown]
# ## 12 The training loop
# Five lines per batch, always in this order:
#
# 1. **forward**: what does the network say? 2. **loss**: how wrong is that? 3. `loss.backward()`: which way should each
# weight move? 4. `optimizer.step()`: move it. 5. `optimizer.zero_grad()`: forget the gradients, because PyTorch adds new ones to old ones.
#
# The loss of an epoch is the mean over patients, not over batches: the last batch is smaller.


# %%
def train_epoch(model, loader, loss_function, optimizer):
    """One pass over the training patients; gives their mean loss."""
    model.train()  # dropout acts
    total = 0.0
    for x, y in loader:
        # gap: the five lines; call the loss `loss`
        logits = model(x)
        loss = loss_function(logits, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        # end gap
        total += loss.item() * len(y)
    return total / len(loader.dataset)


# %%
learn.check("01.12", train_epoch)

# %% [markdown]
# One step in bedside (there the gradients are forgotten at the beginning, and gradients that are too long are shortened):

# %%
learn.source("bedside.training.loop:step", "optimizer.zero_grad()", "return loss, outputs")

# %% [markdown]
# ## 13 Track training and validation
# After each epoch we look at both parts, with dropout off (`model.eval()`) and without gradients. The training loss
# nearly always falls; the **validation** loss shows when the network begins to learn its patients by heart. So the weights of the
# epoch with the lowest validation loss are kept.


# %%
def judge(model, part):
    """Mean loss and AUROC over patients."""
    model.eval()
    with torch.no_grad():
        logits = model(part[0])
    return nn.BCEWithLogitsLoss()(logits, part[1]).item(), roc_auc_score(part[1], logits)


def fit(model, train_set, valid_set, epochs=40, learning_rate=1e-3, seed=0):
    """Train, keep the weights of the best epoch, and give one row per epoch."""
    loader = batches(train_set, seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)  # the same steps, in one go
    lowest, history = np.inf, []
    for epoch in range(1, epochs + 1):
        train_epoch(model, loader, nn.BCEWithLogitsLoss(), optimizer)
        (train_loss, train_auroc), (valid_loss, valid_auroc) = judge(model, train_set), judge(model, valid_set)
        history.append([epoch, train_loss, train_auroc, valid_loss, valid_auroc])
        if valid_loss < lowest:
            lowest, best = valid_loss, copy.deepcopy(model.state_dict())
    if np.isfinite(lowest):
        model.load_state_dict(best)
    columns = ["epoch", "train_loss", "train_auroc", "valid_loss", "valid_auroc"]
    return pd.DataFrame(history, columns=columns).set_index("epoch")


# %%
history = fit(model, train_set, valid_set, epochs=60)
best = history["valid_loss"].idxmin()
history.iloc[[0, 4, 19, 39, 59]].round(3)

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4))
for panel, name, words in [(axes[0], "loss", "mean loss"), (axes[1], "auroc", "AUROC")]:
    panel.plot(history[f"train_{name}"], color=GREY, linestyle="--", label="training")
    panel.plot(history[f"valid_{name}"], color=BLUE, label="validation")
    panel.axvline(best, color=ORANGE, linewidth=1)
    panel.set(xlabel="epoch", ylabel=words)
axes[0].annotate(
    f"kept: epoch {best}",
    (best, axes[0].get_ylim()[1]),
    (-6, -12),
    textcoords="offset points",
    color=ORANGE,
    ha="right",
)
axes[0].set_yscale("log")
axes[0].legend(frameon=False, loc="lower left")
axes[0].set_title("Training loss goes on falling, validation loss does not")
axes[1].set_title("The order of patients is learnt early")
plt.tight_layout()
plt.show()

# %% [markdown]
# bedside's loop does the same; patience, which ends it early, is its own addition:

# %%
learn.source("bedside.training.loop:fit", "train_loss, train_metric", "if not active.any()")

# %% [markdown]
# ## 14 Evaluate on the test set
# Once, with the network as it is now. A probability of 0.5 and more counts as "malignant"; notebook 05 shows how to choose this
# threshold. Sensitivity is the share of malignant masses that are found, specificity the share of benign ones that are left
# in peace. Each is a share of few patients, so each gets its 95 % interval (Wilson 1927, doi:10.1080/01621459.1927.10502953).

# %%
from scipy.stats import binomtest

model.eval()
with torch.no_grad():
    probability = torch.sigmoid(model(test_set[0])).numpy()
called, malignant = probability >= 0.5, y[test] == 1
print(f"AUROC {roc_auc_score(y[test], probability):.3f} on {len(test)} patients")
for name, right, all_of in [
    ("sensitivity", (called & malignant).sum(), malignant.sum()),
    ("specificity", (~called & ~malignant).sum(), (~malignant).sum()),
]:
    low, high = binomtest(int(right), int(all_of)).proportion_ci(method="wilson")
    print(f"{name} {right} of {all_of} = {right / all_of:.2f} [{low:.2f}, {high:.2f}]")

# %% [markdown]
# ## 15 Compare architectures and settings
# Now we vary the plan. The comparison looks at **validation** only: who chooses by the test set tests nothing any more. Each
# setting is trained three times from other random weights, because a difference smaller than that between
# two starts is no difference.


# %%
EPOCHS = 15


def compare(options, seeds=3, learning_rate=5e-3):
    """Lowest validation loss of a setting, from several starts, and the earliest of the epochs that it was reached in."""
    losses, best = [], []
    for seed in range(seeds):
        torch.manual_seed(seed)
        model = Net(30, **options)
        course = fit(model, train_set, valid_set, EPOCHS, learning_rate, seed)["valid_loss"]
        losses.append(course.min())
        best.append(course.idxmin())
    spread = np.std(losses, ddof=1)
    return {"weights": n_weights(model), "loss": np.mean(losses), "spread": spread, "best epoch": min(best)}


settings = {
    "no hidden layer": {"n_layers": 0},
    "1 layer of 8": {"n_layers": 1, "n_nodes": 8},
    "2 layers of 32": {"n_layers": 2, "n_nodes": 32},
    "2 layers of 32, dropout 0.5": {"n_layers": 2, "n_nodes": 32, "dropout": 0.5},
    "4 layers of 64": {"n_layers": 4, "n_nodes": 64},
}
compared = pd.DataFrame({name: compare(options) for name, options in settings.items()}).T
compared.astype({"weights": int, "best epoch": int}).round(4)

# %%
figure, axes = plt.subplots(figsize=(7, 2.6))
places = np.arange(len(compared))[::-1]
axes.errorbar(compared["loss"], places, xerr=compared["spread"], fmt="o", color=BLUE, ecolor=GREY, capsize=3)
axes.set(
    yticks=places,
    yticklabels=compared.index,
    xlabel="lowest validation loss; bars: spread over three starts",
    xlim=(0, None),
)
axes.set_title("The bars show what another start alone does: look at them before you choose")
plt.show()

# %% [markdown]
# The last column is the epoch with the lowest validation loss; of the three starts it shows the earliest. Who stands at the last
# epoch had not finished:

# %%
for name, epoch in compared["best epoch"].astype(int).items():
    finished = "its lowest loss lies before the end" if epoch < EPOCHS else "the loss was still falling in all starts"
    print(f"{name:<28} best epoch {epoch:>2} of {EPOCHS}: {finished}")

# %% [markdown]
# Two warnings before you conclude that hidden layers are needed here. A network whose loss was still falling learns slowly at this
# learning rate, which is not the same as badly. And at the end of this notebook, bedside compares its network with a logistic
# regression, which has no hidden layer either: read that sentence.

# %% [markdown]
# # The three exercises
# ## 16 Exercise 1: hidden layers, nodes, activations
# Which part of the plan matters here? Change **one thing at a time**, or you will not know what made the difference. Add at least
# five networks: other numbers of layers, other numbers of nodes, other activations, one of them `nn.Identity`, which does nothing.

# %%
trials = [  # hidden layers, nodes in each, activation
    (1, 16, nn.ReLU),
    # gap: five more, so that each of the three is once the only thing that differs between two of them
    (2, 16, nn.ReLU),
    (4, 16, nn.ReLU),
    (1, 4, nn.ReLU),
    (1, 64, nn.ReLU),
    (1, 16, nn.Tanh),
    (1, 16, nn.Identity),
    # end gap
]

# %%
rows = []
for n_layers, n_nodes, activation in trials:
    found = compare({"n_layers": n_layers, "n_nodes": n_nodes, "activation": activation})
    rows.append({"layers": n_layers, "nodes": n_nodes, "activation": activation.__name__, **found})
table = pd.DataFrame(rows)
table.round(4)

# %% [markdown]
# Which one would you take? A rule that does not chase luck: the one with the fewest weights among those whose loss is at most
# the lowest loss plus the spread of that row. Give its row number.

# %%
choice = (
    # gap: the number of that row
    table[table["loss"] <= table["loss"].min() + table.loc[table["loss"].idxmin(), "spread"]]["weights"].idxmin()
    # end gap
)

# %%
learn.check("01.16", trials, table, choice)

# %% [markdown]
# ## 17 Exercise 2: learning rates and epochs
# The learning rate is how far each step goes. Choose at least four that lie far apart, so that one is clearly too small for this
# number of epochs and one clearly too large. The same network starts from the same weights each time.

# %%
rates = [
    # gap: at least four; the largest at least a thousand times the smallest
    1e-5,
    1e-4,
    1e-3,
    1e-2,
    1.0,
    # end gap
]
histories = {}
for rate in rates:
    torch.manual_seed(0)
    histories[rate] = fit(Net(30), train_set, valid_set, epochs=40, learning_rate=rate)

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
for panel, part, words in [(panels[0], "train_loss", "training"), (panels[1], "valid_loss", "validation")]:
    for number, (rate, one) in enumerate(sorted(histories.items())):
        colour = plt.cm.cividis(number / len(histories))
        panel.plot(
            one[part].clip(upper=1.5), color=colour, label=f"{rate:g}", marker="os^Dv<>P"[number % 8], markevery=10
        )
    panel.set(xlabel="epoch", title=f"{words} loss")
panels[0].set(ylabel="mean loss (cut at 1.5)", title="Too small: hardly moves. Too large: jumps about")
panels[1].legend(title="learning rate", frameon=False)
plt.tight_layout()
plt.show()

# %% [markdown]
# A rate that jumps can hit a low validation loss by chance, for one epoch: look at the curve, not at its lowest point alone.
#
# After how many epochs should each of them have stopped? Fill the dictionary: learning rate -> number of the epoch.

# %%
best_epoch = (
    # gap: {rate: epoch, ...}, from `histories`
    {rate: one["valid_loss"].idxmin() for rate, one in histories.items()}
    # end gap
)
print(best_epoch)

# %%
learn.check("01.17", histories, best_epoch)

# %% [markdown]
# ## 18 Exercise 3: five-fold cross-validation
# Step 14 gave one number from one split. How much of it was luck? Deal the patients to five parts, and let each part be tested
# once, by a network that has not seen it: `folds` gives five times three arrays of row numbers (train, validation, test). As
# in bedside, the part after the tested one validates.
#
# All patients take part, the test patients of step 14 too. That is in order as long as nothing is chosen by the result.

# %%
from sklearn.model_selection import StratifiedKFold


def folds(y, seed):
    """Five times (train, validation, test): row numbers."""
    # gap: deal with StratifiedKFold; part k is tested, the next one validates, the other three train
    dealer = StratifiedKFold(5, shuffle=True, random_state=seed)
    parts = [part for _, part in dealer.split(np.zeros(len(y)), y)]
    found = []
    for k in range(5):
        others = [parts[j % 5] for j in range(k + 2, k + 5)]
        found.append((np.concatenate(others), parts[(k + 1) % 5], parts[k]))
    return found
    # end gap


def score_fold(x, y, train, valid, test, seed):
    """AUROC on the test patients of one fold."""
    torch.manual_seed(seed)
    # gap: scaler, tensors, Net, fit; then the AUROC of the test part
    scaler = StandardScaler().fit(x[train])
    parts = [tensors(scaler.transform(x[rows]), y[rows]) for rows in (train, valid, test)]
    model = Net(x.shape[1])
    fit(model, parts[0], parts[1], epochs=15, learning_rate=5e-3, seed=seed)
    return judge(model, parts[2])[1]
    # end gap


# %%
learn.check("01.18", folds, score_fold)

# %% [markdown]
# How variable is the result? Three questions: the five folds of one division; a second division of the same patients;
# and, for comparison, one and the same fold from five other starts, where only the random numbers of training differ.

# %%
results = {
    "five folds": [score_fold(x, y, *fold, seed=0) for fold in folds(y, seed=0)],
    "five other folds": [score_fold(x, y, *fold, seed=0) for fold in folds(y, seed=1)],
    "one fold, five starts": [score_fold(x, y, *folds(y, seed=0)[0], seed=seed) for seed in range(5)],
}
for name, values in results.items():
    print(f"{name:<22} {min(values):.3f} to {max(values):.3f}, mean {np.mean(values):.3f}")

# %%
figure, axes = plt.subplots(figsize=(7, 2.6))
for height, (values, colour, marker) in enumerate(
    zip(results.values(), [BLUE, BLUE, ORANGE], ["o", "s", "D"], strict=True)
):
    axes.scatter(values, np.full(5, -height), color=colour, marker=marker, s=42, alpha=0.75)
    axes.plot([np.mean(values)] * 2, [-height - 0.25, -height + 0.25], color=GREY)
axes.set(
    yticks=[0, -1, -2], yticklabels=list(results), xlabel="AUROC on the test patients (line: mean)", ylim=(-2.6, 0.6)
)
axes.set_title("Which patients are tested moves the result; so one split is one draw")
plt.show()

# %% [markdown]
# Report the range, not the best fold. And do not turn the five numbers into a standard error as if they were independent:
# the folds share training patients, and no unbiased estimate of the variance exists from one cross-validation (Bengio &
# Grandvalet 2004, Journal of Machine Learning Research 5:1089).

# %% [markdown]
# # The same in three lines of bedside
# Folds by patient, preparation fitted in each fold, the loop of step 12 for all five networks at once, epoch and threshold
# chosen on validation patients, intervals, and a simple baseline on the same folds. (Which columns the networks rely on is left out
# here, because it takes a while: `explain.samples` is 0.)

# %%
import bedside

settings = {"folds": {"scheme": "crossval"}, "model": {"hidden": [32, 32]}, "explain": {"samples": 0}}
run = bedside.train("breast-cancer", settings)

# %% tags=["live"]
learn.report(run)

# %% [markdown]
# Above stands its report, inside the notebook. Look for the learning curves of step 13, the spread over folds of step 18, and for
# what was *not* checked. These are its first sentences; notebook 00 reads them one by one.

# %%
import textwrap
from bedside.report.brief import sentences

for sentence in sentences(run):
    print(textwrap.fill(sentence, 95), end="\n\n")
