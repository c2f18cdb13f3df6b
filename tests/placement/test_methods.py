"""Promises of single methods: guarantees, refusals, merged bounds, portfolios."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import edgeopt
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.generator import generate
from edgeopt.placement.greedy import greedy_placement
from edgeopt.placement.portfolio import run_members
from edgeopt.placement.program import Program
from edgeopt.placement.starts import searched_start
from edgeopt.run import Options, Outcome, Run
from edgeopt.solution import Stopped
from tests.amounts import some_or_many
from tests.placement.brute_force import optimum
from tests.placement.random_instances import random_instance


@some_or_many(50, 150)
def test_spec_keeps_its_guarantee(numbers: range) -> None:
    """0.9 of the optimum on one node, 0.45 on several."""
    for seed in numbers:
        instance = random_instance(seed)
        found = edgeopt.solve(instance, "spec").objective
        part = 0.9 if len(instance.nodes) == 1 else 0.45
        assert found >= part * float(optimum(instance)) - 1e-9, seed


def test_spec_tells_each_node_and_ends_when_a_rule_says_so() -> None:
    instance = generate(models=8, nodes=3, users=12, seed=1)
    seen: list[edgeopt.Progress] = []
    whole = edgeopt.solve(instance, "spec", progress=seen.append)
    told = [progress.objective for progress in seen if progress.objective is not None]
    assert told == sorted(told)
    assert told[-1] == pytest.approx(whole.objective)
    ended = edgeopt.solve(instance, "spec", stop=edgeopt.FirstFeasible())
    assert (ended.stopped, ended.objective) == ("stop_rule", pytest.approx(told[0]))
    assert ended.objective < whole.objective


def test_spec_refuses_too_many_unions() -> None:
    instance = generate("random", models=40, nodes=1, users=200, models_per_user=20, seed=1)
    with pytest.raises(edgeopt.MethodRefusal, match=r"unions.*'greedy'"):
        edgeopt.solve(instance, "spec")


def test_branch_and_bound_refuses_what_it_cannot_do() -> None:
    with pytest.raises(edgeopt.MethodRefusal, match="for one node, and there are 2; 'exact'"):
        edgeopt.solve(random_instance(0, nodes=2), "branch-and-bound")
    large = generate("set-union", 800, elements=1500, density=0.3, seed=0)
    with pytest.raises(edgeopt.MethodRefusal, match=r"\d GB of memory; 'exact'"):
        edgeopt.solve(large, "branch-and-bound")


@some_or_many(20, 60)
def test_no_sharing_is_the_optimum_of_whole_models(numbers: range) -> None:
    """Whole models on one node are a 0/1 knapsack, which a table of all capacities solves."""
    for seed in numbers:
        instance = random_instance(seed, nodes=1)
        capacity = instance.nodes["n0"].storage_bytes
        best = np.zeros(capacity + 1)
        for model in instance.library.models:
            profit = sum(row.weight for row in instance.demand if row.model == model and row.nodes)
            size = instance.library.size_bytes(model)
            for room in range(capacity, size - 1, -1):
                best[room] = max(best[room], best[room - size] + profit)
        report = edgeopt.solve(instance, "no-sharing", threads=1)
        assert report.bound is None or report.bound == best[capacity] == 0, seed
        assert report.objective >= best[capacity] - 1e-9, seed


@some_or_many(20, 60)
def test_exact_cuts_off_what_overfills(numbers: range) -> None:
    """The cut holds for every placement that fits, and not for the one that it is made from."""
    cuts = 0
    for seed in numbers:
        arrays = DemandArrays(random_instance(seed))
        if not arrays.model_names:
            continue
        program = Program(arrays)
        rng = np.random.default_rng(seed)
        full = arrays.useful
        rows = program.cover_cuts(full)
        limit = rows.sum(axis=1) - 1
        if rows.shape[0]:
            cuts += 1
            assert (rows @ program.start(full) > limit).all()
        for _ in range(20):
            other = arrays.useful & (rng.random(arrays.useful.shape) < rng.random())
            if (arrays.stored_bytes(other) <= arrays.storage).all():
                assert (rows @ program.start(other) <= limit).all()
    assert cuts > len(numbers) / 6


def test_a_portfolio_keeps_the_best_of_each() -> None:
    instance = random_instance(11, nodes=2, models=5)
    arrays = DemandArrays(instance)
    good = edgeopt.solve(instance, "exact", threads=1)
    nothing = arrays.empty()

    def finds(arrays: DemandArrays, start: object, run: Run) -> Outcome:
        return Outcome(good.plan, good.objective + 10, Stopped.TIME_LIMIT)

    def bounds(arrays: DemandArrays, start: object, run: Run) -> Outcome:
        return Outcome(None, good.objective + 2, Stopped.TIME_LIMIT)

    merged = run_members(arrays, nothing, [("one", finds, 0.5), ("two", bounds, 1.0)], Run())
    assert arrays.value(arrays.placed(merged.plan)) == pytest.approx(good.objective)
    assert merged.bound == min(good.objective + 2, arrays.all_weight)
    assert merged.bound > good.objective
    assert merged.stopped == Stopped.TIME_LIMIT
    assert "one, two" in merged.message


def test_a_member_that_fails_is_named_and_loses_nothing() -> None:
    arrays = DemandArrays(random_instance(11, nodes=2, models=5))
    nothing, good = arrays.empty(), greedy_placement(arrays)
    assert arrays.value(good) > 0

    def finds(arrays: DemandArrays, start: object, run: Run) -> Outcome:
        return Outcome(arrays.plan(good))

    def fails(arrays: DemandArrays, start: object, run: Run) -> Outcome:
        raise ZeroDivisionError("of this test")

    def nonsense(arrays: DemandArrays, start: object, run: Run) -> Outcome:
        return Outcome({"nodes": {"no such node": ["no such model"]}})

    def bounds(arrays: DemandArrays, start: object, run: Run) -> Outcome:
        assert np.array_equal(start, good)
        return Outcome(bound=arrays.value(good))

    members = [("one", finds, 0.5), ("two", fails, 0.5), ("three", nonsense, 0.5), ("four", bounds, 1.0)]
    merged = run_members(arrays, nothing, members, Run())
    assert merged.plan == arrays.plan(good)
    assert merged.bound == arrays.value(good)
    assert merged.stopped == Stopped.PROVED
    assert "ran one, four; two failed with ZeroDivisionError: of this test; three failed with" in merged.message
    with pytest.raises(ZeroDivisionError, match="of this test"):
        run_members(arrays, nothing, [("two", fails, 1.0)], Run())


@pytest.mark.slow
def test_cpsat_obeys_the_iteration_limit() -> None:
    """A few units of its work repeat, and more of them prove more."""
    instance = generate(models=15, nodes=3, users=30, models_per_user=5, seed=2)
    few = [edgeopt.solve(instance, method="cpsat", iteration_limit=20) for _ in range(2)]
    more = edgeopt.solve(instance, method="cpsat", iteration_limit=200)
    assert few[0].stopped == few[1].stopped == "iteration_limit"
    assert few[0].plan == few[1].plan
    assert few[0].bound == few[1].bound
    assert more.bound <= few[0].bound
    assert more.objective >= few[0].objective


def without_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Outcome(None, None, Stopped.ITERATION_LIMIT)
    monkeypatch.setattr("edgeopt.placement.portfolio.solve_clauses", lambda *given: nothing)
    monkeypatch.setattr("edgeopt.placement.portfolio.prove_program", lambda *given: nothing)


@some_or_many(1, 3)
def test_auto_finds_what_its_local_search_finds(monkeypatch: pytest.MonkeyPatch, numbers: range) -> None:
    """Proofs aside it is the search of `local-search`, nodes that are re-solved included."""
    without_proofs(monkeypatch)
    monkeypatch.setattr("edgeopt.placement.neighbourhoods.ROUNDS", 40)
    for seed, nodes in ((1, 4), (2, 5), (3, 5))[numbers.start : numbers.stop]:
        instance = generate(models=25, nodes=nodes, users=25, seed=seed)
        limits = {"threads": 1, "iteration_limit": 9_000, "seed": seed}
        found = edgeopt.solve(instance, "auto", **limits)
        assert found.plan == edgeopt.solve(instance, "local-search", **limits).plan


def test_proofs_begin_where_they_begin_alone_at_an_iteration_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the search has found: from another start a solver may end at the limit with less than alone."""
    instance = generate(models=25, nodes=4, users=25, seed=1)
    arrays, began = DemandArrays(instance), {}

    def proof(name: str) -> Callable[[DemandArrays, np.ndarray, Run], Outcome]:
        def stand_in(arrays: DemandArrays, start: np.ndarray, run: Run) -> Outcome:
            began[name] = start
            return Outcome(None, None, Stopped.ITERATION_LIMIT)

        return stand_in

    monkeypatch.setattr("edgeopt.placement.portfolio.prove_program", proof("exact"))
    monkeypatch.setattr("edgeopt.placement.portfolio.solve_clauses", proof("cpsat"))
    found = edgeopt.solve(instance, "portfolio", threads=1, iteration_limit=2_000)
    assert found.objective > arrays.value(began["cpsat"])
    np.testing.assert_array_equal(began["cpsat"], greedy_placement(arrays))
    np.testing.assert_array_equal(began["exact"], searched_start(arrays, Run(Options(iteration_limit=2_000))))


