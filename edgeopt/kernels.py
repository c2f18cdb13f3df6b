"""Compiled kernels: numba with a cache that no damaged file or read-only folder turns into an error.

A kernel compiles at its first call, once per installation: the code is kept in files. No run's clock counts the time
for compiling it or for loading it from there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, NullCache

from edgeopt.clock import tell_compiling, uncounted


class _TolerantCache(FunctionCache):
    """A cache of compiled code; a file of it that cannot be read is as none, and one that cannot be written is not."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            found = super().load_overload(sig, target_context)
        except Exception:
            found = None
            with suppress(Exception):
                self.flush()
        if found is None:
            tell_compiling()
        return found

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
        As for `numba.njit`.
    """
    if function is None:
        return partial(kernel, cache=cache, **options)
    made = njit(**options)(function)
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
