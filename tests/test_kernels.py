"""What kernels share: small loops in place of functions of numpy that take long to compile."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.errors import TypingError

from edgeopt.kernels import copy_into, first_largest, inner_kernel, kernel, stable_order

ROOT = Path(__file__).parents[1]


@kernel(cache=False, allocates=True)
def ordered(keys: Any) -> Any:
    return stable_order(keys)


@kernel(cache=False)
def largest(values: Any) -> int:
    return first_largest(values)


@kernel(cache=False, allocates=True)
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


@inner_kernel
def first_row(table: Any) -> Any:
    return table[0], 1


@inner_kernel(allocates=True)
def first_row_counted(table: Any) -> Any:
    return table[0], 1


@inner_kernel
def plus(value: Any, more: int) -> Any:
    return value + more


def test_a_kernel_that_counts_no_references_cannot_return_an_array() -> None:
    @kernel(cache=False, allocates=True)
    def total(table: Any) -> Any:
        return first_row(table)[0].sum()

    with pytest.raises(TypingError, match=r"first_row returns .* need `allocates=True`"):
        total(np.ones((2, 3)))


def test_a_kernel_that_counts_no_references_cannot_make_an_array() -> None:
    @kernel(cache=False)
    def zeros(count: int) -> Any:
        return np.zeros(count).sum()

    with pytest.raises(TypingError, match=r"zeros seems to make arrays: it needs `allocates=True`"):
        zeros(3)


def test_a_kernel_that_counts_no_references_cannot_receive_an_array() -> None:
    @kernel(cache=False)
    def corner(table: Any) -> Any:
        return first_row_counted(table)[1]

    with pytest.raises(TypingError, match=r"first_row_counted returns .* need `allocates=True`"):
        corner(np.ones((2, 3)))


def test_arrays_that_a_kernel_returns_live_as_long_as_they_are_needed() -> None:
    values = np.arange(1000.0)
    held = [sys.getrefcount(values)]
    for _ in range(100):
        held.append(sys.getrefcount(values))
        assert copied(values)[-1] == 999.0
        assert largest(values) == 999
    assert len(set(held)) == 1


def test_a_kernel_may_calculate_with_whole_arrays() -> None:
    @kernel(cache=False, allocates=True)
    def steps(ends: Any, factor: float) -> float:
        between = ends[1:] - ends[:-1]
        largest = 0.0
        for step in range(len(between)):
            largest = max(largest, factor * between[step])
        return largest

    assert steps(np.array([0, 3, 4, 9]), 0.5) == 2.5
    assert steps(np.array([0.0, 1.5]), 2.0) == 3.0


def test_literal_numbers_are_compiled_for_once() -> None:
    @kernel(cache=False)
    def add(value: int) -> int:
        return int(plus(plus(plus(value, 1), 2), 3))

    assert add(1) == 7
    assert len(plus.signatures) == 1


def test_inner_kernels_become_machine_code_only_where_they_are_contained() -> None:
    @kernel(cache=False)
    def two_more(value: float) -> float:
        return float(plus(plus(value, 1), 1))

    assert two_more(0.5) == 2.5
    outer, inner = two_more.overloads[two_more.signatures[0]], plus.overloads[plus.signatures[-1]]
    assert outer.library._get_compiled_object()
    with pytest.raises(ValueError, match="object caching not enabled"):
        inner.library._get_compiled_object()


def test_the_collector_rests_while_a_kernel_compiles_and_not_longer() -> None:
    @kernel(cache=False)
    def half(value: float) -> float:
        return value / 2

    assert gc.isenabled()
    assert half(3.0) == 1.5
    assert gc.isenabled()
    gc.disable()
    try:
        assert half(3) == 1.5
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.slow
def test_code_is_compiled_anew_when_any_file_of_kernels_has_changed(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from edgeopt.kernels import kernel\n@kernel\ndef twice(x):\n    return 2 * x\n")
    code = (
        "import sys; from edgeopt import clock, kernels\n"
        "known = kernels._stamp()\n"
        "kernels._stamp = lambda: (known[0] + float(sys.argv[1]), known[1])\n"
        "import mine; assert mine.twice(3) == 6; print(clock.compiled)"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}

    def compiled(later_s: int) -> str:
        command = [sys.executable, "-c", code, str(later_s)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert [compiled(later_s) for later_s in (0, 0, 1, 1)] == ["1", "0", "1", "0"]
