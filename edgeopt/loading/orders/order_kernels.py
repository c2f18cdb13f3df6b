"""Compiled kernels of the order-DP and of filling a chosen set of models with users; times in seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@kernel(allocates=True)
def hull_slopes(serve: Floats, first: Integers) -> Floats:
    """Seconds per further user on the lower convex hull of each model's serving times.

    Parameters
    ----------
    serve : array, shape (entries,)
        g_i(0), g_i(1), ... of all models, one model after another.
    first : array of int, shape (models + 1,)
        Where each model's entries begin.

    Returns
    -------
    array, shape (entries,)
        Entry ``first[i] + n`` is the slope from n - 1 to n users (0 at n = 0); nondecreasing in n.
    """
    slopes = np.zeros(len(serve))
    corners = np.zeros(len(serve), np.int64)
    for model in range(len(first) - 1):
        begin = first[model]
        last = 0
        corners[0] = begin
        for entry in range(begin + 1, first[model + 1]):
            while last > 0 and steepness(serve, corners[last], entry) <= steepness(
                serve, corners[last - 1], corners[last]
            ):
                last -= 1
            last += 1
            corners[last] = entry
        for k in range(last):
            slope = steepness(serve, corners[k], corners[k + 1])
            for entry in range(corners[k] + 1, corners[k + 1] + 1):
                slopes[entry] = slope
    return slopes


@inner_kernel
def steepness(serve: Floats, before: int, after: int) -> float:
    """Return the seconds per entry between two entries."""
    return (serve[after] - serve[before]) / (after - before)


@kernel(allocates=True)
def extend_tables(
    tables: Floats,
    lengths: Integers,
    nearest: Floats,
    begin: int,
    end: int,
    order: Integers,
    serve: Floats,
    first: Integers,
    load: Floats,
    overlap: Floats,
    horizon: float,
) -> None:
    """Fill the tables of positions ``begin`` to ``end - 1`` of an order.

    ``tables[p, n]`` becomes the least time in which models of ``order[: p + 1]``, ``order[p]`` the last of them, serve
    n users; only the first ``lengths[p]`` entries are meaningful. ``nearest[n]`` is the minimum over all tables so
    far, with ``nearest[0] = 0`` for the empty beginning.
    """
    width = tables.shape[1]
    arrival = np.empty(width)
    for p in range(begin, end):
        model = order[p]
        reach = 1
        for q in range(p):
            reach = max(reach, lengths[q])
        for n in range(reach):
            arrival[n] = nearest[n]
        for q in range(p):
            saved = overlap[order[q], model]
            if saved > 0.0:
                for n in range(1, lengths[q]):
                    arrival[n] = min(arrival[n], tables[q, n] - saved)
        base, count = first[model], first[model + 1] - first[model]
        limit = min(width, reach + count - 1)
        for n in range(limit):
            tables[p, n] = np.inf
        for m in range(1, count):
            step = load[model] + serve[base + m]
            for n in range(min(reach, width - m)):
                tables[p, n + m] = min(tables[p, n + m], arrival[n] + step)
        length = 0
        for n in range(limit):
            if tables[p, n] <= horizon:
                length = n + 1
                nearest[n] = min(nearest[n], tables[p, n])
            else:
                tables[p, n] = np.inf
        lengths[p] = length


@kernel(allocates=True)
def trace_back(
    tables: Floats,
    lengths: Integers,
    last: int,
    users: int,
    order: Integers,
    serve: Floats,
    first: Integers,
    load: Floats,
    overlap: Floats,
) -> Integers:
    """Return how many users each position of the order serves in the plan behind ``tables[last, users]``."""
    counts = np.zeros(len(order), np.int64)
    p, n = last, users
    while n > 0:
        model = order[p]
        base = first[model]
        least, came_from, served = np.inf, -1, 0
        for m in range(1, min(n, first[model + 1] - base - 1) + 1):
            step = load[model] + serve[base + m]
            if m == n and step < least:
                least, came_from, served = step, -1, m
            for q in range(p):
                if n - m < lengths[q]:
                    time = tables[q, n - m] - overlap[order[q], model] + step
                    if time < least:
                        least, came_from, served = time, q, m
        counts[p] = served
        p, n = came_from, n - served
    return counts
