"""`exact` speaks of the problem itself: its bound holds for any beams, and its beams are as good as any found."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
import pytest

import edgeopt
from edgeopt.caching.beamforming import certified
from edgeopt.caching.generator import generate
from edgeopt.caching.instance import CachingInstance
from edgeopt.tolerances import PROVED_GAP
from tests.amounts import some_or_many
from tests.caching.best_beams import searched_rates
from tests.caching.brute_force import optimum
from tests.caching.random_instances import random_data, random_instance

NEVER_S = 1e15  # delays through channels as long as their error, which are rounding


def tiny(seed: int) -> CachingInstance:
    """At most 2 nodes and 3 users; ties of sizes and rates, storage of zero, errors as long as a channel."""
    data = random_data(seed, nodes=1 + seed % 2, users=1 + seed % 3)
    rng = np.random.default_rng([seed, 13])
    if seed % 4 == 1:
        data["library"]["blocks"] = dict.fromkeys(data["library"]["blocks"], 2000000)
        data["backhaul"]["cloud_bps"] = dict.fromkeys(data["backhaul"]["cloud_bps"], 20000000.0)
    if seed % 5 == 2:
        row = next(iter(data["radio"]["channels"].values()))
        data["radio"]["csi_error"] = float(np.linalg.norm(next(iter(row.values()))))
    if seed % 7 == 3:
        data["radio"]["noise_w"] = float(10 ** rng.uniform(-12, 12))
    return CachingInstance.from_dict(data)


def assert_between(seed: int) -> str:
    """Bound, enumeration with the best beams that a search finds, and plan stand in this order or close to it."""
    instance = tiny(seed)
    best = optimum(instance, searched_rates(instance))
    solution = edgeopt.solve(instance, "exact", threads=1)
    if not isfinite(best):
        assert solution.objective is None or solution.objective > NEVER_S, seed
        return "none"
    if best > NEVER_S:
        assert solution.bound is None or solution.bound <= best, seed
        return "none"
    assert solution.bound is not None, seed
    assert solution.bound <= best * (1 + 1e-12), seed
    if solution.status == "optimal":
        assert solution.gap <= PROVED_GAP
        assert solution.objective <= best * (1 + 1e-9), seed
        assert solution.objective >= best * (1 - 1e-4), seed  # a search ends near its optimum only
    assert solution.objective <= best * (1 + 1e-3), seed
    return str(solution.status)


def test_against_the_best_beams_that_a_search_finds() -> None:
    seen = [assert_between(seed) for seed in (*range(6), 117, 272, 327)]
    assert seen.count("optimal") >= 3


@pytest.mark.slow
def test_against_the_best_beams_of_many() -> None:
    seen = [assert_between(seed) for seed in range(6, 132)]
    assert seen.count("optimal") >= 60


def test_bounds_of_the_other_methods_hold_for_these_beams_too() -> None:
    for seed in range(6):
        instance = tiny(seed)
        best = optimum(instance, searched_rates(instance))
        for name in ("bound", "lagrangian", "local-search"):
            bound = edgeopt.solve(instance, name, threads=1).bound
            assert bound is None or bound <= best * (1 + 1e-12), (seed, name)


def micro(scale: float) -> CachingInstance:
    """One node, one user, three models of one block each; the best two blocks fill the storage."""
    blocks = {"a": 4, "b": 2, "c": 3}
    data: dict[str, Any] = {
        "format": "edgeopt-instance/1",
        "problem": "caching",
        "name": "micro",
        "library": {"name": "l", "blocks": blocks, "models": {block.upper(): {"blocks": [block]} for block in blocks}},
        "nodes": {"n": {"storage_bytes": 5, "power_w": 1.0, "antennas": 1}},
        "radio": {
            "bandwidth_hz": 1 / scale,
            "noise_w": 1.0,
            "csi_error": 0.0,
            "channels": {"n": {"u": [[1.0, 0.0]]}},
        },
        "backhaul": {"cloud_bps": {"n": 1 / scale}, "links": []},
        "scenarios": [
            {"probability": share, "requests": {"u": model}} for model, share in (("A", 0.35), ("B", 0.35), ("C", 0.3))
        ],
    }
    return CachingInstance.from_dict(data)


@pytest.mark.parametrize("scale", [1e6, 1.0, 1e-6, 1e-9, 1e-12])
def test_at_every_scale(scale: float) -> None:
    """Sending takes 8 bits x 3 expected bytes; b and c are cached, a comes from the cloud in 8 x 4 x 0.35."""
    solution = edgeopt.solve(micro(scale), "exact", threads=1)
    assert solution.plan["cached"] == {"n": ["b", "c"]}
    assert solution.objective == pytest.approx(35.2 * scale, rel=1e-9)
    assert solution.status == "optimal"


@some_or_many(3, 8)
@pytest.mark.parametrize("scale", [1e-6, 1e-9])
def test_scaled_instance_has_the_scaled_optimum(scale: float, numbers: range) -> None:
    """All rates larger by a factor: all delays shorter by it."""
    for seed in numbers:
        data = random_data(seed, nodes=3)
        expected = edgeopt.solve(CachingInstance.from_dict(data), "exact", threads=1)
        data["radio"]["bandwidth_hz"] /= scale
        data["backhaul"]["cloud_bps"] = {node: rate / scale for node, rate in data["backhaul"]["cloud_bps"].items()}
        data["backhaul"]["links"] = [
            {**link, "rate_bps": link["rate_bps"] / scale} for link in data["backhaul"]["links"]
        ]
        found = edgeopt.solve(CachingInstance.from_dict(data), "exact", threads=1)
        assert found.objective == (expected.objective and pytest.approx(expected.objective * scale, rel=1e-6)), seed
        assert found.bound == (expected.bound and pytest.approx(expected.bound * scale, rel=1e-6)), seed


def test_one_user_is_proved() -> None:
    """The best beams of a single user are known: the plan is optimal for the problem itself."""
    solution = edgeopt.solve(random_instance(6, nodes=3, users=1), "exact", threads=1)
    assert solution.status == "optimal"
    assert "any caches, nodes and beams" in solution.message


def test_gap_asked_for() -> None:
    """With a gap the proof may stop there, and says no more than it has proved."""
    instance = generate(models=10, nodes=4, users=6, scenarios=4, seed=2)
    solution = edgeopt.solve(instance, "exact", threads=1, gap=0.05)
    assert solution.gap <= 0.05


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Clarabel the bound still holds, and where better beams may close the gap the message names the extra."""
    instance = generate(models=5, nodes=3, users=4, scenarios=2, seed=2)
    best = edgeopt.solve(instance, "exact", threads=1)
    monkeypatch.setattr(certified, "is_installed", lambda: False)
    solution = edgeopt.solve(instance, "exact", threads=1)
    assert solution.bound <= best.objective * (1 + 1e-12)
    assert ("edgeopt[radio]" in solution.message) == (solution.status != "optimal")
