"""The search over what one node leaves out: its figures from scratch, enumeration, and traps for items alone."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt
from edgeopt.placement import left_out_kernel
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.generator import generate
from edgeopt.placement.greedy import greedy_placement
from edgeopt.placement.left_out import LeftOutSearch
from edgeopt.placement.local_search import LocalSearch
from edgeopt.run import Run
from tests.from_python import from_python
from tests.placement.knapsacks import optimum, random_knapsack

toggle = from_python(left_out_kernel.toggle)


def search_from_all(seed: int) -> LeftOutSearch:
    """A search on a drawn knapsack that has left out everything."""
    knapsack = random_knapsack(seed)
    search = LeftOutSearch(knapsack, seed)
    search.adopt(np.zeros(len(knapsack.profit), np.bool_))
    return search


def test_incremental_figures_are_those_from_scratch() -> None:
    for seed in range(100):
        search = search_from_all(seed)
        knapsack, state = search.knapsack, search.state
        rng = np.random.default_rng(seed)
        for element in rng.integers(0, len(state.out), 25 if len(state.out) else 0).tolist():
            toggle(search.union, state, element)
        missing = knapsack.incidence[:, state.out].sum(axis=1)
        assert state.missing.tolist() == missing.tolist()
        assert state.out_weight[0] == knapsack.weight[state.out].sum()
        assert state.values[left_out_kernel.VALUE] == pytest.approx(knapsack.profit[missing == 0].sum())
        for element, out in enumerate(state.out.tolist()):
            changed = state.out.copy()
            changed[element] = not out
            difference = knapsack.value(knapsack.without(changed)) - knapsack.value(knapsack.without(state.out))
            assert state.change[element] == pytest.approx(difference if out else -difference), (seed, element)


def test_finds_the_optimum_of_small_knapsacks() -> None:
    for seed in range(400):
        knapsack = random_knapsack(seed)
        search = search_from_all(seed)
        chosen = search.run(3_000)
        assert knapsack.weight_of(chosen) <= knapsack.capacity
        assert knapsack.value(chosen) == pytest.approx(optimum(knapsack)), seed
        assert search.value == pytest.approx(knapsack.value(chosen))


TRAPS = {9000: (100, 85, 0.15, 0.85, 13546), 9003: (100, 85, 0.10, 0.75, 11142), 9004: (100, 85, 0.15, 0.85, 12768)}


def trap(seed: int) -> tuple[edgeopt.Instance, int]:
    """An instance of the published recipe on which exchanges of items alone end below the optimum, and the optimum."""
    items, elements, density, ratio, best = TRAPS[seed]
    drawn = generate("set-union", items, seed=seed, elements=elements, density=density, storage_fraction=ratio)
    return drawn, best


@pytest.mark.parametrize("seed", TRAPS)
def test_items_alone_are_trapped_and_both_together_are_not(seed: int) -> None:
    instance, best = trap(seed)
    arrays = DemandArrays(instance)
    alone, both = (LocalSearch(arrays, 0, greedy_placement(arrays)) for _ in range(2))
    alone.left_out = None
    alone.run(Run(), 4_000, float(best))
    both.run(Run(), 4_000, float(best))
    assert alone.value < best == both.value
    assert edgeopt.check(instance, arrays.plan(both.best)).objective == best


@pytest.mark.slow
@pytest.mark.parametrize("seed", TRAPS)
def test_the_optimum_of_a_trap_is_proved(seed: int) -> None:
    instance, best = trap(seed)
    solution = edgeopt.solve(instance, "branch-and-bound", threads=1)
    assert (solution.status, solution.objective) == ("optimal", best)
