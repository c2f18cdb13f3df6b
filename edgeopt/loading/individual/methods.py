"""Importing this module makes the methods of `loading` know individual deadlines."""

from edgeopt.loading.individual import baselines, bounds, cpsat, exact, greedy, local_search

__all__ = ["baselines", "bounds", "cpsat", "exact", "greedy", "local_search"]
