"""Members of a training on images: what the network sees, where its weights come from, and which of them change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from bedside.cohort import Cohort, Fold
from bedside.models import family_named, model_settings, objective_of
from bedside.models.backbone import Backbone, BackboneSettings, expected
from bedside.models.classifier import Classifier
from bedside.models.losses import Supervised
from bedside.models.pretrained import Weights, load_weights, timm_arguments
from bedside.seeds import derive
from bedside.settings import AugmentSettings, RunSettings
from bedside.splits.images import ImagePreparation
from bedside.training.augment import UNCHANGED, Augmentation, resolve
from bedside.training.events import Extracted
from bedside.training.fitted import Fitted
from bedside.training.hardware import suits_channels_last
from bedside.training.isolated import own_random_numbers
from bedside.training.members import WEIGHTS, Arrays, Images, Member, Target, learned_from, new_network
from bedside.training.pixels import decoded
from bedside.training.pretraining import asked as starts_from_autoencoder
from bedside.training.pretraining import unfolded
from bedside.training.versions import Versions
from bedside.training.vision import FittedHead, FittedImageNetwork, FrozenBackbone, PixelReader

WHOLE = 1.0  # share of the shorter side that is seen; weights for photos leave out the border, a finding may lie there
SMALLEST = 16  # pixels a side
FROM_SCRATCH = 128  # side in pixels for a network without weights; larger only costs time on a few hundred images
DRAWN = 32  # side in pixels for a family that draws: it learns each pixel, and draws in many passes


def image_size(family: str, cohort: Cohort, settings: RunSettings) -> int:
    """Side in pixels that the network sees: what was asked for, what its weights expect, or what suits the images."""
    if settings.preparation.image_size is not None:
        return settings.preparation.image_size
    architecture = family_named(family).architecture
    if architecture is not None:
        timm_arguments(architecture, download=settings.model.get("weights") == "download")
        return int(expected(architecture)["input_size"][-1])
    largest = int(cohort.inputs.records[["width", "height"]].to_numpy().max())
    if family_named(family).generates:
        return min(DRAWN, max(SMALLEST, largest))
    return max(SMALLEST, largest) if largest <= FROM_SCRATCH // 2 else FROM_SCRATCH


@dataclass(frozen=True)
class ImageSpec:
    """How a family sees the images of a cohort, before any fold has taught it anything."""

    size: int
    channels: int
    weights: Weights | None = None  # without, mean and standard deviation are learned by each fold
    backbone: nn.Module | None = None  # with its pretrained weights, shared by all folds; None without

    @classmethod
    def of(cls, family: str, cohort: Cohort, settings: RunSettings) -> "ImageSpec":
        """Sizes and normalisation that the weights expect, or what suits a network that starts from scratch.

        Raises:
            SettingError: if pretrained weights are asked for and are not there.
        """
        options = model_settings(family, settings.model)
        size, architecture = image_size(family, cohort, settings), family_named(family).architecture
        if architecture is None or not isinstance(options, BackboneSettings) or options.weights == "none":
            return cls(size, int(cohort.inputs.records["channels"].max()))
        network = Backbone((3, size, size), cohort.task.n_outputs, options, architecture)
        weights = load_weights(network.backbone, architecture, options.weights)
        assert weights is not None
        return cls(size, 3, weights, network.backbone)

    def preparation(self, cohort: Cohort, rows: np.ndarray, settings: RunSettings) -> ImagePreparation:
        """Fitted on the given training rows."""
        return ImagePreparation.fit(
            cohort.inputs.take(rows),
            size=self.size,
            framing=settings.preparation.framing,
            resample="bilinear" if self.weights and self.weights.interpolation == "bilinear" else "bicubic",
            crop_share=WHOLE,
            channels=self.channels,
            mean=self.weights.mean if self.weights else None,
            std=self.weights.std if self.weights else None,
        )

    def network(self, family: str, cohort: Cohort, fold: Fold, settings: RunSettings) -> nn.Module:
        """The network of a fold: the shared weights, and a last layer with initial weights of its own."""
        made = new_network(family, cohort.task, fold, settings, (self.channels, self.size, self.size))
        if self.backbone is not None:
            assert isinstance(made, Backbone)
            made.backbone.load_state_dict(self.backbone.state_dict())
        return made


def augmentation_of(family: str, settings: RunSettings, cohort: Cohort) -> Augmentation:
    """What was asked for, and where nothing was, what is harmless for these images."""
    return Augmentation.from_settings(augment_settings(family, settings, cohort))


def augment_settings(family: str, settings: RunSettings, cohort: Cohort) -> AugmentSettings:
    """The settings of augmentation with every number written out.

    A family that draws gets none unless somebody asks: it would draw turned and brightened images too.
    """
    if family_named(family).generates:
        return resolve(settings.augment, UNCHANGED)
    return resolve(settings.augment, settings.data.modality or cohort.about.get("modality"))


def versions_of(family: str, settings: RunSettings, cohort: Cohort) -> Versions:
    """How images are looked at when they are scored."""
    return Versions(settings.augment.test_time, augmentation_of(family, settings, cohort), settings.seed)


class Encoders:
    """Frozen backbones of a cohort, one for all folds whose preparation gives the same pixels."""

    def __init__(
        self, spec: ImageSpec, family: str, cohort: Cohort, settings: RunSettings, *, threads: int, device: str
    ) -> None:
        self.spec, self.family, self.cohort, self.settings = spec, family, cohort, settings
        self.threads, self.device = threads, device
        self._made: dict[str, FrozenBackbone] = {}

    def of(self, fold: Fold) -> FrozenBackbone:
        preparation = self.spec.preparation(self.cohort, fold.train, self.settings)
        if preparation.key() not in self._made:
            assert self.spec.weights is not None
            whole = self.spec.network(self.family, self.cohort, fold, self.settings).eval()
            assert isinstance(whole, Classifier)
            versions = versions_of(self.family, self.settings, self.cohort)
            self._made[preparation.key()] = FrozenBackbone(
                preparation, whole, self.spec.weights, versions, threads=self.threads, device=self.device
            )
        return self._made[preparation.key()]


def head_members(encoders: Encoders, folds: Sequence[Fold]) -> Iterator[Extracted | list[Member]]:
    """Members that train a last layer on features of a frozen backbone; features are computed once for all folds.

    Yields:
        A sign of life while features are computed; at last the members.
    """
    cohort, settings = encoders.cohort, encoders.settings
    features: dict[int, np.ndarray] = {}
    members = []
    for fold in folds:
        encoder = encoders.of(fold)
        if id(encoder) not in features:
            looking = encoder.learn(cohort.inputs, settings.augment.views)
            while id(encoder) not in features:
                try:
                    yield Extracted(next(looking), len(cohort))
                except StopIteration as end:
                    features[id(encoder)] = end.value
            yield Extracted(len(cohort), len(cohort), encoder.problem)
        members.append(_head_member(encoders, encoder, features[id(encoder)], fold))
    yield members


def _head_member(encoders: Encoders, encoder: FrozenBackbone, features: np.ndarray, fold: Fold) -> Member:
    """`features` (samples, views, width); training sees every view of its images, validation the originals only."""
    cohort, settings = encoders.cohort, encoders.settings
    target = Target.of(cohort, fold)
    goal, weight = target.tensors(fold.train, cohort.task, settings.train)
    count = features.shape[1]
    train = torch.from_numpy(features[fold.train].reshape(-1, features.shape[-1]))
    valid = torch.from_numpy(features[fold.valid, 0])
    data = Arrays(
        (train, goal.repeat_interleave(count), weight.repeat_interleave(count)),
        (valid, *target.tensors(fold.valid, cohort.task, settings.train, judged=True)),
    )
    with own_random_numbers(derive(settings.seed, fold.repeat, fold.number, WEIGHTS)):
        head = encoder.classifier.new_head()

    def finish(trained: nn.Module) -> Fitted:
        return FittedHead(encoder, trained.eval(), cohort.task, target.centre, target.scale)

    return Member(fold, head, data, Supervised(cohort.task), finish)


class PixelStore:
    """Decoded images of a cohort, once for all folds whose preparation gives the same pixels."""

    def __init__(self, cohort: Cohort, *, workers: int) -> None:
        self.cohort, self.workers = cohort, workers
        self._stores: dict[str, np.ndarray] = {}

    def pixels(self, preparation: ImagePreparation) -> np.ndarray:
        """All images, (n, size, size, channels) uint8, in memory or mapped from a file."""
        if preparation.key() not in self._stores:
            self._stores[preparation.key()] = decoded(self.cohort.inputs, preparation, workers=self.workers)
        return self._stores[preparation.key()]


def image_member(
    spec: ImageSpec,
    store: PixelStore,
    family: str,
    fold: Fold,
    settings: RunSettings,
    *,
    threads: int,
    device: str,
    head: nn.Module | None,
) -> Member:
    """A member that trains a network on pixels: all of it, or, after its `head` was trained, the last stages."""
    cohort = store.cohort
    objective, target = objective_of(family, cohort.task, settings.model), Target.of(cohort, fold)
    train, valid = (learned_from(objective, target, rows) for rows in (fold.train, fold.valid))
    preparation = spec.preparation(cohort, train, settings)
    network = spec.network(family, cohort, fold, settings)
    if head is not None:
        options = model_settings(family, settings.model)
        assert isinstance(network, Backbone)
        assert isinstance(options, BackboneSettings)
        network.head.load_state_dict(head.state_dict())
        network.unfreeze(options.stages)
    data = Images(
        store.pixels(preparation),
        (train, *target.tensors(train, cohort.task, settings.train)),
        (valid, *target.tensors(valid, cohort.task, settings.train, judged=True)),
        preparation.mean,
        preparation.std,
        augmentation_of(family, settings, cohort),
        suits_channels_last(network, device),
    )
    reader = PixelReader(preparation, versions_of(family, settings, cohort))

    def finish(trained: nn.Module) -> Fitted:
        whole = objective.finish(trained, *data.some(data.valid)).cpu().eval()
        return FittedImageNetwork(
            preparation, reader, whole, cohort.task, target.centre, target.scale, threads=threads, device=device
        )

    before = None
    some, some_target = data.some(data.train)
    if starts_from_autoencoder(family, settings):
        learner, aim = unfolded(network, preparation, some, fold, settings, cohort.task)
        before = Member(fold, learner, data, aim, lambda trained: finish(network))
    network = objective.begin(network, preparation, some, some_target)
    if data.channels_last:
        for one in [network] if before is None else [network, before.network]:
            one.to(memory_format=torch.channels_last)
    return Member(fold, network, data, objective, finish, trained_before=head is not None, before=before)
