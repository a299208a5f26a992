"""Checks of the exercises in notebook 02."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bedside.learn.answer import Remark, exercise, right, wrong
from bedside.models.backbone import load_timm
from bedside.models.pretrained import load_weights
from bedside.training.hardware import limited_threads

SIDE = 64  # pixels of the pictures that are shown to what was made
SMALL, WIDE = "resnet10t", "resnet26"  # 512 and 2,048 features before the last layer


MOST_WRITTEN_UNTRAINED = 6  # times that making a layer and loading its weights write a tensor


@exercise("02.4", "A split that keeps lesions together")
def split(made: Callable[..., Any]) -> Iterator[Remark]:
    """`made(labels, groups)` -> rows of training, validation and test."""
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(60), 3)[rng.permutation(180)]
    labels = (groups % 3 == 0).astype(int)
    given = made(labels, groups)
    if given is None:
        yield _nothing()
        return
    parts = [np.asarray(part) for part in given]
    if len(parts) != 3:
        yield wrong(
            f"It gives {len(parts)} parts.",
            "Training, validation and test: three arrays of row numbers, in this order.",
        )
        return
    if any(part.dtype.kind not in "iu" or part.ndim != 1 or not len(part) for part in parts):
        yield wrong(
            "Not every part is a list of row numbers.", "A part says which rows belong to it, such as [0, 3, 4]."
        )
        return
    rows = np.concatenate(parts)
    if len(np.unique(rows)) < len(rows):
        yield wrong("Some rows are in two parts.", "A row that was taken for the test must be taken out of the rest.")
    elif len(rows) < len(labels):
        yield wrong(
            f"{len(labels) - len(rows)} of {len(labels)} rows are in no part.", "Every row belongs to one of the three."
        )
    else:
        yield right("Every row is in exactly one part.")
    shared = sum(
        len(np.intersect1d(groups[a], groups[b])) > 0
        for a, b in [(parts[0], parts[1]), (parts[0], parts[2]), (parts[1], parts[2])]
    )
    if shared:
        yield wrong(
            "Pictures of one lesion are in two parts: the network could recognise the lesion instead of the disease.",
            "StratifiedGroupKFold takes the groups as the third argument of split().",
        )
    else:
        yield right("No lesion is in two parts.")
    shares = [labels[part].mean() for part in parts]
    if max(shares) - min(shares) > 0.15:
        yield wrong(
            f"The classes are not shared evenly: {', '.join(f'{share:.0%}' for share in shares)} of class 1 in the three parts.",
            "Look for a splitter with Stratified in its name, and give it the labels.",
        )
    else:
        yield right("Each part has about the same share of each class.")
    if len(parts[0]) <= max(len(parts[1]), len(parts[2])):
        yield wrong(
            "Training is not the largest part.",
            "Of five parts three train, one validates, one is tested; and training comes first.",
        )


@exercise("02.6", "A pretrained network with a new last layer")
def network(made: Callable[..., nn.Module]) -> Iterator[Remark]:
    """`made(n_outputs, freeze=...)` -> a network whose backbone is pretrained."""
    model = made(3, freeze=True)
    with limited_threads(1):
        said = _output(model)
        if said.shape != (2, 3):
            yield wrong(
                f"For three classes and two pictures it gives the shape {tuple(said.shape)}, not (2, 3).",
                "The last layer has n_outputs nodes, and forward passes the features through it."
                if said.shape[-1] != 1000
                else "1,000 are the classes of ImageNet: the old last layer is still there.",
            )
            return
        yield right("Three classes and two pictures give the shape (2, 3).")
        if bool(((said >= 0).all()) & torch.allclose(said.sum(1), torch.ones(2), atol=1e-4)):
            yield wrong(
                "The outputs are probabilities already.",
                "CrossEntropyLoss takes logits and does the softmax itself; forward gives them as they are.",
            )
        yield _pretrained(model)
        trains = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        whole = sum(weight.numel() for weight in model.parameters())
        if not trains:
            yield wrong("Nothing trains: the new last layer is frozen too.", "Freeze first, then make the last layer.")
        elif trains > whole / 10:
            yield wrong(
                f"With freeze=True {trains:,} of {whole:,} weights train.",
                "Set requires_grad = False for every weight of the backbone; the optimiser then leaves it alone.",
            )
        else:
            yield right(f"Frozen: {trains:,} of {whole:,} weights train, those of the last layer.")
        yield from _statistics(model)
        free = made(3, freeze=False)
        _output(free).sum().backward()
        still = [name for name, weight in free.named_parameters() if weight.grad is None]
        if still:
            yield wrong(
                f"With freeze=False {len(still)} tensors get no gradient, such as {still[0]}.",
                "Freeze only if freeze is true.",
            )
        else:
            yield right("With freeze=False every weight gets a gradient.")


@exercise("02.10", "Frozen against unfrozen")
def frozen_or_not(frozen: nn.Module, unfrozen: nn.Module) -> Iterator[Remark]:
    """Two trained networks: what did training change?"""
    known = _known(frozen)
    if known is None:
        yield wrong(
            "The first network's backbone is none of timm's with weights on this computer.",
            "Take the PictureClassifier from above.",
        )
        return
    for model, free in ((frozen, False), (unfrozen, True)):
        name = "unfrozen" if free else "frozen"
        state = dict(_backbone(model).state_dict())
        weights = any(
            not torch.equal(state[key], value) for key, value in known.items() if "running" not in key and key in state
        )
        if weights != free:
            yield wrong(
                f"Training changed {'no weight' if free else 'weights'} of the backbone of the {name} network.",
                "Was it made with freeze=False, and trained for at least one epoch?"
                if free
                else "Hand over the frozen network first, the unfrozen one second.",
            )
        elif free:
            yield right("Unfrozen: training changed the weights of the backbone.")
        else:
            yield right("Frozen: every weight of the backbone is as it was before.")
    moved = [
        key
        for key, value in known.items()
        if "running" in key and not torch.equal(_backbone(frozen).state_dict()[key], value)
    ]
    if moved:
        yield wrong(
            "But its batch normalisation has taken the means of your pictures: it is not the same network any more.",
            "requires_grad does not stop that; keep the backbone in eval mode while the last layer trains.",
        )
    else:
        yield right("Frozen: batch normalisation kept its means as well.")


@exercise("02.11", "Other ResNets")
def resnet(made: Callable[..., Any]) -> Iterator[Remark]:
    """`made(name, n_outputs)` -> an untrained ResNet of that name."""
    with limited_threads(1):
        small = made(SMALL, 4)
        if small is None:
            yield _nothing()
            return
        said = _output(small)
        if said.shape != (2, 4):
            yield wrong(
                f"{SMALL} with 4 outputs gives the shape {tuple(said.shape)}, not (2, 4).",
                "1,000 outputs are those of ImageNet. In a ResNet the last layer is called fc, not classifier."
                if said.shape[-1] == 1000
                else "The number of outputs is the second argument.",
            )
            return
        yield right(f"{SMALL} with 4 outputs gives the shape (2, 4).")
        try:
            wide = made(WIDE, 2)
            fits = _output(wide).shape == (2, 2)
        except RuntimeError as error:
            yield wrong(
                f"{SMALL} works and {WIDE} does not: {error}",
                "Ask each network how many features it has (num_features) instead of writing the number.",
            )
            return
        counts = [sum(weight.numel() for weight in model.parameters()) for model in (small, wide)]
        if counts[1] < 1.5 * counts[0] or not fits:
            yield wrong(
                f"{WIDE} has as many weights as {SMALL}: the name makes no difference.",
                "Give the name to create_model.",
            )
        else:
            yield right(f"The name decides: {SMALL} has {counts[0]:,} weights, {WIDE} {counts[1]:,}.")
        if any(not weight.requires_grad for weight in small.parameters()):
            yield wrong(
                "Some weights are frozen, and they are random.",
                "Freezing keeps what was learnt; here nothing was learnt yet, so everything has to train.",
            )
        else:
            yield right("Nothing is frozen, because random weights are not worth keeping.")


@exercise("02.12", "From species to breed")
def breeds(labels: Any, model: nn.Module, names: Any) -> Iterator[Remark]:
    """Labels 0, 1, ... of each picture, a network for them, and the breeds' names of each picture."""
    codes = labels.numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    names = np.asarray(names)
    many = len(np.unique(names))
    if codes.dtype.kind not in "iu":
        yield wrong(
            f"The labels are {codes.dtype}.",
            "A loss for classes wants whole numbers: np.unique with return_inverse=True.",
        )
        return
    pairs = set(zip(codes.tolist(), names.tolist(), strict=False))
    if len(codes) != len(names) or not len(pairs) == many == len(set(codes.tolist())):
        yield wrong(
            f"The labels do not stand for the {many} breeds.",
            f"There are {len(np.unique(codes))} different ones; one number for each breed, in the order of the pictures.",
        )
        return
    if sorted(np.unique(codes)) != list(range(many)):
        yield wrong(
            f"The labels go from {codes.min()} to {codes.max()}.", f"Cross-entropy counts from 0: 0 to {many - 1}."
        )
        return
    yield right(f"The labels 0 to {many - 1} stand for the {many} breeds.")
    with limited_threads(1):
        said = _output(model)
        if said.shape != (2, many):
            yield wrong(f"The network has {said.shape[-1]} outputs.", f"One for each of the {many} breeds.")
            return
        nn.CrossEntropyLoss()(said, torch.tensor([0, many - 1])).backward()
    yield right(f"The network has {many} outputs, and cross-entropy can teach it.")


