# %% [markdown]
# # 03 How networks learn
#
# Notebook 01 wrote `loss.backward()` and `optimizer.step()`. Here you see what these two lines do, with real numbers: every one is
# computed by hand first, then by PyTorch, and then by the part of bedside that does it.
#
# Four cells have a gap for you. *For research and teaching only. Nothing here is a medical device.*

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from bedside import learn

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)  # 64 bits, so that by hand and by machine agree to many digits
np.set_printoptions(precision=4, suppress=True)
BLUE, ORANGE, GREY = "#1b5583", "#c4581a", "#565f68"
plt.rcParams.update({"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False})
plt.rcParams["axes.titlelocation"] = "left"

# %% [markdown]
# ## 1 Activation functions
# A neuron adds up its inputs, each times a weight, and a bias. Then it bends the sum by an activation function. Three that you
# will meet everywhere: the sigmoid squeezes any number between 0 and 1, tanh between −1 and 1, ReLU keeps what is positive.
# Learning needs their **derivatives**: how much the output changes if the sum changes a little.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.maximum(z, 0)


def d_sigmoid(z):
    return sigmoid(z) * (1 - sigmoid(z))


def d_relu(z):
    return (z > 0).astype(float)


# %% [markdown]
# The derivative of tanh is yours: write it with `np.tanh`. (If you have forgotten it: how steep is tanh at 0, and how steep far out?)


# %%
def d_tanh(z):
    # gap: the derivative of tanh at z
    return 1 - np.tanh(z) ** 2
    # end gap


# %%
learn.check("03.1", d_tanh)

# %% [markdown]
# PyTorch finds derivatives by itself (*autograd*): it writes down every operation on the way forward and goes back through the list.
# Do both agree? And is it what a derivative should be, the change of the output over a tiny change of the input?


# %% tags=["fact"]
def autograd(function, z):
    z = torch.tensor(z, requires_grad=True)
    function(z).sum().backward()
    return z.grad.numpy()


z = np.array([-3.0, -1.0, 0.5, 2.0])
for name, function, by_hand in [
    ("sigmoid", torch.sigmoid, d_sigmoid),
    ("tanh", torch.tanh, d_tanh),
    ("relu", torch.relu, d_relu),
]:
    step = (function(torch.tensor(z + 1e-6)) - function(torch.tensor(z - 1e-6))).numpy() / 2e-6
    agree = np.allclose(by_hand(z), autograd(function, z)) and np.allclose(by_hand(z), step)
    print(f"{name:<8} {by_hand(z)}  all three agree: {agree}")

# %%
z = np.linspace(-4, 4, 201)
figure, axes = plt.subplots(1, 3, figsize=(10, 2.8), sharey=True)
pairs = {"sigmoid": (sigmoid, d_sigmoid), "tanh": (np.tanh, d_tanh), "ReLU": (relu, d_relu)}
for panel, (name, (function, derivative)) in zip(axes, pairs.items(), strict=True):
    panel.plot(z, function(z), color=BLUE, label="function")
    panel.plot(z, derivative(z), color=ORANGE, linestyle="--", label="derivative")
    panel.set(xlabel="weighted sum", ylim=(-1.1, 2.1))
    panel.set_title(f"{name}: steepest {derivative(z).max():.2f}")
axes[0].legend(frameon=False, loc="upper left")
plt.tight_layout()
plt.show()

# %% [markdown]
# Where the dashed line is near 0, the neuron hardly learns. (To play with: `bedside learn play activations`.) bedside offers
# these, and three more:

# %% tags=["live"]
learn.play("activations")

# %%
from bedside.models.mlp import ACTIVATIONS

print({name: layer.__name__ for name, layer in ACTIVATIONS.items()})

# %% [markdown]
# ## 2 Without activations, depth is useless
# Two linear layers on top of each other are `W2 (W1 x + b1) + b2`. Multiply it out: that is `(W2 W1) x + (W2 b1 + b2)`, **one** linear
# layer. So we take five layers without activation and replace them by one:

# %% tags=["fact"]
torch.manual_seed(0)
deep = nn.Sequential(*[nn.Linear(4, 4) for _ in range(5)])
weight, bias = torch.eye(4), torch.zeros(4)
for layer in deep:
    weight, bias = layer.weight @ weight, layer.weight @ bias + layer.bias

x = torch.randn(100, 4)
print("five layers equal one:", torch.allclose(deep(x), x @ weight.T + bias))
bent = nn.Sequential(*[part for layer in deep for part in (layer, nn.Tanh())])
print("with tanh in between: ", torch.allclose(bent(x), x @ weight.T + bias))

# %% [markdown]
# ## 3 Depth and steepness
# On its way back the error is multiplied by the derivative of **every** activation it passes. The sigmoid's is at most 0.25, so
# after ten layers at most 0.25 to the power of ten arrives, about one millionth, apart from the weights it meets. We send an error of the same size through
# ten layers, and look at what arrives in each. (Weights start as He et al. 2015, arXiv:1502.01852, propose for ReLU.)


# %%
def arriving(activation, depth=10, width=64):
    """Mean size of the gradient of the weights in each layer, from the first to the last."""
    torch.manual_seed(0)
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), activation()]
        nn.init.kaiming_normal_(layers[-2].weight)
    network = nn.Sequential(*layers)
    network(torch.randn(200, width)).square().mean().backward()
    return np.array([layer.weight.grad.abs().mean().item() for layer in layers[::2]])


