"""The compiled depth-first search of the branch and bound for the set-union knapsack problem.

Seen from the excluded elements: an excluded element kills the items that need it; elements of weight `need` must be
excluded in all, and as little profit as possible killed. A node of the tree has free, excluded and kept elements.

Bound: split the profit p_i of each living item over its free elements, sum_e split_ie <= p_i. The killed items pay
for all excluded elements together, so excluding z costs at least sum_e c_e z_e with c_e = sum_i split_ie. This is a
fractional minimum knapsack, whose dual value at the price t is sum_e min(c_e, t w_e) - t (free weight - need).
*Every* split and price give a valid bound; rounds of multiplicative clipping (shrink the parts of elements with c_e
> t w_e, then scale each item back to p_i) approach the best, which is the linear relaxation's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import copy_into, first_largest, inner_kernel, kernel

FREE, EXCLUDED, KEPT = 0, 1, 2
KILLED, NEED, FREE_WEIGHT, PRICE = 0, 1, 2, 3
EXHAUSTED, PAUSED, FOUND = 0, 1, 2
DEPTH, NODES, RETREATING = 0, 1, 2

ROOT_ROUNDS = 1000
ROUNDS = 8
TRIAL_ROUNDS = 4
CANDIDATES = 4
PRICE_STEPS = 12
PRICE_ACCURACY = 1e-3
VANISHED = 1e-9  # relative to the profit; a smaller remainder of a split is dealt anew
IMPOSSIBLE = 1e300

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]


class Items(NamedTuple):
    """The problem: elements of each item, items of each element, where the latter's entries stand in the former."""

    element_start: Integers
    elements: Integers
    item_start: Integers
    items: Integers
    places: Integers
    profit: Floats
    weight: Floats


class BranchNode(NamedTuple):
    """A node of the tree.

    `split` has an entry for each (item, element), `fate` one for each element, `living` one for each item that is
    neither killed nor safe; `totals` are the killed profit, the weight still to exclude, the weight of the free
    elements, and the price.
    """

    split: Floats
    fate: NDArray[np.int8]
    living: NDArray[np.bool_]
    totals: Floats


class Stack(NamedTuple):
    """The nodes on the current path, one row each; the element whose other branch waits, -1 for none; the state.

    The last two rows are room for trials.
    """

    split: Floats
    fate: NDArray[np.int8]
    living: NDArray[np.bool_]
    totals: Floats
    waiting: NDArray[np.int64]
    state: NDArray[np.int64]


class Space(NamedTuple):
    """Room for totals of elements."""

    cost: Floats
    factor: Floats
    touched: Floats
    score: Floats


def make_stack(items: Items, need: float) -> Stack:
    """Return the stack that holds the root: nothing decided, each profit split by the elements' weights."""
    count, elements, entries = len(items.profit), len(items.weight), len(items.elements)
    depth = elements + 2 + 2
    stack = Stack(
        np.zeros((depth, entries)),
        np.zeros((depth, elements), np.int8),
        np.zeros((depth, count), np.bool_),
        np.zeros((depth, 4)),
        np.full(depth, -1, np.int64),
        np.zeros(3, np.int64),
    )
    sizes = np.diff(items.element_start)
    stack.living[0] = sizes > 0
    owner = np.repeat(np.arange(count), sizes)
    share = items.weight[items.elements]
    stack.split[0] = items.profit[owner] * share / np.bincount(owner, share, minlength=count)[owner]
    total = items.weight.sum()
    stack.totals[0] = 0.0, need, total, items.profit.sum() / max(total, 1.0)
    return stack


def make_space(items: Items) -> Space:
    """Return the working space for a problem."""
    elements = len(items.weight)
    return Space(
        np.zeros(elements),
        np.ones(elements),
        np.zeros(elements),
        np.zeros(elements),
    )


@kernel(cache=False, inline="always")
def level(stack: Stack, row: int) -> BranchNode:
    """Return the node in a row of the stack."""
    return BranchNode(stack.split[row], stack.fate[row], stack.living[row], stack.totals[row])


