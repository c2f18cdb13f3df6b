"""Compiled kernel of the path relaxation with overlapped uploads: the best walk at prices of users and of the radio.

Time is cut into steps, and the steps into pieces within which a second of the radio costs the same; in later pieces it
costs no more. A walk loads models, waits, and computes batches, whose durations are rounded down to whole steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel, sort_stably

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEVER = -1e300
WAITING = -2  # instead of the model before: the walk was ready a step before, too


class RadioSteps(NamedTuple):
    """Durations in whole steps, and who can be served when.

    Attributes
    ----------
    number : int
        The number of steps.
    due, opens : numpy.ndarray of int64, shape (users,)
        The latest end of a batch, and the earliest start, which is that of one whose upload came first.
    switch : numpy.ndarray of int64, shape (models + 1, models)
        For loading; the last row: on an empty GPU.
    compute, split : numpy.ndarray of int64, shape (models, most users + 1)
        For a number of users in one batch (at least 1), and in as few batches as possible, but two at least.
    piece : numpy.ndarray of int64, shape (number + 1,)
        The piece of each step.
    begins : numpy.ndarray of int64, shape (pieces,)
        The first step of each piece.
    """

    number: int
    due: Integers
    opens: Integers
    switch: Integers
    compute: Integers
    split: Integers
    piece: Integers
    begins: Integers


class RadioTables(NamedTuple):
    """Scratch: walks that have just finished a visit, or are ready for one, and where they come from.

    Shape (steps + 1, models) each: `done`, `ready` values, `chosen` the number of users of the visit (negative: in
    several batches), `from_step` when it was ready to begin, or in one batch began; `origin` the model before.
    `worth` (pieces, users) is what a user is worth whose batch starts in a piece at the latest, and `ranked` the users
    of each model from the most worthy to the least.
    """

    done: Floats
    ready: Floats
    chosen: NDArray[np.int32]
    from_step: NDArray[np.int32]
    origin: NDArray[np.int16]
    worth: Floats
    ranked: Integers
    keys: Floats
    other: Integers


@inner_kernel
def tabulate(worth: Floats, upload: Floats, price: Floats, first: Integers, steps: RadioSteps, t: RadioTables) -> None:
    """Set what users are worth in each piece, and rank them.

    One who is due sooner than the piece starts in time at the latest, and pays what the radio costs then.
    """
    for piece in range(len(price)):
        for model in range(len(first) - 1):
            low, high = first[model], first[model + 1]
            for user in range(low, high):
                start = max(0, min(steps.number, steps.due[user] - steps.compute[model, 1]))
                t.worth[piece, user] = worth[user] - upload[user] * price[min(piece, steps.piece[start])]
                t.keys[user - low] = -t.worth[piece, user]
            sort_stably(t.keys, high - low, t.ranked[piece, low:high], t.other)


@inner_kernel
def gain(
    piece: int, low: int, high: int, last: int, due: int, most: int, steps: RadioSteps, t: RadioTables
) -> tuple[float, int]:
    """Return what the best users, so many at most, are worth who may start by step `last` and are due from `due` on."""
    total, number = 0.0, 0
    for index in range(low, high):
        user = low + t.ranked[piece, index]
        value = t.worth[piece, user]
        if value <= 0.0 or number == most:
            break
        if steps.due[user] >= due and steps.opens[user] <= last:
            total += value
            number += 1
    return total, number


@inner_kernel
def arrive(now: int, steps: RadioSteps, t: RadioTables) -> None:
    """Set the best way to be ready for each model at a step."""
    models = steps.switch.shape[1]
    for model in range(models):
        best, origin = NEVER, models
        if now > 0 and t.ready[now - 1, model] > best:
            best, origin = t.ready[now - 1, model], WAITING
        if steps.switch[models, model] <= now and best < 0.0:
            best, origin = 0.0, models
        for before in range(models):
            since = now - steps.switch[before, model]
            if before != model and since >= 0 and t.done[since, before] > best:
                best, origin = t.done[since, before], before
        t.ready[now, model], t.origin[now, model] = best, origin


@inner_kernel
def finish(end: int, model: int, value: float, number: int, since: int, t: RadioTables) -> None:
    """Note a visit that ends at a step, if no better one does."""
    if value > t.done[end, model]:
        t.done[end, model], t.chosen[end, model], t.from_step[end, model] = value, number, since


@inner_kernel
def visit_once(now: int, model: int, low: int, high: int, capacity: int, steps: RadioSteps, t: RadioTables) -> None:
    """Compute one batch that starts now, of each size."""
    for number in range(1, capacity + 1):
        end = now + steps.compute[model, number]
        if end > steps.number:
            break
        value, served = gain(steps.piece[now], low, high, now, end, number, steps, t)
        if served < number:
            break
        finish(end, model, t.ready[now, model] + value, number, now, t)


@inner_kernel
def visit_longer(now: int, end: int, model: int, low: int, high: int, steps: RadioSteps, t: RadioTables) -> None:
    """Compute several batches from now to a step."""
    if end > steps.number or end < now + steps.split[model, 2]:
        return
    most = 2
    while most < high - low and steps.split[model, most + 1] <= end - now:
        most += 1
    shortest = steps.compute[model, 1]
    value, served = gain(steps.piece[end - shortest], low, high, end - shortest, now + shortest, most, steps, t)
    if served:
        finish(end, model, t.ready[now, model] + value, -most, now, t)


@kernel
def best_radio_walk(
    worth: Floats,
    upload: Floats,
    price: Floats,
    first: Integers,
    capacity: Integers,
    steps: RadioSteps,
    t: RadioTables,
    counts: Integers,
    used: Floats,
) -> float:
    """Find the walk of greatest worth, how often it serves each user, and what it asks of the radio.

    Parameters
    ----------
    worth : numpy.ndarray, shape (users,)
        What one service is worth before the radio is paid.
    upload : numpy.ndarray, shape (users,)
        What each user takes of the radio.
    price : numpy.ndarray, shape (pieces,)
        Price of the radio for batches that start in each piece; it does not rise.
    first : numpy.ndarray of int64, shape (models + 1,)
        Where each model's users begin.
    capacity : numpy.ndarray of int64, shape (models,)
    steps : RadioSteps
    t : RadioTables
    counts : numpy.ndarray of int64, shape (users,)
        Zeros; receives the numbers of services.
    used : numpy.ndarray, shape (pieces,)
        Zeros; receives what is uploaded for batches that start in a piece or before.
    """
    models, pieces = len(capacity), len(price)
    tabulate(worth, upload, price, first, steps, t)
    for now in range(steps.number + 1):
        for m in range(models):
            t.done[now, m] = NEVER
    best, step, model = 0.0, -1, models
    for now in range(steps.number + 1):
        arrive(now, steps, t)
        for m in range(models):
            if t.ready[now, m] == NEVER:
                continue
            low, high = first[m], first[m + 1]
            better = now == 0 or t.ready[now, m] > t.ready[now - 1, m]
            fresh = better or steps.piece[now] != steps.piece[now - 1]
            for user in range(low, high):
                fresh = fresh or steps.opens[user] == now
            if fresh:
                visit_once(now, m, low, high, capacity[m], steps, t)
            if better and high - low > 1:
                shortest = steps.compute[m, 1]
                for number in range(2, high - low + 1):
                    visit_longer(now, now + steps.split[m, number], m, low, high, steps, t)
                for piece in range(pieces):
                    visit_longer(now, steps.begins[piece] + shortest, m, low, high, steps, t)
                for user in range(low, high):
                    visit_longer(now, steps.opens[user] + shortest, m, low, high, steps, t)
            if t.done[now, m] > best:
                best, step, model = t.done[now, m], now, m
    while model < models:
        choice, since = t.chosen[step, model], t.from_step[step, model]
        shortest = steps.compute[model, 1]
        last = since if choice > 0 else step - shortest
        due = step if choice > 0 else since + shortest
        piece, number = steps.piece[last], abs(choice)
        for index in range(first[model], first[model + 1]):
            user = first[model] + t.ranked[piece, index]
            if t.worth[piece, user] <= 0.0 or number == 0:
                break
            if steps.due[user] >= due and steps.opens[user] <= last:
                counts[user] += 1
                number -= 1
                own = max(0, min(steps.number, steps.due[user] - shortest))
                for later in range(min(piece, steps.piece[own]), pieces):
                    used[later] += upload[user]
        step = since
        while t.origin[step, model] == WAITING:
            step -= 1
        origin = t.origin[step, model]
        step -= steps.switch[origin, model]
        model = origin
    return best
