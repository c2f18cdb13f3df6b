"""Compiled moves on choices: each block at one candidate of its group, the bytes left at each node beside it.

Every kernel changes `choice`, shape (blocks,), and `free`, shape (nodes,), in place. The other arguments are those of
`Menu`: ``masks`` and ``costs``, shape (groups, candidates), ``sizes`` and ``group``, shape (blocks,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEGLIGIBLE = 1e-12  # relative to the block's cost; smaller gains are rounding
STALE = -1.0  # in place of a gain that is to be computed anew


@inner_kernel(error_model="numpy")
def fits(old: int, new: int, size: int, free: Integers) -> bool:
    """Say whether a block may move from one set to another."""
    added = new & ~old
    node = 0
    while added:
        if added & 1 and free[node] < size:
            return False
        added >>= 1
        node += 1
    return True


@inner_kernel(error_model="numpy")
def move(old: int, new: int, size: int, free: Integers) -> None:
    """Take the block's bytes from the nodes of the old set and put them at those of the new one."""
    for node in range(len(free)):
        free[node] += size * ((old >> node & 1) - (new >> node & 1))


@kernel(nogil=True, error_model="numpy")
def release_excess(
    masks: Integers, costs: Floats, sizes: Integers, group: Integers, choice: Integers, free: Integers, prices: Floats
) -> None:
    """Move blocks off overfilled nodes, at each step where the loss per byte of excess that goes is least.

    The loss counts what the other nodes' bytes are worth at the prices. Nodes stay overfilled only if no move helps.
    """
    nodes = len(free)
    while True:
        over = 0
        for node in range(nodes):
            if free[node] < 0:
                over |= 1 << node
        if over == 0:
            return
        least, best_block, best_candidate = np.inf, -1, -1
        for block in range(len(sizes)):
            g = group[block]
            current = masks[g, choice[block]]
            if current & over == 0:
                continue
            for candidate in range(masks.shape[1]):
                new = masks[g, candidate]
                if costs[g, candidate] == np.inf and costs[g, choice[block]] < np.inf:
                    continue
                if (new & over) & ~current or (new & over) == (current & over):
                    continue
                if not fits(current, new, sizes[block], free):
                    continue
                relieved = 0.0
                worth = 0.0
                for node in range(nodes):
                    change = (current >> node & 1) - (new >> node & 1)
                    if change > 0 and free[node] < 0:
                        relieved += sizes[block] if sizes[block] < -free[node] else -free[node]
                    elif change != 0:
                        worth += prices[node] * change
                loss = sizes[block] * (_finite_difference(costs[g, candidate], costs[g, choice[block]]) - worth)
                loss = loss / relieved if loss > 0 else loss * relieved
                if loss < least:
                    least, best_block, best_candidate = loss, block, candidate
        if best_block < 0:
            return
        g = group[best_block]
        move(masks[g, choice[best_block]], masks[g, best_candidate], sizes[best_block], free)
        choice[best_block] = best_candidate


@inner_kernel(error_model="numpy")
def _finite_difference(new: float, old: float) -> float:
    return 0.0 if new == np.inf and old == np.inf else new - old


@kernel(nogil=True, error_model="numpy")
def make_finite(
    masks: Integers,
    costs: Floats,
    sizes: Integers,
    group: Integers,
    choice: Integers,
    free: Integers,
    largest_first: Integers,
) -> None:
    """Give blocks of infinite delay, largest first, the set of fewest nodes that fits and makes it finite."""
    for block in largest_first:
        g = group[block]
        if costs[g, choice[block]] < np.inf:
            continue
        fewest, best = 64, -1
        for candidate in range(masks.shape[1]):
            if costs[g, candidate] < np.inf and fits(masks[g, choice[block]], masks[g, candidate], sizes[block], free):
                count = 0
                for node in range(len(free)):
                    count += masks[g, candidate] >> node & 1
                if count < fewest:
                    fewest, best = count, candidate
        if best >= 0:
            move(masks[g, choice[block]], masks[g, best], sizes[block], free)
            choice[block] = best


def improve(masks: Integers, costs: Floats, sizes: Integers, group: Integers, choice: Integers, free: Integers) -> None:
    """Jump to the set of most gain per added byte that fits, over all blocks, until none gains."""
    ratio, target = np.full(len(sizes), STALE), np.zeros(len(sizes), np.int64)
    _jump(masks, costs, sizes, group, choice, free, ratio, target)


