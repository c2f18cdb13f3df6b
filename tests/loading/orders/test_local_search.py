"""Local search: never above the optimum, often there; starts, limits, seeds; its kernels against their definitions."""

from itertools import pairwise

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.generator import generate
from edgeopt.loading.orders.local_search import default_iterations
from edgeopt.loading.orders.paths import Path
from edgeopt.loading.orders.tables import ServingTables
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.from_python import from_python
from tests.loading.brute_force import optimum
from tests.loading.random_instances import STRUCTURES, random_instance
from tests.loading.small import instance_of


@some_or_many(5, 25)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_reaches_the_optimum_of_small_instances(structure, numbers):
    for seed in numbers:
        instance = random_instance(seed, structure, models=6)
        assert edgeopt.solve(instance, "local-search", iteration_limit=500).objective == optimum(instance)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_modular_dp_on_trees(seed):
    instance = generate("tree", 40, 300, seed=seed)
    value = edgeopt.solve(instance, "local-search", iteration_limit=3000).objective
    assert value <= edgeopt.solve(instance, "modular-dp").objective <= value + 1


@pytest.mark.parametrize("kind", ["random", "grid", "interval", "dense"])
def test_not_below_greedy_and_tree(kind):
    instance = generate(kind, 40, 320, seed=3, load_rate_bytes_per_s=1e9)
    value = edgeopt.solve(instance, "local-search", iteration_limit=0).objective
    assert value >= max(edgeopt.solve(instance, name).objective for name in ("greedy", "tree"))
    assert edgeopt.solve(instance, "local-search", iteration_limit=2000).objective >= value


def test_same_seed_same_plan():
    instance = generate("grid", 40, 320, seed=7, load_rate_bytes_per_s=1e9)
    plans = [edgeopt.solve(instance, "local-search", seed=seed, iteration_limit=700).plan for seed in (5, 5, 6)]
    assert plans[0] == plans[1]


def test_limits():
    instance = generate("grid", 40, 320, seed=7, load_rate_bytes_per_s=1e9)
    limited = edgeopt.solve(instance, "local-search", iteration_limit=37)
    assert limited.stopped == "iteration_limit"
    assert limited.message.startswith("37 iterations")
    unlimited = edgeopt.solve(instance, "local-search")
    assert unlimited.stopped == "finished"
    assert unlimited.message.startswith(f"{default_iterations(40)} iterations")
    at_once = edgeopt.solve(instance, "local-search", time_limit=0.0)
    assert at_once.stopped == "time_limit"
    assert at_once.objective > 0


def test_ends_when_everybody_is_served():
    instance = instance_of({"a": ["x", "a"], "b": ["x", "b"]}, ["a", "b", "b"], deadline_s=100.0)
    solution = edgeopt.solve(instance, "local-search", time_limit=60.0)
    assert (solution.objective, solution.stopped) == (3, "finished")


def test_a_start_is_never_worsened():
    instance = generate("grid", 60, 600, seed=1, load_rate_bytes_per_s=8e8)
    start = edgeopt.solve(instance, "local-search", iteration_limit=4000)
    assert start.objective > edgeopt.solve(instance, "greedy").objective
    again = edgeopt.solve(instance, "local-search", start=start, iteration_limit=0)
    assert again.objective >= start.objective


def test_a_start_that_revisits_models_and_serves_slow_users():
    instance = instance_of(
        {"a": ["a"], "b": ["b"]},
        {"a1": {"model": "a", "upload_bits": 8.0}, "a2": {"model": "a"}, "b1": {"model": "b"}},
        deadline_s=20.0,
    )
    plan = {
        "batches": [
            {"model": "a", "users": ["a1"]},
            {"model": "b", "users": ["b1"]},
            {"model": "a", "users": ["a2"]},
        ],
        "bandwidth_hz": {"a1": 2.0, "a2": 1.0, "b1": 1.0},
    }
    assert edgeopt.check(instance, plan).feasible
    start = edgeopt.solve(instance, lambda _: plan)
    assert edgeopt.solve(instance, "local-search", start=start, iteration_limit=0).objective == 3


