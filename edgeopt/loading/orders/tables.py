"""What the compiled kernels of the heuristics take: serving times and overlaps in plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.prefixes import Prefixes

if TYPE_CHECKING:
    from edgeopt.loading.orders.search_kernels import Serving

NEAR = 6  # models whose moves are looked at again when one changes


@dataclass(frozen=True)
class ServingTables:
    """Serving times and overlaps of a loading instance with one deadline; times in seconds.

    Attributes
    ----------
    serve : numpy.ndarray, shape (entries,)
        Serving times g_i(0), g_i(1), ..., one model after another.
    first : numpy.ndarray of int64, shape (models + 1,)
        Where each model's entries begin.
    slopes : numpy.ndarray, shape (entries,)
        Time of a further user on each model's lower convex hull.
    load : numpy.ndarray, shape (models,)
        Time to load a model whole.
    overlap : numpy.ndarray, shape (models + 1, models + 1)
        Time that two neighbours save; the last model is a sentinel that overlaps nothing.
    horizon : float
        The deadline with its margin.
    prefixes : Prefixes
        What the tables are made of.
    """

    serve: NDArray[np.float64]
    first: NDArray[np.int64]
    slopes: NDArray[np.float64]
    load: NDArray[np.float64]
    overlap: NDArray[np.float64]
    horizon: float
    prefixes: Prefixes

    @classmethod
    def of(cls, prefixes: Prefixes) -> ServingTables:
        """Lay the arrays of an instance out for the kernels."""
        from edgeopt.loading.orders.order_kernels import hull_slopes

        serve = np.concatenate([*prefixes.serve_s, np.empty(0)])
        first = np.cumsum([0, *map(len, prefixes.serve_s)], dtype=np.int64)
        overlap = np.pad(prefixes.overlap_s, (0, 1))
        slopes = hull_slopes(serve, first)
        return cls(serve, first, slopes, prefixes.model_load_s, overlap, float(prefixes.horizon_s), prefixes)

    @cached_property
    def serving(self) -> Serving:
        """What the local search takes."""
        from edgeopt.loading.orders.search_kernels import Serving

        figures = self.slopes, self.first, self.load, self.overlap, self.largest, self.near
        return Serving(*figures, *self.ranked, float(self.horizon))

    @property
    def models(self) -> int:
        """Number of models."""
        return len(self.load)

    def ranked_steps(self, models: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the hull slopes of these models, increasing, and the model of each."""
        parts = [self.slopes[self.first[model] + 1 : self.first[model + 1]] for model in models]
        slopes = np.concatenate([*parts, np.empty(0)])
        owners = np.repeat(models, [len(part) for part in parts])
        rank = np.argsort(slopes, kind="stable")
        return slopes[rank], owners[rank]

    def most_users(self, models: NDArray[np.int64]) -> int:
        """Bound the users that these models serve in time: loading is left out, batches may be fractional."""
        slopes, _ = self.ranked_steps(models)
        return int(np.searchsorted(np.cumsum(slopes), self.horizon * (1 + 1e-9), side="right"))

    @cached_property
    def ranked(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The steps of all models."""
        return self.ranked_steps(np.arange(self.models))

    @cached_property
    def largest(self) -> NDArray[np.float64]:
        """Largest overlap of each model and of the sentinel."""
        return self.overlap.max(axis=1)

    @cached_property
    def near(self) -> NDArray[np.int64]:
        """The models that each model overlaps most, shape (models, at most NEAR)."""
        closeness = self.overlap[:-1, :-1].copy()
        np.fill_diagonal(closeness, -1.0)
        count = min(NEAR, max(0, self.models - 1))
        return np.ascontiguousarray(np.argsort(-closeness, axis=1, kind="stable")[:, :count])
