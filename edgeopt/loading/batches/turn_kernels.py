"""Compiled kernels for individual deadlines in any mode: lines of batches that name their users.

A line is arrays by position: models, numbers of users, seconds of their uploads, earliest deadlines; and for each user
the position of its batch, -1 if it is not served. `facts` are what a mode needs of the workload, see `ends_in_time`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import copy_into, kernel
from edgeopt.loading.batches.timing_kernels import keep_soonest, next_uses

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Line(NamedTuple):
    """Batches one after another; ``length[0]`` positions count."""

    model: Integers
    size: Integers
    sent: Floats
    due: Floats
    place: Integers
    length: Integers


@kernel
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


@kernel
def copy_line(source: Line, target: Line) -> None:
    """Make one line like another."""
    copy_batches(source, target)
    copy_into(target.place, source.place)


@kernel
def copy_batches(source: Line, target: Line) -> None:
    """Copy the batches of a line, not the places of its users."""
    length = source.length[0]
    for p in range(length):
        target.model[p], target.size[p] = source.model[p], source.size[p]
        target.sent[p], target.due[p] = source.sent[p], source.due[p]
    target.length[0] = length


@kernel
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


@kernel
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


@kernel
def before_each(line: Line, overlapped: bool, fixed_s: Floats, sample_s: Floats, load_s: Floats) -> Floats:
    """Return for each position GPU time, radio time and least slack of the batches before it, shape (3, length + 1).

    Only for consecutive retention, where what was before says all about what may follow.
    """
    length = line.length[0]
    before = np.empty((3, length + 1))
    clock, radio, slack, last = 0.0, 0.0, np.inf, len(fixed_s)
    if not overlapped:
        clock = line.sent[:length].sum()
    for p in range(length):
        before[0, p], before[1, p], before[2, p] = clock, radio, slack
        i = line.model[p]
        radio += line.sent[p]
        clock += load_s[last, i]
        if overlapped and radio > clock:
            clock = radio
        clock += fixed_s[i] + sample_s[i] * line.size[p]
        slack = min(slack, line.due[p] - clock)
        last = i
    before[0, length], before[1, length], before[2, length] = clock, radio, slack
    return before


@kernel
def end_with(line: Line, before: Floats, i: int, upload: float, due: float, at: int, joins: bool, overlapped: bool,
             fixed_s: Floats, sample_s: Floats, load_s: Floats) -> float:  # fmt: skip
    """Return the end of a line with one more user at a position, infinity if somebody is late."""
    clock, radio, slack = before[0, at], before[1, at], before[2, at]
    if not overlapped:
        if slack < upload:
            return np.inf
        clock += upload
    last = line.model[at - 1] if at > 0 else len(fixed_s)
    if not joins:
        radio += upload
        clock += load_s[last, i]
        if overlapped and radio > clock:
            clock = radio
        clock += fixed_s[i] + sample_s[i]
        if clock > due:
            return np.inf
        last = i
    for p in range(at, line.length[0]):
        model, size, latest = line.model[p], line.size[p], line.due[p]
        radio += line.sent[p]
        if joins and p == at:
            radio += upload
            size += 1
            latest = min(latest, due)
        clock += load_s[last, model]
        if overlapped and radio > clock:
            clock = radio
        clock += fixed_s[model] + sample_s[model] * size
        if clock > latest:
            return np.inf
        last = model
    return clock


@kernel
def best_place(user: int, model: Integers, upload: Floats, due: Floats, capacity: Integers, line: Line,
               scratch: Line, facts: Any) -> tuple[float, int, bool]:  # fmt: skip
    """Return the soonest end of the line with this user, the position, and whether it joins the batch there."""
    i, length = model[user], line.length[0]
    overlapped, keeps, fixed_s, sample_s, load_s = facts[:5]
    before = np.empty((3, 0)) if keeps else before_each(line, overlapped, fixed_s, sample_s, load_s)
    best, where, how = np.inf, -1, False
    for choice in range(2 * length + 1):
        joins, at = choice < length, choice if choice < length else choice - length
        if joins and (line.model[at] != i or line.size[at] >= capacity[i]):
            continue
        if keeps:
            copy_batches(line, scratch)
            put(scratch, i, upload[user], due[user], at, joins)
            end = ends_in_time(scratch.model, scratch.size, scratch.sent, scratch.due, scratch.length[0], *facts)
        else:
            end = end_with(line, before, i, upload[user], due[user], at, joins, overlapped, fixed_s, sample_s, load_s)
        if end < best:
            best, where, how = end, at, joins
    return best, where, how


@kernel
def serve_at(user: int, model: Integers, upload: Floats, due: Floats, line: Line, at: int, joins: bool) -> None:
    """Serve a user in the batch at a position, or in a new batch before it."""
    put(line, model[user], upload[user], due[user], at, joins)
    if not joins:
        for other in range(len(model)):
            if line.place[other] >= at:
                line.place[other] += 1
    line.place[user] = at


@kernel
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


@kernel
def fill(users: Integers, model: Integers, upload: Floats, due: Floats, capacity: Integers, line: Line,
         scratch: Line, facts: Any) -> None:  # fmt: skip
    """Serve as many of these users as fit, in this order, each where the line ends soonest."""
    for user in users:
        _, at, joins = best_place(user, model, upload, due, capacity, line, scratch, facts)
        if at >= 0:
            serve_at(user, model, upload, due, line, at, joins)


@kernel
def serve_cheapest(model: Integers, upload: Floats, due: Floats, capacity: Integers, line: Line, scratch: Line,
                   facts: Any) -> bool:  # fmt: skip
    """Serve the user with whom the line ends soonest; return False if nobody fits."""
    nobody: Any = np.int64(-1)  # literals would be types of their own to compile for
    best, chosen, where, how = np.inf, nobody, nobody, np.bool_(False)
    for user in range(len(model)):
        if line.place[user] < 0:
            end, at, joins = best_place(user, model, upload, due, capacity, line, scratch, facts)
            if end < best:
                best, chosen, where, how = end, user, at, joins
    if chosen >= 0:
        serve_at(chosen, model, upload, due, line, where, how)
    return chosen >= 0
