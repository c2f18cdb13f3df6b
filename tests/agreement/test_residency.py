"""What must be true across the methods of `residency`: enumeration's optimum is found, never beaten, and bounded."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import pytest

import edgeopt
from edgeopt.solution import Status
from edgeopt.tolerances import HIGHS_PRECISION, PROVED_GAP
from tests.amounts import some_or_many
from tests.residency.brute_force import optimum
from tests.residency.random_instances import random_instance

FIRST, SOME, MANY = 100, 20, 1000  # two of these few do not fit on the GPU
METHODS = edgeopt.methods("residency")
drawn = cache(random_instance)
cached_optimum = cache(lambda seed: optimum(drawn(seed)))


def assert_true(seed: int, name: str) -> bool:
    """Compare a method with enumeration; return whether there is a plan."""
    instance, best = drawn(seed), cached_optimum(seed)
    solution = edgeopt.solve(instance, name, threads=1, seed=seed)
    about = f"{seed}, {name}: {solution.objective} of {best}, bound {solution.bound}"
    kind = METHODS[name].kind
    if best is None:
        assert solution.status == Status.INFEASIBLE, about
        assert "not fit on the GPU" in solution.message, about
        return False
    room = (Fraction(PROVED_GAP) + Fraction(HIGHS_PRECISION)) * best
    if kind != "bound":
        assert Fraction(solution.objective) >= best * (1 - Fraction(1, 10**12)), about
    if solution.bound is not None:
        assert Fraction(solution.bound) <= best + room, about
    if kind == "exact":
        assert solution.status == Status.OPTIMAL, about
        assert Fraction(solution.objective) <= best + room, about
    return True


@some_or_many(SOME, MANY)
@pytest.mark.parametrize("name", METHODS)
def test_against_enumeration(name: str, numbers: range) -> None:
    """Exact methods find the optimum and prove it; the others stay at or above it, and their bounds at or below."""
    outcomes = [assert_true(seed, name) for seed in range(FIRST + numbers.start, FIRST + numbers.stop)]
    assert 0.75 < sum(outcomes) / len(numbers) < 1.0


@pytest.mark.parametrize("name", METHODS)
def test_savings_far_above_what_is_loaded(name: str) -> None:
    """Keeping saves a billion seconds here, and the optimum loads for ten microseconds: differences would cancel."""
    assert assert_true(1805, name)
