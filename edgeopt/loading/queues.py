"""What every method for individual deadlines starts from: users in arrays, by model and there by deadline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgeopt.libraries.sharing import Sharing
from edgeopt.loading.bandwidths import bandwidths
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.objective import Objective
from edgeopt.loading.timing import Timing
from edgeopt.solution import Plan

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Batch = tuple[int, list[int]]  # a model and its users, by number
MOST_RELATED = 1000  # users in a row of one model whose figures are all compared


@dataclass(frozen=True)
class Queues:
    """A loading instance, reduced to the users who could be served if they were alone.

    Users are numbered by model, within a model by deadline, then by upload time, then by name. Times are seconds.

    Attributes
    ----------
    instance : LoadingInstance
    model_names, user_names : list of str
    model : numpy.ndarray of int64, shape (users,)
    upload_s : numpy.ndarray, shape (users,)
        Upload times u_k with the whole band.
    arrival_s : numpy.ndarray, shape (users,)
        Arrivals r_k; uploads start no sooner.
    due_s : numpy.ndarray, shape (users,)
        Deadlines T_k with a margin for rounding: limits to compare sums of floats with.
    first : numpy.ndarray of int64, shape (models + 1,)
        Users of model i are ``first[i]`` to ``first[i + 1] - 1``.
    capacity : numpy.ndarray of int64, shape (models,)
        Largest batch; at most the number of users of the model.
    fixed_s, per_sample_s : numpy.ndarray, shape (models,)
        Computing times a_i of a batch and b_i of a sample.
    switch_s : numpy.ndarray, shape (models + 1, models)
        Seconds to load the second model after the first; the last row: on an empty GPU.
    sharing : Sharing
        Blocks and atoms of these models only.
    """

    instance: LoadingInstance
    model_names: list[str]
    user_names: list[str]
    model: Integers
    upload_s: Floats
    arrival_s: Floats
    due_s: Floats
    first: Integers
    capacity: Integers
    fixed_s: Floats
    per_sample_s: Floats
    switch_s: Floats
    sharing: Sharing

    @cached_property
    def atom_load_s(self) -> Floats:
        """Seconds to load each atom, shape (atoms,)."""
        return self.sharing.atom_bytes / self.instance.server.load_rate_bytes_per_s

    @cached_property
    def timing(self) -> Timing:
        """What times batches after an upload phase, with consecutive retention."""
        none = np.zeros(len(self.model_names), np.int64)
        holds = np.zeros((len(self.model_names), 0), np.bool_)
        return Timing(
            False, False, self.fixed_s, self.per_sample_s, self.switch_s, 1.0, none, none, holds, np.zeros(0, np.int64)
        )

    @cached_property
    def objective(self) -> Objective:
        """What serving these users counts."""
        return Objective(self.instance, self.user_names)

    @cached_property
    def dominations(self) -> list[tuple[int, int]]:
        """Pairs (k, q) of users of one model: some optimal plan that serves q serves k, too.

        k uploads no longer, is due no earlier and weighs no less than q, ties by number. Pairs that follow from others
        are left out, and with weights those of users who are far apart in a long queue.
        """
        if self.objective.weight is not None:
            return self._weighted_dominations(self.objective.weight)
        pairs = []
        for low, high in zip(self.first, self.first[1:], strict=False):
            for q in range(low, high):
                # Better users of a later deadline; among them those that no third one separates from q.
                least = -1.0
                better = [k for k in range(low, high) if k != q and self._better(k, q)]
                for k in sorted(better, key=lambda k: (self.due_s[k], -self.upload_s[k], -k)):
                    if self.upload_s[k] > least:
                        pairs.append((k, q))
                        least = self.upload_s[k]
        return pairs

    def _weighted_dominations(self, weight: Floats) -> list[tuple[int, int]]:
        pairs: list[tuple[int, int]] = []
        for first, end in zip(self.first.tolist(), self.first[1:].tolist(), strict=False):
            for low in range(first, end, MOST_RELATED):
                high = min(low + MOST_RELATED, end)
                figures = np.column_stack([-self.upload_s[low:high], self.due_s[low:high], weight[low:high]])
                no_worse = (figures[:, None] >= figures).all(axis=2)
                better = no_worse & (~no_worse.T | np.tri(high - low, k=-1, dtype=np.bool_).T)
                steps = better.astype(np.float32)
                q, k = np.nonzero((better & (steps @ steps == 0)).T)
                pairs += zip((low + k).tolist(), (low + q).tolist(), strict=True)
        return pairs

    def _better(self, k: int, q: int) -> bool:
        if self.upload_s[k] == self.upload_s[q] and self.due_s[k] == self.due_s[q]:
            return k < q
        return bool(self.upload_s[k] <= self.upload_s[q] and self.due_s[k] >= self.due_s[q])

    def in_time(self, batches: Iterable[Batch]) -> bool:
        """Whether these batches, one after another, serve all their users in time, uploads included."""
        batches = list(batches)
        clock = float(sum(self.upload_s[user] for _, users in batches for user in users))
        last = len(self.model_names)
        for model, users in batches:
            clock += self.switch_s[last, model] + self.fixed_s[model] + self.per_sample_s[model] * len(users)
            if len(users) > self.capacity[model] or clock > self.due_s[users].min():
                return False
            last = model
        return True

    def plan(self, batches: Sequence[Batch]) -> Plan:
        """Make the plan of these batches; the bandwidths are the closed form of the decoupling theorem."""
        named = [
            {"model": self.model_names[model], "users": [self.user_names[user] for user in users]}
            for model, users in batches
        ]
        served = [user for batch in named for user in batch["users"]]
        return {"batches": named, "bandwidth_hz": bandwidths(self.instance, served)}

    def batches(self, plan: Plan) -> list[Batch]:
        """Return the batches of a plan for this instance."""
        models = {name: number for number, name in enumerate(self.model_names)}
        users = {name: number for number, name in enumerate(self.user_names)}
        return [
            (models[batch["model"]], [users[user] for user in batch["users"]])
            for batch in plan["batches"]
            if batch["users"] and all(user in users for user in batch["users"])
        ]


def switch_times(sharing: Sharing, rate: float) -> Floats:
    """Return seconds to load a model after another, shape (models + 1, models); the last row: after nothing.

    They are made of bytes, so that a model after itself loads exactly nothing.
    """
    size = np.asarray(sharing.model_bytes, dtype=np.int64)
    overlap = sharing.overlap_bytes.toarray().astype(np.int64)
    np.fill_diagonal(overlap, size)
    switch: Floats = np.vstack([size[None, :] - overlap, size[None, :]]) / rate
    return switch
