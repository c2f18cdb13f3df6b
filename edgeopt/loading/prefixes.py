"""What every method for one deadline starts from: serving times per model, in arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgeopt.libraries.sharing import Sharing
from edgeopt.loading.bandwidths import bandwidths
from edgeopt.loading.instance import LoadingInstance
from edgeopt.solution import Number, Plan


@dataclass(frozen=True)
class Prefixes:
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

    def value(self, entry: int) -> Number:
        """Return the objective that an entry of the tables stands for."""
        return entry

    def users_without_loading(self) -> int:
        """Bound the optimum: the most users whose uploads and samples alone fit before the deadline."""
        costs = [
            self.instance.upload_s(user) + (self.instance.library.models[name].compute_per_sample_s or 0.0)
            for name, users in zip(self.model_names, self.users, strict=True)
            for user in users
        ]
        return int(np.searchsorted(np.cumsum(np.sort(costs)), self.horizon_s, side="right"))

    def most_without_loading(self) -> Number:
        """Bound the optimum without any program."""
        return self.users_without_loading()

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
