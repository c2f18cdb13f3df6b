"""Compiled kernels of the bound by stays: the best walk whose stays hold the best batches, at some prices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel
from edgeopt.loading.streams.offer_kernels import Chain, Moments, Offers, Prices, best_batches, serve
from edgeopt.loading.streams.steps import Models, States, Windows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NOWHERE, NO_STAY, FROM_START = -1, 1 << 62, 1 << 61


class Balance(NamedTuple):
    """What a walk and its batches do.

    Attributes
    ----------
    given, taken : numpy.ndarray, shape (kinds, steps)
        Steps that the stays give to the models of a kind, and that their batches take.
    served : numpy.ndarray, shape (users,)
        How often batches serve them.
    """

    given: Floats
    taken: Floats
    served: Floats


class Walk(NamedTuple):
    """Room for the best walks, by points of the grid and states.

    Attributes
    ----------
    left, on, entered : numpy.ndarray
        The best that ends a stay here; that ends one which may go on as another; and that comes here.
    left_began, on_began : numpy.ndarray of int64
        Where that stay began; if it went on from another one, minus one minus that.
    by, after : numpy.ndarray of int64
        The transition by which the best comes here, and where the stay began that ended before it, as of `left_began`;
        `NO_STAY` if the walk did not stay there, `FROM_START` if it began there. (A
        better stay may end there later, at the same point of the grid.)
    """

    left: Floats
    on: Floats
    entered: Floats
    left_began: Integers
    on_began: Integers
    by: Integers
    after: Integers


@inner_kernel
def come_to(point: int, state: int, states: States, walk: Walk) -> None:
    """Find the best way to come to a state at a point of the grid."""
    for index in range(states.into[state], states.into[state + 1]):
        before = point - states.steps[index]
        if before < 0:
            continue
        source = states.source[index]
        reached = max(walk.left[before, source], walk.entered[before, source])
        if reached > walk.entered[point, state]:
            walk.entered[point, state], walk.by[point, state] = reached, index
            if walk.left[before, source] >= walk.entered[before, source]:
                walk.after[point, state] = walk.left_began[before, source]
            else:
                walk.after[point, state] = FROM_START if walk.by[before, source] == NOWHERE else NO_STAY


@inner_kernel
def bounds_of(model: int, early: int, until: int, moments: Moments, place: Integers) -> tuple[int, int]:
    """Return the moments of a model from step `early` to `until`; ``place[model]`` is where the last search ended."""
    low, end = place[model], moments.first[model + 1]
    while low < end and moments.step[low] < early:
        low += 1
    place[model] = low
    high = low
    while high < end and moments.step[high] <= until:
        high += 1
    return low, high


@kernel
def fill_state_prices(prices: Prices, states: States, state_prices: Floats) -> None:
    """Set the highest price of each step among the kinds that a state runs; that of step i stands at i + 1."""
    state_prices[:, :] = 0.0
    for state in range(len(states.order)):
        for kind in range(len(prices.steps)):
            if states.runs[state, kind]:
                for step in range(prices.steps.shape[1] - 1):
                    price = prices.steps[kind, step + 1] - prices.steps[kind, step]
                    state_prices[state, step + 1] = max(state_prices[state, step + 1], price)


@inner_kernel
def price_stays(
    begin: int, end: int, state: int, prices: Prices, states: States, worths: Floats, price: Floats, room: Floats
) -> None:
    """Set what stays in a state are worth from a point of the grid to each later one: the least at any level.

    It stands in ``room[1]``; in ``worths[level, kind]`` is what the best batches are worth."""
    paid, points = 0.0, end - begin + 1
    around = max(price[begin], price[begin + 1])
    for point in range(points):
        room[0, point] = paid + prices.slack * max(around, price[begin + point], price[begin + point + 1])
        paid += price[begin + point + 1]
    for level in range(len(prices.levels)):
        line = room[1] if level == 0 else room[2]
        for point in range(points):
            line[point] = prices.levels[level] * room[0, point]
        for kind in range(len(prices.steps)):
            if states.runs[state, kind]:
                for point in range(points):
                    line[point] += worths[level, kind, point]
        if level > 0:
            for point in range(points):
                room[1, point] = min(room[1, point], line[point])


@kernel
def best_stays(
    low: int,
    high: int,
    longest: int,
    cut: int,
    best: tuple[float, int, int],
    prices: Prices,
    states: States,
    again: Floats,
    worths: Floats,
    state_prices: Floats,
    room: Floats,
    walk: Walk,
) -> tuple[float, int, int]:
    """Continue the best walks by stays that begin at points `low` to ``high - 1``.

    Return what the best walk is worth, and where and in which state its last stay ends. A stay takes at most `longest`
    steps, and may go on as another one after `cut` of them; then the blocks of one model alone, which it may find on
    the GPU, cost up to ``again[state]``."""
    number = prices.steps.shape[1] - 1
    most, last, final = best
    if low == 0:
        walk.left[:, :], walk.entered[:, :], walk.on[:, :] = -np.inf, -np.inf, -np.inf
        walk.entered[0, 0], walk.by[0, 0] = 0.0, NOWHERE
    for begin in range(low, high):
        for place in range(len(states.order)):
            state = states.order[place]
            come_to(begin, state, states, walk)
            reached, resumed = walk.entered[begin, state], walk.on[begin, state] + again[state]
            if reached == -np.inf and resumed == -np.inf:
                continue
            began = begin
            if resumed > reached:
                reached, began = resumed, -1 - begin
            end = min(number, begin + longest)
            price_stays(begin, end, state, prices, states, worths[:, :, begin - low], state_prices[state], room)
            for point in range(begin, end + 1):
                total = reached + room[1, point - begin]
                if total > walk.left[point, state]:
                    walk.left[point, state], walk.left_began[point, state] = total, began
                    if total > most:
                        most, last, final = total, point, state
                if point - begin >= cut and total > walk.on[point, state]:
                    walk.on[point, state], walk.on_began[point, state] = total, began
    return most, last, final


@inner_kernel
def give(state: int, step: int, weight: float, prices: Prices, states: States, given: Floats) -> None:
    """Note with a weight that a stay gives a step, to the kind that pays most for it."""
    if not 0 <= step < prices.steps.shape[1] - 1:
        return
    most, chosen = 0.0, -1
    for kind in range(len(prices.steps)):
        price = prices.steps[kind, step + 1] - prices.steps[kind, step]
        if states.runs[state, kind] and price > most:
            most, chosen = price, kind
    if chosen >= 0:
        given[chosen, step] += weight


@inner_kernel(allocates=True)
def follow_stay(
    begin: int,
    end: int,
    state: int,
    price: Floats,
    prices: Prices,
    windows: Windows,
    models: Models,
    states: States,
    moments: Moments,
    offers: Offers,
    chain: Chain,
    balance: Balance,
) -> None:
    """Add what a stay gives and what its best batches take, by kinds and steps, and how often users are served.

    The prices of the state in each step are as in `fill_state_prices`."""
    dearest = begin
    for step in (begin - 1, end - 1, end):
        if price[step + 1] > price[dearest + 1]:
            dearest = step
    cost = prices.slack * price[dearest + 1] + price[begin + 1 : end + 1].sum()
    least, chosen = np.inf, 0
    for level in range(len(prices.levels)):
        worth = prices.levels[level] * cost
        place = moments.first.copy()
        for model in range(len(models.kind)):
            low, high = bounds_of(model, begin - 1, end - models.length[model], moments, place)
            if states.runs[state, models.kind[model]] and low < high:
                best_batches(low, high, level, prices, moments, offers, chain)
                worth += chain.best[high - 1 - low]
        if worth < least:
            least, chosen = worth, level
    give(state, dearest, prices.slack * prices.levels[chosen], prices, states, balance.given)
    for step in range(begin, end):
        give(state, step, prices.levels[chosen], prices, states, balance.given)
    place = moments.first.copy()
    for model in range(len(models.kind)):
        low, high = bounds_of(model, begin - 1, end - models.length[model], moments, place)
        if not states.runs[state, models.kind[model]] or low == high:
            continue
        best_batches(low, high, chosen, prices, moments, offers, chain)
        here = chain.at[high - 1 - low]
        while here != NOWHERE:
            before = chain.before[here - low]
            serve(model, here, before, chosen, windows, models, prices, moments, balance.taken, balance.served)
            here = before


@kernel(allocates=True)
def follow(
    last: int,
    final: int,
    prices: Prices,
    windows: Windows,
    models: Models,
    states: States,
    moments: Moments,
    offers: Offers,
    walk: Walk,
    chain: Chain,
    state_prices: Floats,
    balance: Balance,
) -> None:
    """Set what the walk does that ends a stay at a point of the grid in a state."""
    balance.given[:, :], balance.taken[:, :], balance.served[:] = 0.0, 0.0, 0.0
    point, state, began = last, final, walk.left_began[last, final]
    while True:
        begin = began if began >= 0 else -1 - began
        rooms = windows, models, states, moments, offers, chain, balance
        follow_stay(begin, point, state, state_prices[state], prices, *rooms)
        point = begin
        if began < 0:
            began = walk.on_began[point, state]
            continue
        began = NO_STAY
        while began == NO_STAY:
            index, began = walk.by[point, state], walk.after[point, state]
            if index == NOWHERE or began == FROM_START:
                return
            point, state = point - states.steps[index], states.source[index]
