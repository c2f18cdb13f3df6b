"""What must hold for every method of `loading` in each of its eight modes; the methods are taken from the registry."""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest

import edgeopt
from edgeopt.loading.instance import LoadingInstance
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.modes import FEW_BLOCKS, in_mode
from tests.loading.random_instances import random_instance

METHODS = edgeopt.methods("loading")
MODES = list(product(("phase", "overlapped"), ("consecutive", "capacity"), (True, False)))
NAMES = [f"{upload}-{retention}-{'one' if one else 'individual'}" for upload, retention, one in MODES]
SOME, MANY = 8, 200

# Methods that start a solver take some hundredths of a second for the smallest instance.
SLOW = {"no-sharing", "bound"}
SLOW_EVERY = 4


@cache
def drawn(mode: tuple[str, str, bool], number: int) -> list[tuple[LoadingInstance, int]]:
    """Tiny instances of a mode with their optima by enumeration, which shares nothing with any method."""
    upload, retention, one_deadline = mode
    found: list[tuple[LoadingInstance, int]] = []
    seed = 5000
    while len(found) < number:
        instance = random_instance(seed, models=3, users=4, one_deadline=one_deadline)
        seed += 1
        if retention == "consecutive" or len(instance.library.blocks) <= FEW_BLOCKS:
            instance = in_mode(instance, upload, retention)
            found.append((instance, optimum(instance)))
    return found


@some_or_many(SOME, MANY)
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("mode", MODES, ids=NAMES)
def test_a_method_refuses_the_mode_or_tells_the_truth(mode, name, numbers):
    refusals = runs = proved = 0
    for instance, best in drawn(mode, numbers.stop)[numbers.start :: SLOW_EVERY if name in SLOW else 1]:
        reason = METHODS[name].refusal(instance)
        if reason is not None:
            refusals += 1
            assert reason
            continue
        runs += 1
        solution = edgeopt.solve(instance, name, threads=1, iteration_limit=300)
        assert solution.bound is None or solution.bound >= best
        assert all(bound is None or bound >= best for _, _, bound in solution.history)
        assert all(found is None or found <= best for _, found, _ in solution.history)
        assert solution.objective is None or solution.objective <= best
        if solution.status == "optimal":
            proved += 1
            assert solution.objective == best
        if METHODS[name].kind == "exact":
            assert solution.status == "optimal", (instance.name, solution.message)
        if solution.plan is not None:
            assert edgeopt.check(instance, solution.plan).objective == solution.objective
    assert refusals + runs > 0
    assert METHODS[name].kind != "exact" or proved == runs
