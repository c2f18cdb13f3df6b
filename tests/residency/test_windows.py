"""Bounds and plans that come window by window, with windows of two visits."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt
from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import compile_formulation
from edgeopt.models.residency import formulate
from edgeopt.residency import windows
from edgeopt.residency.arrays import Intervals, Kept
from edgeopt.residency.exact import Program
from edgeopt.residency.generator import generate
from edgeopt.residency.packing import Packing
from edgeopt.residency.windows import Windows, relaxation
from edgeopt.run import Outcome, Run
from tests.amounts import some_or_many
from tests.residency.brute_force import optimum
from tests.residency.random_instances import random_instance

INSTANCES = {seed: drawn for seed in range(240) if not (drawn := random_instance(seed)).too_large()}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of two visits each."""
    monkeypatch.setattr(windows, "BOUND_INTERVALS", 1)
    monkeypatch.setattr(windows, "SEARCH_INTERVALS", 1)


@some_or_many(80, 240)
@pytest.mark.usefixtures("short")
def test_bounds_hold_and_plans_are_plans_at_every_step(numbers: range) -> None:
    tightened = reached = several = 0
    instances = {seed: instance for seed, instance in INSTANCES.items() if seed in numbers}
    for seed, instance in instances.items():
        intervals, best = Intervals(instance), float(optimum(instance) or 0)
        prices, _ = relaxation(intervals, Run(maximize=False))
        assert prices is not None
        steps = Windows(intervals, prices, intervals.none(), Run(maximize=False))
        first, count = steps.known.bound, len(steps.edges) - 1
        margin = 1e-9 * max(best, intervals.savings_at_most)
        assert first <= best + margin, seed
        for index in range(count):
            steps.bound_window(index, 0.0, 100)
            assert steps.known.bound <= best + margin, seed
        for offset in (0, 1, 0):
            steps.sweep(offset, float("inf"))
            report = edgeopt.check(instance, intervals.plan(steps.known.best))
            assert report.feasible, seed
            assert report.objective == pytest.approx(steps.known.value, rel=1e-12, abs=1e-300), seed
            assert report.objective >= best - margin, seed
        several += count > 1
        tightened += steps.known.bound > first + margin
        reached += steps.known.value <= best + margin
    assert several > len(numbers) / 4
    assert tightened > len(numbers) / 24
    assert reached > 0.9 * len(instances)


@pytest.mark.usefixtures("short")
def test_parts_of_savings_add_up() -> None:
    """Each interval's parts over its windows are its saving, so that no plan saves more than the windows together."""
    for seed in range(0, 240, 7):
        if seed not in INSTANCES:
            continue
        intervals = Intervals(INSTANCES[seed])
        prices, _ = relaxation(intervals, Run(maximize=False))
        assert prices is not None
        steps = Windows(intervals, prices, intervals.none(), Run(maximize=False))
        total = np.zeros(len(intervals.block))
        for low, high in zip(steps.edges, steps.edges[1:], strict=False):
            members = steps._members(low, high)
            total[members] += steps._shares(members, low, high)[2]
        assert total == pytest.approx(intervals.saving, rel=1e-9, abs=1e-9 * (1 + intervals.savings_at_most))
        counted = [
            joint
            for low, high in zip(steps.edges, steps.edges[1:], strict=False)
            for joint in steps._joint_of_window(steps._members(low, high), low, high)
        ]
        assert sorted(value for _, value in counted) == sorted(intervals.joint_saving.values())
        priced = sum(steps._parts)
        assert priced == pytest.approx(prices.savings, rel=1e-7, abs=1e-7 * (1e-9 + intervals.savings_at_most))


@pytest.mark.parametrize("chained", [False, True])
def test_the_formulation_and_the_arrays_have_one_relaxation(chained: bool) -> None:
    for instance in list(INSTANCES.values())[:80]:
        intervals = Intervals(instance)
        joint = [(members, intervals.joint_saving[at]) for at, members in intervals.joint.items()]
        packing = Packing(
            intervals.first,
            intervals.end,
            intervals.bytes,
            intervals.saving,
            intervals.room,
            instance.memory_bytes,
            joint,
            chained,
        )
        compiled = compile_formulation(formulate(instance))
        for relaxed in (True, False):
            first = HighsSolver(compiled, Run()).solve(relaxed=relaxed).objective
            second = HighsSolver(packing.program, Run()).solve(relaxed=relaxed).objective
            expected = pytest.approx(intervals.all_loaded_s + (second or 0.0), rel=1e-6, abs=1e-6)
            assert (first if first is not None else intervals.all_loaded_s) == expected