def test_reports_every_improvement():
    instance = generate("grid", 40, 320, seed=7, load_rate_bytes_per_s=1e9)
    seen = []
    solution = edgeopt.solve(
        instance, "local-search", iteration_limit=3000, progress=lambda step: seen.append(step.objective)
    )
    assert seen == sorted(set(seen))
    assert seen[-1] == solution.objective


def test_nobody_to_serve():
    solution = edgeopt.solve(instance_of({"a": ["a"]}, ["a"], deadline_s=0.5), "local-search")
    assert (solution.objective, solution.stopped) == (0, "proved")


def true_value(tables, order, worth):
    """What a path is worth by definition, in seconds."""
    overlaps = sum(tables.overlap[a, b] for a, b in pairwise(order))
    return sum(worth[model] for model in order) + overlaps


def consistent(tables, path, length):
    order = path.order()
    assert len(order) == length == len(set(order.tolist()))
    assert [int(path.place[model]) for model in order] == list(range(1, length + 1))
    assert np.count_nonzero(path.place) == length


@pytest.mark.parametrize("kind", ["random", "dense", "interval"])
def test_kicks_and_descents_keep_the_path_whole_and_descents_gain(kind):
    from edgeopt.loading.orders import search_kernels as kernels

    tables = ServingTables.of(compile_workload(generate(kind, 25, 200, seed=1, load_rate_bytes_per_s=1e9)).prefixes)
    kick = from_python(kernels.kick)
    rng, state = np.random.default_rng(0), np.array([7], dtype=np.uint64)
    woken = kernels.Woken(np.empty(tables.models, np.int64), np.zeros(tables.models, np.bool_))
    serving = tables.serving
    worth = np.empty(tables.models)
    path, length, gains = Path(tables, [3, 1, 4]), 3, 0
    for _ in range(300):
        price = tables.horizon / rng.integers(20, 200)
        kernels.set_worth(worth, price, tables.slopes, tables.first, tables.load)
        length, size = kick(path.cells, path.place, length, serving, woken, state)
        consistent(tables, path, length)
        before = true_value(tables, path.order(), worth)
        least = 1e-10 * tables.horizon
        length = kernels.descend(path.cells, path.place, length, worth, serving, woken, size, least)
        consistent(tables, path, length)
        after = true_value(tables, path.order(), worth)
        assert after >= before - 1e-9 * tables.horizon
        gains += after > before
        assert not woken.waiting.any()
    assert gains > 100


def test_worth_and_fill_by_definition():
    from edgeopt.loading.orders.search_kernels import fill, set_worth

    instance = generate("random", 12, 80, seed=2)
    tables = ServingTables.of(compile_workload(instance).prefixes)
    rng, worth = np.random.default_rng(1), np.empty(tables.models)
    for _ in range(20):
        price = float(rng.choice(tables.slopes[tables.slopes > 0]) * rng.uniform(0.8, 1.5))
        set_worth(worth, price, tables.slopes, tables.first, tables.load)
        path = Path(tables, rng.permutation(tables.models)[:5])
        hulls = [np.cumsum(tables.slopes[a:b]) for a, b in zip(tables.first[:-1], tables.first[1:], strict=True)]
        for model, hull in enumerate(hulls):
            n = np.arange(1, len(hull))
            assert worth[model] == pytest.approx(max(price * n - hull[1:]) - tables.load[model])
        # With the price as multiplier no count does better than the users that fill gives, and the budget's worth.
        budget = float(rng.uniform(0, 0.5) * tables.horizon)
        users, margin = fill(path.place, budget, *tables.ranked)
        if np.isfinite(margin):
            dual = sum(max(np.arange(len(hulls[m])) - hulls[m] / margin) for m in path.order()) + budget / margin
            assert users == pytest.approx(dual)
        else:
            assert users == sum(len(hulls[m]) - 1 for m in path.order())
    assert fill(Path(tables, [0]).place, -1.0, *tables.ranked) == (-1.0, 0.0)


def test_interrupt_before_the_search():
    from edgeopt.loading.orders.local_search import solve_local_search

    run = Run()
    run.interrupt.set()
    instance = generate("random", 15, 90, seed=1)
    outcome = solve_local_search(instance, run)
    assert outcome.stopped == "interrupted"
    assert edgeopt.check(instance, outcome.plan).feasible
