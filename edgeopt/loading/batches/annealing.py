"""Greedy insertion and local search on batch sequences, for one deadline in any mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeopt.loading.batches.plans import Batch, plan_of, served, users_of
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.workload import Integers, Workload, compile_workload
from edgeopt.patience import Patience
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped

DEFAULT_EFFORT = 200_000_000  # iterations times batches, when neither time nor iterations are limited
ITERATIONS_FOR_A_USER = 100_000
CHUNK_EFFORT = 600_000  # iterations times batches between two questions whether to stop
ROUND_FOR_A_USER = 2_000  # iterations of one cooling; they double when all of WARM had their turn
WARM = (0.3, 0.7, 2.0)  # users that a first move may lose; rounds take turns
COLD = 0.03
PRICE_FACTOR = 0.6  # at first, of the users per second of the best sequence


def facts_of(workload: Workload) -> tuple[Any, ...]:
    """Return the workload as `finish_s` takes it."""
    return (
        workload.overlapped,
        workload.keeps,
        workload.upload_s,
        workload.fixed_s,
        workload.sample_s,
        workload.load_s,
        float(workload.rate),
        workload.room_bytes,
        workload.workspace_bytes,
        workload.holds,
        workload.block_bytes,
    )


def end_s(workload: Workload, models: Sequence[int], counts: Sequence[int]) -> float:
    """Return when these batches end, with blocks kept as `keep_soonest` does."""
    from edgeopt.loading.batches.timing_kernels import finish_s

    arrays = np.array(models, dtype=np.int64), np.array(counts, dtype=np.int64)
    return float(finish_s(*arrays, len(models), *facts_of(workload)))


class Line:
    """A batch sequence in arrays for the kernels.

    Attributes
    ----------
    models, counts : numpy.ndarray of int64
    size : numpy.ndarray of int64, shape (2,)
        Number of batches, number of users.
    """

    def __init__(self, workload: Workload, sequence: Sequence[Batch] = ()) -> None:
        room = int(workload.most.sum()) + 1
        self.models: Integers = np.zeros(room, np.int64)
        self.counts: Integers = np.zeros(room, np.int64)
        self.size = np.array([len(sequence), served(sequence)], dtype=np.int64)
        for place, batch in enumerate(sequence):
            self.models[place], self.counts[place] = batch.model, batch.users

    def copy_from(self, other: Line) -> None:
        """Take another line's sequence."""
        self.models[:], self.counts[:], self.size[:] = other.models, other.counts, other.size

    def batches(self, workload: Workload) -> list[Batch]:
        """Return the sequence, with what `keep_soonest` keeps."""
        length = int(self.size[0])
        pairs = list(zip(self.models[:length].tolist(), self.counts[:length].tolist(), strict=True))
        if not workload.keeps:
            return [Batch(model, count) for model, count in pairs]
        from edgeopt.loading.batches.timing_kernels import kept_blocks

        kept = kept_blocks(
            self.models,
            self.counts,
            length,
            workload.room_bytes,
            workload.workspace_bytes,
            workload.holds,
            workload.block_bytes,
        )
        return [Batch(*pair, tuple(np.flatnonzero(row).tolist())) for pair, row in zip(pairs, kept, strict=True)]


def greedy_line(workload: Workload, run: Run) -> Line:
    """Insert batches, or users into batches, as long as they fit: those first that take the least time each."""
    from edgeopt.loading.batches.annealing_kernels import grow

    line = Line(workload)
    facts = facts_of(workload)
    while run.stop_reason() is None:
        if not grow(line.models, line.counts, line.size, workload.horizon_s, workload.most, workload.batch, facts):
            break
    return line


def line_of_plan(workload: Workload, plan: Plan) -> Line:
    """Return the batches of a plan by their numbers of users; with other evictions they may be late."""
    number = {name: index for index, name in enumerate(workload.model_names)}
    return Line(workload, [Batch(number[b["model"]], len(b["users"])) for b in plan["batches"]])


