"""Honest at limits, repeatable, and no worse than its start."""

import pytest

import edgeopt
from edgeopt.loading.generator import generate
from edgeopt.loading.walks.exact import solve_exact
from edgeopt.run import Run
from edgeopt.solution import Stopped
from tests.amounts import some_or_many
from tests.loading.random_instances import random_instance
from tests.loading.small import instance_of

MEDIUM = generate("random", 6, 30, seed=1, deadlines="individual")
LIMITS = [
    {"time_limit": 0.0},
    {"iteration_limit": 50},
    *(
        pytest.param(limit, marks=pytest.mark.slow)
        for limit in ({"time_limit": 0.1}, {"iteration_limit": 1}, {"gap": 0.5})
    ),
]


@pytest.fixture(scope="module")
def proved():
    solution = edgeopt.solve(MEDIUM, "exact", threads=1)
    assert (solution.status, solution.stopped) == ("optimal", "proved")
    return solution


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("name", ["exact", "cpsat", "bound", "greedy", "local-search"])
def test_what_is_found_within_limits_encloses_the_optimum(proved, name, limit):
    if name == "cpsat" and "gap" in limit:
        limit = {"gap": 0.5, "iteration_limit": 50}
    if name == "bound" and "gap" in limit:
        pytest.skip("a bound has no gap")
    solution = edgeopt.solve(MEDIUM, name, threads=1, **limit)
    if solution.bound is not None:
        assert solution.bound >= proved.objective
    if solution.objective is not None:
        assert solution.objective <= proved.objective


@pytest.mark.parametrize("name", ["exact", "local-search", "greedy", "bound"])
def test_same_seed_same_result(name):
    first, second = (edgeopt.solve(MEDIUM, name, threads=1, seed=3, iteration_limit=30) for _ in range(2))
    assert (first.plan, first.objective, first.bound) == (second.plan, second.objective, second.bound)


def test_interrupted_exact_keeps_plan_and_bound():
    run = Run(progress=lambda progress: run.interrupt.set())
    instance = generate("random", 15, 150, seed=1, deadlines="individual")
    outcome = solve_exact(instance, run)
    assert outcome.stopped == Stopped.INTERRUPTED
    assert edgeopt.check(instance, outcome.plan).feasible
    assert edgeopt.check(instance, outcome.plan).objective <= outcome.bound <= 150


@pytest.mark.parametrize("name", ["local-search", "exact"])
def test_a_start_is_not_lost(proved, name):
    solution = edgeopt.solve(MEDIUM, name, threads=1, iteration_limit=0, start=proved)
    assert solution.objective == proved.objective


def test_local_search_reports_where_it_stopped():
    solution = edgeopt.solve(MEDIUM, "local-search", threads=1, iteration_limit=100)
    assert solution.stopped == "iteration_limit"


def test_local_search_beats_edf_and_greedy():
    for seed in range(3):
        instance = generate("grid", 8, 50, seed=seed, deadlines="individual")
        found = {
            name: edgeopt.solve(instance, name, threads=1, iteration_limit=2000).objective
            for name in ("edf", "greedy", "local-search")
        }
        assert found["edf"] < found["greedy"] <= found["local-search"]


@some_or_many(1, 4)
def test_exact_and_cpsat_agree_beyond_the_reach_of_enumeration(numbers):
    for seed in numbers:
        instance = random_instance(500 + seed, models=5, users=12, one_deadline=False)
        first, second = (edgeopt.solve(instance, name, threads=1, time_limit=60.0) for name in ("exact", "cpsat"))
        assert first.status == second.status == "optimal"
        assert first.objective == second.objective


@pytest.mark.parametrize("name", ["exact", "cpsat", "bound", "greedy", "local-search"])
def test_nobody_can_be_served(name):
    users = {"a": {"model": "m", "deadline_s": 0.0}, "b": {"model": "m", "deadline_s": 0.5}}
    solution = edgeopt.solve(instance_of({"m": ["x"]}, users, 0.0), name)
    if name == "bound":
        assert solution.bound == 0
    else:
        assert solution.objective == 0


def test_too_many_batches_for_cpsat():
    instance = generate("random", 30, 300, seed=1, deadlines="individual")
    reason = edgeopt.methods("loading")["cpsat"].refusal(instance)
    assert reason is not None
    assert "'exact' would work" in reason
