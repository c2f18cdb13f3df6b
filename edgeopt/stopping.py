"""Stop rules: values that say when a run has found enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgeopt.errors import UsageError


@dataclass(frozen=True)
class Seen:
    """How far a run is, as stop rules see it.

    Attributes
    ----------
    elapsed_s : float
    objective, bound : int or float or None
        Best so far that the method told; None: none yet.
    improved_s : float or None
        When the objective improved last.
    maximize : bool
    """

    elapsed_s: float
    objective: float | None
    bound: float | None
    improved_s: float | None
    maximize: bool


StopRule = Callable[[Seen], bool]


@dataclass(frozen=True)
class FirstFeasible:
    """Ends a run at the first plan."""

    def __call__(self, seen: Seen) -> bool:
        return seen.objective is not None


@dataclass(frozen=True)
class TargetObjective:
    """Ends a run when the objective is as good as `value`."""

    value: float

    def __call__(self, seen: Seen) -> bool:
        if seen.objective is None:
            return False
        return seen.objective >= self.value if seen.maximize else seen.objective <= self.value


@dataclass(frozen=True)
class NoImprovement:
    """Ends a run that has a plan when its objective has not improved for so many seconds."""

    seconds: float

    def __post_init__(self) -> None:
        if isinstance(self.seconds, bool) or not isinstance(self.seconds, int | float) or not self.seconds >= 0:
            raise UsageError(f"no improvement for at least 0 seconds, not {self.seconds!r}")

    def __call__(self, seen: Seen) -> bool:
        return seen.improved_s is not None and seen.elapsed_s - seen.improved_s >= self.seconds
