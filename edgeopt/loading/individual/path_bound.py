"""The path relaxation: a bound on the users from walks of the GPU through time, for each length of the upload phase.

For W in [W1, W2] batches end by T_k - W1 after the upload phase, and the uploads of the served users take W2 at most.
That nobody is served twice, and this length, are priced; what is left is a longest path over (time, model on the GPU).
The intervals of W are halved where the bound is largest. Proof: docs/loading-deadlines-proofs.md.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import pairwise
from math import floor
from typing import Any

import numpy as np

from edgeopt.loading.individual.arrays import Arrays, Floats
from edgeopt.loading.relaxations import floor_bound
from edgeopt.method import Options

STEPS = 2_000  # of the longest service
MOST_STEPS = 20_000
MOST_CELLS = 20_000_000  # steps times models squared that a walk may look at
ITERATIONS = 120  # on an interval before it is halved
NARROWEST = 2**-9  # of the longest upload phase
ROUNDING = 1e-9  # relative to a step
INSIDE = 1e-4  # how far below an integer a bound is driven that shall round down to less


def step_length(arrays: Arrays) -> float | None:
    """Seconds of a step of the walk; None when batches are too short, or the models too many."""
    horizon = float(arrays.due_s.max(initial=0.0))
    shortest = float((arrays.fixed_s + arrays.per_sample_s).min(initial=np.inf))
    if not arrays.user_names or shortest <= horizon / MOST_STEPS:
        return None
    step = min(horizon / STEPS, shortest * (1 - 1e-6))
    return step if horizon / step * len(arrays.model_names) ** 2 <= MOST_CELLS else None


@dataclass(order=True)
class Interval:
    """Lengths of the upload phase, and the best prices for them; sorted by the bound, the largest first."""

    key: float
    low: float
    high: float
    price: Any
    radio_price: float
    pace: float = 1.0

    @property
    def bound(self) -> float:
        """No plan with such an upload phase serves more users."""
        return -self.key


class PathBound:
    """The bound, lowered step by step.

    Parameters
    ----------
    arrays : Arrays
    options : Options
    step_s : float
        As `step_length` says.
    served : int
        Users of the best plan known: the bound need not be lower.
    """

    def __init__(self, arrays: Arrays, options: Options, step_s: float, served: int = 0) -> None:
        self._arrays, self._options, self._step_s = arrays, options, step_s
        self.served = served
        self.walks = 0
        users, models = len(arrays.user_names), len(arrays.model_names)
        self._switch = self._steps(arrays.switch_s)
        waiting = np.diff(arrays.first)
        number = np.arange(int(waiting.max()) + 1)
        parts = np.maximum(2, -(-number // arrays.capacity[:, None]))
        sampling = arrays.per_sample_s[:, None] * number
        self._compute = np.maximum(1, self._steps(arrays.fixed_s[:, None] + sampling))
        self._split = np.maximum(1, self._steps(arrays.fixed_s[:, None] * parts + sampling))
        sizes = waiting * (waiting + 1)
        self._offset = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        most = floor(float(arrays.due_s.max()) / step_s) + 2
        self._reward = np.empty(int(sizes.sum()))
        self._ranked = np.empty(users, np.int64)
        self._done, self._ready = np.empty((most, models)), np.empty((most, models))
        self._chosen, self._origin = np.empty((most, models), np.int64), np.empty((most, models), np.int64)
        longest = float(min(arrays.upload_s.sum(), arrays.due_s.max()))
        self._narrowest = longest * NARROWEST
        self._waiting = [Interval(-float(users), 0.0, longest, np.zeros(users), 0.0)]
        self._closed = 0.0  # the largest bound of the intervals that are not halved any more

    def _steps(self, seconds: Floats) -> Any:
        return np.maximum(0, np.floor(seconds / self._step_s - ROUNDING)).astype(np.int64)

    @property
    def bound(self) -> int:
        """No plan serves more users, nor fewer than are known to be served."""
        largest = max([self._closed, *(interval.bound for interval in self._waiting[:1])])
        return max(self.served, floor_bound(largest))

    def run(self, iterations: int | None = None) -> int:
        """Halve intervals until the bound is that of the known plan or cannot be lowered; return the bound."""
        while self._waiting and self.bound > self.served and self._options.stop_reason() is None:
            if iterations is not None and self.walks >= iterations:
                break
            self._advance(heapq.heappop(self._waiting))
            self._options.report(bound=self.bound)
        return self.bound

    def _advance(self, interval: Interval) -> None:
        if interval.high - interval.low <= self._narrowest:
            self._closed = max(self._closed, interval.bound)
            return
        middle = (interval.low + interval.high) / 2
        for low, high in ((interval.low, middle), (middle, interval.high)):
            half = Interval(interval.key, low, high, interval.price.copy(), interval.radio_price)
            self._lower(half)
            if floor_bound(half.bound) > self.served:
                heapq.heappush(self._waiting, half)

    def _lower(self, interval: Interval) -> None:
        """Improve the prices of an interval."""
        from edgeopt.loading.individual.path_kernels import least_walk_bound

        arrays = self._arrays
        latest = np.floor((arrays.due_s - interval.low) / self._step_s + ROUNDING).astype(np.int64)
        size = int(max(0, latest.max()))
        parts = [latest[low:high] for low, high in pairwise(arrays.first)]
        rank = np.stack([np.searchsorted(part, np.arange(size + 1)) for part in parts], axis=1).astype(np.int64)
        bound, interval.radio_price, walks, interval.pace = least_walk_bound(
            interval.price,
            interval.radio_price,
            arrays.upload_s,
            interval.high,
            self.served + 1 - INSIDE,
            ITERATIONS,
            arrays.first,
            arrays.capacity,
            rank,
            self._switch,
            self._compute,
            self._split,
            self._offset,
            size,
            self._reward,
            self._ranked,
            self._done,
            self._ready,
            self._chosen,
            self._origin,
            interval.pace,
        )
        self.walks += walks
        interval.key = max(interval.key, -bound)
