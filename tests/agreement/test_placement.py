"""What must be true across the methods of `placement`: enumeration's optimum is found, never beaten, and bounded."""

from __future__ import annotations

from functools import cache

import pytest

import edgeopt
from edgeopt.solution import Status
from tests.amounts import some_or_many
from tests.placement.brute_force import optimum
from tests.placement.random_instances import random_instance

SOME, MANY = 8, 160
cached_optimum = cache(lambda seed: float(optimum(random_instance(seed))))
KINDS = {name: facts.kind for name, facts in edgeopt.methods("placement").items()}


@some_or_many(SOME, MANY)
@pytest.mark.parametrize("name", KINDS)
def test_against_enumeration(name: str, numbers: range) -> None:
    """Exact methods find the optimum and prove it; the others stay at or below it, and their bounds at or above."""
    ran = 0
    for seed in numbers:
        instance = random_instance(seed)
        if edgeopt.methods("placement")[name].refusal(instance):
            continue
        ran += 1
        best = cached_optimum(seed)
        solution = edgeopt.solve(instance, name, threads=1, seed=seed)
        margin = 1e-9 * max(1.0, best)
        if solution.objective is not None:
            assert solution.objective <= best + margin, seed
        if solution.bound is not None:
            assert solution.bound >= best - margin, seed
        if KINDS[name] == "exact":
            assert solution.status == Status.OPTIMAL, seed
            assert abs(solution.objective - best) <= margin, seed
    assert ran >= len(numbers) / 4
