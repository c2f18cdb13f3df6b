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
ROUNDS = 4
TRIAL_ROUNDS = 4
CANDIDATES = 4
PRICE_STEPS = 12
FIRST_PRICE_STEP = 0.02
PRICE_ACCURACY = 5e-3
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
    """The nodes on the current path, one row each; whether their rows hold the branch that waits; the state.

    The last four rows are room for trials, two for each.
    """

    split: Floats
    fate: NDArray[np.int8]
    living: NDArray[np.bool_]
    totals: Floats
    waiting: NDArray[np.bool_]
    state: NDArray[np.int64]


class Space(NamedTuple):
    """Room for totals of elements, and for a node's living items with the parts of their profits that are not 0.

    Each of these items has its entries in one piece, up to its end.
    """

    cost: Floats
    factor: Floats
    touched: Floats
    score: Floats
    part: Floats
    element: Integers
    end: Integers
    profit: Floats


def make_stack(items: Items, need: float) -> Stack:
    """Return the stack that holds the root: nothing decided, each profit split by the elements' weights."""
    count, elements, entries = len(items.profit), len(items.weight), len(items.elements)
    depth = elements + 2 + 4
    stack = Stack(
        np.zeros((depth, entries)),
        np.zeros((depth, elements), np.int8),
        np.zeros((depth, count), np.bool_),
        np.zeros((depth, 4)),
        np.zeros(depth, np.bool_),
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
    count, elements, entries = len(items.profit), len(items.weight), len(items.elements)
    return Space(
        np.zeros(elements),
        np.ones(elements),
        np.zeros(elements),
        np.zeros(elements),
        np.zeros(entries + 1),
        np.zeros(entries + 1, np.int32),
        np.zeros(count, np.int32),
        np.zeros(count),
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


@inner_kernel(error_model="numpy", fastmath={"reassoc"})
def cheap_weight(weight: Floats, cost: Floats, price: float) -> float:
    """Return the weight of the elements that cost no more than it is worth; sums of whole weights are exact."""
    cheap = 0.0
    for element in range(len(cost)):
        cheap += weight[element] if cost[element] <= price * weight[element] else 0.0
    return cheap


@inner_kernel(error_model="numpy")
def price_of(weight: Floats, cost: Floats, need: float, price: float) -> float:
    """Return nearly the best price: just enough weight has a cost per weight of at most the price."""
    low, high, step = 0.0, IMPOSSIBLE, FIRST_PRICE_STEP
    for _ in range(PRICE_STEPS):
        if cheap_weight(weight, cost, price) < need:
            low = price
        else:
            high = price
        if high - low < PRICE_ACCURACY * high:
            break
        if high == IMPOSSIBLE:
            price = (1 + step) * price + 1e-9
        elif low == 0.0:
            price = price / (1 + step)
        else:
            price = 0.5 * (low + high)
        step *= 4.0
    return price if high == IMPOSSIBLE else high


@inner_kernel
def gather(items: Items, node: BranchNode, space: Space) -> int:
    """Copy the living items and their parts that are not 0; return how many items there are."""
    count, entries = 0, 0
    for item in range(len(items.profit)):
        if not node.living[item]:
            continue
        for place in range(items.element_start[item], items.element_start[item + 1]):
            space.part[entries] = node.split[place]
            space.element[entries] = items.elements[place]
            entries += node.split[place] > 0.0
        space.end[count] = entries
        space.profit[count] = items.profit[item]
        count += 1
    return count


@inner_kernel
def put_back(items: Items, node: BranchNode, part: Floats) -> None:
    """Write the parts that were gathered back to the node."""
    entries = 0
    for item in range(len(items.profit)):
        if not node.living[item]:
            continue
        for place in range(items.element_start[item], items.element_start[item + 1]):
            if node.split[place] > 0.0:
                node.split[place] = part[entries]
                entries += 1


@inner_kernel(error_model="numpy")
def clip(space: Space, count: int) -> None:
    """Multiply the parts by the factors of their elements, restore each profit, and sum the costs of elements."""
    space.cost[:] = 0.0
    first = 0
    for item in range(count):
        last = space.end[item]
        rest = 0.0
        for entry in range(first, last):
            space.part[entry] *= space.factor[space.element[entry]]
            rest += space.part[entry]
        scale = space.profit[item] / rest if rest > 0.0 else 0.0
        for entry in range(first, last):
            space.part[entry] *= scale
            space.cost[space.element[entry]] += space.part[entry]
        first = last


@kernel(nogil=True, error_model="numpy")
def least_killed(items: Items, node: BranchNode, space: Space, rounds: int, cut: float) -> float:
    """Return a lower bound on the profit that is killed below the node; improves its split, stops beyond `cut`."""
    killed, need, free_weight = node.totals[KILLED], node.totals[NEED], node.totals[FREE_WEIGHT]
    if need <= 0:
        return killed
    if free_weight < need:
        return IMPOSSIBLE
    weight, cost, factor = items.weight, space.cost, space.factor
    decided = -free_weight  # these elements cost nothing, and count as cheap
    for element in range(len(weight)):
        decided += weight[element]
    count = gather(items, node, space)
    factor[:] = 1.0
    best, price = 0.0, node.totals[PRICE]
    for number in range(rounds):
        clip(space, count)
        price = price_of(weight, cost, need + decided, price)
        value = -price * (free_weight - need)
        for element in range(len(cost)):
            value += min(cost[element], price * weight[element])
        best = max(best, value)
        if killed + best > cut or number == rounds - 1 or price <= 0:
            break
        for element in range(len(cost)):
            limit = price * weight[element]
            factor[element] = limit / cost[element] if cost[element] > limit else 1.0
    node.totals[PRICE] = price
    if killed + best <= cut:
        put_back(items, node, space.part)
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
    fate : int
        FREE to branch; EXCLUDED or KEPT when only this is left; -1 when neither is.
    row : int
        Of the stack where the branch without the element stands; the other one is in the row after it.
    """
    for element in range(len(space.score)):
        space.score[element] = -1.0
        if node.fate[element] == FREE:
            space.score[element] = max(space.touched[element] - space.cost[element], 0.0) * items.weight[element]
    row, chosen, most = len(stack.split) - 4, len(stack.split) - 2, -1.0
    for _ in range(CANDIDATES):
        element = first_largest(space.score)
        if node.fate[element] != FREE or space.score[element] == -1.0:
            break
        space.score[element] = -1.0
        without, within = level(stack, row), level(stack, row + 1)
        copy(node, without)
        exclude(items, without, element)
        excluded = least_killed(items, without, space, TRIAL_ROUNDS, cut)
        copy(node, within)
        keep(items, within, element)
        kept = least_killed(items, within, space, TRIAL_ROUNDS, cut)
        if excluded > cut:
            return -1 if kept > cut else KEPT, row
        if kept > cut:
            return EXCLUDED, row
        product = max(excluded - bound, 1e-3) * max(kept - bound, 1e-3)
        if product > most:
            row, chosen, most = chosen, row, product
    return FREE, chosen


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
            if depth > 0 and stack.waiting[depth - 1]:
                stack.waiting[depth - 1] = False
                state[RETREATING] = False
            continue
        if state[NODES] >= limit:
            return PAUSED
        state[NODES] += 1
        node = level(stack, depth)
        exclude_untouched(items, node, space.touched)
        bound = least_killed(items, node, space, ROUNDS if state[NODES] > 1 else ROOT_ROUNDS, cut)
        if bound > cut:
            state[RETREATING] = True
            continue
        if node.totals[NEED] <= 0:
            return FOUND
        fate, row = branch(items, stack, node, space, bound, cut)
        if fate == FREE:
            stack.waiting[depth] = True
            copy(level(stack, row), level(stack, depth + 1))
            copy(level(stack, row + 1), node)
            state[DEPTH] += 1
        elif fate == EXCLUDED:
            copy(level(stack, row), node)
        elif fate == KEPT:
            copy(level(stack, row + 1), node)
        else:
            state[RETREATING] = True
    return EXHAUSTED
