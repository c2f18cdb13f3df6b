"""What walks remember of the users served: groups of each model's users by deadline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from edgeopt.loading.queues import Floats, Integers

if TYPE_CHECKING:
    from edgeopt.loading.walks.path_kernels import Memory

FEWEST_DUPLICATES = 0.02  # services too many, in a group on average, for which it is not split
EARLIER_SHARE = 0.3  # of the services too many of a group that is split, those of the earlier part


@dataclass(frozen=True)
class Groups:
    """Groups of neighbouring users by deadline, of each model.

    A walk remembers in which group its last visit of a model ended, and no later visit serves users of groups before
    that. It may serve users of this group again.

    Attributes
    ----------
    starts : tuple of tuple of int
        The ranks at which each model's groups begin, and at last its number of users.
    """

    starts: tuple[tuple[int, ...], ...]

    @classmethod
    def coarsest(cls, first: Integers) -> Groups:
        """One group for each model: nothing is remembered."""
        return cls(tuple((0, int(size)) for size in np.diff(first)))

    @property
    def states(self) -> int:
        """Number of different memories."""
        return prod(len(start) - 1 for start in self.starts)

    @cached_property
    def queues(self) -> Memory:
        """The groups as the kernel takes them."""
        from edgeopt.loading.walks.path_kernels import Memory

        models = len(self.starts)
        groups = np.array([len(start) - 1 for start in self.starts])
        waiting = np.array([start[-1] for start in self.starts])
        start = np.zeros((models, int(groups.max()) + 1), np.int64)
        for model, ranks in enumerate(self.starts):
            start[model, : len(ranks)] = ranks
        stride = np.cumprod([1, *groups[:-1]])
        state = np.arange(self.states)[:, None]
        smaller = np.where(state // stride % groups > 0, state - stride, state)
        offset = np.cumsum([0, *(groups * waiting * (waiting + 1))])
        return Memory(groups, start, stride, smaller, offset)

    def split(self, first: Integers, duplicates: Floats, most_states: int) -> Groups | None:
        """Split the group in which most services are too many; None: there is no such group, or memory is full.

        Parameters
        ----------
        first : numpy.ndarray of int64, shape (models + 1,)
            Where each model's users begin.
        duplicates : numpy.ndarray, shape (users,)
            How often users are served too many times, on average.
        most_states : int
        """
        worst, where = FEWEST_DUPLICATES, None
        for model, ranks in enumerate(self.starts):
            if self.states // (len(ranks) - 1) * len(ranks) > most_states:
                continue
            for low, high in pairwise(ranks):
                total = float(duplicates[first[model] + low : first[model] + high].sum())
                if high - low > 1 and total > worst:
                    worst, where = total, (model, low, high)
        if where is None:
            return None
        model, low, high = where
        so_far = np.cumsum(duplicates[first[model] + low : first[model] + high])
        middle = low + int(np.clip(np.searchsorted(so_far, EARLIER_SHARE * so_far[-1]) + 1, 1, high - low - 1))
        starts = list(self.starts)
        starts[model] = tuple(sorted({*starts[model], middle}))
        return Groups(tuple(starts))
