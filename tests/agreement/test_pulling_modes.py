"""All methods of `pulling` where blocks come from peers, requests wait for pulls, and have sites and offers."""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest

import edgeopt
from edgeopt.pulling.checker import check
from edgeopt.pulling.instance import PullingInstance
from tests.pulling.brute_force import optimum
from tests.pulling.random_instances import random_instance

MODES = list(product(("once", "parallel", "serial"), ("cloud", "peers", "any")))
METHODS = edgeopt.methods("pulling")
OTHERS = [name for name, method in METHODS.items() if method.kind != "exact" and name != "cache-search"]
DECOUPLED = "touches"  # a word of the message of instances that need no solver


@cache
def tiny(seed: int, waiting: str, sources: str) -> tuple[PullingInstance, float | None]:
    instance = random_instance(seed, requests=3, waiting=waiting, sources=sources)
    value, plan = optimum(instance)
    if plan is not None:
        report = check(instance, plan)
        assert report.feasible, (seed, report.violations)
        assert report.objective == pytest.approx(value, rel=1e-9, abs=1e-9), seed
    return instance, value


def agree(name: str, seeds: range, waiting: str, sources: str) -> set[str]:
    """Solve instances by an exact method; return what was found."""
    found = set()
    for seed in seeds:
        instance, value = tiny(seed, waiting, sources)
        solution = edgeopt.solve(instance, name, threads=1)
        assert solution.status == ("infeasible" if value is None else "optimal"), seed
        assert solution.message or value is not None, seed
        assert solution.objective == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)), seed
        found.add("decoupled" if DECOUPLED in solution.message else str(solution.status))
    return found


@pytest.mark.parametrize(("waiting", "sources"), MODES)
def test_exact_finds_the_optimum(waiting: str, sources: str) -> None:
    assert agree("exact", range(14), waiting, sources) == {"optimal", "infeasible", "decoupled"}


@pytest.mark.parametrize(("waiting", "sources"), [("once", "any"), ("parallel", "any"), ("serial", "peers")])
def test_cpsat_finds_the_optimum(waiting: str, sources: str) -> None:
    agree("cpsat", range(10), waiting, sources)


@pytest.mark.parametrize(("waiting", "sources"), [("once", "any"), ("parallel", "any"), ("serial", "peers")])
def test_scip_finds_the_optimum_of_the_products(waiting: str, sources: str) -> None:
    pytest.importorskip("pyscipopt")
    assert agree("nlip", range(8), waiting, sources) >= {"optimal"}


@pytest.mark.parametrize(("far", "seeds"), [(0.0, (14, 39, 94)), (1e3, (31, 51))])
def test_scip_finds_the_optimum_at_tiny_delays(far: float, seeds: tuple[int, ...]) -> None:
    """All delays are picoseconds, beside a cloud that is next to them or far away: SCIP's tolerances are absolute."""
    pytest.importorskip("pyscipopt")
    for seed in seeds:
        for waiting in ("once", "parallel"):
            instance = random_instance(
                300000 + seed, requests=3, waiting=waiting, sources="peers", seconds=1e-12, far=far
            )
            value, _ = optimum(instance)
            solution = edgeopt.solve(instance, "nlip", threads=1)
            assert solution.status == ("infeasible" if value is None else "optimal"), seed
            assert solution.objective == (None if value is None else pytest.approx(value, rel=1e-9, abs=0.0)), seed


@pytest.mark.slow
@pytest.mark.parametrize(("waiting", "sources"), MODES)
@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.kind == "exact"])
def test_exact_methods_find_the_optimum_of_many(name: str, waiting: str, sources: str) -> None:
    if METHODS[name].missing_extra() is not None:
        pytest.skip("the extra is not installed")
    agree(name, range(200 if name == "exact" else 60), waiting, sources)


@pytest.mark.slow
@pytest.mark.parametrize(("waiting", "sources"), MODES)
@pytest.mark.parametrize("name", OTHERS)
def test_other_methods_keep_within_the_optimum(name: str, waiting: str, sources: str) -> None:
    for seed in range(100):
        instance, value = tiny(seed, waiting, sources)
        solution = edgeopt.solve(instance, name, threads=1, iteration_limit=3)
        if value is None:
            assert solution.objective is None, seed
            continue
        assert solution.status != "infeasible", seed
        if solution.objective is not None:
            assert solution.objective >= value * (1 - 1e-9) - 1e-9, seed
        if solution.bound is not None:
            assert solution.bound <= value * (1 + 1e-7) + 1e-7, seed
        if DECOUPLED in solution.message:
            assert (solution.objective or solution.bound) == pytest.approx(value, rel=1e-9, abs=1e-9), seed


def test_cache_search_refuses_what_its_knapsacks_do_not_know() -> None:
    for waiting, sources in MODES:
        for seed in range(5):
            assert METHODS["cache-search"].refusal(tiny(seed, waiting, sources)[0]) is not None


def test_more_senders_and_pulls_at_the_same_time_never_hurt() -> None:
    """Enumeration finds it; `sites` that name all sites change nothing."""
    compared = 0
    for seed in range(24):
        values = {mode: tiny(seed, *mode)[1] for mode in MODES}
        for waiting in ("once", "parallel", "serial"):
            every, *some = (values[waiting, sources] for sources in ("any", "cloud", "peers"))
            for value in some:
                assert value is None or (every is not None and every <= value * (1 + 1e-12))
                compared += value is not None
        for sources in ("cloud", "peers", "any"):
            parallel, serial = values["parallel", sources], values["serial", sources]
            assert (parallel is None) == (serial is None)
            assert parallel is None or serial is None or parallel <= serial * (1 + 1e-12)
        instance, value = tiny(seed, "parallel", "any")
        everywhere = [*instance.cloudlets, instance.cloud.name]
        named = {
            f"requests.{name}.sites": everywhere for name, request in instance.requests.items() if request.sites is None
        }
        if named and value is not None and seed < 6:
            solution = edgeopt.solve(instance.replace(**named), "exact", threads=1)
            assert solution.objective == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert compared > 60
