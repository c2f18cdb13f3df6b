"""How many random instances a test takes: some in the fast suite, many in the slow one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest


def some_or_many(some: int, many: int, *, again: bool = False) -> pytest.MarkDecorator:
    """Give a test the range `numbers`: the first `some` in the fast suite, the others up to `many` in the slow one.

    Where the test counts what is rare among many, the slow suite takes the first ones `again`.
    """
    cases = [
        pytest.param(range(some), id="some"),
        pytest.param(range(0 if again else some, many), id="many", marks=pytest.mark.slow),
    ]
    return pytest.mark.parametrize("numbers", cases)


def some_or_all_pairs(
    names: str, rows: Mapping[str, Any], columns: Sequence[str], *, every: int, some: int, many: int
) -> pytest.MarkDecorator:
    """Give a test pairs of a row and a column, and the range `numbers`.

    Parameters
    ----------
    names : str
        The arguments for the row and for the column.
    rows : mapping
        The values of rows by their names.
    columns : sequence
    every : int
        The fast suite takes pairs whose two places add up to a multiple of it, so that each row and each column occurs.
    some, many : int
        The fast suite takes so many instances of its pairs, and the slow one as many of all pairs as are missing then.
    """
    cases = []
    for first, (row, value) in enumerate(rows.items()):
        for second, column in enumerate(columns):
            fast = (first + second) % every == 0
            if fast:
                cases.append(pytest.param(value, column, range(some), id=f"{row}-{column}-some"))
            rest = range(some if fast else 0, many)
            cases.append(pytest.param(value, column, rest, id=f"{row}-{column}-many", marks=pytest.mark.slow))
    return pytest.mark.parametrize(f"{names}, numbers", cases)