class Search:
    """Rounds of annealing, each from the best sequence so far.

    Parameters
    ----------
    workload : Workload
    run : Run
    start : Line
        In time.
    enough : int
        Number of users at which the search may end.

    Attributes
    ----------
    best : Line
    iterations : int
    enough : int
    """

    def __init__(self, workload: Workload, run: Run, start: Line, enough: int) -> None:
        self._workload, self._run, self.enough = workload, run, enough
        self._facts = facts_of(workload)
        self._state = np.random.default_rng(run.options.seed).integers(1, 2**63, size=1, dtype=np.uint64)
        self._limit = self._given_limit()
        self._patience = Patience(default_iterations(workload))
        self._suggested: Line | None = None
        self.best = start
        self.iterations = self._rounds = 0

    def _given_limit(self) -> int | None:
        if self._run.options.iteration_limit is None and self._run.options.time_limit is None:
            return default_iterations(self._workload)
        return self._run.options.iteration_limit

    def ended(self) -> Stopped | None:
        """Why the search is over, or None."""
        if self.best.size[1] >= self.enough:
            return Stopped.FINISHED
        if self._limit is not None and self.iterations >= self._limit:
            return Stopped.FINISHED if self._run.options.iteration_limit is None else Stopped.ITERATION_LIMIT
        if self._limit is None and self._patience.over(int(self.best.size[1]), self.iterations):
            return Stopped.FINISHED
        return self._run.stop_reason()

    def run(self, iterations: int | None = None) -> Stopped:
        """Search until it has ended, or until so many iterations are done."""
        limit = self._given_limit()
        self._limit = limit if iterations is None else iterations if limit is None else min(iterations, limit)
        while (reason := self.ended()) is None:
            self._round()
        return reason

    def suggest(self, order: Sequence[int], counts: Sequence[int]) -> None:
        """Begin the next round with full batches of these models, in time or not."""
        batch = self._workload.batch
        sequence = [
            Batch(model, min(int(batch[model]), count - done))
            for model, count in zip(order, counts, strict=True)
            for done in range(0, count, int(batch[model]))
        ]
        self._suggested = Line(self._workload, sequence) if sequence else None

    def plan(self, start: Plan | None) -> Plan:
        """Return the plan of the best sequence, or that of the start where it serves more."""
        if start is not None and users_of(start) > self.best.size[1]:
            return start
        return plan_of(self._workload, self.best.batches(self._workload))

    def _round(self) -> None:
        from edgeopt.loading.batches.annealing_kernels import anneal

        workload, best = self._workload, self.best
        line = Line(workload)
        line.copy_from(self._suggested or best)
        self._suggested = None
        warmth = WARM[self._rounds % len(WARM)]
        steps_of_round = ROUND_FOR_A_USER * int(workload.most.sum()) << self._rounds // len(WARM)
        cooling = (COLD / warmth) ** (1 / steps_of_round)
        self._rounds += 1
        price = PRICE_FACTOR * max(1, int(best.size[1])) / max(workload.horizon_s, 1e-300)
        end = self.iterations + steps_of_round
        while self.iterations < end and self.ended() is None:
            steps = min(end - self.iterations, 1 + CHUNK_EFFORT // (1 + int(line.size[0])))
            if self._limit is not None:
                steps = min(steps, self._limit - self.iterations)
            warmth, price = anneal(
                steps,
                warmth,
                cooling,
                price,
                workload.horizon_s,
                line.models,
                line.counts,
                line.size,
                best.models,
                best.counts,
                best.size,
                workload.most,
                workload.batch,
                self._state,
                self._facts,
            )
            self.iterations += steps
            self._run.report(int(best.size[1]))


def default_iterations(workload: Workload) -> int:
    """Iterations of a run that is limited neither in time nor in iterations."""
    batches = int((-(-workload.most // workload.batch)).sum())
    return min(ITERATIONS_FOR_A_USER * int(workload.most.sum()), 1 + DEFAULT_EFFORT // (1 + batches))


def started(workload: Workload, run: Run) -> tuple[Line, Plan | None]:
    """Return the better of the greedy sequence and the start's, and the start's plan where its evictions are better."""
    line = greedy_line(workload, run)
    plan = run.options.start.plan if run.options.start is not None else None
    if plan is None or users_of(plan) <= line.size[1]:
        return line, None
    own = line_of_plan(workload, plan)
    length = int(own.size[0])
    in_time = end_s(workload, own.models[:length].tolist(), own.counts[:length].tolist()) <= workload.horizon_s
    return (own, None) if in_time else (line, plan)


def solve_greedy(instance: LoadingInstance, run: Run) -> Outcome:
    """Insert batches as long as they fit."""
    workload = compile_workload(instance)
    if not workload.models:
        return serve_nobody(instance)
    line = greedy_line(workload, run)
    run.report(int(line.size[1]))
    batches = line.batches(workload)
    return Outcome(
        plan_of(workload, batches),
        stopped=run.stop_reason() or Stopped.FINISHED,
        message=f"{len(batches)} batches by least time for each user",
    )


def solve_local_search(instance: LoadingInstance, run: Run) -> Outcome:
    """Anneal a batch sequence: move, swap, split, merge, add and remove batches and users."""
    workload = compile_workload(instance)
    if not workload.models:
        return serve_nobody(instance)
    line, plan = started(workload, run)
    run.report(int(line.size[1]))
    search = Search(workload, run, line, enough=int(workload.most.sum()))
    stopped = search.run()
    return Outcome(search.plan(plan), stopped=stopped, message=f"{search.iterations} moves tried")
