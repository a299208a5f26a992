"""Where pretrained weights come from: a file, the `[weights]` extra, timm's cache, or a download that was asked for.

Whatever the source, every weight of the backbone must fit the network exactly; only the last layer may differ,
because it is replaced for the task. A backbone is never left with random weights without being told so.
"""

import sys
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from bedside.errors import SettingError
from bedside.folder import checksum
from bedside.models.weight_files import fingerprint
from bedside.models.weight_places import (
    WORDS,
    Found,
    config_of,
    download_hub,
    find,
    in_hub_cache,
    is_counter,
    unreachable,
)

_HUB = ("hf-hub:", "hf_hub:")


@dataclass(frozen=True)
class Weights:
    """What a network knew before training, for the run's records.

    `sha256` is that of the backbone's tensors as loaded, with their names and the architecture's, which decides what the
    tensors do; `file_sha256` is that of the file.
    `mean` and `std` hold one number per channel, for pixels in 0..1; `size` is the side in pixels of the square the
    weights were made for, `crop_share` the share of the image's shorter side that it shows. `dropped_classes` counts
    the outputs of the old last layer, which is not used; 0 if it was kept or there was none.
    """

    architecture: str
    source: str
    licence: str
    sha256: str
    file_sha256: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    crop_share: float
    size: int
    dropped_classes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        return cls(**record | {"mean": tuple(record["mean"]), "std": tuple(record["std"])})


def load_weights(network: nn.Module, architecture: str, wanted: str) -> Weights | None:
    """Put pretrained weights into `network`, in place.

    Args:
        network: of timm, with or without its last layer, for any number of channels.
        architecture: its name as timm knows it, or that of a hub with its prefix `hf-hub:`.
        wanted: `pretrained` for what is on this computer, `download` to ask the network too, `none`, or a file.

    Returns:
        What was loaded, or None for `none`.

    Raises:
        SettingError: if there are no such weights here, or they do not fit; the network is then as it was.
    """
    if wanted == "none":
        return None
    found = find(network, architecture, wanted)
    with torch.no_grad():
        state, dropped = _fitted(network, architecture, found)
        network.load_state_dict(state, strict=False)
    kept = {name: tensor for name, tensor in network.state_dict().items() if not _is_last(network, name)}
    licence = (found.licence or config_of(network).get("license")) if wanted in WORDS else None
    return Weights(
        architecture=architecture,
        source=found.source,
        licence=licence or "unknown",
        sha256=fingerprint(kept, architecture),
        file_sha256=checksum(found.path),
        dropped_classes=dropped,
        **_view(network),
    )


def timm_arguments(architecture: str, *, download: bool = False) -> dict[str, Any]:
    """Arguments of `timm.create_model` for a name, without asking the network unless `download`.

    A hub name stands for an architecture that is written in the hub's `config.json`.

    Raises:
        SettingError: if that file is not in timm's cache, or cannot be downloaded.
    """
    if not architecture.startswith(_HUB):
        return {"model_name": architecture}
    from timm.models._hub import load_model_config_from_path

    hub_id = architecture.partition(":")[2]
    path = in_hub_cache(hub_id, "config.json")
    if path is None and download:
        download_hub(hub_id, ("config.json",), architecture)
        path = in_hub_cache(hub_id, "config.json")
    if path is None:
        raise SettingError(unreachable(architecture, f"config.json of {hub_id} is not in timm's cache"))
    try:
        config, name, options = load_model_config_from_path(path.parent)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise SettingError(f"{path} describes no network of timm ({error}); '{architecture}' cannot be used.") from None
    config = config | {"hf_hub_id": hub_id, "source": "hf-hub"}
    config.pop("file", None)
    return {**options, "model_name": name, "pretrained_cfg": config}


def _fitted(network: nn.Module, architecture: str, found: Found) -> tuple[dict[str, Tensor], int]:
    """The tensors of `found` that the network takes, each of the right shape, and the number of classes left behind.

    Raises:
        SettingError: if any weight of the backbone is missing, left over, or of another shape.
    """
    given = found.read(found.path)
    state = _adapted(network, architecture, found, given)
    needed = {name: tensor.shape for name, tensor in network.state_dict().items()}
    last = {name for name in state if _is_last(network, name)}
    unfit = {name for name in last if needed.get(name) != state[name].shape}
    dropped = max((len(given[name]) for name in unfit if name in given), default=0)
    state = {name: tensor for name, tensor in state.items() if name not in unfit}
    optional = {name for name in needed if is_counter(name) or _is_last(network, name)}

    missing = [name for name in needed if name not in state and name not in optional]
    unexpected = [name for name in state if name not in needed]
    other = [name for name in state if name in needed and state[name].shape != needed[name]]
    if missing or unexpected or other:
        raise SettingError(_misfit(architecture, found, missing, unexpected, other))
    return state, dropped


def _adapted(network: nn.Module, architecture: str, found: Found, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """timm's own changes: older names, another image size in a transformer, another number of channels."""
    from timm.models import adapt_input_conv

    state = dict(given)
    rename = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if rename is not None:
        try:
            state = dict(rename(state, network))
        except Exception as error:  # it was written for weights that are of this architecture
            raise SettingError(
                f"The weights from {found.source} do not fit '{architecture}' ({type(error).__name__}: {error}). "
                f"They are of another architecture: name that one as family."
            ) from error
    for name in _names(config_of(network).get("first_conv")):
        weight = state.get(f"{name}.weight")
        if weight is not None and weight.dim() == 4 and weight.shape[1] == 3:
            state[f"{name}.weight"] = adapt_input_conv(_channels(network), weight)
    return state


def _misfit(architecture: str, found: Found, missing: list[str], unexpected: list[str], other: list[str]) -> str:
    """How weights and network differ, with the first few names of each kind."""
    lists = ((missing, "missing"), (unexpected, "not of this network"), (other, "of another shape"))
    parts = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', ...' * (len(names) > 3)})" for names, what in lists if names
    ]
    return (
        f"The weights from {found.source} do not fit '{architecture}': {'; '.join(parts)}. "
        f"Expected are weights of '{architecture}' in timm; name the family that the file was made for."
    )


def _view(network: nn.Module) -> dict[str, Any]:
    """What the weights expect of pixels, for as many channels as the network reads."""
    from timm.data import resolve_model_data_config

    config = resolve_model_data_config(network)
    mean, std = tuple(map(float, config["mean"])), tuple(map(float, config["std"]))
    if _channels(network) == 1:
        mean, std = (sum(mean) / len(mean),), (sum(std) / len(std),)
    return {
        "mean": mean,
        "std": std,
        "interpolation": str(config["interpolation"]),
        "crop_share": float(config["crop_pct"]),
        "size": int(config["input_size"][-1]),
    }


def _channels(network: nn.Module) -> int:
    for name in _names(config_of(network).get("first_conv")):
        return int(network.get_parameter(f"{name}.weight").shape[1])
    return 3


def _is_last(network: nn.Module, name: str) -> bool:
    """Whether a tensor belongs to the last layer, which is replaced for the task."""
    return any(name.startswith(f"{layer}.") for layer in _names(config_of(network).get("classifier")))


def _names(value: Any) -> tuple[str, ...]:
    """timm writes one layer as text and several as a tuple."""
    return (value,) if isinstance(value, str) else tuple(value or ())
