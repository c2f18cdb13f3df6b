"""Compiled kernels of the heuristics on batch sequences: insertion, and annealed moves.

A sequence is two arrays, models and numbers of users; the batches of a model take its users in the order of their
upload times. `facts` are the arrays of the workload in the order of `finish_s`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import copy_into, kernel
from edgeopt.loading.batches.timing_kernels import finish_s
from edgeopt.loading.orders.search_kernels import draw

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LENGTH, USERS = range(2)
MOVES = 10
FRACTION = 2**31
PRICE_STEP = 1 + 1e-4  # by which the price of being late changes in a step
LARGEST_SLACK = 0.9  # of a user: slack counts less than any user


@kernel
def insert_at(models: Integers, counts: Integers, length: int, position: int, model: int, count: int) -> None:
    """Put a batch at a position."""
    for p in range(length, position, -1):
        models[p], counts[p] = models[p - 1], counts[p - 1]
    models[position], counts[position] = model, count


@kernel
def remove_at(models: Integers, counts: Integers, length: int, position: int) -> None:
    """Take the batch at a position away."""
    for p in range(position, length - 1):
        models[p], counts[p] = models[p + 1], counts[p + 1]


@kernel
def grow(models: Integers, counts: Integers, size: Integers, horizon: float, most: Integers, batch: Integers,
         facts: Any) -> bool:  # fmt: skip
    """Add the users that take the least time each: to a batch, or as a new batch; return whether some fit."""
    length = size[LENGTH]
    served = np.zeros(len(most), np.int64)
    for p in range(length):
        served[models[p]] += counts[p]
    before = finish_s(models, counts, length, *facts)
    nothing: Any = np.int64(-1)  # literals would be types of their own to compile for
    best, what, where, number = np.inf, nothing, nothing, nothing
    for p in range(length):
        i = models[p]
        for n in range(1, min(batch[i] - counts[p], most[i] - served[i]) + 1):
            counts[p] += n
            end = finish_s(models, counts, length, *facts)
            counts[p] -= n
            if end > horizon:
                break
            if (end - before) / n < best:
                best, what, where, number = (end - before) / n, -2, p, n
    for i in range(len(most)):
        for p in range(length + 1):
            for n in range(1, min(batch[i], most[i] - served[i]) + 1):
                insert_at(models, counts, length, p, i, n)
                end = finish_s(models, counts, length + 1, *facts)
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


@kernel
def change(models: Integers, counts: Integers, size: Integers, served: Integers, most: Integers, batch: Integers,
           state: NDArray[np.uint64]) -> bool:  # fmt: skip
    """Make a random move; return False if it cannot be made (nothing is changed then)."""
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


@kernel
def worth(users: int, end: float, horizon: float, price: float) -> float:
    """Users, and a part of a user for time that is left; each second too late costs `price` users."""
    if end <= horizon:
        return users + min(LARGEST_SLACK, 0.5 * price * (horizon - end))
    return users - price * (end - horizon)


@kernel
def anneal(
    steps: int,
    warmth: float,
    cooling: float,
    price: float,
    horizon: float,
    models: Integers,
    counts: Integers,
    size: Integers,
    best_models: Integers,
    best_counts: Integers,
    best_size: Integers,
    most: Integers,
    batch: Integers,
    state: NDArray[np.uint64],
    facts: Any,
) -> tuple[float, float]:
    """Make `steps` random moves, worse ones with a probability that falls; keep the best sequence in time.

    The price of being late rises while the sequence is late and falls while it is not, so that it is about as often.
    Returns warmth and price for the next steps.
    """
    served = np.zeros(len(most), np.int64)
    for p in range(size[LENGTH]):
        served[models[p]] += counts[p]
    now_end = finish_s(models, counts, size[LENGTH], *facts)
    old_models, old_counts = models.copy(), counts.copy()
    old_size, old_served = size.copy(), served.copy()
    for _ in range(steps):
        warmth *= cooling
        price = price * PRICE_STEP if now_end > horizon else price / PRICE_STEP
        if not change(models, counts, size, served, most, batch, state):
            continue
        end = finish_s(models, counts, size[LENGTH], *facts)
        gain = worth(size[USERS], end, horizon, price) - worth(old_size[USERS], now_end, horizon, price)
        length = max(size[LENGTH], old_size[LENGTH])
        if gain >= 0 or draw(state, FRACTION) < FRACTION * np.exp(gain / warmth):
            now_end = end
            copy_into(old_models, models[:length])
            copy_into(old_counts, counts[:length])
            copy_into(old_size, size)
            copy_into(old_served, served)
            if end <= horizon and size[USERS] > best_size[USERS]:
                copy_into(best_models, models[:length])
                copy_into(best_counts, counts[:length])
                copy_into(best_size, size)
        else:
            copy_into(models, old_models[:length])
            copy_into(counts, old_counts[:length])
            copy_into(size, old_size)
            copy_into(served, old_served)
    return warmth, price
