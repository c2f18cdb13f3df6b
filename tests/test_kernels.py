"""What kernels share: small loops in place of functions of numpy that take long to compile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeopt.kernels import copy_into, first_largest, kernel, stable_order


@kernel(cache=False)
def ordered(keys: Any) -> Any:
    return stable_order(keys)


@kernel(cache=False)
def largest(values: Any) -> int:
    return first_largest(values)


@kernel(cache=False)
def copied(values: Any) -> Any:
    target = np.zeros_like(values)
    copy_into(target, values)
    return target


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 100, 257])
def test_stable_order_is_that_of_numpy(count: int) -> None:
    keys = np.random.default_rng(count).integers(0, 1 + count // 3, count).astype(float)
    assert ordered(keys).tolist() == np.argsort(keys, kind="stable").tolist()


def test_the_first_of_the_largest() -> None:
    assert largest(np.array([1.0, 3.0, 3.0, 2.0])) == 1
    assert largest(np.array([np.inf, np.inf])) == 0


def test_copies() -> None:
    assert copied(np.array([2, 1, 3])).tolist() == [2, 1, 3]