def test_a_window_counts_joint_savings_as_what_they_are() -> None:
    """With one window for all visits the bound is the optimum, although prices share joint savings out badly."""
    joint = loose = 0
    for drawn in INSTANCES.values():
        instance = drawn.replace(fixed_s=dict.fromkeys(drawn.library.models, 3.5))
        intervals = Intervals(instance)
        if not intervals.joint:
            continue
        best = float(optimum(instance) or 0)
        prices, _ = relaxation(intervals, Run(maximize=False))
        assert prices is not None
        steps = Windows(intervals, prices, intervals.none(), Run(maximize=False))
        margin = 1e-8 * intervals.savings_at_most
        loose += steps.known.bound < best - margin
        steps.bound_window(0, 0.0, 1000)
        assert steps.known.bound == pytest.approx(best, abs=margin)
        joint += 1
    assert joint > 20
    assert loose > 3


def test_a_plan_is_read_as_it_was_written() -> None:
    for instance in INSTANCES.values():
        intervals = Intervals(instance)
        rng = np.random.default_rng(0)
        for kept in (intervals.none(), ~intervals.none(), rng.random(len(intervals.block)) < 0.5):
            plan = intervals.plan(kept)
            assert (intervals.kept(plan) == kept).all()
            report = edgeopt.check(instance, plan)
            assert report.objective == pytest.approx(intervals.seconds(kept), rel=1e-12, abs=1e-300)
            free = intervals.free_bytes(kept)
            assert report.feasible == bool((free >= 0).all())
            assert report.metrics["peak_bytes"] == instance.memory_bytes - min(free, default=instance.memory_bytes)


def test_exact_cuts_off_what_overfills() -> None:
    """The cut holds for every choice that fits, and not for the one that it is made from."""
    cuts = 0
    for instance in INSTANCES.values():
        intervals = Intervals(instance)
        if not 0 < len(intervals.block) <= 6:
            continue
        program = Program(intervals)
        every = [np.array([n >> bit & 1 for bit in range(len(intervals.block))], bool) for n in range(64)]
        over = ~intervals.none()
        rows = program.cover_cuts(over)
        for row in rows.toarray():
            cuts += 1
            assert row @ program.start(over) > row.sum() - 1
            for kept in every:
                if len(kept) == len(over) and (intervals.free_bytes(kept) >= 0).all():
                    assert row @ program.start(kept) <= row.sum() - 1
    assert cuts > 20


def test_a_limit_of_iterations_gives_the_same_twice() -> None:
    instance = generate("lora-towers", models=20, count=900, seed=3)
    first, second = (edgeopt.solve(instance, "windows", iteration_limit=1, threads=1) for _ in range(2))
    assert (first.objective, first.bound, first.plan) == (second.objective, second.bound, second.plan)
    assert 0 <= first.gap < 0.05


def test_a_start_is_not_lost() -> None:
    instance = generate("lora-towers", models=10, count=300, seed=2)
    best = edgeopt.solve(instance, "exact", threads=1)
    assert best.status == "optimal"
    again = edgeopt.solve(instance, "windows", start=best, iteration_limit=0, threads=1)
    assert again.objective == best.objective
    chosen = edgeopt.solve(instance, threads=1)
    assert chosen.method == "exact"
    assert chosen.objective == pytest.approx(best.objective)


@pytest.mark.slow
def test_exact_begins_with_the_search_at_an_iteration_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """So `auto`, which takes it, is never worse than `windows` there; the two are the search, then proofs."""
    instance = generate(sharing="freeze-depth", models=16, count=120, seed=9002)
    found = edgeopt.solve(instance, "windows", threads=1, iteration_limit=1).objective
    assert found < edgeopt.solve(instance, "windows", threads=1, iteration_limit=0).objective

    def no_proof(intervals: Intervals, start: Kept, run: Run) -> Outcome:
        return Outcome(intervals.plan(start))

    monkeypatch.setattr("edgeopt.residency.exact.solve_program", no_proof)
    assert edgeopt.solve(instance, "exact", threads=1, iteration_limit=1).objective == found
