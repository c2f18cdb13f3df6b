"""The instances that the methods of `pulling` reach, and the reduction that most of them begin with."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np

from edgeopt.pulling.arrays import ReducedInstance, reduce_instance
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.separable import choices, why_inseparable
from edgeopt.pulling.unservable import unservable
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

LARGEST = 5_000_000  # options that are listed one by one
CANDIDATES = 400_000  # options that are kept of more, the cheapest of each request
DECOUPLED = (
    "no request's choice touches another's, since all that could be of use fits where it is: each request takes its "
    "cheapest option, which needs no solver"
)
LARGEST_CPSAT = 200_000
LARGEST_NLIP = 2_000  # choices of request, model and site


def on_reduced_instance(
    function: Callable[[ReducedInstance, Run], Outcome],
) -> Callable[[PullingInstance, Run], Outcome]:
    """Make a method of what solves a reduced instance: it begins when each request alone can be served."""

    @wraps(function)
    def solve(instance: PullingInstance, run: Run) -> Outcome:
        reduced = reduce_instance(instance, CANDIDATES if choices(instance) > LARGEST else None)
        reason = unservable(reduced)
        return function(reduced, run) if reason is None else Outcome(infeasible=True, message=reason)

    return solve


def unless_decoupled(function: Callable[[ReducedInstance, Run], Outcome]) -> Callable[[ReducedInstance, Run], Outcome]:
    """Make a method that hands only instances to `function` in which the choice of one request touches another's."""

    @wraps(function)
    def solve(reduced: ReducedInstance, run: Run) -> Outcome:
        core = reduced.core
        if np.isfinite(reduced.cutoff).any() or not core.decoupled:
            return function(reduced, run)
        amounts = np.zeros(core.options, np.int64)
        first = core.group_start[:-1][np.diff(core.group_start) > 0]
        amounts[first] = core.units[core.option_group[first]]
        return Outcome(reduced.plan(amounts), core.cost(amounts), Stopped.PROVED, message=DECOUPLED)

    return solve


def too_large(instance: PullingInstance) -> str | None:
    """Say that there are too many options to list, or return None."""
    count = choices(instance)
    if count <= LARGEST:
        return None
    return f"it needs all options and is for at most {LARGEST}, not {count}; {_at_scale(instance)} would work"


def too_large_for_cpsat(instance: PullingInstance) -> str | None:
    """Say that there are too many options for CP-SAT, or return None."""
    count = choices(instance)
    if count <= LARGEST_CPSAT:
        return None
    return f"it is for at most {LARGEST_CPSAT} options, not {count}; {_exact_or_at_scale(instance)} would work"


def too_large_for_scip(instance: PullingInstance) -> str | None:
    """Say that there are too many choices for the nonlinear program, or return None."""
    count = len(instance.requests) * len(instance.library.models) * (1 + len(instance.cloudlets))
    if count <= LARGEST_NLIP:
        return None
    limit = f"it is for at most {LARGEST_NLIP} choices of request, model and site, not {count}"
    return f"{limit}; {_exact_or_at_scale(instance)} would work"


def not_separable(instance: PullingInstance) -> str | None:
    """Say what ties the choices of different requests together, or return None."""
    reason = why_inseparable(instance)
    if reason is None:
        return None
    return f"it needs one model for each request, nothing shared and no limits but memory: {reason}; try 'local-search'"


def _at_scale(instance: PullingInstance) -> str:
    return "'cache-search'" if why_inseparable(instance) is None else "'lagrangian'"


def _exact_or_at_scale(instance: PullingInstance) -> str:
    return "'exact'" if too_large(instance) is None else _at_scale(instance)
