"""Pyomo's compiler of standard forms, which would import all of SciPy to get at two classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse


def standard_form(formulation: Any) -> Any:
    """Return the formulation as Pyomo's `LinearStandardFormInfo`, rows of equality and inequality together."""
    from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler, _LinearStandardFormCompiler_impl

    class Compiler(_LinearStandardFormCompiler_impl):
        _to_vector, _csc_matrix, _csr_matrix = np.fromiter, sparse.csc_array, sparse.csr_array

        def __init__(self, config: Any) -> None:
            self.config = config

    return Compiler(LinearStandardFormCompiler.CONFIG({"mixed_form": True})).write(formulation)
