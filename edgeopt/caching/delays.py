"""Delays per bit from rates and backhaul, for many sets of caching nodes at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def waits_per_bit(masks: Integers, cloud: Floats, link: Floats) -> Floats:
    """Return the seconds per bit until each node has a block, shape (sets, nodes); infinite where never.

    Parameters
    ----------
    masks : numpy.ndarray of int64, shape (sets,)
        Bit n is set where node n caches the block.
    cloud : numpy.ndarray, shape (nodes,)
        Seconds per bit from the cloud.
    link : numpy.ndarray, shape (nodes, nodes)
        Seconds per bit from the first to the second node.
    """
    member = (masks[:, None] >> np.arange(len(cloud))) & 1 == 1
    waits = np.tile(cloud, (len(masks), 1))
    for source, row in enumerate(link):
        waits[member[:, source]] = np.minimum(waits[member[:, source]], row)
    waits[member] = 0.0
    return waits


def prefixes(waits: Floats, units: Integers) -> tuple[Floats, Integers]:
    """Return the sets of units that wait no longer than some level, and these levels, both of shape (sets, width).

    Parameters
    ----------
    waits : numpy.ndarray, shape (sets, nodes)
        For each set of caching nodes.
    units : numpy.ndarray of int64, shape (width,)
        Nodes of each unit of the audience, as bits; a unit waits for its last node.
    """
    member = (units[:, None] >> np.arange(waits.shape[1])) & 1 == 1
    unit_waits = np.stack([waits[:, row].max(axis=1, initial=0.0) for row in member], axis=1)
    order = np.argsort(unit_waits, axis=1, kind="stable")
    return np.take_along_axis(unit_waits, order, axis=1), np.bitwise_or.accumulate(1 << order, axis=1)


def table_costs(
    masks: Integers,
    cloud: Floats,
    link: Floats,
    weight: Floats,
    audience_of: list[dict[int, int]],
    units: Integers,
    slowness: Floats,
) -> Floats:
    """Return the expected delay per byte of groups of blocks for candidate sets of caching nodes.

    Parameters
    ----------
    masks : numpy.ndarray of int64, shape (groups, candidates)
    cloud, link : numpy.ndarray
        See `waits_per_bit`.
    weight : numpy.ndarray, shape (groups, audiences)
        Expected number of requesters.
    audience_of : list of dict
        Audiences of each group, by scenario.
    units, slowness : numpy.ndarray, shapes (audiences, width) and (audiences, 2**width)
        Nodes of each unit of an audience, as bits; seconds per bit of a broadcast by each set of units.

    Returns
    -------
    numpy.ndarray, shape (groups, candidates)
    """
    different, place = np.unique(masks, return_inverse=True)
    place = place.reshape(masks.shape)
    waits = waits_per_bit(different, cloud, link)
    by_units = {row.tobytes(): prefixes(waits, row) for row in np.unique(units, axis=0)}
    delays = []
    for row, slow in zip(units, slowness, strict=True):
        levels, sets = by_units[row.tobytes()]
        delays.append((levels + slow[sets]).min(axis=1))
    costs = np.zeros(masks.shape)
    for group, audiences in enumerate(audience_of):
        for audience in sorted(set(audiences.values())):
            delay = delays[audience][place[group]]
            # A delivery that never ends counts even in a scenario of probability zero.
            ends = np.isfinite(delay)
            costs[group, ends] += 8 * weight[group, audience] * delay[ends]
            costs[group, ~ends] = np.inf
    return costs
