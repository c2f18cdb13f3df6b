"""Compiled kernels of a line of batches that name their users: how it is changed, and how it is copied.

A line is arrays by position (models, numbers of users, seconds of their uploads, earliest deadlines) and, for each
user, the position of its batch, -1 if it is not served.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import copy_into, inner_kernel, kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Users(NamedTuple):
    """The users of a workload, see `edgeopt.loading.queues.Queues`; ``capacity`` is by model."""

    model: Integers
    upload: Floats
    due: Floats
    capacity: Integers


class Line(NamedTuple):
    """Batches one after another; ``length[0]`` positions count."""

    model: Integers
    size: Integers
    sent: Floats
    due: Floats
    place: Integers
    length: Integers


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


@inner_kernel
def copy_line(source: Line, target: Line) -> None:
    """Make one line like another."""
    copy_batches(source, target)
    copy_into(target.place, source.place)


@inner_kernel
def copy_batches(source: Line, target: Line) -> None:
    """Copy the batches of a line, not the places of its users."""
    length = source.length[0]
    for p in range(length):
        target.model[p], target.size[p] = source.model[p], source.size[p]
        target.sent[p], target.due[p] = source.sent[p], source.due[p]
    target.length[0] = length


@inner_kernel
def put(line: Line, model: int, upload: float, due: float, at: int, joins: bool) -> None:
    """Add a user to the batch at a position, or as a new batch before it; its place is set by the caller."""
    if joins:
        line.size[at] += 1
        line.sent[at] += upload
        if due < line.due[at]:
            line.due[at] = due
        return
    for p in range(line.length[0], at, -1):
        line.model[p], line.size[p] = line.model[p - 1], line.size[p - 1]
        line.sent[p], line.due[p] = line.sent[p - 1], line.due[p - 1]
    line.model[at], line.size[at], line.sent[at], line.due[at] = model, 1, upload, due
    line.length[0] += 1


@inner_kernel
def serve_at(user: int, users: Users, line: Line, at: int, joins: bool) -> None:
    """Serve a user in the batch at a position, or in a new batch before it."""
    put(line, users.model[user], users.upload[user], users.due[user], at, joins)
    if not joins:
        for other in range(len(line.place)):
            if line.place[other] >= at:
                line.place[other] += 1
    line.place[user] = at


@inner_kernel
def shift(line: Line, source: int, target: int) -> None:
    """Move a batch to another position."""
    low, high, step = (source, target, 1) if source < target else (target, source, -1)
    moved = line.model[source], line.size[source], line.sent[source], line.due[source]
    for p in range(source, target, step):
        line.model[p], line.size[p] = line.model[p + step], line.size[p + step]
        line.sent[p], line.due[p] = line.sent[p + step], line.due[p + step]
    line.model[target], line.size[target], line.sent[target], line.due[target] = moved
    for user in range(len(line.place)):
        p = line.place[user]
        if p == source:
            line.place[user] = target
        elif low <= p <= high:
            line.place[user] = p - step


@kernel
def rebuild(users: Users, line: Line, to: Integers) -> None:
    """Drop empty batches, and recompute what a line knows of its users, so that rounding errors do not add up.

    `to` has room for a number for each position.
    """
    length = line.length[0]
    for p in range(length):
        line.size[p], line.sent[p], line.due[p] = 0, 0.0, np.inf
    for user in range(len(line.place)):
        p = line.place[user]
        if p >= 0:
            line.size[p] += 1
            line.sent[p] += users.upload[user]
            if users.due[user] < line.due[p]:
                line.due[p] = users.due[user]
    kept = 0
    for p in range(length):
        kept += line.size[p] > 0
    if kept == length:
        return
    kept = 0
    for p in range(length):
        if line.size[p] > 0:
            to[p] = kept
            line.model[kept], line.size[kept] = line.model[p], line.size[p]
            line.sent[kept], line.due[kept] = line.sent[p], line.due[p]
            kept += 1
    line.length[0] = kept
    for user in range(len(line.place)):
        if line.place[user] >= 0:
            line.place[user] = to[line.place[user]]


@inner_kernel
def served(line: Line) -> int:
    """Return the number of users of a line."""
    number = 0
    for p in range(line.length[0]):
        number += line.size[p]
    return number
