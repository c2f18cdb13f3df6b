"""Rate tables, the prefix rule, and the menus that methods choose from."""

from __future__ import annotations

from math import inf, isinf

import numpy as np
import pytest

import edgeopt
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.tables import DelayTables
from edgeopt.models.caching import formulate, read_plan
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.caching.brute_force import block_delays, migration_s, subsets
from tests.caching.random_instances import random_instance
from tests.caching.rates import dual_rates


def tables_of(seed: int, nodes: int | None = None) -> DelayTables:
    return DelayTables(random_instance(seed, nodes), Run(maximize=False))


def test_rates_are_monotone() -> None:
    """More nodes never lower a rate, and each rate is that of its senders."""
    for seed in range(20):
        table = tables_of(seed, nodes=4).rates
        sets = table.rates.shape[1]
        for smaller in range(1, sets):
            for larger in range(smaller, sets):
                if smaller & larger == smaller:
                    assert (table.rates[:, smaller] <= table.rates[:, larger]).all()
        assert ((table.senders & ~np.arange(sets)) == 0).all()
        own = np.take_along_axis(table.rates, table.senders, axis=1)
        np.testing.assert_array_equal(own, table.rates)


def test_prefix_rule_on_any_monotone_rates() -> None:
    """For monotone rates the best set waits no longer than some level: N + 1 candidates equal all subsets."""
    rng = np.random.default_rng(7)
    for _ in range(300):
        nodes = [f"n{n}" for n in range(int(rng.integers(1, 6)))]
        wait = {node: float(rng.choice([0.0, 1.0, rng.random(), inf])) for node in nodes}
        value = {part: rng.random() * rng.integers(0, 3) for part in subsets(nodes)}
        rate = {part: max(value[sub] for sub in subsets(sorted(part))) for part in subsets(nodes)}

        def delay(part: frozenset[str], rate=rate, wait=wait) -> float:
            longest = max(wait[node] for node in part)
            return longest + 1 / rate[part] if rate[part] > 0 else inf

        best = min(delay(part) for part in subsets(nodes)[1:])
        levels = {frozenset(node for node in nodes if wait[node] <= level) for level in wait.values()}
        assert min(delay(part) for part in levels) == best


@some_or_many(20, 60)
def test_costs_against_all_subsets(numbers: range) -> None:
    """Delay tables equal the plain minimum over all sets of sending nodes, for every set of caching nodes."""
    infinite = 0
    for seed in numbers:
        instance = random_instance(seed)
        tables = DelayTables(instance, Run(maximize=False))
        delays = block_delays(instance, dual_rates(instance))
        assert sorted(delays) == sorted(tables.requests.blocks)
        names = tables.node_names
        menu = np.tile(np.arange(1 << len(names)), (len(tables.requests.audience_of), 1))
        costs = tables.costs(menu)
        for row, block in enumerate(tables.requests.blocks):
            for mask in range(1 << len(names)):
                caching = frozenset(name for n, name in enumerate(names) if mask >> n & 1)
                found = tables.requests.sizes[row] * costs[tables.requests.group[row], mask]
                expected = delays[block][caching]
                infinite += isinf(expected)
                assert found == expected or found == pytest.approx(expected, rel=1e-9)
    assert infinite > 0


def test_full_menu_drops_only_useless_sets() -> None:
    """Each dropped set has a subset in the menu that costs no more."""
    for seed in range(20):
        tables = tables_of(seed, nodes=3)
        menu = tables.full_menu()
        every = tables.menu(np.tile(np.arange(8), (len(menu.masks), 1)))
        for row in range(len(menu.masks)):
            kept = {
                int(mask): cost
                for mask, cost in zip(menu.masks[row], menu.costs[row], strict=True)
                if np.isfinite(cost)
            }
            for mask in range(8):
                cost = every.costs[row, mask]
                if np.isfinite(cost):
                    assert min(c for m, c in kept.items() if m & mask == m) <= cost


def test_plan_is_worth_what_the_tables_say() -> None:
    """The checker's delay of a plan equals the tables' for random caches, also of worlds beyond full tables."""
    rng = np.random.default_rng(8)
    compared = 0
    for seed in range(40):
        tables = tables_of(seed)
        masks = np.array([rng.integers(0, 1 << len(tables.node_names)) for _ in tables.requests.blocks], np.int64)
        expected = tables.delay(masks)
        plan = tables.plan(masks)
        assert (plan is None) == isinf(expected)
        if plan is not None:
            compared += 1
            report = edgeopt.check(tables.instance, plan)
            assert {violation.constraint for violation in report.violations} <= {"storage"}
            assert report.objective == pytest.approx(expected, rel=1e-9)
    assert compared >= 20


def test_formulation_read_back() -> None:
    """The formulation of an instance, solved by a general solver, gives the plan that `exact` gives."""
    from edgeopt.engines.highs import HighsSolver
    from edgeopt.engines.linear import compile_formulation

    instance = random_instance(12, nodes=3, users=3)
    model = formulate(instance)
    program = compile_formulation(model)
    result = HighsSolver(program, Run(maximize=False)).solve()
    program.load(model, result.values)
    report = edgeopt.check(instance, read_plan(model))
    assert report.feasible
    assert report.objective == pytest.approx(edgeopt.solve(instance, "exact").objective, rel=1e-6)


def test_formulation_of_blocks_larger_than_a_node() -> None:
    """No node caches what it has no room for, so no coefficient is larger than HiGHS takes."""
    from edgeopt.engines.linear import compile_formulation

    data = random_instance(12, nodes=3, users=3).to_dict()
    data["library"]["blocks"] = dict.fromkeys(data["library"]["blocks"], 2**51)
    data["nodes"]["n0"]["storage_bytes"], data["nodes"]["n1"]["storage_bytes"] = 2**51 - 1, 2**51
    program = compile_formulation(formulate(CachingInstance.from_dict(data)))
    assert abs(program.rows).max() == 1


def test_migration_is_one_hop() -> None:
    """A node does not fetch over another node that does not cache the block."""
    instance = random_instance(2, nodes=3, users=1)
    data = instance.to_dict()
    data["backhaul"] = {
        "cloud_bps": {},
        "links": [{"from": "n0", "to": "n1", "rate_bps": 1e6}, {"from": "n1", "to": "n2", "rate_bps": 1e6}],
    }
    chain = type(instance).from_dict(data)
    assert migration_s(chain, "n1", frozenset({"n0"}), 1e6) == 1.0
    assert isinf(migration_s(chain, "n2", frozenset({"n0"}), 1e6))
