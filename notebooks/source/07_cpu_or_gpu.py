# %% [markdown]
# # 07 CPU or GPU?
#
# A graphics card (GPU) can do thousands of multiplications at once. Does your work need one? For some work it is many times
# faster than the processor (CPU) that every computer has, for other work slower. In this notebook you *measure* it, on the machine
# that you sit at.
#
# What you need: notebook 01. Time: about 25 minutes.
#
# *For research and teaching only. bedside is not a medical device, and nothing here may be used to treat a patient.*

# %% [markdown]
# ## 1 Open, and see what is there
# PyTorch calls NVIDIA's and AMD's cards `cuda`, and Apple's `mps`. If it finds neither, that is said, everything is measured on
# the CPU, and the notebook says what cannot be seen here.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from bedside import learn
from bedside.training.hardware import available_cores

devices = ["cpu"]
devices += ["cuda"] if torch.cuda.is_available() else []
devices += ["mps"] if torch.backends.mps.is_available() else []
print(f"{available_cores()} CPU cores for this process; torch {torch.__version__}")
if devices == ["cpu"]:
    print("No GPU that torch can use: everything below is measured on the CPU.")
elif "cuda" in devices:
    print("GPU:", torch.cuda.get_device_name())

torch.manual_seed(0)
torch.set_num_threads(1)
plt.rcParams.update({"figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False})
BLUE, ORANGE, GREY = "#1b5583", "#c4581a", "#565f68"
COLOURS = {"cpu": BLUE, "cuda": ORANGE, "mps": ORANGE}

# %% [markdown]
# ## 2 How to measure
# Four things spoil a measured time:
#
# * the *first* run prepares memory and code, so it does not count;
# * a GPU works on *while Python goes ahead*, so one has to wait for its result before reading the clock;
# * other programs disturb single runs, so we repeat and take the *median*;
# * the clock must be fine: `time.perf_counter()`.
#
# **Exercise 07.2:** write the function. `work()` does the job, `wait()` waits until it is really done.


# %%
def seconds(work, wait, repeats=5):
    """The usual time of one run, in seconds."""
    # gap: one run that does not count; then the median over the repeats
    work()
    wait()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - began)
    return float(np.median(times))
    # end gap


# %%
learn.check("07.2", seconds)

# %%
WAIT = {"cpu": lambda: None, "cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}

# %% [markdown]
# ## 3 Matrix products
# Nearly all work of a neural network is multiplying matrices.
#
# **Exercise 07.3:** how many operations (multiplications *and* additions) does a matrix of shape (n, m) times one of shape
# (m, k) need?


# %%
def operations(n, m, k):
    # gap: the number of multiplications and additions
    return 2 * n * m * k
    # end gap


# %%
learn.check("07.3", operations)

# %% [markdown]
# Count it once by hand: each of the n × k results is the sum of m products. Twice the side is eight times the work.

# %% tags=["fact"]
for side in (2, 4, 1024):
    print(f"{side} x {side} times {side} x {side}: {operations(side, side, side):,} operations")

# %%
SIDES = [16, 32, 64, 128, 256, 512, 1024]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
for device in devices:
    times = []
    for side in SIDES:
        a = torch.randn(side, side, device=device)
        times.append(seconds(lambda a=a: a @ a, WAIT[device]))
    speed = [operations(side, side, side) / time / 1e9 for side, time in zip(SIDES, times, strict=True)]
    left.loglog(SIDES, [1e6 * one for one in times], marker="o", color=COLOURS[device], label=device)
    right.semilogx(SIDES, speed, marker="o", color=COLOURS[device], label=device)
    print(
        f"{device}: {SIDES[0]} x {SIDES[0]} in {1e6 * times[0]:.0f} µs, {SIDES[-1]} x {SIDES[-1]} in {1e3 * times[-1]:.1f} ms"
    )
left.set(xlabel="side of the matrices", ylabel="microseconds", title="Small products cost what starting costs")
right.set(
    xlabel="side of the matrices", ylabel="billion operations per second", title="Small ones leave the machine idle"
)
for axis in (left, right):
    axis.set_xticks(SIDES, SIDES)
    axis.minorticks_off()
    axis.legend(frameon=False)
figure.tight_layout()
plt.show()

# %% [markdown]
# Below some size the time hardly depends on the size: it is the time to *start* a product, not to compute it. A GPU takes
# longer to start one than a CPU does, and has far more room above. That is the whole story of this notebook.

# %% [markdown]
# ## 4 A small network for tables, and a network for images
# One training step each: forward, loss, backward, update. We count the multiplications of a forward pass of one batch by
# listening to the layers.


# %%
def mlp():
    return nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))


