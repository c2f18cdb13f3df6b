"""Baselines that add users one after another, in any mode: earliest deadline first, and at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edgeopt.loading.bandwidths import bandwidths, radio
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.workload import HORIZON_MARGIN
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped


@dataclass
class Turn:
    """A batch of a line: its users, when it has to end, and what is evicted for it."""

    model: str
    users: list[str]
    due_s: float
    evict: list[str] = field(default_factory=list)


class LineInAnyMode:
    """Batches in the order of their service, extended user by user as long as nobody becomes late.

    Uploads go in batch order. With capacity retention the blocks used longest ago are evicted when a batch needs room.

    Parameters
    ----------
    instance : LoadingInstance
    """

    def __init__(self, instance: LoadingInstance) -> None:
        self._instance = instance
        self._turns: list[Turn] = []
        self._latest: dict[str, int] = {}

    def add(self, user: str) -> bool:
        """Serve a user in the latest batch of its model, else in a new last batch; return False if neither works."""
        facts = self._instance.users[user]
        due, limit = facts.deadline_s * (1 + HORIZON_MARGIN), self._instance.capacity(facts.model)
        turn = self._turns[self._latest[facts.model]] if facts.model in self._latest else None
        if turn is not None and (limit is None or len(turn.users) < limit):
            before = turn.due_s
            turn.users.append(user)
            turn.due_s = min(before, due)
            if self._in_time():
                return True
            turn.users.pop()
            turn.due_s = before
        if limit == 0:
            return False
        self._turns.append(Turn(facts.model, [user], due))
        if self._in_time():
            self._latest[facts.model] = len(self._turns) - 1
            return True
        self._turns.pop()
        return False

    def plan(self) -> Plan:
        """Return the plan of these batches."""
        self._in_time()
        batches = [
            {"model": turn.model, "users": turn.users, **({"evict": turn.evict} if turn.evict else {})}
            for turn in self._turns
        ]
        return {"batches": batches, **radio(self._instance, [user for turn in self._turns for user in turn.users])}

    def _in_time(self) -> bool:
        """Run all batches; return whether none ends late."""
        instance, library = self._instance, self._instance.library
        overlapped = instance.upload == "overlapped"
        uploads = [sum(map(instance.upload_s, turn.users)) for turn in self._turns]
        uploaded, clock = 0.0, 0.0 if overlapped else sum(uploads)
        resident: list[str] = []
        for turn, upload in zip(self._turns, uploads, strict=True):
            uploaded += upload
            needed = library.models[turn.model].blocks
            clock += self._load_s(needed, resident)
            self._make_room(turn, needed, resident)
            model = library.models[turn.model]
            start = max(clock, uploaded) if overlapped else clock
            clock = start + (model.compute_fixed_s or 0.0) + (model.compute_per_sample_s or 0.0) * len(turn.users)
            if clock > turn.due_s:
                return False
        return True

    def _load_s(self, needed: list[str], resident: list[str]) -> float:
        sizes, held = self._instance.library.blocks, set(resident)
        missing = sum(sizes[block] for block in needed if block not in held)
        return missing / self._instance.server.load_rate_bytes_per_s

    def _make_room(self, turn: Turn, needed: list[str], resident: list[str]) -> None:
        """Put the batch's blocks at the end of the resident ones, and evict from their front."""
        instance, sizes, now = self._instance, self._instance.library.blocks, set(needed)
        others = [block for block in resident if block not in now]
        turn.evict = []
        if instance.retention == "capacity":
            workspace = (instance.library.models[turn.model].workspace_bytes_per_sample or 0) * len(turn.users)
            excess = sum(sizes[block] for block in [*others, *needed]) + workspace - instance.server.memory_bytes
            while excess > 0:
                turn.evict.append(others.pop(0))
                excess -= sizes[turn.evict[-1]]
            resident[:] = others + needed
        else:
            resident[:] = needed


