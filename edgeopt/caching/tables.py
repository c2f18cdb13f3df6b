"""The problem as a choice of where to cache each block, at which cost; every method starts from it."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.beamforming.channels import Beamformer, Channels
from edgeopt.caching.beamforming.dual import dual
from edgeopt.caching.beamforming.memo import Memo
from edgeopt.caching.delays import prefixes, table_costs, waits_per_bit
from edgeopt.caching.groups import Requests, find_requests
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.rates import RateTable, rate_table
from edgeopt.run import Run
from edgeopt.solution import Plan

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

Sent = tuple[list[str], dict[str, Any]]  # nodes that send together, and their beamformers


@dataclass(frozen=True)
class Menu:
    """Candidate sets of caching nodes for each group, and what they cost.

    The problem is to pick one candidate for each block: it costs its bytes times the group's cost, and takes its
    bytes at every node of the set.

    Attributes
    ----------
    masks : numpy.ndarray of int64, shape (groups, candidates)
        Sets as bits over the nodes; the first is the empty set.
    costs : numpy.ndarray of float64, shape (groups, candidates)
        Expected delay in seconds per byte; infinite where a delivery never ends, and in unused places.
    sizes, group : numpy.ndarray of int64, shape (blocks,)
    storage : numpy.ndarray of int64, shape (nodes,)
    """

    masks: Integers
    costs: Floats
    sizes: Integers
    group: Integers
    storage: Integers

    @cached_property
    def members(self) -> Floats:
        """1 where the node belongs to the set, shape (groups, candidates, nodes)."""
        bits = (self.masks[:, :, None] >> np.arange(len(self.storage))) & 1
        return bits.astype(np.float64)

    @cached_property
    def group_bytes(self) -> Integers:
        """Bytes of each group's blocks together, shape (groups,)."""
        total = np.zeros(len(self.masks), np.int64)
        np.add.at(total, self.group, self.sizes)
        return total

    @cached_property
    def largest_first(self) -> Integers:
        """Blocks by decreasing size, shape (blocks,)."""
        return np.argsort(-self.sizes, kind="stable")

    def cost(self, choice: Integers) -> float:
        """Return the expected total delay in seconds of a choice of a candidate for each block, shape (blocks,)."""
        return float(self.sizes @ self.costs[self.group, choice])

    def free(self, choice: Integers) -> Integers:
        """Return the bytes left at each node, shape (nodes,); negative where overfilled."""
        chosen = self.masks[self.group, choice]
        member = (chosen[:, None] >> np.arange(len(self.storage))) & 1
        return self.storage - (member * self.sizes[:, None]).sum(axis=0)

    def nearest(self, masks: Integers) -> Integers:
        """Return the cheapest candidate inside each block's set, shape (blocks,), for sets given as bits."""
        inside = (self.masks[self.group] & ~masks[:, None]) == 0
        return np.argmin(np.where(inside, self.costs[self.group], np.inf), axis=1)

    def reduced(self, kept: NDArray[np.bool_]) -> Menu:
        """Return the menu of some of the candidates, shape (groups, candidates)."""
        width = max(1, int(kept.sum(axis=1).max(initial=1)))
        front = np.argsort(~kept, axis=1, kind="stable")[:, :width]
        used = np.take_along_axis(kept, front, axis=1)
        return Menu(
            np.where(used, np.take_along_axis(self.masks, front, axis=1), 0),
            np.where(used, np.take_along_axis(self.costs, front, axis=1), np.inf),
            self.sizes,
            self.group,
            self.storage,
        )


