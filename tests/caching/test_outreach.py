"""Infeasible instances: who is out of reach, told by an argument that asks no solver and is never wrong."""

from __future__ import annotations

from math import isinf
from typing import Any

import numpy as np
import pytest

import edgeopt
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.outreach import out_of_reach
from edgeopt.caching.tables import DelayTables
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.caching.brute_force import optimum
from tests.caching.random_instances import random_data


def scarce(seed: int) -> CachingInstance:
    """No cloud, few links, little storage, and channels that are often shorter than their error."""
    data = random_data(seed)
    rng = np.random.default_rng([seed, 17])
    total = sum(data["library"]["blocks"].values())
    for node in data["nodes"].values():
        node["storage_bytes"] = int(total * rng.choice([0.3, 0.5, 0.7]))
    data["backhaul"] = {"cloud_bps": {}, "links": data["backhaul"]["links"][: int(rng.integers(0, 2))]}
    data["radio"]["csi_error"] = float(rng.choice([0.0, 0.4, 1.0]))
    return CachingInstance.from_dict(data)


@some_or_many(40, 120)
def test_against_enumeration(numbers: range) -> None:
    """What is called out of reach has no caches with finite delays even where every heard user gets any rate."""
    stated, infeasible = 0, 0
    for seed in numbers:
        instance = scarce(seed)

        def rate(senders: frozenset[str], users: frozenset[str], instance: CachingInstance = instance) -> float:
            radio = instance.radio
            heard = [
                any(np.linalg.norm(radio.channels[node][user]) > radio.csi_error for node in senders) for user in users
            ]
            return 1e6 * all(heard)

        none = isinf(optimum(instance, rate))
        reason = out_of_reach(DelayTables(instance, Run(maximize=False)))
        infeasible += none
        stated += reason is not None
        assert none or reason is None, (seed, reason)
        if reason is not None:
            solution = edgeopt.solve(instance, "greedy", threads=1)
            assert solution.status == "infeasible"
            assert any(repr(user) in solution.message for user in instance.users)
            assert list(solution.to_frame()["users"]) == reason.users
            assert set(solution.to_frame()["reason"]) == {reason.reason}
    assert infeasible >= len(numbers) / 4
    assert stated >= 0.9 * infeasible


def two_nodes(storage: list[int], channel: float = 1.0) -> CachingInstance:
    """Blocks a and b of 60 bytes for one user; no cloud, no links."""
    data: dict[str, Any] = {
        "format": "edgeopt-instance/1",
        "problem": "caching",
        "name": "two",
        "library": {"name": "l", "blocks": {"a": 60, "b": 60}, "models": {"m": {"blocks": ["a", "b"]}}},
        "nodes": {f"n{n}": {"storage_bytes": size, "power_w": 1.0, "antennas": 1} for n, size in enumerate(storage)},
        "radio": {
            "bandwidth_hz": 1e6,
            "noise_w": 1.0,
            "csi_error": 0.5,
            "channels": {f"n{n}": {"ann": [[channel, 0.0]]} for n in range(len(storage))},
        },
        "backhaul": {"cloud_bps": {}, "links": []},
        "scenarios": [{"probability": 1.0, "requests": {"ann": "m"}}],
    }
    return CachingInstance.from_dict(data)


def test_messages() -> None:
    """Users, blocks, nodes and bytes are named."""
    solution = edgeopt.solve(two_nodes([70, 55]), "exact")
    expected = "To reach user 'ann', blocks 'a', 'b' (120 bytes) must be cached at node 'n0', with room for 70 bytes"
    assert (solution.status, solution.message) == ("infeasible", expected)
    solution = edgeopt.solve(two_nodes([59, 59]), "exact")
    assert "must be cached, and no node that helps has room" in solution.message
    solution = edgeopt.solve(two_nodes([200, 200], channel=0.5), "exact")
    expected = "No node reaches user 'ann' beyond the channel error; so they never get blocks 'a', 'b'"
    assert solution.status == "infeasible"
    assert expected in solution.message
    assert edgeopt.solve(two_nodes([60, 60]), "exact").status == "optimal"


@pytest.mark.parametrize("method", ["coarse", "no-sharing", "no-comp", "no-migration"])
def test_a_world_without_a_plan_is_not_the_instance(method: str) -> None:
    """Blocks fit that would not as copies, links and nodes together bring what neither does alone: not infeasible."""
    data = two_nodes([60, 120]).to_dict()
    data["library"] = {"name": "l", "blocks": {"a": 60, "b": 60, "c": 60}, "models": {}}
    data["library"]["models"] = {"m": {"blocks": ["a", "b"]}, "o": {"blocks": ["b", "c"]}}
    data["radio"]["csi_error"] = 0.1
    data["radio"]["channels"] = {"n0": {"ann": [[1, 0]], "bob": [[0, 0]]}, "n1": {"ann": [[0, 0]], "bob": [[1, 0]]}}
    data["backhaul"]["links"] = [
        {"from": "n0", "to": "n1", "rate_bps": 1e6},
        {"from": "n1", "to": "n0", "rate_bps": 1e6},
    ]
    data["scenarios"] = [{"probability": 1.0, "requests": {"ann": "m", "bob": "o"}}]
    instance = CachingInstance.from_dict(data)
    assert edgeopt.solve(instance, "greedy", threads=1).status == "feasible"
    solution = edgeopt.solve(instance, method, threads=1)
    assert solution.status == "unknown"
    assert solution.message.startswith("Where ")
