"""`greedy`: open the bundle of models that saves most for its bytes, again and again."""

from __future__ import annotations

import numpy as np

from edgeopt.pulling.arrays import Arrays
from edgeopt.pulling.core import Flags, Ints
from edgeopt.pulling.openings import Search
from edgeopt.pulling.reach import reduced
from edgeopt.run import Outcome, Run

ALPHAS = (1.0, 0.5, 0.0)
SWEEP_ALPHAS = (0.0, 0.5)
SWEEPS = 3


def greedy_opening(search: Search, run: Run) -> tuple[float, Flags]:
    """Return the best total and opening over the exponents of `ALPHAS`, each from nothing opened."""
    nothing = np.zeros_like(search.state.opened)
    search.restore(nothing)
    best = search.total, search.opened
    for alpha in ALPHAS:
        search.restore(nothing)
        search.insert(run, np.arange(search.core.sites), alpha)
        if search.total < best[0]:
            best = search.total, search.opened
    return best


def known_total(search: Search, run: Run) -> float:
    """Return the seconds of a solution found by `greedy_opening`; infinite when it finds none."""
    _, opened = greedy_opening(search, run)
    search.restore(opened)
    amounts = search.amounts()
    return np.inf if amounts is None else search.core.cost(amounts)


def sweep(search: Search, run: Run) -> None:
    """Close each site, and each model at a site, in turn, and open bundles anew; until nothing improves."""
    for _ in range(SWEEPS):
        before = search.total
        for site in search.core.used_sites.tolist():
            for alpha in SWEEP_ALPHAS:
                _try(search, run, site, None, alpha)
            for model in used_models(search, site).tolist():
                _try(search, run, site, np.array([model]), SWEEP_ALPHAS[0])
            if run.stop_reason() is not None:
                return
        if search.total >= before * (1 - 1e-9):
            return


def used_models(search: Search, site: int) -> Ints:
    """Models that serve someone at a site."""
    core, used = search.core, search.state.amounts > 0
    return np.unique(core.option_model[used & (core.option_site == site)])


def _try(search: Search, run: Run, site: int, models: Ints | None, alpha: float) -> None:
    total, opened = search.total, search.opened
    search.close(site, models)
    others = np.setdiff1d(search.core.used_sites, site)
    search.insert(run, others, alpha)
    search.insert(run, np.append(others, site), alpha)
    if search.total >= total:
        search.restore(opened)


def solve_greedy(arrays: Arrays, run: Run) -> Outcome:
    """Open bundles of models while that pays, by gain / bytes ** alpha for several alphas; sweep over the best.

    A bundle is the best prefix of the models that share an atom: a backbone that no single model repays is opened for
    all of them together.
    """
    search = Search(arrays.core)
    _, opened = greedy_opening(search, run)
    search.restore(opened)
    sweep(search, run)
    total = search.total
    amounts = search.amounts()
    if amounts is None:
        return Outcome(stopped=run.stop_reason() or Outcome().stopped, message="the greedy found no feasible plan")
    run.report(total)
    return Outcome(arrays.plan(amounts), stopped=run.stop_reason() or Outcome().stopped)


@reduced
def solve(arrays: Arrays, run: Run) -> Outcome:
    """Open the bundle of models that saves most for its bytes, again and again."""
    return solve_greedy(arrays, run)
