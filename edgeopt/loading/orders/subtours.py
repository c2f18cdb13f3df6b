"""Sets of models whose chosen pairs close a cycle: the violated rows z(E(S)) <= y(S) - y_k."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Cut = tuple[frozenset[int], int]

FLOW_UNIT = 1 << 24  # capacities of the flows are integers
MOST_PAIRS = 500  # rows z_e <= y_k in one round
FEW = 20


def violated_cuts(pairs: NDArray[np.int64], z: NDArray[np.float64], y: NDArray[np.float64], margin: float) -> list[Cut]:
    """Find generalised subtour rows that a fractional point breaks.

    Parameters
    ----------
    pairs : numpy.ndarray of int64, shape (pairs, 2)
    z : numpy.ndarray, shape (pairs,)
        How far each pair is chosen.
    y : numpy.ndarray, shape (models,)
        How far each model is visited.
    margin : float
        Violations below it do not count.

    Returns
    -------
    list of (frozenset of int, int)
        Sets S with the model k of largest y: pairs; when there are few, sets that grow pair by pair; when there are
        none, those of a minimum cut for each model, which finds every violated row.
    """
    support = z > margin
    pairs, z = pairs[support], z[support]
    violated = dict.fromkeys(_pairs(pairs, z, y, margin))
    if len(violated) < FEW:
        violated |= dict.fromkeys(_merged_components(pairs, z, y, margin))
    if not violated:
        violated = dict.fromkeys(_minimum_cuts(pairs, z, y, margin))
    return list(violated)


def cycles(pairs: NDArray[np.int64]) -> list[Cut]:
    """Find the cycles of chosen pairs in which every model has at most two neighbours."""
    if not len(pairs):
        return []
    models, local = np.unique(pairs, return_inverse=True)
    local = local.reshape(-1, 2)
    graph = sparse.coo_array((np.ones(len(local)), (local[:, 0], local[:, 1])), shape=(len(models),) * 2)
    number, labels = sparse.csgraph.connected_components(graph, directed=False)
    edges = np.bincount(labels[local[:, 0]], minlength=number)
    closed = np.flatnonzero(edges >= np.bincount(labels, minlength=number))
    sets = [frozenset(models[labels == label].tolist()) for label in closed]
    return [(models_of_cycle, min(models_of_cycle)) for models_of_cycle in sets]


def _pairs(pairs: NDArray[np.int64], z: NDArray[np.float64], y: NDArray[np.float64], margin: float) -> Iterator[Cut]:
    """Sets of two models: neighbours are visited."""
    ends = y[pairs]
    excess = z - ends.min(axis=1)
    for edge in np.argsort(-excess, kind="stable")[: min(MOST_PAIRS, int((excess > margin).sum()))].tolist():
        yield frozenset(pairs[edge].tolist()), int(pairs[edge, ends[edge].argmax()])


def _merged_components(
    pairs: NDArray[np.int64], z: NDArray[np.float64], y: NDArray[np.float64], margin: float
) -> Iterator[Cut]:
    """Join models by the pairs of largest z; each set that appears on the way is looked at."""
    members: dict[int, set[int]] = {}
    inside: dict[int, float] = {}
    root: dict[int, int] = {}
    neighbours: dict[int, dict[int, float]] = {}
    for (i, k), value in zip(pairs.tolist(), z.tolist(), strict=True):
        neighbours.setdefault(i, {})[k] = value
        neighbours.setdefault(k, {})[i] = value
    for i in neighbours:
        root[i], members[i], inside[i] = i, {i}, 0.0
    for edge in np.argsort(-z, kind="stable").tolist():
        first, second = (root[model] for model in pairs[edge].tolist())
        if first == second:
            continue
        if len(members[first]) < len(members[second]):
            first, second = second, first
        joint = sum(value for i in members[second] for k, value in neighbours[i].items() if root[k] == first)
        members[first] |= members[second]
        inside[first] += inside.pop(second) + joint
        for model in members.pop(second):
            root[model] = first
        group = members[first]
        if len(group) > 2:
            visits = sorted(((y[i], i) for i in group), reverse=True)
            if inside[first] - sum(value for value, _ in visits[1:]) > margin:
                yield frozenset(group), visits[0][1]


def _minimum_cuts(
    pairs: NDArray[np.int64], z: NDArray[np.float64], y: NDArray[np.float64], margin: float
) -> Iterator[Cut]:
    """For each model k the set S of largest z(E(S)) - y(S) + y_k, by a flow from k.

    With d_i the sum of z at i, z(E(S)) - y(S) = -(sum over S of (y_i - d_i / 2) + z(border of S) / 2): a cut that
    separates S from a sink. The terms y_i - d_i / 2 are not negative, as a model has at most two neighbours.
    """
    if not len(pairs):
        return
    models, local = np.unique(pairs, return_inverse=True)
    local = local.reshape(-1, 2)
    number = len(models)
    degree = np.bincount(local.ravel(), np.repeat(z, 2), minlength=number)
    slack = np.maximum(0.0, y[models] - degree / 2)
    tails = np.concatenate([local[:, 0], local[:, 1], np.arange(number)])
    heads = np.concatenate([local[:, 1], local[:, 0], np.full(number, number)])
    capacity = np.concatenate([z / 2, z / 2, slack])
    integers = np.round(capacity * FLOW_UNIT).astype(np.int32)
    network = sparse.csr_array((integers, (tails, heads)), shape=(number + 1,) * 2)
    for k in range(number):
        flow = sparse.csgraph.maximum_flow(network, k, number)
        # z(E(S)) - y(S) + y_k = y_k - cut
        if y[models[k]] - flow.flow_value / FLOW_UNIT <= margin:
            continue
        residual = sparse.csr_array(network - flow.flow)
        residual.eliminate_zeros()
        reached = sparse.csgraph.breadth_first_order(residual, k, return_predecessors=False)
        if number in reached:
            continue
        group = frozenset(models[reached].tolist())
        if len(group) > 2:
            yield group, max(group, key=lambda i: (y[i], -i))
