"""Import Pyomo without all of SciPy, whose `scipy.stats` takes longer to import than a formulation to be built.

Pyomo defers its optional dependencies, but not those that are imported already, as SciPy's sparse matrices are here;
and its compiler of standard forms resolves them all to get at two classes.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from scipy import sparse


def import_dependencies() -> None:
    """Import Pyomo's dependencies with SciPy deferred, unless Pyomo has been imported."""
    if "pyomo" in sys.modules:
        return
    scipy = sys.modules.pop("scipy")
    try:
        import pyomo.common.dependencies  # noqa: F401
    finally:
        sys.modules["scipy"] = scipy


def standard_form(formulation: Any) -> Any:
    """Return the formulation as Pyomo's `LinearStandardFormInfo`, rows of equality and inequality together."""
    from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler, _LinearStandardFormCompiler_impl

    class Compiler(_LinearStandardFormCompiler_impl):
        _to_vector, _csc_matrix, _csr_matrix = np.fromiter, sparse.csc_array, sparse.csr_array

        def __init__(self, config: Any) -> None:
            self.config = config

    return Compiler(LinearStandardFormCompiler.CONFIG({"mixed_form": True})).write(formulation)
