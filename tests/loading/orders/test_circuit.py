"""The second opinion: optimal against brute force, its bound valid although times are rounded."""

import pytest

import edgeopt
import edgeopt.loading.orders.circuit as method
from edgeopt.engines.running import Result
from edgeopt.loading.cpsat_run import tour
from edgeopt.loading.generator import generate
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.random_instances import STRUCTURES, random_instance
from tests.loading.small import instance_of


@some_or_many(4, 10)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_optimal_against_brute_force(structure, numbers):
    for seed in numbers:
        instance = random_instance(seed, structure)
        solution = edgeopt.solve(instance, "cpsat", threads=1)
        assert solution.objective == optimum(instance), instance.name
        assert (solution.status, solution.bound) == ("optimal", solution.objective)


@pytest.mark.parametrize("units", [20, 100, 1000])
def test_coarse_time_units_widen_the_bound_and_keep_the_plan_in_time(monkeypatch, units):
    monkeypatch.setattr(method, "UNITS", units)
    gaps = late = 0
    in_time = method.in_time
    monkeypatch.setattr(method, "in_time", lambda *arguments: answers.append(in_time(*arguments)) or answers[-1])
    answers = []
    for seed in range(25):
        instance = random_instance(seed)
        solution = edgeopt.solve(instance, "cpsat", threads=1)
        assert solution.objective <= optimum(instance) <= solution.bound
        gaps += solution.objective < solution.bound
    late = answers.count(False)
    assert gaps <= late
    assert late > 0 or units == 1000


def test_agrees_with_exact():
    for sharing, seed in (("random", 0), ("dense", 1)):
        instance = generate(sharing, 10, 60, seed=seed)
        answers = [edgeopt.solve(instance, name, threads=1) for name in ("exact", "cpsat")]
        assert answers[0].objective == answers[1].objective
        assert {answer.status for answer in answers} == {"optimal"}


def test_limits_give_a_plan_and_a_valid_bound():
    instance = generate("grid", 16, 160, seed=1)
    best = edgeopt.solve(instance, "exact", threads=1).objective
    for limits in ({"time_limit": 0.0}, {"time_limit": 0.3}, {"iteration_limit": 10}):
        solution = edgeopt.solve(instance, "cpsat", threads=1, **limits)
        assert solution.objective <= best <= solution.bound


def test_starts_from_a_solution():
    instance = generate("grid", 16, 160, seed=1)
    first = edgeopt.solve(instance, "exact", threads=1)
    again = edgeopt.solve(instance, "cpsat", threads=1, start=first)
    assert again.objective == first.objective == again.bound


def test_refuses_what_it_cannot_do():
    many = {f"m{number}": ["x"] for number in range(method.MOST_MODELS + 1)}
    with pytest.raises(edgeopt.MethodRefusal, match="'exact' would work"):
        edgeopt.solve(instance_of(many, list(many), 100.0), "cpsat")


@pytest.mark.parametrize("deadlines", [(9.0, 9.0, 9.0), (9.0, 8.0, 7.0)])
def test_values_that_are_no_tour_are_an_error(monkeypatch, deadlines):
    users = {name: {"model": name, "deadline_s": due} for name, due in zip("abc", deadlines, strict=True)}
    instance = instance_of({name: [name] for name in "abc"}, users, 9.0)
    monkeypatch.setattr(Result, "true", lambda result, literal: True)
    with pytest.raises(edgeopt.ProgramError, match="no tour"):
        edgeopt.solve(instance, "cpsat", threads=1)


def test_tour_follows_the_arcs_and_notices_a_way_back():
    assert tour([(2, 3), (1, 2)], 1) == [2, 3]
    assert tour([(4, 5)], 1) == []
    with pytest.raises(edgeopt.ProgramError, match="back to 2"):
        tour([(1, 2), (2, 3), (3, 2)], 1)
