"""What `auto` chooses, and what it says of it."""

import pytest

import edgeopt
from edgeopt.loading.auto import choose
from edgeopt.loading.generator import generate
from edgeopt.run import Options
from tests.loading.small import instance_of


@pytest.mark.parametrize(
    ("sharing", "models", "method"),
    [
        ("tree", 30, "dp"),
        ("backbone", 30, "dp"),
        ("lora-towers", 30, "modular-dp"),
        ("random", 60, "exact"),
        ("dense", 60, "exact"),
    ],
)
def test_one_deadline(sharing, models, method):
    name, reason = choose(generate(sharing, models, 50, seed=1), Options())
    assert name == method
    assert reason


def test_dense_sharing_beyond_reach(monkeypatch):
    monkeypatch.setattr("edgeopt.loading.relaxations.MOST_TERMS", 10)
    name, reason = choose(generate("dense", 30, 50, seed=1), Options())
    assert name == "local-search"
    assert "in reach of an exact method" in reason


def test_the_solution_says_what_was_chosen_and_why():
    solution = edgeopt.solve(generate("tree", 10, 30, seed=1))
    assert (solution.method, solution.status) == ("dp", "optimal")
    assert solution.message.startswith("auto chose dp: tree sharing")


def test_individual_deadlines():
    users = {"a": {"model": "m"}, "b": {"model": "m", "deadline_s": 9.0}}
    solution = edgeopt.solve(instance_of({"m": ["x"]}, users, 8.0))
    assert solution.objective == 2
    assert "different deadlines" in solution.message


@pytest.mark.parametrize(
    ("models", "users", "time_limit", "method"),
    [
        (8, 50, None, "exact"),
        (15, 150, 30.0, "exact"),
        (15, 150, None, "local-search"),
        (60, 600, 30.0, "local-search"),
    ],
)
def test_individual_deadlines_of_more_users(models, users, time_limit, method):
    instance = generate("grid", models, users, seed=1, deadlines="individual")
    name, reason = choose(instance, Options(time_limit=time_limit))
    assert name == method
    assert "different deadlines" in reason


def test_no_users():
    solution = edgeopt.solve(instance_of({"m": ["x"]}, [], 8.0))
    assert (solution.objective, solution.status) == (0, "optimal")
