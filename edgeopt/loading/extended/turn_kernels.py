"""Compiled kernels for individual deadlines in any mode: lines of batches that name their users.

A line is arrays by position: models, numbers of users, seconds of their uploads, earliest deadlines; and for each user
the position of its batch, -1 if it is not served. `facts` are what a mode needs of the workload, see `ends_in_time`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edgeopt.loading.extended.sequence_kernels import keep_soonest, next_uses
from edgeopt.loading.search_kernels import draw

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

FINE = 2**31
HOT, COLD = 0.8, 0.05  # users that a change may lose at the begin and end of a cycle
MOST_REMOVED = 8
MOST_TRIED = 16  # users not served who are tried in an iteration, besides those removed
MOST_BATCHES = 3  # next to each other that are emptied at once
KINDS = 4  # of ruin


class Line(NamedTuple):
    """Batches one after another; ``length[0]`` positions count."""

    model: Integers
    size: Integers
    sent: Floats
    due: Floats
    place: Integers
    length: Integers


@njit(cache=True)
def new_line(users: int) -> Line:
    """Return a line without batches."""
    return Line(
        np.zeros(users + 1, np.int64),
        np.zeros(users + 1, np.int64),
        np.zeros(users + 1),
        np.zeros(users + 1),
        np.full(users, -1, np.int64),
        np.zeros(1, np.int64),
    )


@njit(cache=True)
def copy_line(source: Line, target: Line) -> None:
    """Make one line like another."""
    length = source.length[0]
    target.model[:length] = source.model[:length]
    target.size[:length] = source.size[:length]
    target.sent[:length] = source.sent[:length]
    target.due[:length] = source.due[:length]
    target.place[:] = source.place
    target.length[0] = length


@njit(cache=True)
def ends_in_time(
    model: Integers,
    count: Integers,
    sent: Floats,
    due: Floats,
    length: int,
    overlapped: bool,
    keeps: bool,
    fixed_s: Floats,
    sample_s: Floats,
    load_s: Floats,
    rate: float,
    room_bytes: Integers,
    workspace_bytes: Integers,
    holds: Flags,
    block_bytes: Integers,
) -> float:
    """Return when the last batch ends, or infinity when a batch is late; uploads go in batch order."""
    blocks = len(block_bytes) if keeps else 0
    following = np.empty((length, blocks), np.int64)
    resident = np.zeros(blocks, np.bool_)
    if keeps:
        next_uses(model, length, holds, following)
    radio, clock, last = 0.0, 0.0, len(fixed_s)
    if not overlapped:
        for p in range(length):
            clock += sent[p]
    for p in range(length):
        i = model[p]
        radio += sent[p]
        if keeps:
            room = room_bytes[i] - workspace_bytes[i] * count[p]
            clock += keep_soonest(i, room, holds, block_bytes, following[p], length, resident) / rate
        else:
            clock += load_s[last, i]
        if overlapped and radio > clock:
            clock = radio
        clock += fixed_s[i] + sample_s[i] * count[p]
        if clock > due[p]:
            return np.inf
        last = i
    return clock


@njit(cache=True)
def put(line: Line, model: int, upload: float, due: float, at: int, joins: bool) -> None:
    """Add a user to the batch at a position, or as a new batch before it; its place is set by the caller."""
    if joins:
        line.size[at] += 1
        line.sent[at] += upload
        line.due[at] = min(line.due[at], due)
        return
    for p in range(line.length[0], at, -1):
        line.model[p], line.size[p] = line.model[p - 1], line.size[p - 1]
        line.sent[p], line.due[p] = line.sent[p - 1], line.due[p - 1]
    line.model[at], line.size[at], line.sent[at], line.due[at] = model, 1, upload, due
    line.length[0] += 1


@njit(cache=True)
def serve(
    user: int,
    model: Integers,
    upload: Floats,
    due: Floats,
    capacity: Integers,
    line: Line,
    scratch: Line,
    facts: Any,
) -> bool:
    """Serve a user where the line ends soonest then; return False if that makes somebody late everywhere."""
    i, length = model[user], line.length[0]
    best, where, how = np.inf, -1, False
    for choice in range(2 * length + 1):
        joins, at = choice < length, choice % length if length else 0
        if choice == 2 * length:
            at = length
        if joins and (line.model[at] != i or line.size[at] >= capacity[i]):
            continue
        scratch.model[:length] = line.model[:length]
        scratch.size[:length] = line.size[:length]
        scratch.sent[:length] = line.sent[:length]
        scratch.due[:length] = line.due[:length]
        scratch.length[0] = length
        put(scratch, i, upload[user], due[user], at, joins)
        end = ends_in_time(scratch.model, scratch.size, scratch.sent, scratch.due, scratch.length[0], *facts)
        if end < best:
            best, where, how = end, at, joins
    if where < 0:
        return False
    put(line, i, upload[user], due[user], where, how)
    if not how:
        for other in range(len(model)):
            if line.place[other] >= where:
                line.place[other] += 1
    line.place[user] = where
    return True


@njit(cache=True)
def rebuild(model: Integers, upload: Floats, due: Floats, line: Line) -> None:
    """Drop empty batches, and recompute what a line knows of its users."""
    length = line.length[0]
    line.size[:length], line.sent[:length], line.due[:length] = 0, 0.0, np.inf
    for user in range(len(model)):
        p = line.place[user]
        if p >= 0:
            line.size[p] += 1
            line.sent[p] += upload[user]
            line.due[p] = min(line.due[p], due[user])
    to = np.full(length, -1, np.int64)
    kept = 0
    for p in range(length):
        if line.size[p] > 0:
            to[p] = kept
            line.model[kept], line.size[kept] = line.model[p], line.size[p]
            line.sent[kept], line.due[kept] = line.sent[p], line.due[p]
            kept += 1
    line.length[0] = kept
    for user in range(len(model)):
        if line.place[user] >= 0:
            line.place[user] = to[line.place[user]]


@njit(cache=True)
def fill(users: Integers, model: Integers, upload: Floats, due: Floats, capacity: Integers, line: Line,
         scratch: Line, facts: Any) -> int:  # fmt: skip
    """Serve as many of these users as fit, in this order; return how many."""
    served = 0
    for user in users:
        if line.place[user] < 0 and serve(user, model, upload, due, capacity, line, scratch, facts):
            served += 1
    return served


@njit(cache=True)
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


@njit(cache=True)
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


@njit(cache=True)
def waiting_users(before: Line, line: Line, upload: Floats, due: Floats, state: NDArray[np.uint64]) -> Integers:
    """Return users to be tried, in an order drawn at random: some of those not served, and all just removed."""
    users = len(upload)
    key = np.full(users, np.inf)
    kind = draw(state, 3)
    longest, latest = max(upload.max(), 1e-300), max(due.max(), 1e-300)
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
    order = np.argsort(key)[:waiting]
    chosen = np.empty(waiting, np.int64)
    number, tried = 0, 0
    for user in order:
        fresh = before.place[user] < 0
        if not fresh or tried < MOST_TRIED:
            chosen[number] = user
            number += 1
            tried += fresh
    return chosen[:number]


@njit(cache=True)
def score(line: Line, horizon: float, facts: Any) -> float:
    """Users, and less than half a user for an early end."""
    length = line.length[0]
    end = ends_in_time(line.model, line.size, line.sent, line.due, length, *facts)
    return line.size[:length].sum() + 0.45 * (horizon - end) / horizon


@njit(cache=True)
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
