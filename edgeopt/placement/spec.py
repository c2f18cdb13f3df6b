"""TrimCaching's special case: for every union of shared blocks a knapsack, node after node, with a guarantee."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.knapsack import Knapsack
from edgeopt.placement.nothing import unless_nothing_fits
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

MOST_UNIONS = 20_000
EPSILON = 0.1  # of a node's best weight, what rounding in its knapsacks may lose


def too_many_unions(instance: PlacementInstance) -> str | None:
    """Say that the models' shared blocks have too many unions to go through, or return None."""
    arrays = DemandArrays(instance)
    if len(_unions(arrays.incidence, _shared(arrays.incidence), MOST_UNIONS)) <= MOST_UNIONS:
        return None
    return f"the shared blocks of the models have more than {MOST_UNIONS:,} unions; 'greedy' and 'local-search' work"


def special_placement(arrays: DemandArrays, run: Run) -> NDArray[np.bool_]:
    """Fill node after node, each nearly optimally for the demand that the nodes before it leave; report each.

    A node is a knapsack for every union of shared blocks: models whose shared blocks lie inside it, with their
    private bytes, in the storage that the union leaves. The dynamic program rounds weights so that at most EPSILON
    of the node's best weight is lost. The hit weight is submodular and monotone and the nodes' choices are
    independent of each other, so the placement has at least (1 - EPSILON) / (2 - EPSILON), thus (1 - EPSILON) / 2,
    of the optimum. The method is that of arXiv 2404.14204; Fisher, Nemhauser and Wolsey (1978) fill parts one after
    another. When the run has to end, the nodes that are left stay empty.
    """
    placed = arrays.empty()
    for node in range(len(arrays.node_names)):
        knapsack, kept = arrays.knapsack(node, placed).reduced()
        placed[node, kept[_fill(knapsack, run)]] = True
        run.report(arrays.value(placed), plan=partial(arrays.plan, placed.copy()))
    return placed


def _shared(incidence: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(incidence.sum(axis=0) > 1)


def _unions(incidence: NDArray[np.bool_], shared: NDArray[np.bool_], most: int) -> list[int]:
    """Return the unions of the items' sets of shared elements as bit sets, the empty one first; stop beyond `most`."""
    sets = {sum(1 << int(bit) for bit in np.flatnonzero(row)) for row in incidence[:, shared]}
    unions = {0: None}
    for held in sorted(sets):
        for union in list(unions):
            unions[union | held] = None
        if len(unions) > most:
            break
    return list(unions)


def _fill(knapsack: Knapsack, run: Run) -> NDArray[np.int64]:
    """Return the items of a nearly optimal choice: at least 1 - EPSILON of the optimum, unless the run has to end."""
    shared = _shared(knapsack.incidence)
    shared_weight = knapsack.weight[shared].tolist()
    private = knapsack.incidence[:, ~shared] @ knapsack.weight[~shared]
    held = [sum(1 << int(bit) for bit in np.flatnonzero(row)) for row in knapsack.incidence[:, shared]]
    best, chosen = 0.0, np.empty(0, np.int64)
    for union in _unions(knapsack.incidence, shared, MOST_UNIONS):
        if run.stop_reason() is not None:
            break
        capacity = knapsack.capacity - sum(size for bit, size in enumerate(shared_weight) if union >> bit & 1)
        inside = np.array([item for item, bits in enumerate(held) if bits & ~union == 0], dtype=np.int64)
        inside = inside[private[inside] <= capacity]
        if len(inside) == 0 or _fractional(knapsack.profit[inside], private[inside], capacity) <= best:
            continue
        items = inside[_knapsack(knapsack.profit[inside], private[inside], capacity)]
        if knapsack.profit[items].sum() > best:
            best, chosen = float(knapsack.profit[items].sum()), items
    return chosen


def _by_density(profit: NDArray[np.float64], weight: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.argsort(-profit / np.maximum(weight, 1e-9), kind="stable")


def _fractional(profit: NDArray[np.float64], weight: NDArray[np.int64], capacity: int) -> float:
    """Return the optimum of the knapsack whose items may be cut."""
    order = _by_density(profit, weight)
    filled = np.cumsum(weight[order])
    whole = int(np.searchsorted(filled, capacity, side="right"))
    value = float(profit[order[:whole]].sum())
    if whole == len(order):
        return value
    room = capacity - (int(filled[whole - 1]) if whole else 0)
    return value + float(profit[order[whole]]) * room / int(weight[order[whole]])


def _knapsack(profit: NDArray[np.float64], weight: NDArray[np.int64], capacity: int) -> NDArray[np.int64]:
    """Return the items of a choice worth at least 1 - EPSILON of the knapsack's optimum (Ibarra and Kim 1975).

    Every item fits alone. The better of the dense first items and the best single one is at least half the optimum, so
    the table of least weights by rounded profit ends at twice that value.
    """
    order = _by_density(profit, weight)
    if int(weight.sum()) <= capacity:
        return order
    whole = int(np.searchsorted(np.cumsum(weight[order]), capacity, side="right"))
    half = max(float(profit[order[:whole]].sum()), float(profit.max()))
    unit = EPSILON * half / len(profit)
    rounded = (profit / unit).astype(np.int64)
    size = int(2 * half / unit) + 1
    least = np.full(size + 1, capacity + 1, dtype=np.int64)
    least[0] = 0
    taken = np.zeros((len(profit), size + 1), dtype=np.bool_)
    for item in range(len(profit)):
        gain = int(rounded[item])
        if gain == 0:
            continue
        candidate = least[: size + 1 - gain] + weight[item]
        taken[item, gain:] = candidate < least[gain:]
        least[gain:] = np.minimum(least[gain:], candidate)
    value = int(np.flatnonzero(least <= capacity)[-1])
    items = []
    for item in range(len(profit) - 1, -1, -1):
        if taken[item, value]:
            items.append(item)
            value -= int(rounded[item])
    return np.array(items, dtype=np.int64)


@unless_nothing_fits
def solve(arrays: DemandArrays, run: Run) -> Outcome:
    """Go through all unions of shared blocks, node after node, with a knapsack for each."""
    placed = special_placement(arrays, run)
    return Outcome(arrays.plan(placed), stopped=run.stop_reason() or Stopped.FINISHED)