def cnn():
    layers = []
    for i, o in ((3, 16), (16, 32), (32, 64)):  # channels in and out
        layers += [nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))


def multiplications(model, x):
    counted = []

    def listen(layer, inputs, output):
        counted.append(output[0].numel() * len(x) * layer.weight[0].numel())  # weights per number that comes out

    listeners = [one.register_forward_hook(listen) for one in model if isinstance(one, nn.Linear | nn.Conv2d)]
    model(x)
    for one in listeners:
        one.remove()
    return sum(counted)


# %% tags=["fact"]
MODELS = {"MLP 30-64-64-1": (mlp, (30,)), "CNN, 64 px": (cnn, (3, 64, 64))}
for name, (make, shape) in MODELS.items():
    print(f"{name:16} batch of 16: {multiplications(make(), torch.zeros(16, *shape)):>14,} multiplications")


# %%
def training_step(make, shape, batch, device):
    """A function that does one step of learning."""
    model = make().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, y = torch.randn(batch, *shape, device=device), torch.randint(0, 2, (batch, 1), device=device).float()

    def step():
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(model(x), y).backward()
        optimizer.step()

    return step


for name, (make, shape) in MODELS.items():
    for device in devices:
        took = seconds(training_step(make, shape, 16, device), WAIT[device])
        print(f"{name:16} on {device:4}: {1e3 * took:8.2f} ms per step of 16 samples")

# %% [markdown]
# The network for tables does so little in a step that on any device most of its time is starting things. So bedside keeps it
# on the CPU: below a number of multiplications per step, `auto` does not take a GPU even if there is one.

# %%
learn.source("bedside.training.hardware:make_fabric", "accelerator = settings.accelerator", "accelerator = next")

# %% tags=["fact"]
from bedside.training.hardware import SMALL

for name, (make, shape) in MODELS.items():
    work = multiplications(make(), torch.zeros(32, *shape))
    print(
        f"{name:16} batch of 32: {work:>12,} multiplications, {'above' if work >= SMALL else 'below'} the limit of {SMALL:,}"
    )

# %% [markdown]
# ## 5 Batch size
# A larger batch does more with each start. How many samples per second does each batch size give?

# %%
BATCHES = {"MLP 30-64-64-1": [4, 16, 64, 256, 1024], "CNN, 64 px": [2, 4, 8, 16, 32]}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.0))
for axis, (name, (make, shape)) in zip(axes, MODELS.items(), strict=True):
    for device in devices:
        rates = []
        for batch in BATCHES[name]:
            rates.append(batch / seconds(training_step(make, shape, batch, device), WAIT[device]))
        axis.semilogx(BATCHES[name], rates, marker="o", color=COLOURS[device], label=device)
        print(
            f"{name:16} {device}: batch {BATCHES[name][-1]} learns {rates[-1] / rates[0]:.1f} times as many per second as {BATCHES[name][0]}"
        )
    axis.set(xlabel="batch size", ylabel="samples per second", title=name)
    axis.set_ylim(bottom=0)
    axis.set_xticks(BATCHES[name], BATCHES[name])
    axis.minorticks_off()
    axis.legend(frameon=False)
figure.suptitle("A larger batch uses the machine better, as long as starting is what costs", fontsize=11)
figure.tight_layout()
plt.show()

# %% [markdown]
# Where a curve goes down, a batch no longer fits into the processor's own fast memory, or another program disturbed: run the cell
# again. And faster per sample is not the same as better: a larger batch makes fewer updates per epoch, so the learning rate and the number
# of epochs have to be looked at again. And memory is the limit: all hidden values of a batch are kept for the way back.

# %% [markdown]
# ## 6 Threads
# A CPU has several cores, and PyTorch can share one product among them. Sharing costs time too: the threads have to wait
# for each other, and if another program holds one of the cores, all wait for the slowest.

# %%
counts = sorted({1, 2, available_cores()} & set(range(1, available_cores() + 1)))
for name, (make, shape) in MODELS.items():
    step = training_step(make, shape, 16, "cpu")
    for count in counts:
        torch.set_num_threads(count)
        print(
            f"{name:16} {count:>3} thread{'s' if count > 1 else ' '}: {1e3 * seconds(step, WAIT['cpu']):8.2f} ms per step"
        )
