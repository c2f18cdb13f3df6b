"""Several methods in turn on one instance: the best placement of all with the tightest bound of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeopt.placement.arrays import Arrays
from edgeopt.run import Outcome, Run
from edgeopt.solution import Number, Stopped

Placement = NDArray[np.bool_]
Member = Callable[[Arrays, Placement, Run], Outcome]


def run_members(arrays: Arrays, start: Placement, members: Sequence[tuple[str, Member, float]], run: Run) -> Outcome:
    """Run the members one after another until one proves the best placement optimal.

    Parameters
    ----------
    members : sequence of (str, callable, float)
        Name, method, and its part of the time that is left; the last one should have all of it.
    """
    best, names = start, []
    bound: Number = arrays.all_weight
    stopped = Stopped.FINISHED
    for name, member, part in members:
        step = run.part(part * run.remaining_s(), iterations=run.options.iteration_limit, reports="all")
        outcome = member(arrays, best, step)
        names.append(name)
        found = _placement(arrays, outcome)
        if found is not None and arrays.value(found) > arrays.value(best):
            best = found
        bound = bound if outcome.bound is None else min(bound, outcome.bound)
        run.report(_value(arrays, best), bound)
        stopped = outcome.stopped
        if _closed(arrays.value(best), bound, run.options.gap, arrays.integral):
            return Outcome(arrays.plan(best), bound, Stopped.PROVED, message=f"ran {', '.join(names)}")
        if run.stop_reason() is not None:
            break
    return Outcome(arrays.plan(best), bound, run.stop_reason() or stopped, message=f"ran {', '.join(names)}")


def _placement(arrays: Arrays, outcome: Outcome) -> Placement | None:
    return None if outcome.plan is None else arrays.placed(outcome.plan)


def _value(arrays: Arrays, placed: Placement) -> Number:
    value = arrays.value(placed)
    return round(value) if arrays.integral else value


def _closed(value: float, bound: Number, gap: float, integral: bool) -> bool:
    """Whether nothing better is left within the gap; a bound below the next integer closes it too."""
    room = 1 - 1e-6 if integral else 1e-9 * abs(value)
    return bound - value < max(room, gap * abs(value)) or bound <= value
