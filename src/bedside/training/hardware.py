"""Device and threads, chosen by the size of the work."""

import functools
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from threadpoolctl import threadpool_limits
from torch import nn

from bedside.errors import SettingError
from bedside.settings import DeviceSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_DEADLY_CHANNELS = 15  # measured: 2 to 8; a margin for other processors
SMALL = 2_000_000  # multiplications per step that keep a thread busy; below, more threads, or a GPU, only wait


def make_fabric(settings: DeviceSettings, *, work: int) -> "Fabric":
    """Lightning Fabric on the device asked for.

    Args:
        settings: accelerator and precision.
        work: multiplications of one forward pass of one batch; below `SMALL`, `auto` stays on the CPU.

    Raises:
        SettingError: if the accelerator is not there, or cannot do the precision.
    """
    accelerator = settings.accelerator
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if accelerator == "auto":
        accelerator = next((name for name in ("cuda", "mps") if available[name] and work >= SMALL), "cpu")
    if not available[accelerator]:
        there = " and ".join(name for name, yes in available.items() if yes)
        raise SettingError(f"device.accelerator={accelerator} is not available here; this machine has {there}.")
    if settings.precision == "16-mixed" and accelerator == "cpu":
        raise SettingError("device.precision=16-mixed needs a GPU; on a CPU use 32-true or bf16-mixed.")
    if settings.precision == "16-mixed":  # holds a loss scale, which belongs to one training
        return _fabric(accelerator, settings.precision)
    return _shared_fabric(accelerator, settings.precision)


def _fabric(accelerator: str, precision: Any) -> "Fabric":
    from lightning_fabric import Fabric  # takes seconds, and whoever only predicts needs none
    from lightning_fabric.plugins.environments import LightningEnvironment

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces its precision on the terminal
    # One process on one device, also inside a cluster's job of many.
    return Fabric(accelerator=accelerator, devices=1, precision=precision, plugins=LightningEnvironment())


_shared_fabric = functools.cache(_fabric)  # each one that is made looks through all packages for additions to itself


def threads_for(settings: DeviceSettings, *, work: int) -> int:
    """Threads that this work can keep busy: one for small layers, at most one per core this process may use."""
    if settings.threads is not None:
        return settings.threads
    return min(max(1, work // SMALL), available_cores())


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Run a block on `count` threads, in torch and in the libraries under numpy and scikit-learn."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(limits=count):
            yield
    finally:
        torch.set_num_threads(before)


def suits_channels_last(network: nn.Module, device: str) -> bool:
    """Whether the network may store its images channels last, which is faster.

    On a CPU torch 2.13 dies, without an error that could be caught, in the backward pass of a 1x1 convolution with a
    stride and at most 8 input channels that are stored so.
    """
    deadly = (
        layer.kernel_size == (1, 1) and max(layer.stride) > 1 and layer.in_channels <= _DEADLY_CHANNELS
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d)
    )
    return not device.startswith("cpu") or not any(deadly)


def available_memory(device: torch.device) -> int | None:
    """Bytes that are free on a GPU, or that this machine or its container would still give; None if nobody says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    found = [free for free in (_free_of_system(), _free_of_container()) if free is not None]
    return min(found, default=None)


def _free_of_system() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _free_of_container() -> int | None:
    group = Path("/sys/fs/cgroup")
    try:
        return int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
    except (OSError, ValueError):  # no such limit, or the word "max"
        return None


def available_cores() -> int:
    """Cores this process may use; a container or a cluster job often has fewer than the machine, or says OMP_NUM_THREADS."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, max(1, int(asked))) if asked.isdecimal() else cores
