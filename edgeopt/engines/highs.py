"""HiGHS solves linear and mixed-integer programs under limits, from a start, with progress, interruptibly."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.engines.linear import LinearProgram, Vector
from edgeopt.engines.running import POLL_S, Messages, Report, Result, left_running, run_in_a_thread
from edgeopt.errors import ProgramError
from edgeopt.run import LOGGER, Run
from edgeopt.solution import Status, Stopped

LARGEST_COST = 2.0**12  # 1e-6 beside costs of at least half of it is less than HIGHS_BOUND_ERROR
SMALL = 250  # rows and columns of a linear program that ends before anybody could wait for it
FEASIBLE_SOLUTION = 2  # kSolutionStatusFeasible of HiGHS

Status_ = highspy.HighsModelStatus

# What a run that ended so has proven, and why it ended. Codes that stand neither here nor in _RESOLVED are faults.
_ENDINGS: dict[Any, tuple[Status, Stopped]] = {
    Status_.kOptimal: (Status.OPTIMAL, Stopped.PROVED),
    Status_.kInfeasible: (Status.INFEASIBLE, Stopped.PROVED),
    Status_.kObjectiveBound: (Status.UNKNOWN, Stopped.FINISHED),
    Status_.kObjectiveTarget: (Status.UNKNOWN, Stopped.FINISHED),
    Status_.kSolutionLimit: (Status.UNKNOWN, Stopped.ITERATION_LIMIT),  # also the code of the node limit
    Status_.kIterationLimit: (Status.UNKNOWN, Stopped.ITERATION_LIMIT),
    Status_.kTimeLimit: (Status.UNKNOWN, Stopped.TIME_LIMIT),
    Status_.kInterrupt: (Status.UNKNOWN, Stopped.INTERRUPTED),
    Status_.kHighsInterrupt: (Status.UNKNOWN, Stopped.INTERRUPTED),
    Status_.kUnknown: (Status.UNKNOWN, Stopped.FINISHED),
}

_running = threading.RLock()  # HiGHS has one scheduler for the whole process
_scheduler_threads: int | None = None


def _begin_anew() -> None:
    """In a forked process nobody holds the lock, and the scheduler's threads are gone."""
    global _running, _scheduler_threads
    _running, _scheduler_threads = threading.RLock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


