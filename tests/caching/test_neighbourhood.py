"""Pricing over all sets of nodes, and bounds beyond full tables."""

from __future__ import annotations

from math import isfinite

import numpy as np
import pytest

import edgeopt
from edgeopt.caching import bound_tables, bounds, heuristics, pipeline, rates
from edgeopt.caching.beamforming import certified
from edgeopt.caching.bound_tables import BoundTables
from edgeopt.caching.generator import generate
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.neighbourhood import candidate_menu, price_all_sets
from edgeopt.certificates import check
from edgeopt.run import Run
from tests.caching.brute_force import optimum
from tests.caching.random_instances import random_instance
from tests.caching.rates import dual_rates

OPTIONS = Run(maximize=False)


@pytest.mark.slow
def test_pricing_finds_the_cheapest_of_all_sets() -> None:
    """Branch and bound against enumeration of all sets, at random prices."""
    rng = np.random.default_rng(1)
    for seed in range(30):
        instance = random_instance(seed, nodes=int(rng.integers(1, 6)))
        tables = BoundTables(instance, OPTIONS)
        menu = candidate_menu(tables)
        nodes = len(tables.node_names)
        everything = np.arange(1 << nodes)
        costs = tables.costs(np.tile(everything, (len(menu.masks), 1)))
        scale = float(costs[np.isfinite(costs)].mean()) if np.isfinite(costs).any() else 1.0
        prices = rng.random(nodes) * scale * rng.choice([0.0, 0.1, 1.0], nodes)
        priced = price_all_sets(tables, menu, prices, OPTIONS)
        charge = ((everything[:, None] >> np.arange(nodes)) & 1) @ prices
        least = (costs + charge).min(axis=1)
        expected = menu.group_bytes @ least - prices @ menu.storage
        assert priced.bound == pytest.approx(expected, rel=1e-9, abs=1e-9) or priced.bound == expected
        found = costs[np.arange(len(least)), priced.masks] + charge[priced.masks]
        np.testing.assert_allclose(found, least, rtol=1e-9)


@pytest.mark.slow
def test_wide_path_on_few_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no full menu allowed, the bound stays below the optimum over all caches, and the plan above it."""
    monkeypatch.setattr(pipeline, "FULL_TABLE_NODES", 0)
    gaps = []
    for seed in range(60):
        instance = random_instance(seed)
        best = optimum(instance, dual_rates(instance))
        if not isfinite(best):
            continue
        outcome = pipeline.work_up(instance, OPTIONS)
        assert outcome.outcome is None
        found = outcome.result(outcome.searched())
        margin = 1e-9 * max(1.0, best)
        if found.bound is not None:
            assert found.bound <= best + margin
        if found.plan is not None:
            objective = check(instance, found.plan).objective
            assert objective >= best - margin
            gaps.append(objective / max(best, 1e-9) - 1)
    assert len(gaps) >= 30
    assert np.mean(gaps) < 0.01


@pytest.mark.slow
def test_certificates_on_few_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refined bounds stay below the optimum over all caches with the beams of `dual`, and close in on the plan."""
    monkeypatch.setattr(pipeline, "FULL_TABLE_NODES", 0)
    monkeypatch.setattr(bound_tables, "SINGLE_NODES", 1)  # the other bounds are loose
    closer = refined = 0
    for seed in range(60):
        instance = random_instance(seed, nodes=3)
        best = optimum(instance, dual_rates(instance))
        if not isfinite(best):
            continue
        work = pipeline.work_up(instance, OPTIONS)
        before = work.result(work.searched())
        after = heuristics.solve_neighbourhood(instance, OPTIONS)
        if after.plan is None or before.plan is None:
            continue
        assert before.bound is not None
        assert after.bound is not None
        objective = check(instance, after.plan).objective
        assert before.bound <= after.bound <= min(best, objective) + 1e-9 * max(1.0, best), seed
        assert objective <= check(instance, before.plan).objective * (1 + 1e-12)
        refined += "certificates" in after.message and not after.message.split("; ")[1].startswith("0 ")
        closer += after.bound > before.bound or objective < check(instance, before.plan).objective
    assert refined >= 10
    assert closer >= 5


