"""Which nodes are re-solved together."""

from __future__ import annotations

import numpy as np

from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.generator import generate
from edgeopt.placement.node_sets import FIRST_LIMIT, NodeSets
from tests.placement.random_instances import random_instance


def test_sets_grow_where_nothing_is_gained_and_shrink_at_a_gain() -> None:
    arrays = DemandArrays(generate("random", models=10, nodes=5, users=80, seed=1))
    sets = NodeSets(arrays, np.random.default_rng(0))
    sizes = []
    while True:
        nodes = sets.draw()
        assert nodes is not None
        if sets.limit > FIRST_LIMIT:
            break
        sizes.append(len(nodes))
        sets.note(nodes, gained=False)
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (3, 5)
    assert (len(nodes), sets.limit) == (3, 2 * FIRST_LIMIT)
    sets.note(nodes, gained=True)
    assert len(sets.draw() or []) == 3


def test_nodes_of_a_set_reach_demand_in_common() -> None:
    seen = 0
    for seed in range(60):
        arrays = DemandArrays(random_instance(seed, nodes=4, models=5))
        nodes = NodeSets(arrays, np.random.default_rng(seed)).draw()
        common = arrays.reach.sum(axis=1) > 1
        assert (nodes is None) == (not common.any())
        if nodes is not None:
            seen += 1
            assert len(nodes) >= 2
            for node in nodes:
                others = [other for other in nodes if other != node]
                assert (arrays.reach[:, node] & arrays.reach[:, others].any(axis=1)).any()
    assert seen > 10