class HighsSolver:
    """A program inside HiGHS, to be solved, extended by rows, and solved again.

    Attributes
    ----------
    program : LinearProgram
        As it stands now, with all changes.

    Parameters
    ----------
    program : LinearProgram
    run : Run
        Its time limit, interrupt, seed and threads hold for every run; not its gap and iteration limit, whose meaning
        is the method's.
    settings : mapping, optional
        Further options of HiGHS by name.

    Raises
    ------
    ProgramError
        HiGHS does not take the program or a setting.
    """

    def __init__(self, program: LinearProgram, run: Run, settings: Mapping[str, Any] | None = None) -> None:
        self.program = replace(
            program,
            column_lower=program.column_lower.copy(),
            column_upper=program.column_upper.copy(),
            row_lower=program.row_lower.copy(),
            row_upper=program.row_upper.copy(),
        )
        self.run = run
        self._scale = _scale(program.cost)
        self._highs = highspy.Highs()
        self._set("output_flag", LOGGER.isEnabledFor(logging.DEBUG))
        self._set("log_to_console", False)
        if LOGGER.isEnabledFor(logging.DEBUG):
            self._set("log_file", os.devnull)  # without a file or a console HiGHS calls nobody
            self._highs.cbLogging.subscribe(lambda event: LOGGER.debug("HiGHS: %s", event.message.rstrip()))
        self._set("random_seed", run.options.seed % 2**31)
        self._set("threads", run.options.threads)
        for name, value in (settings or {}).items():
            self._set(name, value)
        self._pass_program()
        self._messages: Messages = SimpleQueue()
        self._halt = threading.Event()
        self._enough: Callable[[float | None, float | None], bool] | None = None
        self._incumbent: float | None = None
        self._bound: float | None = None
        self._found: Callable[[Vector], object] | None = None
        self._highs.cbMipInterrupt.subscribe(self._on_node)
        self._highs.cbSimplexInterrupt.subscribe(self._on_iteration)
        self._highs.cbIpmInterrupt.subscribe(self._on_iteration)
        self._highs.cbMipImprovingSolution.subscribe(self._on_incumbent)

    def add_rows(self, rows: sparse.csr_array, lower: Vector, upper: Vector) -> None:
        """Add rows ``lower <= rows @ x <= upper``; the basis of the last linear program is kept."""
        matrix = sparse.csr_array(rows)
        self.program = self.program.with_rows(matrix, lower, upper)
        status = self._highs.addRows(
            matrix.shape[0],
            np.asarray(lower, np.float64),
            np.asarray(upper, np.float64),
            matrix.nnz,
            matrix.indptr.astype(np.int32),
            matrix.indices.astype(np.int32),
            matrix.data.astype(np.float64),
        )
        _require(status, "the added rows")

    def add_columns(self, columns: sparse.csc_array, cost: Vector, lower: Vector, upper: Vector) -> None:
        """Add continuous columns with their entries in the rows; the basis of the last linear program is kept."""
        self.program = self.program.with_columns(columns, cost, lower, upper)
        status = self._highs.addCols(
            columns.shape[1],
            self._factor * np.asarray(cost, np.float64),
            np.asarray(lower, np.float64),
            np.asarray(upper, np.float64),
            columns.nnz,
            columns.indptr.astype(np.int32),
            columns.indices.astype(np.int32),
            columns.data.astype(np.float64),
        )
        _require(status, "the added columns")

    def change_bounds(self, columns: Sequence[int] | NDArray[np.int64], lower: Vector, upper: Vector) -> None:
        """Replace the bounds of some columns."""
        index = np.asarray(columns, np.int32)
        self.program.column_lower[index], self.program.column_upper[index] = lower, upper
        status = self._highs.changeColsBounds(
            len(index), index, np.asarray(lower, np.float64), np.asarray(upper, np.float64)
        )
        _require(status, "the changed bounds")

    def change_row_bounds(self, row: int, lower: float, upper: float) -> None:
        """Replace the bounds of one row; added rows are numbered after those of the program."""
        self.program.row_lower[row], self.program.row_upper[row] = lower, upper
        _require(self._highs.changeRowBounds(row, lower, upper), "the changed row")

    def change_costs(self, cost: Vector, offset: float = 0.0, maximize: bool | None = None) -> None:
        """Replace the objective."""
        self.program.cost, self.program.offset = np.asarray(cost, np.float64), offset
        if maximize is not None:
            self.program.maximize = maximize
        self._scale = _scale(self.program.cost)
        self._pass_costs(self._factor * self.program.cost)
        _require(self._highs.changeObjectiveOffset(self._factor * offset), "the changed offset")

    def solve(
        self,
        *,
        relaxed: bool = False,
        interior_point: bool = False,
        gap: float = 0.0,
        absolute_gap: float = 0.0,
        node_limit: int | None = None,
        time_limit: float | None = None,
        start: Vector | None = None,
        enough: Callable[[float | None, float | None], bool] | None = None,
        report: Report | None = None,
        found: Callable[[Vector], object] | None = None,
    ) -> Result:
        """Solve the program as it stands.

        Parameters
        ----------
        relaxed : bool
            Ignore integrality.
        interior_point : bool
            Solve a linear program by an interior point method and crossover: often faster, but it starts from nothing.
        gap, absolute_gap : float
            Relative and absolute gap at which the branch and bound may stop.
        node_limit : int, optional
            Most nodes of the branch and bound: a repeatable limit.
        time_limit : float, optional
            Seconds for this run, within those of the options.
        start : numpy.ndarray, optional
            A solution to start from, shape (columns,).
        enough : callable, optional
            Given incumbent and bound, whether to stop; called at every node. The result is then FINISHED.
        report : callable, optional
            Called in the calling thread with incumbent's objective and bound whenever one improves.
        found : callable, optional
            Called in the calling thread with the values of each better incumbent.

        Returns
        -------
        Result
            Its objective is evaluated outside the solver. A linear program that was stopped early has no bound; that of
            a solved one is as exact as the solver, see `LinearProgram.proven_bound` for one that is proven.

        Raises
        ------
        ProgramError
            The program is unbounded, or HiGHS fails.
        """
        if not len(self.program.cost):
            return self._without_columns()
        seconds = self.run.remaining_s() if time_limit is None else min(time_limit, self.run.remaining_s())
        if self.run.stop_reason() is not None or seconds <= 0:
            return Result(Status.UNKNOWN, self.run.stop_reason() or Stopped.TIME_LIMIT)
        with _turn(self.run, seconds) as waited_s:
            if waited_s is None:
                return Result(Status.UNKNOWN, self.run.stop_reason() or Stopped.TIME_LIMIT)
            seconds -= waited_s
            self._set("solve_relaxation", relaxed)
            self._set("solver", "ipm" if interior_point else "choose")
            self._set("mip_rel_gap", gap)
            self._set("mip_abs_gap", self._scale * absolute_gap)
            self._set("mip_max_nodes", 2**31 - 1 if node_limit is None else node_limit)
            if not relaxed:
                self._pass_start(start)
            self._set("time_limit", min(self._highs.getRunTime() + seconds, highspy.kHighsInf))
            _use_threads(self.run.options.threads)
            self._halt.clear()
            self._enough, self._found = enough, found
            self._incumbent, self._bound, self._nodes = None, None, 0
            if relaxed and max(self.program.rows.shape) <= SMALL:
                self._highs.run()
            else:
                run_in_a_thread(self._highs.run, self.run, self._halt.set, self._messages, report)
            return self._result(relaxed)

    @property
    def _factor(self) -> float:
        """What HiGHS minimises, in units of the program's objective."""
        return -self._scale if self.program.maximize else self._scale

    def _set(self, name: str, value: Any) -> None:
        _require(self._highs.setOptionValue(name, value), f"the option {name}={value!r}")

    def _pass_program(self) -> None:
        program, lp = self.program, highspy.HighsLp()
        lp.num_row_, lp.num_col_ = program.rows.shape
        lp.col_cost_, lp.offset_ = self._factor * program.cost, self._factor * program.offset
        lp.col_lower_, lp.col_upper_ = program.column_lower, program.column_upper
        lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = program.rows.indptr
        lp.a_matrix_.index_ = program.rows.indices
        lp.a_matrix_.value_ = program.rows.data
        if program.integer.any():
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[flag] for flag in program.integer.tolist()]
        _require(self._highs.passModel(lp), "the program")

    def _pass_costs(self, cost: Vector) -> None:
        index = np.arange(len(cost), dtype=np.int32)
        _require(self._highs.changeColsCost(len(cost), index, cost), "the changed costs")

    def _pass_start(self, start: Vector | None) -> None:
        """Give HiGHS a start, or none.

        From a solution that is not integral (that of the last linear program, too) HiGHS would first complete one by
        a restricted branch and bound, whose bounds it reports as if they were those of the program.
        """
        self._highs.clearSolver()
        if start is not None:
            index = np.arange(len(start), dtype=np.int32)
            values = np.where(self.program.integer, np.round(start), start)
            _require(self._highs.setSolution(len(index), index, values), "the start")

    def _original(self, value: float) -> float | None:
        return value / self._factor if np.isfinite(value) else None

    def _on_iteration(self, event: Any) -> None:
        event.interrupt(self._halt.is_set())  # the flag outlives the run: it has to be lowered, too

    def _on_node(self, event: Any) -> None:
        bound = self._original(event.data_out.mip_dual_bound)
        if bound != self._bound:
            self._bound = bound
            self._messages.put((None, bound))
        nodes = max(self._nodes, event.data_out.mip_node_count)
        self.run.count(nodes - self._nodes)
        self._nodes = nodes
        event.interrupt(self._halt.is_set() or (self._enough is not None and self._enough(self._incumbent, bound)))

    def _on_incumbent(self, event: Any) -> None:
        self._incumbent = self._original(event.data_out.objective_function_value)
        self._messages.put((self._incumbent, None))
        if self._found is not None:
            self._messages.put(partial(self._found, np.array(event.data_out.mip_solution)))

    def _result(self, relaxed: bool) -> Result:
        code, info = self._highs.getModelStatus(), self._highs.getInfo()
        if code == Status_.kUnboundedOrInfeasible:
            code = self._infeasible_or_unbounded()
        if code == Status_.kUnbounded:
            raise ProgramError("the formulation is unbounded")
        if code not in _ENDINGS:
            raise ProgramError(f"HiGHS ended with {self._highs.modelStatusToString(code)!r}")
        status, stopped = _ENDINGS[code]
        if stopped == Stopped.INTERRUPTED:
            stopped = self.run.stop_reason() or Stopped.FINISHED  # else `enough` said so
        mip = bool(self.program.integer.any()) and not relaxed
        if status == Status.INFEASIBLE:
            return Result(status, stopped, nodes=max(0, info.mip_node_count))
        if mip:
            return self._mip_result(status, stopped, info)
        if status != Status.OPTIMAL:
            return Result(Status.UNKNOWN, stopped)
        solution = self._highs.getSolution()
        values = np.array(solution.col_value)
        objective = self.program.objective(values)
        duals, costs = np.array(solution.row_dual) / self._factor, np.array(solution.col_dual) / self._factor
        return Result(status, stopped, objective, objective, values, row_duals=duals, reduced_costs=costs)

    def _mip_result(self, status: Status, stopped: Stopped, info: Any) -> Result:
        bound, nodes = self._original(info.mip_dual_bound), max(0, info.mip_node_count)
        if info.primal_solution_status != FEASIBLE_SOLUTION:
            if status == Status.OPTIMAL:
                raise ProgramError("HiGHS claims an optimum without a feasible solution")
            return Result(Status.UNKNOWN, stopped, bound=bound, nodes=nodes)
        values = np.array(self._highs.getSolution().col_value)
        proof = Status.OPTIMAL if status == Status.OPTIMAL else Status.FEASIBLE
        return Result(proof, stopped, self.program.objective(values), bound, values, nodes)

    def _infeasible_or_unbounded(self) -> Any:
        """Solve without objective, which distinguishes an infeasible program from an unbounded one."""
        self._pass_costs(np.zeros(len(self.program.cost)))
        self._highs.run()
        code = self._highs.getModelStatus()
        self._pass_costs(self._factor * self.program.cost)
        return Status_.kUnbounded if code == Status_.kOptimal else code

    def _without_columns(self) -> Result:
        """HiGHS calls a program without columns empty and does not look at its rows."""
        if (self.program.row_lower > 0).any() or (self.program.row_upper < 0).any():
            return Result(Status.INFEASIBLE, Stopped.PROVED)
        return Result(Status.OPTIMAL, Stopped.PROVED, self.program.offset, self.program.offset, np.empty(0))


