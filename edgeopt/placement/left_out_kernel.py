"""The compiled tabu search over the elements that a set-union knapsack leaves out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import copy_into, inner_kernel, kernel
from edgeopt.placement.tabu_kernel import below, uniform

# An element that was left out stays out, and one that was taken back stays in, for some iterations; drawn up to twice.
STAY_OUT, STAY_IN = 3, 6
IDLE = 500  # iterations without a new local best after which the search restarts
TAKEN_BACK = (0.2, 0.8)  # least and largest fraction of the left-out elements that a restart takes back
CANDIDATES = 3  # elements among which the next one to leave out is chosen in a restart

VALUE, LOCAL_BEST, BEST = 0, 1, 2
ITERATION, LAST_GAIN = 0, 1

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]


class Union(NamedTuple):
    """The problem: elements of each item, items of each element, profits, weights, and the weight to leave out."""

    element_start: NDArray[np.int32]
    elements: NDArray[np.int32]
    item_start: NDArray[np.int32]
    items: NDArray[np.int32]
    profit: Floats
    weight: Integers
    need: int
    least_rise: float


class LeftOutState(NamedTuple):
    """The state of the search.

    For each element: whether it is left out; the profit of the items that are lost when it is left out too, or that
    are won when it alone is taken back; until when it may not change; and room for a sum. For each item: how many of
    its elements are left out and the sum of their numbers, which is the element's when there is one.
    """

    out: Bools
    change: Floats
    fixed_until: Integers
    overlap: Floats
    missing: Integers
    missing_sum: Integers
    out_weight: Integers
    values: Floats
    clock: Integers
    random: NDArray[np.uint64]
    local_best: Bools
    best: Bools


def make_state(union: Union, seed: int) -> LeftOutState:
    """Return the state that leaves out nothing."""
    elements, items = len(union.weight), len(union.profit)
    state = LeftOutState(
        np.zeros(elements, np.bool_),
        np.zeros(elements),
        np.zeros(elements, np.int64),
        np.zeros(elements),
        np.zeros(items, np.int64),
        np.zeros(items, np.int64),
        np.zeros(1, np.int64),
        np.array([union.profit.sum(), -np.inf, -np.inf]),
        np.zeros(2, np.int64),
        np.random.default_rng(seed).integers(1, 2**63, 1, dtype=np.uint64),
        np.zeros(elements, np.bool_),
        np.zeros(elements, np.bool_),
    )
    np.add.at(state.change, union.elements, np.repeat(union.profit, np.diff(union.element_start)))
    return state


@inner_kernel
def toggle(union: Union, state: LeftOutState, element: int) -> None:
    """Leave out an element, or take it back."""
    step = -1 if state.out[element] else 1
    state.out[element] = step > 0
    state.out_weight[0] += step * union.weight[element]
    state.values[VALUE] -= step * state.change[element]
    for entry in range(union.item_start[element], union.item_start[element + 1]):
        item = union.items[entry]
        profit, before = union.profit[item], state.missing[item]
        if before == (step < 0):  # the item is lost or won
            for other in range(union.element_start[item], union.element_start[item + 1]):
                if union.elements[other] != element:
                    state.change[union.elements[other]] -= step * profit
        elif step > 0 and before == 1:
            state.change[state.missing_sum[item]] -= profit
        elif step < 0 and before == 2:
            state.change[state.missing_sum[item] - element] += profit
        state.missing[item] += step
        state.missing_sum[item] += step * element


@inner_kernel
def lost_again(union: Union, state: LeftOutState, element: int) -> None:
    """Sum, for each element, the profit of the items that taking back the given one wins and that need both."""
    state.overlap[:] = 0.0
    for entry in range(union.item_start[element], union.item_start[element + 1]):
        item = union.items[entry]
        if state.missing[item] == 1:
            for other in range(union.element_start[item], union.element_start[item + 1]):
                state.overlap[union.elements[other]] += union.profit[item]


@inner_kernel
def step(union: Union, state: LeftOutState) -> None:
    """Make the best move that is allowed: take an element back, leave one out, or both; ties are broken at random."""
    iteration = state.clock[ITERATION]
    needed = state.values[LOCAL_BEST] + union.least_rise - state.values[VALUE]
    spare = state.out_weight[0] - union.need
    nothing: Any = np.int64(-1)  # the literal -1 would be a type of its own to compile for
    ties: Any = np.int64(0)
    most, back, left = -np.inf, nothing, nothing
    least = np.inf
    for element in range(len(state.out)):
        if state.out[element]:
            continue
        least = min(least, state.change[element])
        rise = -state.change[element]
        if rise >= most and state.fixed_until[element] <= iteration:
            ties = 1 if rise > most else ties + 1
            most = rise
            if ties == 1 or uniform(state.random) * ties < 1:
                back, left = nothing, np.int64(element)
    for old in range(len(state.out)):
        gain = state.change[old]
        if not state.out[old] or (state.fixed_until[old] > iteration and gain - least < needed):
            continue
        if union.weight[old] <= spare and gain >= most and (state.fixed_until[old] <= iteration or gain >= needed):
            ties = 1 if gain > most else ties + 1
            most = gain
            if ties == 1 or uniform(state.random) * ties < 1:
                back, left = np.int64(old), nothing
        if gain - least < most:
            continue
        lost_again(union, state, old)
        for new in range(len(state.out)):
            rise = gain - state.change[new] - state.overlap[new]
            if state.out[new] or rise < most or union.weight[old] - union.weight[new] > spare:
                continue
            if (state.fixed_until[new] > iteration or state.fixed_until[old] > iteration) and rise < needed:
                continue
            ties = 1 if rise > most else ties + 1
            most = rise
            if ties == 1 or uniform(state.random) * ties < 1:
                back, left = np.int64(old), np.int64(new)
    if left >= 0:
        toggle(union, state, left)
        state.fixed_until[left] = iteration + STAY_OUT + below(state.random, STAY_OUT + 1)
    if back >= 0:
        toggle(union, state, back)
        state.fixed_until[back] = iteration + STAY_IN + below(state.random, STAY_IN + 1)


@inner_kernel
def restart(union: Union, state: LeftOutState) -> None:
    """Take back a part of what the best or the local best leaves out, or all of it, and leave out others instead."""
    drawn = uniform(state.random)
    source = state.best if drawn < 0.5 else state.local_best
    fraction = TAKEN_BACK[0] + uniform(state.random) * (TAKEN_BACK[1] - TAKEN_BACK[0])
    if drawn > 0.9:
        fraction = 1.0
    for element in range(len(state.out)):
        if state.out[element] != (source[element] and uniform(state.random) >= fraction):
            toggle(union, state, element)
    state.fixed_until[:] = 0
    refill(union, state)
    note_local_best(state)


@inner_kernel
def refill(union: Union, state: LeftOutState) -> None:
    """Leave out elements until the rest fits: each the one that loses least for its weight among a few drawn ones."""
    while state.out_weight[0] < union.need:
        chosen, rate = -1, np.inf
        for _ in range(CANDIDATES):
            element = below(state.random, len(state.out))
            if not state.out[element] and state.change[element] < rate * union.weight[element]:
                chosen, rate = element, state.change[element] / union.weight[element]
        if chosen >= 0:
            toggle(union, state, chosen)


@inner_kernel
def note_local_best(state: LeftOutState) -> None:
    """Make the current state the local best."""
    state.values[LOCAL_BEST] = state.values[VALUE]
    copy_into(state.local_best, state.out)
    state.clock[LAST_GAIN] = state.clock[ITERATION]


@kernel(nogil=True)
def run(union: Union, state: LeftOutState, iterations: int, target: float) -> bool:
    """Search for so many iterations or until the best value reaches the target; say whether it did."""
    for _ in range(iterations):
        if state.values[BEST] >= target:
            return True
        state.clock[ITERATION] += 1
        step(union, state)
        if state.values[VALUE] >= state.values[LOCAL_BEST] + union.least_rise:
            note_local_best(state)
            if state.values[VALUE] >= state.values[BEST] + union.least_rise:
                state.values[BEST] = state.values[VALUE]
                copy_into(state.best, state.out)
        elif state.clock[ITERATION] - state.clock[LAST_GAIN] > IDLE:
            restart(union, state)
    return state.values[BEST] >= target
