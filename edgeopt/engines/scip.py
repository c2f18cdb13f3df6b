"""SCIP for nonlinear integer formulations in Pyomo: limits, seed; status and bound, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgeopt.errors import ProgramError
from edgeopt.method import Options
from edgeopt.solution import Status, Stopped


@dataclass(frozen=True)
class Result:
    """What a run found.

    Attributes
    ----------
    status : Status
        OPTIMAL, FEASIBLE, INFEASIBLE or UNKNOWN.
    stopped : Stopped
    objective : float or None
        None without a solution.
    bound : float or None
        Kept even without a solution.
    """

    status: Status
    stopped: Stopped
    objective: float | None
    bound: float | None


def solve(formulation: Any, options: Options, node_limit: int | None = None) -> Result:
    """Solve a Pyomo formulation and set its variables to the best solution found.

    Parameters
    ----------
    formulation : pyomo.environ.ConcreteModel
        Constraints and objective may be products and other functions that SCIP knows.
    options : Options
        Its time limit, gap and seed. SCIP cannot be interrupted from here and uses one thread.
    node_limit : int, optional
        Most nodes of the branch and bound: a repeatable limit.

    Raises
    ------
    ProgramError
        SCIP ends in a way that is not expected.
    """
    from pyomo.contrib.solver.common.results import SolutionStatus, TerminationCondition
    from pyomo.contrib.solver.solvers.scip.scip_direct import ScipDirect

    endings = {
        TerminationCondition.convergenceCriteriaSatisfied: (Status.OPTIMAL, Stopped.PROVED),
        TerminationCondition.provenInfeasible: (Status.INFEASIBLE, Stopped.PROVED),
        TerminationCondition.maxTimeLimit: (Status.UNKNOWN, Stopped.TIME_LIMIT),
        TerminationCondition.iterationLimit: (Status.UNKNOWN, Stopped.ITERATION_LIMIT),
        TerminationCondition.interrupted: (Status.UNKNOWN, Stopped.INTERRUPTED),
    }
    settings: dict[str, Any] = {"randomization/randomseedshift": options.seed % 2**31}
    if node_limit is not None:
        settings["limits/nodes"] = node_limit
    found = ScipDirect().solve(
        formulation,
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
        time_limit=None if options.time_limit is None else max(options.remaining_s(), 1e-3),
        rel_gap=options.gap,
        solver_options=settings,
    )
    if found.termination_condition not in endings:
        raise ProgramError(f"SCIP ended with {found.termination_condition}")
    status, stopped = endings[found.termination_condition]
    objective = None
    if found.solution_status in (SolutionStatus.optimal, SolutionStatus.feasible):
        found.solution_loader.load_vars()
        objective = found.incumbent_objective
        status = Status.OPTIMAL if status == Status.OPTIMAL else Status.FEASIBLE
    bound = found.objective_bound
    known = bound is not None and abs(bound) < 1e19 and status != Status.INFEASIBLE
    return Result(status, stopped, objective, bound if known else None)
