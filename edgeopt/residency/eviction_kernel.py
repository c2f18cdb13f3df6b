"""The cheapest models to drop so that another one fits, compiled: models are kept or dropped in depth-first order."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeopt.kernels import kernel


@kernel(allocates=True)
def cheapest_to_drop(incidence: Any, sizes: Any, costs: Any, memory: int, most_steps: int) -> Any:
    """Return which models to drop for the least sum of costs, shape (models,).

    Parameters
    ----------
    incidence : numpy.ndarray of bool, shape (models + 1, blocks)
        The blocks of the models, and in the last row those of the one that has to fit, and does so alone.
    sizes : numpy.ndarray of int64, shape (blocks,)
    costs : numpy.ndarray of int64, shape (models,)
        The search is fast when they do not rise.
    memory : int
    most_steps : int
        After so many decisions the best so far is returned.
    """
    models, blocks = len(costs), len(sizes)
    holders = np.zeros(blocks, np.int64)
    used = np.int64(0)
    for block in range(blocks):
        if incidence[models, block]:
            holders[block] = 1
            used += sizes[block]
    best = np.ones(models, np.bool_)
    best_cost = costs.sum() + 1
    state = np.zeros(models + 1, np.int64)  # 0: undecided, 1: kept, 2: dropped, 3: not kept
    depth, cost, steps = 0, np.int64(0), 0
    while depth >= 0:
        steps += 1
        if steps > most_steps and best_cost <= costs.sum():
            break
        if depth == models:
            if cost < best_cost:
                best_cost = cost
                for model in range(models):
                    best[model] = state[model] == 2
            depth -= 1
            continue
        if state[depth] == 0:
            added = np.int64(0)
            for block in range(blocks):
                if incidence[depth, block] and holders[block] == 0:
                    added += sizes[block]
            if used + added <= memory:
                state[depth] = 1
                used += added
                for block in range(blocks):
                    if incidence[depth, block]:
                        holders[block] += 1
                depth += 1
                state[depth] = 0
                continue
            state[depth] = 3
        elif state[depth] == 1:
            for block in range(blocks):
                if incidence[depth, block]:
                    holders[block] -= 1
                    if holders[block] == 0:
                        used -= sizes[block]
            state[depth] = 3
        if state[depth] == 3 and cost + costs[depth] < best_cost:
            state[depth] = 2
            cost += costs[depth]
            depth += 1
            state[depth] = 0
            continue
        if state[depth] == 2:
            cost -= costs[depth]
        state[depth] = 0
        depth -= 1
    return best
