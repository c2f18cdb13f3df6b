"""The branch and bound for one node, against enumeration at several cut-offs."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt
from edgeopt.placement.branch_and_bound import BranchAndBound
from edgeopt.placement.generator import generate
from edgeopt.run import Run
from edgeopt.solution import Stopped
from tests.amounts import some_or_many
from tests.placement.knapsacks import optimum, random_knapsack

TOLERANCE = 1e-8


def empty_tree(seed: int) -> BranchAndBound:
    """A search that knows no placement."""
    knapsack = random_knapsack(seed)
    return BranchAndBound(knapsack, np.zeros(len(knapsack.profit), dtype=bool))


@some_or_many(60, 250)
@pytest.mark.parametrize("part", [0.0, 0.4, 0.8, 0.95, 1.0, 1.05, 1.5])
def test_proves_any_target(part: float, numbers: range) -> None:
    """Below the optimum the search finds it; at and above it the search proves that there is nothing better."""
    above = below = 0
    for seed in numbers:
        tree = empty_tree(seed)
        best = optimum(tree.whole)
        target = best * part if not tree.whole_numbers else np.floor(best * part)
        assert tree.bound >= best - TOLERANCE, seed
        assert tree.prove(target, Run()) is None
        assert tree.bound >= best - TOLERANCE, seed
        assert tree.value <= best + TOLERANCE, seed
        assert tree.whole.value(tree.best) == tree.value
        assert tree.whole.weight_of(tree.best) <= tree.whole.capacity
        if target < best - TOLERANCE:
            below += 1
            assert tree.value == pytest.approx(best, abs=TOLERANCE), seed
            assert tree.bound == pytest.approx(best, abs=TOLERANCE), seed
        else:
            above += 1
            assert tree.bound <= max(target, best) + TOLERANCE, seed
    assert below > 0.4 * len(numbers) if part < 1 else above > 0.4 * len(numbers)


@some_or_many(100, 400)
def test_runs_to_the_optimum(numbers: range) -> None:
    for seed in numbers:
        tree = empty_tree(seed)
        assert tree.run(Run()) == Stopped.PROVED
        assert tree.value == pytest.approx(optimum(tree.whole), abs=TOLERANCE), seed
        assert tree.bound == pytest.approx(tree.value, abs=TOLERANCE), seed


def test_stops_at_a_node_limit_with_a_bound() -> None:
    instance = generate("set-union", 40, seed=3, elements=40)
    limited = edgeopt.solve(instance, "branch-and-bound", iteration_limit=30, threads=1)
    proved = edgeopt.solve(instance, "branch-and-bound", threads=1)
    assert proved.status == "optimal"
    assert limited.stopped == "iteration_limit"
    assert limited.bound > proved.objective >= limited.objective


def test_large_bytes_are_exact() -> None:
    """One byte too many is too many, at sizes where a relative tolerance would not see it."""
    for excess in (0, 1):
        instance = two_halves(excess)
        for method in ("branch-and-bound", "exact", "cpsat", "local-search", "greedy"):
            solution = edgeopt.solve(instance, method, threads=1, iteration_limit=1000)
            assert solution.objective == (2 if excess == 0 else 1), method


def two_halves(excess: int) -> edgeopt.Instance:
    """Two models of 2**46 bytes in all, and storage that lacks the excess."""
    half = 2**45
    return edgeopt.instance_from_dict(
        {
            "format": "edgeopt-instance/1",
            "problem": "placement",
            "name": "halves",
            "library": {
                "format": "edgeopt-library/1",
                "blocks": {"a": half - 5, "b": half - 6, "both": 11},
                "models": {"m1": {"blocks": ["a", "both"]}, "m2": {"blocks": ["b", "both"]}},
            },
            "nodes": {"n": {"storage_bytes": 2 * half - excess}},
            "demand": [
                {"user": "u", "model": "m1", "weight": 1, "nodes": ["n"]},
                {"user": "u", "model": "m2", "weight": 1, "nodes": ["n"]},
            ],
        }
    )
