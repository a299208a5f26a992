"""The fastest way to run a network that no longer changes: ONNX Runtime on a CPU, bfloat16 on a GPU.

The network is translated once, compared with torch on random pixels, and used only if both agree. What cannot be
translated runs in torch, and the engine's name says why.
"""

import copy
import warnings
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from io import BytesIO, StringIO
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

BATCH = 8  # images at once on a CPU: larger batches are no faster, and in torch slower
GPU_BATCH = 128
TOLERANCE = 1e-4  # largest difference from torch, as a share of the largest output (at least 1)
_OPSET = 17


class Engine(Protocol):
    """Runs batches of pixels through a network."""

    name: str  # "onnxruntime", or "torch" and why
    batch: int  # images at once that suit it

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels (n, size, size, channels) uint8 -> outputs (n, ...) float32, for any n from 1."""
        ...


class ChannelsFirst(nn.Module):
    """A network that reads pixels as exported models take them: uint8 (n, channels, size, size).

    Args:
        network: reads ((pixels / 255) - mean) / std, channels first.
        mean: of each channel, for pixels in 0..1.
        std: of each channel.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        # One multiplication and one addition do what three operations would.
        self.register_buffer("scale", 1 / (255 * torch.tensor(std)).view(-1, 1, 1), persistent=False)
        self.register_buffer("shift", -(torch.tensor(mean) / torch.tensor(std)).view(-1, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        outputs: Tensor = self.network(pixels.float() * self.scale + self.shift)
        return outputs


class Pixels(ChannelsFirst):
    """A network that reads images as they are stored: uint8 (n, size, size, channels)."""

    def forward(self, pixels: Tensor) -> Tensor:
        return super().forward(pixels.permute(0, 3, 1, 2))


def make_engine(
    module: nn.Module, example_shape: tuple[int, ...], *, threads: int, device: torch.device | str = "cpu"
) -> Engine:
    """The fastest engine for a module whose weights are final.

    Args:
        module: maps uint8 pixels (n, size, size, channels) to float (n, ...), such as `Pixels`; it stays as it is.
        example_shape: (size, size, channels).
        threads: cores that the engine may keep busy.
        device: where it runs; on CUDA in bfloat16.
    """
    module = copy.deepcopy(module).to(device).eval()
    if torch.device(device).type != "cpu":
        return TorchEngine(module, torch.device(device), "torch")
    pixels = np.random.default_rng(0).integers(0, 256, (3, *example_shape), dtype=np.uint8)
    try:
        engine = OnnxEngine(translate(module, pixels[:2]), threads)
        found = engine.run(pixels)
    except Exception as error:  # each network that cannot be translated fails in its own way
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        return TorchEngine(module, torch.device("cpu"), f"torch ({type(error).__name__}: {reason})")
    eager = TorchEngine(module, torch.device("cpu"), "torch")
    truth = eager.run(pixels)
    difference = _difference(found, truth)
    if not difference <= TOLERANCE:
        eager.name = f"torch (ONNX Runtime differs by {difference:.1g})"
        return eager
    return engine


def translate(module: nn.Module, example: np.ndarray, *, opset: int = _OPSET) -> bytes:
    """The module as ONNX, for any number of images.

    Args:
        module: with weights that are final.
        example: pixels of some images, as the module reads them.
        opset: version of ONNX's operators.

    Raises:
        Exception: of many kinds, if it has an operation that ONNX lacks, or is larger than 2 GB.
    """
    file = BytesIO()
    with warnings.catch_warnings(), redirect_stdout(StringIO()), torch.no_grad():  # failing, torch prints its graph
        warnings.simplefilter("ignore")  # that this way of exporting is old, and that sizes become constants
        torch.onnx.export(
            module,
            (torch.from_numpy(example),),
            file,  # type: ignore[arg-type]
            input_names=["pixels"],
            output_names=["outputs"],
            dynamic_axes={"pixels": {0: "images"}, "outputs": {0: "images"}},
            opset_version=opset,
            dynamo=False,
        )
    return file.getvalue()


class OnnxEngine:
    """ONNX Runtime on the CPU."""

    def __init__(self, model: bytes, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Waiting threads give their core to those that decode the next images.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.name = "onnxruntime"
        self.batch = BATCH
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(self, pixels: np.ndarray) -> np.ndarray:
        return in_batches(self._run, pixels, self.batch)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        outputs: np.ndarray = self._session.run(None, {"pixels": batch})[0]
        return outputs


class TorchEngine:
    """torch as it is: 32 bits on a CPU, bfloat16 where a GPU has it."""

    def __init__(self, module: nn.Module, device: torch.device, name: str) -> None:
        self.name = name
        self.batch = BATCH if device.type == "cpu" else GPU_BATCH
        self._device = device
        self._module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(self, pixels: np.ndarray) -> np.ndarray:
        return in_batches(self._run, pixels, self.batch)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        fast = torch.autocast("cuda", torch.bfloat16) if self._device.type == "cuda" else nullcontext()
        with torch.inference_mode(), fast:
            # A copy, because pixels may lie in a file that is mapped for reading only.
            outputs: np.ndarray = self._module(torch.tensor(batch, device=self._device)).float().cpu().numpy()
        return outputs


def in_batches(run: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, size: int) -> np.ndarray:
    """`run` over at most `size` images at once, so that any number of them takes the same memory."""
    parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]
    return np.concatenate([run(np.ascontiguousarray(part)) for part in parts]).astype(np.float32, copy=False)


def _difference(found: np.ndarray, truth: np.ndarray) -> float:
    if found.shape != truth.shape:
        return float("inf")
    return float(np.abs(found - truth).max() / max(1.0, np.abs(truth).max()))