torch.set_num_threads(1)

# %% [markdown]
# Run the cell again while something else works on this machine, and compare. bedside gives a training as many threads as its
# work can keep busy, one for small layers:

# %%
learn.source("bedside.training.hardware:threads_for")

# %% [markdown]
# ## 7 The cost of moving data
# A GPU has its own memory, and data must travel there. (Apple's chips share theirs with the CPU.)
#
# **Exercise 07.7:** how many bytes does a tensor have? And when does the way pay? `cpu_seconds` and `gpu_seconds` are the times
# of computing alone, `bytes_per_second` is how fast data travel.


# %%
def bytes_of(tensor):
    # gap: the bytes of a tensor
    return tensor.numel() * tensor.element_size()
    # end gap


def pays(cpu_seconds, gpu_seconds, n_bytes, bytes_per_second):
    # gap: True if the GPU is faster although the data have to be moved
    return gpu_seconds + n_bytes / bytes_per_second < cpu_seconds
    # end gap


# %%
learn.check("07.7", bytes_of, pays)

# %% [markdown]
# Now a batch of images as a network for 224 pixels sees it. As whole numbers from 0 to 255 it needs a quarter of the bytes:

# %% tags=["fact"]
as_numbers = torch.zeros(32, 3, 224, 224, dtype=torch.float32)
as_pixels = torch.zeros(32, 3, 224, 224, dtype=torch.uint8)
print(f"32 images of 224 px: {bytes_of(as_numbers):,} bytes as float32, {bytes_of(as_pixels):,} as uint8")
lane = 16e9 * 128 / 130 / 8  # PCI Express 4.0: 16 billion bits per second and lane, 128 of 130 carry data
print(
    f"PCI Express 4.0 with 16 lanes, at best: {16 * lane / 1e9:.1f} GB/s, so {1e3 * bytes_of(as_numbers) / (16 * lane):.2f} ms for the first"
)

# %%
for device in devices:
    copy = seconds(lambda device=device: as_numbers.to(device, copy=True), WAIT[device])
    where = "within the CPU's memory" if device == "cpu" else f"from the CPU to {device}"
    print(f"{where}: {1e3 * copy:.2f} ms, {bytes_of(as_numbers) / copy / 1e9:.1f} GB/s")
if devices == ["cpu"]:
    print("There is no way to a GPU here that could be measured; the line above is only a copy within memory.")

# %% [markdown]
# Moving takes the same time whether much or little is computed afterwards. So it pays when much is: compare the
# multiplications per batch in step 4, of the network for images and of the one for tables.
# bedside sends images as 8-bit pixels, and makes numbers of them where they arrive:

# %%
learn.source("bedside.training.image_batches:ImageBatches._images")

# %% [markdown]
# ## 8 Rules
#
# | your work | take | because |
# |---|---|---|
# | tables, thousands of rows, small networks | CPU, one thread | every step is too small to be worth starting elsewhere |
# | cross-validation of small networks | CPU, all folds as one stacked network | one large product instead of many small ones; bedside does that |
# | images, frozen backbone, some thousands | CPU will do, a GPU is quicker | each image goes through the backbone once; then only the last layer learns |
# | images, the whole network learns | GPU | billions of operations per step, each weight needs its gradient |
# | a trained model, one patient at a time | CPU | one image is a small batch; a hospital's server has a CPU anyway |
# | a trained model, a whole archive | GPU, if reading the files keeps up | decoding images is work for the CPU, and soon the slowest part |
# | the data do not fit into the GPU's memory | smaller batches, or the CPU | moving to and fro costs more than is gained |
#
# Before buying or queuing for a GPU: *measure ten steps*, look whether the CPU is busy reading files meanwhile, and multiply.
# bedside chooses by the same rules; `--set device.accelerator=cpu` (or `cuda`, `mps`) and `--set device.threads=2` overrule it,
# and every run's `environment.json` says on what it was made. A GPU rounds in another order than a CPU, so the last digits of
# a result may differ between them.

# %%
print(
    "Measured on this machine:",
    ", ".join(devices) + ".",
    "" if len(devices) > 1 else "What a GPU would do here was not measured.",
)
