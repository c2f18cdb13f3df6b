"""Importing this module registers what the methods of `loading` do in the other modes."""

from edgeopt.loading.extended import baselines, bounds, counts_dp, cpsat, deadlines, exact, search

__all__ = ["baselines", "bounds", "counts_dp", "cpsat", "deadlines", "exact", "search"]
