"""Importing this module registers the methods of `loading`."""

from edgeopt.loading import dp, modular_dp

__all__ = ["dp", "modular_dp"]
