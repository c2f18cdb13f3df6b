"""Importing this module registers the methods of `placement`; what a method needs is imported when it runs."""

from __future__ import annotations

from edgeopt.method import Options, Outcome, method
from edgeopt.placement.arrays import Arrays
from edgeopt.placement.greedy import greedy_placement, random_placement
from edgeopt.placement.instance import PlacementInstance


@method("placement", "exact", kind="exact", guarantee="optimal when it ends by itself; any instance")
def solve_exact(instance: PlacementInstance, options: Options) -> Outcome:
    """Solve the strong mixed-integer formulation on HiGHS."""
    from edgeopt.placement.exact import solve_program

    arrays = Arrays(instance)
    start = arrays.placement(options.start)
    return solve_program(arrays, greedy_placement(arrays) if start is None else start, options)


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
