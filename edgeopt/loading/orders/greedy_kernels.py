"""Compiled kernels of the greedy methods."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel
from edgeopt.loading.orders.search_kernels import best_gap, insert

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@inner_kernel
def best_bundle(
    serve: Floats, slopes: Floats, begin: int, end: int, served: int, load: float, credit: float, time: float
) -> tuple[float, int]:
    """Return the most users per second that a model adds, and the users it then serves.

    The model serves `served` users already, adding any needs `load` more seconds, of which `credit` are not charged;
    `time` seconds are left. After a corner of the hull each user takes at least the next slope: where that is no less
    than the seconds per user of the best bundle, none further on is better.
    """
    ratio, users = 0.0, 0
    for n in range(served + 1, end - begin):
        if slopes[begin + n] > slopes[begin + n - 1] and slopes[begin + n] * ratio >= 1.0:
            break
        step = serve[begin + n] - serve[begin + served]
        if step + load > time:
            break
        value = (n - served) / max(step + load - credit, 1e-300)
        if value > ratio:
            ratio, users = value, n
    return ratio, users


@kernel(allocates=True)
def cheapest_insertion(
    path: Integers,
    place: Integers,
    serve: Floats,
    slopes: Floats,
    first: Integers,
    load: Floats,
    overlap: Floats,
    credit: Floats,
    horizon: float,
) -> Integers:
    """Add the bundle of one model's users with the most users per second until nothing fits; return the counts.

    A bundle either extends a model on the path or inserts a model where it saves most. `path` and `place`, empty at
    first, are updated as in the local search. Of a new model's load `credit` seconds are not charged.
    """
    models = len(load)
    counts = np.zeros(models, np.int64)
    gap, saved = np.zeros(models, np.int64), np.zeros(models)
    length, time = 0, horizon
    while True:
        best, most, users = -1, 0.0, 0
        for model in range(models):
            cost = 0.0 if place[model] else load[model] - saved[model]
            free = 0.0 if place[model] else min(credit[model], 0.9 * cost)
            value, n = best_bundle(serve, slopes, first[model], first[model + 1], counts[model], cost, free, time)
            if value > most:
                best, most, users = model, value, n
        if best < 0:
            return counts
        time -= serve[first[best] + users] - serve[first[best] + counts[best]]
        counts[best] = users
        if not place[best]:
            time -= load[best] - saved[best]
            length = insert(path, place, length, gap[best], best)
            refresh_gaps(path, place, length, place[best], gap, saved, overlap)


@inner_kernel
def refresh_gaps(
    path: Integers, place: Integers, length: int, position: int, gap: Integers, saved: Floats, overlap: Floats
) -> None:
    """Update where the models not on the path are best inserted, after an insertion at `position`."""
    a, new, b = path[position - 1], path[position], path[position + 1]
    for model in range(len(saved)):
        if place[model]:
            continue
        if gap[model] == position - 1:
            gap[model], saved[model] = best_gap(path, length, model, overlap)
            continue
        if gap[model] >= position:
            gap[model] += 1
        before = overlap[model, a] + overlap[model, new] - overlap[a, new]
        after = overlap[model, new] + overlap[model, b] - overlap[new, b]
        if before > saved[model]:
            gap[model], saved[model] = position - 1, before
        if after > saved[model]:
            gap[model], saved[model] = position, after


@kernel(allocates=True)
def append_only(
    serve: Floats, slopes: Floats, first: Integers, load: Floats, overlap: Floats, horizon: float
) -> tuple[Integers, Integers]:
    """Append the unvisited model with the most users per second, again and again; return models and counts."""
    models = len(load)
    order, counts = np.zeros(models, np.int64), np.zeros(models, np.int64)
    visited = np.zeros(models, np.bool_)
    length, time, last = 0, horizon, models
    while True:
        best, most, users = -1, 0.0, 0
        for model in range(models):
            if not visited[model]:
                cost = load[model] - overlap[last, model]
                value, n = best_bundle(serve, slopes, first[model], first[model + 1], 0, cost, 0.0, time)
                if value > most:
                    best, most, users = model, value, n
        if best < 0:
            return order[:length], counts[:length]
        time -= load[best] - overlap[last, best] + serve[first[best] + users]
        visited[best] = True
        order[length], counts[length] = best, users
        length, last = length + 1, best
