"""Optima, bounds and infeasibility at every scale of time and of operations, against enumeration in rationals."""

from __future__ import annotations

import pytest

import edgeopt
from edgeopt.engines import highs
from edgeopt.errors import ProgramError
from edgeopt.pulling import infeasibility
from edgeopt.pulling.instance import PullingInstance
from edgeopt.solution import Status, Stopped
from tests.amounts import some_or_many
from tests.pulling.brute_force import optimum
from tests.pulling.random_instances import random_instance

SCALES = {
    "nanoseconds": {"seconds": 1e-9},
    "years": {"seconds": 1e9},
    "a far cloud": {"far": 1e12},
    "a far cloud, short times": {"far": 1e3, "seconds": 1e-9},
    "many operations": {"operations": 1e20},
    "few operations": {"operations": 1e-20},
}
PROVED = 1e-8  # relative; what a proof by a solver is worth
EXACT = ("exact", "cpsat")
BOUNDED = ("bound", "rounding", "lagrangian")


def compute_bound(flops: dict[str, float], limit: float, requests: dict[str, tuple[str, int]]) -> PullingInstance:
    """One cloudlet, near and with a compute limit; one model for each request (its name, samples)."""
    return PullingInstance.from_dict(
        {
            "name": "compute",
            "library": {
                "format": "edgeopt-library/1",
                "name": "l",
                "blocks": {},
                "models": {name: {"blocks": [], "flops_per_sample": value} for name, value in flops.items()},
            },
            "cloud": {"name": "c", "speed_flops_per_s": 1e19},
            "cloudlets": {"v": {"memory_bytes": 0, "speed_flops_per_s": 1e19, "compute_flops": limit}},
            "links": [{"between": ["v", "c"], "bandwidth_bps": 1.0, "latency_s": 10.0}],
            "requests": {
                name: {"node": "v", "models": [model], "input_bits": 0.0, "samples": samples}
                for name, (model, samples) in requests.items()
            },
        }
    )


def assert_true(instance: PullingInstance, method: str, value: float | None, where: object) -> str:
    """Assert that nothing false is said of an optimum; return the status."""
    solution = edgeopt.solve(instance, method, threads=1, iteration_limit=None if method in EXACT else 3)
    if value is None:
        assert solution.objective is None, where
        return str(solution.status)
    assert solution.status != "infeasible", where
    if solution.objective is not None:
        assert solution.objective >= value * (1 - 1e-9), where
    if solution.bound is not None:
        assert solution.bound <= value * (1 + (PROVED if method in EXACT else 1e-12)), where
    if solution.status == "optimal":
        assert solution.objective == pytest.approx(value, rel=PROVED, abs=0), where
    return str(solution.status)


@some_or_many(2, 12)
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("method", EXACT + BOUNDED)
def test_at_scales(scale, method, numbers):
    found = set()
    for seed in numbers:
        instance = random_instance(seed, requests=3, **SCALES[scale])
        found.add(assert_true(instance, method, optimum(instance)[0], seed))
    if method in EXACT:
        assert found <= {"optimal", "infeasible"}


@pytest.mark.slow
@pytest.mark.parametrize("scale", SCALES)
def test_at_scales_many(scale):
    for seed in range(100, 220):
        instance = random_instance(seed, requests=3, **SCALES[scale])
        value = optimum(instance)[0]
        for method in EXACT + BOUNDED:
            assert_true(instance, method, value, (seed, method))


@pytest.mark.slow
@pytest.mark.parametrize("waiting", ["once", "parallel", "serial"])
@pytest.mark.parametrize("scale", SCALES)
def test_at_scales_with_peers_and_waiting(scale, waiting):
    for seed in range(30):
        instance = random_instance(seed, requests=3, waiting=waiting, sources="any", **SCALES[scale])
        value = optimum(instance)[0]
        for method in EXACT + BOUNDED:
            status = assert_true(instance, method, value, (seed, method))
            assert method not in EXACT or status in {"optimal", "infeasible"}


@pytest.mark.parametrize("method", EXACT)
def test_work_that_fits_exactly_beside_work_of_more_than_64_bits(method):
    instance = compute_bound(
        {"big": 1e19, "one": 1.0}, 3.0, {"r": ("one", 3), "too many": ("one", 4), "q": ("big", 1000)}
    )
    solution = edgeopt.solve(instance, method, threads=1)
    assert solution.status == "optimal"
    assert solution.plan["assignments"]["r"]["site"] == "v"
    assert solution.objective == pytest.approx(optimum(instance)[0], rel=1e-12)