class LineInPhases:
    """Batches in the order of their service, extended user by user as long as nobody becomes late.

    Parameters
    ----------
    instance : LoadingInstance
    """

    def __init__(self, instance: LoadingInstance) -> None:
        self._instance = instance
        self._models: list[str] = []
        self._users: list[list[str]] = []
        self._latest: dict[str, int] = {}
        # Of each batch: when it ends, and the earliest deadline in it.
        self._end_s = np.empty(len(instance.users))
        self._due_s = np.empty(len(instance.users))

    def add(self, user: str) -> bool:
        """Serve a user in the latest batch of its model, else in a new last batch; return False if neither works."""
        model = self._instance.users[user].model
        limit, batch = self._instance.capacity(model), self._latest.get(model)
        if batch is not None and (limit is None or len(self._users[batch]) < limit) and self._join(batch, user):
            return True
        return limit != 0 and self._append(model, user)

    def plan(self) -> Plan:
        """Return the plan of these batches."""
        batches = [{"model": model, "users": users} for model, users in zip(self._models, self._users, strict=True)]
        return {"batches": batches, "bandwidth_hz": bandwidths(self._instance, [u for b in self._users for u in b])}

    def _due(self, user: str) -> float:
        return self._instance.users[user].deadline_s * (1 + HORIZON_MARGIN)

    def _join(self, batch: int, user: str) -> bool:
        """Enlarge a batch: the upload delays all batches, the sample this one and those after it."""
        count = len(self._users)
        end = self._end_s[:count] + self._instance.upload_s(user)
        end[batch:] += self._instance.library.models[self._models[batch]].compute_per_sample_s or 0.0
        due = min(self._due_s[batch], self._due(user))
        if end[batch] > due or (end > self._due_s[:count]).any():
            return False
        self._end_s[:count], self._due_s[batch] = end, due
        self._users[batch].append(user)
        return True

    def _append(self, model: str, user: str) -> bool:
        """Add a batch at the end: the upload delays all batches."""
        count, facts = len(self._users), self._instance.library.models[model]
        end = self._end_s[: count + 1].copy()
        end[count] = (end[count - 1] if count else 0.0) + self._load_s(model)
        end[count] += (facts.compute_fixed_s or 0.0) + (facts.compute_per_sample_s or 0.0)
        end += self._instance.upload_s(user)
        due = self._due(user)
        if end[count] > due or (end[:count] > self._due_s[:count]).any():
            return False
        self._end_s[: count + 1], self._due_s[count] = end, due
        self._latest[model] = count
        self._models.append(model)
        self._users.append([user])
        return True

    def _load_s(self, model: str) -> float:
        """Seconds to load what the last batch does not leave in memory."""
        library = self._instance.library
        resident = library.models[self._models[-1]].blocks if self._models else ()
        missing = set(library.models[model].blocks).difference(resident)
        return sum(library.blocks[block] for block in missing) / self._instance.server.load_rate_bytes_per_s


def _line(instance: LoadingInstance) -> LineInPhases | LineInAnyMode:
    return LineInPhases(instance) if instance.usual_modes else LineInAnyMode(instance)


def serve_in_turn(instance: LoadingInstance, users: Sequence[str], run: Run) -> tuple[Plan, Stopped]:
    """Add users in this order, leaving out those who would make anybody late, and those of weight 0."""
    line, served = _line(instance), []
    for user in users:
        reason = run.stop_reason()
        if reason:
            return line.plan(), reason
        if instance.users[user].weight and line.add(user):
            served.append(user)
    plan = line.plan()
    run.report(instance.worth(served), plan=lambda: plan)
    return plan, Stopped.FINISHED


def _outcome(instance: LoadingInstance, plan: Plan, stopped: Stopped, order: str) -> Outcome:
    if stopped == Stopped.FINISHED and not plan["batches"]:
        return serve_nobody(instance)
    return Outcome(plan, stopped=stopped, message=f"{order}, {len(plan['batches'])} batches")


def solve_earliest_deadline_first(instance: LoadingInstance, run: Run) -> Outcome:
    """Add users by deadline (ties: by upload time, then by name); skip those who would make anybody late."""
    facts = instance.users
    users = sorted(facts, key=lambda user: (facts[user].deadline_s, instance.upload_s(user), user))
    plan, stopped = serve_in_turn(instance, users, run)
    return _outcome(instance, plan, stopped, "earliest deadline first")


def solve_at_random(instance: LoadingInstance, run: Run) -> Outcome:
    """Add users in random order; skip those who would make anybody late."""
    names = sorted(instance.users)
    users = [names[index] for index in np.random.default_rng(run.options.seed).permutation(len(names))]
    plan, stopped = serve_in_turn(instance, users, run)
    return _outcome(instance, plan, stopped, "users in random order")
