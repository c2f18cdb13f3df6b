"""Compiled kernel: how many users a state of a stream may serve at most, or units of weight."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edgeopt.kernels import inner_kernel
from edgeopt.loading.streams.batch_kernels import later_than
from edgeopt.loading.streams.tables import NEXT, Flags, Floats, Integers, Tables

SUM_ERROR, WHOLE_ERROR = 1e-12, 1e-6  # of sums of units that may be 2^50, and of small ones


class Shares(NamedTuple):
    """Room for seconds of each model, in four rows, and of each user, twice, and for two numbers of users of each."""

    seconds: Floats
    ready_s: Floats
    taken_s: Floats
    alive: Integers
    taken: Integers


def new_shares(tables: Tables) -> Shares:
    """Return room for a stream."""
    models, users = len(tables.capacity), len(tables.model)
    alive, taken = np.zeros(models, np.int64), np.zeros(models, np.int64)
    return Shares(np.zeros((4, models)), np.zeros(users), np.zeros(users), alive, taken)


@inner_kernel
def reach(gone: int, content: int, count: int, time: float, tables: Tables, shares: Shares) -> int:
    """Return a number of units that no continuation of a state exceeds; -1 if another state serves as many.

    Each user who could come next takes its sample, its part of a full batch, and a part of each block that is not on
    the GPU, divided among all who may use it: no set of users takes less. So at most as many are served as have these
    times fit before their deadlines, one after another. Where blocks are loaded while a batch computes, loading and
    computing are looked at apart.
    """
    models = len(tables.capacity)
    barred = 0
    if not tables.silent:
        barred = later_than(gone, tables.earlier)
    ready_s, alive = shares.ready_s, shares.alive
    missing_s, share_s, work_s, both_s = shares.seconds[0], shares.seconds[1], shares.seconds[2], shares.seconds[3]
    for i in range(models):
        missing_s[i], share_s[i], alive[i] = 0.0, 0.0, 0
        for j in range(len(tables.block_bytes)):
            if tables.holds[i, j] and not _resident(content, j, tables.keeps, tables.holds):
                missing_s[i] += tables.block_bytes[j] / tables.rate
    if not tables.silent:
        _ready(gone, tables.latest_first, tables.arrival_s, tables.upload_s, ready_s)
    open_users = 0
    for k in range(len(tables.model)):
        i = tables.model[k]
        if (gone | barred) >> k & 1:
            continue
        start, ready = time + missing_s[i], tables.arrival_s[k] if tables.silent else ready_s[k]
        if ready > start:
            start = ready
        if start + tables.fixed_s[i] + tables.sample_s[i] <= tables.due_s[k]:
            alive[i] += 1
            open_users |= 1 << k
    if not tables.silent:
        for k in range(len(tables.model)):
            if gone >> k & 1 and tables.better[k] & ~(gone | open_users):
                return -1
    for j in range(len(tables.block_bytes)):
        if not _resident(content, j, tables.keeps, tables.holds):
            sharers = 0
            for i in range(models):
                if tables.holds[i, j]:
                    sharers += alive[i]
            for i in range(models):
                if tables.holds[i, j] and alive[i] > 0:
                    share_s[i] += tables.block_bytes[j] / tables.rate / sharers
    for i in range(models):
        if alive[i] > 0:
            batch = alive[i] if alive[i] < tables.capacity[i] else tables.capacity[i]
            work_s[i] = tables.fixed_s[i] / batch + tables.sample_s[i]
            both_s[i] = work_s[i] + share_s[i]
    if tables.prefetch == NEXT:
        computing = _most(open_users, time, work_s, tables, shares)
        loading = _most(open_users, time, share_s, tables, shares)
        return count + (computing if computing < loading else loading)
    return count + _most(open_users, time, both_s, tables, shares)


@inner_kernel
def _resident(content: int, j: int, keeps: bool, holds: Flags) -> bool:
    if keeps:
        return (content >> j & 1) == 1
    return content < len(holds) and holds[content, j]


@inner_kernel
def _ready(gone: int, latest_first: Integers, arrival_s: Floats, upload_s: Floats, ready_s: Floats) -> None:
    """Write when each user could have uploaded if it were the next: C of who is gone and this user."""
    behind = 0.0
    for place in range(len(latest_first)):  # those who are gone and arrive no sooner upload after its arrival, too
        k = latest_first[place]
        if gone >> k & 1:
            behind += upload_s[k]
        else:
            ready_s[k] = arrival_s[k] + upload_s[k] + behind
    ahead = 0.0
    for place in range(len(latest_first) - 1, -1, -1):
        k = latest_first[place]
        if gone >> k & 1:
            ahead = arrival_s[k] + behind if arrival_s[k] + behind > ahead else ahead
            behind -= upload_s[k]
        elif ahead + upload_s[k] > ready_s[k]:
            ready_s[k] = ahead + upload_s[k]


@inner_kernel
def _most(users: int, time: float, cost_s: Floats, tables: Tables, shares: Shares) -> int:
    """Return the most units of these users whose costs fit before deadlines; with weights parts of users count."""
    by_due, model, due_s = tables.by_due, tables.model, tables.due_s
    if tables.weighted:
        return _heaviest(users, time, cost_s, by_due, model, due_s, tables.units, shares.taken_s)
    return _fitting(users, time, cost_s, by_due, model, due_s, shares.taken)


@inner_kernel
def _fitting(
    users: int, time: float, cost_s: Floats, by_due: Integers, model: Integers, due_s: Floats, taken: Integers
) -> int:
    """Return the most of these users whose costs fit before their deadlines, by Moore and Hodgson's rule."""
    for i in range(len(taken)):
        taken[i] = 0
    number, clock = 0, time
    for place in range(len(by_due)):
        k = by_due[place]
        if not users >> k & 1:
            continue
        taken[model[k]] += 1
        number += 1
        clock += cost_s[model[k]]
        if clock > due_s[k]:
            dearest = _dearest(taken, cost_s)
            taken[dearest] -= 1
            number -= 1
            clock -= cost_s[dearest]
    return number


