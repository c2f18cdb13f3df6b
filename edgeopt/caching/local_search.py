"""Local search: moves and exchanges of blocks, restarted from disturbed prices."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.lagrangian import bound_at, repaired
from edgeopt.caching.search_kernels import Integers, exchange, improve
from edgeopt.caching.tables import Menu
from edgeopt.run import Run
from edgeopt.solution import Plan

RESTARTS = 60
PRICE_SPREAD = 0.3  # standard deviation of the logarithm of a disturbed price
KICKED = 0.15  # fraction of the blocks that a kick releases


def descend(menu: Menu, choice: Integers, run: Run) -> Integers:
    """Improve a feasible choice by single moves and exchanges of two blocks until none gains."""
    choice = choice.copy()
    free = menu.free(choice)
    arguments = (menu.masks, menu.costs, menu.sizes, menu.group, choice, free)
    improve(*arguments)
    while run.stop_reason() is None and exchange(*arguments):
        improve(*arguments)
    return choice


def search(
    menu: Menu,
    choice: Integers,
    prices: NDArray[np.float64],
    run: Run,
    plan: Callable[[Integers], Plan | None] | None = None,
) -> Integers:
    """Search from a feasible choice, and return the best choice.

    In turn, some blocks of the best choice are emptied and chosen anew by price, or all blocks are chosen by
    disturbed prices; both are repaired and descended from. ``options.iteration_limit`` counts these restarts.
    `plan` makes the plan of a choice.
    """

    def report() -> None:
        run.report(objective, plan=None if plan is None else partial(plan, best))

    rng = np.random.default_rng(run.options.seed)
    best = descend(menu, choice, run)
    objective = menu.cost(best)
    report()
    limit = RESTARTS if run.options.iteration_limit is None else run.options.iteration_limit
    for restart in range(limit):
        if run.stop_reason() is not None:
            break
        run.count()
        disturbed = prices * np.exp(PRICE_SPREAD * rng.standard_normal(len(prices)))
        _, chosen, _ = bound_at(menu, disturbed)
        started = chosen[menu.group]
        if restart % 2 == 0:
            started = np.where(rng.random(len(best)) < KICKED, started, best)
        candidate = repaired(menu, started, disturbed)
        if candidate is None:
            continue
        candidate = descend(menu, candidate, run)
        if menu.cost(candidate) < objective:
            best, objective = candidate, menu.cost(candidate)
            report()
    return best
