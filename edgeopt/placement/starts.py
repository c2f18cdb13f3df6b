"""Placements from which methods start."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.greedy import greedy_placement
from edgeopt.placement.local_search import LocalSearch, usual_iterations
from edgeopt.run import Run

Placement = NDArray[np.bool_]

START_PART = 5  # a local search before a proof has this part of its usual iterations


def given_start(arrays: DemandArrays, run: Run) -> Placement:
    """Return the placement of the run's start, or the greedy one."""
    start = run.options.start
    return greedy_placement(arrays) if start is None or start.plan is None else arrays.placed(start.plan)


def searched_start(arrays: DemandArrays, run: Run) -> Placement:
    """Return what a short local search makes of that, before a proof."""
    search = LocalSearch(arrays, run.options.seed, given_start(arrays, run))
    search.run(run, start_iterations(arrays))
    return search.best


def start_iterations(arrays: DemandArrays) -> int:
    """Return the iterations of a local search before a proof, by the size."""
    return usual_iterations(arrays) // START_PART
