"""`greedy`: open the bundle of models that saves most for its bytes, again and again."""

from __future__ import annotations

import numpy as np

from edgeopt.method import Options, Outcome
from edgeopt.pulling.arrays import Arrays
from edgeopt.pulling.core import Flags
from edgeopt.pulling.search import Search

ALPHAS = (1.0, 0.5, 0.0)


def greedy_opening(search: Search, options: Options) -> tuple[float, Flags]:
    """Return the best total and opening over the exponents of `ALPHAS`, each from nothing opened."""
    nothing = np.zeros_like(search.state.opened)
    search.restore(nothing)
    best = search.total, search.opened
    for alpha in ALPHAS:
        search.restore(nothing)
        search.insert(options, np.arange(search.core.sites), alpha)
        if search.total < best[0]:
            best = search.total, search.opened
    return best


def solve_greedy(arrays: Arrays, options: Options) -> Outcome:
    """Open bundles of models while that pays, by gain / bytes ** alpha for several alphas; keep the best.

    A bundle is the best prefix of the models that share an atom: a backbone that no single model repays is opened for
    all of them together.
    """
    search = Search(arrays.core)
    total, opened = greedy_opening(search, options)
    search.restore(opened)
    amounts = search.amounts()
    if amounts is None:
        return Outcome(stopped=options.stop_reason() or Outcome().stopped, message="the greedy found no feasible plan")
    options.report(total)
    return Outcome(arrays.plan(amounts), stopped=options.stop_reason() or Outcome().stopped)
