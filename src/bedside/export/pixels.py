"""Networks for images as ONNX: pixels as bedside resizes them go in, normalisation and network are inside.

A frozen backbone is there once for all members, their last layers compute in 64 bits as in the run. A network that was
trained as a whole is there once for each member.
"""

from typing import Any

import numpy as np
import onnx
from torch import nn

from bedside.errors import ExportError
from bedside.export.graph import OPSETS, Graph
from bedside.export.networks import network_outputs, outputs_to_scores
from bedside.splits.images import ImagePreparation
from bedside.training.engine import ChannelsFirst, translate
from bedside.training.model import Model
from bedside.training.vision import FittedHead, FittedImageNetwork, Part

PIXELS = "pixels"

_INSTEAD = "`bedside predict` and `bedside serve` work with every run."


def image_members(model: Model) -> tuple[FittedHead | FittedImageNetwork, ...]:
    """The members, if they can be written as one graph of pixels.

    Raises:
        ExportError: if they look at something else than one version of the same pixels.
    """
    members = [one for one in model.members if isinstance(one, (FittedHead, FittedImageNetwork))]
    if len(members) < len(model.members):
        raise ExportError(
            f"A model of the family '{model.family}' cannot be exported: it does not read the pixels of a resized image, but "
            f"numbers about the whole one, or nothing. {_INSTEAD}"
        )
    if members[0].versions.count > 1:
        raise ExportError(
            f"The run looks at {members[0].versions.count} versions of each image (augment.test_time), which ONNX cannot make. "
            f"Train with augment.test_time=1 to export. {_INSTEAD}"
        )
    ways = {one.preparation.key() for one in members}
    if len(ways) > 1:
        raise ExportError(
            f"The members see images differently ({', '.join(sorted(ways))}): their folds took another value for white. "
            f"Bring the images to 8 bits and train again to export. {_INSTEAD}"
        )
    return tuple(members)


def image_scores(graph: Graph, model: Model) -> list[str]:
    """Scores of each member, (n, classes) or (n, 1), from the input `pixels`."""
    pixels, seen = _input(graph, model), dict[int, str]()
    return [_member(graph, member, pixels, seen) for member in image_members(model)]


def image_scores_and_places(graph: Graph, model: Model) -> tuple[list[str], list[str]]:
    """The same, and what each member's last layer reads, (n, width): one pass of a backbone gives both, and two passes of
    a network whose score is not made by a last layer.

    Last layers compute in 64 bits here also where the run has 32.
    """
    pixels, seen, scores, places = _input(graph, model), dict[int, str](), [], []
    for member in image_members(model):
        whole = member.classifier if isinstance(member, FittedImageNetwork) else member.encoder.classifier
        places.append(_embedded(graph, whole, member.preparation, pixels, seen))
        owner: Any = member.classifier if isinstance(member, FittedImageNetwork) else member
        if hasattr(owner, "head"):
            outputs = network_outputs(graph, owner.head, places[-1])
            scores.append(outputs_to_scores(graph, outputs, member.task, member.centre, member.scale))
        else:
            scores.append(_member(graph, member, pixels, seen))
    return scores, places


def _input(graph: Graph, model: Model) -> str:
    return graph.input(PIXELS, "uint8", ["samples", *image_members(model)[0].preparation.shape])


def _member(graph: Graph, member: FittedHead | FittedImageNetwork, pixels: str, seen: dict[int, str]) -> str:
    preparation = member.preparation
    if isinstance(member, FittedImageNetwork):
        outputs = _translated(graph, member.classifier, preparation, pixels)
    else:
        features = _embedded(graph, member.encoder.classifier, preparation, pixels, seen)
        outputs = network_outputs(graph, member.head, features)
    return outputs_to_scores(graph, outputs, member.task, member.centre, member.scale)


def _embedded(
    graph: Graph, network: nn.Module, preparation: ImagePreparation, pixels: str, seen: dict[int, str]
) -> str:
    """What the last layer of a network reads, or its code; `seen` holds that of the networks that are in the graph already."""
    if id(network) not in seen:
        seen[id(network)] = _translated(graph, Part(network, "embed"), preparation, pixels)
    return seen[id(network)]


def _translated(graph: Graph, network: nn.Module, preparation: ImagePreparation, pixels: str) -> str:
    """What a network of torch makes of pixels, (n, k), in 64-bit numbers; it computes in 32 bits as in the run."""
    module = ChannelsFirst(network, preparation.mean, preparation.std).eval()
    example = np.zeros((2, *preparation.shape), dtype=np.uint8)
    try:
        content = translate(module, example, opset=OPSETS[""])
    except Exception as error:  # each network that cannot be translated fails in its own way
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        raise ExportError(
            f"torch cannot write this network as ONNX ({type(error).__name__}: {reason}). {_INSTEAD}"
        ) from None
    return graph.cast(graph.inline(onnx.load_from_string(content), pixels), "float64")
