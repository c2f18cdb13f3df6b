"""Compiled kernels of the heuristics on batch sequences: insertion, and annealed moves.

A sequence is two arrays, models and numbers of users, as all users have one deadline: the batches of a model take its
users in the order of their upload times.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import copy_into, inner_kernel, kernel
from edgeopt.loading.batches.timing_kernels import finish_s
from edgeopt.loading.orders.search_kernels import draw
from edgeopt.loading.timing import Timing

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LENGTH, USERS = range(2)
MOVES = 10
FRACTION = 2**31
PRICE_STEP = 1 + 1e-4  # by which the price of being late changes in a step
LARGEST_SLACK = 0.9  # of a user: slack counts less than any user


class Sequence(NamedTuple):
    """Batches one after another: models, numbers of users, and the numbers of batches and of all users (``size``)."""

    models: Integers
    counts: Integers
    size: Integers


class Limits(NamedTuple):
    """The common deadline, the most users and the largest batch of each model, and their uploads, as of `Workload`."""

    horizon: float
    most: Integers
    batch: Integers
    upload_s: Floats


class Heat(NamedTuple):
    """Users that a move may lose, the factor by which they fall in a step, and the users that a late second costs."""

    warmth: float
    cooling: float
    price: float


@inner_kernel
def insert_at(models: Integers, counts: Integers, length: int, position: int, model: int, count: int) -> None:
    """Put a batch at a position."""
    for p in range(length, position, -1):
        models[p], counts[p] = models[p - 1], counts[p - 1]
    models[position], counts[position] = model, count


@inner_kernel
def remove_at(models: Integers, counts: Integers, length: int, position: int) -> None:
    """Take the batch at a position away."""
    for p in range(position, length - 1):
        models[p], counts[p] = models[p + 1], counts[p + 1]


@kernel(allocates=True)
def grow(line: Sequence, limits: Limits, timing: Timing) -> bool:
    """Add the users that take the least time each: to a batch, or as a new batch; return whether some fit."""
    models, counts, size = line
    horizon, most, batch, upload_s = limits
    length = size[LENGTH]
    served = np.zeros(len(most), np.int64)
    for p in range(length):
        served[models[p]] += counts[p]
    before = finish_s(models, counts, length, upload_s, timing)
    nothing: Any = np.int64(-1)  # literals would be types of their own to compile for
    best, what, where, number = np.inf, nothing, nothing, nothing
    for p in range(length):
        i = models[p]
        for n in range(1, min(batch[i] - counts[p], most[i] - served[i]) + 1):
            counts[p] += n
            end = finish_s(models, counts, length, upload_s, timing)
            counts[p] -= n
            if end > horizon:
                break
            if (end - before) / n < best:
                best, what, where, number = (end - before) / n, -2, p, n
    for i in range(len(most)):
        for p in range(length + 1):
            for n in range(1, min(batch[i], most[i] - served[i]) + 1):
                insert_at(models, counts, length, p, i, n)
                end = finish_s(models, counts, length + 1, upload_s, timing)
                remove_at(models, counts, length + 1, p)
                if end > horizon:
                    break
                if (end - before) / n < best:
                    best, what, where, number = (end - before) / n, i, p, n
    if best == np.inf:
        return False
    if what == -2:
        counts[where] += number
    else:
        insert_at(models, counts, length, where, what, number)
        size[LENGTH] += 1
    size[USERS] += number
    return True


@inner_kernel
def change(line: Sequence, served: Integers, limits: Limits, state: NDArray[np.uint64]) -> bool:
    """Make a random move; return False if it cannot be made (nothing is changed then)."""
    models, counts, size = line
    most, batch = limits.most, limits.batch
    length = size[LENGTH]
    move = draw(state, MOVES)
    if length == 0 and move != 2:
        return False
    p = draw(state, length) if length else 0
    q = draw(state, length) if length else 0
    i, k = models[p], models[q]
    if move == 0:  # one user more
        if counts[p] >= batch[i] or served[i] >= most[i]:
            return False
        counts[p] += 1
        served[i] += 1
        size[USERS] += 1
    elif move == 1:  # one user fewer
        served[i] -= 1
        size[USERS] -= 1
        counts[p] -= 1
        if counts[p] == 0:
            remove_at(models, counts, length, p)
            size[LENGTH] -= 1
    elif move == 2:  # a new batch
        i = draw(state, len(most))
        room = min(batch[i], most[i] - served[i])
        if room == 0 or length == len(models):
            return False
        n = room if draw(state, 2) else 1 + draw(state, room)
        insert_at(models, counts, length, draw(state, length + 1), i, n)
        served[i] += n
        size[LENGTH] += 1
        size[USERS] += n
    elif move == 3:  # a batch fewer
        served[i] -= counts[p]
        size[USERS] -= counts[p]
        remove_at(models, counts, length, p)
        size[LENGTH] -= 1
    elif move == 4:  # move a batch
        n = counts[p]
        remove_at(models, counts, length, p)
        insert_at(models, counts, length - 1, q, i, n)
    elif move == 5:  # swap two batches
        if p == q:
            return False
        models[p], models[q] = models[q], models[p]
        counts[p], counts[q] = counts[q], counts[p]
    elif move == 6:  # split a batch
        if counts[p] < 2 or length == len(models):
            return False
        n = 1 + draw(state, counts[p] - 1)
        counts[p] -= n
        insert_at(models, counts, length, draw(state, length + 1), i, n)
        size[LENGTH] += 1
    elif move == 7:  # merge batches of one model, as far as memory allows
        if p == q or i != k:
            return False
        n = min(counts[q], batch[i] - counts[p])
        if n == 0:
            return False
        counts[p] += n
        counts[q] -= n
        if counts[q] == 0:
            remove_at(models, counts, length, q)
            size[LENGTH] -= 1
    elif move == 8:  # a user of one batch for one of another
        if p == q or counts[q] >= batch[k] or (i != k and served[k] >= most[k]):
            return False
        counts[q] += 1
        served[k] += 1
        counts[p] -= 1
        served[i] -= 1
        if counts[p] == 0:
            remove_at(models, counts, length, p)
            size[LENGTH] -= 1
    else:  # reverse a part
        low, high = min(p, q), max(p, q)
        if low == high:
            return False
        while low < high:
            models[low], models[high] = models[high], models[low]
            counts[low], counts[high] = counts[high], counts[low]
            low += 1
            high -= 1
    return True


@inner_kernel
def worth(users: int, end: float, horizon: float, price: float) -> float:
    """Users, and a part of a user for time that is left; each second too late costs `price` users."""
    if end <= horizon:
        return users + min(LARGEST_SLACK, 0.5 * price * (horizon - end))
    return users - price * (end - horizon)


@inner_kernel
def copy_sequence(source: Sequence, target: Sequence, length: int) -> None:
    """Make the first `length` batches of one sequence like those of another."""
    copy_into(target.models, source.models[:length])
    copy_into(target.counts, source.counts[:length])
    copy_into(target.size, source.size)


@kernel(allocates=True)
def anneal(
    steps: int, heat: Heat, line: Sequence, best: Sequence, limits: Limits, timing: Timing, state: NDArray[np.uint64]
) -> Heat:
    """Make `steps` random moves, worse ones with a probability that falls; keep the best sequence in time.

    The price of being late rises while the sequence is late and falls while it is not, so that it is about as often.
    Returns the heat for the next steps.
    """
    warmth, cooling, price = heat
    horizon, upload_s = limits.horizon, limits.upload_s
    served = np.zeros(len(limits.most), np.int64)
    for p in range(line.size[LENGTH]):
        served[line.models[p]] += line.counts[p]
    now_end = finish_s(line.models, line.counts, line.size[LENGTH], upload_s, timing)
    old = Sequence(line.models.copy(), line.counts.copy(), line.size.copy())
    old_served = served.copy()
    for _ in range(steps):
        warmth *= cooling
        price = price * PRICE_STEP if now_end > horizon else price / PRICE_STEP
        if not change(line, served, limits, state):
            continue
        end = finish_s(line.models, line.counts, line.size[LENGTH], upload_s, timing)
        gain = worth(line.size[USERS], end, horizon, price) - worth(old.size[USERS], now_end, horizon, price)
        length = max(line.size[LENGTH], old.size[LENGTH])
        if gain >= 0 or draw(state, FRACTION) < FRACTION * np.exp(gain / warmth):
            now_end = end
            copy_sequence(line, old, length)
            copy_into(old_served, served)
            if end <= horizon and line.size[USERS] > best.size[USERS]:
                copy_sequence(line, best, length)
        else:
            copy_sequence(old, line, length)
            copy_into(served, old_served)
    return Heat(warmth, cooling, price)