@exercise("02.13", "Medical images")
def medical(train: Any, valid: Any, test: Any, groups: Any, model: nn.Module, n_classes: int) -> Iterator[Remark]:
    """Rows of the three parts, the group of each image, and the trained network."""
    parts, groups = [np.asarray(part, dtype=int) for part in (train, valid, test)], np.asarray(groups)
    held = [set(groups[part].tolist()) for part in parts]
    if held[0] & held[1] or held[0] & held[2] or held[1] & held[2]:
        yield wrong(
            "Images of one patient are in two parts.", "Use split_by_group from step 4, with the patients as groups."
        )
    else:
        yield right("No patient is in two parts.")
    if min(map(len, parts)) == 0 or len(np.unique(np.concatenate(parts))) < len(groups):
        yield wrong(
            f"Of {len(groups)} images {', '.join(str(len(part)) for part in parts)} train, validate and are tested.",
            "No part is empty, and together they are all images.",
        )
    with limited_threads(1):
        said = _output(model)
        if said.shape != (2, n_classes):
            yield wrong(f"The network has {said.shape[-1]} outputs for {n_classes} classes.", "One output per class.")
            return
    yield right(f"The network has one output for each of the {n_classes} classes.")
    fresh = [weight for weight in model.parameters() if weight.requires_grad]
    # Gradients may be forgotten after the last step; torch also counts how often a tensor was written.
    written = max((weight._version for weight in fresh), default=0) > MOST_WRITTEN_UNTRAINED
    if not written and not any(weight.grad is not None and bool(weight.grad.any()) for weight in fresh):
        yield wrong("The network has not been trained.", "Call train with the loaders of these images.")
    else:
        yield right("The network has been trained.")


