"""The method that `auto` picks for an instance of `residency`."""

from __future__ import annotations

from edgeopt.residency.arrays import Intervals
from edgeopt.residency.instance import ResidencyInstance
from edgeopt.run import Options

MOST_INTERVALS = 1_600  # in experiments the program as a whole was proved in seconds up to there


def choose(instance: ResidencyInstance, options: Options) -> tuple[str, str]:
    """Return the name of the best method that fits the instance, and why it is the best."""
    count = len(Intervals(instance).block)
    if count <= MOST_INTERVALS:
        return "exact", f"the packing of {count:,} intervals is small enough to be solved as a whole"
    return "windows", f"the packing of {count:,} intervals is solved window by window, which bounds it too"
