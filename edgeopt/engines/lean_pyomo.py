"""Import Pyomo without all of SciPy, whose `scipy.stats` takes longer to import than a formulation to be built.

Pyomo defers its optional dependencies, but not those that are imported already, as SciPy's sparse matrices are here;
and its compiler of standard forms resolves them all to get at two classes.
"""

import sys


def prepare() -> None:
    """Import Pyomo's dependencies with SciPy deferred, and give the compiler the classes that it needs."""
    if "pyomo" in sys.modules:
        return
    import numpy as np
    from scipy import sparse

    scipy = sys.modules.pop("scipy")
    try:
        import pyomo.common.dependencies  # noqa: F401
    finally:
        sys.modules["scipy"] = scipy
    from pyomo.repn.plugins.standard_form import _LinearStandardFormCompiler_impl as Compiler

    Compiler._to_vector = np.fromiter
    Compiler._csc_matrix = sparse.csc_array
    Compiler._csr_matrix = sparse.csr_array
