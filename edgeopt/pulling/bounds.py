"""`bound`: the linear relaxation of the strong form, or the Lagrangian dual where that is too large."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeopt.pulling.arrays import ReducedInstance
from edgeopt.pulling.cache_search import solve_cache_bound
from edgeopt.pulling.cpsat import servable
from edgeopt.pulling.greedy import known_total
from edgeopt.pulling.infeasibility import infeasible_if_confirmed
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.lagrangian import ITERATIONS, LagrangianRelaxation
from edgeopt.pulling.openings import Openings
from edgeopt.pulling.reach import not_separable, on_reduced_instance, too_large, unless_decoupled
from edgeopt.pulling.relaxation import LinearRelaxation
from edgeopt.run import Outcome, Run

DUAL_ABOVE = 20_000  # options


def solve_bound(reduced: ReducedInstance, run: Run) -> Outcome:
    """Return a lower bound on the total delay, and no plan."""
    best, complete = None, not np.isfinite(reduced.cutoff).any()
    openings = Openings(reduced.core)
    total = known_total(openings, run)
    stopped = run.stop_reason()
    if stopped is not None:  # relaxations take long to state
        return Outcome(bound=0.0, stopped=stopped)
    core = reduced.relaxed.up_to(total)
    if core.options > DUAL_ABOVE or not complete:
        dual = LagrangianRelaxation(core)
        dual.climb(run, total, run.options.iteration_limit or ITERATIONS)
        best = dual.bound
        run.report(None, best)
    if not complete:  # at this size the linear relaxation would take hours
        return Outcome(bound=best, stopped=run.stop_reason() or Outcome().stopped)
    linear = LinearRelaxation(core, run, opened=openings.opened)
    if linear.infeasible:
        return infeasible_if_confirmed(reduced, run, servable)
    bounds = [bound for bound in (best, linear.bound) if bound is not None]
    return Outcome(bound=max(bounds, default=None), stopped=run.stop_reason() or Outcome().stopped)


def solve(instance: PullingInstance, run: Run) -> Outcome:
    """Bound the total delay from below."""
    if too_large(instance) is not None and not_separable(instance) is None:
        return solve_cache_bound(instance, run)
    outcome = on_reduced_instance(unless_decoupled(solve_bound))(instance, run)
    return replace(outcome, plan=None)
