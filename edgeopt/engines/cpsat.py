"""CP-SAT solves integer models under limits, from hints, with progress, interruptibly."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

from ortools.sat.python import cp_model

from edgeopt.engines.running import Messages, Report, Result, run_in_a_thread
from edgeopt.errors import ProgramError
from edgeopt.run import LOGGER, Run
from edgeopt.solution import Status, Stopped

NO_BOUND = 2.0**60

Found = Callable[[Result], object]


def solve(
    model: cp_model.CpModel,
    run: Run,
    *,
    deterministic_limit: float | None = None,
    time_limit: float | None = None,
    gap: float = 0.0,
    absolute_gap: float = 0.0,
    report: Report | None = None,
    found: Found | None = None,
    settings: dict[str, Any] | None = None,
) -> Result:
    """Run CP-SAT on a model.

    Parameters
    ----------
    model : ortools.sat.python.cp_model.CpModel
        Hints that it carries are used as a start.
    run : Run
        Its time limit, interrupt, seed and threads. Several workers are interleaved, so that the same seed and threads
        repeat the same search.
    deterministic_limit : float, optional
        A repeatable limit in the solver's own units of work.
    time_limit : float, optional
        Seconds for this run, within those of the options.
    gap, absolute_gap : float
        At which the search may stop.
    report : callable, optional
        Called in the calling thread with the incumbent's objective and the bound whenever one improves.
    found : callable, optional
        Called in the calling thread with the result so far, which tells the values of variables, whenever the incumbent
        improves.
    settings : dict, optional
        Further parameters of CP-SAT by name.

    Raises
    ------
    ProgramError
        The model is not valid.
    """
    fault = model.validate()
    if fault:
        raise ProgramError(f"CP-SAT refuses the model: {fault}")
    seconds = run.remaining_s() if time_limit is None else min(time_limit, run.remaining_s())
    if seconds <= 0 or run.stop_reason() is not None:
        return Result(Status.UNKNOWN, run.stop_reason() or Stopped.TIME_LIMIT)
    solver = cp_model.CpSolver()
    solver.parameters.random_seed = run.options.seed % 2**31
    solver.parameters.num_workers = run.options.threads
    solver.parameters.interleave_search = run.options.threads > 1
    # Its own handler of Ctrl-C aborts the process when the solver runs in another thread than the main one.
    solver.parameters.catch_sigint_signal = False
    solver.parameters.relative_gap_limit = gap
    solver.parameters.absolute_gap_limit = absolute_gap
    if seconds != float("inf"):
        solver.parameters.max_time_in_seconds = seconds
    if deterministic_limit is not None:
        solver.parameters.max_deterministic_time = deterministic_limit
    if LOGGER.isEnabledFor(logging.DEBUG):
        solver.parameters.log_search_progress, solver.parameters.log_to_stdout = True, False
        solver.log_callback = lambda line: LOGGER.debug("CP-SAT: %s", line.rstrip())
    for name, value in (settings or {}).items():
        setattr(solver.parameters, name, value)
    bounds: list[float] = []
    code = _run(solver, model, run, report, found, bounds)
    return _result(solver, code, model.has_objective(), run, deterministic_limit, bounds)


class _Values:
    """The values of variables in one solution, read as from the solver."""

    def __init__(self, values: list[int]) -> None:
        self._values = values

    def value(self, variable: cp_model.IntVar) -> int:
        return self._values[variable.index]

    boolean_value = value


class _Watcher(cp_model.CpSolverSolutionCallback):
    """Passes each new incumbent on, with the bound at that time, and with its values where they are wanted."""

    def __init__(self, messages: Messages, found: Found | None) -> None:
        super().__init__()
        self.messages, self.found = messages, found

    def on_solution_callback(self) -> None:
        self.messages.put((self.objective_value, self.best_objective_bound))
        if self.found is not None:
            solver = _Values(list(self.response_proto.solution))
            so_far = Result(Status.FEASIBLE, Stopped.FINISHED, self.objective_value, solver=solver)
            self.messages.put(partial(self.found, so_far))


def _run(
    solver: cp_model.CpSolver,
    model: cp_model.CpModel,
    run: Run,
    report: Report | None,
    found: Found | None,
    bounds: list[float],
) -> Any:
    """Run the solver, and note its bounds: without a solution it does not remember them."""
    messages: Messages = SimpleQueue()
    has_objective = model.has_objective()
    told = (report is not None or found is not None) and has_objective
    watcher = _Watcher(messages, found) if told else None

    def note_bound(bound: float) -> None:
        bounds.append(bound)
        if report is not None:
            messages.put((None, bound))

    if has_objective:
        solver.best_bound_callback = note_bound

    ended: list[Any] = []

    def work() -> None:
        ended.append(solver.solve(model, watcher))

    run_in_a_thread(work, run, solver.stop_search, messages, report)
    return ended[0]


def _result(
    solver: cp_model.CpSolver,
    code: Any,
    has_objective: bool,
    run: Run,
    limit: float | None,
    bounds: list[float],
) -> Result:
    """Map the native status; without a solution objective and bound may read 0.0, so the status is read first."""
    endings = {
        cp_model.OPTIMAL: Status.OPTIMAL,
        cp_model.FEASIBLE: Status.FEASIBLE,
        cp_model.INFEASIBLE: Status.INFEASIBLE,
        cp_model.UNKNOWN: Status.UNKNOWN,
    }
    if code not in endings:
        raise ProgramError(f"CP-SAT ended with {solver.status_name(code)}")
    status = endings[code]
    stopped = Stopped.PROVED
    if status in (Status.FEASIBLE, Status.UNKNOWN):
        repeatable = limit is not None and solver.deterministic_time >= limit
        stopped = run.stop_reason() or (Stopped.ITERATION_LIMIT if repeatable else Stopped.TIME_LIMIT)
    solved = status in (Status.OPTIMAL, Status.FEASIBLE)
    bound = _finite(solver.best_objective_bound) if solved and has_objective else None
    if status == Status.UNKNOWN and bounds:
        bound = _finite(bounds[-1])
    return Result(
        status,
        stopped,
        solver.objective_value if solved and has_objective else None,
        bound,
        solver=solver,
    )


def _finite(bound: float) -> float | None:
    """CP-SAT writes a bound that it does not have as a huge integer."""
    return bound if abs(bound) < NO_BOUND else None