def test_auto_searches_on_after_the_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof that ends early and without a result leaves its time to the search, which ends by itself."""
    monkeypatch.setattr("edgeopt.placement.portfolio.start_iterations", lambda arrays: 0)
    without_proofs(monkeypatch)
    monkeypatch.setattr("edgeopt.patience.DEFAULT_RUNS", 1)
    instance = random_instance(11, nodes=2, models=5)
    found = edgeopt.solve(instance, "auto", threads=1, time_limit=600)
    assert found.objective == pytest.approx(float(optimum(instance)))
    assert found.stopped in ("finished", "proved")
    assert found.message.endswith("ran local-search, exact, cpsat, local-search again")


def test_auto_proves_one_node_and_several() -> None:
    for nodes in (1, 3):
        solution = edgeopt.solve(generate(models=12, nodes=nodes, users=8, seed=2), threads=1, time_limit=60)
        assert solution.status == "optimal"
        assert solution.method == "portfolio"


def test_bounds_survive_a_limit_of_no_time() -> None:
    instance = generate(models=20, nodes=3, users=10, seed=2)
    for method in ("exact", "cpsat", "portfolio", "local-search", "greedy"):
        solution = edgeopt.solve(instance, method, threads=1, time_limit=0)
        assert solution.objective is not None
        if method in ("exact", "cpsat", "portfolio"):
            assert solution.bound >= solution.objective
