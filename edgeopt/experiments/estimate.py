"""How long a sweep still takes, from the runs that are done."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

START_S = 1.0  # of a process, which the time of a run does not include


class Estimate:
    """Time left of a sweep, methods weighted by how long their runs took so far.

    Parameters
    ----------
    methods : iterable of str
        The method of each run that is to be made.
    """

    def __init__(self, methods: Iterable[str]) -> None:
        self._left = Counter(methods)
        self._seconds: dict[str, list[float]] = defaultdict(list)

    def add(self, method: str, seconds: float) -> None:
        """Count a run that is done."""
        self._left[method] -= 1
        self._seconds[method].append(START_S + seconds)

    def remaining_s(self, elapsed_s: float) -> float | None:
        """Return the seconds left when the runs so far took `elapsed_s` together; None before the first one is done."""
        done = [seconds for each in self._seconds.values() for seconds in each]
        if not done:
            return None
        usual = sum(done) / len(done)
        left = sum(
            count * (sum(self._seconds[method]) / len(self._seconds[method]) if method in self._seconds else usual)
            for method, count in self._left.items()
        )
        return elapsed_s * left / sum(done)
