"""The semidefinite bounds for one node, and the search with them, against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import edgeopt
from edgeopt.placement import branch_and_bound
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.generator import generate
from edgeopt.placement.knapsack import Knapsack
from edgeopt.placement.semidefinite import SemidefiniteBound
from edgeopt.placement.semidefinite_tree import SemidefiniteTree
from edgeopt.run import Run
from edgeopt.solution import Stopped
from tests.amounts import some_or_many
from tests.placement.knapsacks import optimum, random_knapsack

TOLERANCE = 1e-8
SCALES = (1.0, 1e-9, 1e12)


def scaled(seed: int) -> Knapsack:
    """Draw a reduced problem of which something must be left out and something may be kept; weights may be huge."""
    for draw in range(seed, 10**9, 100_000):
        knapsack = random_knapsack(draw).reduced()[0]
        if len(knapsack.profit) and knapsack.weight.sum() > knapsack.capacity:
            break
    profit = knapsack.profit * SCALES[seed % 3]
    large = 10**9 if seed % 2 else 1
    return Knapsack(
        profit,
        knapsack.incidence,
        knapsack.weight * large,
        knapsack.capacity * large,
        knapsack.integral and profit[0] >= 1,
    )


@some_or_many(6, 300)
@pytest.mark.parametrize("iterations", [1, 20])
def test_multipliers_prove_a_bound_at_any_time(iterations: int, numbers: range) -> None:
    closed = 0
    for seed in numbers:
        knapsack = scaled(seed)
        best, total = optimum(knapsack), float(knapsack.profit.sum())
        safe = ~knapsack.incidence.any(axis=1)
        if safe.all():
            continue
        need = int(knapsack.weight.sum()) - knapsack.capacity
        excess = int(knapsack.weight.max()) - 1
        sure = float(knapsack.profit[safe].sum())
        bound = SemidefiniteBound(knapsack.profit[~safe], knapsack.incidence[~safe], knapsack.weight, need, excess)
        for _ in range(5):
            bound.run(iterations)
            bound.prove()
            assert sure + bound.bound >= best - TOLERANCE * total, seed
            assert sure + total * bound.proven() / total >= best - TOLERANCE * total, seed
        closed += sure + bound.bound < best + 0.5 * (total - best)
    assert closed > (0.4 * len(numbers) if iterations > 1 else -1)


@some_or_many(3, 80)
def test_the_search_proves_the_optimum(numbers: range) -> None:
    for seed in numbers:
        knapsack = scaled(seed)
        tree = SemidefiniteTree(knapsack, np.zeros(len(knapsack.profit), bool), float(knapsack.profit.sum()))
        assert tree.run(Run()) == Stopped.PROVED
        best = optimum(knapsack)
        assert tree.value == pytest.approx(best, rel=TOLERANCE), seed
        assert tree.bound == pytest.approx(best, rel=TOLERANCE), seed
        assert knapsack.weight_of(tree.best) <= knapsack.capacity


@some_or_many(3, 36)
def test_a_limit_leaves_a_bound(numbers: range) -> None:
    for seed in numbers:
        knapsack = scaled(seed)
        tree = SemidefiniteTree(knapsack, np.zeros(len(knapsack.profit), bool), float(knapsack.profit.sum()))
        tree.run(Run(), 60)
        assert tree.bound >= optimum(knapsack) - TOLERANCE * float(knapsack.profit.sum()), seed


def test_the_root_tells_bounds_before_it_ends() -> None:
    arrays = DemandArrays(generate("set-union", 40, seed=3, elements=40))
    knapsack = arrays.knapsack(0, arrays.empty()).reduced()[0]
    run = Run()
    tree = SemidefiniteTree(knapsack, np.zeros(len(knapsack.profit), bool), float(knapsack.profit.sum()))
    tree.run(run, 100)
    bounds = [bound for _, _, bound in run.history if bound is not None]
    assert tree.parts == 1
    assert len(bounds) > 1
    assert bounds == sorted(set(bounds), reverse=True)
    assert bounds[-1] == tree.bound


def test_a_large_problem_has_semidefinite_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as large is made small here: the method goes on with these bounds where its own stay far off."""
    instance = generate("set-union", 40, seed=3, elements=40)
    monkeypatch.setattr(branch_and_bound, "LARGE", 60)
    monkeypatch.setattr(branch_and_bound, "CHUNK_ENTRIES", 100)
    monkeypatch.setattr(branch_and_bound, "FAR", 0.0)
    solution = edgeopt.solve(instance, "branch-and-bound", iteration_limit=250, threads=1)
    assert "semidefinite" in solution.message
    arrays = DemandArrays(instance)
    knapsack = arrays.knapsack(0, arrays.empty())
    linear = branch_and_bound.BranchAndBound(knapsack, arrays.empty()[0])
    assert solution.objective is not None
    assert solution.bound is not None
    assert solution.objective <= solution.bound < linear.bound


def test_eigenvalues_are_computed_by_as_many_threads_as_the_run_has(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()

    def run(tree: SemidefiniteTree, *_: object) -> Stopped:
        threads.update(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
        return Stopped.ITERATION_LIMIT

    monkeypatch.setattr(branch_and_bound, "LARGE", 60)
    monkeypatch.setattr(branch_and_bound, "CHUNK_ENTRIES", 100)
    monkeypatch.setattr(branch_and_bound, "FAR", 0.0)
    monkeypatch.setattr(SemidefiniteTree, "run", run)
    edgeopt.solve(generate("set-union", 40, seed=3, elements=40), "branch-and-bound", iteration_limit=250, threads=1)
    assert threads == {1}
