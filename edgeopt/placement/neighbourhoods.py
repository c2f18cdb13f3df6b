"""Local search on many nodes: tabu search, and nodes re-solved exactly while the others stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.patience import Patience
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.branch_and_bound import BranchAndBound
from edgeopt.placement.local_search import LocalSearch, default_iterations, usual_iterations
from edgeopt.placement.nothing import unless_nothing_fits
from edgeopt.placement.starts import given_start
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

ITERATIONS = 4_000  # of tabu search between two rounds of exact re-solving
TREE_NODES = 200  # of the branch and bound on one node
PROGRAM_NODES = 10  # of HiGHS on two nodes

Placement = NDArray[np.bool_]


def alternate(search: LocalSearch, run: Run, iterations: int | None) -> Stopped:
    """Alternate between tabu search and rounds that re-solve single nodes and pairs of nodes.

    The searches inside are limited by nodes, never by seconds, so that a run repeats itself.
    """
    arrays = search.arrays
    random = np.random.default_rng([run.options.seed, 1])
    patience = Patience(usual_iterations(arrays))
    while True:
        if iterations is None and patience.over(search.value, search.iterations):
            return Stopped.FINISHED
        left = ITERATIONS if iterations is None else min(ITERATIONS, iterations - search.iterations)
        stopped = search.run(run, left)
        if stopped != Stopped.ITERATION_LIMIT or (iterations is not None and search.iterations >= iterations):
            return stopped
        placed = search.best
        for node in random.permutation(len(arrays.node_names)).tolist():
            if run.stop_reason() is None:
                placed[node] = _one_node(arrays, node, placed, run)
        for pair in _pairs(arrays, random):
            if run.stop_reason() is None:
                placed[pair] = _two_nodes(arrays, pair, placed, run)
        search.adopt(placed)


def _one_node(arrays: DemandArrays, node: int, placed: Placement, run: Run) -> NDArray[np.bool_]:
    knapsack = arrays.knapsack(node, placed)
    tree = BranchAndBound(knapsack, placed[node] & (knapsack.profit > 0))
    tree.run(run.part(run.remaining_s()), TREE_NODES)
    return tree.best


def _pairs(arrays: DemandArrays, random: np.random.Generator) -> list[list[int]]:
    """Return as many random pairs as nodes; nodes that reach demand in common are drawn more often."""
    common = np.triu((arrays.reach * arrays.group_weight[:, None]).T @ arrays.reach, k=1)
    pairs = np.argwhere(common > 0)
    if len(pairs) == 0:
        return []
    weight = common[common > 0]
    count = min(len(pairs), len(arrays.node_names))
    drawn = random.choice(len(pairs), count, replace=False, p=weight / weight.sum())
    rows: list[list[int]] = pairs[drawn].tolist()
    return rows


def _two_nodes(arrays: DemandArrays, pair: list[int], placed: Placement, run: Run) -> NDArray[np.bool_]:
    from edgeopt.placement.exact import solve_program

    view = arrays.focus(pair, placed)
    part = run.part(run.remaining_s())
    outcome = solve_program(view, placed[pair] & view.useful, part, PROGRAM_NODES)
    return placed[pair] if outcome.plan is None else view.placed(outcome.plan)


def search_on(search: LocalSearch, run: Run, iterations: int | None) -> Outcome:
    """Search on until so many iterations are done in all (None: until time is up)."""
    if len(search.arrays.node_names) == 1:
        stopped = search.run(run, None if iterations is None else iterations - search.iterations)
    else:
        stopped = alternate(search, run, iterations)
    return Outcome(search.arrays.plan(search.best), stopped=stopped, message=f"{search.iterations} iterations")


@unless_nothing_fits
def solve(arrays: DemandArrays, run: Run) -> Outcome:
    """Run a tabu search over the placements of all nodes; with several, also solve one or two of them again exactly."""
    search = LocalSearch(arrays, run.options.seed, given_start(arrays, run))
    return search_on(search, run, default_iterations(arrays, run))
