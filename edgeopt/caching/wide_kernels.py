"""Compiled kernels that turn bounds on rates and backhaul into delays per byte for sets among many nodes."""

from __future__ import annotations

from math import log, log1p
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class GroupAudiences(NamedTuple):
    """The audiences of each group of blocks.

    Attributes
    ----------
    listed, first : array of int
        Audiences of group g: ``listed[first[g]:first[g + 1]]``.
    weight : array, shape (groups, audiences)
        Expected number of requesters.
    """

    listed: Integers
    first: Integers
    weight: Floats


class Broadcasts(NamedTuple):
    """Upper bounds on how fast sets of nodes send to an audience, for any nodes and any beams.

    Attributes
    ----------
    units : array of int, shape (audiences, width)
        Single nodes, as bits.
    members : array of int, shape (audiences, most users)
        Users, padded with -1.
    reach : array, shape (nodes, users)
        Largest amplitude of each node at each user.
    amplitudes : array, shape (audiences, 2**width)
        Upper bounds on the mean amplitude from each set of units, over the users with these weights.
    weights : array, shape (audiences, 2**width, most users)
    first : array of int, shape (audiences + 1,)
        Audience a has the sums from ``first[a]`` to ``first[a + 1]``; each bounds the amplitude of every set of nodes.
    fixed : array, shape (sums,)
    added : array, shape (sums, nodes)
        What each node of the set adds to the former.
    bandwidth_hz : float
    """

    units: Integers
    members: Integers
    reach: Floats
    amplitudes: Floats
    weights: Floats
    first: Integers
    fixed: Floats
    added: Floats
    bandwidth_hz: float


@kernel(nogil=True, error_model="numpy")
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


@inner_kernel(allocates=True, error_model="numpy")
def shortest_delay(waits: Floats, order: Integers, audience: int, broadcasts: Broadcasts) -> tuple[float, int]:
    """Return a bound on seconds per bit that no set of nodes and no beams undercut.

    The weakest user of a set receives at most what it would receive alone from all nodes of the set; at most the
    bound for the units of the set plus the weighted mean of what all other nodes of the set add; and at most each sum.

    Parameters
    ----------
    waits : array, shape (nodes,)
    order : array of int, shape (nodes,)
        Nodes by increasing wait.

    Returns
    -------
    float
    int
        How many nodes of this order send where the bound is reached; 0 if the delivery never ends.
    """
    members, table, first = broadcasts.members[audience], broadcasts.units[audience], broadcasts.first[audience]
    users = 0
    while users < len(members) and members[users] >= 0:
        users += 1
    received, added = np.empty(users), np.empty(users)
    for k in range(users):
        received[k], added[k] = 0.0, 0.0
    sums = np.empty(broadcasts.first[audience + 1] - first)
    for row in range(len(sums)):
        sums[row] = broadcasts.fixed[first + row]
    inside, least, senders = 0, np.inf, 0
    for position in range(len(order)):
        node = order[position]
        if waits[node] >= least:
            break
        bit = 0
        for unit in range(len(table)):
            if table[unit] == 1 << node:
                bit = 1 << unit
        inside |= bit
        for k in range(users):
            heard = broadcasts.reach[node, members[k]]
            received[k] += heard
            if bit == 0:
                added[k] += heard
        for row in range(len(sums)):
            sums[row] += broadcasts.added[first + row, node]
        if position + 1 < len(order) and waits[order[position + 1]] == waits[node]:
            continue
        amplitude, mean = received[0], broadcasts.amplitudes[audience, inside]
        for k in range(users):
            amplitude = min(amplitude, received[k])
            mean += broadcasts.weights[audience, inside, k] * added[k]
        amplitude = min(amplitude, mean)
        for row in range(len(sums)):
            amplitude = min(amplitude, sums[row])
        if amplitude > 0.0:
            delay = waits[node] + log(2) / (broadcasts.bandwidth_hz * log1p(amplitude**2))
            if delay < least:
                least, senders = delay, position + 1
    return least, senders


@inner_kernel(allocates=True, error_model="numpy")
def _by_wait(waits: Floats) -> Integers:
    """Return the nodes by increasing wait."""
    order = np.empty(len(waits), np.int64)
    for node in range(len(waits)):
        place = node
        while place > 0 and waits[order[place - 1]] > waits[node]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = node
    return order


@inner_kernel(allocates=True, error_model="numpy")
def group_cost(
    group: int, mask: int, cloud: Floats, link: Floats, groups: GroupAudiences, broadcasts: Broadcasts, waits: Floats
) -> float:
    """Return the expected delay per byte of a group cached at a set, as bits; `waits` is working room."""
    waits_per_bit(mask, cloud, link, waits)
    order = _by_wait(waits)
    total = 0.0
    for row in range(groups.first[group], groups.first[group + 1]):
        audience = groups.listed[row]
        delay, _ = shortest_delay(waits, order, audience, broadcasts)
        if delay == np.inf:
            return np.inf
        total += groups.weight[group, audience] * delay
    return 8 * total


@kernel(allocates=True, nogil=True, error_model="numpy")
def group_costs(
    masks: Integers, cloud: Floats, link: Floats, groups: GroupAudiences, broadcasts: Broadcasts, costs: Floats
) -> None:
    """Fill in the expected delay per byte of each group for each candidate set of caching nodes.

    Parameters
    ----------
    masks : array of int, shape (groups, candidates)
        Sets of nodes that cache a block, as bits over all nodes.
    cloud, link : arrays
        See `waits_per_bit`.
    groups : GroupAudiences
    broadcasts : Broadcasts
    costs : array, shape (groups, candidates)
    """
    waits = np.empty(len(cloud))
    for group in range(masks.shape[0]):
        for candidate in range(masks.shape[1]):
            costs[group, candidate] = group_cost(group, masks[group, candidate], cloud, link, groups, broadcasts, waits)


@kernel(allocates=True, nogil=True, error_model="numpy")
def delivery_bounds(
    masks: Integers,
    audiences: Integers,
    cloud: Floats,
    link: Floats,
    broadcasts: Broadcasts,
    delays: Floats,
    senders: Integers,
) -> None:
    """Fill in a bound on the seconds per bit of each delivery, and the nodes that send where it is reached.

    Parameters
    ----------
    masks, audiences : array of int, shape (deliveries,)
        Nodes that cache the block, as bits, and the audience.
    cloud, link : arrays
        See `waits_per_bit`.
    broadcasts : Broadcasts
    delays : array, shape (deliveries,)
    senders : array of int, shape (deliveries,)
        As bits.
    """
    waits = np.empty(len(cloud))
    for row in range(len(masks)):
        waits_per_bit(masks[row], cloud, link, waits)
        order = _by_wait(waits)
        delays[row], count = shortest_delay(waits, order, audiences[row], broadcasts)
        senders[row] = 0
        for position in range(count):
            senders[row] |= 1 << order[position]
