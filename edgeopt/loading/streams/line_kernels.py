"""Compiled kernels that run a line of batches on a stream: each serves the largest batch that is there at its start."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel
from edgeopt.loading.streams.beam_kernels import NONE, Gpu, Requests, batch_at, loaded_at, room_beside, settle

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

END, BEGAN = 0, 1  # places in `State.times`
WAITS = 3.0  # times the shortest batch, for which a batch waits for its first user
FIXED_POINTS = 20  # starts tried for a batch whose uploads decide whom it serves


class State(NamedTuple):
    """Where a line stands.

    Attributes
    ----------
    times : numpy.ndarray, shape (2,)
        When the last batch ended and when it began to compute.
    spare : numpy.ndarray of int64, shape (1,)
        Bytes that could be loaded beside it.
    resident : numpy.ndarray of bool, shape (blocks,)
    next : numpy.ndarray of int32, shape (models,)
        The first user of each model that is neither served nor given up.
    """

    times: Floats
    spare: Integers
    resident: Flags
    next: NDArray[np.int32]


class Radio(NamedTuple):
    """Uploads: arrivals and durations of the users, and their order by arrival; and who has uploaded so far."""

    arrival: Floats
    upload: Floats
    order: Integers
    sent: Flags


@inner_kernel
def uploaded_at(radio: Radio) -> float:
    """Return when the uploads of all who are marked as sent are done at the earliest."""
    done, later = 0.0, 0.0
    for place in range(len(radio.order) - 1, -1, -1):
        user = radio.order[place]
        if radio.sent[user]:
            later += radio.upload[user]
            done = max(done, radio.arrival[user] + later)
    return done


@inner_kernel
def worth_of(users: Integers, count: int, requests: Requests) -> float:
    """Return what so many users count."""
    if len(requests.weight) == 0:
        return float(count)
    total = 0.0
    for index in range(count):
        total += requests.weight[users[index]]
    return total


@inner_kernel
def run_batch(
    model: int,
    not_before: float,
    uploads: bool,
    state: State,
    radio: Radio,
    requests: Requests,
    gpu: Gpu,
    users: Integers,
) -> tuple[int, float]:
    """Run one batch of a model; return its number of users, set in `users`, and its start, -1 if nobody is there.

    It begins as soon as it can from `not_before` on. Where nobody is there, it waits for a few batches' time only.
    """
    end, least = state.times[END], gpu.fixed[model] + gpu.sample[model]
    loaded = loaded_at(model, end, state.times[BEGAN], state.spare[0], state.resident, gpu)
    first, high = state.next[model], requests.first[model + 1]
    start = max(loaded, not_before)
    while first < high and requests.due[first] < max(start, requests.ready[first]) + least:
        first += 1
    if first == high or requests.ready[first] > start + WAITS * least:
        return 0, -1.0
    start = max(start, requests.ready[first])
    size, after, done = batch_at(model, start, first, requests, gpu)
    count = 0
    for user in range(first, after):
        if count < size and requests.due[user] >= done:
            users[count] = user
            count += 1
    if uploads:
        for trial in range(FIXED_POINTS):
            for place in range(count):
                radio.sent[users[place]] = True
            sent = uploaded_at(radio)
            for place in range(count):
                radio.sent[users[place]] = False
            if sent <= start:
                break
            if trial < FIXED_POINTS // 2:
                start = sent
                _, after, done = batch_at(model, start, first, requests, gpu)
            kept = 0
            done = max(start, sent) + gpu.fixed[model] + gpu.sample[model] * count
            worst, latest = NONE, -np.inf
            for place in range(count):
                user = users[place]
                if requests.due[user] >= done:
                    users[kept] = user
                    if radio.arrival[user] > latest:
                        worst, latest = kept, radio.arrival[user]
                    kept += 1
            if trial >= FIXED_POINTS // 2 and kept == count and count > 0:
                users[worst] = users[count - 1]  # the last who came is given up
                kept -= 1
            count = kept
            if count == 0:
                return 0, -1.0
        for place in range(count):
            radio.sent[users[place]] = True
        start = max(start, uploaded_at(radio))
        done = start + gpu.fixed[model] + gpu.sample[model] * count
    if count == 0:
        return 0, -1.0
    state.next[model] = max(after, first)
    state.times[END], state.times[BEGAN] = done, start
    settle(model, count, state.resident, state.next, start, requests, gpu)
    state.spare[0] = room_beside(model, count, state.resident, gpu)
    return count, start


@kernel
def run_line(
    models: Integers,
    not_before: Floats,
    uploads: bool,
    state: State,
    radio: Radio,
    requests: Requests,
    gpu: Gpu,
    users: Integers,
    starts: Floats,
    place: Integers,
    held: Flags,
) -> float:
    """Run batches one after another, with or without looking at uploads; return what the users count that they serve.

    Each batch's start is set in `starts`, -1 of nobody's, each served user's batch in `place`, and what is on the GPU
    during each batch in `held`; `users` has room for all. A time in `not_before` that does not matter, as the batch
    could not begin sooner, becomes 0.
    """
    served = 0.0
    for position in range(len(models)):
        model = models[position]
        loaded = loaded_at(model, state.times[END], state.times[BEGAN], state.spare[0], state.resident, gpu)
        if not_before[position] <= loaded:
            not_before[position] = 0.0
        count, starts[position] = run_batch(model, not_before[position], uploads, state, radio, requests, gpu, users)
        served += worth_of(users, count, requests)
        for index in range(count):
            place[users[index]] = position
        for block in range(len(state.resident)):
            held[position, block] = state.resident[block]
    return served
