"""Greedy insertion and local search for individual deadlines, in any mode: ruin and recreate on lines of batches."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from edgeopt.loading.batches.lines import Lines
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.workload import compile_workload
from edgeopt.patience import Patience
from edgeopt.run import Outcome, Run
from edgeopt.solution import Number, Plan, Stopped

if TYPE_CHECKING:
    from edgeopt.loading.batches.line_kernels import Line

DEFAULT_EFFORT = 3_000_000  # iterations times users, when neither time nor iterations are limited
MOST_DEFAULT_ITERATIONS = 40_000
CHUNK_EFFORT = 30_000, 10_000  # iterations times users between two questions whether to stop; where trials are dear
CYCLE = 5_000, 4_000  # iterations from hot to cold at first; each cycle is twice as long as the one before
TRIED = 16  # users tried in an iteration beside those it removes, where trials are dear


class Search:
    """Cycles of simulated annealing by ruin and recreate, and the best line seen.

    Parameters
    ----------
    lines : Lines
    run : Run
    start : Line

    Attributes
    ----------
    best : Line
    iterations : int
        Iterations done so far.
    """

    def __init__(self, lines: Lines, run: Run, start: Line) -> None:
        from edgeopt.loading.batches.ruin_kernels import new_trials

        users, timing = len(lines.users.model), lines.timing
        dear = timing.keeps or timing.overlapped
        self._lines, self._run = lines, run
        self._state = np.random.default_rng(run.options.seed).integers(1, 2**63, size=1, dtype=np.uint64)
        self._patience = Patience(default_iterations(users))
        self._cycle = CYCLE[dear]
        self._chunk = 1 + CHUNK_EFFORT[dear] // users
        self._tried = TRIED if dear else users
        self._other, self._trials = lines.line(), new_trials(users)
        self._line = lines.copy(start)
        self.best = lines.copy(start)
        self.iterations = 0

    def run(self, limit: int | None = None, enough: Number | None = None) -> Stopped:
        """Search until so many iterations are done in all, the value is enough, or the run has to end."""
        while (reason := self._ended(limit, enough)) is None:
            self._advance(self._chunk if limit is None else min(self._chunk, limit - self.iterations))
        return reason

    def go_on_in(self, run: Run) -> None:
        """Search on within the limits of another run."""
        self._run = run

    def _ended(self, limit: int | None, enough: Number | None) -> Stopped | None:
        value, most = self._lines.value(self.best), self._lines.objective.most
        if value >= (most if enough is None else enough) or (limit is not None and self.iterations >= limit):
            return Stopped.FINISHED
        if limit is None and self._patience.over(value, self.iterations):
            return Stopped.FINISHED
        return self._run.stop_reason()

    def _advance(self, iterations: int) -> None:
        """Run a chunk of iterations; each cycle begins at the best line."""
        from edgeopt.loading.batches.ruin_kernels import Cycle, search

        first = self._cycle
        length = first << ((self.iterations // first + 1).bit_length() - 1)
        since = self.iterations + first - length
        iterations = min(iterations, length - since)
        if since == 0:
            self._line = self._lines.copy(self.best)
        cycle = Cycle(since, length, self._tried)
        lines = self._lines
        search(
            iterations,
            cycle,
            lines.users,
            self._line,
            self.best,
            lines.timing,
            self._state,
            self._other,
            *lines.room,
            lines.shares,
            self._trials,
        )
        self.iterations += iterations
        self._run.count(iterations)
        self._run.report(lines.value(self.best), plan=partial(lines.plan, lines.copy(self.best)))


def default_iterations(users: int) -> int:
    """Iterations of a run that is limited neither in time nor in iterations."""
    return min(MOST_DEFAULT_ITERATIONS, 1 + DEFAULT_EFFORT // users)


def first_line(lines: Lines, run: Run) -> Line:
    """Return the greedy's line, or the given start completed, whichever is worth more."""
    line = lines.greedy(run)
    start = run.options.start
    if start is not None and start.plan is not None:
        given = lines.line(lines.queues.batches(start.plan))
        if lines.in_time(given):
            lines.fill(given, np.argsort(lines.users.upload, kind="stable"), run)
            line = max(given, line, key=lines.value)
    run.report(lines.value(line), plan=partial(lines.plan, lines.copy(line)))
    return line


def plan_or_start(lines: Lines, line: Line, run: Run) -> Plan:
    """Return a line's plan, or that of the run's start where that is worth more: its evictions may be better."""
    start = run.options.start
    if start is not None and start.plan is not None and lines.objective.of_plan(start.plan) > lines.value(line):
        return start.plan
    return lines.plan(line)


def solve_greedy(instance: LoadingInstance, run: Run) -> Outcome:
    """Insert users where the last batch ends soonest; leave out a batch where that makes room for more."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    lines = Lines(work.queues, work.timing, work)
    line = lines.greedy(run)
    return Outcome(
        lines.plan(line),
        stopped=run.stop_reason() or Stopped.FINISHED,
        message=f"cheapest insertion, best of several orders: {int(line.length[0])} batches",
    )


def solve_local_search(instance: LoadingInstance, run: Run) -> Outcome:
    """Remove some users from the batches and serve others where they fit, again and again."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    lines = Lines(work.queues, work.timing, work)
    search = Search(lines, run, first_line(lines, run))
    given = run.options.iteration_limit
    unlimited = given is None and run.options.time_limit is None
    stopped = search.run(default_iterations(len(lines.users.model)) if unlimited else given)
    if stopped == Stopped.FINISHED and given is not None and search.iterations >= given:
        stopped = Stopped.ITERATION_LIMIT
    return Outcome(
        plan_or_start(lines, search.best, run),
        stopped=stopped,
        message=f"{search.iterations} iterations of ruin and recreate: {int(search.best.length[0])} batches",
    )