@pytest.mark.parametrize("method", EXACT + BOUNDED)
def test_work_of_more_than_64_bits_at_one_site_claims_nothing_false(method):
    for limit in (2.0**70, 2.0**70 + 2.0**18, 3.0):
        instance = compute_bound(
            {"big": 2.0**70, "little": 2.0**18, "one": 1.0},
            limit,
            {"a": ("big", 1), "b": ("little", 1), "c": ("one", 1)},
        )
        assert_true(instance, method, optimum(instance)[0], limit)


@pytest.mark.parametrize("method", EXACT)
def test_an_optimum_of_nothing_is_proved(method):
    instance = compute_bound({"m": 0.0, "n": 1e9}, 0.0, {"a": ("m", 1), "b": ("m", 2), "c": ("n", 0)})
    solution = edgeopt.solve(instance, method, threads=1)
    assert (solution.status, solution.objective, solution.bound) == ("optimal", 0.0, 0.0)


@pytest.mark.parametrize("method", ["exact", "bound", "rounding"])
def test_a_solver_that_finds_no_plan_where_the_greedy_does_is_a_fault(method, monkeypatch):
    instance = compute_bound({"m": 1.0}, 3.0, {"a": ("m", 2), "b": ("m", 2)})
    assert edgeopt.solve(instance, method, threads=1).status != "infeasible"
    lie = highs.Result(Status.INFEASIBLE, Stopped.PROVED)
    monkeypatch.setattr(highs.HighsSolver, "solve", lambda *_, **__: lie)
    with pytest.raises(ProgramError, match=r"known|greedy finds"):
        edgeopt.solve(instance, method, threads=1)


def crowded(memory: int) -> PullingInstance:
    """Two requests out of the cloud's reach, with models of 3 bytes each, at one cloudlet."""
    return PullingInstance.from_dict(
        {
            "name": "crowded",
            "library": {
                "format": "edgeopt-library/1",
                "name": "l",
                "blocks": {"x": 3, "y": 3},
                "models": {
                    "m": {"blocks": ["x"], "flops_per_sample": 1.0},
                    "n": {"blocks": ["y"], "flops_per_sample": 1.0},
                },
            },
            "cloud": {"name": "c", "speed_flops_per_s": 1.0},
            "cloudlets": {"v": {"memory_bytes": memory, "speed_flops_per_s": 1.0, "pull_delay_s": 1.0}},
            "links": [],
            "requests": {
                "a": {"node": "v", "models": ["m"], "input_bits": 0.0, "samples": 1},
                "b": {"node": "v", "models": ["n"], "input_bits": 0.0, "samples": 1},
            },
        }
    )


@pytest.mark.parametrize("method", ["exact", "cpsat"])
def test_infeasible_is_what_two_solvers_say(method, monkeypatch):
    assert edgeopt.solve(crowded(6), method, threads=1).objective == 4.0
    solution = edgeopt.solve(crowded(5), method, threads=1)
    assert solution.status == "infeasible"
    assert "not all together" in solution.message
    silent = infeasibility.infeasible_if_confirmed
    module = f"edgeopt.pulling.{method}.infeasible_if_confirmed"
    monkeypatch.setattr(module, lambda arrays, options, _: silent(arrays, options, lambda *_: None))
    solution = edgeopt.solve(crowded(5), method, threads=1)
    assert solution.status == "unknown"
    assert "no other has confirmed" in solution.message
    monkeypatch.setattr(module, lambda arrays, options, _: silent(arrays, options, lambda *_: True))
    with pytest.raises(ProgramError, match="another solver does not"):
        edgeopt.solve(crowded(5), method, threads=1)


def test_more_operations_than_a_solver_has_numbers_for_where_none_are_allowed():
    """SCIP takes 1e20 for infinity, and refuses it as a coefficient."""
    pytest.importorskip("pyscipopt")
    instance = compute_bound({"big": 7e20, "free": 0.0}, 0.0, {"a": ("big", 1), "b": ("free", 1)})
    solution = edgeopt.solve(instance, "nlip", threads=1)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(optimum(instance)[0], rel=1e-9)
