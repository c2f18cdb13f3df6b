"""Compiled kernels of simulated annealing on a stretch of a line of batches.

Each batch serves the largest batch that is there, so that a line is changed by its models alone: batches are added for
users who are lost, left out, moved, and made to wait. What comes before a change is not run again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import copy_into, inner_kernel, kernel
from edgeopt.loading.orders.search_kernels import draw
from edgeopt.loading.streams.beam_kernels import NONE, Gpu, Requests
from edgeopt.loading.streams.line_kernels import BEGAN, END, Radio, State, run_batch, worth_of

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Random = NDArray[np.uint64]

FINE = 2**30
MOVES, ADD, REPLACE, LEAVE_OUT, SHIFT, SHIFT_MANY, SWAP = 16, 3, 5, 7, 11, 14, 15  # the last one waits
NEAR = 24  # batches by which others are moved at most
MOST_SHIFTED = 12
CLOSE = 6  # batches between one that leaves and one that comes in its place
TRIES = 8  # to find a lost user, and a place beside batches of its kind
SAME_S = 1e-9  # relative; rounding of ends of batches
NOW, BEST, FIXED = range(3)  # places in `Anneal.size`


class Track(NamedTuple):
    """A line of batches with the state before each: batch p leads from row p to row p + 1.

    Attributes
    ----------
    models : numpy.ndarray of int64, shape (rows,)
    not_before : numpy.ndarray, shape (rows,)
    times : numpy.ndarray, shape (rows, 2)
    spare : numpy.ndarray of int64, shape (rows,)
    resident : numpy.ndarray of bool, shape (rows, blocks)
    next : numpy.ndarray of int32, shape (rows, models)
        The state before each batch, as of `State`.
    served : numpy.ndarray, shape (rows,)
        What the users of all batches before count.
    """

    models: Integers
    not_before: Floats
    times: Floats
    spare: Integers
    resident: Flags
    next: NDArray[np.int32]
    served: Floats


class Anneal(NamedTuple):
    """A stretch that is annealed.

    Attributes
    ----------
    now, other, best : Track
        The line, a changed one, and the best so far, of which only the batches are kept.
    size : numpy.ndarray of int64, shape (3,)
        Batches of the line now and of the best, and how many at the end stay as they are.
    worth : numpy.ndarray, shape (2,)
        What the line is worth now, and the best.
    pool : numpy.ndarray of int64
        Users for whom batches are added.
    model : numpy.ndarray of int64, shape (users,)
    batch : numpy.ndarray of int64, shape (users,)
        Room for the users of a batch.
    random : numpy.ndarray of uint64, shape (1,)
    """

    now: Track
    other: Track
    best: Track
    size: Integers
    worth: Floats
    pool: Integers
    model: Integers
    batch: Integers
    random: Random


@inner_kernel
def copy_row(source: Track, row: int, target: Track, to: int) -> None:
    """Copy the state before a batch."""
    target.times[to, END], target.times[to, BEGAN] = source.times[row, END], source.times[row, BEGAN]
    target.spare[to], target.served[to] = source.spare[row], source.served[row]
    copy_into(target.resident[to], source.resident[row])
    copy_into(target.next[to], source.next[row])


@inner_kernel
def copy_batches(source: Track, first: int, behind: int, target: Track, to: int) -> None:
    """Copy the batches of one line into another."""
    for p in range(behind - first):
        target.models[to + p], target.not_before[to + p] = source.models[first + p], source.not_before[first + p]


@inner_kernel
def alike(now: Track, other: Track, row: int) -> bool:
    """Whether two lines stand alike before a batch."""
    for place in (END, BEGAN):
        if abs(now.times[row, place] - other.times[row, place]) > SAME_S * now.times[row, place]:
            return False
    for model in range(now.next.shape[1]):
        if now.next[row, model] != other.next[row, model]:
            return False
    for block in range(now.resident.shape[1]):
        if now.resident[row, block] != other.resident[row, block]:
            return False
    return now.spare[row] == other.spare[row]


@inner_kernel
def simulate(
    track: Track,
    first: int,
    same: int,
    length: int,
    now: Track,
    users: Integers,
    radio: Radio,
    requests: Requests,
    gpu: Gpu,
) -> int:
    """Run batches from a row on; return the row from which on, or from `same`, the line goes on as `now` does."""
    for p in range(first, length):
        copy_row(track, p, track, p + 1)
        state = State(track.times[p + 1], track.spare[p + 1 : p + 2], track.resident[p + 1], track.next[p + 1])
        count, _ = run_batch(track.models[p], track.not_before[p], False, state, radio, requests, gpu, users)
        track.served[p + 1] += worth_of(users, count, requests)
        if same <= p + 1 < length and alike(now, track, p + 1):
            return p + 1
    return length


@inner_kernel
def row_at(track: Track, length: int, moment: float) -> int:
    """Return the first row at a moment or later."""
    low, high = 0, length
    while low < high:
        middle = (low + high) // 2
        if track.times[middle, END] < moment:
            low = middle + 1
        else:
            high = middle
    return low


@inner_kernel
def is_lost(user: int, model: int, track: Track, length: int, requests: Requests) -> bool:
    """Whether no batch serves a user."""
    row = row_at(track, length, requests.ready[user])
    while row <= length and track.next[row, model] <= user:
        if track.times[row, END] > requests.due[user]:
            return True
        row += 1
    return row > length or requests.due[user] < track.times[row, END]


@inner_kernel
def place_for(user: int, changeable: int, length: int, stretch: Anneal, requests: Requests, gpu: Gpu) -> int:
    """Draw a position for a batch that is to serve a user, beside batches of its kind if it finds any; -1 for none."""
    now, model = stretch.now, stretch.model[user]
    least = gpu.fixed[model] + gpu.sample[model]
    low = max(0, row_at(now, length, requests.ready[user] - 2.0 * least) - 1)
    high = min(changeable, row_at(now, length, requests.due[user] - least))
    if high < low:
        return NONE
    p = low
    for _ in range(TRIES):
        p = low + draw(stretch.random, high - low + 1)
        before = p > 0 and gpu.kind[now.models[p - 1]] == gpu.kind[model]
        if before or (p < length and gpu.kind[now.models[p]] == gpu.kind[model]):
            return p
    return p


@inner_kernel
def lost_user(length: int, stretch: Anneal, requests: Requests) -> int:
    """Draw a user whom no batch serves, -1 if a few tries find none."""
    for _ in range(TRIES):
        user = stretch.pool[draw(stretch.random, len(stretch.pool))]
        if is_lost(user, stretch.model[user], stretch.now, length, requests):
            return user
    return NONE


@inner_kernel
def shift(first: int, count: int, to: int, length: int, now: Track, other: Track) -> None:
    """Move batches to where they then begin."""
    copy_batches(now, min(first, to), length, other, min(first, to))
    if to > first:
        copy_batches(now, first + count, to + count, other, first)
    else:
        copy_batches(now, to, first, other, to + count)
    copy_batches(now, first, first + count, other, to)


@inner_kernel
def change(stretch: Anneal, requests: Requests, gpu: Gpu) -> tuple[int, int, int]:
    """Write a changed line; return where the change begins, from where on the rest is as before, and its length.

    Where no change is made, the first is -1.
    """
    now, other, random = stretch.now, stretch.other, stretch.random
    length = stretch.size[NOW]
    changeable = length - stretch.size[FIXED]
    move = draw(random, MOVES)
    if move < REPLACE:
        user = lost_user(length, stretch, requests)
        if user == NONE:
            return NONE, 0, 0
        to = place_for(user, changeable, length, stretch, requests, gpu)
        if to == NONE or (move < ADD and length + 1 >= len(now.models)):
            return NONE, 0, 0
        if move < ADD:
            copy_batches(now, to, length, other, to + 1)
            other.models[to], other.not_before[to] = stretch.model[user], 0.0
            return to, length + 1, length + 1
        if changeable == 0:
            return NONE, 0, 0
        p = min(changeable - 1, max(0, to - CLOSE + draw(random, 2 * CLOSE)))
        to = max(0, to - 1) if p < to else to
        shift(p, 1, to, length, now, other)
        other.models[to], other.not_before[to] = stretch.model[user], 0.0
        return min(p, to), max(p, to) + 1, length
    if changeable == 0:
        return NONE, 0, 0
    p = draw(random, changeable)
    if move < LEAVE_OUT:
        copy_batches(now, p + 1, length, other, p)
        return p, length, length - 1
    if move < SHIFT_MANY:
        count = 1 if move < SHIFT else 1 + draw(random, MOST_SHIFTED)
        count = min(count, changeable - p)
        to = min(changeable - count, max(0, p - NEAR + draw(random, 2 * NEAR + 1)))
        if to == p:
            return NONE, 0, 0
        shift(p, count, to, length, now, other)
        return min(p, to), max(p, to) + count, length
    if move < SWAP:
        to = min(changeable - 1, max(0, p - NEAR + draw(random, 2 * NEAR + 1)))
        if now.models[p] == now.models[to]:
            return NONE, 0, 0
        copy_batches(now, min(p, to), length, other, min(p, to))
        copy_batches(now, p, p + 1, other, to)
        copy_batches(now, to, to + 1, other, p)
        return min(p, to), max(p, to) + 1, length
    user, model = now.next[p + 1, now.models[p]], now.models[p]
    if now.not_before[p] == 0.0 and user == requests.first[model + 1]:
        return NONE, 0, 0
    copy_batches(now, p, length, other, p)
    other.not_before[p] = 0.0 if now.not_before[p] > 0.0 else requests.ready[user]
    return p, p + 1, length


@kernel(nogil=True)
def anneal(
    steps: int,
    warmth: float,
    cooling: float,
    price: float,
    stretch: Anneal,
    radio: Radio,
    requests: Requests,
    gpu: Gpu,
) -> float:
    """Make random moves, worse ones with a probability that falls, and keep the best line; return the warmth then.

    A line is worth what it serves less `price` for each second until it ends. Row 0 of the line now is its first
    state.
    """
    now, other, best, size, worth, _, _, users, random = stretch
    simulate(now, 0, size[NOW], size[NOW], now, users, radio, requests, gpu)
    worth[NOW] = now.served[size[NOW]] - price * now.times[size[NOW], END]
    for step in range(steps + 1):
        if worth[NOW] > worth[BEST]:
            worth[BEST], size[BEST] = worth[NOW], size[NOW]
            copy_batches(now, 0, size[NOW], best, 0)
        if step == steps:
            break
        warmth *= cooling
        first, same, length = change(stretch, requests, gpu)
        if first == NONE:
            continue
        copy_row(now, first, other, first)
        until = simulate(other, first, same, length, now, users, radio, requests, gpu)
        if until < length:
            gain = other.served[until] - now.served[until]
        else:
            gain = other.served[length] - price * other.times[length, END] - worth[NOW]
        if gain >= 0.0 or draw(random, FINE) < FINE * np.exp(gain / warmth):
            copy_batches(other, first, length, now, first)
            for row in range(first + 1, until + 1):
                copy_row(other, row, now, row)
            if until < length:
                for row in range(until + 1, length + 1):
                    now.served[row] += gain
            worth[NOW] += gain
            size[NOW] = length
    return warmth
