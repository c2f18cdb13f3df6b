"""The compiled tabu search over placements: add a model, swap two on a node, drop one; restart when idle."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import copy_into, inner_kernel, kernel

# A model that came in stays for some iterations, one that was dropped stays out for longer; both drawn up to twice.
STAY_IN, STAY_OUT = 3, 8
IDLE = 500  # iterations without a new local best after which the search restarts from a shaken solution
SHAKE = (0.1, 0.6)  # least and largest fraction of the models that a shake drops
FORBIDDEN = (10, 60)  # iterations for which half of the models dropped by a shake stay out
SAMPLED_NODES = 8  # nodes looked at in an iteration
SHAKEN_NODES = 4

VALUE, LOCAL_BEST, BEST = 0, 1, 2
ITERATION, LAST_GAIN = 0, 1

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]


class Sites(NamedTuple):
    """The problem: atoms of each model, models of each atom, groups of demand by model, nodes."""

    atom_start: NDArray[np.int32]
    atoms: NDArray[np.int32]
    model_start: NDArray[np.int32]
    models: NDArray[np.int32]
    atom_bytes: Integers
    storage: Integers
    useful: Bools
    group_start: Integers
    group_weight: Floats
    reach: Bools
    least_rise: float


class TabuState(NamedTuple):
    """The state of a tabu search.

    For (node, model): whether it is placed, the bytes that placing it adds (absent) or that dropping it frees (placed),
    the weight that placing it gains or dropping it loses, and until when it may not change. For (node, atom): how
    many placed models hold it and the sum of their numbers, which is the holder's when there is one.
    """

    placed: Bools
    change_bytes: Integers
    change_value: Floats
    fixed_until: Integers
    holders: Integers
    holder_sum: Integers
    used: Integers
    covered: Integers
    values: Floats
    clock: Integers
    random: NDArray[np.uint64]
    local_best: Bools
    best: Bools
    overlap: Integers


class Move(NamedTuple):
    """The best move so far: its value, how many moves have it, and the models to add and to drop, -1 for none."""

    value: float
    ties: int
    added: int
    dropped: int


def make_state(sites: Sites, seed: int) -> TabuState:
    """Return the state before anything is counted."""
    nodes, models = sites.useful.shape
    atoms = len(sites.atom_bytes)
    return TabuState(
        np.zeros((nodes, models), np.bool_),
        np.zeros((nodes, models), np.int64),
        np.zeros((nodes, models)),
        np.zeros((nodes, models), np.int64),
        np.zeros((nodes, atoms), np.int64),
        np.zeros((nodes, atoms), np.int64),
        np.zeros(nodes, np.int64),
        np.zeros(len(sites.group_weight), np.int64),
        np.zeros(3),
        np.zeros(2, np.int64),
        np.random.default_rng(seed).integers(1, 2**63, 1, dtype=np.uint64),
        np.zeros((nodes, models), np.bool_),
        np.zeros((nodes, models), np.bool_),
        np.zeros(models, np.int64),
    )


@inner_kernel
def uniform(random: NDArray[np.uint64]) -> float:
    """Draw from [0, 1): xorshift64*, Vigna 2016."""
    x = random[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    random[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) / 9007199254740992.0


@inner_kernel
def below(random: NDArray[np.uint64], count: int) -> int:
    """Draw a whole number from 0 to count - 1."""
    return int(uniform(random) * count)


@inner_kernel
def revalue(sites: Sites, state: TabuState, model: int) -> None:
    """Sum what the model gains or loses on each node."""
    for node in range(len(sites.storage)):
        state.change_value[node, model] = 0.0
    for group in range(sites.group_start[model], sites.group_start[model + 1]):
        for node in range(len(sites.storage)):
            if sites.reach[group, node] and state.covered[group] == state.placed[node, model]:
                state.change_value[node, model] += sites.group_weight[group]


@inner_kernel
def toggle(sites: Sites, state: TabuState, node: int, model: int) -> None:
    """Place an absent model on a node, or drop a placed one."""
    step = -1 if state.placed[node, model] else 1
    state.values[VALUE] += step * state.change_value[node, model]
    state.used[node] += step * state.change_bytes[node, model]
    state.placed[node, model] = step > 0
    holders, sums, change = state.holders[node], state.holder_sum[node], state.change_bytes[node]
    for entry in range(sites.atom_start[model], sites.atom_start[model + 1]):
        atom = sites.atoms[entry]
        size = sites.atom_bytes[atom]
        before = holders[atom]
        if step < 0 and before == 2:
            change[sums[atom] - model] += size
        elif step > 0 and before == 1:
            change[sums[atom]] -= size
        holders[atom] += step
        sums[atom] += step * model
        if before == (step < 0):
            for other in range(sites.model_start[atom], sites.model_start[atom + 1]):
                if not state.placed[node, sites.models[other]]:
                    change[sites.models[other]] -= step * size
    recount(sites, state, node, model)
    for group in range(sites.group_start[model], sites.group_start[model + 1]):
        if sites.reach[group, node]:
            state.covered[group] += step
    revalue(sites, state, model)


@inner_kernel
def recount(sites: Sites, state: TabuState, node: int, model: int) -> None:
    """Count the bytes that dropping the placed, or placing the absent model changes."""
    total = 0
    for entry in range(sites.atom_start[model], sites.atom_start[model + 1]):
        if state.holders[node, sites.atoms[entry]] == state.placed[node, model]:
            total += sites.atom_bytes[sites.atoms[entry]]
    state.change_bytes[node, model] = total


@inner_kernel
def common_bytes(sites: Sites, state: TabuState, node: int, model: int) -> None:
    """Sum the bytes that each model has in common with what only the given placed model holds on the node."""
    state.overlap[:] = 0
    for entry in range(sites.atom_start[model], sites.atom_start[model + 1]):
        atom = sites.atoms[entry]
        if state.holders[node, atom] == 1:
            for other in range(sites.model_start[atom], sites.model_start[atom + 1]):
                state.overlap[sites.models[other]] += sites.atom_bytes[atom]


@inner_kernel
def best_move(sites: Sites, state: TabuState, node: int, most: float, ties: int) -> Move:
    """Find the move of most value on a node; ties are broken at random.

    Parameters
    ----------
    most, ties
        Value of the best move on other nodes, and how many moves have it.

    Returns
    -------
    Move
        Nothing is added or dropped when the node has no better move.
    """
    iteration, value = state.clock[ITERATION], state.values[VALUE]
    needed = state.values[LOCAL_BEST] + sites.least_rise - value  # what a move must gain to break a prohibition
    free = sites.storage[node] - state.used[node]
    gain, size, fixed = state.change_value[node], state.change_bytes[node], state.fixed_until[node]
    placed, useful = state.placed[node], sites.useful[node]
    added, dropped, largest = -1, -1, 0.0
    for model in range(len(gain)):
        if placed[model] or not useful[model] or gain[model] <= 0:
            continue
        largest = max(largest, gain[model])
        if size[model] <= free and gain[model] >= most and (fixed[model] <= iteration or gain[model] >= needed):
            ties = 1 if gain[model] > most else ties + 1
            most = gain[model]
            if ties == 1 or uniform(state.random) * ties < 1:
                added, dropped = model, -1
    for old in range(len(gain)):
        if not placed[old] or largest - gain[old] < most:
            continue
        if fixed[old] > iteration and largest - gain[old] < needed:
            continue
        common_bytes(sites, state, node, old)
        room = free + size[old]
        for model in range(len(gain)):
            if placed[model] or not useful[model] or gain[model] <= 0:
                continue
            rise = gain[model] - gain[old]
            if rise < most or size[model] + state.overlap[model] > room:
                continue
            if (fixed[model] > iteration or fixed[old] > iteration) and rise < needed:
                continue
            ties = 1 if rise > most else ties + 1
            most = rise
            if ties == 1 or uniform(state.random) * ties < 1:
                added, dropped = model, old
    for old in range(len(gain)):
        if placed[old] and fixed[old] <= iteration and -gain[old] >= most:
            ties = 1 if -gain[old] > most else ties + 1
            most = -gain[old]
            if ties == 1 or uniform(state.random) * ties < 1:
                added, dropped = -1, old
    return Move(most, ties, added, dropped)


@inner_kernel
def restore(sites: Sites, state: TabuState, placed: Bools) -> None:
    """Make the given placement the current one."""
    for node in range(placed.shape[0]):
        for model in range(placed.shape[1]):
            if state.placed[node, model] != placed[node, model]:
                toggle(sites, state, node, model)


@inner_kernel
def shake(sites: Sites, state: TabuState) -> None:
    """Drop some models of the best or the local best placement, and keep half of them away for a while."""
    restore(sites, state, state.best if uniform(state.random) < 0.5 else state.local_best)
    state.fixed_until[:] = 0
    nodes = len(sites.storage)
    fraction = SHAKE[0] + uniform(state.random) * (SHAKE[1] - SHAKE[0])
    for _ in range(1 + below(state.random, min(nodes, SHAKEN_NODES))):
        node = below(state.random, nodes)
        for model in range(state.placed.shape[1]):
            if state.placed[node, model] and uniform(state.random) < fraction:
                toggle(sites, state, node, model)
                if uniform(state.random) < 0.5:
                    pause = FORBIDDEN[0] + below(state.random, FORBIDDEN[1] - FORBIDDEN[0])
                    state.fixed_until[node, model] = state.clock[ITERATION] + pause
    note_local_best(state)


@inner_kernel
def copy_placement(target: Bools, source: Bools) -> None:
    """Copy a placement."""
    for node in range(len(source)):
        copy_into(target[node], source[node])


@inner_kernel
def note_local_best(state: TabuState) -> None:
    """Make the current placement the local best."""
    state.values[LOCAL_BEST] = state.values[VALUE]
    copy_placement(state.local_best, state.placed)
    state.clock[LAST_GAIN] = state.clock[ITERATION]


@kernel(nogil=True)
def run(sites: Sites, state: TabuState, iterations: int, target: float) -> bool:
    """Search for so many iterations or until the best value reaches the target; say whether it did."""
    nodes = len(sites.storage)
    for _ in range(iterations):
        if state.values[BEST] >= target:
            return True
        state.clock[ITERATION] += 1
        iteration = state.clock[ITERATION]
        nothing: Any = np.int64(-1)  # the literal -1 would be a type of its own to compile for
        ties: Any = np.int64(0)
        most, where, added, dropped = -np.inf, nothing, nothing, nothing
        for number in range(min(nodes, SAMPLED_NODES)):
            node = number if nodes <= SAMPLED_NODES else below(state.random, nodes)
            move = best_move(sites, state, node, most, ties)
            most, ties = move.value, move.ties
            if move.added >= 0 or move.dropped >= 0:
                where, added, dropped = node, move.added, move.dropped
        if dropped >= 0:
            toggle(sites, state, where, dropped)
            state.fixed_until[where, dropped] = iteration + STAY_OUT + below(state.random, STAY_OUT + 1)
        if added >= 0:
            toggle(sites, state, where, added)
            state.fixed_until[where, added] = iteration + STAY_IN + below(state.random, STAY_IN + 1)
        if state.values[VALUE] >= state.values[LOCAL_BEST] + sites.least_rise:
            note_local_best(state)
            if state.values[VALUE] >= state.values[BEST] + sites.least_rise:
                state.values[BEST] = state.values[VALUE]
                copy_placement(state.best, state.placed)
        elif iteration - state.clock[LAST_GAIN] > IDLE:
            shake(sites, state)
    return state.values[BEST] >= target
