"""torchvision can be imported whether or not its compiled part fits torch, and a part that fits is left alone."""

import gc
import importlib.machinery
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bedside import _torchvision

DESCRIPTIONS = """
@torch.library.register_fake("torchvision::{name}")
def fake(dets, scores, iou_threshold): ...

@register_meta("roi_align")
def other(): ...
"""


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """A torchvision that describes one operator; `installed(name)` names it, `None` takes the package away."""

    def install(name: str | None) -> Path:
        folder = tmp_path / "torchvision"
        folder.mkdir()
        (folder / "_C.so").write_bytes(b"compiled for another torch")
        (folder / "_meta_registrations.py").write_text(DESCRIPTIONS.format(name=name))
        spec = importlib.machinery.ModuleSpec("torchvision", None, origin=str(folder / "__init__.py"))
        monkeypatch.setattr(_torchvision.importlib.util, "find_spec", lambda _: spec if name else None)
        return folder

    return install


def test_torchvision_and_what_needs_it_can_be_imported():
    code = (
        "import sys, bedside._torchvision as it; assert 'torchvision' not in sys.modules; "
        "import torchvision, timm; print(it.declared is None, torchvision.extension._has_ops())"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    untouched, works = done.stdout.split()
    assert untouched == works  # declared only if, and always if, the compiled part does not work


def test_operators_are_declared_if_the_compiled_part_does_not_load(installed):
    installed("only_described")
    library = _torchvision._declare()
    assert library is not None
    assert hasattr(torch.ops.torchvision, "only_described")
    with pytest.raises(NotImplementedError, match="only_described"):
        torch.ops.torchvision.only_described(torch.zeros(1))


def test_nothing_is_declared_if_the_compiled_part_loads(installed, monkeypatch):
    loaded = []
    monkeypatch.setattr(torch.ops, "load_library", loaded.append)
    folder = installed("comes_compiled")
    assert _torchvision._declare() is None
    assert loaded == [str(folder / "_C.so")]
    assert not hasattr(torch.ops.torchvision, "comes_compiled")


def test_an_operator_that_exists_is_not_declared_again(installed):
    existing = torch.library.Library("torchvision", "FRAGMENT")
    existing.define("there_already(Tensor input) -> Tensor")
    installed("there_already")
    assert _torchvision._declare() is None
    del existing
    gc.collect()


def test_without_torchvision_nothing_happens(installed):
    installed(None)
    assert _torchvision._declare() is None
