"""Min-plus merges: least times for any number of users, from the least times of two groups or of many.

A *table* is a nondecreasing array: entry n is the least time in which n users of a group are served. Merging two
tables gives the least time for n users of both groups together, min over q of ``first[q] + second[n - q]``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]

BLOCK = 1 << 16  # sums computed at once; they should stay in the processor's cache


def merge(first: Table, second: Table, horizon: float) -> Table:
    """Merge two tables.

    Parameters
    ----------
    first, second : numpy.ndarray
        Nondecreasing; the first entries need not be 0.
    horizon : float
        Longest time of use.

    Returns
    -------
    numpy.ndarray
        Entry n is the least ``first[q] + second[n - q]``; it ends before the first entry beyond the horizon, and is
        empty when already ``first[0] + second[0]`` is beyond it.
    """
    long, short = (first, second) if len(first) >= len(second) else (second, first)
    reach = np.searchsorted(long, horizon - short, side="right")  # entries of `long` that fit beside each of `short`
    used = int(np.count_nonzero(reach))
    if used == 0:
        return np.empty(0)
    ends = reach[:used] + np.arange(used)
    table = np.full(int(ends.max()), np.inf)
    rows = min(used, 1 + BLOCK // int(reach[0]))
    padded = np.full(int(reach[0]) + 2 * (rows - 1), np.inf)
    padded[rows - 1 : rows - 1 + int(reach[0])] = long[: int(reach[0])]
    step = padded.itemsize
    for start in range(0, used, rows):
        stop = min(start + rows, used)
        end = int(ends[start:stop].max())
        # Row r holds long[n - start - r] for the totals n = start..end-1, infinite where there is no such entry.
        shifted = np.lib.stride_tricks.as_strided(
            padded[rows - 1 :], (stop - start, end - start), (-step, step), writeable=False
        )
        least = (shifted + short[start:stop, None]).min(axis=0)
        np.minimum(table[start:end], least, out=table[start:end])
    return table


def split(first: Table, second: Table, total: int) -> int:
    """Return how many of `total` users the first group serves in the merge of the two tables."""
    low, high = max(0, total - len(second) + 1), min(total, len(first) - 1)
    sums = first[low : high + 1] + second[total - high : total - low + 1][::-1]
    return low + int(np.argmin(sums))


class Pool:
    """The merge of many tables, shortest first, and how a number of users is shared out over them.

    With K users in all it takes O(K^2) time: a pair of users meets in one merge only.

    Parameters
    ----------
    tables : sequence of numpy.ndarray
        From 0 users on, none with an entry beyond the horizon.
    horizon : float
    expired : callable, optional
        Asked before each merge; once it is true, only the longest of the tables merged so far is used.

    Attributes
    ----------
    table : numpy.ndarray
        The merge of all of them; of no tables, the table of no users.
    """

    def __init__(self, tables: Sequence[Table], horizon: float, expired: Callable[[], bool] = lambda: False) -> None:
        self._leaves = len(tables)
        self._tables = list(tables) or [np.zeros(1)]
        self._merged: list[tuple[int, int]] = []
        heap = [(len(table), index) for index, table in enumerate(self._tables)]
        heapq.heapify(heap)
        while len(heap) > 1 and not expired():
            _, first = heapq.heappop(heap)
            _, second = heapq.heappop(heap)
            self._merged.append((first, second))
            self._tables.append(merge(self._tables[first], self._tables[second], horizon))
            heapq.heappush(heap, (len(self._tables[-1]), len(self._tables) - 1))
        _, self._root = max(heap)
        self.table = self._tables[self._root]

    def shares(self, total: int) -> list[int]:
        """Return the number of users of each table when `total` are served in the least time."""
        shares = [0] * len(self._tables)
        shares[self._root] = total
        for node in range(self._root, self._leaves - 1, -1):
            if shares[node]:
                first, second = self._merged[node - self._leaves]
                shares[first] = split(self._tables[first], self._tables[second], shares[node])
                shares[second] = shares[node] - shares[first]
        return shares[: self._leaves]
