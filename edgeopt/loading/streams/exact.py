"""The optimum of a small stream: states by who is served and what is on the GPU, searched best bound first.

States and their dominance are those of `state_kernels`, the bound that of `reach_kernels`; docs/streams-proofs.md has
the proofs. It begins with the best plan of the simple policies, and ends early with a bound on all that is open.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeopt.loading.bandwidths import radio
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.streams.ahead import fitting_blocks
from edgeopt.loading.streams.searched import Plans
from edgeopt.loading.streams.tables import MOST_USERS, NEXT, Names, Tables, size_refusal, tables_of
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.quantities import number
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Plan, Stopped

FIRST_ITERATIONS = 10  # before heuristics are asked
SHARE = 0.1  # of the time that is left, for each of them
BEAMS, ITERATIONS = 8, 100
CHUNK = 1_000  # states between two questions whether to stop: an iteration
FIRST_STATES = 1 << 12  # there is room for twice as many whenever they are full
MOST_STATES = 6_000_000  # about 1 GB; beyond, it gives up
MOST_SETS = 20_000  # sets of blocks to keep at one time
MOST_BATCHES = 1 << 16  # of a model at one time


def refusal(instance: LoadingInstance) -> str | None:
    """Say why `exact` refuses a stream, and what would work, or return None."""
    return size_refusal(compile_workload(instance))


def solve_exact(instance: LoadingInstance, run: Run) -> Outcome:
    """Prove the optimum of a stream, or bound it; an iteration is a thousand states.

    Where the first of them are not enough, heuristics look for a better plan, which leaves out more states.
    """
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    plans = Plans(work, run)
    plans.follow_policies()
    objective, notes = work.queues.objective, [""]
    known: Incumbent[Plan] = Incumbent(run, plans.plan, plans.value, objective.most, dict)
    run.report(known.value, known.bound)
    search = Search(work, objective.in_units(plans.value))
    stopped, iterations = None, 0
    while not known.closed():
        if run.options.iteration_limit is not None and iterations >= run.options.iteration_limit:
            stopped = Stopped.ITERATION_LIMIT
            break
        if iterations == FIRST_ITERATIONS:
            notes[0] = _look_elsewhere(run, plans, known)
            search.surpass(objective.in_units(plans.value))
        iterations += 1
        run.count()
        more = search.expand()
        if search.units > objective.in_units(known.value or 0):
            known.offer(search.plan(), objective.value(search.units))
        known.tighten(objective.value(search.bound))
        if not more:
            break
    notes.append(f"{search.states} states{', given up' if search.given_up else ''}")
    stopped = stopped or run.stop_reason() or Stopped.FINISHED
    return Outcome(known.best, known.bound, stopped, message="; ".join(filter(None, notes)))


def _look_elsewhere(run: Run, plans: Plans, known: Incumbent[Plan]) -> str:
    """Search by beams and locally, in a small part of the time, and say what was found."""
    plans.search_beams(run.part(SHARE * run.remaining_s()), BEAMS)
    plans.search_locally(run.part(SHARE * run.remaining_s()), ITERATIONS, known.bound)
    known.offer(plans.plan, plans.value)
    return f"{number(plans.value)} by beams and local search"


class Search:
    """The search of a stream's states.

    Parameters
    ----------
    work : Workload
    units : int
        Only plans that serve more units of the objective are looked for.

    Attributes
    ----------
    given_up : bool
        There is no room for more states.
    """

    def __init__(self, work: Workload, units: int) -> None:
        from edgeopt.loading.batches.counts_kernels import new_kept_sets
        from edgeopt.loading.streams.batch_kernels import Batches
        from edgeopt.loading.streams.reach_kernels import new_shares
        from edgeopt.loading.streams.state_kernels import NOTHING, Store

        self._work = work
        self._tables, self._names = tables_of(work)
        self.given_up = False
        self._batches = Batches(
            users=np.empty(MOST_BATCHES, np.int64),
            gone=np.empty(MOST_BATCHES, np.int64),
            start_s=np.empty(MOST_BATCHES),
            end_s=np.empty(MOST_BATCHES),
            picked=np.empty(MOST_USERS, np.int64),
        )
        self._shares = new_shares(self._tables)
        self._kept = new_kept_sets(MOST_SETS) if work.keeps else None
        self._store = Store(
            states=np.empty((FIRST_STATES, 10), np.int64),
            times=np.empty(FIRST_STATES),
            slots=np.full(4 * FIRST_STATES, NOTHING, np.int64),
            heap=np.empty(2 * FIRST_STATES, np.int64),
            cursor=np.array([1, 1, units, NOTHING, 0], np.int64),
        )
        empty = 0 if work.keeps else work.models
        everybody = int(self._tables.units.sum())
        self._store.states[0] = 0, empty, NOTHING, 0, NOTHING, NOTHING, 0, 0, NOTHING, everybody
        self._store.times[0] = 0.0
        self._store.heap[0] = 0

    @property
    def units(self) -> int:
        """What the best plan serves, in units of the objective: users, where they have no weights."""
        return int(self._store.cursor[2])

    def surpass(self, units: int) -> None:
        """Look for plans that serve more than so many units only."""
        self._store.cursor[2] = max(self.units, units)

    @property
    def states(self) -> int:
        """Number of states."""
        return int(self._store.cursor[0])

    @property
    def bound(self) -> int:
        """No plan serves more units."""
        from edgeopt.loading.streams.state_kernels import REACH

        states, heap, queued = self._store.states, self._store.heap, int(self._store.cursor[1])
        return max(self.units, int(states[heap[0], REACH])) if queued else self.units

    def expand(self) -> bool:
        """Expand some states; return whether there are more to expand."""
        from edgeopt.loading.streams.state_kernels import DONE, FULL, TOO_MANY, expand

        result = expand(CHUNK, self._store, self._batches, self._tables, self._shares, self._kept)
        self.given_up = result == TOO_MANY or (result == FULL and not self._enlarge())
        return result != DONE and not self.given_up

    def _enlarge(self) -> bool:
        """Make room for twice the states; return whether that is allowed."""
        from edgeopt.loading.streams.state_kernels import IN_SLOTS, NOTHING

        states, times, _, heap, _ = self._store
        if len(times) >= MOST_STATES:
            return False
        self._store = self._store._replace(
            states=np.concatenate([states, np.empty_like(states)]),
            times=np.concatenate([times, np.empty_like(times)]),
            slots=np.full(4 * 2 * len(times), NOTHING, np.int64),
            heap=np.concatenate([heap, np.empty_like(heap)]),
        )
        self._store.cursor[IN_SLOTS] = 0
        return True

    def plan(self) -> Plan:
        """Return the best plan."""
        from edgeopt.loading.streams.state_kernels import BEST_STATE, PARENT

        states = self._store.states
        path = [int(self._store.cursor[BEST_STATE])]
        while (parent := int(states[path[0], PARENT])) >= 0:
            path.insert(0, parent)
        return plan_of(self._work, self._tables, self._names, states[path[1:]])


def plan_of(work: Workload, tables: Tables, names: Names, steps: np.ndarray[Any, Any]) -> Plan:
    """Make the plan of the batches between states."""
    from edgeopt.loading.streams.state_kernels import AHEAD, CONTENT, MODEL, USERS

    batches: list[dict[str, Any]] = []
    resident = 0
    for place, step in enumerate(steps.tolist()):
        model, ahead, held = step[MODEL], step[AHEAD], int(tables.masks[step[MODEL]])
        users = [names.users[k] for k in _members(step[USERS])]
        batch: dict[str, Any] = {"model": names.models[model], "users": users}
        if work.keeps:
            kept = resident & (step[CONTENT] | held) & ~ahead
            evicted = resident & ~kept
            if evicted:
                batch["evict"] = [names.blocks[j] for j in _members(evicted)]
            resident = kept | held | ahead
            blocks = [names.blocks[j] for j in _members(ahead)]
        else:
            following = steps[place + 1][MODEL] if tables.prefetch == NEXT and place + 1 < len(steps) else model
            blocks = fitting_blocks(work, model, following, len(users))
        if blocks and place + 1 < len(steps):
            batch["prefetch"] = blocks
        batches.append(batch)
    return {"batches": batches, **radio(work.instance, [user for batch in batches for user in batch["users"]])}


def _members(bits: int) -> list[int]:
    return [bit for bit in range(bits.bit_length()) if bits >> bit & 1]
