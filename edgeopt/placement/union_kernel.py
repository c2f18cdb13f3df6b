"""The compiled search for the dearest set of models that a node can store, some of them stored or left out already."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel

FREE, STORED, LEFT_OUT = 0, 1, 2
NEW, INSIDE, OUTSIDE = 0, 1, 2  # what was tried with the model at a depth
PRICE_STEPS = 25  # of the golden section for the price of a byte
GOLDEN = 0.381966

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class Union(NamedTuple):
    """A node's models and shared blocks: own bytes, blocks of each model, models of each block, bytes, and storage.

    Blocks that fewer models share come first.
    """

    own: Integers
    block_start: Integers
    blocks: Integers
    model_start: Integers
    models: Integers
    size: Integers
    storage: int


class UnionSearch(NamedTuple):
    """Arrays of the search: fates and order come in, the dearest set goes out, the rest is room."""

    fate: Integers
    order: Integers
    best: NDArray[np.bool_]
    holders: Integers
    left: Floats
    tried: Integers


def make_search(union: Union) -> UnionSearch:
    """Return the arrays for a search of a node."""
    models, blocks = len(union.own), len(union.size)
    return UnionSearch(
        np.zeros(models, np.int64),
        np.zeros(models + 1, np.int64),
        np.zeros(models, np.bool_),
        np.zeros(blocks, np.int64),
        np.zeros(models),
        np.zeros(models + 1, np.int64),
    )


@inner_kernel
def bytes_to_add(union: Union, search: UnionSearch, model: int) -> int:
    """Return the bytes that the model takes beside what is stored."""
    added = union.own[model]
    for entry in range(union.block_start[model], union.block_start[model + 1]):
        if search.holders[union.blocks[entry]] == 0:
            added += union.size[union.blocks[entry]]
    return added


@inner_kernel
def store(union: Union, search: UnionSearch, model: int, step: int) -> None:
    """Store a model (step 1), or take it away again (step -1)."""
    search.fate[model] = STORED if step > 0 else FREE
    for entry in range(union.block_start[model], union.block_start[model + 1]):
        search.holders[union.blocks[entry]] += step


@inner_kernel
def most_to_gain(union: Union, search: UnionSearch, prices: Floats, byte_price: float, room: int) -> float:
    """Bound what free models add in so much room, at any price of a byte.

    What each model is worth beyond its own bytes pays for the blocks that are not stored, each of them once.
    """
    gain = byte_price * room
    for model in range(len(prices)):
        search.left[model] = 0.0
        if search.fate[model] == FREE and prices[model] > byte_price * union.own[model]:
            search.left[model] = prices[model] - byte_price * union.own[model]
            gain += search.left[model]
    for block in range(len(union.size)):
        if search.holders[block] > 0:
            continue
        owed = byte_price * union.size[block]
        for entry in range(union.model_start[block], union.model_start[block + 1]):
            model = union.models[entry]
            if search.left[model] >= owed:
                search.left[model] -= owed
                gain -= owed
                break
            owed -= search.left[model]
            gain -= search.left[model]
            search.left[model] = 0.0
    return gain


@inner_kernel
def price_of_a_byte(union: Union, search: UnionSearch, prices: Floats, room: int) -> float:
    """Look for the price at which the bound is lowest."""
    low, high = 0.0, 0.0
    for model in range(len(prices)):
        if search.fate[model] == FREE:
            high = max(high, 3.0 * prices[model] / max(1, bytes_to_add(union, search, model)))
    for _ in range(PRICE_STEPS):
        lower, upper = low + GOLDEN * (high - low), high - GOLDEN * (high - low)
        if most_to_gain(union, search, prices, lower, room) < most_to_gain(union, search, prices, upper, room):
            high = upper
        else:
            low = lower
    return (low + high) / 2


@kernel
def dearest(union: Union, search: UnionSearch, prices: Floats, rise: float, most_steps: int) -> float:
    """Find the dearest set that fits, by depth-first search, and bound what it is worth.

    Parameters
    ----------
    union : Union
    search : UnionSearch
        Its fates say which models are stored or left out; models without a price must be one of both. Its order has
        the free ones first. In the end its best set is the dearest that was found.
    prices : numpy.ndarray, shape (models,)
    rise : float
        A set is better when it is worth so much more.
    most_steps : int
        After so many the search ends.

    Returns
    -------
    float
        The worth of the best set; at the limit a bound on it; -1.0 where what is stored does not fit.
    """
    used, value, free = 0, 0.0, 0
    search.holders[:] = 0
    for model in range(len(prices)):
        if search.fate[model] == STORED:
            used += bytes_to_add(union, search, model)
            store(union, search, model, 1)
            value += prices[model]
        elif search.fate[model] == FREE:
            free += 1
        search.best[model] = search.fate[model] == STORED
    if used > union.storage:
        return -1.0
    best = value
    byte_price = price_of_a_byte(union, search, prices, union.storage - used)
    bound = value + most_to_gain(union, search, prices, byte_price, union.storage - used)
    depth, steps = 0, 0
    search.tried[0] = NEW
    while depth >= 0:
        model = search.order[depth]
        if depth == free or search.tried[depth] == OUTSIDE:
            if depth < free:
                search.fate[model] = FREE
            depth -= 1
            continue
        if search.tried[depth] == NEW:
            steps += 1
            if steps > most_steps:
                return max(best, bound)
            if value + most_to_gain(union, search, prices, byte_price, union.storage - used) < best + rise:
                depth -= 1
                continue
            added = bytes_to_add(union, search, model)
            if used + added <= union.storage:
                used += added
                value += prices[model]
                store(union, search, model, 1)
                if value >= best + rise:
                    best = value
                    for other in range(len(prices)):
                        search.best[other] = search.fate[other] == STORED
                search.tried[depth] = INSIDE
                depth += 1
                search.tried[depth] = NEW
                continue
        else:
            store(union, search, model, -1)
            used -= bytes_to_add(union, search, model)
            value -= prices[model]
        search.fate[model] = LEFT_OUT
        search.tried[depth] = OUTSIDE
        depth += 1
        search.tried[depth] = NEW
    return best
