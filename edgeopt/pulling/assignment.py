"""Serve the groups with the atoms that are open."""

from __future__ import annotations

import numpy as np

from edgeopt.pulling.core import Core, Flags, Ints


def serve_open(core: Core, opened: Flags, limited_amounts: Ints) -> Ints:
    """Return the units of each option when only open atoms may be used.

    Parameters
    ----------
    core : Core
    opened : numpy.ndarray of bool, shape (sites, atoms)
    limited_amounts : numpy.ndarray of int64, shape (options,)
        Amounts at the sites with compute limits, to be kept; the rest goes to the best option without one, which is
        optimal.
    """
    available = core.available(opened)
    limited = core.limited[core.option_site]
    best = first_of_groups(core, available & ~limited)
    amounts = np.where(available & limited, limited_amounts, 0)
    rest = core.in_cloud(amounts)
    served = np.flatnonzero((best >= 0) & (rest > 0))
    amounts[best[served]] += rest[served]
    return amounts


def first_of_groups(core: Core, usable: Flags) -> Ints:
    """Return the cheapest usable option of each group, -1 where there is none."""
    options = np.flatnonzero(usable)
    groups, first = np.unique(core.option_group[options], return_index=True)
    best = np.full(core.groups, -1, np.int64)
    best[groups] = options[first]
    return best