@inner_kernel
def _dearest(taken: Integers, cost_s: Floats) -> int:
    dearest = -1
    for i in range(len(taken)):
        if taken[i] > 0 and (dearest < 0 or cost_s[i] > cost_s[dearest]):
            dearest = i
    return dearest


@inner_kernel
def _heaviest(
    users: int,
    time: float,
    cost_s: Floats,
    by_due: Integers,
    model: Integers,
    due_s: Floats,
    units: Integers,
    taken_s: Floats,
) -> int:
    """Return the most units of these users, or of parts of them, whose costs fit before their deadlines.

    In the order of the deadlines whoever is lightest for its cost makes room where there is too little.
    """
    for k in range(len(taken_s)):
        taken_s[k] = 0.0
    total, clock = 0.0, time
    for place in range(len(by_due)):
        k = by_due[place]
        cost = cost_s[model[k]]
        if not users >> k & 1:
            continue
        if cost <= 0.0:
            total += units[k]
            continue
        taken_s[k] = cost
        clock += cost
        while clock > due_s[k]:
            lightest = -1
            for q in range(len(taken_s)):
                if taken_s[q] > 0.0 and (
                    lightest < 0 or units[q] * cost_s[model[lightest]] < units[lightest] * cost_s[model[q]]
                ):
                    lightest = q
            if lightest < 0:
                break
            if taken_s[lightest] > clock - due_s[k]:
                taken_s[lightest] -= clock - due_s[k]
                clock = due_s[k]
            else:
                clock -= taken_s[lightest]
                taken_s[lightest] = 0.0
    for k in range(len(taken_s)):
        if taken_s[k] > 0.0:
            total += units[k] * (taken_s[k] / cost_s[model[k]])
    return int(total * (1.0 + SUM_ERROR) + WHOLE_ERROR)
