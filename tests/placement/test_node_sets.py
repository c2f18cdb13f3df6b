"""Which nodes are re-solved together."""

from __future__ import annotations

import numpy as np

from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.generator import generate
from edgeopt.placement.node_sets import LIMITS, NodeSets
from tests.placement.random_instances import random_instance


def test_sets_grow_where_nothing_is_gained_and_shrink_at_a_gain() -> None:
    arrays = DemandArrays(generate("random", models=10, nodes=5, users=80, seed=1))
    sets = NodeSets(arrays, np.random.default_rng(0))
    sizes = [len(sets.draw(1.0))]
    while sets.limit == LIMITS[0]:
        sizes.append(len(sets.draw(1.0)))
    assert sizes[:-1] == sorted(sizes[:-1])
    assert (sizes[0], sizes[-2:], sets.limit) == (3, [5, 3], 2 * LIMITS[0])
    while len(sets.draw(1.0)) < 5:
        pass
    assert len(sets.draw(2.0)) == 4
    for _ in range(1_000):
        sets.draw(2.0)
    assert sets.limit == LIMITS[1]


def test_nodes_of_a_set_reach_demand_in_common() -> None:
    seen = 0
    for seed in range(60):
        arrays = DemandArrays(random_instance(seed, nodes=4, models=5))
        nodes = NodeSets(arrays, np.random.default_rng(seed)).draw(0.0)
        common = arrays.reach.sum(axis=1) > 1
        assert bool(nodes) == common.any()
        if nodes:
            seen += 1
            assert len(nodes) >= 2
            for node in nodes:
                others = [other for other in nodes if other != node]
                assert (arrays.reach[:, node] & arrays.reach[:, others].any(axis=1)).any()
    assert seen > 10
