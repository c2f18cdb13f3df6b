"""Compiled kernels of the replayer: who waits, what each model could do next, and what a batch takes."""

from __future__ import annotations

import numpy as np

from edgeopt.kernels import inner_kernel, kernel
from edgeopt.loading.policies.desk import CLOCK, COMING, FREE, ROOM, Desk, Flags, Floats, Integers, Requests


@inner_kernel
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


@inner_kernel
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


@inner_kernel
def largest_batch(
    requests: Requests, model: int, start_s: float, due_s: Floats, waiting: Flags, low: int, high: int
) -> tuple[int, int, int, int]:
    """Find the largest batch in time that starts then, of those who wait from `low` on below `high`, by deadline.

    Returns
    -------
    size, first : int
        Its number of users, and its first one: its members are the waiting users from there on, as many as it has,
        the earliest due of those in time.
    number, urgent : int
        How many could be served in time if they were alone, and the earliest due of them.
    """
    fixed, sample = requests.fixed_s[model], requests.sample_s[model]
    size, first, number, urgent = 0, high, 0, high
    growing = True
    for user in range(high - 1, low - 1, -1):
        if not waiting[user]:
            continue
        due = due_s[user]
        if due < start_s + (fixed + sample):
            break
        number += 1
        urgent = user
        if growing and number <= requests.capacity[model]:
            # All from this user on are a batch if it ends before this user is due; if not, no larger one does.
            growing = due >= start_s + (fixed + sample * number)
            if growing:
                size = number
        if due >= start_s + (fixed + sample * size):
            first = user
    return size, first, number, urgent


@inner_kernel
def survey(requests: Requests, desk: Desk, model: int) -> int:
    """Show what a model could do next; return who is the first of its largest batch."""
    low, high = desk.low[model], desk.high[model]
    size, first, number, urgent = largest_batch(
        requests, model, desk.start_s[model], requests.due_s, desk.waiting, low, high
    )
    desk.batch[model], desk.waits[model] = size, number
    desk.oldest_s[model] = desk.due_s[model] = np.inf
    if number:
        desk.due_s[model] = requests.due_s[urgent]
    for user in range(urgent, high):
        if desk.waiting[user]:
            desk.oldest_s[model] = min(desk.oldest_s[model], requests.arrival_s[user])
    return first


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
        survey(requests, desk, model)
        most = max(most, desk.batch[model])
    return most


@kernel
def take(requests: Requests, desk: Desk, model: int) -> int:
    """Load a model and take its largest batch in time into the desk's ``users``; return its number of users."""
    admit(requests, desk, desk.start_s[model])
    user, taken = survey(requests, desk, model), 0
    while taken < desk.batch[model]:
        if desk.waiting[user]:
            desk.users[taken] = user
            desk.waiting[user] = False
            taken += 1
        user += 1
    return taken


@kernel
def count_demand(requests: Requests, desk: Desk, demand: Integers) -> None:
    """Count for each block the waiting requests whose models hold it."""
    for block in range(len(demand)):
        demand[block] = 0
    for model in range(len(desk.waits)):
        for place in range(requests.first_block[model], requests.first_block[model + 1]):
            demand[requests.block[place]] += desk.waits[model]


@kernel
def make_room(requests: Requests, desk: Desk, model: int, users: int, demand: Integers, evicted: Integers) -> int:
    """Put a model's blocks on the GPU, and note which blocks leave for it and its batch; return their number.

    Where blocks are kept, those of least demand leave first, of equal ones those used longest ago, as many as have to;
    else all that the model does not use.
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
        least = -1
        for block in range(len(desk.resident)):
            if desk.resident[block] and desk.used_s[block] < np.inf:
                earlier = least < 0 or demand[block] < demand[least]
                if earlier or (demand[block] == demand[least] and desk.used_s[block] < desk.used_s[least]):
                    least = block
        if least < 0:
            break
        desk.resident[least] = False
        size -= requests.block_bytes[least]
        evicted[leaving] = least
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
