"""The referee of `placement`: what it counts, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

import edgeopt
from tests.amounts import some_or_many
from tests.placement.random_instances import random_instance


@pytest.fixture
def instance() -> edgeopt.Instance:
    """Two nodes; two models that share 6 of their bytes."""
    return edgeopt.instance_from_dict(plain())


def plain() -> dict[str, Any]:
    return {
        "format": "edgeopt-instance/1",
        "problem": "placement",
        "name": "two",
        "library": {
            "format": "edgeopt-library/1",
            "blocks": {"base": 6, "a": 1, "b": 2, "c": 5},
            "models": {"m1": {"blocks": ["base", "a"]}, "m2": {"blocks": ["base", "b"]}, "m3": {"blocks": ["c"]}},
        },
        "nodes": {"n1": {"storage_bytes": 9}, "n2": {"storage_bytes": 5}},
        "demand": [
            {"user": "u1", "model": "m1", "weight": 3, "nodes": ["n1"]},
            {"user": "u1", "model": "m2", "weight": 4, "nodes": ["n1", "n2"]},
            {"user": "u2", "model": "m2", "weight": 4, "nodes": ["n1", "n2"]},
            {"user": "u2", "model": "m3", "weight": 2, "nodes": ["n1", "n2"]},
            {"user": "u3", "model": "m3", "weight": 9, "nodes": []},
        ],
    }


def test_counts_blocks_once_and_rows_once(instance: edgeopt.Instance) -> None:
    report = edgeopt.check(instance, {"placed": {"n1": ["m1", "m2"], "n2": ["m3"]}})
    assert report.feasible
    assert report.objective == 13
    assert isinstance(report.objective, int)
    assert report.metrics["stored_bytes"] == 14
    assert report.metrics["hit_ratio"] == pytest.approx(13 / 22)


def test_a_model_far_from_its_users_hits_nothing(instance: edgeopt.Instance) -> None:
    assert edgeopt.check(instance, {"placed": {"n1": [], "n2": []}}).objective == 0
    assert edgeopt.check(instance, {"placed": {"n2": ["m3"]}}).objective == 2


@pytest.mark.parametrize(
    ("placed", "constraint", "amount"),
    [
        ({"n1": ["m1", "m2", "m3"]}, "storage", 5),
        ({"n2": ["m2"]}, "storage", 3),
        ({"n1": ["m3", "m3", "m3"]}, "placed once", 2),
        ({"n1": ["m9"]}, "known model", 1),
        ({"n9": ["m3"]}, "known node", 1),
        ({"n1": "m3"}, "form of the plan", 1),
    ],
)
def test_lists_what_is_broken(instance: edgeopt.Instance, placed: Any, constraint: str, amount: int) -> None:
    (violation,) = edgeopt.check(instance, {"placed": placed}).violations
    assert (violation.constraint, violation.amount) == (constraint, amount)


@pytest.mark.parametrize("plan", [[], {}, {"placed": []}, {"placed": {}, "more": 1}])
def test_refuses_other_forms(instance: edgeopt.Instance, plan: Any) -> None:
    report = edgeopt.check(instance, plan)
    assert report.objective is None or report.violations


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda data: data["demand"][0].update(weight=-1), "$.demand[0].weight"),
        (lambda data: data["demand"][0].update(weight=True), "$.demand[0].weight"),
        (lambda data: data["demand"][1].update(weight=float("inf")), "$.demand[1].weight"),
        (lambda data: data["demand"][1].update(model="m7"), "$.demand[1].model"),
        (lambda data: data["demand"][2].update(nodes=["n1", "n3"]), "$.demand[2].nodes[1]"),
        (lambda data: data["demand"][2].update(nodes=["n1", "n1"]), "$.demand[2].nodes[1]"),
        (lambda data: data["nodes"]["n1"].update(storage_bytes=-5), "$.nodes.n1.storage_bytes"),
        (lambda data: data["nodes"]["n1"].update(storage_bytes=1.5), "$.nodes.n1.storage_bytes"),
        (lambda data: data.pop("demand"), "$.demand"),
    ],
)
def test_says_where_an_instance_is_wrong(change: Any, place: str) -> None:
    data = plain()
    change(data)
    with pytest.raises(edgeopt.InputError) as caught:
        edgeopt.instance_from_dict(data)
    assert [finding.place for finding in caught.value.findings] == [place]


def test_weights_stay_what_they_are(instance: edgeopt.Instance) -> None:
    assert instance.integral
    assert instance.to_dict()["demand"] == plain()["demand"]
    data = plain()
    data["demand"][0]["weight"] = 0.5
    assert not edgeopt.instance_from_dict(data).integral


@some_or_many(50, 150)
def test_hit_weight_is_monotone_and_submodular(numbers: range) -> None:
    """A model on a node gains no more when more is placed, and never less than nothing; storage is left aside."""
    import numpy as np

    strict = 0
    for seed in numbers:
        instance = random_instance(seed, nodes=3, models=5)
        rng = np.random.default_rng(seed)
        pairs = [(node, model) for node in instance.nodes for model in instance.library.models]
        order = rng.permutation(len(pairs))
        small, large = sorted(rng.integers(0, len(pairs), 2))
        new = pairs[order[-1]]
        gains = []
        for size in (small, large):
            chosen = [pairs[index] for index in order[:size] if pairs[index] != new]
            gains.append(hit(instance, [*chosen, new]) - hit(instance, chosen))
        assert gains[0] >= gains[1] - 1e-9
        assert gains[1] >= -1e-9
        strict += gains[0] > gains[1] + 1e-9
    assert strict > len(numbers) / 15


def hit(instance: edgeopt.Instance, pairs: list[tuple[str, str]]) -> float:
    placed: dict[str, list[str]] = {node: [] for node in instance.nodes}
    for node, model in pairs:
        placed[node].append(model)
    objective = edgeopt.check(instance, {"placed": placed}).objective
    assert objective is not None
    return objective


def test_storage_is_no_knapsack_but_submodular() -> None:
    """Models take less together than alone, and a further one adds less to more of them."""
    library = edgeopt.instance_from_dict(plain()).library
    assert library.union_bytes(["m1", "m2"]) == 9 < library.size_bytes("m1") + library.size_bytes("m2")
    alone = library.union_bytes(["m2"])
    assert library.union_bytes(["m1", "m2"]) - library.union_bytes(["m1"]) < alone
