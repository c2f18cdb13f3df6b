"""Solve formulations of `edgeopt.models` as their users have changed them."""
