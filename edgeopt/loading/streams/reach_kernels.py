"""Compiled kernel: how many users a state of a stream may serve at most."""

from __future__ import annotations

import numpy as np

from edgeopt.kernels import inner_kernel
from edgeopt.loading.streams.batch_kernels import later_than
from edgeopt.loading.streams.tables import NEXT, Floats, Integers, Tables


@inner_kernel(allocates=True)
def reach(gone: int, content: int, count: int, time: float, tables: Tables) -> int:
    """Return a number of users that no continuation of a state exceeds; -1 if another state serves as many.

    Each user who could come next takes its sample, its part of a full batch, and a part of each block that is not on
    the GPU, divided among all who may use it: no set of users takes less. So at most as many are served as have these
    times fit before their deadlines, one after another. Where blocks are loaded while a batch computes, loading and
    computing are looked at apart.
    """
    models = len(tables.capacity)
    barred = 0
    if not tables.silent:
        barred = later_than(gone, tables)
    missing_s = np.zeros(models)
    for i in range(models):
        for j in range(len(tables.block_bytes)):
            if tables.holds[i, j] and not _resident(content, j, tables):
                missing_s[i] += tables.block_bytes[j] / tables.rate
    ready_s = np.zeros(len(tables.model))
    if not tables.silent:
        _ready(gone, tables, ready_s)
    alive = np.zeros(models, np.int64)
    open_users = 0
    for k in range(len(tables.model)):
        i = tables.model[k]
        if (gone | barred) >> k & 1:
            continue
        start = max(time + missing_s[i], ready_s[k] if not tables.silent else tables.arrival_s[k])
        if start + tables.fixed_s[i] + tables.sample_s[i] <= tables.due_s[k]:
            alive[i] += 1
            open_users |= 1 << k
    if not tables.silent:
        for k in range(len(tables.model)):
            if gone >> k & 1 and tables.better[k] & ~(gone | open_users):
                return -1
    share_s, work_s, both_s = np.zeros(models), np.zeros(models), np.zeros(models)
    for j in range(len(tables.block_bytes)):
        if not _resident(content, j, tables):
            sharers = 0
            for i in range(models):
                if tables.holds[i, j]:
                    sharers += alive[i]
            for i in range(models):
                if tables.holds[i, j] and alive[i] > 0:
                    share_s[i] += tables.block_bytes[j] / tables.rate / sharers
    for i in range(models):
        if alive[i] > 0:
            work_s[i] = tables.fixed_s[i] / min(alive[i], tables.capacity[i]) + tables.sample_s[i]
            both_s[i] = work_s[i] + share_s[i]
    if tables.prefetch == NEXT:
        computing = _fitting(open_users, time, work_s, tables)
        return count + min(computing, _fitting(open_users, time, share_s, tables))
    return count + _fitting(open_users, time, both_s, tables)


@inner_kernel
def _resident(content: int, j: int, tables: Tables) -> bool:
    if tables.keeps:
        return (content >> j & 1) == 1
    return content < len(tables.capacity) and tables.holds[content, j]


@inner_kernel
def _ready(gone: int, tables: Tables, ready_s: Floats) -> None:
    """Write when each user could have uploaded if it were the next: C of who is gone and this user."""
    behind = 0.0
    for k in tables.latest_first:  # those who are gone and arrive no sooner upload after its arrival, too
        if gone >> k & 1:
            behind += tables.upload_s[k]
        else:
            ready_s[k] = tables.arrival_s[k] + tables.upload_s[k] + behind
    ahead = 0.0
    for place in range(len(tables.latest_first) - 1, -1, -1):
        k = tables.latest_first[place]
        if gone >> k & 1:
            ahead = max(ahead, tables.arrival_s[k] + behind)
            behind -= tables.upload_s[k]
        else:
            ready_s[k] = max(ready_s[k], ahead + tables.upload_s[k])


@inner_kernel(allocates=True)
def _fitting(users: int, time: float, cost_s: Floats, tables: Tables) -> int:
    """Return the most of these users whose costs fit before their deadlines, by Moore and Hodgson's rule."""
    taken = np.zeros(len(cost_s), np.int64)
    number, clock = 0, time
    for k in tables.by_due:
        if not users >> k & 1:
            continue
        taken[tables.model[k]] += 1
        number += 1
        clock += cost_s[tables.model[k]]
        if clock > tables.due_s[k]:
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
