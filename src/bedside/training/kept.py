"""Features in the cache folder: files that are written whole and never changed, each checked when it is read.

One folder for each backbone, preparation and version of the images; each extraction adds a file, so two processes
that extract at once lose nothing. A damaged file counts as absent and is removed.
"""

import hashlib
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from bedside.cache import cache_folder
from bedside.errors import StorageError
from bedside.folder import write_bytes


class Kept:
    """Features of images by the sha256 of their pixels.

    Args:
        same: what the features of every version depend on, by name.
        versions: what those of the augmented versions depend on beside that.
        count: versions of each image, the original included.
    """

    def __init__(self, same: dict[str, str], versions: dict[str, str], count: int) -> None:
        self._about = [same, *({**same, **versions, "version": str(version)} for version in range(1, count))]

    def read(self, names: Container[str]) -> dict[str, np.ndarray]:
        """Features (versions, width) of the images with these sha256, as far as they are kept in every version."""
        each = [self._read(about, names) for about in self._about]
        return {name: np.stack([one[name] for one in each]) for name in each[0] if all(name in one for one in each)}

    def add(self, features: dict[str, np.ndarray]) -> str | None:
        """Keep features (versions, width) by sha256; returns why it was not possible, or None."""
        features = {name: value for name, value in features.items() if len(name) == 64}
        if not features:
            return None
        hashes = np.array([list(bytes.fromhex(name)) for name in features], dtype=np.uint8)
        for version, about in enumerate(self._about):
            values = np.stack([value[version] for value in features.values()]).astype(np.float32)
            checked = {**about, "sha256": _checksum(hashes, values)}
            path = _folder(about) / f"{checked['sha256'][:32]}.safetensors"
            try:
                write_bytes(path, save({"hashes": hashes, "features": values}, checked))
            except StorageError as error:
                return str(error)
        return None

    def _read(self, about: dict[str, str], names: Container[str]) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for path in sorted(_folder(about).glob("*.safetensors")):
            hashes, features = _intact(path)
            for row, name in enumerate(map(bytes.hex, map(bytes, hashes))):
                if name in names:
                    found[name] = features[row]
        return found


def _folder(about: dict[str, str]) -> Path:
    name = hashlib.sha256(repr(sorted(about.items())).encode()).hexdigest()[:32]
    return cache_folder() / "features" / name


def _intact(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Hashes (n, 32) and features (n, width) of a file; none if it is damaged, and then it is removed."""
    nothing = np.empty((0, 32), np.uint8), np.empty((0, 0), np.float32)
    try:
        with safe_open(path, framework="numpy") as file:
            hashes, features = file.get_tensor("hashes"), file.get_tensor("features")
            if (file.metadata() or {}).get("sha256") == _checksum(hashes, features):
                return hashes, features
    except (SafetensorError, OSError):
        if not path.exists():  # another process was faster
            return nothing
    with suppress(OSError):
        path.unlink(missing_ok=True)
    return nothing


def _checksum(hashes: np.ndarray, features: np.ndarray) -> str:
    digest = hashlib.sha256(hashes.tobytes())
    digest.update(features.tobytes())
    return digest.hexdigest()
