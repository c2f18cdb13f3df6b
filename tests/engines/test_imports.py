"""HiGHS and OR-Tools live in one process, whichever comes first."""

import subprocess
import sys

import pytest

HIGHS = """
import numpy as np
from scipy import sparse
from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import LinearProgram
from edgeopt.run import Run
def run_highs():
    ones = np.ones(3)
    rows = sparse.csr_array(np.array([[2.0, 3.0, 4.0]]))
    lower, upper = np.zeros(1), np.array([6.0])
    program = LinearProgram(np.array([3.0, 4.0, 6.0]), 0 * ones, ones, ones > 0, rows, lower, upper, maximize=True)
    return HighsSolver(program, Run()).solve().objective
"""
CPSAT = """
from ortools.sat.python import cp_model
from edgeopt.engines import cpsat
from edgeopt.run import Run
def run_cpsat():
    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in range(3)]
    model.add(2 * x[0] + 3 * x[1] + 4 * x[2] <= 6)
    model.maximize(3 * x[0] + 4 * x[1] + 6 * x[2])
    return cpsat.solve(model, Run()).objective
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("imports", "calls"),
    [
        (HIGHS + CPSAT, "run_highs(), run_cpsat()"),
        (HIGHS + CPSAT, "run_cpsat(), run_highs()"),
        (CPSAT + HIGHS, "run_highs(), run_cpsat()"),
        (CPSAT + HIGHS, "run_cpsat(), run_highs()"),
    ],
    ids=["highs first", "highs imported first", "highs called first", "ortools first"],
)
def test_both_solvers_in_one_process(imports, calls):
    done = subprocess.run(
        [sys.executable, "-c", f"{imports}\nprint([round(each) for each in ({calls})])"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[9, 9]"


@pytest.mark.slow
@pytest.mark.parametrize(
    "first",
    [
        "",
        "import pyomo.environ, scipy.stats",
        "import pyomo.environ",
        "import scipy.stats",
    ],
)
def test_pyomo_comes_without_statistics_and_works_in_any_order(first):
    code = f"""
import sys
{first}
from edgeopt.engines.linear import compile_formulation
from edgeopt.models import loading
from edgeopt.engines.highs import HighsSolver
from edgeopt.run import Run
lean = "scipy.stats" not in sys.modules
from pyomo.core import ConcreteModel, Objective, Var, maximize
m = ConcreteModel()
m.x = Var(bounds=(0, 3))
m.best = Objective(expr=2 * m.x, sense=maximize)
assert HighsSolver(compile_formulation(m), Run()).solve().objective == 6
lean = lean and "scipy.stats" not in sys.modules
import scipy, pyomo.environ as pyo
assert scipy is sys.modules["scipy"]
from pyomo.common.dependencies import scipy as through_pyomo, scipy_available
assert scipy_available and through_pyomo.stats.norm.mean() == 0
print(lean)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == str(not first)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["", "import numpy.testing, numpy.ma", "import scipy.sparse"])
def test_what_numpy_names_loads_when_it_is_used(first: str) -> None:
    code = f"""
import sys
{first}
import edgeopt
early = "numpy.f2py.f2py2e" in sys.modules
import numpy as np
np.testing.assert_allclose(np.ma.median(np.ma.array([1.0, 2.0, 9.0], mask=[False, False, True])), 1.5)
assert np.polynomial.Polynomial([1.0, 2.0])(2.0) == 5.0 and np.ctypeslib.as_array is not None
assert np.f2py.get_include() and [np.unique(np.array([2, 2])).tolist(), float(np.median([1.0, 3.0]))] == [[2], 2.0]
import numpy.ma, numpy.testing, scipy.stats, scipy.optimize, scipy.spatial, scipy.signal, matplotlib.pyplot, pandas
assert numpy.testing is np.testing and abs(scipy.stats.norm.cdf(0.0) - 0.5) < 1e-12
print(early)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == str("sparse" in first)


@pytest.mark.slow
def test_a_formulation_changes_nothing_elsewhere_when_it_is_imported() -> None:
    code = """
import sys
import pyomo.environ, scipy
from pyomo.repn.plugins.standard_form import _LinearStandardFormCompiler_impl as compiler
before = dict(vars(compiler))
from edgeopt.models import caching, loading, loading_deadlines, loading_overlapped, placement, pulling
assert scipy is sys.modules["scipy"] and dict(vars(compiler)) == before
assert not [name for name in sys.modules if name.startswith("edgeopt.engines")]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
