"""`greedy`: open the bundle of models that saves most for its bytes, again and again."""

from __future__ import annotations

import numpy as np

from edgeopt.pulling.arrays import ReducedInstance
from edgeopt.pulling.core import Flags, Ints
from edgeopt.pulling.openings import Openings
from edgeopt.pulling.reach import on_reduced_instance, unless_decoupled
from edgeopt.run import Outcome, Run

ALPHAS = (1.0, 0.5, 0.0)
SWEEP_ALPHAS = (0.0, 0.5)
SWEEPS = 3


def greedy_opening(openings: Openings, run: Run) -> tuple[float, Flags]:
    """Return the best total and opening over the exponents of `ALPHAS`, each from nothing opened."""
    nothing = np.zeros_like(openings.state.opened)
    openings.restore(nothing)
    best = openings.total, openings.opened
    for alpha in ALPHAS:
        openings.restore(nothing)
        openings.insert(run, np.arange(openings.core.sites), alpha)
        if openings.total < best[0]:
            best = openings.total, openings.opened
    return best


def known_total(openings: Openings, run: Run) -> float:
    """Return the seconds of the solution that `greedy_opening` finds; infinite when it finds none."""
    _, opened = greedy_opening(openings, run)
    openings.restore(opened)
    amounts = openings.amounts()
    return np.inf if amounts is None else openings.core.cost(amounts)


def sweep(openings: Openings, run: Run) -> None:
    """Close each site, and each model at a site, in turn, and open bundles anew; until nothing improves."""
    for _ in range(SWEEPS):
        before = openings.total
        for site in openings.core.used_sites.tolist():
            for alpha in SWEEP_ALPHAS:
                _try(openings, run, site, None, alpha)
            for model in used_models(openings, site).tolist():
                _try(openings, run, site, np.array([model]), SWEEP_ALPHAS[0])
            if run.stop_reason() is not None:
                return
        if openings.total >= before * (1 - 1e-9):
            return


def used_models(openings: Openings, site: int) -> Ints:
    """Return the models that serve someone at a site."""
    core, used = openings.core, openings.state.amounts > 0
    return np.unique(core.option_model[used & (core.option_site == site)])


def _try(openings: Openings, run: Run, site: int, models: Ints | None, alpha: float) -> None:
    total, opened = openings.total, openings.opened
    openings.close(site, models)
    others = np.setdiff1d(openings.core.used_sites, site)
    openings.insert(run, others, alpha)
    openings.insert(run, np.append(others, site), alpha)
    if openings.total >= total:
        openings.restore(opened)


def solve_greedy(reduced: ReducedInstance, run: Run) -> Outcome:
    """Open bundles of models while that pays, by gain / bytes ** alpha for several alphas; sweep over the best.

    A bundle is the best prefix of the models that share an atom: a backbone that no single model repays is opened for
    all of them together.
    """
    openings = Openings(reduced.core)
    _, opened = greedy_opening(openings, run)
    openings.restore(opened)
    sweep(openings, run)
    total = openings.total
    amounts = openings.amounts()
    if amounts is None:
        return Outcome(stopped=run.stop_reason() or Outcome().stopped, message="the greedy found no feasible plan")
    plan = reduced.plan(amounts)
    run.report(total, plan=lambda: plan)
    return Outcome(plan, stopped=run.stop_reason() or Outcome().stopped)


@on_reduced_instance
@unless_decoupled
def solve(reduced: ReducedInstance, run: Run) -> Outcome:
    """Open the bundle of models that saves most for its bytes, again and again."""
    return solve_greedy(reduced, run)