sizes = {name: arriving(kind) for name, kind in {"ReLU": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}.items()}
for name, size in sizes.items():
    print(f"{name:<8} first layer / last layer: {size[0] / size[-1]:.1e}")

# %%
figure, axes = plt.subplots(figsize=(7, 2.8))
for (name, size), colour, marker in zip(sizes.items(), [BLUE, GREY, ORANGE], "os^", strict=True):
    axes.semilogy(range(1, 11), size / size[-1], color=colour, marker=marker, label=name)
axes.set(xlabel="layer (the error comes from the right)", ylabel="gradient, last layer = 1", xticks=range(1, 11))
axes.set_title("Through ten sigmoid layers hardly anything arrives at the first")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 4 Five steps, with real numbers
# A network of two inputs, two hidden neurons and one output (2-2-1), and one patient: the mean radius and mean texture of a malignant mass, in
# standard deviations. Nine weights. This is all that learning is:
#
# 1. the **error**: predict, and compare with the truth,
# 2. send the error **back** through the neurons,
# 3. compute the **gradient** of each weight,
# 4. **update** the weights,
# 5. look at the **new error**, and begin again.
#
# The hidden neurons use tanh, the output is a logit, the loss is binary cross-entropy. To see such a network with a number at every
# edge: `bedside learn play backpropagation`.

# %% tags=["live"]
learn.play("backpropagation")

# %% tags=["fact"]
from sklearn.datasets import load_breast_cancer

data = load_breast_cancer()
table = data.data[:, :2]  # mean radius, mean texture
x = (table[5] - table.mean(0)) / table.std(0)  # one patient
y = 1.0 if data.target[5] == 0 else 0.0  # scikit-learn's 0 is malignant, ours is 1
W1 = np.array([[0.6, -0.4], [-0.3, 0.8]])  # row = hidden neuron, column = input
b1 = np.array([0.1, -0.1])
w2, b2 = np.array([-0.5, 0.7]), 0.2
print("raw values", table[5], " in standard deviations", x, " truth", y)

# %% [markdown]
# ### Step 1: the error
# Forward, from left to right. The output z is the logit, p the probability of "malignant".

# %% tags=["fact"]
a = W1 @ x + b1  # sums of the hidden neurons
h = np.tanh(a)  # what they send on
z = w2 @ h + b2  # logit
p = sigmoid(z)
loss = -(y * np.log(p) + (1 - y) * np.log(1 - p))
print(f"sums a = {a}, hidden h = {h}\nlogit z = {z:.4f}, probability p = {p:.4f}, loss = {loss:.4f}")

# %% [markdown]
# ### Step 2: back
# How much does the loss change if the logit changes a little? For sigmoid and cross-entropy together the answer is short: **p − y**,
# the probability minus the truth. (Write down the derivative of the loss by z, and everything else cancels.)
#
# From there to the hidden neurons: neuron j contributed with its weight `w2[j]`, so that much comes back; then it is
# multiplied by the derivative of tanh at the sum `a[j]`. Fill the gap.

# %%
delta_output = p - y  # how wrong the logit is
delta_hidden = (
    # gap: an array of two numbers: what comes back to the sums of the hidden neurons
    delta_output * w2 * d_tanh(a)
    # end gap
)

