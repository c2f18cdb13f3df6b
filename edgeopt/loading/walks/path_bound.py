"""The path relaxation: a bound on the users from walks of the GPU through time, and a branch and bound with it.

For an upload phase of W in [W1, W2] batches end by T_k - W1 after it, and the uploads of the served users take W2 at
most. Where uploads overlap the service, the uploads for the batches up to some time end by this time. That nobody is
served twice, and these lengths, are priced; what is left is a longest path over (time, model on the GPU, memory). Where
the bound is largest, memory is refined, the interval of W is halved, and when it is narrow, users are decided one by
one. Proofs: docs/loading-deadlines-proofs.md, docs/loading-modes-proofs.md.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from edgeopt.loading.queues import Batch, Floats, Integers, Queues
from edgeopt.loading.relaxations import floor_bound
from edgeopt.loading.walks.path_memory import Groups
from edgeopt.run import Run

if TYPE_CHECKING:
    from edgeopt.loading.walks.path_prices import Prices
    from edgeopt.loading.walks.path_walks import Walks
    from edgeopt.loading.walks.radio_walks import RadioWalks

ITERATIONS = 300  # walks for the prices of a part
NARROWEST = 2**-7  # of the longest upload phase: narrower intervals are not halved
UPLOAD_MARGIN = 1e-9  # relative, for rounding errors of sums of upload times
INSIDE = 1e-4  # how far below an integer a bound is driven that shall round down to less
PACE = 0.2  # how far the next prices are from the best ones towards those of the cutting planes
CLOSE, CLOSE_ENOUGH = 0.02, 0.3  # prices this close to the best, in users, are not improved
CLOSE_WIDE = 40.0  # likewise, of the longest upload phase: wide intervals are halved anyway


@dataclass
class Part:
    """Plans with an upload phase of certain lengths in which some users are served and others not.

    Attributes
    ----------
    bound : float
        None of them serves more users.
    low, high : float
        Lengths of the upload phase in seconds.
    prices : Prices
        The best known.
    groups : Groups
        What walks remember.
    fixed : numpy.ndarray of int64, shape (users,)
        1: served; -1: not served; 0: open.
    frequency, duplicates : numpy.ndarray, shape (users,)
        How often the best mix of walks serves each user, and how often too many times.
    """

    bound: float
    low: float
    high: float
    prices: Prices
    groups: Groups
    fixed: Integers
    frequency: Floats
    duplicates: Floats

    def copy(self) -> Part:
        """Return a part to be restricted further."""
        return replace(self, fixed=self.fixed.copy())


class PathBound:
    """The bound, lowered step by step.

    Parameters
    ----------
    queues : Queues
    run : Run
    walks : Walks or RadioWalks
    served : int
        Users of the best plan known: the bound need not be lower.

    Attributes
    ----------
    served_batches : list of Batch or None
        A plan of more users than were known to be served.
    walks : int
        Walks so far.
    """

    def __init__(self, queues: Queues, run: Run, walks: Walks | RadioWalks, served: int = 0) -> None:
        from edgeopt.loading.walks.path_prices import Prices

        self._arrays, self._run = queues, run
        self._walks = walks
        self.served = served
        self.served_batches: list[Batch] | None = None
        users = len(queues.user_names)
        self._better, self._worse = _closures(users, queues.dominations)
        self._parts: list[tuple[float, int, Part]] = []
        self._pushed = 0
        nobody = np.zeros(users)
        everything = Part(
            float(users),
            0.0,
            self._walks.longest_s,
            Prices(nobody, np.zeros(len(walks.limits(0.0)))),
            Groups.coarsest(queues.first),
            np.zeros(users, np.int64),
            nobody,
            nobody,
        )
        self._push(everything)
        self._undecided = 0.0  # the largest bound of parts that could not be restricted further

    @property
    def walks(self) -> int:
        """Walks so far."""
        return self._walks.number

    @property
    def bound(self) -> int:
        """No plan serves more users, nor fewer than are known to be served."""
        largest = max([self._undecided, *(-key for key, _, _ in self._parts[:1])])
        return max(self.served, floor_bound(largest))

    @property
    def finished(self) -> bool:
        """Whether the bound is that of the known plan or cannot be lowered."""
        return not self._parts or self.bound <= max(self.served, floor_bound(self._undecided))

    def run(self, walks: int | None = None) -> int:
        """Restrict parts until the bound is that of the known plan or cannot be lowered; return the bound."""
        while not self.finished:
            if self._run.stop_reason() is not None or (walks is not None and self.walks >= walks):
                break
            part = self._parts[0][2]
            smaller = list(self._restricted(part))
            heapq.heappop(self._parts)
            for each in smaller:
                self._push(each)
            self._run.report(bound=self.bound)
        return self.bound

    def _width(self, part: Part) -> float:
        """Share of a part of the lengths of the upload phase; 0 when nobody uploads."""
        return (part.high - part.low) / self._walks.longest_s if self._walks.longest_s else 0.0

    def _push(self, part: Part) -> None:
        if floor_bound(part.bound) > self.served:
            self._pushed += 1
            heapq.heappush(self._parts, (-part.bound, self._pushed, part))

    def _restricted(self, part: Part) -> Iterator[Part]:
        """Replace a part by smaller ones, or by itself with more memory."""
        if self._width(part) > NARROWEST:
            yield from self._halves(part)
            return
        groups = part.groups.split(self._arrays.first, part.duplicates, self._walks.most_memory)
        if groups is None:
            yield from self._decided(part)
        else:
            yield self._lowered(replace(part, groups=groups))

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
        if self._walks.first_uploads:
            served.low = max(served.low, float(self._arrays.upload_s[served.fixed > 0].sum()) * (1 - UPLOAD_MARGIN))
        if served.low <= served.high and self._sequenced(served) is not False:
            yield self._lowered(served)

    def _sequenced(self, part: Part, always: bool = False) -> bool | None:
        """Whether those who must be served can be; their plan is kept if it serves more than known."""
        users = np.flatnonzero(part.fixed > 0).tolist()
        batches = self._walks.sequenced(users, always, self._run)
        if isinstance(batches, list) and len(users) > self.served:
            self.served, self.served_batches = len(users), batches
            self._run.report(self.served, plan=partial(self._walks.plan, batches))
        return True if isinstance(batches, list) else batches

    def _lowered(self, part: Part) -> Part:
        """Improve the prices of a part, and with them its bound."""
        from edgeopt.loading.walks.path_prices import CuttingPlanes

        allowed = part.fixed >= 0
        if floor_bound(part.bound) <= self.served or int(allowed.sum()) <= self.served:
            part.bound = min(part.bound, float(allowed.sum()))
            return part
        target = self.served + 1 - INSIDE
        self._walks.prepare(part.low, part.high, part.groups)
        limits = self._walks.limits(part.high)
        planes = CuttingPlanes(limits, part.fixed)
        tolerance = max(CLOSE, CLOSE_WIDE * self._width(part))
        prices, best, misses = planes.nearest(part.prices), np.inf, 0
        for _ in range(ITERATIONS):
            value, counts, used = self._walks.best(prices, part.fixed)
            if prices.total(limits) + value < best:
                best, part.prices = prices.total(limits) + value, prices
            misses = 0 if planes.add(counts, used) else misses + 1
            if best < target or self._run.stop_reason() is not None:
                break
            solved = planes.solve()
            if solved is None:
                break
            other, least = solved
            settled = least > target and floor_bound(least) == floor_bound(best)
            if best - least < (max(tolerance, CLOSE_ENOUGH) if settled else tolerance):
                break
            prices = part.prices.towards(other, min(1.0, PACE * (1 + misses)))
        part.bound = min(part.bound, best)
        part.frequency, part.duplicates = planes.frequency(), planes.duplicates()
        return part


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
