"""Prices on storage: a bound on the delay, and choices to repair.

With a price for each byte at each node the blocks part, and all blocks of a group choose alike: the cheapest set of
delay plus prices. The bound at the best prices equals that of the linear relaxation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.search_kernels import improve, make_finite, release_excess
from edgeopt.caching.tables import Menu
from edgeopt.run import Run

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ITERATIONS = 600
PATIENCE = 20  # iterations without a better bound before the step is halved
REPAIR_EVERY = 10
LEAST_STEP = 1e-4
ROUNDING = 4 * float(np.finfo(np.float64).eps)


@dataclass
class Dual:
    """The prices at which the climb ended.

    Attributes
    ----------
    bound : float
        Proven lower bound on the expected delay over the menu, in seconds; infinite when some group has no finite cost.
    prices : numpy.ndarray, shape (nodes,)
        Seconds per byte, those of the bound.
    choice : numpy.ndarray of int64 or None, shape (blocks,)
        Best feasible choice so far.
    objective : float
        Its expected delay; infinite without one.
    """

    bound: float
    prices: Floats
    choice: Integers | None
    objective: float


def bound_at(menu: Menu, prices: Floats) -> tuple[float, Integers, Integers]:
    """Return the Lagrangian bound at prices, the choice of each group, and the bytes over storage at each node."""
    priced = menu.costs + menu.members @ prices
    chosen = np.argmin(priced, axis=1)
    rows = np.arange(len(chosen))
    used = menu.group_bytes @ menu.members[rows, chosen]
    return lagrangian_bound(menu, priced[rows, chosen], prices), chosen, used - menu.storage


def lagrangian_bound(menu: Menu, least: Floats, prices: Floats) -> float:
    """Bound at prices, from the least of cost plus prices of each group, less what rounding may have added."""
    taken, paid = float(menu.group_bytes @ least), float(prices @ menu.storage)
    lost = ROUNDING * (len(least) + 2 * len(prices)) * (taken + paid) if np.isfinite(taken) else 0.0
    return taken - paid - lost


def solve_dual(menu: Menu, run: Run, start: Integers | None = None) -> Dual:
    """Raise the bound by subgradients with a step from the gap; repair the choices on the way.

    Parameters
    ----------
    menu : Menu
    run : Run
    start : numpy.ndarray of int64, shape (blocks,), optional
        A feasible choice.
    """
    prices = np.zeros(len(menu.storage))
    best = Dual(-np.inf, prices, start, np.inf if start is None else menu.cost(start))
    if np.isinf(menu.costs).all(axis=1).any():
        best.bound = np.inf
        return best
    step, idle, direction = 1.0, 0, np.zeros(len(prices))
    for iteration in range(ITERATIONS):
        bound, chosen, excess = bound_at(menu, prices)
        if iteration % REPAIR_EVERY == 0 or best.choice is None:
            _keep_better(menu, best, repaired(menu, chosen[menu.group], prices))
        if bound > best.bound + 1e-9 * abs(bound):
            best.bound, best.prices, idle = bound, prices, 0
        else:
            idle += 1
        gap = best.objective - best.bound
        if run.stop_reason() is not None or step < LEAST_STEP or gap <= 1e-9 * abs(best.objective):
            break
        if idle >= PATIENCE:
            step, idle, prices, direction = step / 2, 0, best.prices, np.zeros(len(prices))
            continue
        # Nodes that are neither full nor priced pull nowhere.
        gradient = np.where((prices > 0) | (excess > 0), excess, 0.0)
        direction = gradient + 0.5 * direction
        scale = float(direction @ direction)
        if scale == 0:
            break
        target = gap if np.isfinite(gap) else 0.05 * abs(bound)
        prices = np.maximum(0.0, prices + step * target / scale * direction)
    return best


def repaired(menu: Menu, choice: Integers, prices: Floats) -> Integers | None:
    """Make a choice fit: blocks move to other sets at least loss, then to better sets while room is left."""
    choice = choice.copy()
    free = menu.free(choice)
    arguments = (menu.masks, menu.costs, menu.sizes, menu.group, choice, free)
    release_excess(*arguments, prices)
    if (free < 0).any():
        return None
    make_finite(*arguments, menu.largest_first)
    improve(*arguments)
    return choice if np.isfinite(menu.cost(choice)) else None


def _keep_better(menu: Menu, best: Dual, choice: Integers | None) -> None:
    if choice is not None:
        objective = menu.cost(choice)
        if objective < best.objective:
            best.choice, best.objective = choice, objective