# %%
learn.check("03.4", delta_hidden, x, y, W1, b1, w2, b2)

# %% [markdown]
# ### Step 3: the gradient of each weight
# A weight multiplies its input. So its gradient is the error that came back to its neuron, times that input; the input of a bias is 1.

# %% tags=["fact"]
gradient = {
    "W1": np.outer(delta_hidden, x),
    "b1": delta_hidden,
    "w2": delta_output * h,
    "b2": np.array(delta_output),
}
for name, values in gradient.items():
    print(name, values.round(4).tolist())

# %% [markdown]
# ### Steps 4 and 5: update, and the new error
# Each weight moves against its gradient, by the learning rate times its size. Then forward again.


# %% tags=["fact"]
def forward(W1, b1, w2, b2):
    z = w2 @ np.tanh(W1 @ x + b1) + b2
    return z, -np.log(sigmoid(z)) if y == 1 else -np.log(1 - sigmoid(z))


rate = 0.5
weights = {"W1": W1, "b1": b1, "w2": w2, "b2": b2}
updated = {name: values - rate * gradient[name] for name, values in weights.items()}
new_z, new_loss = forward(**updated)
print(f"loss before {loss:.4f}, after {new_loss:.4f}")
print(f"probability of malignant before {p:.4f}, after {sigmoid(new_z):.4f}")

# %% [markdown]
# ### The same by autograd
# The nine weights as tensors, the same network in PyTorch, one call of `backward()`. The largest difference to our gradients:

# %% tags=["fact"]
tensors = {name: torch.tensor(values, requires_grad=True) for name, values in weights.items()}
hidden = torch.tanh(tensors["W1"] @ torch.tensor(x) + tensors["b1"])
logit = tensors["w2"] @ hidden + tensors["b2"]
error = nn.functional.binary_cross_entropy_with_logits(logit, torch.tensor(y))
error.backward()
difference = max(np.abs(tensors[name].grad.numpy() - gradient[name]).max() for name in weights)
print(f"loss by hand {loss:.6f}, by PyTorch {error.item():.6f}")
print("largest difference of a gradient below 1e-12:", bool(difference < 1e-12))

# %% [markdown]
# ### The same in bedside
# For small tables bedside does not even ask autograd: it trains many small networks at once, and its gradient is written out as you just did.
# This is step 2 (the error of the output; for the logit it is p − y) and below it steps 2 and 3 for every layer:

# %%
learn.source("bedside.models.losses:Supervised.loss_and_gradient", "shares = ", "return loss")

# %%
learn.source("bedside.training.chain:backwards")

# %% [markdown]
# We hand our patient to that function. It knows linear layers, ReLU and dropout, so the hidden neurons are ReLU here; by hand the only
# thing that changes is the derivative.

# %% tags=["fact"]
from bedside.cohort import Task
from bedside.models.losses import Supervised
from bedside.training.stack import Stack

network = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
with torch.no_grad():
    for weight, values in zip(network.parameters(), [W1, b1, w2[None], np.array([b2])], strict=True):
        weight.copy_(torch.tensor(values))
stack = Stack([network])  # a stack of one
batch = torch.tensor(x).view(1, 1, 2), torch.tensor([[y]]), torch.ones(1, 1)
stack.learn(batch, Supervised(Task("binary", ("benign", "malignant"))))

wrong = sigmoid(w2 @ relu(a) + b2) - y
by_hand = [*np.outer(wrong * w2 * d_relu(a), x).ravel(), *(wrong * w2 * d_relu(a)), *(wrong * relu(a)), wrong]
print("by hand ", np.array(by_hand) + 0.0)
print("bedside ", stack.row.grad.numpy() + 0.0)

# %% [markdown]
# ### Again and again
# Two hundred rounds of the five steps: now with all 569 patients at once, still nine weights, still only what you did by hand.

# %%
patients = (table - table.mean(0)) / table.std(0)
truth = (data.target == 0).astype(float)
W1_, b1_, w2_, b2_ = W1.copy(), b1.copy(), w2.copy(), b2
losses = []
for _ in range(200):
    h_ = np.tanh(patients @ W1_.T + b1_)
    z_ = h_ @ w2_ + b2_
    p_ = sigmoid(z_)
    losses.append(-np.mean(np.log(np.where(truth == 1, p_, 1 - p_))))  # step 1
    back = (sigmoid(z_) - truth) / len(truth)  # step 2: each patient has a small share
    back_hidden = np.outer(back, w2_) * (1 - h_**2)
    gradients = back_hidden.T @ patients, back_hidden.sum(0), h_.T @ back, back.sum()  # step 3
    W1_, b1_, w2_, b2_ = (w - rate * g for w, g in zip((W1_, b1_, w2_, b2_), gradients, strict=True))  # step 4
