"""Compiled kernels of the replayer: who waits, what each model could do next, and what a batch takes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

CLOCK, FREE = 0, 1  # places in `Desk.times`: now, and when the GPU falls free
COMING, ROOM = 0, 1  # places in `Desk.counts`: next request to be ready, and bytes that may be loaded before `FREE`


class Requests(NamedTuple):
    """A stream, for compiled code.

    Attributes
    ----------
    model : shape (requests,)
        Requests are numbered by model, within a model by deadline.
    arrival_s, ready_s, due_s : shape (requests,)
        Arrival, end of the upload (infinite where it is given up), and deadline with a margin for rounding.
    order : shape (requests,)
        By `ready_s`.
    first : shape (models + 1,)
    capacity : shape (models,)
        Largest batch.
    fixed_s, sample_s : shape (models,)
    workspace_bytes : shape (models,)
    first_block, block : shape (models + 1,), (pairs,)
        Blocks of model i are ``block[first_block[i]:first_block[i + 1]]``.
    block_bytes : shape (blocks,)
    rate : float
    memory_bytes : int
    keeps : bool
        Blocks stay on the GPU until they are evicted.
    """

    model: Integers
    arrival_s: Floats
    ready_s: Floats
    due_s: Floats
    order: Integers
    first: Integers
    capacity: Integers
    fixed_s: Floats
    sample_s: Floats
    workspace_bytes: Integers
    first_block: Integers
    block: Integers
    block_bytes: Integers
    rate: float
    memory_bytes: int
    keeps: bool


class Desk(NamedTuple):
    """The state of a replay, and what it shows of each model.

    Attributes
    ----------
    waiting : shape (requests,)
        Who is ready and neither served nor too late.
    low, high : shape (models,)
        All waiting requests of a model have numbers from ``low`` on and below ``high``.
    resident : shape (blocks,)
        Blocks on the GPU.
    used_s : shape (blocks,)
        When each block was used last.
    times, counts : shape (2,)
        See `CLOCK`, `FREE`, `COMING` and `ROOM`.
    waits, batch : shape (models,)
        Requests that wait and could be served in time, and the largest batch of them in time.
    start_s : shape (models,)
        When the model's batch would start if it were chosen now.
    oldest_s, due_s : shape (models,)
        Earliest arrival and deadline among those who could be served in time; infinite where there are none.
    users : shape (requests,)
        The batch that was taken last.
    """

    waiting: Flags
    low: Integers
    high: Integers
    resident: Flags
    used_s: Floats
    times: Floats
    counts: Integers
    waits: Integers
    batch: Integers
    start_s: Floats
    oldest_s: Floats
    due_s: Floats
    users: Integers


@kernel
def admit(requests: Requests, desk: Desk, until_s: float) -> None:
    """Let those wait who are ready by now."""
    coming = desk.counts[COMING]
    while coming < len(requests.order):
        user = requests.order[coming]
        if requests.ready_s[user] > until_s:
            break
        model = requests.model[user]
        desk.waiting[user] = True
        desk.low[model] = min(desk.low[model], user)
        desk.high[model] = max(desk.high[model], user + 1)
        coming += 1
    desk.counts[COMING] = coming


@kernel
def loaded_s(requests: Requests, resident: Flags, model: int, now_s: float, free_s: float, room: int) -> float:
    """Return when a model is loaded: from now on what finds room beside the batch that runs, the rest after it."""
    missing, ahead = 0, 0
    for place in range(requests.first_block[model], requests.first_block[model + 1]):
        block = requests.block[place]
        if not resident[block]:
            missing += requests.block_bytes[block]
            if ahead + requests.block_bytes[block] <= room:
                ahead += requests.block_bytes[block]
    return max(free_s, now_s + ahead / requests.rate) + (missing - ahead) / requests.rate


@kernel
def largest_batch(requests: Requests, desk: Desk, model: int, start_s: float) -> tuple[int, int]:
    """Find the largest batch in time that starts then: its number of users, and who of the users is its first.

    Its members are the waiting users from the first on, as many as it has: the earliest due of those in time. What the
    desk shows of the model's waiting users is updated.
    """
    fixed, sample = requests.fixed_s[model], requests.sample_s[model]
    size, chosen, number = 0, desk.high[model], 0
    oldest, due = np.inf, np.inf
    growing = True
    for user in range(desk.high[model] - 1, desk.low[model] - 1, -1):
        if not desk.waiting[user]:
            continue
        if requests.due_s[user] < start_s + fixed + sample:
            break
        number += 1
        oldest, due = min(oldest, requests.arrival_s[user]), requests.due_s[user]
        if growing and number <= requests.capacity[model]:
            # All from this user on are a batch if it ends before this user is due; if not, no larger one does.
            growing = due >= start_s + fixed + sample * number
            if growing:
                size = number
        if due >= start_s + fixed + sample * size:
            chosen = user
    desk.waits[model], desk.batch[model] = number, size
    desk.oldest_s[model], desk.due_s[model] = oldest, due
    return size, chosen


@kernel
def look(requests: Requests, desk: Desk) -> int:
    """Admit who is ready now, drop who is too late, and show what each model could do next; return the most users."""
    now, free = desk.times[CLOCK], desk.times[FREE]
    admit(requests, desk, now)
    most = 0
    for model in range(len(requests.fixed_s)):
        least = requests.fixed_s[model] + requests.sample_s[model]
        low, high = desk.low[model], desk.high[model]
        while low < high and not (desk.waiting[low] and requests.due_s[low] >= free + least):
            desk.waiting[low] = False
            low += 1
        desk.low[model] = low
        desk.start_s[model] = loaded_s(requests, desk.resident, model, now, free, desk.counts[ROOM])
        if low == high:
            desk.low[model], desk.high[model] = len(requests.model), 0
            desk.waits[model] = desk.batch[model] = 0
            desk.oldest_s[model] = desk.due_s[model] = np.inf
        else:
            most = max(most, largest_batch(requests, desk, model, desk.start_s[model])[0])
    return most


@kernel
def take(requests: Requests, desk: Desk, model: int) -> int:
    """Load a model and take its largest batch in time into the desk's ``users``; return its number of users."""
    start = desk.start_s[model]
    admit(requests, desk, start)
    size, user = largest_batch(requests, desk, model, start)
    taken = 0
    while taken < size:
        if desk.waiting[user]:
            desk.users[taken] = user
            desk.waiting[user] = False
            taken += 1
        user += 1
    return taken


