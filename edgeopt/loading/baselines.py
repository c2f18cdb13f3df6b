"""Baselines: the optimum without sharing, earliest deadline first, and random plans."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeopt.loading.arrays import HORIZON_MARGIN, bandwidths, compile_arrays
from edgeopt.loading.dp import Watch
from edgeopt.loading.extended.in_turn import ExtendedLine
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.merging import Pool
from edgeopt.loading.modes import Mode, implementation, unusual_mode
from edgeopt.loading.nobody import serve_nobody
from edgeopt.method import method
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped


@implementation("no-sharing", Mode.ONE_DEADLINE)
def solve_without_sharing(instance: LoadingInstance, run: Run) -> Outcome:
    """Serve the most users when each switch loads the whole model: a knapsack over models, by min-plus merges."""
    arrays, watch = compile_arrays(instance), Watch(run)
    if not arrays.model_names:
        return serve_nobody(instance)
    tables = []
    for serve, load in zip(arrays.serve_s, arrays.model_load_s, strict=True):
        table = serve.copy()
        table[1:] += load
        tables.append(table)
    pool = Pool(tables, arrays.horizon_s, watch.expired)
    shares = pool.shares(len(pool.table) - 1)
    order = [model for model, share in enumerate(shares) if share]
    run.report(sum(shares))
    return Outcome(
        arrays.plan(order, [shares[model] for model in order]),
        stopped=watch.reason or Stopped.FINISHED,
        message="chosen as if each switch loaded the whole model; no bound on the optimum with sharing",
    )


class Line:
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


def _line(instance: LoadingInstance) -> Line | ExtendedLine:
    return ExtendedLine(instance) if unusual_mode(instance) else Line(instance)


def serve_in_turn(instance: LoadingInstance, users: Sequence[str], run: Run) -> tuple[Plan, Stopped]:
    """Add users in this order, leaving out those who would make anybody late."""
    line, served = _line(instance), 0
    for user in users:
        reason = run.stop_reason()
        if reason:
            return line.plan(), reason
        served += line.add(user)
    run.report(served)
    return line.plan(), Stopped.FINISHED


def _outcome(instance: LoadingInstance, plan: Plan, stopped: Stopped, order: str) -> Outcome:
    if stopped == Stopped.FINISHED and not plan["batches"]:
        return serve_nobody(instance)
    return Outcome(plan, stopped=stopped, message=f"{order}, {len(plan['batches'])} batches")


@method("loading", "edf", kind="baseline", guarantee="none")
def solve_earliest_deadline_first(instance: LoadingInstance, run: Run) -> Outcome:
    """Add users by deadline (ties: by upload time, then by name); skip those who would make anybody late."""
    facts = instance.users
    users = sorted(facts, key=lambda user: (facts[user].deadline_s, instance.upload_s(user), user))
    plan, stopped = serve_in_turn(instance, users, run)
    return _outcome(instance, plan, stopped, "earliest deadline first")


@method("loading", "random", kind="baseline", guarantee="none")
def solve_at_random(instance: LoadingInstance, run: Run) -> Outcome:
    """Add users in random order; skip those who would make anybody late."""
    names = sorted(instance.users)
    users = [names[index] for index in np.random.default_rng(run.options.seed).permutation(len(names))]
    plan, stopped = serve_in_turn(instance, users, run)
    return _outcome(instance, plan, stopped, "users in random order")
