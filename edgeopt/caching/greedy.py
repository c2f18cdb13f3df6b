"""Greedy caching: jump to any set of nodes, by gain per byte."""

from __future__ import annotations

import numpy as np

from edgeopt.caching.search_kernels import Integers, improve, make_finite
from edgeopt.caching.tables import Menu


def greedy_choice(menu: Menu) -> Integers | None:
    """Start with empty caches, first give finite delays, then gain per byte; None when some delay stays infinite."""
    choice = np.zeros(len(menu.sizes), np.int64)
    free = menu.storage.copy()
    arguments = (menu.masks, menu.costs, menu.sizes, menu.group, choice, free)
    make_finite(*arguments, menu.largest_first)
    improve(*arguments)
    return choice if np.isfinite(menu.cost(choice)) else None
