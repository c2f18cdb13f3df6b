"""Best prices of users in the path relaxation: cutting planes, smoothed.

The bound as a function of the prices is the greatest of as many linear functions as there are walks, plus the sum
of the prices. Each walk that was best at some prices is a row of a linear program (Kelley, Journal of SIAM 8,
1960). The next prices lie between its solution and the best prices so far (Pessoa et al., INFORMS Journal on
Computing 30, 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import highspy
import numpy as np

from edgeopt.loading.queues import Floats, Integers

TOLERANCE = 1e-6  # in users
LEAST_PRICE = -3.0  # in users, of users who must be served


@dataclass
class Prices:
    """Prices in users: of each user, and of a second of uploads, shape (limits,)."""

    user: Floats
    upload_s: Floats

    def total(self, limits: Floats) -> float:
        """What they add to a bound, if uploads may take so long up to each limit."""
        return float(self.user.sum() + self.upload_s @ limits)

    def towards(self, other: Prices, share: float) -> Prices:
        """Return the prices at a share of the way to others."""
        return Prices(
            self.user + share * (other.user - self.user), self.upload_s + share * (other.upload_s - self.upload_s)
        )


class CuttingPlanes:
    """The least bound that the walks so far allow.

    Parameters
    ----------
    limits : numpy.ndarray, shape (limits,)
        Seconds of uploads allowed.
    fixed : numpy.ndarray of int64, shape (users,)
        1: the user is served, and its price may be negative.
    """

    def __init__(self, limits: Floats, fixed: Integers) -> None:
        self._users, longest = len(fixed), float(limits.max())
        self._unit_s = 2.0 ** round(log2(longest)) if longest else 1.0  # so that rows are near 1
        self._lower, self._upper = np.where(fixed > 0, LEAST_PRICE, 0.0), np.where(fixed < 0, 0.0, 1.0)
        # HiGHS without the engine: its threads take longer than such a program.
        self._highs = highspy.Highs()
        self._highs.setOptionValue("output_flag", False)
        # Users' prices, those of uploads, the best walk.
        cost = np.concatenate([np.ones(self._users), limits / self._unit_s, [1.0]])
        others = len(limits) + 1
        lower = np.concatenate([self._lower, np.zeros(others)])
        upper = np.concatenate([self._upper, np.full(others, highspy.kHighsInf)])
        nothing = np.empty(0, np.int32)
        self._highs.addCols(len(cost), cost, lower, upper, 0, nothing, nothing, np.empty(0))
        self._solution: Floats | None = None
        self.walks: list[Integers] = []
        self.weight: Floats = np.empty(0)

    def nearest(self, prices: Prices) -> Prices:
        """Return the prices within the limits that are nearest to these."""
        return Prices(np.clip(prices.user, self._lower, self._upper), prices.upload_s)

    def add(self, counts: Integers, used: Floats) -> bool:
        """Add a walk by how often it serves each user and what it uploads; return whether the last solution changes."""
        row = np.concatenate([counts, used / self._unit_s, [1.0]])
        served, columns = float(counts.sum()), np.flatnonzero(row).astype(np.int32)
        self._highs.addRow(served, highspy.kHighsInf, len(columns), columns, row[columns])
        self.walks.append(counts)
        return self._solution is None or float(row @ self._solution) < served - TOLERANCE

    def solve(self) -> tuple[Prices, float] | None:
        """Return the prices at which these walks allow the least bound, and that bound; None: HiGHS fails."""
        self._highs.run()
        if self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        solution = self._highs.getSolution()
        self._solution = values = np.array(solution.col_value)
        self.weight = np.maximum(0.0, np.array(solution.row_dual))
        least = self._highs.getInfo().objective_function_value
        upload = np.maximum(0.0, values[self._users : -1]) / self._unit_s
        return self.nearest(Prices(values[: self._users], upload)), least

    def duplicates(self) -> Floats:
        """How often users are served too many times in the mix of walks that makes the bound, shape (users,)."""
        if not len(self.weight):
            return np.zeros(self._users)
        excess: Floats = self.weight @ np.maximum(0, np.array(self.walks[: len(self.weight)]) - 1)
        return excess

    def frequency(self) -> Floats:
        """How often users are served in that mix, shape (users,)."""
        if not len(self.weight):
            return np.zeros(self._users)
        services: Floats = self.weight @ np.array(self.walks[: len(self.weight)])
        return services