@inner_kernel
def copy(source: BranchNode, target: BranchNode) -> None:
    """Copy a node."""
    copy_into(target.split, source.split)
    copy_into(target.fate, source.fate)
    copy_into(target.living, source.living)
    copy_into(target.totals, source.totals)


@inner_kernel
def exclude(items: Items, node: BranchNode, element: int) -> None:
    """Exclude a free element: its living items are killed."""
    node.fate[element] = EXCLUDED
    node.totals[NEED] -= items.weight[element]
    node.totals[FREE_WEIGHT] -= items.weight[element]
    for entry in range(items.item_start[element], items.item_start[element + 1]):
        item = items.items[entry]
        if node.living[item]:
            node.living[item] = False
            node.totals[KILLED] += items.profit[item]


@inner_kernel
def keep(items: Items, node: BranchNode, element: int) -> None:
    """Keep a free element: its living items split their profit over their other free elements, or are safe."""
    node.fate[element] = KEPT
    node.totals[FREE_WEIGHT] -= items.weight[element]
    for entry in range(items.item_start[element], items.item_start[element + 1]):
        item = items.items[entry]
        if not node.living[item]:
            continue
        node.split[items.places[entry]] = 0.0
        first, last = items.element_start[item], items.element_start[item + 1]
        rest, free = 0.0, 0
        for place in range(first, last):
            if node.fate[items.elements[place]] == FREE:
                rest += node.split[place]
                free += 1
        profit = items.profit[item]
        if free == 0:
            node.living[item] = False
        elif rest > VANISHED * profit:
            for place in range(first, last):
                node.split[place] *= profit / rest
        else:
            for place in range(first, last):
                node.split[place] = profit / free if node.fate[items.elements[place]] == FREE else 0.0


@inner_kernel
def price_of(items: Items, node: BranchNode, cost: Floats) -> float:
    """Return nearly the best price: just enough weight has a cost per weight of at most the price."""
    low, high, price = 0.0, IMPOSSIBLE, node.totals[PRICE]
    for _ in range(PRICE_STEPS):
        cheap = 0.0
        for element in range(len(cost)):
            if node.fate[element] == FREE and cost[element] <= price * items.weight[element]:
                cheap += items.weight[element]
        if cheap < node.totals[NEED]:
            low = price
        else:
            high = price
        if high == IMPOSSIBLE:
            price = 2 * price + 1e-9
        elif high - low < PRICE_ACCURACY * high:
            break
        else:
            price = 0.5 * (low + high)
    return price if high == IMPOSSIBLE else high


@inner_kernel
def clip(items: Items, node: BranchNode, cost: Floats, factor: Floats, price: float) -> None:
    """Shrink the parts of the elements that cost more than their weight at the price, and restore each profit."""
    for element in range(len(cost)):
        limit = price * items.weight[element]
        factor[element] = limit / cost[element] if cost[element] > limit else 1.0
    for item in range(len(items.profit)):
        if not node.living[item]:
            continue
        rest = 0.0
        for place in range(items.element_start[item], items.element_start[item + 1]):
            node.split[place] *= factor[items.elements[place]]
            rest += node.split[place]
        scale = items.profit[item] / rest
        for place in range(items.element_start[item], items.element_start[item + 1]):
            node.split[place] *= scale


@kernel(nogil=True)
def least_killed(items: Items, node: BranchNode, cost: Floats, factor: Floats, rounds: int, cut: float) -> float:
    """Return a lower bound on the profit that is killed below the node; improves its split, stops beyond `cut`."""
    killed, need, free_weight = node.totals[KILLED], node.totals[NEED], node.totals[FREE_WEIGHT]
    if need <= 0:
        return killed
    if free_weight < need:
        return IMPOSSIBLE
    best = 0.0
    for number in range(rounds):
        cost[:] = 0.0
        for item in range(len(items.profit)):
            if node.living[item]:
                for place in range(items.element_start[item], items.element_start[item + 1]):
                    cost[items.elements[place]] += node.split[place]
        price = price_of(items, node, cost)
        node.totals[PRICE] = price
        value = -price * (free_weight - need)
        for element in range(len(cost)):
            if node.fate[element] == FREE:
                value += min(cost[element], price * items.weight[element])
        best = max(best, value)
        if killed + best > cut or number == rounds - 1 or price <= 0:
            break
        clip(items, node, cost, factor, price)
    return killed + best


