"""Parts of a core, in which everything but a few sites is fixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeopt.pulling.assignment import first_of_groups
from edgeopt.pulling.core import Core, Flags, Ints


@dataclass(frozen=True)
class SiteCore:
    """A core in which only some sites are free.

    Attributes
    ----------
    core : Core
        Groups fall back to what serves them best elsewhere without a compute limit: that is its cloud. Open atoms of
        the other sites are free, their other models are gone.
    options : numpy.ndarray of int64
        The option of the whole core behind each of its options.
    fallback : numpy.ndarray of int64, shape (groups,)
        The option behind its cloud, -1 for the cloud itself.
    """

    core: Core
    options: Ints
    fallback: Ints

    def whole_amounts(self, whole: Core, amounts: Ints) -> Ints:
        """Return the amounts of the whole core from those of this part."""
        merged = np.zeros(whole.options, np.int64)
        merged[self.options] = amounts
        rest = self.core.in_cloud(amounts)
        served = np.flatnonzero((self.fallback >= 0) & (rest > 0))
        merged[self.fallback[served]] += rest[served]
        return merged

    def part_amounts(self, whole_amounts: Ints) -> Ints:
        """Return the amounts of this part from those of the whole core; what it lacks goes to the fallback."""
        return whole_amounts[self.options]


def free_sites(core: Core, opened: Flags, sites: Ints) -> SiteCore:
    """Free some sites, the atoms of the others staying as they are."""
    free = np.zeros(core.sites, np.bool_)
    free[sites] = True
    here = free[core.option_site]
    open_elsewhere = core.available(opened) & ~here
    limited = core.limited[core.option_site]
    best = first_of_groups(core, open_elsewhere & ~limited)
    cost = np.where(best >= 0, core.option_cost[best] if core.options else core.cloud_cost, core.cloud_cost)
    kept = (here | (open_elsewhere & limited)) & (core.option_cost < cost[core.option_group])
    part = core.restricted(kept).replaced(
        cloud_cost=cost,
        atom_bytes=np.where(free[:, None], core.atom_bytes, 0),
        atom_pull=np.where(free[:, None], core.atom_pull, 0.0),
    )
    return SiteCore(part, np.flatnonzero(kept), best)
