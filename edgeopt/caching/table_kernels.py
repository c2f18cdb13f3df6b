"""Compiled kernels that turn rates and backhaul into delays per byte for sets of caching nodes."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@njit(cache=True, nogil=True)
def waits_per_bit(mask: int, cloud: Floats, link: Floats, waits: Floats) -> None:
    """Fill in seconds per bit until each node has a block that the nodes of `mask` cache; infinite where never.

    Parameters
    ----------
    mask : int
        Bit n is set where node n caches the block.
    cloud : array, shape (nodes,)
        Seconds per bit from the cloud.
    link : array, shape (nodes, nodes)
        Seconds per bit from the first to the second node.
    waits : array, shape (nodes,)
    """
    for n in range(len(cloud)):
        if mask >> n & 1:
            waits[n] = 0.0
            continue
        waits[n] = cloud[n]
        for source in range(len(cloud)):
            if mask >> source & 1:
                waits[n] = min(waits[n], link[source, n])


@njit(cache=True, nogil=True)
def best_prefix(waits: Floats, units: Integers, slowness: Floats) -> tuple[float, int]:
    """Least seconds per bit over the sets of units that wait no longer than some level, and that set.

    Parameters
    ----------
    waits : array, shape (nodes,)
    units : array of int, shape (width,)
        Nodes of each unit of the audience, as bits; a unit waits for its last node.
    slowness : array, shape (2**width,)
        Seconds per bit of a broadcast by each set.
    """
    width = len(units)
    order = np.empty(width, np.int64)
    wait = np.empty(width)
    for unit in range(width):
        wait[unit] = _last_wait(waits, units[unit])
        place = unit
        while place > 0 and wait[order[place - 1]] > wait[unit]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = unit
    least, best, chosen = np.inf, 0, 0
    for position in range(width):
        chosen |= 1 << order[position]
        delay = wait[order[position]] + slowness[chosen]
        if delay < least:
            least, best = delay, chosen
    return least, best


@njit(cache=True, nogil=True)
def _last_wait(waits: Floats, unit: int) -> float:
    last = 0.0
    node = 0
    while unit:
        if unit & 1 and waits[node] > last:
            last = waits[node]
        unit >>= 1
        node += 1
    return last


@njit(cache=True, nogil=True)
def group_costs(
    masks: Integers,
    cloud: Floats,
    link: Floats,
    listed: Integers,
    first: Integers,
    weight: Floats,
    units: Integers,
    slowness: Floats,
    costs: Floats,
) -> None:
    """Fill in the expected delay per byte of each group for each candidate set of caching nodes.

    Parameters
    ----------
    masks : array of int, shape (groups, candidates)
        Sets of nodes that cache a block, as bits over all nodes.
    cloud, link : arrays
        As for `waits_per_bit`.
    listed, first : arrays of int
        Audiences of group g: ``listed[first[g]:first[g + 1]]``.
    weight : array, shape (groups, audiences)
    units : array of int, shape (audiences, width)
    slowness : array, shape (audiences, 2**width)
    costs : array, shape (groups, candidates)
    """
    waits = np.empty(len(cloud))
    for group in range(masks.shape[0]):
        for candidate in range(masks.shape[1]):
            waits_per_bit(masks[group, candidate], cloud, link, waits)
            total = 0.0
            for audience in listed[first[group] : first[group + 1]]:
                delay, _ = best_prefix(waits, units[audience], slowness[audience])
                if delay == np.inf:
                    total = np.inf
                    break
                total += weight[group, audience] * delay
            costs[group, candidate] = 8 * total
