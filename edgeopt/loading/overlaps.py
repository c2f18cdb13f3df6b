"""Pairs of models with blocks in common, and the orders that paths of such pairs make."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.loading.prefixes import Prefixes


def overlapping_pairs(prefixes: Prefixes) -> NDArray[np.int64]:
    """Return the pairs i < k of models with blocks in common, shape (pairs, 2)."""
    above = sparse.triu(sparse.coo_array(prefixes.overlap_s), k=1).tocoo()
    return np.stack([above.row, above.col], axis=1).astype(np.int64)


def order_of_paths(visited: Iterable[int], pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Lay the paths that the pairs form one after another."""
    neighbours: dict[int, list[int]] = {i: [] for i in visited}
    for i, k in pairs:
        neighbours[i].append(k)
        neighbours[k].append(i)
    order: list[int] = []
    placed: set[int] = set()
    for first in sorted(neighbours, key=lambda i: (len(neighbours[i]), i)):
        current: int | None = first
        while current is not None and current not in placed:
            placed.add(current)
            order.append(current)
            current = next((k for k in neighbours[current] if k not in placed), None)
    return order