@pytest.mark.slow
@pytest.mark.parametrize(("single", "others"), [(1, 1), (1, 2), (2, 1)])
def test_universal_bound_without_all_units(monkeypatch: pytest.MonkeyPatch, single: int, others: int) -> None:
    """Where some nodes are no units, or none of their own, the universal bound still holds for all nodes together."""
    for module in (rates, pipeline, bounds):
        monkeypatch.setattr(module, "FULL_TABLE_NODES", 1)
    monkeypatch.setattr(rates, "SINGLE_NODES", single)
    monkeypatch.setattr(rates, "OTHER_NODES", others)
    compared = 0
    for seed in range(60):
        instance = random_instance(seed, nodes=4 if seed % 2 else 3)
        best = optimum(instance, dual_rates(instance))
        if not isfinite(best):
            continue
        bound = pipeline.universal_bound(instance, OPTIONS).bound
        assert bound is not None
        assert bound <= best + 1e-9 * max(1.0, best), seed
        outcome = pipeline.work_up(instance, OPTIONS)
        plan = None if outcome.outcome else outcome.result(outcome.searched()).plan
        if plan is not None:
            assert check(instance, plan).objective >= best - 1e-9 * max(1.0, best)
            compared += 1
    assert compared >= 15


def test_beyond_full_tables_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates need no solver; where beams stay apart from them the message names what better ones need."""
    instance = generate(models=4, nodes=9, users=6, scenarios=1, seed=1)
    monkeypatch.setattr(certified, "is_installed", lambda: False)
    solution = edgeopt.solve(instance, "neighbourhood", threads=1)
    assert solution.bound <= solution.objective
    assert solution.status == "feasible"
    assert "edgeopt[radio]" in solution.message


def test_units_beyond_full_tables() -> None:
    """The strongest nodes stand alone, the next ones together, and no node twice."""
    reach = np.random.default_rng(2).random((14, 3))
    reach[5] = 0.0
    units = rates.find_units(reach, [(0, 1, 2), (1,)], 8, 4, 5)
    assert units.shape == (2, 5)
    for row in units:
        assert all(int(unit).bit_count() == 1 for unit in row[:4])
        assert int(row[4]).bit_count() == 5
        assert int(np.bitwise_or.reduce(row)).bit_count() == 9
        assert not np.bitwise_or.reduce(row) >> 5 & 1
    assert (units[1, 0] == 1 << np.argmax(reach[:, 1])).all()


@pytest.mark.slow
def test_twelve_nodes() -> None:
    """A plan beyond 8 nodes passes the check and lies within its bound; the universal bound is below both."""
    instance = generate(models=10, nodes=12, users=6, scenarios=3, seed=4)
    solution = edgeopt.solve(instance, threads=1)
    assert solution.method == "neighbourhood"
    assert solution.gap is not None
    assert solution.gap < 0.05
    assert edgeopt.solve(instance, "bound", threads=1).bound <= solution.objective
    assert "does not apply" not in solution.message


@pytest.mark.slow
def test_twelve_nodes_without_cloud() -> None:
    """Every requested block must be cached somewhere; a plan is found, and random caches that miss one have none."""
    data = generate(models=10, nodes=12, users=6, scenarios=3, seed=4).to_dict()
    data["backhaul"]["cloud_bps"] = {}
    instance = CachingInstance.from_dict(data)
    solution = edgeopt.solve(instance, "neighbourhood", threads=1)
    assert solution.gap is not None
    assert solution.gap < 0.05
    requested = {block for scenario in range(3) for block in instance.requesters(scenario)}
    assert requested <= {block for held in solution.plan["cached"].values() for block in held}
