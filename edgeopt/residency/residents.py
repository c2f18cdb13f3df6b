"""What a policy has on the GPU: whole models, each block of them once; and the plan that its loads make."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgeopt.residency.arrays import Intervals, Kept

Integers = NDArray[np.int64]


class Residents:
    """Models on the GPU.

    Attributes
    ----------
    models : dict of int to int
        The resident models, each with the visit that used it last; the one used longest ago comes first.
    bytes : int
        Bytes of their blocks, each counted once.
    """

    def __init__(self, intervals: Intervals) -> None:
        self.intervals = intervals
        self.models: dict[int, int] = {}
        self.bytes = 0
        self._holders = np.zeros(len(intervals.block_names), np.int64)

    def on_gpu(self) -> NDArray[np.bool_]:
        """Say of each block whether it is on the GPU, shape (blocks,)."""
        return np.asarray(self._holders > 0)

    def bytes_with(self, model: int) -> int:
        """Return the bytes of the residents and one model together."""
        held = self.intervals.held[model]
        return self.bytes + int(self.intervals.block_bytes[held[self._holders[held] == 0]].sum())

    def use(self, model: int, visit: int) -> None:
        """Serve a visit of a model, which is loaded unless it is there."""
        if self.models.pop(model, None) is None:
            self.bytes = self.bytes_with(model)
            self._holders[self.intervals.held[model]] += 1
        self.models[model] = visit

    def evict(self, model: int) -> None:
        """Drop a model, and the blocks that no other resident holds."""
        held = self.intervals.held[model]
        del self.models[model]
        self._holders[held] -= 1
        self.bytes -= int(self.intervals.block_bytes[held[self._holders[held] == 0]].sum())


def follow(intervals: Intervals, make_room: Callable[[Residents, int], None]) -> Kept:
    """Run a policy over the visits, and return the intervals that it kept, shape (intervals,).

    Parameters
    ----------
    intervals : Intervals
    make_room : callable
        Given the residents and a model that is not among them, evicts until it fits. It sees nothing of later visits.
    """
    residents = Residents(intervals)
    order = np.argsort(intervals.end, kind="stable")
    bounds = np.searchsorted(intervals.end[order], np.arange(len(intervals.visits) + 1))
    kept = intervals.none()
    for visit, model in enumerate(intervals.visits.tolist()):
        ending = order[bounds[visit] : bounds[visit + 1]]
        kept[ending] = residents.on_gpu()[intervals.block[ending]]  # what the new model needs is not dropped for it
        if model not in residents.models:
            make_room(residents, model)
        residents.use(model, visit)
    return kept
