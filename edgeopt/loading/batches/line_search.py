"""Local search for individual deadlines: cycles of ruin and recreate on lines of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgeopt.loading.batches.line_greedy import filled, greedy_line
from edgeopt.loading.batches.lines import Line, kernel_data
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.queues import Queues
from edgeopt.loading.workload import compile_workload
from edgeopt.patience import Patience
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

if TYPE_CHECKING:
    from edgeopt.loading.batches.line_kernels import Data

DEFAULT_EFFORT = 3_000_000  # iterations times users, when neither time nor iterations are limited
MOST_DEFAULT_ITERATIONS = 40_000
CHUNK_EFFORT = 30_000  # iterations times users between two questions whether to stop
CYCLE = 5_000  # iterations from hot to cold at first; each cycle is twice as long as the one before


class Search:
    """Cycles of simulated annealing, and the best line seen.

    Parameters
    ----------
    queues : Queues
    data : Data
    run : Run
    start : Line

    Attributes
    ----------
    best : Line
    iterations : int
        Iterations done so far.
    """

    def __init__(self, queues: Queues, data: Data, run: Run, start: Line) -> None:
        from edgeopt.loading.batches.line_kernels import new_figures

        users = len(queues.user_names)
        self._data = data
        self._run = run
        self._state = np.random.default_rng(run.options.seed).integers(1, 2**63, size=1, dtype=np.uint64)
        self._figures = new_figures(users)
        self._line = start.copy()
        self._chunk = 1 + CHUNK_EFFORT // users
        self._patience = Patience(default_iterations(users))
        self.best = start.copy()
        self.iterations = 0

    def run(self, limit: int | None = None) -> Stopped:
        """Search until so many iterations are done in all, or the run has to end."""
        while (reason := self._ended(limit)) is None:
            self._advance(self._chunk if limit is None else min(self._chunk, limit - self.iterations))
        return reason

    def go_on_in(self, run: Run) -> None:
        """Search on within the limits of another run."""
        self._run = run

    def _ended(self, limit: int | None) -> Stopped | None:
        if self.best.users == len(self.best.place) or (limit is not None and self.iterations >= limit):
            return Stopped.FINISHED
        if limit is None and self._patience.over(self.best.users, self.iterations):
            return Stopped.FINISHED
        return self._run.stop_reason()

    def _advance(self, iterations: int) -> None:
        """Run a chunk of iterations; each cycle begins at the best line."""
        from edgeopt.loading.batches.line_search_kernels import search

        cycle = CYCLE << ((self.iterations // CYCLE + 1).bit_length() - 1)
        since = self.iterations + CYCLE - cycle
        iterations = min(iterations, cycle - since)
        if since == 0:
            self._line = self.best.copy()
        lengths = np.array([self._line.length, self.best.length])
        served = search(
            self._data,
            self._line.batch,
            self._line.place,
            self.best.batch,
            self.best.place,
            lengths,
            self._figures,
            iterations,
            since,
            cycle,
            self._state,
        )
        self._line.length, self.best.length = lengths.tolist()
        self.iterations += iterations
        self._run.report(served)


def default_iterations(users: int) -> int:
    """Iterations of a run that is limited neither in time nor in iterations."""
    return min(MOST_DEFAULT_ITERATIONS, 1 + DEFAULT_EFFORT // users)


def first_line(queues: Queues, data: Data, run: Run) -> Line:
    """Return the greedy's line, or the given start completed, whichever serves more."""
    line = greedy_line(queues, data, run)
    if run.options.start is not None and run.options.start.plan is not None:
        batches = queues.batches(run.options.start.plan)
        if queues.in_time(batches):
            started = filled(data, Line.of(queues, batches), np.argsort(queues.upload_s), False)
            line = max(started, line, key=lambda line: line.users)
    run.report(line.users)
    return line


def solve_local_search(instance: LoadingInstance, run: Run) -> Outcome:
    """Remove some users from the batches and serve others where they fit, again and again."""
    queues = compile_workload(instance).queues
    if not queues.user_names:
        return serve_nobody(instance)
    data = kernel_data(queues)
    search = Search(queues, data, run, first_line(queues, data, run))
    limit = run.options.iteration_limit
    if limit is None and run.options.time_limit is None:
        limit = default_iterations(len(queues.user_names))
    stopped = search.run(limit)
    if (
        stopped == Stopped.FINISHED
        and run.options.iteration_limit is not None
        and search.iterations >= run.options.iteration_limit
    ):
        stopped = Stopped.ITERATION_LIMIT
    return Outcome(
        queues.plan(search.best.batches()),
        stopped=stopped,
        message=f"{search.iterations} iterations of ruin and recreate: {search.best.length} batches",
    )
