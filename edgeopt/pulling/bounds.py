"""`bound`: the linear relaxation of the strong form, or the Lagrangian dual where that is too large."""

from __future__ import annotations

import numpy as np

from edgeopt.method import Options, Outcome
from edgeopt.pulling.arrays import Arrays
from edgeopt.pulling.cpsat import servable
from edgeopt.pulling.greedy import known_total
from edgeopt.pulling.infeasibility import infeasible_if_confirmed
from edgeopt.pulling.lagrangian import ITERATIONS, Relaxation
from edgeopt.pulling.relaxation import LinearRelaxation
from edgeopt.pulling.search import Search

DUAL_ABOVE = 20_000  # options


def solve_bound(arrays: Arrays, options: Options) -> Outcome:
    """Return a lower bound on the total delay, and no plan."""
    best, complete = None, not np.isfinite(arrays.cutoff).any()
    total = known_total(Search(arrays.core), options)
    core = arrays.relaxed.up_to(total)
    if core.options > DUAL_ABOVE or not complete:
        dual = Relaxation(core)
        dual.climb(options, total, options.iteration_limit or ITERATIONS)
        best = dual.bound
        options.report(None, best)
    if not complete:  # at this size the linear relaxation would take hours
        return Outcome(bound=best, stopped=options.stop_reason() or Outcome().stopped)
    linear = LinearRelaxation(core, options)
    if linear.infeasible:
        return infeasible_if_confirmed(arrays, options, servable)
    bounds = [bound for bound in (best, linear.bound) if bound is not None]
    return Outcome(bound=max(bounds, default=None), stopped=options.stop_reason() or Outcome().stopped)
