"""How many random instances a test takes: some in the fast suite, many in the slow one."""

from __future__ import annotations

import pytest


def some_or_many(some: int, many: int) -> pytest.MarkDecorator:
    """Give a test the argument `number`: `some` in the fast suite, and `many` besides in the slow one."""
    cases = [pytest.param(some, id="some"), pytest.param(many, id="many", marks=pytest.mark.slow)]
    return pytest.mark.parametrize("number", cases)
