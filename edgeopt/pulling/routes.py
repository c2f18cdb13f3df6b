"""Delays between nodes and sites along the routes of an instance."""

from __future__ import annotations

import heapq
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from edgeopt.pulling.instance import PullingInstance

Cost = tuple[int, int]
Neighbours = dict[str, dict[str, Cost]]


class Routes:
    """The route between any node and any site, least seconds per bit first, ties by latency.

    Sums are compared as exact rationals: seconds per bit and latencies are integer multiples of common units.

    Parameters
    ----------
    instance : PullingInstance

    Attributes
    ----------
    sites : list of str
        The cloudlets in the instance's order, the cloud last.
    nodes : dict of str to int
        Every node and its row.
    latency_s, s_per_bit : numpy.ndarray, shape (nodes, sites)
        Sums along the routes; infinite where there is none.
    """

    def __init__(self, instance: PullingInstance) -> None:
        self.sites = [*instance.cloudlets, instance.cloud.name]
        self.nodes = {name: row for row, name in enumerate(instance.nodes)}
        self._exact_units(instance)
        self.latency_s = np.full((len(self.nodes), len(self.sites)), np.inf)
        self.s_per_bit = self.latency_s.copy()
        neighbours = self._neighbours(instance)
        for column, site in enumerate(self.sites):
            if instance.routing == "direct":
                reached = {**neighbours.get(site, {}), site: (0, 0)}
            else:
                reached = _least_costs(neighbours, site)
            rows = [self.nodes[name] for name in reached]
            costs = reached.values()
            self.s_per_bit[rows, column] = [cost[0] / self._bit_unit for cost in costs]  # correctly rounded
            self.latency_s[rows, column] = [cost[1] / self._latency_unit for cost in costs]

    def _exact_units(self, instance: PullingInstance) -> None:
        self._bit_unit = lcm(*{Fraction(link.bandwidth_bps).numerator for link in instance.links})
        self._latency_unit = lcm(*{Fraction(link.latency_s).denominator for link in instance.links})

    def _neighbours(self, instance: PullingInstance) -> Neighbours:
        """Return the cost of the best link between each two nodes, in the exact units."""
        costs = {
            value: (int(self._bit_unit / Fraction(value[0])), int(self._latency_unit * Fraction(value[1])))
            for value in {(link.bandwidth_bps, link.latency_s) for link in instance.links}
        }
        neighbours: Neighbours = {}
        for link in instance.links:
            cost = costs[link.bandwidth_bps, link.latency_s]
            for start, end in (link.between, reversed(link.between)):
                reached = neighbours.setdefault(start, {})
                reached[end] = min(cost, reached.get(end, cost))
        return neighbours

    def delay_s(self, bits: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the seconds that `bits` take from each node to each site, shape (nodes, sites)."""
        with np.errstate(invalid="ignore"):
            delay = self.latency_s + bits * self.s_per_bit
        return np.where(np.isnan(delay), np.inf, delay)


def _least_costs(neighbours: Neighbours, start: str) -> dict[str, Cost]:
    """Run Dijkstra's algorithm with costs in lexicographic order."""
    best: dict[str, Cost] = {start: (0, 0)}
    done: set[str] = set()
    heap: list[tuple[Cost, str]] = [((0, 0), start)]
    while heap:
        cost, node = heapq.heappop(heap)
        if node in done:
            continue
        done.add(node)
        for end, step in neighbours.get(node, {}).items():
            reached = (cost[0] + step[0], cost[1] + step[1])
            if end not in best or reached < best[end]:
                best[end] = reached
                heapq.heappush(heap, (reached, end))
    return best
