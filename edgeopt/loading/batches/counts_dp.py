"""Exact for one deadline in all modes: a dynamic program over who is served and what is on the GPU.

States go by the number of users served, each of least time; see `counts_kernels` for states and dominance, and
docs/loading-modes-proofs.md for the proofs. With more than `target` users asked for, states that cannot reach them are
left out; when none is left, the plan with one user fewer is optimal.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from math import prod

import numpy as np

from edgeopt.loading.batches.annealing import Search, started
from edgeopt.loading.batches.plans import Batch, plan_of
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.workload import MOST_SINGLE_BLOCKS, Workload, compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

MOST_CODES = 10**12  # ways to say who is served, few of which are states: beyond, the method refuses
MOST_STATES = 12_000_000  # about 1 GB; beyond, it gives up
MOST_SETS = 20_000  # sets of blocks to keep at one time
CHUNK = 2_000  # states between two questions whether to stop
SEARCH_ITERATIONS = 100_000


def codes(workload: Workload) -> int:
    """Number of ways to say who is served: the states for one content of the GPU."""
    if workload.overlapped:
        return prod(int(most) + 1 for most in workload.most)
    return 2**workload.models * (int(workload.most.sum()) + 1)


def state_refusal(workload: Workload, most_codes: int = MOST_CODES) -> str | None:
    """Say why the states are too many, or return None."""
    number = codes(workload)
    if number > most_codes:
        ways = f"{Decimal(number):.1e} ways to choose whom to serve"  # they may be more than a float holds
        return f"{ways}, {most_codes:.1e} are in reach; 'local-search' would work"
    if workload.whole_atoms or (workload.keeps and len(workload.blocks) > MOST_SINGLE_BLOCKS):
        return f"more than {MOST_SINGLE_BLOCKS} blocks that the GPU may keep; 'local-search' would work"
    return None


def refusal(instance: LoadingInstance) -> str | None:
    """Say why `counts-dp` refuses the instance, and what would work, or return None."""
    return state_refusal(compile_workload(instance))


@dataclass(frozen=True)
class Answer:
    """What the dynamic program found.

    Attributes
    ----------
    sequence : list of Batch or None
        The sequence that serves most users, when these are at least as many as were requested.
    proved : bool
        No plan serves more, or as many as were asked for when there is no sequence.
    stopped : Stopped
    states : int
    paused : bool
        There is more to do, and it may be done.
    """

    sequence: list[Batch] | None
    proved: bool
    stopped: Stopped
    states: int
    paused: bool = False


class CountsProgram:
    """The dynamic program over a workload.

    Parameters
    ----------
    workload : Workload
    target : int
        At least so many users are asked for; 0 leaves no state out.
    """

    def __init__(self, workload: Workload, target: int) -> None:
        from edgeopt.loading.batches.counts_kernels import Question, Room, Store, new_kept_sets

        self._workload = workload
        self._question = Question(target, float(workload.horizon_s), workload.most, workload.batch, workload.upload_s)
        self._store = Store(
            states=np.empty((1 << 12, 7), np.int64),
            times=np.empty(1 << 12),
            slots=np.full(1 << 14, -1, np.int64),
            queues=np.full(int(workload.most.sum()) + 1, -1, np.int64),
            cursor=np.array([0, 0, 1], dtype=np.int64),
        )
        self._kept = new_kept_sets(MOST_SETS) if workload.keeps else None
        timing, models = workload.timing, workload.models
        bits = 1 << np.arange(len(timing.block_bytes)) if workload.keeps else 0
        self._room = Room(
            stride=np.concatenate([[1], np.cumprod(workload.most[:-1] + 1)]),
            masks=(timing.holds * bits).sum(axis=1) if workload.keeps else np.zeros(models, np.int64),
            last_s=float((timing.fixed_s + timing.sample_s).min(initial=np.inf)),
            served=np.zeros(models, np.int64),
            left=np.zeros(models, np.int64),
            place=np.zeros(models, np.int64),
            share_s=np.zeros(models),
            resident=np.zeros(len(timing.block_bytes), np.bool_),
        )
        states, times, slots, queues, _ = self._store
        states[0] = 0, 0 if workload.keeps else workload.models, -1, -1, 0, -1, -1
        times[0] = 0.0
        queues[0] = 0
        slots[0] = 0  # of the code 0

    def solve(self, run: Run, most: int | None = None) -> Answer:
        """Expand all states, or as many as the limits allow, `most` of them at a time; it can be called again."""
        from edgeopt.loading.batches.counts_kernels import DONE, FULL, expand

        workload, expanded = self._workload, 0
        while (stopped := run.stop_reason()) is None:
            if most is not None and expanded >= most:
                return Answer(None, False, Stopped.FINISHED, int(self._store.cursor[2]), paused=True)
            expanded += CHUNK
            result = expand(CHUNK, self._store, self._kept, self._question, workload.timing, self._room)
            if result == DONE:
                return Answer(self._best(), True, Stopped.FINISHED, int(self._store.cursor[2]))
            if result < 0 or (result == FULL and not self._enlarge()):
                stopped = Stopped.FINISHED
                break
        return Answer(self._best(), False, stopped or Stopped.FINISHED, int(self._store.cursor[2]))

    def _enlarge(self) -> bool:
        """Make room for twice the states; return whether that is allowed."""
        from edgeopt.loading.batches.counts_kernels import rebuild_slots

        states, times, _, _, cursor = self._store
        if len(times) >= MOST_STATES:
            return False
        self._store = self._store._replace(
            states=np.concatenate([states, np.empty_like(states)]),
            times=np.concatenate([times, np.empty_like(times)]),
            slots=np.empty(4 * 2 * len(times), np.int64),
        )
        rebuild_slots(self._store.slots, self._store.states, self._store.times, int(cursor[2]))
        return True

    def _best(self) -> list[Batch] | None:
        """Read the batches back from a state of most users."""
        reached = np.flatnonzero(self._store.queues >= 0)
        users = int(reached[-1])
        if users < self._question.target:
            return None
        state = int(self._store.queues[users])
        steps: list[Batch] = []
        while (parent := int(self._store.states[state, 2])) >= 0:
            steps[:0] = self._visit(state, parent)
            state = parent
        return steps

    def _visit(self, state: int, parent: int) -> list[Batch]:
        """Return the batches between a state and its parent."""
        workload = self._workload
        content, model, count = (int(self._store.states[state, column]) for column in (1, 3, 4))
        blocks = range(len(workload.blocks))
        kept = tuple(block for block in blocks if content >> block & 1) if workload.keeps else ()
        if workload.overlapped:
            return [Batch(model, count, kept)]
        base = int(workload.most.sum()) + 1
        users = int(self._store.states[state, 0]) % base - int(self._store.states[parent, 0]) % base
        return [Batch(model, min(count, users - done), kept) for done in range(0, users, count)]


def solve_counts(instance: LoadingInstance, run: Run) -> Outcome:
    """Find the least time for every way to serve users and every content of the GPU, in any mode."""
    workload = compile_workload(instance)
    if not workload.models:
        return serve_nobody(instance)
    most = int(workload.most.sum())
    line, plan = started(workload, run)
    search = Search(workload, run, line, enough=most)
    search.run(SEARCH_ITERATIONS)
    plan = search.plan(plan)
    users = sum(len(batch["users"]) for batch in plan["batches"])
    run.report(users, plan=partial(dict, plan))
    answer = CountsProgram(workload, users + 1).solve(run)
    if answer.sequence is not None:
        plan = plan_of(workload, answer.sequence)
        users = sum(batch.users for batch in answer.sequence)
    bound = users if answer.proved else most
    return Outcome(plan, bound, answer.stopped, message=f"{answer.states} states")
