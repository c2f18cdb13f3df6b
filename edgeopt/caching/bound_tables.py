"""More nodes than rate tables allow: delays that no nodes and no beams undercut, and plans over all prefixes.

Caches are chosen by upper bounds on the rates, which beams nearly reach, and which need no table over sets of nodes;
so the bounds of all methods on such networks hold for the problem itself. Beams are formed for the chosen caches only.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from edgeopt.caching.beamforming.ceilings import CeilingSums, over_the_network
from edgeopt.caching.beamforming.certified import certified
from edgeopt.caching.beamforming.channels import Beams, Pairs
from edgeopt.caching.delays import waits_per_bit
from edgeopt.caching.rates import SINGLE_NODES, SUM_SHARES, ceiling_table, find_units, padded, rates_bps, sum_table
from edgeopt.caching.tables import DelayTables, Sent
from edgeopt.run import Run

if TYPE_CHECKING:
    from edgeopt.caching.wide_kernels import Broadcasts, GroupAudiences

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CLOSE = 1e-5  # relative distance to the optimum of a relaxation that may be left
NEXT_TO_NOTHING = 5e-4  # of the delay: what the deliveries lose together that are not worth certificates


class Prefixes(NamedTuple):
    """Nodes that may send together in deliveries: those whose wait is at most that of one of them.

    Attributes
    ----------
    pairs : Pairs
    beams : Beams
    best : numpy.ndarray of int64, shape (deliveries,)
        The fastest prefix of each delivery.
    delays : numpy.ndarray of float64, shape (deliveries,)
        Its seconds per bit; infinite where the delivery never ends.
    """

    pairs: Pairs
    beams: Beams
    best: Integers
    delays: Floats


class BoundTables(DelayTables):
    """DelayTables without rates: every set of nodes may send, at most as fast as the bounds allow.

    The bound of a set is the least of several: that of its nodes among the audience's strongest ones, plus what its
    other nodes add; and sums of what each of its nodes adds. `refine` makes them sharper where plans look.
    """

    wide = True

    @cached_property
    def broadcasts(self) -> Broadcasts:
        """Bounds on how fast any nodes send to each audience, for compiled code."""
        from edgeopt.caching.wide_kernels import Broadcasts

        audiences = self.requests.audiences
        units = find_units(self.reach, audiences, 0, SINGLE_NODES, 0)[:, :-1]
        ceilings = ceiling_table(self.channels, audiences, units, self.run)
        first, fixed, added = _in_order(self._sums, len(audiences))
        bandwidth = self.instance.radio.bandwidth_hz
        amplitudes, weights = ceilings.amplitudes, ceilings.weights
        return Broadcasts(units, padded(audiences), self.reach, amplitudes, weights, first, fixed, added, bandwidth)

    @cached_property
    def _sums(self) -> list[tuple[Integers, CeilingSums]]:
        """Sums of audiences of these numbers."""
        audiences = np.arange(len(self.requests.audiences))
        return [(np.tile(audiences, len(SUM_SHARES)), sum_table(self.channels, self.requests.audiences, self.run))]

    @cached_property
    def refined(self) -> set[tuple[int, int]]:
        """Audiences and sending nodes, as bits, with semidefinite certificates."""
        return set()

    def seconds(self, masks: Integers) -> float:
        """Return the expected delay with the beams known for blocks cached at these sets, shape (blocks,)."""
        bits = self._bits(masks)
        return float(np.array(list(bits.values())) @ self._prefixes(list(bits)).delays)

    def open_pairs(self, masks: Integers) -> list[tuple[int, int]]:
        """Return audiences and sending nodes, as bits, that look faster than what beams reach, the worst first.

        For blocks cached at these sets, shape (blocks,); without those that cost next to nothing together.
        """
        from edgeopt.caching.wide_kernels import delivery_bounds

        bits = self._bits(masks)
        sets, audiences = np.array(list(bits), np.int64).reshape(-1, 2).T.copy()
        bounds, senders = np.empty(len(bits)), np.empty(len(bits), np.int64)
        delivery_bounds(sets, audiences, self.cloud, self.link, self.broadcasts, bounds, senders)
        reached, weights = self._prefixes(list(bits)).delays, np.array(list(bits.values()))
        loss = weights * (reached - bounds)
        worst_first = np.argsort(-loss, kind="stable")
        left = np.cumsum(loss[worst_first][::-1])[::-1]  # what this one and all later ones lose
        worst = worst_first[left > NEXT_TO_NOTHING * float(weights @ reached)]
        pairs = zip(audiences[worst].tolist(), senders[worst].tolist(), strict=True)
        return [pair for pair in dict.fromkeys(pairs) if pair not in self.refined]

    def _bits(self, masks: Integers) -> dict[tuple[int, int], float]:
        """Return the expected bits, times users, for each set of caching nodes and audience."""
        bits: dict[tuple[int, int], float] = {}
        for mask, size, group in zip(masks.tolist(), self.requests.sizes, self.requests.group, strict=True):
            for audience in set(self.requests.audience_of[group].values()):
                weight = 8 * float(size) * float(self.requests.weight[group, audience])
                bits[mask, audience] = bits.get((mask, audience), 0.0) + weight
        return bits

    def refine(self, pairs: list[tuple[int, int]], run: Run) -> None:
        """Give audiences and sending nodes semidefinite certificates and better beams, as far as limits allow."""

        def refine_one(pair: tuple[int, int]) -> None:
            if run.stop_reason() is not None:
                return
            audience, senders = pair
            nodes = np.flatnonzero((senders >> np.arange(len(self.node_names))) & 1)
            one = Pairs(nodes[None], np.array([self.requests.audiences[audience]]))
            solved, _ = certified(self.channels, one, self.beamformer, CLOSE)
            self._sums.append((np.array([audience]), over_the_network(self.channels, one, solved[0].certificate)))
            self.refined.add(pair)

        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(run.options.threads) as pool:
            list(pool.map(refine_one, pairs))
        first, fixed, added = _in_order(self._sums, len(self.requests.audiences))
        self.broadcasts = self.broadcasts._replace(first=first, fixed=fixed, added=added)

    @cached_property
    def groups(self) -> GroupAudiences:
        """The audiences of each group, for compiled code."""
        from edgeopt.caching.wide_kernels import GroupAudiences

        return GroupAudiences(*self.requests.listed(), self.requests.weight)

    def costs(self, masks: Integers) -> Floats:
        from edgeopt.caching.wide_kernels import group_costs

        costs = np.empty(masks.shape)
        group_costs(masks, self.cloud, self.link, self.groups, self.broadcasts, costs)
        return costs

    @property
    def complete(self) -> bool:
        return True

    def whole_amplitudes(self) -> Floats:
        return np.array([self.reach[:, list(users)].sum(axis=0).min() for users in self.requests.audiences])

    def _deliveries(self, keys: list[tuple[int, int]]) -> dict[tuple[int, int], Sent] | None:
        """Take the best of all prefixes, at the rates of the beamformer; None when one of the deliveries never ends."""
        prefixes = self._prefixes(keys)
        if np.isinf(prefixes.delays).any():
            return None
        nodes, vectors = prefixes.pairs.nodes, prefixes.beams.vectors
        return {
            key: self._sent(nodes[pair], vectors[pair]) for key, pair in zip(keys, prefixes.best.tolist(), strict=True)
        }

    def _prefixes(self, keys: list[tuple[int, int]]) -> Prefixes:
        """Form beams for all prefixes of pairs of caching nodes and an audience."""
        waits = waits_per_bit(np.array([mask for mask, _ in keys], np.int64), self.cloud, self.link)
        order = np.argsort(waits, axis=1, kind="stable")
        sorted_waits = np.take_along_axis(waits, order, axis=1)
        following = np.pad(sorted_waits[:, 1:], ((0, 0), (0, 1)), constant_values=np.inf)
        row, position = np.nonzero(sorted_waits < following)  # the last node of each level
        count = len(self.node_names)
        nodes = np.sort(np.where(np.arange(count) <= position[:, None], order[row], count), axis=1)
        nodes[nodes == count] = -1
        users = padded(self.requests.audiences)[np.array([audience for _, audience in keys], np.int64)][row]
        pairs = Pairs(nodes, users)
        beams = self.beamformer(self.channels, pairs)
        with np.errstate(divide="ignore"):
            broadcast = 1 / rates_bps(self.instance.radio.bandwidth_hz, beams.amplitudes)
        delay = np.append(sorted_waits[row, position] + broadcast, np.inf)
        best = np.full(len(keys), -1)
        slowest_first = np.argsort(-delay[:-1], kind="stable")
        best[row[slowest_first]] = slowest_first
        return Prefixes(pairs, beams, best, delay[best])


def _in_order(sums: list[tuple[Integers, CeilingSums]], audiences: int) -> tuple[Integers, Floats, Floats]:
    """Return where the sums of each audience begin, their fixed parts, and what each node adds."""
    which = np.concatenate([rows for rows, _ in sums])
    order = np.argsort(which, kind="stable")
    fixed = np.concatenate([found.fixed for _, found in sums])
    added = np.concatenate([found.added for _, found in sums])
    return np.searchsorted(which[order], np.arange(audiences + 1)), fixed[order], added[order]
