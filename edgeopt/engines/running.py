"""What the engines have in common: runs that can be interrupted and tell how far they are, and what a run says."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from queue import Empty, SimpleQueue
from typing import Any

from edgeopt.engines.linear import Vector
from edgeopt.run import Run
from edgeopt.solution import Status, Stopped

POLL_S = 0.05

_left: list[threading.Thread] = []

Report = Callable[[float | None, float | None], None]
Messages = SimpleQueue[tuple[float | None, float | None] | Callable[[], object] | None]


@dataclass(frozen=True)
class Result:
    """The result of a run of a solver.

    Attributes
    ----------
    status : Status
        OPTIMAL within the requested gaps, FEASIBLE, INFEASIBLE or UNKNOWN.
    stopped : Stopped
    objective : float or None
        None without a solution and without an objective.
    bound : float or None
        Kept even without a solution; a bound that is infinite or no number says nothing and becomes None.
    values : numpy.ndarray or None, shape (columns,)
        Best solution of a `LinearProgram`.
    nodes : int
        Nodes of the branch and bound.
    row_duals, reduced_costs : numpy.ndarray or None
        For a linear program solved to optimality: the objective's change for a unit more of a row's or column's bound.
    solver : ortools.sat.python.cp_model.CpSolver or None
        The solver of a run of CP-SAT, which knows the values of its solution.
    """

    status: Status
    stopped: Stopped
    objective: float | None = None
    bound: float | None = None
    values: Vector | None = None
    nodes: int = 0
    row_duals: Vector | None = None
    reduced_costs: Vector | None = None
    solver: Any = None

    def __post_init__(self) -> None:
        if self.bound is not None and not isfinite(self.bound):
            object.__setattr__(self, "bound", None)

    def value(self, expression: Any) -> int:
        """Return the value of a variable or expression of CP-SAT in the solution."""
        return int(self.solver.value(expression))

    def true(self, literal: Any) -> bool:
        """Say whether a literal of CP-SAT holds in the solution."""
        return bool(self.solver.boolean_value(literal))


def left_running() -> bool:
    """Say whether a solver still runs whose end nobody waited for."""
    return any(worker.is_alive() for worker in _left)


def run_in_a_thread(
    work: Callable[[], None],
    run: Run,
    halt: Callable[[], None],
    messages: Messages,
    report: Report | None = None,
) -> None:
    """Run a solver in a thread, so that this one can be interrupted and can pass on what is reported.

    What ends this function by an exception leaves a solver that does not heed it running, until the process ends.

    Parameters
    ----------
    work : callable
        Runs the solver; it may raise.
    run : Run
        Called all the time: whether the solver should end.
    halt : callable
        Asks the solver to end.
    messages : queue.SimpleQueue
        Objective and bound, put there while the solver runs, or what is to be called in the calling thread.
    report : callable, optional
        Called in the calling thread with each objective and bound.
    """
    faults: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as fault:
            faults.append(fault)
        messages.put(None)

    worker = threading.Thread(target=body, name="solver", daemon=True)
    worker.start()
    most_s: float | None = None  # to wait for its end
    try:
        while True:
            if run.stop_reason() is not None:
                halt()
            try:
                message = messages.get(timeout=POLL_S)
            except Empty:
                continue
            if message is None:
                break
            if callable(message):
                message()
            elif report is not None:
                report(*message)
    except BaseException:
        halt()
        most_s = POLL_S
        raise
    finally:
        worker.join(most_s)
        if worker.is_alive():
            _left.append(worker)
            atexit.register(worker.join)  # the interpreter must not end below it
        while not messages.empty():
            messages.get_nowait()
    if faults:
        raise faults[0]
