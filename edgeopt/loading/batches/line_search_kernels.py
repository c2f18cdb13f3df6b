"""Compiled kernel of the local search for individual deadlines: remove some users, and serve others where they fit.

Ruin and recreate (Schrimpf et al., Journal of Computational Physics 159, 2000) on lines of batches, accepted by
simulated annealing. Batches that are needed more than once, batches below capacity, and urgent users that are better
left out need no moves of their own: they come and go with the users.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import copy_into, kernel, stable_order
from edgeopt.loading.batches.line_kernels import Data, Figures, Integers, drop_empty, fill, measure
from edgeopt.loading.orders.search_kernels import draw

MOST_REMOVED = 10  # users that an iteration removes one by one
LONGEST_STRETCH = 4  # neighbouring batches that an iteration removes
TIME_PRICE = 0.5  # in users, for the time that a user takes on average
FINE = 2**20
HOT, COLD = 0.8, 0.05  # users by which a line may be worse with probability 1/e, at the beginning and end of a cycle


@kernel
def score_of(data: Data, place: Integers, end: float, horizon: float) -> float:
    """Users served, and a little for the time that is left."""
    served = 0
    for user in range(len(place)):
        served += place[user] >= 0
    return served + TIME_PRICE * served * (1.0 - end / horizon)


@kernel
def users_of(place: Integers) -> int:
    """Users served."""
    served = 0
    for user in range(len(place)):
        served += place[user] >= 0
    return served


@kernel
def ruin(data: Data, batch: Integers, length: int, place: Integers, state: NDArray[np.uint64]) -> None:
    """Stop serving some users: random ones, a stretch of batches, a model, or those of neighbouring deadlines."""
    users = len(place)
    kind = draw(state, 8)
    if kind < 3 and length:
        first = draw(state, length)
        behind = first + 1 + draw(state, LONGEST_STRETCH)
        share = 2 + draw(state, 3)  # of four
        for user in range(users):
            if first <= place[user] < behind and draw(state, 4) < share:
                place[user] = -1
    elif kind == 3:
        model = data.model[draw(state, users)]
        for user in range(users):
            if data.model[user] == model:
                place[user] = -1
    elif kind < 6:
        centre = data.due[draw(state, users)]
        width = centre * (1 + draw(state, 16)) / 64
        for user in range(users):
            if abs(data.due[user] - centre) <= width and draw(state, 2):
                place[user] = -1
    else:
        for _ in range(1 + draw(state, MOST_REMOVED)):
            place[draw(state, users)] = -1


@kernel
def turn(data: Data, place: Integers, state: NDArray[np.uint64], kind: int) -> Integers:
    """Users who are not served, in an order to try them: random, by deadline, upload or both; by models."""
    users = len(place)
    waiting = np.empty(users, np.int64)
    key = np.empty(users)
    models = len(data.fixed)
    shift = draw(state, models)
    longest, latest = data.upload.max() + 1e-300, data.due.max()
    number = 0
    for user in range(users):
        if place[user] < 0:
            waiting[number] = user
            noise = draw(state, FINE) / FINE
            if kind < 3:
                key[number] = noise
            elif kind == 3:
                key[number] = data.due[user] / latest + 0.2 * noise
            elif kind == 4:
                key[number] = data.upload[user] / longest + 0.2 * noise
            elif kind == 5:
                key[number] = data.upload[user] / longest + data.due[user] / latest + 0.3 * noise
            else:
                key[number] = (data.model[user] + shift) % models + 0.9 * noise
            number += 1
    order = stable_order(key[:number])
    for index in range(number):
        order[index] = waiting[order[index]]
    return order


@kernel
def search(
    data: Data,
    batch: Integers,
    place: Integers,
    best_batch: Integers,
    best_place: Integers,
    lengths: Integers,
    figures: Figures,
    iterations: int,
    since: int,
    cycle: int,
    state: NDArray[np.uint64],
) -> int:
    """Run some iterations from a line; `lengths` are the numbers of batches of it and of the best line so far.

    Parameters
    ----------
    since, cycle : int
        Iterations since the beginning of the cycle of temperatures, and its length.

    Returns
    -------
    int
        Users of the best line.
    """
    users = len(place)
    horizon = data.due.max()
    new_batch, new_place, moved = batch.copy(), place.copy(), np.empty(users + 1, np.int64)
    measure(data, batch, lengths[0], place, figures)
    current = score_of(data, place, figures.end[lengths[0] - 1] if lengths[0] else 0.0, horizon)
    measure(data, best_batch, lengths[1], best_place, figures)
    best = score_of(data, best_place, figures.end[lengths[1] - 1] if lengths[1] else 0.0, horizon)
    most = users_of(best_place)
    for step in range(iterations):
        copy_into(new_batch, batch)
        copy_into(new_place, place)
        ruin(data, new_batch, lengths[0], new_place, state)
        length = drop_empty(new_batch, lengths[0], new_place, moved)
        waiting = turn(data, new_place, state, draw(state, 8))
        length = fill(data, new_batch, length, new_place, figures, waiting, False)
        score = score_of(data, new_place, figures.end[length - 1] if length else 0.0, horizon)
        heat = HOT * (COLD / HOT) ** (((since + step) % cycle) / cycle)
        if score >= current or draw(state, FINE) / FINE < np.exp((score - current) / heat):
            copy_into(batch, new_batch)
            copy_into(place, new_place)
            lengths[0], current = length, score
            served = users_of(new_place)
            if served > most or (served == most and score > best):
                copy_into(best_batch, new_batch)
                copy_into(best_place, new_place)
                lengths[1], best, most = length, score, served
    return most
