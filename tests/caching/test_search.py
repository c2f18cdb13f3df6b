"""The compiled moves keep the books: bytes left are those of the choice, and no move makes it worse."""

from __future__ import annotations

import numpy as np
import pytest

from edgeopt.caching.search_kernels import exchange, improve, make_finite, release_excess
from edgeopt.caching.tables import Menu


def random_menu(rng: np.random.Generator) -> Menu:
    """Costs that fall with more nodes, some infinite where nothing is cached."""
    nodes, groups, blocks = int(rng.integers(1, 5)), int(rng.integers(1, 5)), int(rng.integers(1, 9))
    sets = np.arange(1 << nodes)
    member = (sets[:, None] >> np.arange(nodes)) & 1
    saving = rng.random((groups, nodes)) * rng.choice([0.0, 1.0], (groups, nodes), p=[0.2, 0.8])
    costs = 1e-6 * (1 + saving.sum(axis=1, keepdims=True) - saving @ member.T)
    costs[rng.random(groups) < 0.2, 0] = np.inf
    sizes = rng.integers(1, 100, blocks) * 1000
    storage = (rng.random(nodes) * sizes.sum()).astype(np.int64)
    return Menu(np.tile(sets, (groups, 1)), costs, sizes, rng.integers(0, groups, blocks), storage)


@pytest.mark.parametrize("seed", range(40))
def test_books(seed: int) -> None:
    rng = np.random.default_rng(seed)
    menu = random_menu(rng)
    nodes = len(menu.storage)
    choice = rng.integers(0, 1 << nodes, len(menu.sizes))
    free = menu.free(choice)
    arguments = (menu.masks, menu.costs, menu.sizes, menu.group, choice, free)
    release_excess(*arguments, 1e-9 * rng.random(nodes))
    np.testing.assert_array_equal(free, menu.free(choice))
    # Emptying a node always helps unless a block may not be without caches.
    held = menu.masks[menu.group, choice]
    stuck = np.isfinite(menu.costs[menu.group, choice]) & np.isinf(menu.costs[menu.group, 0]) & (held > 0)
    assert (free >= 0).all() or stuck.any()
    if (free < 0).any():
        return
    make_finite(*arguments, menu.largest_first)
    np.testing.assert_array_equal(free, menu.free(choice))
    for moving in (improve, exchange, improve):
        before = menu.cost(choice)
        moving(*arguments)
        np.testing.assert_array_equal(free, menu.free(choice))
        assert (free >= 0).all()
        assert menu.cost(choice) <= before


def test_moves_end_in_a_local_optimum() -> None:
    """After the moves no block has a better set that fits, and no pair of blocks gains by moving together."""
    checked = 0
    for seed in range(15):
        rng = np.random.default_rng(100 + seed)
        menu = random_menu(rng)
        choice = np.zeros(len(menu.sizes), np.int64)
        free = menu.storage.copy()
        arguments = (menu.masks, menu.costs, menu.sizes, menu.group, choice, free)
        make_finite(*arguments, menu.largest_first)
        improve(*arguments)
        while exchange(*arguments):
            improve(*arguments)
        least = menu.cost(choice)
        if not np.isfinite(least):
            continue
        checked += 1
        for block in range(len(choice)):
            for candidate in range(menu.masks.shape[1]):
                other = choice.copy()
                other[block] = candidate
                assert (menu.free(other) < 0).any() or menu.cost(other) >= least * (1 - 1e-9)
                for giver in range(block):
                    for replacement in range(menu.masks.shape[1]):
                        both = other.copy()
                        both[giver] = replacement
                        # Only one of the two gives room; both may not gain by themselves here.
                        assert (
                            (menu.free(both) < 0).any()
                            or menu.cost(both) >= least * (1 - 1e-9)
                            or _swap(menu, choice, both)
                        )
    assert checked >= 10


def _swap(menu: Menu, old: np.ndarray, new: np.ndarray) -> bool:
    """Whether the two moves make room for each other: the search tries only that one makes room for the other."""
    changed = np.flatnonzero(old != new)
    before, after = menu.masks[menu.group, old], menu.masks[menu.group, new]
    return all(bool(before[block] & ~after[block]) for block in changed)