@kernel
def make_room(requests: Requests, desk: Desk, model: int, users: int, evicted: Integers) -> int:
    """Put a model's blocks on the GPU, and note which blocks leave for it and its batch; return their number.

    Where blocks are kept, those used longest ago leave first, as many as have to; else all that the model does not use.
    """
    size = 0
    for place in range(requests.first_block[model], requests.first_block[model + 1]):
        block = requests.block[place]
        desk.resident[block] = True
        desk.used_s[block] = np.inf  # it stays
    for block in range(len(desk.resident)):
        if desk.resident[block]:
            size += requests.block_bytes[block]
    leaving = 0
    most = requests.memory_bytes - requests.workspace_bytes[model] * users
    while not requests.keeps or size > most:
        oldest = -1
        for block in range(len(desk.resident)):
            may_leave = desk.resident[block] and desk.used_s[block] < np.inf
            if may_leave and (oldest < 0 or desk.used_s[block] < desk.used_s[oldest]):
                oldest = block
        if oldest < 0:
            break
        desk.resident[oldest] = False
        size -= requests.block_bytes[oldest]
        evicted[leaving] = oldest
        leaving += 1
    for place in range(requests.first_block[model], requests.first_block[model + 1]):
        desk.used_s[requests.block[place]] = desk.start_s[model]
    return leaving


@kernel
def load_ahead(requests: Requests, desk: Desk, model: int, blocks: Integers) -> int:
    """Note which blocks of a model are loaded before the GPU falls free; return their number."""
    number, room = 0, desk.counts[ROOM]
    for place in range(requests.first_block[model], requests.first_block[model + 1]):
        block = requests.block[place]
        if not desk.resident[block] and requests.block_bytes[block] <= room:
            room -= requests.block_bytes[block]
            blocks[number] = block
            number += 1
    return number
