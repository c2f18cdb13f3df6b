"""The order-DP: the best models and users to serve when the models' order is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.orders.tables import ServingTables

CHUNK = 50_000_000  # table entries between two questions whether to stop


@dataclass(frozen=True)
class Selection:
    """Models in the order of their visits, and how many users each serves (at least one)."""

    order: list[int]
    counts: list[int]

    @property
    def users(self) -> int:
        """Number of users served."""
        return sum(self.counts)


def best_selection(
    tables: ServingTables, order: Sequence[int] | NDArray[np.int64], stop: Callable[[], object] = lambda: None
) -> Selection:
    """Choose models and user counts of a fixed order so that the most users are served.

    With f_p[n] the least time to serve n users with models up to position p, p the last::

        f_p[n] = min over m of g_p(m) + min over q < p of f_q[n - m] + load(p after q)

    Only predecessors q that overlap p are looked at one by one; the others share one table of minima.
    O(I^2 K + K^2) for I models and K users; exact for the order.

    Parameters
    ----------
    tables : ServingTables
    order : sequence of int
        Models, each at most once.
    stop : callable, optional
        Asked now and then; when it returns something true, the rest of the order is left out.

    Returns
    -------
    Selection
    """
    from edgeopt.loading.orders.order_kernels import extend_tables, trace_back

    models = np.asarray(order, dtype=np.int64)
    width = tables.most_users(models) + 1
    best = np.empty((len(models), width))
    lengths = np.zeros(len(models), dtype=np.int64)
    nearest = np.full(width, np.inf)
    nearest[0] = 0.0
    data = (models, tables.serve, tables.first, tables.load, tables.overlap)
    longest = int(np.diff(tables.first).max(initial=1))
    begin = 0
    while begin < len(models) and not (begin and stop()):
        end = min(len(models), begin + 1 + CHUNK // (width * (begin + longest)))
        extend_tables(best, lengths, nearest, begin, end, *data, tables.horizon)
        begin = end
    users = int(lengths.max(initial=1)) - 1
    if users == 0:
        return Selection([], [])
    last = min(np.flatnonzero(lengths == users + 1), key=lambda p: float(best[p, users]))
    counts = trace_back(best, lengths, int(last), users, *data)
    chosen = np.flatnonzero(counts)
    return Selection(models[chosen].tolist(), counts[chosen].tolist())
