"""Every bound of the benchmark of ideas holds, against enumeration."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest

from benchmarks.placement.sukp_bound_ideas import cliques, conflicts, linear_bound, part_bound, probing
from benchmarks.placement.sukp_pairs import PairProgram
from edgeopt.method import Options
from edgeopt.placement import branch_kernel
from edgeopt.placement.knapsack import Knapsack
from tests.placement.knapsacks import optimum, random_knapsack

TOLERANCE = 1e-6


def small(count: int) -> Iterator[tuple[Knapsack, float]]:
    """Problems that need a choice, and their optimum."""
    for seed in range(count):
        knapsack = random_knapsack(seed).reduced()[0]
        if len(knapsack.profit) > 1 and len(knapsack.weight) > 1 and knapsack.weight.sum() > knapsack.capacity:
            yield knapsack, optimum(knapsack)


def test_cliques_are_conflicts_and_keep_the_bound() -> None:
    used = tighter = 0
    for knapsack, best in small(150):
        sets = cliques(knapsack)
        pairs = {tuple(pair) for pair in conflicts(knapsack).tolist()}
        for one, two in combinations(range(len(knapsack.profit)), 2):
            chosen = np.isin(np.arange(len(knapsack.profit)), [one, two])
            assert ((one, two) in pairs) == (knapsack.weight_of(chosen) > knapsack.capacity)
        for clique in sets:
            assert {tuple(sorted(pair)) for pair in combinations(clique.tolist(), 2)} <= pairs
        plain, with_cliques = linear_bound(knapsack, [], 60), linear_bound(knapsack, sets, 60)
        assert plain is not None
        assert with_cliques is not None
        assert best - TOLERANCE <= with_cliques <= plain + TOLERANCE
        used, tighter = used + bool(sets), tighter + (with_cliques < plain - TOLERANCE)
    assert used > 20
    assert tighter > 5


@pytest.mark.parametrize("paired", [2, 5, 12])
def test_pairs_bound_and_tighten(paired: int) -> None:
    tighter = ascended = 0
    for knapsack, best in small(120):
        plain = linear_bound(knapsack, [], 60)
        program = PairProgram(knapsack, paired, 60)
        by_ascent, _ = program.ascent(300, 60)
        bound, _, complete = program.run()
        assert plain is not None
        assert bound is not None
        assert complete
        assert best - TOLERANCE <= bound <= plain + TOLERANCE
        assert by_ascent >= best - TOLERANCE
        tighter, ascended = tighter + (bound < plain - TOLERANCE), ascended + (by_ascent < plain - TOLERANCE)
    assert tighter > 5
    assert ascended > 5


def test_probing_keeps_the_optimum() -> None:
    some = 0
    for knapsack, best in small(250):
        for value in (0.0, float(np.floor(0.8 * best)), best):
            bound, fixed, element = probing(knapsack, value)
            assert bound >= best - TOLERANCE
            assert 0 <= element < len(knapsack.weight)
            some += 0 < fixed < len(knapsack.weight)
    assert some > 20


@pytest.mark.parametrize("nodes", [1, 5, 10_000])
def test_the_two_parts_bound_together(nodes: int) -> None:
    for knapsack, best in small(150):
        options = Options(iteration_limit=nodes)
        for element in (0, len(knapsack.weight) - 1):
            fates = (branch_kernel.EXCLUDED, branch_kernel.KEPT)
            bounds = [part_bound(knapsack, 0.0, element, fate, options)[0] for fate in fates]
            assert max(bounds) >= best - TOLERANCE
            if nodes > 1000:
                assert max(bounds) == pytest.approx(best, abs=TOLERANCE)
