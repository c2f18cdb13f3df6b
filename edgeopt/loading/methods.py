"""Importing this module registers the methods of `loading`."""

from edgeopt.loading import baselines, bounds, cpsat, dp, exact, greedy, local_search, modular_dp, tree

__all__ = ["baselines", "bounds", "cpsat", "dp", "exact", "greedy", "local_search", "modular_dp", "tree"]
