"""Importing this module registers the methods of `placement`; what a method needs is imported when it runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.method import Options, Outcome, method
from edgeopt.placement.arrays import Arrays
from edgeopt.placement.greedy import greedy_placement, random_placement
from edgeopt.placement.instance import PlacementInstance

START_ITERATIONS = 20_000  # of local search before a tree search


def _start(arrays: Arrays, options: Options) -> NDArray[np.bool_]:
    start = arrays.placement(options.start)
    return greedy_placement(arrays) if start is None else start


@method("placement", "exact", kind="exact", guarantee="optimal when it ends by itself; any instance")
def solve_exact(instance: PlacementInstance, options: Options) -> Outcome:
    """Solve the strong mixed-integer formulation on HiGHS."""
    from edgeopt.placement.exact import solve_program

    arrays = Arrays(instance)
    return solve_program(arrays, _start(arrays, options), options)


def _several_nodes(instance: PlacementInstance) -> str | None:
    if len(instance.nodes) == 1:
        return None
    return f"it is for one node, and there are {len(instance.nodes)}; 'exact' and 'cpsat' take any number"


@method(
    "placement",
    "branch-and-bound",
    kind="exact",
    guarantee="optimal when it ends by itself; one node",
    fits=_several_nodes,
)
def solve_branch_and_bound(instance: PlacementInstance, options: Options) -> Outcome:
    """Prove a short local search's placement on one node optimal, or find a better one."""
    from edgeopt.placement.branch_and_bound import BranchAndBound
    from edgeopt.placement.local_search import LocalSearch

    arrays = Arrays(instance)
    heuristic = LocalSearch(arrays, options.seed, _start(arrays, options))
    heuristic.run(options, START_ITERATIONS)
    tree = BranchAndBound(arrays.knapsack(0, arrays.empty()), heuristic.best[0])
    stopped = tree.run(options, options.iteration_limit)
    return Outcome(arrays.plan(tree.best[None, :]), tree.bound, stopped, message=f"{tree.nodes} nodes")


@method("placement", "local-search", kind="heuristic", guarantee="none; the best known values on set-union knapsacks")
def solve_local_search(instance: PlacementInstance, options: Options) -> Outcome:
    """Tabu search over the placements of all nodes."""
    from edgeopt.placement.local_search import LocalSearch, default_iterations

    arrays = Arrays(instance)
    search = LocalSearch(arrays, options.seed, _start(arrays, options))
    stopped = search.run(options, default_iterations(arrays, options))
    return Outcome(arrays.plan(search.best), stopped=stopped, message=f"{search.iterations} iterations")


@method("placement", "greedy", kind="heuristic", guarantee="none: storage with shared blocks is not a knapsack")
def solve_greedy(instance: PlacementInstance, options: Options) -> Outcome:
    """Place model after model, by gain per added byte and by gain; the better of the two."""
    arrays = Arrays(instance)
    return Outcome(plan=arrays.plan(greedy_placement(arrays)))


@method("placement", "bound", kind="bound", guarantee="a bound, no plan: the linear relaxation")
def solve_bound(instance: PlacementInstance, options: Options) -> Outcome:
    """Bound the hit weight by the linear relaxation of the strong formulation."""
    from edgeopt.placement.exact import relaxation

    return relaxation(Arrays(instance), options)


@method("placement", "random", kind="baseline", guarantee="none")
def solve_random(instance: PlacementInstance, options: Options) -> Outcome:
    """Place useful models in random order wherever they fit."""
    arrays = Arrays(instance)
    return Outcome(plan=arrays.plan(random_placement(arrays, options.seed)))
