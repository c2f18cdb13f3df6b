"""The method that `auto` picks for an instance of `placement`."""

from __future__ import annotations

from edgeopt.placement.instance import PlacementInstance
from edgeopt.run import Options


def choose(instance: PlacementInstance, options: Options) -> tuple[str, str]:
    """Return the name of the best method that fits the instance, and why it is the best."""
    return "portfolio", "neither 'exact' nor 'cpsat' is always the better; it runs what fits and keeps the best of each"
