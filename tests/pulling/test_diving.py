"""Diving of `pulling`: whole units within the limits, and bounds that hold."""

from __future__ import annotations

import numpy as np
import pytest

from edgeopt.pulling import exact
from edgeopt.pulling.arrays import reduce_instance
from edgeopt.pulling.checker import check
from edgeopt.pulling.diving import Diving
from edgeopt.pulling.generator import generate
from edgeopt.pulling.openings import Openings
from edgeopt.run import Options, Run
from tests.pulling.brute_force import optimum
from tests.pulling.random_instances import random_instance

OPTIONS = Run(Options(threads=1), maximize=False)


@pytest.mark.parametrize("first", [0, *(pytest.param(first, marks=pytest.mark.slow) for first in (20, 40))])
def test_exact_with_diving_against_brute_force(first, monkeypatch):
    """Small instances take the way of large ones."""
    monkeypatch.setattr(exact, "DIRECT_UP_TO", 0)
    solved = 0
    for seed in range(first, first + 20):
        instance = random_instance(seed)
        best, _ = optimum(instance)
        if best is None:
            continue
        reduced = reduce_instance(instance)
        for gap in (1e-6, 0.1):
            outcome = exact.solve_exact(reduced, Run(Options(threads=1, gap=gap), maximize=False))
            total = check(instance, outcome.plan).objective
            assert outcome.bound <= best * (1 + 1e-6) + 1e-6
            assert best * (1 - 1e-9) - 1e-9 <= total
            assert total <= best + gap * total + 1e-6 * (1 + best)
        solved += 1
    assert solved >= 5


@pytest.mark.parametrize("seed", range(4))
def test_fractional_units_become_whole_within_the_limits(seed):
    core = reduce_instance(
        generate(cloudlets=5, requests=400, classes=30, models=12, seed=seed, compute="limited")
    ).core
    assert core.limited.any()
    openings, found = Openings(core), []
    for opened, units in Diving(core, np.ones(core.options, np.bool_), OPTIONS).run(5):
        assert (core.overfull(opened) <= 0).all()
        amounts = openings.complete(opened, units)
        assert core.feasible(amounts)
        assert openings.total == pytest.approx(core.cost(amounts))
        found.append(core.cost(amounts))
    assert found


def test_units_beyond_a_limit_are_taken_back():
    """Where a limit is short by one operation, fewer units are served there."""
    core = reduce_instance(generate(cloudlets=4, requests=200, classes=20, models=8, seed=1, compute="limited")).core
    *_, (opened, units) = Diving(core, np.ones(core.options, np.bool_), OPTIONS).run(2)
    amounts = Openings(core).complete(opened, units)
    used = core.overworked(amounts) + core.work_limit
    tight = core.replaced(work_limit=np.where(used > 0, used - 1, core.work_limit))
    assert (tight.overworked(amounts) > 0).any()
    found = Openings(tight).complete(opened, amounts.astype(float))
    assert tight.feasible(found)
