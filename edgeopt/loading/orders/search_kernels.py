"""Compiled kernels of the local search: a path of models, its moves, and its value at a price of time.

At a price of mu seconds per user a model is worth mu n - g_i(n) - load_i seconds at its best n >= 1, and neighbours
save their overlap: each move changes the total in constant time. What a path is worth in users is told by `fill`.

A path is an array: models at positions 1 to L, and at positions 0 and L + 1 the sentinel I (number of models), which
overlaps nothing. ``place[i]`` is a model's position, 0 when it is not on the path.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EPSILON = 1e-10  # relative to the horizon: gains below it are rounding
LONGEST_SEGMENT = 3  # models that or-opt moves together
KICK_SPAN = 30  # positions within which a kick swaps two segments
PRICE_PERIOD = 8  # iterations at one price
PRICE_SPREAD = 0.15  # relative, around the price that spends the horizon
PRICE_STEP = 1.01
LEAST_PRICE = 1e-9  # relative to the horizon


class Serving(NamedTuple):
    """The figures of an instance that a search takes, see `edgeopt.loading.orders.tables.ServingTables`."""

    slopes: Floats
    first: Integers
    load: Floats
    overlap: Floats
    largest: Floats
    near: Integers
    ranked_slope: Floats
    ranked_model: Integers
    horizon: float


class Woken(NamedTuple):
    """Models whose moves are to be looked at, and whether each model is among them."""

    models: Integers
    waiting: NDArray[np.bool_]


@inner_kernel
def draw(state: NDArray[np.uint64], below: int) -> int:
    """Return a random integer from 0 to ``below - 1`` (xorshift64*)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    drawn: Any = np.int64(((x * np.uint64(2685821657736338717)) >> np.uint64(33)) % np.uint64(below))
    return drawn


@kernel
def fill(place: Integers, budget: float, ranked_slope: Floats, ranked_model: Integers) -> tuple[float, float]:
    """Return the users that the models on the path serve in the budget, fractional batches allowed, and the price.

    ``ranked_slope`` holds the hull slopes of all models, increasing. The price in seconds per user is the slope at
    which the budget ends: 0 when it is negative (the users then count down from none), infinite when it serves all.
    """
    if budget < 0.0:
        return budget, 0.0
    users = 0.0
    for k in range(len(ranked_slope)):
        if place[ranked_model[k]]:
            slope = ranked_slope[k]
            if slope > budget:
                return users + budget / slope, slope
            budget -= slope
            users += 1.0
    return users, np.inf


@kernel
def set_worth(worth: Floats, price: float, slopes: Floats, first: Integers, load: Floats) -> None:
    """Set each model's worth in seconds at a price in seconds per user, loading it whole included."""
    for model in range(len(load)):
        begin, end = first[model] + 1, first[model + 1]
        value = price - slopes[begin]
        for k in range(begin + 1, end):
            if slopes[k] >= price:
                break
            value += price - slopes[k]
        worth[model] = value - load[model]


@inner_kernel
def copy_path(source: Integers, target: Integers, sentinel: int) -> int:
    """Copy a path, its sentinels included; return its length."""
    target[0] = sentinel
    length = 0
    while source[length + 1] != sentinel:
        length += 1
        target[length] = source[length]
    target[length + 1] = sentinel
    return length


@inner_kernel
def set_path(path: Integers, place: Integers, source: Integers, sentinel: int) -> int:
    """Make the path that of the source; return its length."""
    for model in range(len(place)):
        place[model] = 0
    length = copy_path(source, path, sentinel)
    for p in range(1, length + 1):
        place[path[p]] = p
    return length


@kernel
def path_load(path: Integers, length: int, load: Floats, overlap: Floats) -> float:
    """Return the seconds that loading the models of the path takes."""
    total = 0.0
    for p in range(1, length + 1):
        total += load[path[p]] - overlap[path[p - 1], path[p]]
    return total


@inner_kernel
def reverse(path: Integers, place: Integers, begin: int, end: int) -> None:
    """Reverse the positions from begin to end."""
    while begin < end:
        path[begin], path[end] = path[end], path[begin]
        place[path[begin]], place[path[end]] = begin, end
        begin += 1
        end -= 1