@kernel(nogil=True, error_model="numpy")
def _jump(
    masks: Integers,
    costs: Floats,
    sizes: Integers,
    group: Integers,
    choice: Integers,
    free: Integers,
    ratio: Floats,
    target: Integers,
) -> None:
    """Improve; each block's best jump known has a `target` and gains `ratio` per added byte."""
    blocks = len(sizes)
    while True:
        best = -1
        for block in range(blocks):
            g = group[block]
            current = choice[block]
            if ratio[block] > 0 and not fits(masks[g, current], masks[g, target[block]], sizes[block], free):
                ratio[block] = STALE
            if ratio[block] < 0:
                ratio[block], target[block] = _best_jump(masks, costs, g, sizes[block], current, free)
            if ratio[block] > 0 and (best < 0 or ratio[block] > ratio[best]):
                best = block
        if best < 0:
            return
        g = group[best]
        old, new = masks[g, choice[best]], masks[g, target[best]]
        move(old, new, sizes[best], free)
        choice[best] = target[best]
        ratio[best] = STALE
        if old & ~new:  # room was made, others may now have better jumps
            for block in range(blocks):
                ratio[block] = STALE


@inner_kernel(error_model="numpy")
def _best_jump(masks: Integers, costs: Floats, g: int, size: int, current: int, free: Integers) -> tuple[float, int]:
    """Return the gain per added byte of the best jump of a block of group g, and its candidate; 0 if nothing gains."""
    best, target = 0.0, current
    cost, old = costs[g, current], masks[g, current]
    if cost == np.inf:
        return best, target
    for candidate in range(masks.shape[1]):
        gain, new = cost - costs[g, candidate], masks[g, candidate]
        if gain <= NEGLIGIBLE * cost:
            continue
        added = 0
        for node in range(len(free)):
            added += (new >> node & 1) - (old >> node & 1)
        ratio = gain / added if added > 0 else 1e9 * gain
        if ratio > best and fits(old, new, size, free):
            best, target = ratio, candidate
    return best, target


@kernel(nogil=True, error_model="numpy")
def exchange(
    masks: Integers, costs: Floats, sizes: Integers, group: Integers, choice: Integers, free: Integers
) -> bool:
    """Move two blocks at once where that gains: one takes a better set, another gives up the room for it.

    Returns
    -------
    bool
        Whether a move was made; it is the best one for the first block that has one.
    """
    blocks, candidates = len(sizes), masks.shape[1]
    for block in range(blocks):
        g = group[block]
        current = masks[g, choice[block]]
        most, taker, giver, given = 0.0, -1, -1, -1
        for candidate in range(candidates):
            gain = sizes[block] * (costs[g, choice[block]] - costs[g, candidate])
            if not gain > max(most, NEGLIGIBLE * sizes[block] * costs[g, choice[block]]) or gain == np.inf:
                continue
            new = masks[g, candidate]
            move(current, new, sizes[block], free)
            lacking = 0
            for node in range(len(free)):
                if free[node] < 0:
                    lacking |= 1 << node
            for other in range(blocks):
                h = group[other]
                held = masks[h, choice[other]]
                if other == block or (held & lacking) != lacking or costs[h, choice[other]] == np.inf:
                    continue
                enough = True
                for node in range(len(free)):
                    if lacking >> node & 1 and free[node] + sizes[other] < 0:
                        enough = False
                if not enough:
                    continue
                for replacement in range(candidates):
                    net = gain - sizes[other] * (costs[h, replacement] - costs[h, choice[other]])
                    less = masks[h, replacement]
                    if net > most and less & lacking == 0 and fits(held, less, sizes[other], free):
                        most, taker, giver, given = net, candidate, other, replacement
            move(new, current, sizes[block], free)
        if taker >= 0 and most > NEGLIGIBLE * sizes[block] * costs[g, choice[block]]:
            h = group[giver]
            move(current, masks[g, taker], sizes[block], free)
            move(masks[h, choice[giver]], masks[h, given], sizes[giver], free)
            choice[block], choice[giver] = taker, given
            return True
    return False
