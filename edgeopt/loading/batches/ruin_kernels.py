"""Compiled kernel of the local search for individual deadlines, in any mode: lines of batches, ruined and recreated.

Ruin and recreate (Schrimpf et al., Journal of Computational Physics 159, 2000), accepted by simulated annealing.
Batches that are needed more than once, batches below capacity, and urgent users that are better left out need no moves
of their own: they come and go with the users.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import first_largest, inner_kernel, kernel, sort_stably
from edgeopt.loading.batches.line_kernels import (
    Floats,
    Integers,
    Line,
    Users,
    copy_line,
    rebuild,
    served,
    shift,
)
from edgeopt.loading.batches.place_kernels import Figures, Scratch, end_of, fill, measure
from edgeopt.loading.batches.timing_kernels import Timing
from edgeopt.loading.orders.search_kernels import draw

FINE = 2**20
KINDS = 8  # of ruin
LONGEST_STRETCH = 3  # neighbouring batches that an iteration removes
MOST_REMOVED = 10  # users that an iteration removes one by one
TIME_PRICE = 0.5  # in users, for the time that a user takes on average
HOT, COLD = 0.8, 0.05  # users by which a line may be worse with probability 1/e, at the beginning and end of a cycle


class Cycle(NamedTuple):
    """Where a search stands in a cycle of temperatures, and for whom it tries to find a place.

    Iterations since the beginning of the cycle, its length, and how many users are tried in an iteration beside those
    it has removed.
    """

    since: int
    length: int
    tried: int


class Trials(NamedTuple):
    """Room for users to be tried: who waits, their keys, their order, and for sorting; shape (users + 1,) each."""

    waiting: Integers
    key: Floats
    order: Integers
    other: Integers


def new_trials(users: int) -> Trials:
    """Return room for so many users."""
    size = users + 1
    return Trials(np.zeros(size, np.int64), np.zeros(size), np.zeros(size, np.int64), np.zeros(size, np.int64))


@inner_kernel
def ruin(
    users: Users,
    line: Line,
    timing: Timing,
    radio: Floats | None,
    scratch: Scratch | None,
    state: NDArray[np.uint64],
    to: Integers,
) -> None:
    """Stop serving some users: of some batches, of a model, of neighbouring deadlines, any; or move a batch.

    Where users are cheap to insert, more of them are removed and batches stay where they are. `to` is room for
    `rebuild`.
    """
    cheap = not (timing.keeps or timing.overlapped)
    number, length = len(line.place), line.length[0]
    if length == 0:
        return
    kind = draw(state, KINDS)
    if kind < 3 or (kind == 5 and not cheap):
        first = draw(state, length)
        share = 2 + draw(state, 3) if cheap else 2 + 2 * draw(state, 2)  # of four
        behind = first + 1 + (draw(state, LONGEST_STRETCH) if cheap or share == 4 else 0)
        for user in range(number):
            if first <= line.place[user] < behind and draw(state, 4) < share:
                line.place[user] = -1
    elif kind < 5:
        for _ in range(1 + draw(state, MOST_REMOVED)):
            line.place[draw(state, number)] = -1
    elif not cheap:
        if radio is not None or scratch is not None:
            move_batch(line, timing, scratch, state)
        line.place[draw(state, number)] = -1
    elif kind == 5:
        model = users.model[draw(state, number)]
        for user in range(number):
            if users.model[user] == model:
                line.place[user] = -1
    else:
        centre = users.due[draw(state, number)]
        width = centre * (1 + draw(state, 16)) / 64
        for user in range(number):
            if abs(users.due[user] - centre) <= width and draw(state, 2):
                line.place[user] = -1
    rebuild(users, line, to)


@inner_kernel
def move_batch(line: Line, timing: Timing, scratch: Scratch | None, state: NDArray[np.uint64]) -> None:
    """Move a batch to another position, unless a batch is late then."""
    source, target = draw(state, line.length[0]), draw(state, line.length[0])
    shift(line, source, target)
    if end_of(line, timing, scratch) == np.inf:
        shift(line, target, source)


@inner_kernel
def turn(
    users: Users,
    before: Line,
    line: Line,
    largest: tuple[float, float],
    cycle: Cycle,
    state: NDArray[np.uint64],
    shares: Floats | None,
    trials: Trials,
) -> int:
    """Put users to be tried into `trials.order`, in a drawn order, and return their number.

    The order is at random, by deadline, upload or both, or by models. They are all who were removed just now, and the
    first of the others. `largest` are the longest upload and the latest deadline. With weights in `shares` heavy users
    come earlier, unless the order is by deadline or by models.
    """
    (longest, latest), tried, models = largest, cycle.tried, len(users.capacity)
    waiting, key, order = trials.waiting, trials.key, trials.order
    kind, shifted = draw(state, 8), draw(state, models)
    if tried < len(line.place):  # insertions are dear: at random, by upload or by both
        kind = (0, 4, 5)[kind % 3]
    number = 0
    for user in range(len(line.place)):
        if line.place[user] < 0:
            waiting[number] = user
            noise = draw(state, FINE) / FINE
            if kind < 3:
                key[number] = noise
            elif kind == 3:
                key[number] = users.due[user] / latest + 0.2 * noise
            elif kind == 4:
                key[number] = users.upload[user] / longest + 0.2 * noise
            elif kind == 5:
                key[number] = users.upload[user] / longest + users.due[user] / latest + 0.3 * noise
            else:
                key[number] = (users.model[user] + shifted) % models + 0.9 * noise
            if shares is not None and kind != 3 and kind < 6:
                key[number] /= shares[user]
            number += 1
    sort_stably(key, number, order, trials.other)
    kept, others = 0, 0
    for index in range(number):
        user = waiting[order[index]]
        other = before.place[user] < 0
        if not other or others < tried:
            order[kept] = user
            kept += 1
            others += other
    return kept


@inner_kernel
def value(line: Line, shares: Floats | None) -> float:
    """Return the number of users served, or what their weights in `shares` add up to."""
    if shares is None:
        total: float = served(line)
    else:
        total = 0.0
        for user in range(len(line.place)):
            if line.place[user] >= 0:
                total += shares[user]
    return total


@inner_kernel
def score(
    line: Line, figures: Figures, scratch: Scratch | None, horizon: float, timing: Timing, shares: Floats | None
) -> float:
    """Return the value of the users served, and a little for the time that is left."""
    number = value(line, shares)
    if scratch is None:
        return number + TIME_PRICE * (1.0 - figures.clock[line.length[0]] / horizon)
    return number + TIME_PRICE * (1.0 - end_of(line, timing, scratch) / horizon)


@kernel
def search(
    steps: int,
    cycle: Cycle,
    users: Users,
    line: Line,
    best: Line,
    timing: Timing,
    state: NDArray[np.uint64],
    other: Line,
    figures: Figures,
    radio: Floats | None,
    scratch: Scratch | None,
    shares: Floats | None,
    trials: Trials,
) -> None:
    """Ruin and recreate a line again and again, and keep the best; `shares` are weights, or None where all count 1."""
    horizon = users.due[first_largest(users.due)] + 1e-300
    largest = users.upload[first_largest(users.upload)] + 1e-300, horizon
    if scratch is None:
        measure(best, timing, figures, radio)
    best_score = score(best, figures, scratch, horizon, timing, shares)
    if scratch is None:
        measure(line, timing, figures, radio)
    current = score(line, figures, scratch, horizon, timing, shares)
    most = value(best, shares)
    for step in range(steps):
        copy_line(line, other)
        ruin(users, other, timing, radio, scratch, state, trials.order)
        tried = turn(users, line, other, largest, cycle, state, shares, trials)
        fill(trials.order, tried, users, other, figures, radio, scratch, timing)
        now = score(other, figures, scratch, horizon, timing, shares)
        heat = HOT * (COLD / HOT) ** (((cycle.since + step) % cycle.length) / cycle.length)
        if now >= current or draw(state, FINE) / FINE < np.exp((now - current) / heat):
            current = now
            copy_line(other, line)
            value_now = value(other, shares)
            if value_now > most or (value_now == most and now > best_score):
                best_score, most = now, value_now
                copy_line(other, best)
