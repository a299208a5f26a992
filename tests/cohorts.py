"""Small cohorts with known properties, those of the contract, and weights for backbones; shared by many tests."""

from pathlib import Path

from safetensors.torch import save_file

from bedside.contract.cohorts import image_cohort, spots, table
from bedside.contract.cohorts import table_cohort as cohort
from bedside.models.backbone import create
from bedside.training.isolated import own_random_numbers

__all__ = ["cohort", "image_cohort", "random_weights", "spots", "table"]


def random_weights(architecture: str, path: Path) -> Path:
    """A file of weights for a backbone of timm, always the same ones."""
    with own_random_numbers(0):
        save_file(create(architecture, (3, 32, 32)).state_dict(), path)
    return path
