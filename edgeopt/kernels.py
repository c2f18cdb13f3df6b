"""Compiled kernels: numba with a cache that no damaged file or read-only folder turns into an error.

A kernel compiles at its first call, once per installation: the code is kept in files. No run's clock counts the time
for compiling it or for loading it from there.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, types
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache
from numba.core.errors import NumbaError, TypingError
from numba.core.targetconfig import ConfigStack

from edgeopt.clock import tell_compiling, uncounted
from edgeopt.kernel_compiler import InnerKernelCompiler, KernelCompiler

ALLOCATING = "NRT", "allocate", "empty"  # numba's words where a kernel without references makes an array


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


def kernel(
    function: Callable[..., Any] | None = None, *, cache: bool = True, allocates: bool = False, **options: Any
) -> Any:
    """Compile the decorated function without Python objects, as `numba.njit` does.

    Parameters
    ----------
    function : callable
    cache : bool
        Whether the code is kept in files.
    allocates : bool
        Whether the kernel makes arrays or returns some. All others borrow the arrays of their caller and count no
        references to them, which makes them smaller.
    **options
        Passed on to `numba.njit`.
    """
    if function is None:
        return partial(kernel, cache=cache, allocates=allocates, **options)
    made = njit(**{"no_cfunc_wrapper": True, "_nrt": allocates, "pipeline_class": KernelCompiler, **options})(function)
    if not hasattr(made, "compile"):  # numba is switched off
        return made
    if cache:
        try:
            made._cache = _TolerantCache(function)
        except RuntimeError:
            made._cache = _NoCache()
    made.compile = _compiling(made, allocates)
    return made


def inner_kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile what only other kernels call: they contain it, and Python needs no door to it.

    Parameters
    ----------
    function : callable
    **options
        As for `kernel`.
    """
    return kernel(function, cache=False, no_cpython_wrapper=True, pipeline_class=InnerKernelCompiler, **options)


def _compiling(made: Any, allocates: bool) -> Callable[[Any], Any]:
    """Return how a kernel compiles or loads: outside every clock, and once for all literal numbers of a type.

    Compiling leaves little to collect, and collecting takes an eighth of its time, so the collector rests.
    """
    compile_or_load = made.compile

    def compile_for(signature: Any) -> Any:
        if isinstance(signature, tuple):
            signature = tuple(types.unliteral(argument) for argument in signature)
        collecting = gc.isenabled()
        gc.disable()
        try:
            with uncounted():
                entry = compile_or_load(signature)
        except NumbaError as error:
            if allocates or "allocates=True" in str(error) or not any(word in str(error) for word in ALLOCATING):
                raise
            raise TypingError(f"{made.__name__} seems to make arrays: it needs `allocates=True`\n{error}") from error
        finally:
            if collecting:
                gc.enable()
        _check_references(made, signature, allocates)
        return entry

    return compile_for


def _check_references(made: Any, signature: Any, allocates: bool) -> None:
    """Refuse a returned array of which maker and receiver do not both count the references."""
    if signature not in made.overloads:
        return
    code = made.overloads[signature]
    returned, receiver = code.signature.return_type, ConfigStack.top_or_none()
    if not code.target_context.data_model_manager[returned].contains_nrt_meminfo():
        return
    if not allocates or (receiver is not None and not receiver.nrt):
        raise TypingError(f"{made.__name__} returns {returned}: it and all that call it need `allocates=True`")


@inner_kernel
def copy_into(target: Any, source: Any) -> None:
    """Copy the numbers of one array into another of its length; assigning a slice takes half a second to compile."""
    for index in range(len(source)):
        target[index] = source[index]


@inner_kernel
def first_largest(values: Any) -> int:
    """Return the position of the largest number, the first one if there are several."""
    largest = 0
    for index in range(1, len(values)):
        if values[index] > values[largest]:
            largest = index
    return largest


@inner_kernel
def sort_stably(keys: Any, count: int, order: Any, other: Any) -> None:
    """Fill in the positions of the first keys by increasing key, equal ones in their order.

    Merge sort, smaller than `numpy.argsort`; `order` and `other` have room for all positions.
    """
    for position in range(count):
        order[position] = position
    width = 1
    while width < count:
        for low in range(0, count, 2 * width):
            middle = low + width if low + width < count else count
            high = middle + width if middle + width < count else count
            left, right = low, middle
            for position in range(low, high):
                if left < middle and (right == high or keys[order[left]] <= keys[order[right]]):
                    other[position] = order[left]
                    left += 1
                else:
                    other[position] = order[right]
                    right += 1
        for position in range(count):
            order[position] = other[position]
        width *= 2


@inner_kernel(allocates=True)
def stable_order(keys: Any) -> Any:
    """Return the positions by increasing key, equal ones in their order."""
    order, other = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    sort_stably(keys, len(keys), order, other)
    return order
