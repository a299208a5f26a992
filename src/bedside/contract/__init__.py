"""The contract that every model family keeps, as checks that a package of yours runs over its own.

    import pytest
    from bedside.contract import checks

    @pytest.mark.parametrize("check", checks("additive"), ids=str)
    def test_the_family_keeps_the_contract(check, tmp_path):
        check(tmp_path)

The families of bedside pass the same checks in its own tests.
"""

from bedside.contract.checks import Check, checks

__all__ = ["Check", "checks"]
