"""Compiled kernels of the local search for individual deadlines in any mode: lines of batches, ruined and recreated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import first_largest, kernel, stable_order
from edgeopt.loading.batches.turn_kernels import Line, copy_line, ends_in_time, fill, new_line, rebuild
from edgeopt.loading.orders.search_kernels import draw

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FINE = 2**31
HOT, COLD = 0.8, 0.05  # users that a change may lose at the begin and end of a cycle
MOST_REMOVED = 8
MOST_TRIED = 16  # users not served who are tried in an iteration, besides those removed
MOST_BATCHES = 3  # next to each other that are emptied at once
KINDS = 4  # of ruin


@kernel
def shift(line: Line, source: int, target: int) -> None:
    """Move a batch to another position."""
    low, high = min(source, target), max(source, target)
    step = 1 if source < target else -1
    kept = line.model[source], line.size[source], line.sent[source], line.due[source]
    for p in range(source, target, step):
        line.model[p], line.size[p] = line.model[p + step], line.size[p + step]
        line.sent[p], line.due[p] = line.sent[p + step], line.due[p + step]
    line.model[target], line.size[target], line.sent[target], line.due[target] = kept
    for user in range(len(line.place)):
        p = line.place[user]
        if p == source:
            line.place[user] = target
        elif low <= p <= high:
            line.place[user] = p - step


@kernel
def ruin(model: Integers, upload: Floats, due: Floats, line: Line, facts: Any, state: NDArray[np.uint64]) -> None:
    """Take some users out of a line, or move a batch."""
    users, length = len(model), line.length[0]
    if length == 0:
        return
    kind = draw(state, KINDS)
    if kind == 0:
        for _ in range(1 + draw(state, MOST_REMOVED)):
            line.place[draw(state, users)] = -1
    elif kind == 1:
        first = draw(state, length)
        last = first + draw(state, MOST_BATCHES)
        for user in range(users):
            if first <= line.place[user] <= last:
                line.place[user] = -1
    elif kind == 2:  # a part of a batch
        at = draw(state, length)
        for user in range(users):
            if line.place[user] == at and draw(state, 2):
                line.place[user] = -1
    else:
        source, target = draw(state, length), draw(state, length)
        shift(line, source, target)
        if ends_in_time(line.model, line.size, line.sent, line.due, length, *facts) == np.inf:
            shift(line, target, source)
        line.place[draw(state, users)] = -1
    rebuild(model, upload, due, line)


@kernel
def waiting_users(before: Line, line: Line, upload: Floats, due: Floats, state: NDArray[np.uint64]) -> Integers:
    """Return users to be tried, in an order drawn at random: some of those not served, and all just removed."""
    users = len(upload)
    key = np.full(users, np.inf)
    kind = draw(state, 3)
    longest, latest = max(upload[first_largest(upload)], 1e-300), max(due[first_largest(due)], 1e-300)
    waiting = 0
    for user in range(users):
        if line.place[user] < 0:
            noise = draw(state, FINE) / FINE
            key[user] = noise
            if kind == 0:
                key[user] = upload[user] / longest + noise * 0.3
            elif kind == 1:
                key[user] = due[user] / latest + upload[user] / longest + noise * 0.3
            waiting += 1
    order = stable_order(key)[:waiting]
    chosen = np.empty(waiting, np.int64)
    number, tried = 0, 0
    for user in order:
        fresh = before.place[user] < 0
        if not fresh or tried < MOST_TRIED:
            chosen[number] = user
            number += 1
            tried += fresh
    return chosen[:number]


@kernel
def score(line: Line, horizon: float, facts: Any) -> float:
    """Users, and less than half a user for an early end."""
    length = line.length[0]
    end = ends_in_time(line.model, line.size, line.sent, line.due, length, *facts)
    return line.size[:length].sum() + 0.45 * (horizon - end) / horizon


@kernel
def search(
    steps: int,
    since: int,
    cycle: int,
    horizon: float,
    model: Integers,
    upload: Floats,
    due: Floats,
    capacity: Integers,
    line: Line,
    best: Line,
    state: NDArray[np.uint64],
    facts: Any,
) -> int:
    """Ruin and recreate a line again and again, and keep the best; return its number of users.

    The iterations are those from `since` on of a cycle of cooling.
    """
    users = len(model)
    other, scratch = new_line(users), new_line(users)
    current, most = score(line, horizon, facts), score(best, horizon, facts)
    for step in range(steps):
        copy_line(line, other)
        ruin(model, upload, due, other, facts, state)
        waiting = waiting_users(line, other, upload, due, state)
        fill(waiting, model, upload, due, capacity, other, scratch, facts)
        found = score(other, horizon, facts)
        heat = HOT * (COLD / HOT) ** ((since + step) / cycle)
        if found >= current or draw(state, FINE) / FINE < np.exp((found - current) / heat):
            current = found
            copy_line(other, line)
            if found > most:
                most = found
                copy_line(other, best)
    return best.size[: best.length[0]].sum()