@inner_kernel
def swap_segments(path: Integers, place: Integers, begin: int, middle: int, end: int) -> None:
    """Put positions middle + 1 to end before positions begin to middle; both keep their direction."""
    reverse(path, place, begin, middle)
    reverse(path, place, middle + 1, end)
    reverse(path, place, begin, end)


@inner_kernel
def insert(path: Integers, place: Integers, length: int, gap: int, model: int) -> int:
    """Put a model between positions gap and gap + 1; return the new length."""
    for p in range(length + 1, gap, -1):
        path[p + 1] = path[p]
        if p <= length:
            place[path[p + 1]] = p + 1
    path[gap + 1] = model
    place[model] = gap + 1
    return length + 1


@inner_kernel
def remove(path: Integers, place: Integers, length: int, position: int) -> int:
    """Take a model off the path; return the new length."""
    place[path[position]] = 0
    for p in range(position, length + 1):
        path[p] = path[p + 1]
        if p < length:
            place[path[p]] = p
    return length - 1


@inner_kernel
def best_gap(path: Integers, length: int, model: int, overlap: Floats) -> tuple[int, float]:
    """Return where a model that is not on the path saves most, and the seconds saved."""
    best, most = 0, -np.inf
    for gap in range(length + 1):
        a, b = path[gap], path[gap + 1]
        saved = overlap[model, a] + overlap[model, b] - overlap[a, b]
        if saved > most:
            best, most = gap, saved
    return best, most


@inner_kernel
def try_outside(
    path: Integers,
    place: Integers,
    length: int,
    model: int,
    worth: Floats,
    overlap: Floats,
    largest: Floats,
    least: float,
) -> int:
    """Insert a model that is not on the path, or let it replace one, if that gains; return the new length."""
    if worth[model] + 2.0 * largest[model] <= least:
        return length
    gap, gain = best_gap(path, length, model, overlap)
    gain += worth[model]
    replaced = 0
    for p in range(1, length + 1):
        a, out, b = path[p - 1], path[p], path[p + 1]
        change = worth[model] - worth[out] + overlap[model, a] + overlap[model, b] - overlap[a, out] - overlap[out, b]
        if change > gain:
            replaced, gain = p, change
    if gain <= least:
        return length
    if replaced:
        place[path[replaced]] = 0
        path[replaced] = model
        place[model] = replaced
        return length
    return insert(path, place, length, gap, model)


@inner_kernel
def try_segment(
    path: Integers, place: Integers, length: int, begin: int, end: int, overlap: Floats, largest: Floats, least: float
) -> bool:
    """Move the positions begin to end where they save most, either way round, if that gains."""
    head, tail = path[begin], path[end]
    a, b = path[begin - 1], path[end + 1]
    base = overlap[a, b] - overlap[a, head] - overlap[tail, b]
    if base + largest[head] + largest[tail] <= least:
        return False
    best, gain, turned = -1, least, False
    for gap in range(length + 1):
        if begin - 1 <= gap <= end:
            continue
        c, d = path[gap], path[gap + 1]
        rest = base - overlap[c, d]
        straight = rest + overlap[c, head] + overlap[tail, d]
        if straight > gain:
            best, gain, turned = gap, straight, False
        flipped = rest + overlap[c, tail] + overlap[head, d]
        if flipped > gain:
            best, gain, turned = gap, flipped, True
    if best < 0:
        return False
    if turned:
        reverse(path, place, begin, end)
    if best > end:
        swap_segments(path, place, begin, end, best)
    else:
        swap_segments(path, place, best + 1, begin - 1, end)
    return True


@inner_kernel
def try_reversal(
    path: Integers, place: Integers, length: int, position: int, overlap: Floats, largest: Floats, least: float
) -> bool:
    """Reverse the part between position and some other one, where that saves most, if it gains."""
    a, b = path[position], path[position + 1]
    if largest[a] + largest[b] - overlap[a, b] <= least:
        return False
    best, gain = -1, least
    for other in range(length + 1):
        c, d = path[other], path[other + 1]
        change = overlap[a, c] + overlap[b, d] - overlap[a, b] - overlap[c, d]
        if other != position and change > gain:
            best, gain = other, change
    if best < 0:
        return False
    reverse(path, place, min(position, best) + 1, max(position, best))
    return True


