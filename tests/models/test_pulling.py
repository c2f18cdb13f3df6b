"""The strong form of pulling says what the formulation of the products says, and is what `exact` compiles in arrays."""

from __future__ import annotations

from typing import Any

import pytest

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import LinearProgram, compile_formulation
from edgeopt.models.pulling import formulate_linear, formulate_strong, read_plan
from edgeopt.pulling.arrays import reduce_instance
from edgeopt.pulling.checker import check
from edgeopt.pulling.strong_form import StrongProgram
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.pulling.brute_force import optimum
from tests.pulling.random_instances import random_instance

SIZES: list[dict[str, Any]] = [
    {},
    {"requests": 7, "models": 5, "cloudlets": 3, "blocks": 6},
    {"requests": 12, "models": 4, "blocks": 8},
    {"waiting": "once", "sources": "any"},
    {"requests": 7, "waiting": "parallel", "sources": "peers"},
]


def value(program: LinearProgram, relaxed: bool) -> float | None:
    """Return the optimum of a program or of its relaxation; None when it is infeasible."""
    return HighsSolver(program, Run(maximize=False)).solve(relaxed=relaxed).objective


@some_or_many(12, 40)
@pytest.mark.parametrize("size", SIZES, ids=["small", "cloudlets", "requests", "peers", "parallel"])
def test_the_compiled_form_has_the_same_relaxation_and_optimum(size: dict[str, Any], numbers: range) -> None:
    feasible = limited = 0
    for seed in numbers:
        instance = random_instance(seed, **size)
        core = reduce_instance(instance).core
        limited += bool(core.limited.any())
        compiled, readable = StrongProgram(core).program(), compile_formulation(formulate_strong(instance))
        for relaxed in (True, False):
            found, expected = value(compiled, relaxed), value(readable, relaxed)
            if relaxed and found is not None and core.limited.any() and "waiting" in size:
                assert found >= expected - 1e-6, seed  # limits are rounded down to what works together can be
                continue
            assert found == (None if expected is None else pytest.approx(expected, rel=1e-6, abs=1e-6)), (seed, relaxed)
        feasible += found is not None
    assert feasible >= len(numbers) / 3
    assert limited >= len(numbers) / 12


@some_or_many(12, 40)
def test_the_strong_form_is_the_problem_and_bounds_it_closer(numbers: range) -> None:
    feasible = closer = 0
    for seed in numbers:
        instance = random_instance(seed, requests=3, models=3)
        expected, _ = optimum(instance)
        strong = formulate_strong(instance)
        program = compile_formulation(strong)
        result = HighsSolver(program, Run(maximize=False)).solve()
        assert (result.objective is None) == (expected is None), seed
        if expected is None or result.values is None:
            continue
        feasible += 1
        assert result.objective == pytest.approx(expected, rel=1e-6, abs=1e-6), seed
        program.load(strong, result.values)
        report = check(instance, read_plan(strong))
        assert report.feasible, (seed, report.violations)
        assert report.objective == pytest.approx(expected, rel=1e-6, abs=1e-6), seed
        weak, tight = (
            value(compile_formulation(form(instance)), True) for form in (formulate_linear, formulate_strong)
        )
        assert weak is not None
        assert tight is not None
        assert weak <= tight + 1e-6 <= expected + 2e-6, seed
        closer += tight > weak + 1e-6
    assert feasible >= len(numbers) / 2
    assert closer >= len(numbers) / 14
