"""Greedy insertion and local search on batch sequences, for one deadline in any mode."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from edgeopt.loading.batches.plans import Batch, plan_of, served, users_of
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.patience import Patience
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped

if TYPE_CHECKING:
    from edgeopt.loading.batches.annealing_kernels import Limits, Sequence

DEFAULT_EFFORT = 200_000_000  # iterations times batches, when neither time nor iterations are limited
ITERATIONS_FOR_A_USER = 100_000
CHUNK_EFFORT = 600_000  # iterations times batches between two questions whether to stop
ROUND_FOR_A_USER = 2_000  # iterations of one cooling; they double when all of WARM had their turn
WARM = (0.3, 0.7, 2.0)  # users that a first move may lose; rounds take turns
COLD = 0.03
PRICE_FACTOR = 0.6  # at first, of the users per second of the best sequence


def end_s(workload: Workload, models: Iterable[int], counts: Iterable[int]) -> float:
    """Return when these batches end, with blocks kept as `keep_soonest` does."""
    from edgeopt.loading.batches.timing_kernels import finish_s

    given = np.array(list(models), dtype=np.int64), np.array(list(counts), dtype=np.int64)
    return float(finish_s(*given, len(given[0]), workload.upload_s, workload.timing))


def sequence_of(workload: Workload, batches: Iterable[Batch] = ()) -> Sequence:
    """Lay batches out for the kernels."""
    from edgeopt.loading.batches.annealing_kernels import Sequence

    room, batches = int(workload.most.sum()) + 1, list(batches)
    made = Sequence(np.zeros(room, np.int64), np.zeros(room, np.int64), np.array([len(batches), served(batches)]))
    for place, batch in enumerate(batches):
        made.models[place], made.counts[place] = batch.model, batch.users
    return made


def batches_of(workload: Workload, sequence: Sequence) -> list[Batch]:
    """Return the batches of a sequence, with what `keep_soonest` keeps."""
    length = int(sequence.size[0])
    pairs = list(zip(sequence.models[:length].tolist(), sequence.counts[:length].tolist(), strict=True))
    if not workload.keeps:
        return [Batch(model, count) for model, count in pairs]
    from edgeopt.loading.batches.timing_kernels import kept_blocks

    kept = kept_blocks(sequence.models, sequence.counts, length, workload.timing)
    return [Batch(*pair, tuple(np.flatnonzero(row).tolist())) for pair, row in zip(pairs, kept, strict=True)]


def limits_of(workload: Workload) -> Limits:
    """Return the deadline, the users and the batches of a workload as the kernels take them."""
    from edgeopt.loading.batches.annealing_kernels import Limits

    return Limits(float(workload.horizon_s), workload.most, workload.batch, workload.upload_s)


def greedy_sequence(workload: Workload, run: Run) -> Sequence:
    """Insert batches, or users into batches, as long as they fit: those first that take the least time each."""
    from edgeopt.loading.batches.annealing_kernels import grow

    sequence, limits = sequence_of(workload), limits_of(workload)
    while run.stop_reason() is None and grow(sequence, limits, workload.timing):
        pass
    return sequence


def sequence_of_plan(workload: Workload, plan: Plan) -> Sequence:
    """Return the batches of a plan by their numbers of users; with other evictions they may be late."""
    number = {name: index for index, name in enumerate(workload.model_names)}
    return sequence_of(workload, [Batch(number[b["model"]], len(b["users"])) for b in plan["batches"]])


class Search:
    """Rounds of annealing, each from the best sequence so far.

    Parameters
    ----------
    workload : Workload
    run : Run
    start : Sequence
        In time.
    enough : int
        Number of users at which the search may end.

    Attributes
    ----------
    best : Sequence
    iterations : int
    enough : int
    """

    def __init__(self, workload: Workload, run: Run, start: Sequence, enough: int) -> None:
        self._workload, self._run, self.enough = workload, run, enough
        self._limits = limits_of(workload)
        self._state = np.random.default_rng(run.options.seed).integers(1, 2**63, size=1, dtype=np.uint64)
        self._limit = self._given_limit()
        self._patience = Patience(default_iterations(workload))
        self._suggested: Sequence | None = None
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

    def suggest(self, order: Iterable[int], counts: Iterable[int]) -> None:
        """Begin the next round with full batches of these models, in time or not."""
        batch = self._workload.batch
        sequence = [
            Batch(model, min(int(batch[model]), count - done))
            for model, count in zip(order, counts, strict=True)
            for done in range(0, count, int(batch[model]))
        ]
        self._suggested = sequence_of(self._workload, sequence) if sequence else None

    def plan(self, start: Plan | None) -> Plan:
        """Return the plan of the best sequence, or that of the start where it serves more."""
        if start is not None and users_of(start) > self.best.size[1]:
            return start
        return _plan_of(self._workload, self.best)

    def _round(self) -> None:
        from edgeopt.loading.batches.annealing_kernels import Heat, anneal

        workload, best = self._workload, self.best
        line = copied(best if self._suggested is None else self._suggested)
        self._suggested = None
        warmth = WARM[self._rounds % len(WARM)]
        steps_of_round = ROUND_FOR_A_USER * int(workload.most.sum()) << self._rounds // len(WARM)
        cooling = (COLD / warmth) ** (1 / steps_of_round)
        self._rounds += 1
        price = PRICE_FACTOR * max(1, int(best.size[1])) / max(workload.horizon_s, 1e-300)
        heat, end = Heat(warmth, cooling, price), self.iterations + steps_of_round
        while self.iterations < end and self.ended() is None:
            steps = min(end - self.iterations, 1 + CHUNK_EFFORT // (1 + int(line.size[0])))
            if self._limit is not None:
                steps = min(steps, self._limit - self.iterations)
            heat = anneal(steps, heat, line, best, self._limits, workload.timing, self._state)
            self.iterations += steps
            self._run.count(steps)
            self._run.report(int(best.size[1]), plan=partial(_plan_of, workload, copied(best)))


def copied(sequence: Sequence) -> Sequence:
    """Return a sequence that changes apart from this one."""
    from edgeopt.loading.batches.annealing_kernels import Sequence

    return Sequence(*(part.copy() for part in sequence))


def _plan_of(workload: Workload, sequence: Sequence) -> Plan:
    return plan_of(workload, batches_of(workload, sequence))


def default_iterations(workload: Workload) -> int:
    """Iterations of a run that is limited neither in time nor in iterations."""
    batches = int((-(-workload.most // workload.batch)).sum())
    return min(ITERATIONS_FOR_A_USER * int(workload.most.sum()), 1 + DEFAULT_EFFORT // (1 + batches))


def started(workload: Workload, run: Run) -> tuple[Sequence, Plan | None]:
    """Return the better of the greedy sequence and the start's, and the start's plan where its evictions are better."""
    line = greedy_sequence(workload, run)
    plan = run.options.start.plan if run.options.start is not None else None
    if plan is None or users_of(plan) <= line.size[1]:
        return line, None
    own = sequence_of_plan(workload, plan)
    length = int(own.size[0])
    in_time = end_s(workload, own.models[:length].tolist(), own.counts[:length].tolist()) <= workload.horizon_s
    return (own, None) if in_time else (line, plan)


def solve_greedy(instance: LoadingInstance, run: Run) -> Outcome:
    """Insert batches as long as they fit."""
    workload = compile_workload(instance)
    if not workload.models:
        return serve_nobody(instance)
    batches = batches_of(workload, greedy_sequence(workload, run))
    plan = plan_of(workload, batches)
    run.report(users_of(plan), plan=lambda: plan)
    return Outcome(
        plan,
        stopped=run.stop_reason() or Stopped.FINISHED,
        message=f"{len(batches)} batches by least time for each user",
    )


def solve_local_search(instance: LoadingInstance, run: Run) -> Outcome:
    """Anneal a batch sequence: move, swap, split, merge, add and remove batches and users."""
    workload = compile_workload(instance)
    if not workload.models:
        return serve_nobody(instance)
    line, plan = started(workload, run)
    run.report(int(line.size[1]), plan=partial(_plan_of, workload, copied(line)))
    search = Search(workload, run, line, enough=int(workload.most.sum()))
    stopped = search.run()
    return Outcome(search.plan(plan), stopped=stopped, message=f"{search.iterations} moves tried")