right = np.mean((z_ > 0) == (truth == 1))
print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}; {right:.0%} of these same patients on the right side of p = 0.5")

# %% [markdown]
# (These are the patients it learnt from, so the share says nothing about new ones. Notebook 05 does.)
#
# ## 5 The three losses
# The loss decides what "wrong" means. For a number it is the **mean squared error**, for two classes **binary cross-entropy**, for
# several **cross-entropy**. Each by hand, by PyTorch, and by bedside's `Supervised`. To drag predictions yourself:
# `bedside learn play losses`.
#
# ### A number: mean squared error
# The mean of (truth − prediction)². An error twice as large counts four times.

# %% tags=["live"]
learn.play("losses")

# %% tags=["fact"]
truth = np.array([151.0, 75.0, 141.0])  # such as a laboratory value
predicted = np.array([160.0, 75.0, 121.0])
by_hand = np.mean((truth - predicted) ** 2)
by_torch = nn.functional.mse_loss(torch.tensor(predicted), torch.tensor(truth))
by_bedside = Supervised(Task("regression")).per_row(torch.tensor(predicted).view(-1, 1), torch.tensor(truth)).mean()
print(f"{by_hand:.4f} {by_torch:.4f} {by_bedside:.4f}")

# %% [markdown]
# ### Two classes: binary cross-entropy on the logit
# −log of the probability that was given to the truth. From the logit z, p = sigmoid(z). Written naively, a very sure network breaks
# it: sigmoid(−800) is 0 to the computer, and its log is minus infinity.

# %% tags=["fact"]
with np.errstate(all="ignore"):
    print("naive loss of a sure and wrong patient:", -np.log(sigmoid(np.array(-800.0))))

# %% [markdown]
# So the loss is computed from the logit directly: −log sigmoid(z) = log(1 + e^(−z)), and for the other class log(1 + e^z).
# `np.logaddexp(0, z)` is log(1 + e^z) without overflow. Write the loss of each patient with it.


# %%
def bce(z, y):
    """Binary cross-entropy of each patient from logits z and truths y (0 or 1), arrays of one shape."""
    # gap: one line with np.logaddexp
    return np.logaddexp(0, z) - y * z
    # end gap


# %%
learn.check("03.5", bce)

# %% tags=["fact"]
z = np.array([2.0, -1.0, 0.3, -800.0])
y_ = np.array([1.0, 0.0, 0.0, 1.0])
by_torch = nn.functional.binary_cross_entropy_with_logits(torch.tensor(z), torch.tensor(y_), reduction="none")
objective = Supervised(Task("binary", ("benign", "malignant")))
by_bedside = objective.per_row(torch.tensor(z).view(-1, 1), torch.tensor(y_))
print("by hand ", bce(z, y_))
print("PyTorch ", by_torch.numpy())
print("bedside ", by_bedside.numpy())

# %% [markdown]
# ### Several classes: cross-entropy
# One logit per class. *Softmax* turns them into probabilities that add up to 1: e to the logit, divided by the sum over the classes.
# The loss is −log of the probability of the true class.

# %% tags=["fact"]
logits = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]])
classes = np.array([0, 2])  # the true class of each patient
softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
by_hand = -np.log(softmax[np.arange(2), classes])
by_torch = nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(classes), reduction="none")
objective = Supervised(Task("multiclass", ("benign", "unclear", "malignant")))
by_bedside = objective.per_row(torch.tensor(logits), torch.tensor(classes))
print("probabilities", softmax.round(4).tolist())
print("by hand ", by_hand, "\nPyTorch ", by_torch.numpy(), "\nbedside ", by_bedside.numpy())

# %% [markdown]
# ### Why not squared error for classes?
# Because of what it sends back. A patient is malignant, and the network is sure of the opposite (z far below 0). Cross-entropy sends back
# p − y, nearly −1: a loud complaint. The squared error of the probability, (p − y)², sends back 2 (p − y) times the derivative of the
# sigmoid, which is nearly 0: the worse the mistake, the less is learnt from it.

