"""Importing this module registers the methods of `loading`."""

from edgeopt.loading import bounds, dp, exact, greedy, local_search, modular_dp, tree

__all__ = ["bounds", "dp", "exact", "greedy", "local_search", "modular_dp", "tree"]
