"""Trained networks for images: a frozen backbone with a head of its own, or a network that was trained as a whole."""

import copy
import json
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bedside.cohort import Task
from bedside.data.pixels import ImageInputs
from bedside.folder import checksum
from bedside.models import build_model, model_settings
from bedside.models.classifier import Classifier
from bedside.models.pretrained import Weights
from bedside.splits.images import ImagePreparation
from bedside.training.engine import Engine, Pixels, make_engine
from bedside.training.features import Features, complete, extract, missing
from bedside.training.fitted import (
    Part,
    Reader,
    Scoring,
    load_weights,
    network_scores,
    outputs_to_scores,
    save_weights,
)
from bedside.training.hardware import available_cores
from bedside.training.versions import Versions

BACKBONE = "backbone.safetensors"  # shared by the members of a model, beside their folders


class FrozenBackbone:
    """Images -> features of a backbone that does not change, (n, versions, width)."""

    def __init__(
        self,
        preparation: ImagePreparation,
        classifier: Classifier,
        weights: Weights,
        versions: Versions,
        *,
        threads: int,
        device: str = "cpu",
    ) -> None:
        self.preparation, self.classifier, self.weights, self.versions = preparation, classifier, weights, versions
        self.threads, self.device = threads, device
        self.problem: str | None = None  # why features could not be kept for the next run
        self._known: dict[str, np.ndarray] = {}

    @property
    def _key(self) -> str:
        """Names the features in the cache: the weights, and how many levels of the backbone are read."""
        return f"{self.weights.sha256} {len(self.classifier.seen)} levels"

    @cached_property
    def engine(self) -> Engine:
        """Pixels (n, size, size, channels) uint8 -> features (n, width)."""
        module = Pixels(Part(self.classifier, "embed"), self.preparation.mean, self.preparation.std)
        channels, height, width = self.preparation.shape
        return make_engine(module, (height, width, channels), threads=self.threads, device=self.device)

    def rest(self) -> None:
        """Give back the memory of the engine; it is made anew when it is asked for."""
        vars(self).pop("engine", None)

    def __call__(self, inputs: ImageInputs) -> np.ndarray:
        """Features as scoring reads them: those of the training's images are known, new ones are never kept."""
        names = inputs.records["sha256"]
        if len(names) and all(name in self._known for name in names):
            return np.stack([self._known[name][: self.versions.count] for name in names])
        return self.features(inputs, self.versions.count, cache=False)

    def estimated_seconds(self, inputs: ImageInputs, count: int) -> float:
        """How long `learn` will take, from two batches; 0 if the cache has everything."""
        versions = replace(self.versions, count=max(count, self.versions.count))
        todo = missing(inputs, self.preparation, versions, weights=self._key, device=self.device)
        if not todo:
            return 0.0
        batch = np.zeros((self.engine.batch, *self.preparation.shape[1:], self.preparation.channels), dtype=np.uint8)
        self.engine.run(batch)
        started = time.perf_counter()
        self.engine.run(batch)
        return (time.perf_counter() - started) / len(batch) * todo * versions.count

    def learn(self, inputs: ImageInputs, count: int) -> Generator[int, None, np.ndarray]:
        """Features of `count` versions of each image, kept here and in the cache folder.

        Yields:
            Images done so far.

        Returns:
            Features, shape (n, count, width), 32-bit floats.
        """
        found = yield from self._extract(inputs, max(count, self.versions.count), cache=True)
        self.problem = found.problem
        self._known.update(zip(inputs.records["sha256"], found.features, strict=True))
        return found.features[:, :count]

    def features(self, inputs: ImageInputs, count: int, *, cache: bool) -> np.ndarray:
        """Features of `count` versions of each image, (n, count, width) 32-bit floats.

        Args:
            cache: look up and keep features in the cache folder, by weights, preparation, version and pixels.
        """
        return complete(self._extract(inputs, count, cache=cache)).features

    def _extract(self, inputs: ImageInputs, count: int, *, cache: bool) -> Generator[int, None, Features]:
        return extract(
            inputs,
            self.preparation,
            replace(self.versions, count=count),
            lambda: self.engine,
            weights=self._key if cache else None,
            device=self.device,
            workers=self.threads,
        )


@dataclass(frozen=True)
class FittedHead(Scoring):
    """A last layer that was trained on the features of a frozen backbone."""

    encoder: FrozenBackbone
    head: nn.Module
    task: Task
    centre: float = 0.0
    scale: float = 1.0

    @property
    def frozen(self) -> bool:
        return True

    @property
    def reader(self) -> Reader:
        return self.encoder

    @property
    def preparation(self) -> ImagePreparation:
        return self.encoder.preparation

    @property
    def versions(self) -> Versions:
        return self.encoder.versions

    @cached_property
    def classifier(self) -> Classifier:
        """Backbone and head as one network, on the CPU, in evaluation mode."""
        whole = copy.copy(self.encoder.classifier)
        whole._modules = {**self.encoder.classifier._modules, "head": self.head}
        return whole.eval()

    def rest(self) -> None:
        """Give back the memory of the backbone's engine."""
        self.encoder.rest()

    def score(self, prepared: np.ndarray) -> np.ndarray:
        """Features (n, versions, width) -> scores, averaged over the versions of each image."""
        n, count, width = prepared.shape
        flat = network_scores(self.head, prepared.reshape(n * count, width), self.task, self.centre, self.scale)
        return flat.reshape(n, count, *flat.shape[1:]).mean(axis=1)

    def place(self, prepared: np.ndarray) -> np.ndarray:
        """Features of the image as it is, (n, width)."""
        return prepared[:, 0]

    def latent(self, prepared: np.ndarray) -> np.ndarray | None:
        return self.place(prepared)

    def save(self, folder: Path) -> None:
        shared = folder.parent / BACKBONE
        if not shared.exists():
            save_weights(self.encoder.classifier.backbone, shared)  # type: ignore[arg-type]
        self.preparation.save(folder)
        save_weights(self.head, folder / "weights.safetensors")
        facts = {
            "kind": "head",
            "weights": self.encoder.weights.to_dict(),
            "versions": self.encoder.versions.to_dict(),
            "centre": self.centre,
            "scale": self.scale,
        }
        (folder / "member.json").write_text(json.dumps(facts))


