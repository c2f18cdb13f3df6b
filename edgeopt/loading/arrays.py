"""What every method for one deadline starts from: serving times per model, in arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum

import numpy as np
from numpy.typing import NDArray

from edgeopt.libraries.sharing import Sharing
from edgeopt.loading.instance import LoadingInstance
from edgeopt.solution import Plan

# Sums of floats may exceed the deadline by rounding alone; a tenth of the checker's tolerance is allowed for it.
HORIZON_MARGIN = 1e-10


@dataclass(frozen=True)
class Arrays:
    """A loading instance with one deadline, reduced to the models that can serve someone.

    Models are numbered in the library's order. Times are seconds.

    Attributes
    ----------
    instance : LoadingInstance
    deadline_s : float
        The common deadline T.
    horizon_s : float
        T with a margin for rounding: the limit to compare sums of floats with.
    model_names : list of str
        Models that can serve at least one user in time.
    users : list of list of str
        Users of each model, least upload time first (ties by name).
    capacity : numpy.ndarray of int64, shape (models,)
        Largest batch; at most the number of users of the model.
    serve_s : list of numpy.ndarray
        g_i(n), n = 0..: uploads and computing of the model's n users of least upload, without any loading. Ends at
        the last n that fits into the horizon together with loading the whole model.
    sharing : Sharing
        Blocks and atoms of these models only.
    """

    instance: LoadingInstance
    deadline_s: float
    horizon_s: float
    model_names: list[str]
    users: list[list[str]]
    capacity: NDArray[np.int64]
    serve_s: list[NDArray[np.float64]]
    sharing: Sharing

    @property
    def unit_s(self) -> float:
        """Unit of time of formulations: the common deadline, or a second where nothing may take time."""
        return self.deadline_s or 1.0

    @cached_property
    def model_load_s(self) -> NDArray[np.float64]:
        """Seconds to load each model whole, shape (models,)."""
        return self.sharing.model_bytes / self.instance.server.load_rate_bytes_per_s

    @cached_property
    def atom_load_s(self) -> NDArray[np.float64]:
        """Seconds to load each atom, shape (atoms,)."""
        return self.sharing.atom_bytes / self.instance.server.load_rate_bytes_per_s

    @cached_property
    def overlap_s(self) -> NDArray[np.float64]:
        """Seconds that two consecutive models save, shape (models, models), symmetric, zero diagonal."""
        overlap: NDArray[np.float64] = self.sharing.overlap_bytes.toarray() / self.instance.server.load_rate_bytes_per_s
        np.fill_diagonal(overlap, 0.0)
        return overlap

    def plan(self, order: Sequence[int], counts: Sequence[int]) -> Plan:
        """Make the plan that visits models in `order` and serves the `counts[p]` least uploads of `order[p]`.

        Batches are as large as memory allows. The bandwidths are the closed form of the decoupling theorem,
        proportional to d_k / e_k.
        """
        batches = []
        for model, count in zip(order, counts, strict=True):
            served, batch = self.users[model][:count], int(self.capacity[model])
            for start in range(0, count, batch):
                batches.append({"model": self.model_names[model], "users": served[start : min(start + batch, count)]})
        return {"batches": batches, "bandwidth_hz": bandwidths(self.instance, [u for b in batches for u in b["users"]])}


def bandwidths(instance: LoadingInstance, users: Sequence[str]) -> dict[str, float]:
    """Return the bandwidths in Hz by which these users finish uploading earliest: b_k proportional to d_k / e_k."""
    facts = [instance.users[user] for user in users]
    load = [user.upload_bits / user.spectral_efficiency for user in facts]
    total = fsum(load)
    return {user: instance.bandwidth_hz * share / total for user, share in zip(users, load, strict=True) if share > 0}


def compile_arrays(instance: LoadingInstance) -> Arrays:
    """Reduce an instance with one deadline to arrays.

    Parameters
    ----------
    instance : LoadingInstance
        All users have the same deadline (an instance without users is fine).
    """
    deadline = next(iter(instance.users.values())).deadline_s if instance.users else 0.0
    horizon = deadline * (1 + HORIZON_MARGIN)
    waiting: dict[str, list[tuple[float, str]]] = {}
    for name, user in instance.users.items():
        waiting.setdefault(user.model, []).append((instance.upload_s(name), name))
    names, users, capacities, tables = [], [], [], []
    for model in instance.library.models:
        queue = sorted(waiting.get(model, ()))
        limit = instance.capacity(model)
        capacity = len(queue) if limit is None else min(limit, len(queue))
        if capacity == 0:
            continue
        facts = instance.library.models[model]
        n = np.arange(len(queue) + 1)
        serve = np.concatenate([[0.0], np.cumsum([upload for upload, _ in queue])])
        serve += (facts.compute_fixed_s or 0.0) * -(-n // capacity) + (facts.compute_per_sample_s or 0.0) * n
        load = instance.library.size_bytes(model) / instance.server.load_rate_bytes_per_s
        fitting = int(np.searchsorted(serve + load, horizon, side="right"))
        if fitting > 1:
            names.append(model)
            users.append([user for _, user in queue])
            capacities.append(capacity)
            tables.append(serve[:fitting])
    library = instance.library if len(names) == len(instance.library.models) else instance.library.restricted(names)
    return Arrays(
        instance, deadline, horizon, names, users, np.array(capacities, dtype=np.int64), tables, library.sharing
    )
