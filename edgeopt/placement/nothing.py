"""Instances on which no storage hits any demand: the plan that stores nothing, and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.instance import PlacementInstance
from edgeopt.run import Outcome, Run


def unless_nothing_fits(
    function: Callable[[DemandArrays, Run], Outcome],
) -> Callable[[PlacementInstance, Run], Outcome]:
    """Make a method of what places models: it begins when there are some that hit demand."""

    @wraps(function)
    def solve(instance: PlacementInstance, run: Run) -> Outcome:
        arrays = DemandArrays(instance)
        return function(arrays, run) if arrays.model_names else store_nothing(arrays)

    return solve


def store_nothing(arrays: DemandArrays) -> Outcome:
    """Return the empty placement of an instance whose demand no node can hit; its bound of 0 is the optimum."""
    return Outcome(plan=arrays.plan(arrays.empty()), bound=0, message=why_nothing(arrays.instance))


def why_nothing(instance: PlacementInstance) -> str:
    """Say why no placement hits any demand: nothing is requested, nobody is reached, or the models fit nowhere."""
    requested = [row for row in instance.demand if row.weight > 0]
    if not requested:
        return "nothing is worth storing: no demand has a positive weight"
    lacking = [
        (instance.library.size_bytes(row.model) - instance.nodes[node].storage_bytes, row.model, node)
        for row in requested
        for node in row.nodes
    ]
    if not lacking:
        return "nothing is worth storing: no node reaches any demand"
    least, model, node = min(lacking)
    return f"no model fits on a node that reaches its demand: the nearest, {model!r} on {node!r}, lacks {least:,} bytes"
