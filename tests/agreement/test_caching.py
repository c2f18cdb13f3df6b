"""What must be true across the methods of `caching`: enumeration's optimum is found, never beaten, and bounded."""

from __future__ import annotations

from math import isfinite

import pytest

import edgeopt
from edgeopt.solution import Status
from tests.amounts import some_or_many
from tests.caching.brute_force import optimum
from tests.caching.random_instances import random_instance
from tests.caching.rates import dual_rates

SOME, MANY = 8, 120
# 'neighbourhood' is for more nodes than can be enumerated; tests/caching/test_neighbourhood.py has it on few.
APART = ("neighbourhood",)
KINDS = {name: facts.kind for name, facts in edgeopt.methods("caching").items() if name not in APART}
OPTIMA: dict[int, float] = {}


def best_of(seed: int) -> float:
    if seed not in OPTIMA:
        instance = random_instance(seed)
        OPTIMA[seed] = optimum(instance, dual_rates(instance))
    return OPTIMA[seed]


@some_or_many(SOME, MANY)
@pytest.mark.parametrize("name", KINDS)
def test_against_enumeration(name: str, numbers: range) -> None:
    """The exact method, whose beams may be better, is no worse; the others are no better, and bounds are below."""
    ran, found = 0, 0
    for seed in numbers:
        instance = random_instance(seed)
        if edgeopt.methods("caching")[name].refusal(instance):
            continue
        ran += 1
        best = best_of(seed)
        solution = edgeopt.solve(instance, name, threads=1, seed=seed)
        if not isfinite(best):
            assert solution.objective is None, seed
            assert solution.message, seed
            continue
        margin = 1e-9 * max(1.0, best)
        assert solution.status != Status.INFEASIBLE, seed
        if solution.objective is not None:
            found += 1
            assert KINDS[name] == "exact" or solution.objective >= best - margin, seed
        if "table_bound_s" in solution.metrics and KINDS[name] != "exact":
            assert solution.metrics["table_bound_s"] <= best + margin, seed
        if solution.bound is not None:
            assert solution.bound <= best + margin, seed
        if KINDS[name] == "exact":
            assert solution.objective <= best + margin, seed
            assert solution.bound is not None, seed
    assert ran >= len(numbers) / 4
    assert found >= ran / 2 or KINDS[name] == "bound"
