"""A first plan: intervals one after another, those that save most for the room they take first."""

from __future__ import annotations

import numpy as np

from edgeopt.residency.arrays import Floats, Intervals, Kept
from edgeopt.residency.packing_kernel import pack
from edgeopt.run import Run


def greedy(intervals: Intervals, priority: Floats) -> Kept:
    """Keep intervals by falling priority as long as they fit, shape (intervals,)."""
    order = np.argsort(-priority, kind="stable")
    return pack(order, intervals.first, intervals.end, intervals.bytes, intervals.room.copy())


def density(intervals: Intervals) -> Floats:
    """Return the seconds that an interval saves for each byte and visit that it takes, shape (intervals,)."""
    saving = intervals.saving.copy()
    for at, members in intervals.joint.items():
        saving[members] += intervals.joint_saving[at] / len(members)
    taken = intervals.bytes.astype(np.float64) * (intervals.end - intervals.first)
    return np.asarray(saving / taken)


def given_start(intervals: Intervals, run: Run) -> Kept:
    """Return the intervals that the run's start keeps, or the greedy plan."""
    start = run.options.start
    return greedy(intervals, density(intervals)) if start is None or start.plan is None else intervals.kept(start.plan)
