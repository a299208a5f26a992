"""Makes torchvision importable beside a torch that its compiled part does not fit, such as one for CPUs only.

Such a torchvision fails with `operator torchvision::nms does not exist`, and timm and grad-cam with it. They need its
Python part only, so the operators that it describes are declared here, without code behind them: whoever calls one
gets an error. Where the compiled part loads, or torchvision is missing, nothing happens. Import this before timm,
torchvision or grad-cam; importing it twice is harmless.
"""

import importlib.machinery
import importlib.util
import os
import re
from pathlib import Path

import torch

_DESCRIBED = re.compile(r"""register_fake\(\s*["']torchvision::(\w+)["']""")
_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def _loads(folder: Path) -> bool:
    """Whether the compiled part loads; loading it is what torchvision does next anyway."""
    if hasattr(os, "add_dll_directory"):
        os.add_dll_directory(str(folder))
    found = importlib.machinery.PathFinder.find_spec("_C", [str(folder)])
    if found is None or found.origin is None:
        return False
    try:
        torch.ops.load_library(found.origin)
    except (OSError, ImportError):
        return False
    return True


def _missing(folder: Path) -> list[str]:
    """Operators that torchvision's Python part describes and nobody has declared."""
    text = (folder / "_meta_registrations.py").read_text(encoding="utf-8")
    return [name for name in dict.fromkeys(_DESCRIBED.findall(text)) if not hasattr(torch.ops.torchvision, name)]


def _declare() -> "torch.library.Library | None":
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None or _loads(Path(found.origin).parent):
        return None
    try:
        missing = _missing(Path(found.origin).parent)
    except OSError:  # older versions describe no operators and need none
        return None
    if not missing:
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in missing:
        library.define(_SCHEMAS.get(name, f"{name}(Tensor input) -> Tensor"))
    return library


declared = _declare()  # the operators vanish with this object
