"""The linear relaxation by sifting is the whole program's, and says as much of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeopt.pulling import relaxation, sifting
from edgeopt.pulling.arrays import reduce_instance
from edgeopt.pulling.exact import solve_exact
from edgeopt.pulling.generator import generate
from edgeopt.pulling.relaxation import LinearRelaxation
from edgeopt.pulling.unservable import unservable
from edgeopt.run import Run
from tests.pulling.random_instances import random_instance


def both(core, monkeypatch, linking="strong"):
    """Return the relaxation of the whole program and that by sifting."""
    monkeypatch.setattr(relaxation, "SIFTED_FROM", core.options + 1)
    whole = LinearRelaxation(core, Run(maximize=False), linking)
    monkeypatch.setattr(relaxation, "SIFTED_FROM", 0)
    return whole, LinearRelaxation(core, Run(maximize=False), linking)


@pytest.mark.parametrize("few", [0, 100])
@pytest.mark.parametrize("compute", ["unlimited", "limited"])
def test_sifting_finds_and_proves_the_same_bound_with_fewer_columns(compute, few, monkeypatch):
    monkeypatch.setattr(sifting, "CHEAPEST", 1)
    monkeypatch.setattr(sifting, "FEW", few)
    added, add = [], sifting.Sifting._add

    def noted(self, options):
        added.extend(options.tolist())
        add(self, options)

    monkeypatch.setattr(sifting.Sifting, "_add", noted)
    core = reduce_instance(generate(cloudlets=6, requests=40, models=16, compute=compute, seed=1)).core
    whole, sifted = both(core, monkeypatch)
    assert sifted.bound == pytest.approx(whole.bound, rel=1e-9)
    assert 0 < len(added) == len(set(added)) < core.options
    program = sifted.strong.program()
    values = np.clip(sifted.values, program.column_lower, program.column_upper)
    assert sifted.values == pytest.approx(values, abs=1e-9)
    assert (program.rows @ sifted.values <= program.row_upper + 1e-7).all()
    assert program.objective(sifted.values) == pytest.approx(sifted.bound, rel=1e-9)


@pytest.mark.parametrize("linking", ["plain", "aggregated"])
def test_sifting_takes_the_weaker_forms(linking, monkeypatch):
    core = reduce_instance(generate(cloudlets=4, requests=25, models=12, seed=5, compute="limited")).core
    whole, sifted = both(core, monkeypatch, linking)
    assert sifted.bound == pytest.approx(whole.bound, rel=1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_what_sifting_leaves_out_no_optimum_uses(seed, monkeypatch):
    """Resident blocks, tiny limits, clouds that are not reached: bounds hold, and an optimum stays useful."""
    reduced = reduce_instance(random_instance(seed))
    if unservable(reduced) is not None or not reduced.core.options:
        pytest.skip("nothing to decide")
    core = reduced.core
    whole, sifted = both(core, monkeypatch)
    assert whole.infeasible == sifted.infeasible
    if whole.infeasible:
        return
    assert sifted.bound == pytest.approx(whole.bound, rel=1e-8, abs=1e-9)
    monkeypatch.undo()
    outcome = solve_exact(reduced, Run(maximize=False))
    if outcome.plan is None:
        return
    total = core.cost(reduced.amounts(outcome.plan))
    assert sifted.bound <= total * (1 + 1e-9)
    useful = sifted.useful(total)
    part = replace(reduced, core=core.restricted(useful), least_work=reduced.least_work[useful])
    kept = solve_exact(part, Run(maximize=False))
    assert part.core.cost(part.amounts(kept.plan)) == pytest.approx(total, rel=1e-7, abs=1e-9)
