"""Networks for images: what they compute, what of them is frozen, and how fast each stage may learn."""

import pytest
import torch

from bedside.cohort import Task
from bedside.errors import SettingError
from bedside.models import FAMILIES, build_model, default_family, family_named, model_settings
from bedside.models.backbone import Backbone, BackboneSettings
from bedside.models.cnn import SMALL
from bedside.settings import TrainSettings
from bedside.training.hardware import make_fabric
from bedside.training.loop import make_optimizer, make_schedule
from cohorts import cohort, image_cohort

# Small members of the great families: residual, efficient, transformer (class token), shifted windows, mixer.
ARCHITECTURES = [
    "resnet10t",
    "tf_efficientnet_lite0",
    "vit_tiny_patch16_224",
    "swin_tiny_patch4_window7_224",
    "convnext_atto",
]


def backbone(architecture="resnet10t", n_outputs=2, size=64, **settings):
    return Backbone((3, size, size), n_outputs, BackboneSettings(**settings), architecture)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_backbone_is_maps_then_pooling_then_a_new_last_layer(architecture):
    size = 224 if "swin" in architecture else 64
    network = backbone(architecture, n_outputs=3, size=size).eval()
    x = torch.randn(2, 3, size, size)
    with torch.no_grad():
        maps = network.maps(x)
        assert torch.allclose(network(x), network.head(network.read(network.levels(x))), atol=1e-6)
        assert torch.allclose(network.levels(x)[-1], maps, atol=1e-5)
        assert network(x).shape == (2, 3)
        grid = network.grid(maps)
        assert grid.dim() == 4
        assert grid.shape[2] == grid.shape[3] > 1
    assert network.transformer == ("vit" in architecture)
    every = {id(weight) for stage in network.stages() for weight in stage}
    assert every == {id(weight) for weight in network.parameters()}


@pytest.mark.parametrize("size", [28, SMALL, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_small_network_reads_grey_and_colour_of_any_size(size, channels):
    network = build_model("cnn", (channels, size, size), 1, model_settings("cnn", {"width": 4, "stages": 3}))
    network.eval()
    x = torch.randn(2, channels, size, size)
    assert network(x).shape == (2, 1)
    side = {28: 7, 64: 16, 128: 8}[size]  # a large image is made four times smaller before the first stage
    assert network.maps(x).shape == (2, 16, side, side)


def test_frozen_means_frozen():
    """Only the last layer gets gradients, and batch normalisation keeps the statistics it came with."""
    network = backbone(freeze="backbone").train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.SGD([weight for weight in network.parameters() if weight.requires_grad], lr=1.0)
    network(torch.randn(4, 3, 64, 64)).square().sum().backward()
    optimizer.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"head.2.weight", "head.2.bias"}


def test_unfrozen_batch_normalisation_follows_the_new_images():
    network = backbone(freeze="none").train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network(torch.randn(4, 3, 64, 64))
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.endswith("running_mean") for name in changed)


def test_gradual_opens_the_last_stages_only():
    network = backbone(freeze="gradual", stages=1)
    network.unfreeze(1)
    stages = network.stages()
    trains = [all(weight.requires_grad for weight in stage) for stage in stages]
    assert trains == [False] * (len(stages) - 2) + [True, True]


def test_earlier_stages_take_smaller_steps():
    network = backbone(freeze="none", rate_decay=0.5)
    settings = TrainSettings(learning_rate=0.1, schedule="onecycle")
    optimizer = make_optimizer(network, settings, make_fabric_on_cpu())
    shares = [group["share"] for group in optimizer.param_groups]
    assert shares == [0.5**k for k in range(len(shares))]
    assert {id(w) for w in optimizer.param_groups[0]["params"]} == {id(w) for w in network.head.parameters()}
    make_schedule(optimizer, settings, steps=10)
    peaks = [group["max_lr"] for group in optimizer.param_groups]
    assert peaks == pytest.approx([0.1 * share for share in shares])


def make_fabric_on_cpu():
    from bedside.settings import DeviceSettings

    return make_fabric(DeviceSettings(accelerator="cpu"), work=0)


def test_from_scratch_all_stages_learn_alike():
    assert {rate for _, rate in backbone(weights="none").rates()} == {1.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "none", "freeze": "backbone"}, "would freeze random weights"),
        ({"weights": "none", "freeze": "none", "rate_decay": 0.3}, "all stages start alike"),
        ({"stages": 3}, "freeze = gradual"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(options, message):
    with pytest.raises(SettingError, match=message):
        model_settings("resnet18", options)


@pytest.mark.parametrize("options", [{"weights": "none"}, {"freeze": "gradual"}, {"freeze": "none"}, {}])
def test_settings_that_were_written_out_are_read_again(options):
    written = model_settings("resnet18", options).acting()
    assert model_settings("resnet18", written).acting() == written


def test_stages_are_not_read_from_a_backbone_that_gives_none_out():
    with pytest.raises(SettingError, match=r"model\.reads=stages has no effect: 'vit_tiny"):
        backbone("vit_tiny_patch16_224", reads="stages")


def test_every_architecture_of_timm_is_a_family():
    family = family_named("regnetx_002")
    assert family.architecture == "regnetx_002"
    assert family.suits("binary", "image")
    assert not family.suits("binary", "table")


def test_a_name_that_nobody_knows_suggests_the_nearest():
    with pytest.raises(SettingError, match=r"Unknown model family 'resnet81'\. Did you mean .*'resnet18'"):
        family_named("resnet81")


def test_who_names_no_family_gets_one_that_suits():
    assert default_family(cohort(60).inputs) == "mlp"
    assert default_family(image_cohort(20, size=28).inputs) == "cnn"
    assert default_family(image_cohort(20, size=96).inputs) == "tf_efficientnet_lite0"  # its weights are installed
    assert {"cnn", "resnet18", "resnet34", "resnet50", "convnext_tiny", "vit_small_patch16_224"} <= set(FAMILIES)


def test_the_last_layer_has_one_output_for_two_classes():
    assert Task("binary", ("a", "b")).n_outputs == 1
    assert backbone(n_outputs=1)(torch.randn(2, 3, 64, 64)).shape == (2, 1)


@pytest.mark.parametrize("architecture", ["tf_efficientnet_lite0", "resnet10t"])
def test_what_a_frozen_backbone_gives_runs_in_the_fast_engine(architecture):
    from bedside.training.engine import Pixels, make_engine
    from bedside.training.fitted import Part

    network = backbone(architecture).eval()
    assert len(network.seen) == 4, "three stages and the end"
    engine = make_engine(Pixels(Part(network, "embed"), (0.5,) * 3, (0.5,) * 3), (64, 64, 3), threads=1)
    assert engine.name == "onnxruntime"


def test_by_default_only_frozen_convolutional_backbones_read_their_stages():
    assert len(backbone(freeze="none").seen) == 1
    assert len(backbone(reads="last").seen) == 1
    assert len(backbone("vit_tiny_patch16_224").seen) == 1
