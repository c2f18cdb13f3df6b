"""The assignment oracle: which pair serves which arrival, at least total cost within the slots."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from edgeopt.pulling.online.environment import Environment, Floats, Ints


def assign(environment: Environment, cost: Floats) -> Ints:
    """Return the pair of each arrival in an assignment of least total cost.

    At a site the cheapest admissible model serves the arrival, so that arrivals are matched with the slots of sites;
    where the cheapest sites have room for all, no matching is needed.

    Parameters
    ----------
    environment : Environment
    cost : numpy.ndarray, shape (arrivals, pairs)
        Infinite where a pair is not admissible.
    """
    table = environment.site_pairs
    by_site = np.where(table >= 0, cost[:, table], np.inf)
    best = by_site.argmin(axis=2)
    rows = np.arange(len(cost))
    site_cost = np.take_along_axis(by_site, best[..., None], axis=2)[..., 0]
    site = site_cost.argmin(axis=1)
    if (np.bincount(site, minlength=len(environment.slots)) > environment.slots).any():
        columns = np.repeat(np.arange(len(environment.slots)), np.minimum(environment.slots, len(cost)))
        finite = site_cost[np.isfinite(site_cost)]
        forbidden = 1.0 + 2.0 * len(cost) * (np.abs(finite).max() if finite.size else 0.0)
        matrix = np.where(np.isfinite(site_cost), site_cost, forbidden)[:, columns]
        site = columns[linear_sum_assignment(matrix)[1]]
    pairs: Ints = table[site, best[rows, site]]
    return pairs
