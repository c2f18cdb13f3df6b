"""The stock tools: each takes a model in its own language, a limit and threads, and is timed building and solving.

A textbook is a module with the same problem in each language: `prepare(instance)` gives the data that all need;
`pyomo_model(data)`, `linopy_model(data)` and `cpsat_model(data)` state the model, with the families of variables that
`VARIABLES` names; `read_plan(data, values)` makes the plan of the families' values, in the order of their indices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeopt.experiments.machine import cpu_seconds

GAP = 1e-9  # relative, at which edgeopt calls a solution optimal; HiGHS and CP-SAT would stop earlier
Values = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Answer:
    """What a tool gave back.

    Attributes
    ----------
    values : dict of str to numpy.ndarray, or None
        Of each family of variables; None without a solution.
    bound : float or None
        As the solver states it.
    status : str
        As the tool states it.
    prepare_s, build_s, solve_s : float
        CPU seconds of the data, of the model in the tool's language, and of the call that solves it.
    """

    values: Values | None
    bound: float | None
    status: str
    prepare_s: float
    build_s: float
    solve_s: float


WORDS = {
    "convergenceCriteriaSatisfied": "optimal",
    "OPTIMAL": "optimal",
    "FEASIBLE": "time limit",
    "maxTimeLimit": "time limit",
    "time_limit": "time limit",
    "UNKNOWN": "time limit, no solution",
}

Found = tuple[Values | None, float | None, str]


def _pyomo(textbook: ModuleType, m: Any, solver: str, limit_s: float, threads: int) -> Found:
    """Pyomo's own interfaces of `pyomo.contrib.solver`; SCIP has one thread."""
    from pyomo.contrib.solver.common.factory import SolverFactory

    chosen = SolverFactory(solver)
    settings = {"threads": threads} if solver == "highs" else {}
    result = chosen.solve(
        m,
        time_limit=limit_s,
        rel_gap=GAP,
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
        **settings,
    )
    status = result.termination_condition.name
    if result.incumbent_objective is None:
        return None, result.objective_bound, status
    result.solution_loader.load_vars()
    values = {
        name: np.array([variable.value or 0.0 for variable in getattr(m, name).values()]) for name in textbook.VARIABLES
    }
    return values, result.objective_bound, status


def _linopy(textbook: ModuleType, m: Any, limit_s: float, threads: int) -> Found:
    """HiGHS, handed the arrays without a file."""
    m.solve("highs", io_api="direct", time_limit=limit_s, threads=threads, mip_rel_gap=GAP, log_to_console=False)
    bound = m.solver_model.getInfo().mip_dual_bound
    if m.solver_model.getInfo().primal_solution_status != 2:
        return None, bound, str(m.termination_condition)
    values = {name: np.asarray(m.variables[name].solution.values) for name in textbook.VARIABLES}
    return values, bound, str(m.termination_condition)


def _cpsat(textbook: ModuleType, stated: Any, limit_s: float, threads: int) -> Found:
    """CP-SAT with as many workers as threads."""
    from ortools.sat.python import cp_model

    model, families = stated
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = limit_s
    solver.parameters.num_workers = threads
    solver.parameters.relative_gap_limit, solver.parameters.absolute_gap_limit = GAP, 0.0
    status = solver.solve(model)
    bound, name = solver.best_objective_bound, solver.status_name(status)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, bound, name
    return (
        {key: np.array([solver.value(variable) for variable in families[key]], float) for key in textbook.VARIABLES},
        bound,
        name,
    )


def taken(variable: Any, dimension: str, positions: NDArray[np.int64], along: str) -> Any:
    """A linopy variable at these positions of a dimension, in a row along a new one."""
    import xarray as xr

    return variable.to_linexpr().isel({dimension: xr.DataArray(positions, dims=along)}).drop_vars(dimension)


# Package that must be there, language of the model, and solver.
TOOLS: dict[str, tuple[str, str, Callable[..., Found]]] = {
    "Pyomo, HiGHS": ("highspy", "pyomo_model", lambda book, m, *limits: _pyomo(book, m, "highs", *limits)),
    "Pyomo, SCIP": ("pyscipopt", "pyomo_model", lambda book, m, *limits: _pyomo(book, m, "scip_direct", *limits)),
    "linopy, HiGHS": ("linopy", "linopy_model", _linopy),
    "CP-SAT": ("ortools", "cpsat_model", _cpsat),
}


def answer(textbook: ModuleType, tool: str, instance: Any, limit_s: float, threads: int) -> Answer:
    """State the textbook model in a tool's language, and solve it.

    Imports are not in the three times. The limit is the solver's: preparing and building come on top.
    """
    package, language, solve = TOOLS[tool]
    for needed in {package, language.split("_")[0].replace("cpsat", "ortools")}:
        __import__(needed)
    if language == "pyomo_model":
        import pyomo.environ  # noqa: F401
    elif language == "cpsat_model":
        import ortools.sat.python.cp_model  # noqa: F401
    times = [cpu_seconds()]
    data = textbook.prepare(instance)
    times.append(cpu_seconds())
    model = getattr(textbook, language)(data)
    times.append(cpu_seconds())
    values, bound, status = solve(textbook, model, limit_s, threads)
    times.append(cpu_seconds())
    if bound is not None and not abs(bound) < 1e18:  # how solvers say that there is none
        bound = None
    return Answer(values, bound, WORDS.get(status, status), *np.diff(times).tolist())