@inner_kernel
def exclude_untouched(items: Items, node: BranchNode, touched: Floats) -> None:
    """Sum the living profit that touches each free element, and exclude the elements that nothing living needs."""
    touched[:] = 0.0
    for item in range(len(items.profit)):
        if node.living[item]:
            for place in range(items.element_start[item], items.element_start[item + 1]):
                touched[items.elements[place]] += items.profit[item]
    for element in range(len(touched)):
        if node.fate[element] == FREE and touched[element] == 0.0:
            exclude(items, node, element)


@inner_kernel
def branch(items: Items, stack: Stack, node: BranchNode, space: Space, bound: float, cut: float) -> tuple[int, int]:
    """Choose the element to branch on by trying both branches of a few: most product of the two bounds' rises.

    Returns
    -------
    element : int
    fate : int
        FREE to branch; EXCLUDED or KEPT when only this is left; -1 when neither is.
    """
    for element in range(len(space.score)):
        space.score[element] = -1.0
        if node.fate[element] == FREE:
            space.score[element] = max(space.touched[element] - space.cost[element], 0.0) * items.weight[element]
    chosen, most = -1, -1.0
    without, within = level(stack, len(stack.split) - 2), level(stack, len(stack.split) - 1)
    for _ in range(CANDIDATES):
        element = first_largest(space.score)
        if node.fate[element] != FREE or space.score[element] == -1.0:
            break
        space.score[element] = -1.0
        copy(node, without)
        exclude(items, without, element)
        excluded = least_killed(items, without, space.cost, space.factor, TRIAL_ROUNDS, cut)
        copy(node, within)
        keep(items, within, element)
        kept = least_killed(items, within, space.cost, space.factor, TRIAL_ROUNDS, cut)
        if excluded > cut:
            return element, -1 if kept > cut else KEPT
        if kept > cut:
            return element, EXCLUDED
        product = max(excluded - bound, 1e-3) * max(kept - bound, 1e-3)
        if product > most:
            chosen, most = element, product
    return chosen, FREE


@kernel(nogil=True)
def search(items: Items, stack: Stack, space: Space, cut: float, nodes: int) -> int:
    """Go on searching for a way to kill at most `cut`, for at most so many nodes.

    Returns
    -------
    int
        EXHAUSTED: there is none. PAUSED: the nodes are used up. FOUND: the node at the state's depth is one; searching
        on needs a smaller `cut`.
    """
    state = stack.state
    limit = state[NODES] + nodes
    while state[DEPTH] >= 0:
        depth = state[DEPTH]
        if state[RETREATING]:
            state[DEPTH] -= 1
            element = stack.waiting[depth - 1] if depth > 0 else -1
            if element >= 0:
                stack.waiting[depth - 1] = -1
                keep(items, level(stack, depth - 1), element)
                state[RETREATING] = False
            continue
        if state[NODES] >= limit:
            return PAUSED
        state[NODES] += 1
        node = level(stack, depth)
        exclude_untouched(items, node, space.touched)
        bound = least_killed(items, node, space.cost, space.factor, ROUNDS if depth else ROOT_ROUNDS, cut)
        if bound > cut:
            state[RETREATING] = True
            continue
        if node.totals[NEED] <= 0:
            return FOUND
        element, fate = branch(items, stack, node, space, bound, cut)
        if fate == FREE:
            stack.waiting[depth] = element
            copy(node, level(stack, depth + 1))
            exclude(items, level(stack, depth + 1), element)
            state[DEPTH] += 1
        elif fate == EXCLUDED:
            exclude(items, node, element)
        elif fate == KEPT:
            keep(items, node, element)
        else:
            state[RETREATING] = True
    return EXHAUSTED
