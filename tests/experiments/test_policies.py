"""Policies of streams decide what a GPU of `residency` keeps."""

from __future__ import annotations

import edgeopt
from edgeopt.experiments.policies import following
from edgeopt.loading.policies import Load, Policy
from edgeopt.loading.policies.named import POLICIES
from edgeopt.loading.policies.simple import SharedBlocks
from tests.residency.random_instances import random_instance

INSTANCES = [instance for instance in map(random_instance, range(300)) if not instance.too_large()]


def seconds(instance, make) -> float:
    report = edgeopt.check(instance, following(make)(instance))
    assert report.feasible, (instance.name, report.violations)
    return report.objective


def test_where_models_share_nothing_the_oldest_blocks_are_the_oldest_models():
    compared = 0
    for instance in INSTANCES:
        models = instance.library.models.values()
        held = [block for model in models for block in model.blocks]
        apart = all(len(model.blocks) == 1 for model in models) and len(set(held)) == len(held)
        if apart and all(instance.library.blocks.values()):
            assert seconds(instance, SharedBlocks) == edgeopt.solve(instance, "lru").objective
            compared += len(set(instance.requests)) > 2
    assert compared > 20


def test_no_policy_loads_for_less_than_the_optimum():
    for instance in INSTANCES[:12]:  # some have blocks without bytes
        optimum = edgeopt.solve(instance, "exact").objective
        for make in (make for makers in POLICIES.values() for make in makers):
            assert seconds(instance, make) >= optimum * (1 - 1e-9), make


class KeepsChat(Policy):
    """A policy of one's own: whatever else is on the GPU goes, but not the block `chat`."""

    def decide(self, view):
        (model,) = view.waiting().model.tolist()
        return Load(model, tuple(view.on_gpu() - {"chat"}))


def test_a_policy_of_ones_own_stands_beside_the_optimum():
    instance = edgeopt.read("instances/residency/tiny.json")
    ranking = edgeopt.compare(instance, ["exact", "lru", following(KeepsChat)])
    plan = following(KeepsChat)(instance)
    chat = [load["request"] for load in plan["loads"] if "chat" in load["blocks"]]
    assert chat == [1]
    assert "KeepsChat" in str(ranking)
