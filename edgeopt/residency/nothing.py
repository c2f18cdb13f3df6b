"""Instances that nobody can serve: a requested model is larger than the GPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from edgeopt.residency.arrays import Intervals
from edgeopt.residency.instance import ResidencyInstance
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped


def if_all_models_fit(
    function: Callable[[Intervals, Run], Outcome],
) -> Callable[[ResidencyInstance, Run], Outcome]:
    """Make a method of what decides about intervals: it begins when each requested model fits alone."""

    @wraps(function)
    def solve(instance: ResidencyInstance, run: Run) -> Outcome:
        reason = why_infeasible(instance)
        if reason is not None:
            return Outcome(infeasible=True, stopped=Stopped.PROVED, message=reason)
        return function(Intervals(instance), run)

    return solve


def why_infeasible(instance: ResidencyInstance) -> str | None:
    """Say which requested models the GPU cannot hold, or return None; without such a model there is a plan."""
    lacking = instance.too_large()
    if not lacking:
        return None
    model, least = min(lacking.items(), key=lambda pair: pair[1])
    others = f" and {len(lacking) - 1} more models" if len(lacking) > 1 else ""
    verb = "do" if others else "does"
    return f"{model!r}{others} {verb} not fit on the GPU: {model!r} lacks {least:,} bytes"
