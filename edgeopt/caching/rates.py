"""Rates of all sets of cooperating nodes for all audiences, made monotone: the table that every method shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.beamforming.ceilings import STEPS, Ceilings, CeilingSums, ceiling_sums, ceilings
from edgeopt.caching.beamforming.channels import Beamformer, Channels, Pairs
from edgeopt.caching.reach import FULL_TABLE_NODES
from edgeopt.run import Run

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SINGLE_NODES, OTHER_NODES = 6, 6  # units of an audience beyond that: strongest nodes, and the next ones together
SUM_SHARES = (1.0, 0.85, 0.7, 0.55)  # of the nodes, for which sums of an audience are sharp
SUM_STEPS = 200
CHUNK = 500  # pairs between two looks at the clock
NEARLY_SILENT = 1e-6  # of a rate in nat/s/Hz; keeps users that nobody reaches yet comparable


@dataclass(frozen=True)
class RateTable:
    """Rates r(S, K) for every audience K and every set S of its strongest nodes, monotone in S.

    A set is a number whose bits stand for units: single nodes, or for many nodes a last unit of several that send
    together or not at all.

    Attributes
    ----------
    audiences : list of tuple of int
    units : numpy.ndarray of int64, shape (audiences, width)
        The nodes of each unit, as bits.
    amplitudes : numpy.ndarray of float64, shape (audiences, 2**width)
        The best of any subset of the set.
    bandwidth_hz : float
    senders : numpy.ndarray of int64, shape (audiences, 2**width)
        The subset that has this rate; the other nodes stay silent.
    complete : bool
        False when time ran out: the missing rates are those of subsets.
    """

    audiences: list[tuple[int, ...]]
    units: Integers
    amplitudes: Floats
    bandwidth_hz: float
    senders: Integers
    complete: bool

    @property
    def rates(self) -> Floats:
        """Bit/s, shape (audiences, 2**width)."""
        return rates_bps(self.bandwidth_hz, self.amplitudes)

    def raised(self, audiences: Integers, sets: Integers, amplitudes: Floats) -> RateTable:
        """Return the table with better beams of some sets, and of all larger sets."""
        raised, senders = self.amplitudes.copy(), self.senders.copy()
        better = amplitudes > raised[audiences, sets]
        which = audiences[better], sets[better]
        raised[which], senders[which] = amplitudes[better], sets[better]
        _close(raised, senders)
        return replace(self, amplitudes=raised, senders=senders)

    def pairs(self, audiences: Integers, sets: Integers) -> Pairs:
        """Return pairs (S, K) of sets of the audiences' units."""
        return pairs_of(self.audiences, self.units, audiences, sets)


def rates_bps(bandwidth_hz: float, amplitudes: Floats) -> Floats:
    """Return rates at robust amplitudes, in bit/s; exact for the smallest signal-to-noise ratios too."""
    rates: Floats = bandwidth_hz * np.log1p(amplitudes**2) / np.log(2)
    return rates


def strongest_nodes(reach: Floats, users: tuple[int, ...]) -> list[int]:
    """Order the nodes that reach anyone of an audience: one by one the node that speeds the users up most.

    Parameters
    ----------
    reach : numpy.ndarray, shape (nodes, users)
        Largest robust amplitudes, see `Channels.reach`.
    users : tuple of int
    """
    rows = reach[:, users]
    chosen: list[int] = []
    received = np.zeros(len(users))
    while len(chosen) < int(rows.any(axis=1).sum()):
        slowness = (1 / (NEARLY_SILENT + np.log1p((received + rows) ** 2))).sum(axis=1)
        slowness[chosen] = np.inf
        slowness[~rows.any(axis=1)] = np.inf
        chosen.append(int(np.argmin(slowness)))
        received = received + rows[chosen[-1]]
    return chosen


def find_units(reach: Floats, audiences: list[tuple[int, ...]], full: int, single: int, others: int) -> Integers:
    """Return the units of each audience, as bits over the nodes, shape (audiences, width).

    Up to `full` nodes: every node. Beyond: the `single` strongest nodes for the audience, and as one unit the next
    `others`; the nodes beyond these do not serve the audience.
    """
    if len(reach) <= full:
        return np.tile(1 << np.arange(len(reach)), (len(audiences), 1))
    units = np.zeros((len(audiences), single + 1), np.int64)
    for row, users in enumerate(audiences):
        order = strongest_nodes(reach, users)
        for column, node in enumerate(order[:single]):
            units[row, column] = 1 << node
        for node in order[single : single + others]:
            units[row, single] |= 1 << node
    return units


def rate_table(
    channels: Channels,
    bandwidth_hz: float,
    audiences: list[tuple[int, ...]],
    beamformer: Beamformer,
    run: Run,
) -> RateTable:
    """Compute the rates of all sets, small sets first, and close them under subsets.

    Parameters
    ----------
    channels : Channels
    bandwidth_hz : float
    audiences : list of tuple of int
    beamformer : callable
        Gives the amplitude of a pair; may be any heuristic.
    run : Run
        Its threads share the pairs; its limits end the computation early.
    """
    units = find_units(channels.reach(), audiences, FULL_TABLE_NODES, SINGLE_NODES, OTHER_NODES)
    width = units.shape[1]
    sets = np.arange(1, 1 << width)
    order = sets[np.argsort(np.bitwise_count(sets), kind="stable")]
    which = np.tile(np.arange(len(audiences)), len(order))
    masks = np.repeat(order, len(audiences))
    amplitudes = np.zeros((len(audiences), 1 << width))

    def solve(part: slice) -> bool:
        if run.stop_reason() is not None:
            return False
        beams = beamformer(channels, pairs_of(audiences, units, which[part], masks[part]))
        amplitudes[which[part], masks[part]] = beams.amplitudes
        return True

    complete = all(_shared(solve, len(masks), run.options.threads))
    senders = np.tile(np.arange(1 << width), (len(audiences), 1))
    _close(amplitudes, senders)
    return RateTable(audiences, units, amplitudes, bandwidth_hz, senders, complete)


