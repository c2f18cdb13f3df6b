"""Rates of all sets of cooperating nodes for all audiences, made monotone: the table that every method shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.beamforming.channels import Beamformer, Channels, Pairs
from edgeopt.method import Options

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FULL_TABLE_NODES = 8  # most nodes that an audience's table spans: 255 sets
CHUNK = 500  # pairs between two looks at the clock
NEARLY_SILENT = 1e-6  # bit/s/Hz; keeps users that nobody reaches yet comparable


@dataclass(frozen=True)
class RateTable:
    """Rates r(S, K) for every audience K and every set S of its nearest nodes, monotone in S.

    Attributes
    ----------
    audiences : list of tuple of int
    nodes : numpy.ndarray of int64, shape (audiences, width)
        The nodes over which an audience's sets range: all of them, or the strongest; bit b of a set is the b-th.
    rates : numpy.ndarray of float64, shape (audiences, 2**width)
        Bit/s; the best rate of any subset of the set.
    senders : numpy.ndarray of int64, shape (audiences, 2**width)
        The subset that has this rate; the other nodes stay silent.
    complete : bool
        False when time ran out: the missing rates are those of subsets.
    """

    audiences: list[tuple[int, ...]]
    nodes: Integers
    rates: Floats
    senders: Integers
    complete: bool

    def pairs(self, audiences: Integers, sets: Integers) -> Pairs:
        """Pairs (S, K) of sets of the audiences' nodes."""
        return _pairs(self.audiences, self.nodes, audiences, sets)


def strongest_nodes(reach: Floats, users: tuple[int, ...], width: int) -> Integers:
    """Nodes that an audience's sets range over, increasing: one by one the node that speeds the users up most.

    Parameters
    ----------
    reach : numpy.ndarray, shape (nodes, users)
        Largest robust amplitudes, see `Channels.reach`.
    users : tuple of int
    width : int
        How many; all when there are no more.
    """
    rows = reach[:, users]
    if len(rows) <= width:
        return np.arange(len(rows))
    chosen: list[int] = []
    received = np.zeros(len(users))
    for _ in range(width):
        slowness = (1 / (NEARLY_SILENT + np.log2(1 + (received + rows) ** 2))).sum(axis=1)
        slowness[chosen] = np.inf
        chosen.append(int(np.argmin(slowness)))
        received = received + rows[chosen[-1]]
    return np.sort(np.array(chosen))


def rate_table(
    channels: Channels,
    bandwidth_hz: float,
    audiences: list[tuple[int, ...]],
    beamformer: Beamformer,
    options: Options,
    width: int = FULL_TABLE_NODES,
) -> RateTable:
    """Compute the rates of all sets, small sets first, and close them under subsets.

    Parameters
    ----------
    channels : Channels
    bandwidth_hz : float
    audiences : list of tuple of int
    beamformer : callable
        Gives the amplitude of a pair; may be any heuristic.
    options : Options
        Its threads share the pairs; its limits end the computation early.
    width : int
        Most nodes for each audience.
    """
    reach = channels.reach()
    width = min(width, len(reach))
    nodes = np.array([strongest_nodes(reach, users, width) for users in audiences], np.int64).reshape(-1, width)
    sets = np.arange(1, 1 << width)
    order = sets[np.argsort(np.bitwise_count(sets), kind="stable")]
    which = np.tile(np.arange(len(audiences)), len(order))
    masks = np.repeat(order, len(audiences))
    amplitudes = np.zeros((len(audiences), 1 << width))

    def solve(part: slice) -> bool:
        if options.stop_reason() is not None:
            return False
        found = beamformer(channels, _pairs(audiences, nodes, which[part], masks[part]))
        amplitudes[which[part], masks[part]] = found.amplitudes
        return True

    complete = all(_shared(solve, list(_slices(len(masks), CHUNK)), options.threads))
    senders = _close(amplitudes)
    return RateTable(audiences, nodes, bandwidth_hz * np.log2(1 + amplitudes**2), senders, complete)


def _shared(task: Callable[[slice], bool], parts: list[slice], threads: int) -> Iterator[bool]:
    if threads == 1 or len(parts) == 1:
        yield from map(task, parts)
        return
    yield task(parts[0])  # compiled code is loaded once, before the threads start
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(task, parts[1:])


def _slices(total: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, total)) for start in range(0, total, size))


def _pairs(audiences: list[tuple[int, ...]], nodes: Integers, which: Integers, masks: Integers) -> Pairs:
    width = nodes.shape[1]
    member = (masks[:, None] >> np.arange(width)) & 1 == 1
    member_nodes = np.where(member, nodes[which], -1)
    # Members to the front, in increasing order, -1 behind them.
    front = np.argsort(~member, axis=1, kind="stable")
    most = max((len(audience) for audience in audiences), default=1)
    padded = np.full((len(audiences), most), -1, np.int64)
    for row, users in enumerate(audiences):
        padded[row, : len(users)] = users
    return Pairs(np.take_along_axis(member_nodes, front, axis=1), padded[which])


def _close(amplitudes: Floats) -> Integers:
    """Raise each set's amplitude to the best of its subsets, in place; return those subsets."""
    count, sets = amplitudes.shape
    senders = np.tile(np.arange(sets), (count, 1))
    bit = 1
    while bit < sets:
        upper = np.flatnonzero(np.arange(sets) & bit)
        lower = upper ^ bit
        better = amplitudes[:, lower] >= amplitudes[:, upper]
        amplitudes[:, upper] = np.where(better, amplitudes[:, lower], amplitudes[:, upper])
        senders[:, upper] = np.where(better, senders[:, lower], senders[:, upper])
        bit <<= 1
    return senders
