"""Compiled branch and bound for one group: the set of caching nodes of least delay plus prices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.wide_kernels import Broadcasts, GroupAudiences, group_cost
from edgeopt.kernels import inner_kernel, kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@kernel(allocates=True, nogil=True, error_model="numpy")
def cheapest_set(
    group: int,
    prices: Floats,
    known: int,
    limit: int,
    cloud: Floats,
    link: Floats,
    groups: GroupAudiences,
    broadcasts: Broadcasts,
) -> tuple[float, int]:
    """Return the least of delay plus prices over all sets of nodes, and a set that is that cheap.

    Depth first over the nodes, in or out. More caches never cost more delay, so the delay with all undecided nodes in,
    plus the prices of those decided in, bounds a branch from below.

    Parameters
    ----------
    group : int
    prices : array, shape (nodes,)
        Seconds per byte.
    known : int
        A set to start from, as bits.
    limit : int
        Most branches; after them the first value is a lower bound only.
    cloud, link, groups, broadcasts
        See `edgeopt.caching.wide_kernels.group_costs`.
    """
    count = len(prices)
    waits = np.empty(count)
    best = known
    least = group_cost(group, known, cloud, link, groups, broadcasts, waits)
    for n in range(count):
        if known >> n & 1:
            least += prices[n]
    order = _branching_order(group, prices, cloud, link, groups, broadcasts, waits)
    # A branch: bits decided in, number of nodes decided, its bound.
    inside = np.zeros(2 * count + 2, np.int64)
    decided = np.zeros(2 * count + 2, np.int64)
    bounds = np.full(2 * count + 2, -np.inf)
    rest = np.zeros(count + 1, np.int64)
    for depth in range(count - 1, -1, -1):
        rest[depth] = rest[depth + 1] | 1 << order[depth]
    bounds[0] = group_cost(group, rest[0], cloud, link, groups, broadcasts, waits)
    top, branches = 1, 0
    while top > 0:
        top -= 1
        if bounds[top] >= least:
            continue
        if branches >= limit:
            for open_branch in range(top + 1):
                least = min(least, bounds[open_branch])
            return least, best
        branches += 1
        mask, depth, bound = inside[top], decided[top], bounds[top]
        if depth == count:
            least, best = bound, mask
            continue
        node = order[depth]
        # With the node in, delay is as in the parent's bound; only its price is added.
        with_node = bound + prices[node]
        without = group_cost(group, mask | rest[depth + 1], cloud, link, groups, broadcasts, waits)
        for n in range(count):
            if mask >> n & 1:
                without += prices[n]
        first_in = with_node > without  # the branch on top is looked at first
        for turn in range(2):
            if (turn == 0) == first_in:
                inside[top], decided[top], bounds[top] = mask | 1 << node, depth + 1, with_node
            else:
                inside[top], decided[top], bounds[top] = mask, depth + 1, without
            top += 1
    return least, best


@inner_kernel(allocates=True, error_model="numpy")
def _branching_order(
    group: int,
    prices: Floats,
    cloud: Floats,
    link: Floats,
    groups: GroupAudiences,
    broadcasts: Broadcasts,
    waits: Floats,
) -> Integers:
    """Return nodes by how clearly they are in or out: by loss without them beyond their price, taken absolutely."""
    count = len(prices)
    everything = (1 << count) - 1
    full = group_cost(group, everything, cloud, link, groups, broadcasts, waits)
    clarity = np.empty(count)
    for n in range(count):
        without = group_cost(group, everything ^ (1 << n), cloud, link, groups, broadcasts, waits)
        clarity[n] = np.inf if without == np.inf else abs(without - full - prices[n])
    order = np.empty(count, np.int64)
    for n in range(count):
        place = n
        while place > 0 and clarity[order[place - 1]] < clarity[n]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = n
    return order
