"""Small instances of each kind of `placement`, on which methods are rehearsed."""

from __future__ import annotations

from typing import Any

from edgeopt.placement.instance import PlacementInstance

KINDS = ["one node", "several nodes"]
ITERATIONS = 4_100  # of a rehearsal; then local search has re-solved nodes


def kind_of(instance: PlacementInstance) -> str:
    """Return whether the instance is a set-union knapsack, by which methods differ."""
    return "one node" if len(instance.nodes) == 1 else "several nodes"


def specimen(kind: Any) -> PlacementInstance:
    """Draw the instance of a kind."""
    from edgeopt.placement.generator import generate

    if kind == "one node":
        return generate("set-union", models=8, elements=10, density=0.3, seed=1)
    return generate(models=6, nodes=3, users=8, models_per_user=3, seed=1)
