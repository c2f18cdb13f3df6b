"""Local search: moves and exchanges of blocks, restarted from disturbed prices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.lagrangian import bound_at, repaired
from edgeopt.caching.search_kernels import Integers, exchange, improve
from edgeopt.caching.tables import Menu
from edgeopt.method import Options

RESTARTS = 60
PRICE_SPREAD = 0.3  # standard deviation of the logarithm of a disturbed price
KICKED = 0.15  # fraction of the blocks that a kick releases


def descend(menu: Menu, choice: Integers, options: Options) -> Integers:
    """Improve a feasible choice by single moves and exchanges of two blocks until none gains."""
    choice = choice.copy()
    free = menu.free(choice)
    arguments = (menu.masks, menu.costs, menu.sizes, menu.group, choice, free)
    improve(*arguments)
    while options.stop_reason() is None and exchange(*arguments):
        improve(*arguments)
    return choice


def search(menu: Menu, choice: Integers, prices: NDArray[np.float64], options: Options) -> Integers:
    """Search from a feasible choice; the best choice found.

    In turn, some blocks of the best choice are emptied and chosen anew by price, or all blocks are chosen by
    disturbed prices; both are repaired and descended from. ``options.iteration_limit`` counts these restarts.
    """
    rng = np.random.default_rng(options.seed)
    best = descend(menu, choice, options)
    objective = menu.cost(best)
    options.report(objective)
    limit = RESTARTS if options.iteration_limit is None else options.iteration_limit
    for restart in range(limit):
        if options.stop_reason() is not None:
            break
        disturbed = prices * np.exp(PRICE_SPREAD * rng.standard_normal(len(prices)))
        _, chosen, _ = bound_at(menu, disturbed)
        started = chosen[menu.group]
        if restart % 2 == 0:
            started = np.where(rng.random(len(best)) < KICKED, started, best)
        found = repaired(menu, started, disturbed)
        if found is None:
            continue
        found = descend(menu, found, options)
        if menu.cost(found) < objective:
            best, objective = found, menu.cost(found)
            options.report(objective)
    return best
