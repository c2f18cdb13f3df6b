"""Beams, local search and the portfolio of streams: never worse than the policies, and often optimal."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.policies.named import replay_policy
from edgeopt.loading.streams.lines import Line, StreamLines
from edgeopt.loading.workload import compile_workload
from tests.loading.streams.brute_force import stream_optimum
from tests.loading.streams.random_streams import MODE_NAMES, MODES, random_stream

SEARCHED = ("beam", "local-search", "portfolio")


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_plans_are_at_least_those_of_the_policies_and_often_optimal(mode):
    optimal = streams = 0
    for seed in range(3):
        instance = random_stream(seed, *mode, users=4)
        if not instance.stream:
            continue
        streams += 1
        policies = max(edgeopt.solve(instance, name).objective for name in ("density", "affinity", "edf"))
        best = stream_optimum(instance)
        for name in SEARCHED:
            solution = edgeopt.solve(instance, name, iteration_limit=4)
            assert policies <= solution.objective <= best
            assert edgeopt.check(instance, solution.plan).objective == solution.objective
        optimal += solution.objective == best
    assert optimal >= streams - 1


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_any_line_is_a_plan_that_serves_what_it_says(mode):
    rng = np.random.default_rng(5)
    for seed in range(3):
        instance = random_stream(100 + seed, *mode, users=7)
        work = compile_workload(instance)
        if not work.models:
            continue
        lines = StreamLines(work)
        models = rng.integers(0, work.models, 10)
        line = Line(models, rng.uniform(0, 10, 10) * rng.integers(0, 2, 10))
        report = edgeopt.check(instance, lines.plan(line.copy()))
        assert report.feasible, report.violations
        assert report.objective == lines.served(line)


def test_the_line_of_a_plan_serves_about_as_many():
    instance = random_stream(3, *MODES[0], users=9)
    plan = replay_policy(instance, "density")
    lines = StreamLines(compile_workload(instance))
    assert lines.served(lines.line(plan)) >= edgeopt.check(instance, plan).objective - 1


def test_a_start_is_kept():
    instance = next(random_stream(s, *MODES[0]) for s in range(20) if random_stream(s, *MODES[0]).stream)
    best = edgeopt.solve(instance, "exact")
    for name in ("greedy", *SEARCHED):
        assert edgeopt.solve(instance, name, start=best, iteration_limit=1).objective == best.objective


def test_auto_proves_few_users_and_searches_for_many():
    from edgeopt.loading.generator import generate

    few = next(random_stream(s, *MODES[0]) for s in range(20) if random_stream(s, *MODES[0]).stream)
    assert edgeopt.solve(few).method == "exact"
    many = generate("backbone", 6, 90, seed=1, arrivals="poisson", rate_per_s=2.0)
    solution = edgeopt.solve(many, time_limit=2)
    assert solution.method == "portfolio"
    assert solution.bound >= solution.objective >= edgeopt.solve(many, "density").objective
