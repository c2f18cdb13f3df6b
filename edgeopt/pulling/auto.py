"""The method that `auto` picks for an instance of `pulling` and the time that is left."""

from __future__ import annotations

from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.separable import LARGE, choices, why_inseparable
from edgeopt.run import Options

LONG_S = 30.0
EXACT_CHOICES = 2_000_000


def choose(instance: PullingInstance, options: Options) -> tuple[str, str]:
    """Return the name of a method and why it is the one."""
    count = choices(instance)
    if count > LARGE and why_inseparable(instance) is None:
        return "cache-search", f"{count} choices, one model for each request and nothing shared"
    if count > EXACT_CHOICES:
        return "lagrangian", f"{count} choices of request, model and site: a bound and a solution at scale"
    if options.time_limit is not None and options.time_limit < LONG_S and count > EXACT_CHOICES // 10:
        return "local-search", f"{options.time_limit:g} s are short for a proof over {count} choices"
    return "exact", "it proves the optimum, and its first steps are those of the heuristics"
