"""The family is found, keeps bedside's contract, and is the sum of its curves."""

import pytest
import torch

from bedside.contract import checks
from bedside.models import build_model, families, model_settings
from bedside_additive import FAMILY


def test_bedside_finds_the_family_by_its_entry_point():
    assert families()["additive"] == FAMILY


@pytest.mark.parametrize("check", checks("additive", {"width": 16}), ids=str)
def test_it_keeps_the_contract(check, tmp_path):
    check(tmp_path)


@pytest.fixture
def network():
    return build_model("additive", (4,), 2, model_settings("additive", {})).eval()


def test_logits_are_the_sum_of_the_curves(network):
    x = torch.randn(50, 4)
    torch.testing.assert_close(network(x), network.curves(x).sum(dim=1) + network.bias)


def test_a_curve_depends_on_its_own_column_alone(network):
    x, other = torch.randn(50, 4), torch.randn(50, 4)
    other[:, 2] = x[:, 2]
    same = (network.curves(x) == network.curves(other)).all(dim=2)
    assert same[:, 2].all()
    assert not same[:, [0, 1, 3]].any()