def ceiling_table(channels: Channels, audiences: list[tuple[int, ...]], units: Integers, run: Run) -> Ceilings:
    """Return upper bounds for each audience and set of its units, which are single nodes.

    When time runs out, the others are those of the weakest user alone.

    Returns
    -------
    Ceilings
        Shapes (audiences, 2**width) and (audiences, 2**width, most users).
    """
    count, sets = len(units), 1 << units.shape[1]
    which, masks = np.repeat(np.arange(count), sets), np.tile(np.arange(sets), count)
    amplitudes, weights = np.zeros(count * sets), np.zeros((count * sets, padded(audiences).shape[1]))

    def solve(part: slice) -> bool:
        steps = STEPS if run.stop_reason() is None else 0
        bounds = ceilings(channels, pairs_of(audiences, units, which[part], masks[part]), steps)
        amplitudes[part], weights[part] = bounds.amplitudes, bounds.weights
        return True

    all(_shared(solve, len(masks), run.options.threads))
    amplitudes, weights = amplitudes.reshape(count, sets), weights.reshape(count, sets, weights.shape[1])
    lower_subsets(amplitudes, weights)
    amplitudes[:, 0] = 0.0
    return Ceilings(amplitudes, weights)


def sum_table(channels: Channels, audiences: list[tuple[int, ...]], run: Run) -> CeilingSums:
    """Return sums for each audience: sharp for all nodes, and for shares of the nodes, the strongest first.

    When time runs out, the others are those of the weakest user alone.

    Returns
    -------
    CeilingSums
        Those of all audiences for the first share, then for the next one.
    """
    reach = channels.reach()
    order = [strongest_nodes(reach, users) for users in audiences]
    strongest = [tuple(sorted(nodes[: ceil(share * len(reach))])) for share in SUM_SHARES for nodes in order]
    pairs = Pairs(padded(strongest), np.tile(padded(audiences), (len(SUM_SHARES), 1)))
    fixed, added = np.zeros(len(pairs)), np.zeros((len(pairs), len(reach)))

    def solve(part: slice) -> bool:
        steps = SUM_STEPS if run.stop_reason() is None else 0
        sums = ceiling_sums(channels, Pairs(pairs.nodes[part], pairs.users[part]), steps)
        fixed[part], added[part] = sums.fixed, sums.added
        return True

    all(_shared(solve, len(pairs), run.options.threads))
    return CeilingSums(fixed, added)


def lower_subsets(amplitudes: Floats, weights: Floats | None = None) -> None:
    """Lower each set's bound to that of any larger set, in place: the other nodes may stay silent."""
    sets = np.arange(amplitudes.shape[1])
    bit = 1
    while bit < len(sets):
        larger = np.flatnonzero(sets & bit)
        smaller = larger ^ bit
        lower = amplitudes[:, larger] < amplitudes[:, smaller]
        amplitudes[:, smaller] = np.where(lower, amplitudes[:, larger], amplitudes[:, smaller])
        if weights is not None:
            weights[:, smaller] = np.where(lower[:, :, None], weights[:, larger], weights[:, smaller])
        bit <<= 1


def _shared(task: Callable[[slice], bool], total: int, threads: int) -> Iterator[bool]:
    """Run a task on parts of so many pairs, in several threads."""
    parts = [slice(start, min(start + CHUNK, total)) for start in range(0, total, CHUNK)]
    if threads == 1 or len(parts) <= 1:
        yield from map(task, parts)
        return
    yield task(parts[0])  # compiled code is loaded once, before the threads start
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(task, parts[1:])


def pairs_of(audiences: list[tuple[int, ...]], units: Integers, which: Integers, sets: Integers) -> Pairs:
    """Return pairs (S, K) of sets of units of the audiences of these numbers."""
    width = units.shape[1]
    chosen = (sets[:, None] >> np.arange(width)) & 1 == 1
    masks = np.bitwise_or.reduce(np.where(chosen, units[which], 0), axis=1)
    count = int(np.bitwise_or.reduce(masks, initial=1)).bit_length()
    member = (masks[:, None] >> np.arange(count)) & 1 == 1
    # Members to the front, in increasing order, -1 behind them.
    front = np.argsort(~member, axis=1, kind="stable")
    nodes = np.where(np.take_along_axis(member, front, axis=1), front, -1)
    return Pairs(nodes, padded(audiences)[which])


def padded(audiences: list[tuple[int, ...]]) -> Integers:
    """Return the users of each audience, padded with -1, shape (audiences, most users)."""
    table = np.full((len(audiences), max(map(len, audiences), default=1)), -1, np.int64)
    for row, users in enumerate(audiences):
        table[row, : len(users)] = users
    return table


def _close(amplitudes: Floats, senders: Integers) -> None:
    """Raise each set's amplitude to the best of its subsets, in place, and make that one's senders its own."""
    sets = amplitudes.shape[1]
    bit = 1
    while bit < sets:
        upper = np.flatnonzero(np.arange(sets) & bit)
        lower = upper ^ bit
        better = amplitudes[:, lower] >= amplitudes[:, upper]
        amplitudes[:, upper] = np.where(better, amplitudes[:, lower], amplitudes[:, upper])
        senders[:, upper] = np.where(better, senders[:, lower], senders[:, upper])
        bit <<= 1
