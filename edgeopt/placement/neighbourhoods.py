"""Local search on many nodes: tabu search, and some nodes re-solved exactly while the others stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.patience import Patience
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.local_search import LocalSearch, default_iterations, usual_iterations
from edgeopt.placement.node_sets import NodeSets
from edgeopt.placement.nothing import unless_nothing_fits
from edgeopt.placement.starts import given_start
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

ROUNDS = 5  # of a run of usual length: tabu search, then sets of nodes re-solved, which takes about as long
SETS = 2  # of nodes re-solved in a round

Placement = NDArray[np.bool_]


def alternate(search: LocalSearch, run: Run, iterations: int | None) -> Stopped:
    """Alternate between tabu search and rounds that re-solve sets of nodes.

    The searches inside are limited by nodes, never by seconds, so that a run repeats itself.
    """
    arrays = search.arrays
    usual = usual_iterations(arrays)
    patience = Patience(usual)
    sets = NodeSets(arrays, np.random.default_rng([run.options.seed, 1]))
    while True:
        if iterations is None and patience.over(search.value, search.iterations):
            return Stopped.FINISHED
        left = usual // ROUNDS if iterations is None else min(usual // ROUNDS, iterations - search.iterations)
        stopped = search.run(run, left)
        if stopped != Stopped.ITERATION_LIMIT or (iterations is not None and search.iterations >= iterations):
            return stopped
        placed = search.best
        for _ in range(SETS):
            nodes = sets.draw(arrays.value(placed))
            if not nodes or run.stop_reason() is not None:
                break
            placed[nodes] = _several_nodes(arrays, nodes, sets.limit, placed, run)
        search.adopt(placed)


def _several_nodes(arrays: DemandArrays, nodes: list[int], limit: int, placed: Placement, run: Run) -> Placement:
    from edgeopt.placement.exact import solve_program

    view = arrays.focus(nodes, placed)
    part = run.part(run.remaining_s())
    outcome = solve_program(view, placed[nodes] & view.useful, part, limit)
    return placed[nodes] if outcome.plan is None else view.placed(outcome.plan)


def search_on(search: LocalSearch, run: Run, iterations: int | None) -> Outcome:
    """Search on until so many iterations are done in all (None: until time is up)."""
    if len(search.arrays.node_names) == 1:
        stopped = search.run(run, None if iterations is None else iterations - search.iterations)
    else:
        stopped = alternate(search, run, iterations)
    return Outcome(search.arrays.plan(search.best), stopped=stopped, message=f"{search.iterations} iterations")


@unless_nothing_fits
def solve(arrays: DemandArrays, run: Run) -> Outcome:
    """Run a tabu search over the placements of all nodes; with several, also solve some of them again exactly."""
    search = LocalSearch(arrays, run.options.seed, given_start(arrays, run))
    return search_on(search, run, default_iterations(arrays, run))
