"""The dynamic programs of orders with weights: tables by weight in the place of tables by number of users.

Entry v of a model's table is the least time in which users of v units of weight or more are served: a knapsack over the
users, whose states are the units and the place in the last batch. The merges are those without weights. Proofs:
docs/loading-weights-proofs.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.bandwidths import bandwidths
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.objective import Objective
from edgeopt.loading.orders import dp, modular_dp
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Number, Plan

MOST_UNITS = 20_000  # of all users: merges take time with the square
MOST_STEPS = 50_000_000  # users times places in a batch times units, of all models

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """The users of one model, of whom any may be served.

    Attributes
    ----------
    upload_s : numpy.ndarray, shape (users,)
    units : list of int
        Their weights.
    places : int
        Users of a full batch; 1 where batches take no time of their own, or one batch holds all.
    fixed_s, sample_s : float
        Computing of a batch, and of each sample; all of it of the sample where batches hold no more.
    """

    upload_s: Table
    units: list[int]
    places: int
    fixed_s: float
    sample_s: float

    def times(self, taken: NDArray[np.bool_] | None = None) -> Table:
        """Return the least time for exactly v units with the last batch filled to place r, shape (places, units + 1).

        Place 0 is a full batch, or none. `taken`, of shape (users, places, units + 1), is told which users improved
        which entries.
        """
        times = np.full((self.places, sum(self.units) + 1), np.inf)
        times[0, 0] = 0.0
        batch_s = np.zeros((self.places, 1))
        batch_s[0] = self.fixed_s if self.places > 1 else 0.0
        for user, (upload, units) in enumerate(zip(self.upload_s.tolist(), self.units, strict=True)):
            more = np.roll(times[:, :-units] + (batch_s + (upload + self.sample_s)), 1, axis=0)
            better = more < times[:, units:]
            times[:, units:][better] = more[better]
            if taken is not None:
                taken[user, :, units:] = better
        return times

    def table(self, longest_s: float) -> Table:
        """Return the least time for v units or more, up to the last one that takes no longer than that."""
        least: Table = np.minimum.accumulate(self.times().min(axis=0)[::-1])[::-1].copy()
        if self.places == 1:
            least[1:] += self.fixed_s
        return least[: np.searchsorted(least, longest_s, side="right")]

    def users(self, units: int) -> list[int]:
        """Return users of so many units or more who are served in the least time."""
        taken = np.zeros((len(self.units), self.places, sum(self.units) + 1), np.bool_)
        times = self.times(taken)[:, units:]
        least = np.unravel_index(int(times.argmin()), times.shape)
        place, left = int(least[0]), units + int(least[1])
        chosen = []
        for user in range(len(self.units) - 1, -1, -1):
            if taken[user, place, left]:
                chosen.append(user)
                place, left = (place - 1) % self.places, left - self.units[user]
        return chosen[::-1]


@dataclass(frozen=True)
class Weighed(Prefixes):
    """Models with tables by units of weight, see the module.

    Attributes
    ----------
    objective : Objective
    choices : list of Choice
    """

    objective: Objective = field(kw_only=True)
    choices: list[Choice] = field(kw_only=True)

    def value(self, entry: int) -> Number:
        """Return the weight of so many units."""
        return self.objective.value(entry)

    def most_without_loading(self) -> Number:
        """Return the weight of all users."""
        return self.objective.most

    def plan(self, order: Sequence[int], counts: Sequence[int]) -> Plan:
        """Make the plan that visits models in `order` and serves `counts[p]` units of weight or more of each."""
        batches = []
        for model, units in zip(order, counts, strict=True):
            served = [self.users[model][user] for user in self.choices[model].users(units)]
            size = int(self.capacity[model])
            for start in range(0, len(served), size):
                batches.append({"model": self.model_names[model], "users": served[start : start + size]})
        return {"batches": batches, "bandwidth_hz": bandwidths(self.instance, [u for b in batches for u in b["users"]])}


def weighed(work: Workload) -> Weighed:
    """Compute the tables of all models."""
    objective = work.queues.objective
    units = dict(zip(work.queues.user_names, objective.units, strict=True))
    choices = [
        Choice(
            upload_s=np.array([work.instance.upload_s(user) for user in users]),
            units=[units[user] for user in users],
            places=_places(work, model),
            fixed_s=float(work.fixed_s[model]) if work.batch[model] > 1 else 0.0,
            sample_s=float(work.sample_s[model] + (0.0 if work.batch[model] > 1 else work.fixed_s[model])),
        )
        for model, users in enumerate(work.users)
    ]
    return Weighed(
        instance=work.instance,
        deadline_s=work.deadline_s,
        horizon_s=work.horizon_s,
        model_names=work.model_names,
        users=work.users,
        capacity=work.batch,
        serve_s=[
            choice.table(work.horizon_s - float(load)) for choice, load in zip(choices, work.load_s[-1], strict=True)
        ],
        sharing=work.sharing,
        objective=objective,
        choices=choices,
    )


def _places(work: Workload, model: int) -> int:
    size = int(work.batch[model])
    return 1 if work.fixed_s[model] == 0 or size >= len(work.users[model]) else size


def _refusal(work: Workload) -> str | None:
    """Say that the units of weight are too small or too many, or return None."""
    objective = work.queues.objective
    if not objective.users:
        return None
    if len(objective.users) > MOST_UNITS:
        return f"its tables have an entry for each unit of weight, and {len(objective.users)} users are too many"
    total = sum(objective.units) if objective.unit is not None else MOST_UNITS + 1
    if total > MOST_UNITS:
        return (
            "its tables have an entry for each unit of weight; the weights are multiples of a unit of which all have "
            f"more than {MOST_UNITS}; 'exact' and 'local-search' would work, or rounder weights"
        )
    units = dict(zip(objective.users, objective.units, strict=True))
    steps = sum(
        len(users) * _places(work, model) * sum(units[user] for user in users) for model, users in enumerate(work.users)
    )
    if steps > MOST_STEPS:
        return (
            f"its tables take {steps} steps, for users, places in a batch and units of weight, and more than "
            f"{MOST_STEPS} are too many; 'exact' and 'local-search' would work"
        )
    return None


def tree_refusal(instance: LoadingInstance) -> str | None:
    """Say which two blocks cross, or what is wrong with the weights; or return None."""
    return dp.crossing_refusal(instance) or _refusal(compile_workload(instance))


def modular_refusal(instance: LoadingInstance) -> str | None:
    """Say how wide the crossing blocks are, or what is wrong with the weights; or return None."""
    return modular_dp.width_refusal(instance) or _refusal(compile_workload(instance))


def solve_tree(instance: LoadingInstance, run: Run) -> Outcome:
    """Solve an instance with tree sharing, one deadline and weights."""
    work = compile_workload(instance)
    return dp.solve_tables(weighed(work), run) if work.models else serve_nobody(instance)


def solve_modular(instance: LoadingInstance, run: Run) -> Outcome:
    """Solve an instance with one deadline and weights whose groups of crossing blocks are narrow."""
    work = compile_workload(instance)
    return modular_dp.solve_tables(weighed(work), run) if work.models else serve_nobody(instance)
