"""A second opinion in the other modes: slots for batches in CP-SAT, beside which no code of `exact` stands.

A slot runs one model. Which users have been served up to each slot, and which blocks are on the GPU in it, are
decisions; so one model states all modes, with one deadline or many. CP-SAT computes in integers. With times rounded
down and deadlines up the model is a relaxation: its bound is valid for the instance. Its plans are judged in the
instance's own times; when one is too late, the model with times rounded up gives one that is not. Bytes are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeopt.loading.batches.plans import Batch, in_time, plan_for
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.objective import Objective
from edgeopt.loading.workload import MOST_SINGLE_BLOCKS, Workload, compile_workload
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Number, Plan, Status, Stopped

if TYPE_CHECKING:
    from edgeopt.engines.running import Result

MOST_CELLS = 150  # slots times users
UNITS = 2**30  # time units of the latest deadline
WEIGHT_UNITS = 2**44  # of all weights, where they are no whole numbers
ROUNDING = 1e-6  # units by which a float may be off

Line = tuple[list[Batch], list[list[str]]]  # batches and their users


def most_slots(work: Workload) -> int:
    """Return how many batches are enough: no more than users that radio and GPU, each alone, could serve."""
    queues = work.queues

    def fitting(seconds: Any) -> int:
        return int(np.searchsorted(np.cumsum(np.sort(seconds)), work.horizon_s, side="right"))

    return min(len(queues.user_names), fitting(queues.upload_s), fitting(work.sample_s[queues.model]))


def size_refusal(instance: LoadingInstance) -> str | None:
    """Say that there are too many slots or users, or return None."""
    work = compile_workload(instance)
    cells = most_slots(work) * len(work.queues.user_names)
    if cells > MOST_CELLS:
        return f"it is a second opinion for up to {MOST_CELLS} pairs of slot and user, here {cells}; {_INSTEAD}"
    if work.whole_atoms:
        return f"more than {MOST_SINGLE_BLOCKS} blocks that the GPU may keep; {_INSTEAD}"
    return None


_INSTEAD = "'exact' and 'local-search' would work"


def solve_cpsat(instance: LoadingInstance, run: Run) -> Outcome:
    """Prove the optimum by slots for batches in CP-SAT."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    start = run.options.start.plan if run.options.start is not None else None
    return Outcome(*solve_slots(work, run, start))


def solve_slots(work: Workload, run: Run, start: Plan | None) -> tuple[Plan, Number, Stopped, bool, str]:
    """Solve the model for a workload in which somebody can be served, from a plan if there is one.

    Returns the fields of an `Outcome`.
    """
    relaxed = Slots(work, run, round_up=False)
    if start is not None:
        relaxed.hint(start)
    known: Incumbent[Line] = Incumbent(run, plan=lambda line: plan_for(work, *line))
    result = relaxed.solve(known)
    bound = work.queues.objective.most if result.bound is None else relaxed.value(result.bound)
    message = f"{relaxed.number} slots for batches"
    if not relaxed.offer(result, known):
        cautious = Slots(work, run, round_up=True)
        result = cautious.solve(known)
        cautious.offer(result, known)
        message += "; the bound with times rounded down, the plan with times rounded up"
    stopped = Stopped.FINISHED if result.stopped == Stopped.PROVED else result.stopped
    return plan_for(work, *(known.best or ([], []))), bound, stopped, False, message


def _whole_weights(objective: Objective) -> tuple[list[int], Callable[[int], Number]]:
    """Return the weights of users in whole units, rounded up, and what so many units count."""
    if objective.unit is not None:
        return objective.units, objective.value
    weights = [] if objective.weight is None else objective.weight.tolist()
    unit = float(objective.most) / WEIGHT_UNITS
    return [ceil(weight / unit) for weight in weights], lambda units: units * unit


