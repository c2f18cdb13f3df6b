"""Greedy insertion and local search for individual deadlines in any mode: users are named, batches revisit models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeopt.loading.batches.plans import Batch, plan_for, users_of
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.patience import Patience
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped

if TYPE_CHECKING:
    from edgeopt.loading.batches.turn_kernels import Line

CYCLE = 4_000  # iterations from hot to cold
DEFAULT_EFFORT = 3_000_000  # iterations times users, when neither time nor iterations are limited
MOST_DEFAULT_ITERATIONS = 40_000
CHEAPEST_WORK = 300_000  # users squared times blocks; beyond, users are inserted in given orders only
CHUNK_EFFORT = 10_000  # iterations times users between two questions whether to stop


class Turns:
    """The kernels of lines of batches, bound to a workload.

    Parameters
    ----------
    workload : Workload
        Somebody can be served.
    """

    def __init__(self, workload: Workload) -> None:
        from edgeopt.loading.batches.turn_kernels import new_line

        self.workload = workload
        queues = workload.queues
        self.users = queues.model, queues.upload_s, queues.due_s, workload.batch
        self.facts: tuple[Any, ...] = (
            workload.overlapped,
            workload.keeps,
            workload.fixed_s,
            workload.sample_s,
            workload.load_s,
            float(workload.rate),
            workload.room_bytes,
            workload.workspace_bytes,
            workload.holds,
            workload.block_bytes,
        )
        self._scratch = new_line(len(queues.user_names))

    def line(self, batches: Iterable[tuple[int, list[int]]] = ()) -> Line:
        """Make a line of batches, each a model and its users by number."""
        from edgeopt.loading.batches.turn_kernels import new_line, rebuild

        line = new_line(len(self.users[0]))
        for position, (model, users) in enumerate(batches):
            line.model[position] = model
            line.place[users] = position
            line.length[0] += 1
        rebuild(*self.users[:3], line)
        return line

    def in_time(self, line: Line) -> bool:
        """Whether nobody is late with the blocks that `keep_soonest` keeps."""
        from edgeopt.loading.batches.turn_kernels import ends_in_time

        end = ends_in_time(line.model, line.size, line.sent, line.due, int(line.length[0]), *self.facts)
        return bool(end < np.inf)

    def greedy(self, run: Run) -> Line:
        """Return the best of lines that are filled in different orders of the users, each where the line ends soonest.

        When the users are few enough, one line takes next the user with whom it ends soonest.
        """
        from edgeopt.loading.batches.turn_kernels import fill, serve_cheapest

        upload, due = self.users[1], self.users[2]
        lines = []
        for key in (upload, due, upload / upload.max(initial=1e-300) + due / due.max()):
            lines.append(self.line())
            for user in np.argsort(key, kind="stable"):
                if run.stop_reason() is not None:
                    break
                fill(np.array([user]), *self.users, lines[-1], self._scratch, self.facts)
            run.report(max(map(served, lines)))
        blocks = len(self.workload.block_bytes) if self.workload.keeps else 1
        if len(due) ** 2 * blocks <= CHEAPEST_WORK:
            lines.append(self.line())
            while run.stop_reason() is None:
                if not serve_cheapest(*self.users, lines[-1], self._scratch, self.facts):
                    break
        best = max(lines, key=served)
        run.report(served(best))
        return best

    def plan(self, line: Line) -> Plan:
        """Return a line's plan."""
        from edgeopt.loading.batches.timing_kernels import kept_blocks

        work, length = self.workload, int(line.length[0])
        names = [[work.queues.user_names[user] for user in np.flatnonzero(line.place == p)] for p in range(length)]
        kept = np.zeros((length, 0), np.bool_)
        if work.keeps:
            memory = work.room_bytes, work.workspace_bytes, work.holds, work.block_bytes
            kept = kept_blocks(line.model, line.size, length, *memory)
        sequence = [
            Batch(int(line.model[p]), len(names[p]), tuple(np.flatnonzero(kept[p]).tolist())) for p in range(length)
        ]
        return plan_for(work, sequence, names)