@contextmanager
def _turn(run: Run, most_s: float) -> Iterator[float | None]:
    """Wait until no other run of HiGHS is under way; give the seconds waited, None when the time was up first."""
    began, lock = time.monotonic(), _running
    while not lock.acquire(timeout=POLL_S):
        if run.stop_reason() is not None or time.monotonic() - began > most_s:
            yield None
            return
    try:
        while left_running():
            if run.stop_reason() is not None or time.monotonic() - began > most_s:
                yield None
                return
            time.sleep(POLL_S)
        yield time.monotonic() - began
    finally:
        lock.release()


def _scale(cost: Vector) -> float:
    """Return the power of two by which HiGHS sees the costs enlarged or reduced.

    HiGHS cuts off nodes, and calls relaxations optimal, within absolute tolerances of up to 1e-6. They are small beside
    costs of up to 4,096; whole numbers are distinguished in any case.
    """
    largest = float(np.abs(cost).max(initial=0.0))
    if largest == 0 or not np.isfinite(largest) or (largest <= LARGEST_COST and (cost == np.floor(cost)).all()):
        return 1.0
    return 2.0 ** np.floor(np.log2(LARGEST_COST / largest))


def _require(status: Any, what: str) -> None:
    """HiGHS says by a status that it refuses something; a warning is a refusal too, as of a truncated value."""
    if status == highspy.HighsStatus.kError:
        raise ProgramError(f"HiGHS refuses {what}")


def _use_threads(threads: int) -> None:
    """The first run fixes the number of threads of the process; another number needs a new scheduler."""
    global _scheduler_threads
    if _scheduler_threads not in (None, threads):
        highspy.Highs.resetGlobalScheduler(True)
    _scheduler_threads = threads
