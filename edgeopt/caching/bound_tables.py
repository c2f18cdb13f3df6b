"""More nodes than rate tables allow: delays that no nodes and no beams undercut, and plans over all prefixes.

Caches are chosen by upper bounds on the rates, which beams nearly reach, and which need no table over sets of nodes;
so the bounds of all methods on such networks hold for the problem itself. Beams are formed for the chosen caches only.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.beamforming.channels import Pairs
from edgeopt.caching.delays import waits_per_bit
from edgeopt.caching.rates import SINGLE_NODES, ceiling_table, find_units, padded, rates_bps
from edgeopt.caching.tables import DelayTables, Sent

if TYPE_CHECKING:
    from edgeopt.caching.wide_kernels import Broadcasts, GroupAudiences

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class BoundTables(DelayTables):
    """DelayTables without rates: every set of nodes may send, at most as fast as the bounds allow.

    The bound of a set is that of its nodes among the audience's strongest ones, plus what its other nodes add.
    """

    wide = True

    @cached_property
    def broadcasts(self) -> Broadcasts:
        """Bounds on how fast any nodes send to each audience, for compiled code."""
        from edgeopt.caching.wide_kernels import Broadcasts

        audiences = self.requests.audiences
        units = find_units(self.reach, audiences, 0, SINGLE_NODES, 0)[:, :-1]
        ceilings = ceiling_table(self.channels, audiences, units, self.run)
        bandwidth = self.instance.radio.bandwidth_hz
        return Broadcasts(units, padded(audiences), self.reach, ceilings.amplitudes, ceilings.weights, bandwidth)

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
        waits = waits_per_bit(np.array([mask for mask, _ in keys], np.int64), self.cloud, self.link)
        order = np.argsort(waits, axis=1, kind="stable")
        sorted_waits = np.take_along_axis(waits, order, axis=1)
        following = np.pad(sorted_waits[:, 1:], ((0, 0), (0, 1)), constant_values=np.inf)
        row, position = np.nonzero(sorted_waits < following)  # the last node of each level
        count = len(self.node_names)
        nodes = np.sort(np.where(np.arange(count) <= position[:, None], order[row], count), axis=1)
        nodes[nodes == count] = -1
        users = padded(self.requests.audiences)[np.array([audience for _, audience in keys], np.int64)][row]
        beams = self.beamformer(self.channels, Pairs(nodes, users))
        with np.errstate(divide="ignore"):
            broadcast = 1 / rates_bps(self.instance.radio.bandwidth_hz, beams.amplitudes)
        delay = sorted_waits[row, position] + broadcast
        best = np.full(len(keys), -1)
        slowest_first = np.argsort(-delay, kind="stable")
        best[row[slowest_first]] = slowest_first
        if (best < 0).any() or np.isinf(delay[best]).any():
            return None
        return {
            key: self._sent(nodes[pair], beams.vectors[pair]) for key, pair in zip(keys, best.tolist(), strict=True)
        }