def _nothing() -> Remark:
    return wrong("The function gives nothing back.", "Fill its gap, and let its last line return what was made.")


def _output(model: nn.Module) -> Tensor:
    """Logits for two pictures of noise, as they are in training."""
    pictures = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    model.eval()  # one picture more or less must not decide; gradients flow all the same
    said: Tensor = model(pictures)
    return said


def _backbone(model: nn.Module) -> nn.Module:
    """The part that timm made: the first module inside that knows its pretrained configuration."""
    return next((one for one in model.modules() if hasattr(one, "pretrained_cfg")), model)


def _known(model: nn.Module) -> dict[str, Tensor] | None:
    """The tensors of its backbone as they are before any training; None if there are no weights for it here."""
    name = getattr(_backbone(model), "pretrained_cfg", {}).get("architecture")
    if name is None:
        return None
    fresh = load_timm().create_model(name)
    load_weights(fresh, name, "pretrained")
    last = fresh.pretrained_cfg["classifier"]
    return {
        key: value
        for key, value in fresh.state_dict().items()
        if not key.startswith(f"{last}.") and not key.endswith("num_batches_tracked")
    }


def _pretrained(model: nn.Module) -> Remark:
    known = _known(model)
    if known is None:
        return wrong("There is no network of timm inside.", "self.backbone = timm.create_model(BACKBONE)")
    state = _backbone(model).state_dict()
    if all(key in state and torch.equal(state[key], value) for key, value in known.items()):
        return right("The backbone has its pretrained weights.")
    return wrong(
        "The backbone's weights are not the pretrained ones.", "load_weights puts them in; it comes after create_model."
    )


def _statistics(model: nn.Module) -> Iterator[Remark]:
    """requires_grad = False does not stop batch normalisation from taking new means."""
    model.train()
    norms = [one for one in _backbone(model).modules() if isinstance(one, nn.BatchNorm2d)]
    if norms and any(one.training for one in norms):
        yield wrong(
            "After model.train() the frozen backbone's batch normalisation still takes the means of new pictures.",
            "Write a method train(self, mode=True) that calls super().train(mode) and then, if frozen, self.backbone.eval().",
        )
    elif norms:
        yield right("model.train() leaves the frozen backbone in eval mode.")
