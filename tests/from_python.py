"""Kernels that only other kernels call, for tests that call them from Python."""

from __future__ import annotations

from typing import Any

from edgeopt.kernels import kernel


def from_python(inner: Any, *, allocates: bool = False) -> Any:
    """Compile a kernel's function with a door for Python; the code is kept in files, like that of kernels with one."""
    return kernel(allocates=allocates)(inner.py_func)
