"""Greedy placement, by gain per byte and by gain, and a placement in random order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.nothing import unless_nothing_fits
from edgeopt.run import Outcome, Run

Score = Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]


def greedy_placement(arrays: DemandArrays) -> NDArray[np.bool_]:
    """Return the better of two greedy placements, by gain per added byte and by gain; shape (nodes, models).

    TrimCaching's general case (arXiv 2404.14204) places greedily by gain; gain per byte is our addition.
    """
    by_density = complete(arrays, arrays.empty(), _gain_per_byte)
    by_gain = complete(arrays, arrays.empty(), lambda gain, added: gain)
    return max(by_density, by_gain, key=arrays.value)


def random_placement(arrays: DemandArrays, seed: int) -> NDArray[np.bool_]:
    """Place useful models in random order wherever they fit and gain."""
    order = np.random.default_rng(seed).random(arrays.useful.shape)
    return complete(arrays, arrays.empty(), lambda gain, added: order)


def _gain_per_byte(gain: NDArray[np.float64], added: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(added > 0, gain / np.maximum(added, 1), np.inf)


def complete(arrays: DemandArrays, placed: NDArray[np.bool_], score: Score) -> NDArray[np.bool_]:
    """Add models to a placement, always the one of highest score that fits and gains, until there is none.

    Parameters
    ----------
    arrays : DemandArrays
    placed : numpy.ndarray of bool, shape (nodes, models)
        Feasible; it is not changed.
    score : callable
        Gains and added bytes, both of shape (nodes, models), to scores of this shape.
    """
    placed = placed.copy()
    sizes, incidence = arrays.sharing.atom_bytes, arrays.incidence.astype(np.int64)
    absent = (placed.astype(np.int64) @ incidence) == 0
    added = (absent * sizes) @ incidence.T
    free = arrays.storage - (~absent * sizes).sum(axis=1)
    open_weight = np.where(arrays.covered(placed) == 0, arrays.group_weight, 0.0)
    gain = np.zeros(placed.shape)
    for model in range(placed.shape[1]):
        gain[:, model] = arrays.gains(open_weight, model)
    while True:
        possible = (gain > 0) & (added <= free[:, None])
        if not possible.any():
            return placed
        best = int(np.argmax(np.where(possible, score(gain, added), -1.0)))
        node, model = divmod(best, len(arrays.model_names))
        placed[node, model] = True
        free[node] -= added[node, model]
        fresh = np.flatnonzero(absent[node] & arrays.incidence[model])
        absent[node, fresh] = False
        added[node] -= incidence[:, fresh] @ sizes[fresh]
        rows = slice(arrays.groups_of[model], arrays.groups_of[model + 1])
        open_weight[rows][arrays.reach[rows, node]] = 0.0
        gain[:, model] = arrays.gains(open_weight, model)


@unless_nothing_fits
def solve(arrays: DemandArrays, run: Run) -> Outcome:
    """Place model after model, by gain per added byte and by gain; the better of the two."""
    return Outcome(plan=arrays.plan(greedy_placement(arrays)))
