"""The path relaxation: a bound on the users from walks of the GPU through time, and a branch and bound with it.

For an upload phase of W in [W1, W2] batches end by T_k - W1 after it, and the uploads of the served users take W2 at
most. That nobody is served twice, and this length, are priced; what is left is a longest path over (time, model on the
GPU). Where the bound is largest, the interval of W is halved, and when it is narrow, users are decided one by one.
Proof: docs/loading-deadlines-proofs.md.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import floor, log2
from typing import Any

import numpy as np

from edgeopt.loading.individual.arrays import Arrays, Batch, Floats, Integers
from edgeopt.loading.individual.sequencing import countable, sequenced
from edgeopt.loading.relaxations import floor_bound
from edgeopt.method import Options

STEPS = 2_000  # of the longest service
MOST_STEPS = 20_000
MOST_CELLS = 20_000_000  # steps times models squared that a walk may look at
STEPS_OF_INTERVAL = 20  # the least number, while steps can be longer than the shortest ones
ITERATIONS = 120  # on an interval before it is halved
NARROWEST = 2**-7  # of the longest upload phase: narrower intervals are not halved
ROUNDING = 1e-9  # relative to a step
UPLOAD_MARGIN = 1e-9  # relative, for rounding errors of sums of upload times
INSIDE = 1e-4  # how far below an integer a bound is driven that shall round down to less


def step_length(arrays: Arrays) -> float | None:
    """Seconds of a step of the walk; None when batches are too short, or the models too many."""
    horizon = float(arrays.due_s.max(initial=0.0))
    shortest = float((arrays.fixed_s + arrays.per_sample_s).min(initial=np.inf))
    if not arrays.user_names or shortest <= horizon / MOST_STEPS:
        return None
    step = min(horizon / STEPS, shortest * (1 - 1e-6))
    return step if horizon / step * len(arrays.model_names) ** 2 <= MOST_CELLS else None


@dataclass
class Part:
    """Plans with an upload phase of certain lengths in which some users are served and others not.

    Attributes
    ----------
    bound : float
        None of them serves more users.
    low, high : float
        Lengths of the upload phase in seconds.
    price, radio_price : numpy.ndarray of shape (users,), float
        The best prices known.
    fixed : numpy.ndarray of int64, shape (users,)
        1: served; -1: not served; 0: open.
    frequency : numpy.ndarray, shape (users,)
        How often the last walks served each user.
    """

    bound: float
    low: float
    high: float
    price: Floats
    radio_price: float
    fixed: Integers
    frequency: Floats

    def copy(self) -> Part:
        """Return a part to be restricted further."""
        return replace(self, price=self.price.copy(), fixed=self.fixed.copy(), frequency=self.frequency.copy())


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

    Attributes
    ----------
    found : list of Batch or None
        A plan of more users than were known to be served.
    walks : int
        Walks so far.
    """

    def __init__(self, arrays: Arrays, options: Options, step_s: float, served: int = 0) -> None:
        self._arrays, self._options, self._step_s = arrays, options, step_s
        self.served = served
        self.found: list[Batch] | None = None
        self.walks = 0
        users, models = len(arrays.user_names), len(arrays.model_names)
        waiting = np.diff(arrays.first)
        shortest = float((arrays.fixed_s + arrays.per_sample_s).min())
        self._coarsest = int(log2(max(1.0, shortest * (1 - 1e-6) / step_s)))
        self._durations: dict[int, tuple[Integers, Integers, Integers]] = {}
        sizes = waiting * (waiting + 1)
        self._offset = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        most = floor(float(arrays.due_s.max()) / step_s) + 2
        self._rewards = np.empty(int(sizes.sum())), np.empty(users, np.int64)
        kinds = (np.float64, np.float64, np.int64, np.int64)
        self._tables: tuple[Any, ...] = tuple(np.empty((most, models), kind) for kind in kinds)
        longest = float(min(arrays.upload_s.sum(), arrays.due_s.max()))
        self._narrowest = longest * NARROWEST
        self._better, self._worse = _closures(users, arrays.dominations)
        self._parts: list[tuple[float, int, Part]] = []
        self._pushed = 0
        self._push(Part(float(users), 0.0, longest, np.zeros(users), 0.0, np.zeros(users, np.int64), np.zeros(users)))
        self._undecided = 0.0  # the largest bound of parts that could not be restricted further

    def _steps(self, part: Part) -> tuple[float, tuple[Integers, Integers, Integers]]:
        """Choose steps in proportion to the interval of W; return their length, and the durations in steps.

        The durations are those of loading, of one batch, and of two or more.
        """
        wanted = (part.high - part.low) / (STEPS_OF_INTERVAL * self._step_s)
        level = min(self._coarsest, int(log2(max(1.0, wanted))))
        step, arrays = self._step_s * 2**level, self._arrays
        if level not in self._durations:
            number = np.arange(int(np.diff(arrays.first).max()) + 1)
            batches = np.maximum(2, -(-number // arrays.capacity[:, None]))
            sampling = arrays.per_sample_s[:, None] * number
            self._durations[level] = (
                _whole(arrays.switch_s / step),
                np.maximum(1, _whole((arrays.fixed_s[:, None] + sampling) / step)),
                np.maximum(1, _whole((arrays.fixed_s[:, None] * batches + sampling) / step)),
            )
        return step, self._durations[level]

    @property
    def bound(self) -> int:
        """No plan serves more users, nor fewer than are known to be served."""
        largest = max([self._undecided, *(-key for key, _, _ in self._parts[:1])])
        return max(self.served, floor_bound(largest))

    def run(self, walks: int | None = None) -> int:
        """Restrict parts until the bound is that of the known plan or cannot be lowered; return the bound."""
        while self._parts and self.bound > max(self.served, floor_bound(self._undecided)):
            if self._options.stop_reason() is not None or (walks is not None and self.walks >= walks):
                break
            part = self._parts[0][2]
            wide = part.high - part.low > self._narrowest
            smaller = list(self._halves(part) if wide else self._decided(part))
            heapq.heappop(self._parts)
            for each in smaller:
                self._push(each)
            self._options.report(bound=self.bound)
        return self.bound

    def _push(self, part: Part) -> None:
        if floor_bound(part.bound) > self.served:
            self._pushed += 1
            heapq.heappush(self._parts, (-part.bound, self._pushed, part))

    def _halves(self, part: Part) -> Iterator[Part]:
        """Halve the lengths of the upload phase."""
        middle = (part.low + part.high) / 2
        for low, high in ((part.low, middle), (middle, part.high)):
            half = part.copy()
            half.low, half.high = low, high
            yield self._lowered(half)

    def _decided(self, part: Part) -> Iterator[Part]:
        """Decide about the open user that the walks serve about every second time."""
        still_open = np.flatnonzero(part.fixed == 0)
        if len(still_open) == 0:
            # Those who must be served can be, but `_served` could not tell by itself.
            if self._sequenced(part, always=True) is None:
                self._undecided = max(self._undecided, part.bound)
            return
        user = int(still_open[np.argmin(np.abs(part.frequency[still_open] - 0.5))])
        without, served = part.copy(), part.copy()
        without.fixed[self._worse[user]] = -1
        without.fixed[user] = -1
        yield self._lowered(without)
        served.fixed[self._better[user]] = 1
        served.fixed[user] = 1
        served.low = max(served.low, float(self._arrays.upload_s[served.fixed > 0].sum()) * (1 - UPLOAD_MARGIN))
        if served.low <= served.high and self._sequenced(served) is not False:
            yield self._lowered(served)

    def _sequenced(self, part: Part, always: bool = False) -> bool | None:
        """Whether those who must be served can be; their plan is kept if it serves more than known."""
        users = np.flatnonzero(part.fixed > 0).tolist()
        if not always and not countable(self._arrays, users):
            return None
        batches = sequenced(self._arrays, users, self._options)
        if isinstance(batches, list) and len(users) > self.served:
            self.served, self.found = len(users), batches
            self._options.report(self.served)
        return True if isinstance(batches, list) else batches

    def _lowered(self, part: Part) -> Part:
        """Improve the prices of a part, and with them its bound."""
        from edgeopt.loading.individual.path_kernels import least_walk_bound

        arrays = self._arrays
        allowed = part.fixed >= 0
        if floor_bound(part.bound) <= self.served or int(allowed.sum()) <= self.served:
            part.bound = min(part.bound, float(allowed.sum()))
            return part
        part.price[~allowed] = 0.0
        part.price[part.fixed == 0] = np.maximum(0.0, part.price[part.fixed == 0])
        step, durations = self._steps(part)
        latest = np.floor((arrays.due_s - part.low) / step + ROUNDING).astype(np.int64)
        size = int(max(0, latest.max()))
        ranges = pairwise(arrays.first)
        rank = np.stack([np.searchsorted(latest[low:high], np.arange(size + 1)) for low, high in ranges], axis=1)
        bound, part.radio_price, walks = least_walk_bound(
            part.price,
            part.fixed,
            part.frequency,
            part.radio_price,
            arrays.upload_s,
            part.high,
            self.served + 1 - INSIDE,
            ITERATIONS,
            arrays.first,
            arrays.capacity,
            rank.astype(np.int64),
            *durations,
            self._offset,
            size,
            *self._rewards,
            *(table[: size + 1] for table in self._tables),
        )
        self.walks += walks
        part.bound = min(part.bound, bound)
        return part


def _whole(steps: Floats) -> Integers:
    """Round down, and never up for a rounding error."""
    return np.maximum(0, np.floor(steps - ROUNDING)).astype(np.int64)


def _closures(users: int, dominations: list[tuple[int, int]]) -> tuple[list[Integers], list[Integers]]:
    """Return for each user those who are served if it is, and those who are not served if it is not."""
    better = np.zeros((users, users), np.bool_)  # row q: all k that dominate q
    above: list[list[int]] = [[] for _ in range(users)]
    for k, q in dominations:
        above[q].append(k)

    def close(q: int) -> None:
        for k in above[q]:
            if not better[q, k]:
                better[q, k] = True
                close(k)
                better[q] |= better[k]

    for q in range(users):
        close(q)
    return [np.flatnonzero(row) for row in better], [np.flatnonzero(column) for column in better.T]
