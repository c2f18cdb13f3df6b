"""Compiled kernel of the path relaxation: the best walk of one GPU through time at prices of the users.

Time after the upload phase is cut into steps. A walk loads models and computes batches, whose durations are rounded
down to whole steps; it may serve a user again and again, and pays the user's price each time.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEVER = -1e300
MEMORY = 0.1  # weight of the latest walk in the frequencies


@njit(cache=True)
def tabulate(worth: Floats, first: Integers, ranked: Integers, reward: Floats, offset: Integers) -> None:
    """Tabulate the best users of each model among those from rank c by deadline on.

    ``reward[offset[i] + c * (n_i + 1) + n]`` is what n of them are worth. `ranked` receives the users of each model
    from the most worthy to the least.
    """
    for model in range(len(first) - 1):
        low, high = first[model], first[model + 1]
        ranked[low:high] = low + np.argsort(-worth[low:high])
        width = high - low + 1
        for rank in range(high - low):
            base = offset[model] + rank * width
            number, total = 0, 0.0
            reward[base] = 0.0
            for index in range(low, high):
                user = ranked[index]
                if worth[user] <= 0.0:
                    break
                if user - low >= rank:
                    number += 1
                    total += worth[user]
                    reward[base + number] = total
            for n in range(number + 1, width):
                reward[base + n] = NEVER


@njit(cache=True)
def best_walk(
    worth: Floats,
    first: Integers,
    capacity: Integers,
    rank: Integers,
    switch: Integers,
    compute: Integers,
    split: Integers,
    offset: Integers,
    size: int,
    reward: Floats,
    ranked: Integers,
    done: Floats,
    ready: Floats,
    chosen: Integers,
    origin: Integers,
    counts: Integers,
) -> float:
    """Find the walk of greatest worth, and how often it serves each user.

    Parameters
    ----------
    rank : numpy.ndarray of int64, shape (size + 1, models)
        How many users of a model are due before a step: those whose batch may not end at it.
    switch : numpy.ndarray of int64, shape (models + 1, models)
        Steps for loading.
    compute, split : numpy.ndarray of int64, shape (models, most users + 1)
        Steps for a number of users in one batch (at least 1), and in as few batches as possible, but two at least.
    size : int
        Number of steps.
    reward, ranked, done, ready, chosen, origin
        Scratch; the last four have shape (size + 1, models).
    counts : numpy.ndarray of int64, shape (users,)
        Receives the numbers of services.
    """
    models = len(capacity)
    tabulate(worth, first, ranked, reward, offset)
    done[:], ready[:] = NEVER, NEVER
    for model in range(models):
        if switch[models, model] <= size:
            ready[switch[models, model], model] = 0.0
            origin[switch[models, model], model] = models
    best, best_step, best_model = 0.0, -1, -1
    for step in range(size + 1):
        for model in range(models):
            waiting = first[model + 1] - first[model]
            base, width, now = offset[model], waiting + 1, rank[step, model]
            if now < waiting:
                for number in range(1, capacity[model] + 1):
                    start = step - compute[model, number]
                    gain = reward[base + now * width + number]
                    if start < 0 or gain == NEVER:
                        break
                    value = ready[start, model] + gain
                    if value > done[step, model]:
                        done[step, model] = value
                        chosen[step, model] = number
            for number in range(2, width):
                start = step - split[model, number]
                if start < 0:
                    break
                earlier = rank[start + compute[model, 1], model]
                if earlier == waiting or (earlier == now and number <= capacity[model]):
                    continue  # one batch does as well
                gain = reward[base + earlier * width + number]
                value = ready[start, model] + gain
                if value > done[step, model]:
                    done[step, model] = value
                    chosen[step, model] = -number
            if done[step, model] > best:
                best, best_step, best_model = done[step, model], step, model
        for model in range(models):
            value = done[step, model]
            if value > NEVER / 2:
                for other in range(models):
                    if other == model:
                        continue
                    arrival = step + switch[model, other]
                    if arrival <= size and value > ready[arrival, other]:
                        ready[arrival, other] = value
                        origin[arrival, other] = model
    counts[:] = 0
    step, model = best_step, best_model
    while step >= 0 and model < models:
        number = chosen[step, model]
        spent = compute[model, number] if number > 0 else split[model, -number]
        due = step if number > 0 else step - spent + compute[model, 1]
        number, position = abs(number), first[model] + rank[due, model]
        taken = 0
        for index in range(first[model], first[model + 1]):
            if taken < number and ranked[index] >= position:
                counts[ranked[index]] += 1
                taken += 1
        step -= spent
        before = origin[step, model]
        step -= switch[before, model]
        model = before
    return best


@njit(cache=True)
def least_walk_bound(
    price: Floats,
    fixed: Integers,
    frequency: Floats,
    radio_price: float,
    upload: Floats,
    longest: float,
    target: float,
    iterations: int,
    first: Integers,
    capacity: Integers,
    rank: Integers,
    switch: Integers,
    compute: Integers,
    split: Integers,
    offset: Integers,
    size: int,
    reward: Floats,
    ranked: Integers,
    done: Floats,
    ready: Floats,
    chosen: Integers,
    origin: Integers,
) -> tuple[float, float, int]:
    """Lower the Lagrangian bound by subgradient steps on the prices.

    Parameters
    ----------
    price : numpy.ndarray, shape (users,)
        Prices of being served twice, in users; receives the best ones.
    fixed : numpy.ndarray of int64, shape (users,)
        1: the user must be served, so that its price may be negative; -1: it must not; 0: free.
    frequency : numpy.ndarray, shape (users,)
        Receives how often the last walks serve each user, on average.
    radio_price : float
        Price of the upload phase, in users for the length `longest`.
    longest : float
        No more seconds of uploads are allowed.
    target : float
        A bound below it is good enough.

    Returns
    -------
    tuple of float, float, int
        Bound, its radio price, iterations done.
    """
    users = len(price)
    share = upload / max(longest, 1e-300)
    counts = np.zeros(users, np.int64)
    current, radio = price.copy(), radio_price
    best, best_radio, stale = np.inf, radio_price, 0
    pace = 1.0  # factor of the step lengths; halved when the bound does not improve
    for iteration in range(iterations):
        worth = np.where(fixed < 0, -1.0, 1.0 - current - radio * share)
        walk = best_walk(
            worth,
            first,
            capacity,
            rank,
            switch,
            compute,
            split,
            offset,
            size,
            reward,
            ranked,
            done,
            ready,
            chosen,
            origin,
            counts,
        )
        bound = current.sum() + radio + walk
        for user in range(users):
            frequency[user] += MEMORY * (counts[user] - frequency[user])
        if bound < best - 1e-3:
            stale = 0
        else:
            stale += 1
        if bound < best:
            best, best_radio = bound, radio
            price[:] = current
        if best < target:
            return best, best_radio, iteration + 1
        if stale >= 6:
            stale, pace = 0, pace / 2
            current[:], radio = price, best_radio
        excess, norm = -1.0, 0.0
        for user in range(users):
            excess += counts[user] * share[user]
            if counts[user] != 1 and (current[user] > 0.0 or counts[user] > 1 or fixed[user] > 0) and fixed[user] >= 0:
                norm += (counts[user] - 1.0) ** 2
        scale = 4.0  # the one row of the radio weighs as much as several users
        if radio > 0.0 or excess > 0.0:
            norm += scale * excess * excess
        if norm < 1e-12 or pace < 1e-3:
            return best, best_radio, iteration + 1
        length = pace * (bound - target + 0.5) / norm
        for user in range(users):
            if fixed[user] >= 0:
                changed = current[user] + length * (counts[user] - 1.0)
                current[user] = changed if fixed[user] else max(0.0, changed)
        radio = max(0.0, radio + length * scale * excess)
    return best, best_radio, iterations
