"""Certificates for the problem itself, with better beams than those of the rate tables."""

from __future__ import annotations

from math import isfinite

import pytest

import edgeopt
from tests.caching.brute_force import optimum
from tests.caching.random_instances import random_instance
from tests.caching.rates import dual_rates

pytest.importorskip("clarabel")


def test_between_the_bound_and_the_optimum_of_the_table() -> None:
    """Never worse than enumeration with the table's rates; the bound is below, and seldom far."""
    gaps = []
    for seed in range(24):
        instance = random_instance(seed)
        best = optimum(instance, dual_rates(instance))
        solution = edgeopt.solve(instance, "certified", threads=1)
        if not isfinite(best):
            assert solution.objective is None
            continue
        assert solution.bound <= solution.objective * (1 + 1e-9)
        assert solution.objective <= best * (1 + 1e-9), seed
        assert edgeopt.solve(instance, "bound", threads=1).bound <= solution.bound * (1 + 1e-9) + 1e-12
        assert "problem itself" in solution.message
        gaps.append(solution.gap)
    assert len(gaps) >= 12
    assert sum(gap < 1e-3 for gap in gaps) >= len(gaps) / 2


def test_one_user_is_certified_optimal() -> None:
    """All rates of a single user are the best possible: the plan is optimal for the problem itself."""
    solution = edgeopt.solve(random_instance(6, nodes=3, users=1), "certified", threads=1)
    assert solution.status == "optimal"
