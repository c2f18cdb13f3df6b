"""What must be true of every method of `pulling`, also of methods added later: they are taken from the registry."""

from __future__ import annotations

from functools import cache

import pytest

import edgeopt
from edgeopt.pulling.generator import generate
from edgeopt.pulling.instance import PullingInstance
from tests.pulling.brute_force import optimum
from tests.pulling.random_instances import random_instance

METHODS = edgeopt.methods("pulling")
EXACT = [name for name, method in METHODS.items() if method.kind == "exact" and method.missing_extra() is None]
OTHERS = [name for name, method in METHODS.items() if method.kind != "exact"]
SLOW = {"nlip", "lagrangian", "local-search", "rounding", "no-sharing", "cpsat"}


@cache
def tiny(seed: int) -> tuple[PullingInstance, float | None]:
    instance = random_instance(seed, requests=3)
    return instance, optimum(instance)[0]


FEW, MANY = range(20), range(20, 70)
MORE = [pytest.param(name, MANY, marks=pytest.mark.slow) for name in EXACT if name not in SLOW]


@pytest.mark.parametrize(("name", "numbers"), [*((name, FEW) for name in EXACT), *MORE])
def test_exact_methods_find_the_optimum(name, numbers):
    feasible = infeasible = 0
    for seed in numbers:
        instance, value = tiny(seed)
        solution = edgeopt.solve(instance, name, threads=1)
        if value is None:
            assert solution.status == "infeasible", seed
            assert solution.message, seed
            infeasible += 1
        else:
            assert solution.status == "optimal", seed
            assert solution.objective == pytest.approx(value, rel=1e-9, abs=1e-9), seed
            feasible += 1
    assert feasible > 10
    assert infeasible > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_other_methods_keep_within_the_optimum(name):
    runs = 0
    for seed in range(FEW.stop if name in SLOW else MANY.stop):
        instance, value = tiny(seed)
        if METHODS[name].refusal(instance) is not None:
            continue
        solution = edgeopt.solve(instance, name, threads=1, iteration_limit=3)
        runs += 1
        if value is None:
            assert solution.objective is None, seed
            continue
        if solution.objective is not None:
            assert solution.objective >= value * (1 - 1e-9) - 1e-9, seed
        if solution.bound is not None:
            assert solution.bound <= value * (1 + 1e-7) + 1e-7, seed
    assert runs > 10 or name == "cache-search"


@pytest.mark.slow
@pytest.mark.parametrize("compute", ["unlimited", "limited"])
def test_medium_instances(compute):
    instance = generate(cloudlets=5, requests=30, models=18, compute=compute, seed=3, mean_count=10)
    best = edgeopt.solve(instance, "exact", threads=1)
    assert best.status == "optimal"
    for name in OTHERS:
        if METHODS[name].refusal(instance) is not None:
            continue
        solution = edgeopt.solve(instance, name, threads=1, iteration_limit=3, seed=1)
        again = edgeopt.solve(instance, name, threads=1, iteration_limit=3, seed=1)
        assert solution.plan == again.plan, name
        if solution.objective is not None:
            assert solution.objective >= best.objective * (1 - 1e-9), name
        if solution.bound is not None:
            assert solution.bound <= best.objective * (1 + 1e-7), name
    greedy = edgeopt.solve(instance, "greedy", threads=1)
    assert edgeopt.solve(instance, "local-search", threads=1, iteration_limit=2, start=greedy).objective <= (
        greedy.objective * (1 + 1e-12)
    )
