"""What serving users counts: one each, or their weights; and how bounds on it are rounded."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from math import floor, fsum, gcd, lcm

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.instance import LoadingInstance
from edgeopt.solution import Number, Plan
from edgeopt.tolerances import HIGHS_BOUND_ERROR, WHOLE
from edgeopt.weights import LARGEST_WHOLE_TOTAL

WHOLE_GAP = 0.999  # of a unit: two different values differ by one


class Objective:
    """The objective over the users of a workload, each of whom could be served alone.

    Parameters
    ----------
    instance : LoadingInstance
    users : list of str

    Attributes
    ----------
    weight : numpy.ndarray or None
        Weights of the users, all positive; None where each counts 1.
    """

    def __init__(self, instance: LoadingInstance, users: list[str]) -> None:
        self.instance, self.users = instance, users
        self.weight: NDArray[np.float64] | None = None
        if instance.weighted:
            self.weight = np.array([float(instance.users[user].weight) for user in users])

    @cached_property
    def most(self) -> Number:
        """The value of serving all users."""
        return self.instance.worth(self.users)

    @cached_property
    def unit(self) -> Fraction | None:
        """The largest number that every weight, as it is written, is a multiple of; None where it is too small."""
        if self.weight is None:
            return Fraction(1)
        written = [Fraction(repr(self.instance.users[user].weight)) for user in self.users]
        shared = lcm(*(weight.denominator for weight in written))
        unit = Fraction(gcd(*(int(weight * shared) for weight in written)), shared)
        return unit if sum(written) <= LARGEST_WHOLE_TOTAL * unit else None

    @cached_property
    def units(self) -> list[int]:
        """The weights in units, which there have to be."""
        assert self.unit is not None
        return [int(Fraction(repr(self.instance.users[user].weight)) / self.unit) for user in self.users]

    def in_units(self, value: Number) -> int:
        """Return how many units a sum of weights is."""
        assert self.unit is not None
        return round(Fraction(value) / self.unit)

    def value(self, units: int) -> Number:
        """Return the value of so many units."""
        assert self.unit is not None
        value = units * self.unit
        return int(value) if self.instance.integral else float(value)

    def of_users(self, users: NDArray[np.int64]) -> Number:
        """Return the value of serving users, by number."""
        if self.weight is None:
            return len(users)
        total = fsum(self.weight[users].tolist())
        return round(total) if self.instance.integral else total

    def of_plan(self, plan: Plan) -> Number:
        """Return the value of a plan."""
        return self.instance.worth(user for batch in plan["batches"] for user in batch["users"])

    def floor(self, bound: float) -> Number:
        """Return the largest value up to a bound of a solver, after what rounding may have taken off it.

        The error of a bound on a sum of weights grows with the largest weight. As that user could be served alone, no
        valid bound is smaller, and the error is at most a small part of the bound.
        """
        if self.weight is None:
            return floor(bound + WHOLE)
        loosened = bound * (1 + HIGHS_BOUND_ERROR)
        if self.unit is not None:
            loosened = self.value(floor(loosened / float(self.unit) + WHOLE))
        return min(self.most, loosened)

    def gap(self, bound: float) -> float:
        """Return the gap at which a solver may stop, since no other value lies in it."""
        if self.weight is None:
            return WHOLE_GAP
        return 0.0 if self.unit is None else max(0.0, WHOLE_GAP * float(self.unit) - 2 * HIGHS_BOUND_ERROR * bound)