@dataclass(frozen=True)
class PixelReader:
    """Images -> pixels of every version of each, (n, versions, size, size, channels)."""

    preparation: ImagePreparation
    versions: Versions

    def __call__(self, inputs: ImageInputs) -> np.ndarray:
        pixels = self.preparation(inputs)
        return np.stack(list(self.versions.of(pixels, inputs.records["sha256"].tolist())), axis=1)


@dataclass(frozen=True)
class FittedImageNetwork(Scoring):
    """A network whose every stage, or some of them, was trained on this fold."""

    preparation: ImagePreparation
    reader: PixelReader  # for the members of an ensemble the same one, if their pixels are the same
    classifier: nn.Module  # with `embed`; a `Classifier` unless the family has an aim of its own
    task: Task
    centre: float = 0.0
    scale: float = 1.0
    threads: int = 1
    device: str = "cpu"

    @property
    def versions(self) -> Versions:
        return self.reader.versions

    @cached_property
    def engine(self) -> Engine:
        module = Pixels(self.classifier.eval(), self.preparation.mean, self.preparation.std)
        size = self.preparation.size
        return make_engine(module, (size, size, self.preparation.channels), threads=self.threads, device=self.device)

    @cached_property
    def embedding(self) -> Engine:
        """Pixels (n, size, size, channels) uint8 -> what the last layer reads, (n, width)."""
        module = Pixels(Part(self.classifier.eval(), "embed"), self.preparation.mean, self.preparation.std)
        size = self.preparation.size
        return make_engine(module, (size, size, self.preparation.channels), threads=self.threads, device=self.device)

    @cached_property
    def evidence(self) -> Engine:
        """Pixels (n, size, size, channels) uint8 -> what a `Generative` network says of each class, (n, classes)."""
        module = Pixels(Part(self.classifier.eval(), "evidence"), self.preparation.mean, self.preparation.std)
        size = self.preparation.size
        return make_engine(module, (size, size, self.preparation.channels), threads=self.threads, device=self.device)

    def rest(self) -> None:
        """Give back the memory of the engines; they are made anew when they are asked for."""
        for name in ("engine", "embedding", "evidence"):
            vars(self).pop(name, None)

    def place(self, prepared: np.ndarray) -> np.ndarray:
        """Pixels (n, versions, size, size, channels) -> what the last layer reads of the image as it is, (n, width)."""
        return self.embedding.run(np.ascontiguousarray(prepared[:, 0]))

    def latent(self, prepared: np.ndarray) -> np.ndarray | None:
        return self.place(prepared)

    def score(self, prepared: np.ndarray) -> np.ndarray:
        """Pixels (n, versions, size, size, channels) -> scores, averaged over the versions of each image."""
        n, count = prepared.shape[:2]
        outputs = self.engine.run(prepared.reshape(n * count, *prepared.shape[2:]))
        flat = outputs_to_scores(torch.from_numpy(outputs), self.task, self.centre, self.scale)
        return flat.reshape(n, count, *flat.shape[1:]).mean(axis=1)

    def save(self, folder: Path) -> None:
        self.preparation.save(folder)
        save_weights(self.classifier, folder / "weights.safetensors")
        facts = {
            "kind": "image network",
            "versions": self.reader.versions.to_dict(),
            "centre": self.centre,
            "scale": self.scale,
        }
        (folder / "member.json").write_text(json.dumps(facts))


def load_head(
    folder: Path, family: str, settings: dict[str, Any], task: Task, facts: dict[str, Any], shared: dict[str, Any]
) -> FittedHead:
    """A head with its encoder; members with the same backbone and preparation get the same encoder."""
    preparation = ImagePreparation.load(folder)
    source = folder.parent / BACKBONE
    name = f"{preparation} {facts['versions']} {checksum(source)}"
    if name not in shared:
        classifier = build_model(family, preparation.shape, task.n_outputs, model_settings(family, settings))
        load_weights(classifier.backbone, source, family)
        weights, versions = Weights.from_dict(facts["weights"]), Versions.from_dict(facts["versions"])
        classifier.eval()
        shared[name] = FrozenBackbone(preparation, classifier, weights, versions, threads=available_cores())
    head = shared[name].classifier.new_head()
    load_weights(head, folder / "weights.safetensors", family)
    return FittedHead(shared[name], head.eval(), task, facts["centre"], facts["scale"])


def load_image_network(
    folder: Path, family: str, settings: dict[str, Any], task: Task, facts: dict[str, Any], shared: dict[str, Any]
) -> FittedImageNetwork:
    """A network with its reader; members that see the same pixels get the same reader."""
    preparation = ImagePreparation.load(folder)
    classifier = build_model(family, preparation.shape, task.n_outputs, model_settings(family, settings))
    load_weights(classifier, folder / "weights.safetensors", family)
    versions = Versions.from_dict(facts["versions"])
    reader = shared.setdefault(f"{preparation.key()} {versions}", PixelReader(preparation, versions))
    return FittedImageNetwork(
        preparation, reader, classifier.eval(), task, facts["centre"], facts["scale"], available_cores()
    )
