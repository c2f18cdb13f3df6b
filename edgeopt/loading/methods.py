"""Importing this module registers the methods of `loading`."""

from edgeopt.loading import dp, greedy, local_search, modular_dp, tree

__all__ = ["dp", "greedy", "local_search", "modular_dp", "tree"]