@inner_kernel
def try_inside(
    path: Integers,
    place: Integers,
    length: int,
    model: int,
    worth: Floats,
    overlap: Floats,
    largest: Floats,
    least: float,
) -> int:
    """Remove a model of the path, or move or reverse a part that begins or ends with it, if that gains.

    Returns the new length, negative when something has changed.
    """
    p = place[model]
    a, b = path[p - 1], path[p + 1]
    if length > 1 and overlap[a, b] - overlap[a, model] - overlap[model, b] - worth[model] > least:
        return -remove(path, place, length, p)
    for size in range(1, LONGEST_SEGMENT + 1):
        if p + size - 1 <= length and try_segment(path, place, length, p, p + size - 1, overlap, largest, least):
            return -length
        if (
            size > 1
            and p - size + 1 >= 1
            and try_segment(path, place, length, p - size + 1, p, overlap, largest, least)
        ):
            return -length
    if try_reversal(path, place, length, p, overlap, largest, least) or try_reversal(
        path, place, length, p - 1, overlap, largest, least
    ):
        return -length
    return length


@inner_kernel
def wake(model: int, queue: Integers, waiting: NDArray[np.bool_], size: int) -> int:
    """Put a model into the queue unless it waits there or is the sentinel; return the queue's new size."""
    if model < len(waiting) and not waiting[model]:
        waiting[model] = True
        queue[size] = model
        size += 1
    return size


@inner_kernel
def wake_near(model: int, near: Integers, queue: Integers, waiting: NDArray[np.bool_], size: int) -> int:
    """Put a model and those that overlap it most into the queue; return the queue's new size."""
    size = wake(model, queue, waiting, size)
    if model < len(near):
        for k in range(near.shape[1]):
            size = wake(near[model, k], queue, waiting, size)
    return size


@kernel
def descend(
    path: Integers, place: Integers, length: int, worth: Floats, serving: Serving, woken: Woken, size: int, least: float
) -> int:
    """Make moves that gain until none of the queued models has one; return the new length."""
    overlap, largest, near = serving.overlap, serving.largest, serving.near
    queue, waiting = woken
    while size:
        size -= 1
        model = queue[size]
        waiting[model] = False
        if place[model]:
            a, b = path[place[model] - 1], path[place[model] + 1]
            result = try_inside(path, place, length, model, worth, overlap, largest, least)
            changed = result < 0
            length = abs(result)
            if changed:
                size = wake(a, queue, waiting, size)
                size = wake(b, queue, waiting, size)
        else:
            length = try_outside(path, place, length, model, worth, overlap, largest, least)
            changed = place[model] > 0
        if changed:
            size = wake_near(model, near, queue, waiting, size)
            if place[model]:
                size = wake(path[place[model] - 1], queue, waiting, size)
                size = wake(path[place[model] + 1], queue, waiting, size)
    return length


@kernel
def complete(path: Integers, place: Integers, length: int, extra: Integers, overlap: Floats) -> int:
    """Insert these models where they save most, those on the path excepted; return the new length."""
    for model in extra:
        if not place[model]:
            gap, _ = best_gap(path, length, model, overlap)
            length = insert(path, place, length, gap, model)
    return length