def served(line: Line) -> int:
    """Users of a line."""
    return int((line.place >= 0).sum())


class DeadlineSearch:
    """Cycles of simulated annealing by ruin and recreate, and the best line seen.

    Parameters
    ----------
    turns : Turns
    run : Run
        With a start, the search begins there if that serves more than the greedy.

    Attributes
    ----------
    best : Line
    iterations : int
    """

    def __init__(self, turns: Turns, run: Run) -> None:
        self._turns, self._run = turns, run
        self._patience = Patience(default_iterations(turns.workload))
        self._state = np.random.default_rng(run.options.seed).integers(1, 2**63, size=1, dtype=np.uint64)
        self._given: Plan | None = None
        self.best = turns.greedy(run)
        self.iterations = 0
        if run.options.start is not None and run.options.start.plan is not None:
            batches = turns.workload.queues.batches(run.options.start.plan)
            line = turns.line(batches)
            if not turns.in_time(line):
                self._given = run.options.start.plan  # its evictions are better
            elif served(line) > served(self.best):
                self.best = line
        self._line = self._copied(self.best)
        run.report(users_of(self.plan))

    @property
    def plan(self) -> Plan:
        """The plan of the best line, or the start's where that serves more."""
        if self._given is not None and users_of(self._given) > served(self.best):
            return self._given
        return self._turns.plan(self.best)

    def run(self, iterations: int | None, enough: int) -> Stopped:
        """Search until so many users are served, so many iterations are done in all, or the run has to end."""
        from edgeopt.loading.batches.ruin_kernels import search

        turns = self._turns
        chunk = 1 + CHUNK_EFFORT // len(turns.users[0])
        while (reason := self._run.stop_reason()) is None and served(self.best) < enough:
            if iterations is None and self._patience.over(served(self.best), self.iterations):
                break
            since = self.iterations % CYCLE
            steps = min(chunk, CYCLE - since)
            if iterations is not None:
                steps = min(steps, iterations - self.iterations)
            if steps <= 0:
                break
            if since == 0:
                self._line = self._copied(self.best)
            horizon = turns.workload.horizon_s
            line, best = self._line, self.best
            number = search(steps, since, CYCLE, horizon, *turns.users, line, best, self._state, turns.facts)
            self.iterations += steps
            self._run.report(number)
        return reason or Stopped.FINISHED

    def _copied(self, line: Line) -> Line:
        from edgeopt.loading.batches.turn_kernels import copy_line

        copied = self._turns.line()
        copy_line(line, copied)
        return copied


def default_iterations(workload: Workload) -> int:
    """Iterations of a run that is limited neither in time nor in iterations."""
    return min(MOST_DEFAULT_ITERATIONS, 1 + DEFAULT_EFFORT // len(workload.queues.user_names))


def solve_greedy(instance: LoadingInstance, run: Run) -> Outcome:
    """Insert users where the last batch ends soonest, in several orders."""
    workload = compile_workload(instance)
    if not workload.models:
        return serve_nobody(instance)
    turns = Turns(workload)
    line = turns.greedy(run)
    return Outcome(
        turns.plan(line),
        stopped=run.stop_reason() or Stopped.FINISHED,
        message=f"cheapest insertion, best of several orders: {int(line.length[0])} batches",
    )


def solve_local_search(instance: LoadingInstance, run: Run) -> Outcome:
    """Empty batches or parts of them, move batches, and serve others where they fit, again and again."""
    workload = compile_workload(instance)
    if not workload.models:
        return serve_nobody(instance)
    search = DeadlineSearch(Turns(workload), run)
    given = run.options.iteration_limit
    limit = default_iterations(workload) if given is None and run.options.time_limit is None else given
    stopped = search.run(limit, enough=len(workload.queues.user_names))
    if stopped == Stopped.FINISHED and given is not None and search.iterations >= given:
        stopped = Stopped.ITERATION_LIMIT
    return Outcome(
        search.plan, stopped=stopped, message=f"{search.iterations} iterations, {int(search.best.length[0])} batches"
    )
