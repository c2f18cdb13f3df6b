"""What every method tells while it runs: incumbents have plans, which the checker scores as they were told."""

from __future__ import annotations

from typing import Any

import pytest

import edgeopt
from edgeopt.problems import PROBLEMS, find_problem
from edgeopt.run import Options, Progress, Run

KINDS = [
    pytest.param(problem, kind, marks=[pytest.mark.slow] if number else [])
    for problem in PROBLEMS
    for number, kind in enumerate(find_problem(problem).part("specimens").KINDS)
]


def told(instance: edgeopt.Instance, name: str, iterations: int) -> list[Progress]:
    """Run a method and return what it tells, its plans looked at only when it has ended."""
    seen: list[Progress] = []
    options = Options(time_limit=20.0, iteration_limit=iterations)
    run = Run(options, maximize=instance.conventions.maximize, progress=lambda progress: seen.append(progress))
    edgeopt.methods(instance.problem)[name].function(instance, run)
    return [progress for progress in seen if progress.objective is not None]


@pytest.mark.parametrize(("problem", "kind"), KINDS)
def test_incumbents_have_plans(problem: str, kind: Any) -> None:
    specimens = find_problem(problem).part("specimens")
    instance = specimens.specimen(kind)
    incumbents = 0
    last: dict[str, Any] = {}
    for name in edgeopt.methods(problem):
        if edgeopt.methods(problem)[name].refusal(instance) is not None:
            continue
        for progress in told(instance, name, specimens.ITERATIONS):
            assert progress.plan is not None, name
            report = edgeopt.check(instance, progress.plan)
            assert not report.violations, (name, report.violations)
            assert report.objective is not None
            assert progress.objective is not None
            if problem == "caching":  # better beams that a method finds later are those of the plan, too
                assert report.objective <= progress.objective * (1 + 1e-6), name
            else:
                assert report.objective == pytest.approx(progress.objective, rel=1e-6), name
            incumbents += 1
            last[name] = progress.plan
    assert incumbents
    figures = instance.conventions.part("figures")
    for name, plan in last.items():  # a table says all of a plan
        again = figures.plan_of_frame(instance, figures.plan_frame(instance, plan))
        report, expected = edgeopt.check(instance, again), edgeopt.check(instance, plan)
        assert not report.violations, (name, report.violations)
        assert report.objective == pytest.approx(expected.objective, rel=1e-12), name
