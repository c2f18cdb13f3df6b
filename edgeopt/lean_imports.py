"""Import SciPy's sparse matrices and Pyomo without what they load and edgeopt never uses.

SciPy copies all names of NumPy, which so imports its test helpers, f2py and masked arrays: a quarter of what edgeopt
takes to start. Here these load when one of their attributes is first used. Pyomo defers its optional dependencies,
but not those that are imported already, as SciPy is here; `scipy.stats` takes longer to import than a formulation to
be built.
"""

from __future__ import annotations

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec

import numpy as np

UNUSED = ("f2py", "testing", "ma", "polynomial", "ctypeslib")  # of NumPy


def _defer(name: str) -> None:
    """Let a submodule of NumPy load when it is first used, unless it is there already."""
    spec = None if f"numpy.{name}" in sys.modules else find_spec(f"numpy.{name}")
    if spec is None or spec.loader is None:
        return
    spec.loader = LazyLoader(spec.loader)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    setattr(np, name, module)


if "scipy.sparse" not in sys.modules:
    for _name in UNUSED:
        _defer(_name)

from scipy import sparse  # noqa: E402


def import_pyomo() -> None:
    """Import Pyomo's dependencies with SciPy deferred, unless Pyomo has been imported."""
    if "pyomo" in sys.modules:
        return
    scipy = sys.modules.pop("scipy")
    try:
        import pyomo.common.dependencies  # noqa: F401
    finally:
        sys.modules["scipy"] = scipy


__all__ = ["import_pyomo", "sparse"]