@inner_kernel
def kick(
    path: Integers, place: Integers, length: int, serving: Serving, woken: Woken, state: NDArray[np.uint64]
) -> tuple[int, int]:
    """Change the path at random, and queue what the change concerns; return the new length and the queue's size.

    Two neighbouring segments change places, a run of models leaves, or a few models that overlap come in together.
    """
    overlap, near = serving.overlap, serving.near
    queue, waiting = woken
    models, size = len(near), 0
    choice = draw(state, 3)
    if choice == 0 and length >= 3:
        begin = 1 + draw(state, length - 1)
        span = min(KICK_SPAN, length - begin)
        middle = begin + draw(state, span)
        end = middle + 1 + draw(state, min(KICK_SPAN, length - middle))
        for p in (begin - 1, begin, middle, middle + 1, end, end + 1):
            size = wake(path[p], queue, waiting, size)
        swap_segments(path, place, begin, middle, end)
    elif choice == 1 and length >= 2:
        begin = 1 + draw(state, length)
        for _ in range(min(1 + draw(state, max(2, min(12, length // 3))), length - 1)):
            if begin > length:
                begin = 1
            model = path[begin]
            length = remove(path, place, length, begin)
            size = wake_near(model, near, queue, waiting, size)
        size = wake_near(path[begin - 1], near, queue, waiting, size)
        size = wake_near(path[min(begin, length)], near, queue, waiting, size)
    else:
        model = draw(state, models)
        for _ in range(1 + draw(state, 4)):
            if not place[model]:
                gap, _ = best_gap(path, length, model, overlap)
                length = insert(path, place, length, gap, model)
            size = wake_near(model, near, queue, waiting, size)
            model = near[model, draw(state, near.shape[1])] if near.shape[1] else draw(state, models)
    return length, size


@kernel(allocates=True)
def search(
    path: Integers,
    place: Integers,
    best_path: Integers,
    figures: Floats,
    iterations: int,
    target: float,
    slack: float,
    serving: Serving,
    state: NDArray[np.uint64],
) -> int:
    """Kick and descend again and again; return the number of iterations done.

    ``figures`` holds the path's score (users, fractional batches), the price and the best score; ``path``,
    ``best_path`` and ``figures`` are updated. A path without a score (negative infinity) is first scored, then
    improved by moves of all models. A path is kept when it scores at most ``slack`` users below the best. The price
    rises while paths leave time unused and falls while they overdraw it. Ends early when the score of a path that is
    kept reaches the target.
    """
    slopes, first, load, overlap = serving.slopes, serving.first, serving.load, serving.overlap
    ranked_slope, ranked_model, horizon = serving.ranked_slope, serving.ranked_model, serving.horizon
    models = len(load)
    worth = np.empty(models)
    kept = np.empty(models + 2, np.int64)
    woken = Woken(np.empty(models, np.int64), np.zeros(models, np.bool_))
    length, price = copy_path(path, kept, models), figures[1]
    if figures[0] == -np.inf:
        figures[2], margin = fill(place, horizon - path_load(path, length, load, overlap), ranked_slope, ranked_model)
        copy_path(path, best_path, models)
        if 0.0 < margin < np.inf:
            figures[1] = margin
        set_worth(worth, figures[1], slopes, first, load)
        size = 0
        for model in range(models):
            size = wake(model, woken.models, woken.waiting, size)
        length = descend(path, place, length, worth, serving, woken, size, EPSILON * horizon)
        figures[0], margin = fill(place, horizon - path_load(path, length, load, overlap), ranked_slope, ranked_model)
        if figures[0] > figures[2]:
            figures[2] = figures[0]
            copy_path(path, best_path, models)
    for iteration in range(iterations):
        copy_path(path, kept, models)
        if iteration % PRICE_PERIOD == 0:
            price = figures[1] * (1.0 + PRICE_SPREAD * (draw(state, 2001) - 1000) / 1000)
            set_worth(worth, price, slopes, first, load)
        length, size = kick(path, place, length, serving, woken, state)
        length = descend(path, place, length, worth, serving, woken, size, EPSILON * horizon)
        score, margin = fill(place, horizon - path_load(path, length, load, overlap), ranked_slope, ranked_model)
        figures[1] *= PRICE_STEP if margin > price else 1.0 / PRICE_STEP
        figures[1] = min(max(figures[1], LEAST_PRICE * horizon), horizon)
        if score > figures[2]:
            figures[2] = score
            copy_path(path, best_path, models)
        if score >= min(figures[0], figures[2] - slack):
            figures[0] = score
            if score >= target:
                return iteration + 1
        else:
            length = set_path(path, place, kept, models)
    return iterations
