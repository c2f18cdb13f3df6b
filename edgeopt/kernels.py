"""Compiled kernels: numba with a cache that no damaged file or read-only folder turns into an error.

A kernel compiles at its first call, once per installation: the code is kept in files. No run's clock counts the time
for compiling it or for loading it from there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

from edgeopt.clock import tell_compiling, uncounted


@cache
def _stamp() -> tuple[float, int]:
    """Newest change and total size of all files of kernels: compiled code contains kernels of other files."""
    found = [path.stat() for path in Path(__file__).parent.rglob("*kernel*.py")]
    return max(stat.st_mtime for stat in found), sum(stat.st_size for stat in found)


class _TolerantCache(FunctionCache):
    """A cache of compiled code; a file of it that cannot be read is as none, and one that cannot be written is not.

    The code is compiled anew when any file of kernels has changed, not only that of the kernel itself.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = IndexDataCacheFile(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=(*self._impl.locator.get_source_stamp(), *_stamp()),
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            code = super().load_overload(sig, target_context)
        except Exception:
            code = None
            with suppress(Exception):
                self.flush()
        if code is None:
            tell_compiling()
        return code

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(Exception):
            super().save_overload(sig, data)


class _NoCache(NullCache):
    """The cache where no folder can be written."""

    def load_overload(self, sig: Any, target_context: Any) -> None:
        tell_compiling()


def kernel(function: Callable[..., Any] | None = None, *, cache: bool = True, **options: Any) -> Any:
    """Compile the decorated function without Python objects, as `numba.njit` does.

    Parameters
    ----------
    function : callable
    cache : bool
        False for what is only called by other kernels: they contain it.
    **options
        Passed on to `numba.njit`.
    """
    if function is None:
        return partial(kernel, cache=cache, **options)
    made = njit(**{"no_cfunc_wrapper": True, **options})(function)
    if not hasattr(made, "compile"):  # numba is switched off
        return made
    if cache:
        try:
            made._cache = _TolerantCache(function)
        except RuntimeError:
            made._cache = _NoCache()
    made.compile = _not_counted(made.compile)
    return made


def _not_counted(compile_or_load: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def timed(signature: Any) -> Any:
        with uncounted():
            return compile_or_load(signature)

    return timed


@kernel(cache=False, no_cpython_wrapper=True)
def copy_into(target: Any, source: Any) -> None:
    """Copy the numbers of one array into another of its length; assigning a slice takes half a second to compile."""
    for index in range(len(source)):
        target[index] = source[index]


@kernel(cache=False, no_cpython_wrapper=True)
def first_largest(values: Any) -> int:
    """Return the position of the largest number, the first one if there are several."""
    largest = 0
    for index in range(1, len(values)):
        if values[index] > values[largest]:
            largest = index
    return largest


@kernel(cache=False, no_cpython_wrapper=True)
def stable_order(keys: Any) -> Any:
    """Return the positions by increasing key, equal ones in their order: merge sort, smaller than `numpy.argsort`."""
    count = len(keys)
    order, other = np.arange(count), np.empty(count, np.int64)
    width = 1
    while width < count:
        for low in range(0, count, 2 * width):
            middle, high = min(low + width, count), min(low + 2 * width, count)
            left, right = low, middle
            for position in range(low, high):
                if left < middle and (right == high or keys[order[left]] <= keys[order[right]]):
                    other[position] = order[left]
                    left += 1
                else:
                    other[position] = order[right]
                    right += 1
        order, other = other, order
        width *= 2
    return order
