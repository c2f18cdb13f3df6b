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

NOWHERE = -1


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
    by : numpy.ndarray of int64
        The transition by which the best comes here.
    """

    left: Floats
    on: Floats
    entered: Floats
    left_began: Integers
    on_began: Integers
    by: Integers


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


@inner_kernel
def worth_of_stays(
    kind: int,
    begin: int,
    end: int,
    models: Models,
    moments: Moments,
    offers: Offers,
    chain: Chain,
    place: Integers,
    worth: Floats,
) -> None:
    """Set what the best batches of a kind's models are worth in stays from a point of the grid to each later one."""
    for point in range(end - begin + 1):
        worth[point] = 0.0
    for model in range(len(models.kind)):
        if models.kind[model] != kind:
            continue
        # A batch may begin in the step before the point to which a stay's begin is rounded.
        low, high = bounds_of(model, begin - 1, end - models.length[model], moments, place)
        if low == high:
            continue
        best_batches(low, high, models.apart[model], moments, offers, chain)
        last = 0.0
        for here in range(low, high):
            if chain.best[here - low] > last:
                worth[max(0, moments.step[here] + models.length[model] - begin)] += chain.best[here - low] - last
                last = chain.best[here - low]
    for point in range(1, end - begin + 1):
        worth[point] += worth[point - 1]


@kernel(allocates=True)
def best_stays(
    prices: Prices,
    again: Floats,
    longest: int,
    cut: int,
    models: Models,
    states: States,
    moments: Moments,
    offers: Offers,
    walk: Walk,
    chain: Chain,
) -> tuple[float, int, int]:
    """Return what the best walk is worth, and where and in which state its last stay ends.

    A stay takes at most `longest` steps, and may go on as another one after `cut` of them; then the blocks of one model
    alone, which it may find on the GPU, cost up to ``again[state]``."""
    steps = prices.steps
    number, kinds = steps.shape[1] - 1, steps.shape[0]
    worth, begun, first = np.empty((kinds, longest + 1)), np.zeros(kinds, np.int64), moments.first.copy()
    walk.left[:, :], walk.entered[:, :], walk.on[:, :] = -np.inf, -np.inf, -np.inf
    walk.entered[0, 0], walk.by[0, 0] = 0.0, NOWHERE
    most, last, final = 0.0, 0, 0
    for begin in range(number + 1):
        end = min(number, begin + longest)
        for place in range(len(states.order)):
            state = states.order[place]
            come_to(begin, state, states, walk)
            reached, resumed = walk.entered[begin, state], walk.on[begin, state] + again[state]
            if reached == -np.inf and resumed == -np.inf:
                continue
            for kind in range(kinds):
                if states.runs[state, kind] and begun[kind] <= begin:
                    worth_of_stays(kind, begin, end, models, moments, offers, chain, first, worth[kind])
                    begun[kind] = begin + 1
            began = begin
            if resumed > reached:
                reached, began = resumed, -1 - begin
            paid = 0.0
            for point in range(begin, end + 1):
                total, price = reached + paid, 0.0
                for kind in range(kinds):
                    if states.runs[state, kind]:
                        total += worth[kind, point - begin]
                        if point < number:
                            price = max(price, steps[kind, point + 1] - steps[kind, point])
                paid += price
                if total > walk.left[point, state]:
                    walk.left[point, state], walk.left_began[point, state] = total, began
                    if total > most:
                        most, last, final = total, point, state
                if point - begin >= cut and total > walk.on[point, state]:
                    walk.on[point, state], walk.on_began[point, state] = total, began
    return most, last, final


@inner_kernel(allocates=True)
def follow_stay(
    begin: int,
    end: int,
    state: int,
    prices: Prices,
    windows: Windows,
    models: Models,
    states: States,
    moments: Moments,
    offers: Offers,
    chain: Chain,
    balance: Balance,
) -> None:
    """Add what a stay gives and what its best batches take, by kinds and steps, and how often users are served."""
    for step in range(begin, end):
        most, chosen = 0.0, -1
        for kind in range(len(prices.steps)):
            price = prices.steps[kind, step + 1] - prices.steps[kind, step]
            if states.runs[state, kind] and price > most:
                most, chosen = price, kind
        if chosen >= 0:
            balance.given[chosen, step] += 1
    place = moments.first.copy()
    for model in range(len(models.kind)):
        if not states.runs[state, models.kind[model]]:
            continue
        low, high = bounds_of(model, begin - 1, end - models.length[model], moments, place)
        if low == high:
            continue
        best_batches(low, high, models.apart[model], moments, offers, chain)
        here = chain.at[high - 1 - low]
        while here != NOWHERE:
            before = chain.before[here - low]
            serve(model, here, before, windows, models, prices, moments, balance.taken, balance.served)
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
    balance: Balance,
) -> None:
    """Set what the walk does that ends a stay at a point of the grid in a state."""
    balance.given[:, :], balance.taken[:, :], balance.served[:] = 0.0, 0.0, 0.0
    point, state, began = last, final, walk.left_began[last, final]
    while True:
        begin = began if began >= 0 else -1 - began
        follow_stay(begin, point, state, prices, windows, models, states, moments, offers, chain, balance)
        point = begin
        if began < 0:
            began = walk.on_began[point, state]
            continue
        arrived = False
        while not arrived:
            index = walk.by[point, state]
            if index == NOWHERE:
                return
            source, before = states.source[index], point - states.steps[index]
            arrived = walk.left[before, source] >= walk.entered[before, source]
            point, state = before, source
        began = walk.left_began[point, state]
