"""The fast engine gives what torch gives, or torch runs and says why."""

import numpy as np
import pytest
import torch
from torch import nn

import bedside._torchvision  # noqa: F401
from bedside.training import engine
from bedside.training.engine import Pixels, make_engine

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


class Small(nn.Module):
    """Looks at an image, as far as the tests need it."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5))

    def forward(self, x):
        return self.filters(x).mean((2, 3))


class Untranslatable(Small):
    def forward(self, x):
        return torch.linalg.eigvalsh(x[:, :, :3, :3].mean(1) + 0 * super().forward(x).sum())


class CountsImages(Small):
    """Its translation keeps the number of images that it was shown."""

    def forward(self, x):
        return super().forward(x) * int(x.shape[0])


class NotANumber(Small):
    def forward(self, x):
        return super().forward(x) * float("nan")


@pytest.fixture
def pixels():
    return np.random.default_rng(1).integers(0, 256, (11, 16, 16, 3), dtype=np.uint8)


def eager(network: nn.Module, pixels: np.ndarray) -> np.ndarray:
    """Torch, with the normalisation written out."""
    x = torch.from_numpy(pixels).double() / 255
    x = ((x - torch.tensor(MEAN).double()) / torch.tensor(STD).double()).permute(0, 3, 1, 2)
    with torch.no_grad():
        return network.eval()(x.float()).numpy()


def make(network: nn.Module) -> engine.Engine:
    return make_engine(Pixels(network, MEAN, STD), (16, 16, 3), threads=1)


def test_onnx_equals_torch_for_any_number_of_images(pixels):
    network = Small()
    made = make(network)
    assert made.name == "onnxruntime"
    truth = eager(network, pixels)
    for n in (1, 2, made.batch, len(pixels)):
        found = made.run(pixels[:n])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, truth[:n], atol=1e-5)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext", "test_vit"])
def test_networks_of_timm_run_in_onnx(name):
    import timm

    network = timm.create_model(name, num_classes=0)
    side = network.pretrained_cfg["input_size"][-1]
    made = make_engine(Pixels(network, MEAN, STD), (side, side, 3), threads=1)
    assert made.name == "onnxruntime"
    pixels = np.random.default_rng(2).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    np.testing.assert_allclose(made.run(pixels), eager(network, pixels), atol=1e-4, rtol=1e-4)


def test_the_score_of_an_image_does_not_depend_on_those_beside_it(pixels):
    made = make(Small())
    together = made.run(pixels)
    np.testing.assert_array_equal(together, np.concatenate([made.run(one[None]) for one in pixels]))


@pytest.mark.parametrize(
    ("kind", "reason"), [(Untranslatable, "eigvalsh"), (CountsImages, "differs"), (NotANumber, "differs")]
)
def test_what_onnx_cannot_do_runs_in_torch_and_says_why(kind, reason, pixels):
    network = kind()
    made = make(network)
    assert made.name.startswith("torch (")
    assert reason in made.name
    found = made.run(pixels[: made.batch])
    np.testing.assert_allclose(found, eager(network, pixels[: made.batch]), atol=1e-4)


@pytest.mark.parametrize("kind", [Small, Untranslatable])
def test_pixels_may_be_read_only(kind, pixels):
    made = make(kind())
    truth = made.run(pixels)
    pixels.flags.writeable = False
    np.testing.assert_array_equal(made.run(pixels), truth)


def test_the_network_stays_as_it_was(pixels):
    network = Small().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    made = make(network)
    first = made.run(pixels)
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    with torch.no_grad():
        network.filters[0].weight.zero_()
    np.testing.assert_array_equal(made.run(pixels), first)  # nor do later changes reach the engine


def test_a_gpu_runs_in_torch_with_half_the_bits(pixels):
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    network = Small()
    made = make_engine(Pixels(network, MEAN, STD), (16, 16, 3), threads=1, device="cuda")
    assert made.name == "torch"
    np.testing.assert_allclose(made.run(pixels), eager(network, pixels), atol=0.05, rtol=0.05)