class DelayTables:
    """Rates, backhaul and requests of an instance in arrays, and plans made of caches.

    Parameters
    ----------
    instance : CachingInstance
    run : Run
    beamformer : callable, optional
        A beamformer of `edgeopt.caching.beamforming`; default `dual`. Its beams are remembered; a `Memo` shares them.
    """

    wide = False  # whether delays are bounds, and any nodes may send

    def __init__(
        self,
        instance: CachingInstance,
        run: Run,
        beamformer: Beamformer = dual,
    ) -> None:
        self.instance = instance
        self.run = run
        self.beamformer = beamformer if isinstance(beamformer, Memo) else Memo(beamformer)
        self.node_names = list(instance.nodes)
        self.storage = np.array([node.storage_bytes for node in instance.nodes.values()], np.int64)
        self.requests: Requests = find_requests(instance)
        self.channels = Channels.of(instance)
        self.reach = self.channels.reach()
        self.cloud, self.link = _seconds_per_bit(instance)

    @cached_property
    def rates(self) -> RateTable:
        """Rates of the beamformer."""
        bandwidth = self.instance.radio.bandwidth_hz
        return rate_table(self.channels, bandwidth, self.requests.audiences, self.beamformer, self.run)

    @property
    def complete(self) -> bool:
        """False when time ran out before all rates were known."""
        return self.rates.complete

    def whole_amplitudes(self) -> Floats:
        """Return the amplitude of all nodes together for each audience, shape (audiences,)."""
        return self.rates.amplitudes[:, -1]

    def with_rates(self, rates: RateTable) -> DelayTables:
        """Return the same tables with other rates."""
        other = copy(self)
        other.rates = rates
        other.__dict__.pop("slowness", None)
        return other

    def costs(self, masks: Integers) -> Floats:
        """Return the expected delay per byte of candidate sets, shape (groups, candidates) like `masks`."""
        requests = self.requests
        backhaul = (self.cloud, self.link)
        return table_costs(masks, *backhaul, requests.weight, requests.audience_of, self.rates.units, self.slowness)

    def delay(self, masks: Integers) -> float:
        """Return the expected total delay in seconds when the blocks are cached at these sets, shape (blocks,)."""
        group = self.requests.group
        place = np.array([int((group[:block] == group[block]).sum()) for block in range(len(group))], np.int64)
        table = np.zeros((len(self.requests.audience_of), int(place.max(initial=0)) + 1), np.int64)
        table[group, place] = masks
        return float(self.requests.sizes @ self.costs(table)[group, place])

    def menu(self, masks: Integers) -> Menu:
        """Return the menu of candidate sets, shape (groups, candidates)."""
        return Menu(masks, self.costs(masks), self.requests.sizes, self.requests.group, self.storage)

    def full_menu(self) -> Menu:
        """Return all sets of nodes, without those that cost no less than one of their own subsets.

        Costs do not rise with more caches, so it is enough to compare with the sets of one node less.
        """
        sets = np.arange(1 << len(self.node_names))
        menu = self.menu(np.tile(sets, (len(self.requests.audience_of), 1)))
        kept = np.ones(menu.masks.shape, np.bool_)
        for node in range(len(self.node_names)):
            larger = np.flatnonzero(sets >> node & 1)
            kept[:, larger] &= menu.costs[:, larger ^ (1 << node)] > menu.costs[:, larger]
        return menu.reduced(kept)

    @cached_property
    def slowness(self) -> Floats:
        """Seconds per bit of the sets of the table, infinite where nothing arrives."""
        with np.errstate(divide="ignore"):
            slowness: Floats = 1 / self.rates.rates
        return slowness

    def masks_of(self, plan: Plan | None) -> Integers | None:
        """Return the sets of nodes that cache each block in a plan, shape (blocks,)."""
        if plan is None:
            return None
        number = {block: index for index, block in enumerate(self.requests.blocks)}
        masks = np.zeros(len(number), np.int64)
        for node, name in enumerate(self.node_names):
            for block in plan["cached"].get(name, ()):
                if block in number:
                    masks[number[block]] |= 1 << node
        return masks

    def plan(self, masks: Integers) -> Plan | None:
        """Return the plan that caches the blocks at these sets, shape (blocks,), and broadcasts as fast as rates allow.

        None when one of its deliveries never ends.
        """
        keys = [
            (int(mask), audience)
            for mask, group in zip(masks, self.requests.group, strict=True)
            for audience in self.requests.audience_of[group].values()
        ]
        sent = self._deliveries(list(dict.fromkeys(keys)))
        if sent is None:
            return None
        deliveries = []
        for block, mask, group in zip(self.requests.blocks, masks, self.requests.group, strict=True):
            for scenario, audience in self.requests.audience_of[group].items():
                nodes, beamformer = sent[int(mask), audience]
                deliveries.append({"scenario": scenario, "block": block, "nodes": nodes, "beamformer": beamformer})
        deliveries += self._empty_deliveries()
        deliveries.sort(key=lambda delivery: delivery["scenario"])
        cached = {
            name: [block for block, mask in zip(self.requests.blocks, masks, strict=True) if mask >> node & 1]
            for node, name in enumerate(self.node_names)
        }
        return {"cached": cached, "deliveries": deliveries}

    def _empty_deliveries(self) -> list[dict[str, Any]]:
        """Return the broadcasts of blocks without bytes: a silent node suffices."""
        name, node = next(iter(self.instance.nodes.items()))
        silent = {name: [[0.0, 0.0]] * node.antennas}
        return [
            {"scenario": scenario, "block": block, "nodes": [name], "beamformer": silent}
            for scenario, block in self.requests.empty
        ]

    def _deliveries(self, keys: list[tuple[int, int]]) -> dict[tuple[int, int], Sent] | None:
        """Return nodes and beamformers for pairs of caching nodes and an audience; None when one never ends."""
        senders = np.empty(len(keys), np.int64)
        waits = waits_per_bit(np.array([mask for mask, _ in keys], np.int64), self.cloud, self.link)
        which = np.array([audience for _, audience in keys], np.int64)
        for row, audience in enumerate(which):
            levels, sets = prefixes(waits[row : row + 1], self.rates.units[audience])
            delays = levels[0] + self.slowness[audience, sets[0]]
            best = int(np.argmin(delays))
            if np.isinf(delays[best]):
                return None
            senders[row] = self.rates.senders[audience, sets[0, best]]
        pairs = self.rates.pairs(which, senders)
        vectors = self.beamformer(self.channels, pairs).vectors
        return {key: self._sent(pairs.nodes[row], vectors[row]) for row, key in enumerate(keys)}

    def _sent(self, nodes: Integers, vectors: NDArray[np.complex128]) -> Sent:
        """Return the names and beamformers of the sending nodes, padded with -1."""
        beams = {
            self.node_names[node]: self._beam(node, vectors[i]) for i, node in enumerate(nodes.tolist()) if node >= 0
        }
        return list(beams), beams

    def _beam(self, node: int, vector: NDArray[np.complex128]) -> list[list[float]]:
        """Return a node's beamformer in square roots of watts, real and imaginary part for each of its antennas."""
        sender = self.instance.nodes[self.node_names[node]]
        scaled = np.sqrt(sender.power_w) * vector[: sender.antennas]
        return [[float(value.real), float(value.imag)] for value in scaled]


def _seconds_per_bit(instance: CachingInstance) -> tuple[Floats, Floats]:
    """Return the seconds per bit from the cloud, shape (nodes,), and between nodes; infinite where there is no way."""
    number = {name: index for index, name in enumerate(instance.nodes)}
    cloud = np.full(len(number), np.inf)
    link = np.full((len(number), len(number)), np.inf)
    for name, rate in instance.backhaul.cloud_bps.items():
        cloud[number[name]] = 1 / rate
    for edge in instance.backhaul.links:
        link[number[edge.source], number[edge.to]] = 1 / edge.rate_bps
    return cloud, link