# %%
z = np.linspace(-8, 8, 321)
from_bce = sigmoid(z) - 1
from_mse = 2 * (sigmoid(z) - 1) * d_sigmoid(z)
figure, axes = plt.subplots(figsize=(7, 2.8))
axes.plot(z, np.abs(from_bce), color=BLUE, label="cross-entropy")
axes.plot(z, np.abs(from_mse), color=ORANGE, linestyle="--", label="squared error of the probability")
axes.set(xlabel="logit of a malignant mass (left: sure and wrong)", ylabel="size of what is sent back")
axes.set_title("Sure and wrong: cross-entropy complains, squared error is silent")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# The three losses in bedside:

# %%
learn.source("bedside.models.losses:Supervised.per_row")

# %% [markdown]
# ## 6 Learning rates: too small, right, diverging
# The gradient says which way is down, not how far. For a straight line through data with squared error the loss is a bowl, and the
# limit is known exactly: gradient descent converges if the learning rate is below **2 divided by the largest curvature** of the bowl,
# and runs away above it. The curvatures are the eigenvalues of the matrix of second derivatives (the Hessian), here
# 2 XᵀX / n. The data: 442 patients, progression of diabetes by body mass index and blood pressure (Efron et al. 2004,
# doi:10.1214/009053604000000067).

# %%
from sklearn.datasets import load_diabetes

X, progression = load_diabetes(return_X_y=True)
X = X[:, [2, 3]] / X[:, [2, 3]].std(0)  # body mass index, blood pressure, in standard deviations
t = (progression - progression.mean()) / progression.std()
limit = (
    # gap: the largest learning rate that converges; np.linalg.eigvalsh gives eigenvalues
    2 / np.linalg.eigvalsh(2 * X.T @ X / len(X)).max()
    # end gap
)
print(limit)

# %%
learn.check("03.6", limit, X)


# %% tags=["fact"]
def descend(rate, steps=25):
    """Weights and losses of gradient descent from a corner of the bowl."""
    w, path = np.array([-1.5, 1.2]), []
    for _ in range(steps):
        path.append([*w, np.mean((X @ w - t) ** 2)])
        w = w - rate * 2 * X.T @ (X @ w - t) / len(X)
    return np.array(path)


best = np.mean((X @ np.linalg.lstsq(X, t, rcond=None)[0] - t) ** 2)
paths = {"too small": 0.01 * limit, "right": 0.4 * limit, "just too large": 1.03 * limit}
for words, rate in paths.items():
    path = descend(rate)
    print(f"{words:<15} rate {rate:.3f}: loss {path[0, 2]:.2f} -> {path[-1, 2]:.3f} (lowest: {best:.3f})")

# %%
grid = np.linspace(-2.6, 2.6, 121)
bowl = np.array([[np.mean((X @ np.array([u, v]) - t) ** 2) for u in grid] for v in grid])
figure, axes = plt.subplots(1, 3, figsize=(10, 3.3), sharey=True)
for panel, (words, rate), colour in zip(axes, paths.items(), [GREY, BLUE, ORANGE], strict=True):
    path = descend(rate)
    panel.contour(grid, grid, bowl, levels=best + 0.15 * np.arange(1, 12) ** 2, colors="#d9d6ce", linewidths=0.8)
    panel.plot(path[:, 0], path[:, 1], color=colour, marker="o", markersize=3, linewidth=1)
    panel.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), xlabel="weight of body mass index", aspect="equal")
    panel.set_title(f"{words}: {rate:.2f}")
axes[0].set_ylabel("weight of blood pressure")
plt.tight_layout()
plt.show()

# %% [markdown]
# The lines are heights of the loss, the dots are 25 steps. Too small: on the way, but it will take hundreds. Right: there in a few.
# Just too large: each step lands on the other side, a little higher.
#
# A network with hidden layers has no such bowl, so nobody can compute its limit beforehand. But the same three things are seen, and
# the same remedy helps: try rates in steps of ten, and shorten steps towards the end. bedside does this by a schedule:

# %%
learn.source("bedside.training.loop:make_schedule")

# %% [markdown]
# The three learning rates on landscapes with hills: `bedside learn play landscape`.

# %% tags=["live"]
learn.play("landscape")
