"""What the methods promise beyond agreement with enumeration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import edgeopt
from edgeopt.caching import baselines
from edgeopt.caching.generator import generate
from edgeopt.caching.greedy import greedy_choice
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.lagrangian import bound_at, solve_dual
from edgeopt.caching.program import promising, solve_menu
from edgeopt.caching.tables import DelayTables
from edgeopt.run import Options, Run
from edgeopt.solution import Stopped
from tests.amounts import some_or_many
from tests.caching.brute_force import optimum
from tests.caching.random_instances import random_instance
from tests.caching.rates import dual_rates


@pytest.fixture(scope="module")
def instance() -> CachingInstance:
    return generate(models=10, nodes=4, users=6, scenarios=4, seed=2)


@pytest.mark.slow
def test_order_of_methods(instance: CachingInstance) -> None:
    """Exact at best; local search at least as good as its start; every bound below the optimum."""
    found = {
        name: edgeopt.solve(instance, name, threads=1) for name in edgeopt.methods("caching") if name != "neighbourhood"
    }
    best = found["exact"].objective
    for solution in found.values():
        assert solution.objective is None or solution.objective >= best * (1 - 1e-9)
        assert solution.bound is None or solution.bound <= best * (1 + 1e-9)
    assert found["local-search"].objective <= found["lagrangian"].objective
    assert found["bound"].bound <= found["exact"].bound
    assert found["exact"].gap < 1e-3
    assert found["lagrangian"].bound is None  # what it proves holds for its table of rates only
    assert found["lagrangian"].metrics["table_bound_s"] <= found["local-search"].objective


@pytest.mark.slow
def test_same_seed_same_result(instance: CachingInstance) -> None:
    for name in ("exact", "local-search", "random"):
        plans = [edgeopt.solve(instance, name, seed=3, threads=threads).plan for threads in (1, 1, 2)]
        assert plans[0] == plans[1] == plans[2]


def test_start_is_never_lost() -> None:
    """A start that is better than what the method finds is kept."""
    instance = generate(models=8, nodes=3, users=5, scenarios=2, seed=2)
    best = edgeopt.solve(instance, "exact", threads=1)
    again = edgeopt.solve(instance, "lagrangian", threads=1, start=best)
    assert again.objective <= best.objective * (1 + 1e-9)


def test_no_time_at_all(instance: CachingInstance) -> None:
    """A limit of nothing ends at once; what is returned is sound."""
    for name in ("exact", "lagrangian", "greedy"):
        solution = edgeopt.solve(instance, name, time_limit=0.0, threads=1)
        assert solution.stopped == Stopped.TIME_LIMIT
        assert solution.status in ("unknown", "feasible")


def test_iteration_limit_counts_restarts(instance: CachingInstance) -> None:
    short = edgeopt.solve(instance, "local-search", iteration_limit=0, threads=1)
    long = edgeopt.solve(instance, "local-search", iteration_limit=40, threads=1)
    assert long.objective <= short.objective


@some_or_many(8, 25)
def test_prices_rule_out_no_better_choice(numbers: range) -> None:
    """With a start far above the optimum, what prices leave still holds the optimum."""
    for seed in numbers:
        tiny = random_instance(seed, nodes=3)
        tables = DelayTables(tiny, Run(maximize=False))
        menu = tables.full_menu()
        best = optimum(tiny, dual_rates(tiny))
        start = greedy_choice(menu)
        if start is None or not np.isfinite(best):
            continue
        dual = solve_dual(menu, Run(maximize=False), start)
        assert dual.bound <= best * (1 + 1e-9)
        assert promising(menu, dual).any(axis=1).all()
        found = solve_menu(tables, menu, dual, Run(maximize=False))
        assert menu.cost(found.choice) == pytest.approx(best, rel=1e-9)


def test_the_program_tells_the_choices_that_it_finds(instance: CachingInstance) -> None:
    """From no start there are several; each fits, and the last is the best."""
    tables = DelayTables(instance, Run(maximize=False))
    menu = tables.full_menu()
    dual = replace(solve_dual(menu, Run(maximize=False), greedy_choice(menu)), choice=None, objective=np.inf)
    told: list[Any] = []
    best = solve_menu(tables, menu, dual, Run(Options(gap=0.05), maximize=False), found=told.append).choice
    assert best is not None
    assert len(told) > 1
    assert all((menu.free(choice) >= 0).all() for choice in told)
    assert menu.cost(best) == pytest.approx(min(menu.cost(choice) for choice in told), rel=1e-9)


@some_or_many(8, 25)
def test_any_prices_give_a_bound(numbers: range) -> None:
    rng = np.random.default_rng(9)
    for seed in numbers:
        tiny = random_instance(seed, nodes=2)
        menu = DelayTables(tiny, Run(maximize=False)).full_menu()
        best = optimum(tiny, dual_rates(tiny))
        for _ in range(5):
            bound, _, _ = bound_at(menu, rng.random(2) * 10 ** rng.uniform(-9, -4))
            assert bound <= best + 1e-9 * max(1.0, best) or np.isinf(best)


def test_storage_is_kept_to_the_byte() -> None:
    """Blocks that exceed the storage by one byte in 10^12 are not cached together."""
    data = random_instance(1, nodes=1, users=1).to_dict()
    sizes = {"a": 600_000_000_000, "b": 400_000_000_001}
    data["library"] = {"name": "l", "blocks": sizes, "models": {"m": {"blocks": ["a", "b"]}}}
    data["nodes"]["n0"]["storage_bytes"] = 1_000_000_000_000
    data["radio"]["csi_error"] = 0.0
    data["backhaul"] = {"cloud_bps": {"n0": 1e6}, "links": []}
    data["scenarios"] = [{"probability": 1.0, "requests": {"u0": "m"}}]
    solution = edgeopt.solve(CachingInstance.from_dict(data), "exact")
    assert solution.status == "optimal"
    assert solution.plan["cached"] == {"n0": ["a"]}


def test_worlds() -> None:
    """A world's blocks are the models' own copies; whole models are one block each; both as large as the models."""
    instance = random_instance(8, nodes=2, users=3)
    library = instance.library
    copies, whole = baselines.without_sharing(instance), baselines.whole_models(instance)
    for model in library.models:
        assert copies.library.size_bytes(model) == whole.library.size_bytes(model) == library.size_bytes(model)
        assert len(whole.library.models[model].blocks) == 1
    assert all(len(atom.models) == 1 for atom in copies.library.atoms())
    assert baselines.without_migration(instance).backhaul.links == []


def test_no_cooperation_sends_from_one_node(instance: CachingInstance) -> None:
    plan = edgeopt.solve(instance, "no-comp", threads=1).plan
    assert all(len(delivery["nodes"]) == 1 for delivery in plan["deliveries"])


def test_generator_is_repeatable() -> None:
    assert generate(models=5, nodes=2, users=3, scenarios=2, seed=1) == generate(
        models=5, nodes=2, users=3, scenarios=2, seed=1
    )
    with pytest.raises(edgeopt.UsageError, match="nodes"):
        generate(nodes=0)
    with pytest.raises(edgeopt.UsageError, match="correlation"):
        generate(correlation=2.0)


@pytest.mark.slow
def test_demand_is_zipf_and_correlated() -> None:
    """Over 20,000 users: popularity by rank in every scenario, and requests kept as often as said, or drawn alike."""
    count, models, exponent, correlation = 20_000, 6, 1.2, 0.6
    drawn = generate(
        models=models,
        nodes=1,
        users=count,
        scenarios=3,
        seed=3,
        antennas=1,
        correlation=correlation,
        zipf_exponent=exponent,
    )
    asked = np.array([list(scenario.requests.values()) for scenario in drawn.scenarios])
    ranks = np.arange(1, models + 1)
    popularity = ranks**-exponent / (ranks**-exponent).sum()
    for requests in asked:
        seen = np.sort(np.unique(requests, return_counts=True)[1])[::-1] / count
        assert (abs(seen - popularity) < 4 * np.sqrt(popularity * (1 - popularity) / count)).all()
    by_chance = (popularity**2).sum()
    for apart in (1, 2):
        kept = correlation**apart
        expected = kept + (1 - kept) * by_chance
        margin = 4 * np.sqrt(expected * (1 - expected) / count)
        assert (asked[0] == asked[apart]).mean() == pytest.approx(expected, abs=margin)


def test_figures(instance: CachingInstance) -> None:
    solution = edgeopt.solve(instance, "greedy", threads=1)
    frame = solution.to_frame()
    share = np.array([instance.scenarios[s].probability for s in frame["scenario"]])
    count = np.array([len(users.split()) for users in frame["users"]])
    total = (share * count * (frame["migration_s"] + frame["broadcast_s"])).sum()
    assert total == pytest.approx(solution.objective)
    assert len(solution.plot().axes) == 3


def test_refusals_name_what_would_work() -> None:
    """Too many nodes for full tables; too many for any method."""
    with pytest.raises(edgeopt.MethodRefusal, match="'neighbourhood' applies"):
        edgeopt.solve(generate(models=2, nodes=9, users=1, scenarios=1), "exact")
    with pytest.raises(edgeopt.MethodRefusal, match="split the network"):
        edgeopt.solve(generate(models=2, nodes=63, users=1, scenarios=1), "greedy")


@pytest.mark.parametrize("name", ["exact", "lagrangian", "bound"])
def test_faintest_signals(name: str) -> None:
    """A signal-to-noise ratio of 1e-18, far below the distance of floats at 1, still gives a rate."""
    data = random_instance(1, nodes=1, users=1).to_dict()
    data["library"] = {"name": "l", "blocks": {"b": 1}, "models": {"m": {"blocks": ["b"]}}}
    data["nodes"] = {"n0": {"storage_bytes": 1, "power_w": 1.0, "antennas": 1}}
    data["radio"] = {"bandwidth_hz": 1.0, "noise_w": 1.0, "csi_error": 0.0, "channels": {"n0": {"u0": [[1e-9, 0.0]]}}}
    data["backhaul"] = {"cloud_bps": {"n0": 1.0}, "links": []}
    data["scenarios"] = [{"probability": 1.0, "requests": {"u0": "m"}}]
    solution = edgeopt.solve(CachingInstance.from_dict(data), name, threads=1)
    expected = 8 * np.log(2) / 1e-18
    assert solution.objective is None if name == "bound" else solution.objective == pytest.approx(expected, rel=1e-9)
    assert solution.bound is None or solution.bound == pytest.approx(expected, rel=1e-8)


def test_beyond_eight_nodes_the_first_plan_is_told_before_prices() -> None:
    """Costs are bounds there; what is told is a plan with the delay of the checker, and a rule may end the run."""
    wide = generate(models=4, nodes=9, users=4, scenarios=1, seed=1)
    for method in ("lagrangian", "neighbourhood"):
        seen: list[edgeopt.Progress] = []
        ended = edgeopt.solve(wide, method, threads=1, stop=edgeopt.FirstFeasible(), progress=seen.append)
        first = next(progress for progress in seen if progress.objective is not None)
        assert edgeopt.check(wide, first.plan).objective == pytest.approx(first.objective, rel=1e-12)
        assert ended.stopped == "stop_rule"
        assert ended.plan is not None
