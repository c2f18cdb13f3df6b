"""Bundles of users: each has most weight for its time, and together they are an order of all users."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.batches.bundles import bundle_order
from edgeopt.loading.generator import generate
from edgeopt.loading.queues import Queues
from edgeopt.loading.workload import compile_workload


def queues_of(instance: Any) -> tuple[Queues, Any]:
    """Return an instance's queues and the weights of their users."""
    queues = compile_workload(instance).queues
    return queues, np.array([instance.users[name].weight for name in queues.user_names], float)


def best_first_bundle(queues: Queues, weight: Any) -> tuple[float, list[set[int]]]:
    """Enumerate all sets of users of one model; return the best ratio of weight and time, and whose it is."""
    best, chosen = -1.0, []
    for model in range(len(queues.model_names)):
        users = range(queues.first[model], queues.first[model + 1])
        for mask in range(1, 2 ** len(users)):
            members = [user for bit, user in enumerate(users) if mask >> bit & 1]
            batches = -(-len(members) // queues.capacity[model])
            time_s = queues.switch_s[-1, model] + queues.fixed_s[model] * batches
            time_s += sum(queues.upload_s[user] + queues.per_sample_s[model] for user in members)
            ratio = sum(weight[members]) / time_s
            if ratio > best * (1 + 1e-9):
                best, chosen = ratio, [set(members)]
            elif ratio >= best * (1 - 1e-9):
                chosen.append(set(members))
    return best, chosen


@pytest.mark.parametrize("seed", range(40))
def test_the_first_bundle_is_that_of_enumeration_where_batches_take_all(seed: int) -> None:
    drawn = generate("random", models=4, users=14, weights=("classes", "values")[seed % 2], seed=seed)
    queues, weight = queues_of(drawn)
    queues.capacity[:] = 10**6
    order = bundle_order(queues, weight, 0.5).tolist()
    assert sorted(order) == list(range(len(weight)))
    _, bundles = best_first_bundle(queues, weight)
    assert any(set(order[: len(bundle)]) == bundle for bundle in bundles)


@pytest.mark.parametrize(("credit", "advance"), [(0.0, 0.0), (0.5, 0.0), (1.0, 0.8)])
def test_users_of_a_model_come_by_weight_for_their_own_time(credit: float, advance: float) -> None:
    queues, weight = queues_of(generate("tree", models=8, users=90, weights="values", seed=4))
    order = bundle_order(queues, weight, credit, advance)
    assert sorted(order.tolist()) == list(range(len(weight)))
    ratio = weight / (queues.upload_s + queues.per_sample_s[queues.model])
    for model in range(len(queues.model_names)):
        mine = ratio[order[queues.model[order] == model]]
        assert all(first >= second for first, second in pairwise(mine.tolist()))


def test_times_of_nothing_divide_nothing() -> None:
    queues, weight = queues_of(generate("tree", models=3, users=9, weights="classes", seed=1))
    for times in (queues.upload_s, queues.per_sample_s, queues.fixed_s, queues.switch_s):
        times[:] = 0.0
    order = bundle_order(queues, weight, 1.0)
    assert sorted(order.tolist()) == list(range(len(weight)))


@pytest.mark.parametrize(("sharing", "part"), [("tree", 0.99), ("lora-towers", 0.96)])
def test_greedy_is_near_the_optimum_where_loads_take_long(sharing: Any, part: float) -> None:
    found = most = 0
    for seed in range(301, 304):
        drawn = generate(sharing, models=15, users=120, weights="classes", seed=seed)
        value = edgeopt.solve(drawn, "greedy").objective
        optimum = edgeopt.solve(drawn, "dp" if sharing != "lora-towers" else "modular-dp")
        assert optimum.status == "optimal"
        assert value is not None
        assert value <= (optimum.objective or 0)
        found, most = found + value, most + (optimum.objective or 0)
    assert found >= part * most
