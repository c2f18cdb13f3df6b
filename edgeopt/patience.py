"""Patience: a search that has no bound of its own ends after it has found nothing better for long."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

DEFAULT_RUNS = 50
AS_LONG_AS_BEFORE = 4


@dataclass
class Patience:
    """Counts the iterations since a search has found something better.

    It counts iterations and not seconds, so that a run repeats itself.

    Attributes
    ----------
    default : int
        Iterations of a run without limits; the search goes on for many times as many, and for several times as long as
        it took to find its best.
    """

    default: int
    _best: float = -inf
    _found_at: int = 0

    def over(self, value: float, iterations: int) -> bool:
        """Say whether the search may end after so many iterations, its best being worth `value` (more is better)."""
        if value > self._best:
            self._best, self._found_at = value, iterations
        idle = iterations - self._found_at
        return idle >= max(DEFAULT_RUNS * self.default, AS_LONG_AS_BEFORE * self._found_at)
