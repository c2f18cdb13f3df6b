"""Blossom rows of overlap forests: z(E(H)) + z(T) <= y(H) + (|T| - 1) / 2 for an odd number of pairs T that leave H."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

WHOLE = 1e-6  # what is this near to 0 or 1 is not fractional


class Blossom(NamedTuple):
    """One row: the pairs of E(H) and T, the models of H, and (|T| - 1) / 2."""

    pairs: NDArray[np.int64]
    models: NDArray[np.int64]
    upper: int


def violated_blossoms(
    pairs: NDArray[np.int64], z: NDArray[np.float64], y: NDArray[np.float64], margin: float
) -> list[Blossom]:
    """Find blossom rows that a point breaks, among the models joined by fractional pairs (Padberg and Hong 1980).

    Parameters
    ----------
    pairs : numpy.ndarray of int64, shape (pairs, 2)
    z : numpy.ndarray, shape (pairs,)
        How far each pair is chosen.
    y : numpy.ndarray, shape (models,)
        How far each model is visited.
    margin : float
        Violations below it do not count.
    """
    split, whole = (z > WHOLE) & (z < 1 - WHOLE), z >= 1 - WHOLE
    graph = sparse.coo_array((np.ones(split.sum()), pairs[split].T), shape=(len(y),) * 2)
    _, component = sparse.csgraph.connected_components(graph, directed=False)
    first, second = component[pairs].T
    found = []
    for handle in np.unique(first[split]):
        inside = np.flatnonzero((first == handle) & (second == handle))
        teeth = np.flatnonzero(whole & ((first == handle) != (second == handle)))
        models = np.flatnonzero(component == handle)
        upper = (len(teeth) - 1) // 2
        if len(teeth) % 2 and z[inside].sum() + z[teeth].sum() - y[models].sum() - upper > margin:
            found.append(Blossom(np.concatenate([inside, teeth]), models, upper))
    return found
