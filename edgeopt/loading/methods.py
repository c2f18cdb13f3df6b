"""Importing this module registers the methods of `loading`."""

from edgeopt.loading import baselines, bounds, cpsat, dp, exact, greedy, local_search, modular_dp, tree
from edgeopt.loading.extended import methods as extended_methods
from edgeopt.loading.individual import methods as individual_methods
from edgeopt.loading.modes import register_by_mode

__all__ = [
    "baselines",
    "bounds",
    "cpsat",
    "dp",
    "exact",
    "extended_methods",
    "greedy",
    "individual_methods",
    "local_search",
    "modular_dp",
    "tree",
]

register_by_mode("exact", "exact", "optimal for any sharing")
register_by_mode("cpsat", "exact", "optimal up to about 24 models")
register_by_mode("bound", "bound", "an upper bound")
register_by_mode("greedy", "heuristic", "none")
register_by_mode("local-search", "heuristic", "none; at least as good as greedy")
register_by_mode("no-sharing", "baseline", "optimal when each switch loads a whole model, if proved")
