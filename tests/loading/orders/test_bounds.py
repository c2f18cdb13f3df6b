"""Bounds: never below the optimum, close to it, and there at any limit."""

import pytest

import edgeopt
from edgeopt.loading.generator import generate
from edgeopt.loading.relaxations import floor_bound, union_bound
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.random_instances import STRUCTURES, random_instance


@some_or_many(6, 15)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_never_below_the_optimum(structure, numbers):
    tight = 0
    for seed in numbers:
        instance = random_instance(seed, structure)
        solution = edgeopt.solve(instance, "bound", threads=1)
        best = optimum(instance)
        assert solution.objective is None
        assert solution.bound >= best
        tight += solution.bound == best
    assert tight > len(numbers) / 2


@pytest.mark.parametrize("limit", [0.0, 0.02, None])
def test_there_is_a_bound_at_any_limit(limit):
    instance = generate("grid", 40, 300, seed=1)
    best = edgeopt.solve(instance, "exact", threads=1)
    assert best.status == "optimal"
    assert best.objective <= edgeopt.solve(instance, "bound", threads=1, time_limit=limit).bound < 300


def test_the_forest_tightens_the_union_of_blocks():
    instance = generate("dense", 30, 300, seed=0)
    union = union_bound(compile_workload(instance).prefixes, Run())
    solution = edgeopt.solve(instance, "bound", threads=1)
    assert solution.bound < union
    assert f"each block once: {union}" in solution.message


def test_dense_sharing_beyond_reach_keeps_the_union(monkeypatch):
    monkeypatch.setattr("edgeopt.loading.relaxations.MOST_TERMS", 10)
    instance = generate("dense", 30, 300, seed=0)
    union = union_bound(compile_workload(instance).prefixes, Run())
    solution = edgeopt.solve(instance, "bound", threads=1)
    assert solution.bound == union
    assert "in reach" in solution.message


def test_rounding_errors_do_not_lower_a_bound():
    assert [floor_bound(each) for each in (3.0, 3.9, 3 - 1e-9, 4 - 1e-5)] == [3, 3, 3, 3]
