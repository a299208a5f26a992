"""Files of weights: tensors with names, read without ever running code that a file may hold."""

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bedside.errors import SettingError

KINDS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
_INSIDE = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model")  # where checkpoints keep them
_WRAPPERS = ("module.", "_orig_mod.")  # parallel training and compilation put these before every name


def read_weights(path: Path) -> dict[str, Tensor]:
    """Every tensor of a file by name, on the CPU.

    Raises:
        SettingError: if the file is missing, damaged, not a file of weights, or holds something that would run code.
    """
    _require_weights(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about storage formats of old files
            content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except UnpicklingError:
        raise SettingError(_why_not_unpickled(path)) from None
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SettingError(
            f"{path} cannot be read as weights ({reason}). It is damaged or incomplete: fetch it again."
        ) from None
    return _named_tensors(path, content)


def fingerprint(weights: Mapping[str, Tensor], architecture: str = "") -> str:
    """sha256 over an architecture's name and names, shapes, types and bytes of tensors in order, 64 hexadecimal digits."""
    digest = hashlib.sha256(architecture.encode())
    for name, tensor in weights.items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} ".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _require_weights(path: Path) -> None:
    """Refuse what cannot be a file of weights, by its place and its first bytes."""
    if not path.is_file():
        kind = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise SettingError(f"The file of weights {path} {kind}. Name a file ending in {', '.join(KINDS[:3])}.")
    with open(path, "rb") as file:
        start = file.read(256).lstrip()
    if not start:
        raise SettingError(f"{path} is empty: the download did not finish. Fetch it again.")
    if start.startswith(b"<"):
        raise SettingError(
            f"{path} is a web page, not weights: the download probably asked for a login. Fetch it in a browser."
        )
    if start.startswith(b"version https://git-lfs"):
        raise SettingError(f"{path} only points to the weights (Git LFS). Fetch them with `git lfs pull`.")


def _why_not_unpickled(path: Path) -> str:
    """torch's own advice is to run the code; this is not an option here."""
    with open(path, "rb") as file:
        pickled = file.read(2) in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
    if pickled:
        return (
            f"{path} holds Python objects beside tensors, and reading those could run code, so it was not read. "
            "Ask for a .safetensors file, or save only the weights: torch.save(model.state_dict(), FILE)."
        )
    return f"{path} is not a file of weights, or it is damaged: fetch it again. Read are {', '.join(KINDS)}."


def _named_tensors(path: Path, content: Any) -> dict[str, Tensor]:
    """The state dict, or the one inside a checkpoint, without the prefixes of wrappers."""
    if isinstance(content, Mapping):
        inside = next((content[key] for key in _INSIDE if isinstance(content.get(key), Mapping)), content)
        weights = {str(name): value for name, value in inside.items() if isinstance(value, Tensor)}
    else:
        weights = {}
    if not weights:
        found = f"entries {', '.join(map(repr, list(content)[:5]))}" if isinstance(content, Mapping) else "no names"
        raise SettingError(
            f"{path} holds no named tensors ({found}); save it with torch.save(model.state_dict(), FILE)."
        )
    for wrapper in _WRAPPERS:
        if all(name.startswith(wrapper) for name in weights):
            weights = {name.removeprefix(wrapper): value for name, value in weights.items()}
    broken = [name for name, value in weights.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise SettingError(
            f"{path} has weights that are not finite, in {broken[0]!r}; it is damaged: use another file."
        )
    return weights
