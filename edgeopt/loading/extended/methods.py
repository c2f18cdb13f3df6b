"""Importing this module registers what the methods of `loading` do in the other modes."""

from edgeopt.loading.extended import baselines, counts_dp, exact, search

__all__ = ["baselines", "counts_dp", "exact", "search"]