class Slots:
    """The model in CP-SAT.

    Parameters
    ----------
    work : Workload
    run : Run
    round_up : bool
        Times rounded up and deadlines down, so that every plan of the model is one of the instance; otherwise the other
        way round, so that the model's bound is one of the instance.

    Attributes
    ----------
    number : int
        Slots.
    """

    def __init__(self, work: Workload, run: Run, round_up: bool) -> None:
        from ortools.sat.python import cp_model

        self.work, self.run, self.number = work, run, most_slots(work)
        self.model = cp_model.CpModel()
        self._round_up = round_up
        self._unit = (work.horizon_s or 1.0) / UNITS
        slots, users = range(self.number), range(len(work.queues.user_names))
        self._runs = [[self.model.new_bool_var("") for _ in range(work.models)] for _ in slots]
        self._done = [[self.model.new_bool_var("") for _ in users] for _ in slots]
        self._serves = [
            [self._done[slot][user] - (self._done[slot - 1][user] if slot else 0) for user in users] for slot in slots
        ]
        self._one_model_each()
        self._users()
        self._order_of_users()
        self._resident: list[list[Any]] = []
        for slot in slots:
            self._blocks(slot)
        self._times()
        weights, self._value = _whole_weights(work.queues.objective)
        terms = zip(weights, self._done[-1], strict=True) if self.number else ()
        self.model.maximize(sum(weight * done for weight, done in terms))

    def value(self, bound: float) -> Number:
        """Return a bound of the model as one of the instance's objective."""
        most = self.work.queues.objective.most
        return min(most, self._value(round(bound)))

    def _units(self, seconds: float, up: bool | None = None) -> int:
        exact = float(seconds) / self._unit
        return ceil(exact + ROUNDING) if (self._round_up if up is None else up) else max(0, floor(exact - ROUNDING))

    def _one_model_each(self) -> None:
        """A slot runs one model at most; the first slots are used."""
        for slot, runs in enumerate(self._runs):
            self.model.add_at_most_one(runs)
            if slot:
                self.model.add(sum(runs) <= sum(self._runs[slot - 1]))

    def _users(self) -> None:
        """A user is served once, in a slot of its model; a used slot serves someone, and not more than memory holds."""
        queues = self.work.queues
        for slot, serves in enumerate(self._serves):
            for user, term in enumerate(serves):
                self.model.add(term >= 0)
                self.model.add(term <= self._runs[slot][int(queues.model[user])])
            for model, runs in enumerate(self._runs[slot]):
                mine = sum(serves[queues.first[model] : queues.first[model + 1]])
                self.model.add(mine >= runs)
                self.model.add(mine <= int(self.work.batch[model]) * runs)

    def _order_of_users(self) -> None:
        """Who uploads no longer is served if due no earlier, and not after another if due no later."""
        queues = self.work.queues
        for k, q in queues.dominations:
            if self.number:
                self.model.add_implication(self._done[-1][q], self._done[-1][k])
        for k, q in np.argwhere(queues.model[:, None] == queues.model[None, :]).tolist():
            sooner = (queues.upload_s[k], queues.due_s[k], k) < (queues.upload_s[q], queues.due_s[q], q)
            if k != q and sooner and queues.due_s[k] <= queues.due_s[q]:
                for done in self._done[:-1]:
                    self.model.add_bool_or(done[q].negated(), done[k], self._done[-1][k].negated())

    def _blocks(self, slot: int) -> None:
        """On the GPU are the blocks of the slot's model and, if they may stay, some that were there before."""
        work, runs = self.work, self._runs[slot]
        held = [sum(runs[i] for i in np.flatnonzero(work.holds[:, j])) for j in range(len(work.blocks))]
        if not work.keeps:
            self._resident.append(held)
            return
        resident = [self.model.new_bool_var("") for _ in held]
        for j, needed in enumerate(held):
            self.model.add(resident[j] >= needed)
            # Nothing is loaded ahead.
            self.model.add(resident[j] <= needed + (self._resident[slot - 1][j] if slot else 0))
        queues = work.queues
        workspace = [
            int(work.workspace_bytes[queues.model[user]]) * term for user, term in enumerate(self._serves[slot])
        ]
        size = sum(int(work.block_bytes[j]) * kept for j, kept in enumerate(resident))
        self.model.add(size + sum(workspace) <= work.instance.server.memory_bytes)
        self._resident.append(resident)

    def _times(self) -> None:
        """Load what is not there, wait for uploads, compute; end before the deadlines of the slot's users."""
        work, queues = self.work, self.work.queues
        end: Any = 0
        uploads = [self._units(seconds) for seconds in queues.upload_s]
        if not work.overlapped and self.number:
            end = sum(units * done for units, done in zip(uploads, self._done[-1], strict=True))
        block_units = [self._units(size / work.rate) for size in work.block_bytes]
        latest = [min(UNITS, self._units(due, up=not self._round_up)) for due in queues.due_s]
        for slot, serves in enumerate(self._serves):
            start, before = self.model.new_int_var(0, UNITS, ""), end
            loaded = []
            for j, units in enumerate(block_units):
                literal = self.model.new_bool_var("")
                self.model.add(literal >= self._resident[slot][j] - (self._resident[slot - 1][j] if slot else 0))
                loaded.append(units * literal)
            self.model.add(start >= before + sum(loaded))
            if work.overlapped:
                done = self._done[slot]
                self.model.add(start >= sum(units * literal for units, literal in zip(uploads, done, strict=True)))
            terms = [self._units(work.fixed_s[i]) * runs for i, runs in enumerate(self._runs[slot])]
            terms += [self._units(work.sample_s[queues.model[user]]) * term for user, term in enumerate(serves)]
            end = self.model.new_int_var(0, UNITS, "")
            self.model.add(end >= start + sum(terms))
            for user, term in enumerate(serves):
                if latest[user] < UNITS:
                    self.model.add(end <= UNITS - (UNITS - latest[user]) * term)

    def hint(self, plan: Plan) -> None:
        """Start from the batches of a plan."""
        queues, models = self.work.queues, {name: i for i, name in enumerate(self.work.model_names)}
        number = {name: user for user, name in enumerate(queues.user_names)}
        done: set[int] = set()
        for slot in range(min(self.number, len(plan["batches"]))):
            batch = plan["batches"][slot]
            done |= {number[name] for name in batch["users"] if name in number}
            for model, runs in enumerate(self._runs[slot]):
                self.model.add_hint(runs, models.get(batch["model"]) == model)
            for user, literal in enumerate(self._done[slot]):
                self.model.add_hint(literal, user in done)

    def solve(self, known: Incumbent[Line]) -> Result:
        """Run CP-SAT; its bounds are reported where they are bounds of the instance, its plans are offered."""
        from edgeopt.loading.cpsat_run import run_model

        bounds = None if self._round_up else self.value
        found = partial(self.offer, known=known)
        return run_model(self.model, self.run, {"linearization_level": 2}, bounds=bounds, found=found)

    def offer(self, result: Result, known: Incumbent[Line]) -> bool:
        """Offer a solution, if it is in time, and say whether it is."""
        line = self.batches(result)
        if not in_time(self.work, *line):
            return False
        known.offer(line, self.work.instance.worth(user for users in line[1] for user in users))
        return True

    def batches(self, result: Result) -> Line:
        """Return the batches and their users; none without a solution."""
        work, sequence, named = self.work, [], []
        if result.status not in (Status.OPTIMAL, Status.FEASIBLE):
            return [], []
        before: set[int] = set()
        for slot, literals in enumerate(self._done):
            done = {user for user, literal in enumerate(literals) if result.true(literal)}
            users, before = sorted(done - before), done
            if users:
                kept = [j for j, literal in enumerate(self._resident[slot]) if work.keeps and result.true(literal)]
                sequence.append(Batch(int(work.queues.model[users[0]]), len(users), tuple(kept)))
                named.append([work.queues.user_names[user] for user in users])
        return sequence, named
