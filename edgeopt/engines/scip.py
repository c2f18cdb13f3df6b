"""SCIP solves nonlinear integer formulations of Pyomo under limits, interruptibly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeopt.engines.running import Result
from edgeopt.errors import ProgramError
from edgeopt.run import Run
from edgeopt.solution import Status, Stopped


def solve(
    formulation: Any, run: Run, node_limit: int | None = None, found: Callable[[], object] | None = None
) -> Result:
    """Solve a Pyomo formulation and set its variables to the best solution found.

    Parameters
    ----------
    formulation : pyomo.environ.ConcreteModel
        Constraints and objective may be products and other functions that SCIP knows.
    run : Run
        Its time limit, interrupt, gap and seed; SCIP uses one thread.
    node_limit : int, optional
        Most nodes of the branch and bound: a repeatable limit.
    found : callable, optional
        Called whenever the incumbent improves, with the formulation's variables set to it.

    Raises
    ------
    ProgramError
        SCIP ends in a way that is not expected.
    """
    from pyomo.contrib.solver.common.results import SolutionStatus, TerminationCondition

    endings = {
        TerminationCondition.convergenceCriteriaSatisfied: (Status.OPTIMAL, Stopped.PROVED),
        TerminationCondition.provenInfeasible: (Status.INFEASIBLE, Stopped.PROVED),
        TerminationCondition.maxTimeLimit: (Status.UNKNOWN, Stopped.TIME_LIMIT),
        TerminationCondition.iterationLimit: (Status.UNKNOWN, Stopped.ITERATION_LIMIT),
        TerminationCondition.interrupted: (Status.UNKNOWN, Stopped.INTERRUPTED),
    }
    settings: dict[str, Any] = {
        "randomization/randomseedshift": run.options.seed % 2**31,
        "misc/catchctrlc": False,  # Ctrl-C goes to whoever waits for the options' interrupt
    }
    if node_limit is not None:
        settings["limits/nodes"] = node_limit
    faults: list[BaseException] = []
    outcome = _interruptible_solver(run, found, faults).solve(
        formulation,
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
        time_limit=None if run.options.time_limit is None else max(run.remaining_s(), 1e-3),
        rel_gap=run.options.gap,
        solver_options=settings,
    )
    if faults:
        raise faults[0]
    if outcome.termination_condition not in endings:
        raise ProgramError(f"SCIP ended with {outcome.termination_condition}")
    status, stopped = endings[outcome.termination_condition]
    if stopped == Stopped.INTERRUPTED:
        stopped = run.stop_reason() or stopped
    objective = None
    if outcome.solution_status in (SolutionStatus.optimal, SolutionStatus.feasible):
        outcome.solution_loader.load_vars()
        objective = outcome.incumbent_objective
        status = Status.OPTIMAL if status == Status.OPTIMAL else Status.FEASIBLE
    bound = outcome.objective_bound
    known = bound is not None and abs(bound) < 1e19 and status != Status.INFEASIBLE  # SCIP calls 1e20 infinite
    return Result(status, stopped, objective, bound if known else None)


def _interruptible_solver(run: Run, found: Callable[[], object] | None, faults: list[BaseException]) -> Any:
    """Return Pyomo's interface to SCIP, with a look at the options after every presolving round, program and node.

    SCIP lets no error pass: one of `found`, or of who is told the progress, ends the run and is kept among the faults.
    """
    from pyomo.contrib.solver.solvers.scip.scip_direct import ScipDirect
    from pyscipopt import SCIP_EVENTTYPE, Eventhdlr

    class Watch(Eventhdlr):
        events = (
            SCIP_EVENTTYPE.PRESOLVEROUND,
            SCIP_EVENTTYPE.LPEVENT,
            SCIP_EVENTTYPE.NODEFOCUSED,
            SCIP_EVENTTYPE.BESTSOLFOUND,
        )

        def __init__(self, variables: Any) -> None:
            self.variables = variables

        def eventinit(self) -> None:
            for event in self.events:
                self.model.catchEvent(event, self)

        def eventexit(self) -> None:
            for event in self.events:
                self.model.dropEvent(event, self)

        def eventexec(self, event: Any) -> None:
            try:
                if found is not None and event.getType() == SCIP_EVENTTYPE.BESTSOLFOUND:
                    best = self.model.getBestSol()
                    for variable, column in self.variables.items():
                        variable.set_value(self.model.getSolVal(best, column), skip_validation=True)
                    found()
                ended = run.stop_reason() is not None
            except BaseException as fault:
                faults.append(fault)
                ended = True
            if ended or faults:
                self.model.interruptSolve()

    class Solver(ScipDirect):
        def _create_solver_model(self, model: Any, config: Any) -> Any:
            made = super()._create_solver_model(model, config)
            made[0].includeEventhdlr(
                Watch(self._pyomo_var_to_solver_var_map), "watch", "ends the run when the options say so"
            )
            return made

    return Solver()
