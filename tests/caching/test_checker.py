"""The checker evaluates what is given, and finds what is broken."""

from __future__ import annotations

import copy
from collections.abc import Callable
from math import log2
from typing import Any

import numpy as np
import pytest

import edgeopt
from edgeopt.caching.checker import evaluate, robust_amplitude
from edgeopt.caching.instance import CachingInstance
from tests.caching.random_instances import random_instance

SMALL: dict[str, Any] = {
    "format": "edgeopt-instance/1",
    "problem": "caching",
    "name": "by-hand",
    "library": {"name": "two", "blocks": {"a": 1_000_000, "b": 2_000_000}, "models": {"m": {"blocks": ["a", "b"]}}},
    "nodes": {
        "n": {"storage_bytes": 1_000_000, "power_w": 4.0, "antennas": 1},
        "o": {"storage_bytes": 2_000_000, "power_w": 1.0, "antennas": 1},
    },
    "radio": {
        "bandwidth_hz": 1e6,
        "noise_w": 1.0,
        "csi_error": 0.5,
        "channels": {"n": {"u": [[2.0, 0.0]], "v": [[0.0, 1.5]]}, "o": {"u": [[1.0, 0.0]], "v": [[3.0, 0.0]]}},
    },
    "backhaul": {"cloud_bps": {"n": 8e6}, "links": [{"from": "o", "to": "n", "rate_bps": 32e6}]},
    "scenarios": [
        {"probability": 0.25, "requests": {"u": "m", "v": "m"}},
        {"probability": 0.75, "requests": {"u": "m"}},
    ],
}
PLAN: dict[str, Any] = {
    "cached": {"n": ["a"], "o": ["b"]},
    "deliveries": [
        {"scenario": 0, "block": "a", "nodes": ["n"], "beamformer": {"n": [[2.0, 0.0]]}},
        {"scenario": 0, "block": "b", "nodes": ["n", "o"], "beamformer": {"n": [[2.0, 0.0]], "o": [[0.0, 1.0]]}},
        {"scenario": 1, "block": "a", "nodes": ["n"], "beamformer": {"n": [[0.0, 2.0]]}},
        {"scenario": 1, "block": "b", "nodes": ["o"], "beamformer": {"o": [[-1.0, 0.0]]}},
    ],
}


def small() -> CachingInstance:
    return CachingInstance.from_dict(SMALL)


def test_by_hand() -> None:
    """Every term of the objective, computed by hand."""
    report = edgeopt.check(small(), PLAN)
    # a in scenario 0 from n alone: u hears 2*2 - 0.5*2 = 3, v 1.5*2 - 1 = 2; SNR 4.
    first = 2 * 8e6 / (1e6 * log2(1 + 4))
    # b from both: n fetches it from o in 16e6/32e6 s. u: |2*2 + 1j| - 0.5*3, v: |-1.5j*2 + 3j| - 1.5 < 0.
    assert report.objective is None
    assert [violation.constraint for violation in report.violations] == ["finite delay"]
    assert "'b' for 'u', 'v' in scenario 0: the rate to user 'v' is 0" in report.violations[0].where
    plan = copy.deepcopy(PLAN)
    plan["deliveries"][1]["beamformer"]["o"] = [[0.0, -1.0]]  # v: |-3j - 3j| - 1.5 = 4.5, u: |4 - 1j| - 1.5
    report = edgeopt.check(small(), plan)
    second = 2 * (0.5 + 16e6 / (1e6 * log2(1 + (17**0.5 - 1.5) ** 2)))
    third = 8e6 / (1e6 * log2(1 + 3**2))
    fourth = 16e6 / (1e6 * log2(1 + 0.5**2))
    assert report.violations == []
    assert report.objective == pytest.approx(0.25 * (first + second) + 0.75 * (third + fourth), rel=1e-12)
    assert report.metrics["migration_s"] == pytest.approx(0.25 * 2 * 0.5)


