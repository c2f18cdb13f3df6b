"""More nodes than full tables allow: each block near its audiences, priced over all sets of nodes by branch and bound.

Delays are those of `edgeopt.caching.bound_tables`: bounds for any sending nodes; a block may be cached anywhere. A menu
of the sets of the most useful nodes is solved by prices; branch and bound then finds, for each group, the best of *all*
sets at these prices. That gives a bound that holds for every cache, and better sets for the menu.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.bound_tables import BoundTables
from edgeopt.caching.lagrangian import Dual, lagrangian_bound, solve_dual
from edgeopt.caching.search_kernels import Integers
from edgeopt.caching.tables import DelayTables, Menu
from edgeopt.run import Run

Floats = NDArray[np.float64]

GROUP_NODES = 6  # nodes whose sets are the first menu of a group
ROUNDS = 25
NODE_LIMIT = 1_000_000  # of the branch and bound for one group
ENOUGH_GAP = 1e-3  # between the bound of the menu and that of all sets


def candidate_menu(tables: DelayTables) -> Menu:
    """Return the menu of all sets of the nodes where caching a group alone saves most, and of longer lists of them."""
    nodes, groups = len(tables.node_names), len(tables.requests.audience_of)
    singles = np.concatenate([[0], 1 << np.arange(nodes)])
    # Where nothing is finite yet, a cost of the largest number keeps the order.
    costs = np.minimum(tables.costs(np.tile(singles, (groups, 1))), np.finfo(np.float64).max)
    order = np.argsort(costs[:, 1:], axis=1, kind="stable")
    near = min(GROUP_NODES, nodes)
    subsets = (np.arange(1 << near)[:, None] >> np.arange(nodes)) & 1
    lists = np.arange(nodes) < np.arange(near + 1, nodes + 1)[:, None]
    chosen = np.concatenate([subsets, lists.astype(np.int64)])
    return tables.menu(np.bitwise_or.reduce(chosen[None] << order[:, None, :], axis=2, where=chosen[None] > 0))


@dataclass
class Cheapest:
    """The best set of each group at given prices, over all sets of nodes.

    Attributes
    ----------
    bound : float
        Lagrangian bound in seconds that holds for every cache.
    masks : numpy.ndarray of int64, shape (groups,)
    """

    bound: float
    masks: Integers


def price_all_sets(tables: BoundTables, menu: Menu, prices: Floats, run: Run) -> Cheapest:
    """Find each group's cheapest set of nodes at prices by branch and bound; limits leave a valid bound."""
    from edgeopt.caching.pricing_kernels import cheapest_set

    known = np.argmin(menu.costs + menu.members @ prices, axis=1)
    shared = (tables.cloud, tables.link, tables.groups, tables.broadcasts)

    def solve(group: int) -> tuple[float, int]:
        if run.stop_reason() is not None:
            return 0.0, int(menu.masks[group, known[group]])
        return cheapest_set(group, prices, int(menu.masks[group, known[group]]), NODE_LIMIT, *shared)

    cheapest = _mapped(solve, len(menu.masks), run.options.threads)
    least = np.array([value for value, _ in cheapest])
    return Cheapest(lagrangian_bound(menu, least, prices), np.array([mask for _, mask in cheapest], np.int64))


def _mapped(task: Callable[[int], tuple[float, int]], count: int, threads: int) -> list[tuple[float, int]]:
    if threads == 1:
        return [task(index) for index in range(count)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(task, range(count)))


def widened(tables: DelayTables, menu: Menu, masks: Integers) -> Menu:
    """Return the menu with one more set for each group."""
    return tables.menu(np.concatenate([menu.masks, masks[:, None]], axis=1))


def solve_widely(tables: BoundTables, menu: Menu, start: Integers | None, run: Run) -> tuple[Menu, Dual, float]:
    """Alternate prices over the menu and pricing over all sets.

    Returns
    -------
    menu : Menu
        The menu with the sets that branch and bound found.
    dual : Dual
        The dual of the last menu; its own bound is that menu's only.
    bound : float
        Holds for every cache; negative infinity when time ran out before the first.
    """
    bound = -np.inf
    dual = solve_dual(menu, run, start)
    for _ in range(ROUNDS):
        priced = price_all_sets(tables, menu, dual.prices, run)
        bound = max(bound, priced.bound)
        closed = np.isfinite(dual.objective) and dual.bound - bound <= ENOUGH_GAP * abs(dual.objective)
        if closed or run.stop_reason() is not None:
            break
        menu = widened(tables, menu, priced.masks)
        dual = solve_dual(menu, run, dual.choice)
    return menu, dual, bound
