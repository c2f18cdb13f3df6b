"""Compiled kernels of a line of batches: its times, and the insertion and removal of users.

A line is a pair of arrays: ``batch[p]`` is the model of the batch at position p and ``place[k]`` the position of user
k's batch, -1 for a user who is not served. `Figures` of a line are arrays by position, recomputed from scratch, so that
rounding errors do not add up: models' counts and ends of the batches, and what a delay of all batches up to p - 1 or
from p on may at most be.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Data(NamedTuple):
    """An instance, see `edgeopt.loading.queues.Queues`."""

    model: Integers
    upload: Floats
    due: Floats
    capacity: Integers
    fixed: Floats
    per_sample: Floats
    switch: Floats


class Figures(NamedTuple):
    """Of a line, shape (users + 1,) each.

    Sizes, ends and earliest deadlines of the batches, and the least slacks before and from each position on.
    """

    number: Integers
    end: Floats
    due: Floats
    before: Floats
    after: Floats


@kernel
def new_figures(users: int) -> Figures:
    """Return arrays for the figures of a line."""
    return Figures(
        np.zeros(users + 1, np.int64),
        np.zeros(users + 1),
        np.zeros(users + 1),
        np.zeros(users + 1),
        np.zeros(users + 1),
    )


@kernel
def measure(data: Data, batch: Integers, length: int, place: Integers, figures: Figures) -> float:
    """Compute the figures of a line; return the least slack of all batches (negative: somebody is late)."""
    count, end, due, before, after = figures
    count[:length] = 0
    due[:length] = np.inf
    clock = 0.0
    for user in range(len(place)):
        position = place[user]
        if position >= 0:
            clock += data.upload[user]
            count[position] += 1
            due[position] = min(due[position], data.due[user])
    last, least = len(data.fixed), np.inf
    for position in range(length):
        model = batch[position]
        clock += data.switch[last, model] + data.fixed[model] + data.per_sample[model] * count[position]
        end[position] = clock
        before[position] = least
        least = min(least, due[position] - clock)
        last = model
    before[length] = least
    after[length] = np.inf
    for position in range(length - 1, -1, -1):
        after[position] = min(after[position + 1], due[position] - end[position])
    return least


@kernel
def uploads_end(data: Data, place: Integers) -> float:
    """Seconds that the uploads of all served users take."""
    total = 0.0
    for user in range(len(place)):
        if place[user] >= 0:
            total += data.upload[user]
    return total


@kernel
def best_insertion(
    data: Data, batch: Integers, length: int, figures: Figures, start: float, user: int
) -> tuple[float, int, bool]:
    """Find where a user can be served with the least additional time.

    Returns
    -------
    seconds : float
        Added to the end of the last batch; infinite when the user cannot be served without making anybody late.
    position : int
        Of the batch.
    joins : bool
        Whether that is a batch that is there already.
    """
    count, end, _, before, after = figures
    model, upload, due = data.model[user], data.upload[user], data.due[user]
    sample, visit = data.per_sample[model], data.fixed[model] + data.per_sample[model]
    best, best_position, joins = np.inf, -1, False
    if before[length] < upload:
        return best, best_position, joins
    last, ready = len(data.fixed), start
    for position in range(length + 1):
        if before[position] < upload or ready + upload + visit > due:
            break
        seconds = data.switch[last, model] + visit
        if ready + upload + seconds <= due:
            if position < length:
                following = batch[position]
                seconds += data.switch[model, following] - data.switch[last, following]
            if upload + seconds < best and after[position] >= upload + seconds:
                best, best_position, joins = upload + seconds, position, False
        if position < length:
            if (
                batch[position] == model
                and count[position] < data.capacity[model]
                and upload + sample <= best
                and after[position] >= upload + sample
                and end[position] + upload + sample <= due
            ):
                best, best_position, joins = upload + sample, position, True
            last, ready = batch[position], end[position]
    return best, best_position, joins


@kernel
def insert(batch: Integers, length: int, place: Integers, user: int, model: int, position: int, joins: bool) -> int:
    """Serve a user in the batch at a position, or in a new one there; return the new number of batches."""
    if not joins:
        for p in range(length, position, -1):
            batch[p] = batch[p - 1]
        batch[position] = model
        for other in range(len(place)):
            if place[other] >= position:
                place[other] += 1
        length += 1
    place[user] = position
    return length


@kernel
def drop_empty(batch: Integers, length: int, place: Integers, moved: Integers) -> int:
    """Close the gaps of batches without users; return the new number of batches. `moved` is scratch."""
    moved[:length] = 0
    for user in range(len(place)):
        if place[user] >= 0:
            moved[place[user]] = 1
    kept = 0
    for position in range(length):
        if moved[position]:
            batch[kept] = batch[position]
            moved[position] = kept
            kept += 1
    for user in range(len(place)):
        if place[user] >= 0:
            place[user] = moved[place[user]]
    return kept


@kernel
def fill(
    data: Data, batch: Integers, length: int, place: Integers, figures: Figures, candidates: Integers, cheapest: bool
) -> int:
    """Serve candidates where they cost least time; return the new number of batches.

    Candidates are tried in turn, or (`cheapest`) the one of least additional time is taken again and again.
    """
    measure(data, batch, length, place, figures)
    start = uploads_end(data, place)
    left = len(candidates)
    waiting = candidates.copy()
    while left:
        best, best_at, best_position, best_joins = np.inf, -1, -1, False
        kept = 0
        for index in range(left):
            user = waiting[index]
            seconds, position, joins = best_insertion(data, batch, length, figures, start, user)
            if seconds == np.inf:
                continue  # nor will it fit later: insertions only delay
            if cheapest:
                waiting[kept] = user
                if seconds < best:
                    best, best_at, best_position, best_joins = seconds, kept, position, joins
                kept += 1
            else:
                length = insert(batch, length, place, user, data.model[user], position, joins)
                start += data.upload[user]
                measure(data, batch, length, place, figures)
        if best_at < 0:
            break
        user = waiting[best_at]
        length = insert(batch, length, place, user, data.model[user], best_position, best_joins)
        start += data.upload[user]
        measure(data, batch, length, place, figures)
        waiting[best_at] = waiting[kept - 1]
        left = kept - 1
    return length