BROKEN: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("storage", lambda p: p["cached"]["n"].append("b"), "storage"),
    ("unknown block", lambda p: p["cached"]["n"].append("x"), "known block"),
    ("unknown node", lambda p: p["cached"].update(x=[]), "known node"),
    ("twice cached", lambda p: p["cached"]["n"].append("a"), "cached once"),
    ("missing", lambda p: p["deliveries"].pop(), "delivered once"),
    ("twice", lambda p: p["deliveries"].append(p["deliveries"][0]), "delivered once"),
    ("not requested", lambda p: p["deliveries"][0].update(scenario=2), "block requested"),
    ("no nodes", lambda p: p["deliveries"][0].update(nodes=[], beamformer={}), "set of nodes"),
    ("other beams", lambda p: p["deliveries"][0].update(nodes=["o"]), "beamformers of its nodes"),
    ("antennas", lambda p: p["deliveries"][0]["beamformer"]["n"].append([0.0, 0.0]), "antennas"),
    ("power", lambda p: p["deliveries"][0]["beamformer"].update(n=[[2.0, 0.001]]), "power"),
    (
        "nowhere to fetch",
        lambda p: p["deliveries"][0].update(nodes=["o"], beamformer={"o": [[1.0, 0.0]]}),
        "finite delay",
    ),
    ("form", lambda p: p["deliveries"][0].update(extra=1), "form of the plan"),
    ("not finite", lambda p: p["deliveries"][0]["beamformer"].update(n=[[float("nan"), 0.0]]), "form of the plan"),
    ("form of caches", lambda p: p.update(cached=["a"]), "form of the plan"),
]


@pytest.mark.parametrize(("change", "constraint"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_broken_plan(change: Callable[[dict[str, Any]], object], constraint: str) -> None:
    """What is broken is named; a plan that lacks a delivery or never ends has no objective."""
    plan = copy.deepcopy(PLAN)
    plan["deliveries"][1]["beamformer"]["o"] = [[0.0, -1.0]]
    change(plan)
    report = edgeopt.check(small(), plan)
    assert constraint in [violation.constraint for violation in report.violations]
    if constraint in ("delivered once", "finite delay", "form of the plan"):
        assert report.objective is None


def test_power_within_the_tolerance() -> None:
    """A beamformer too long by rounding is accepted."""
    plan = copy.deepcopy(PLAN)
    plan["deliveries"][1]["beamformer"]["o"] = [[0.0, -1.0]]
    plan["deliveries"][0]["beamformer"]["n"] = [[2.0 * (1 + 4e-10), 0.0]]
    assert edgeopt.check(small(), plan).feasible


def test_robust_rate_is_never_above_a_sampled_one() -> None:
    """1,000 channel errors inside the ball, the worst one included: the robust amplitude is their infimum."""
    instance = random_instance(4, nodes=3, users=3)
    plan = edgeopt.solve(instance, "greedy").plan
    assert plan is not None
    rng = np.random.default_rng(5)
    error = 0.05
    instance = CachingInstance.from_dict(
        {**instance.to_dict(), "radio": {**instance.to_dict()["radio"], "csi_error": error}}
    )
    checked = 0
    for delivery in evaluate(instance, plan).deliveries[:5]:
        beams = next(
            d["beamformer"]
            for d in plan["deliveries"]
            if d["scenario"] == delivery.scenario and d["block"] == delivery.block
        )
        weights = {node: np.array(beam) @ [1, 1j] for node, beam in beams.items()}
        for user in delivery.users:
            true = {node: np.array(instance.radio.channels[node][user]) @ [1, 1j] for node in weights}
            nominal = sum(np.vdot(true[node], weights[node]) for node in weights)
            robust = robust_amplitude(instance, beams, user)
            least = abs(nominal)
            for sample in range(1000):
                total = nominal
                for weight in weights.values():
                    if sample == 0:  # against the beamformer, at full length: the worst case
                        length = np.linalg.norm(weight)
                        shift = -error * weight / length if length else 0 * weight
                        total += np.vdot(shift, weight) * nominal / abs(nominal)
                        continue
                    shift = rng.normal(size=len(weight)) + 1j * rng.normal(size=len(weight))
                    shift *= error * rng.random() ** 0.1 / np.linalg.norm(shift)
                    total += np.vdot(shift, weight)
                least = min(least, abs(total))
                assert abs(total) >= robust - 1e-12
            assert least == pytest.approx(max(robust, 0.0), abs=1e-9) or robust < 0
            checked += 1
    assert checked >= 3
