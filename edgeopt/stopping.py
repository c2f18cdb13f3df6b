"""Stop rules: values that say when a run has found enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real

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
    iterations : int
        Iterations so far, as far as the method counts them.
    improved_at : int
        The iterations after which the objective improved last.
    """

    elapsed_s: float
    objective: float | None
    bound: float | None
    improved_s: float | None
    maximize: bool
    iterations: int = 0
    improved_at: int = 0


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
    """Ends a run that has a plan when its objective has not improved for so many seconds, or iterations.

    Iterations are those that the method's iteration limit counts; those of steps within it count, too. CP-SAT and SCIP
    do not tell theirs before they end.
    """

    seconds: float | None = None
    iterations: int | None = None

    def __post_init__(self) -> None:
        if self.seconds is None and self.iterations is None:
            raise UsageError("no improvement for how long? Give seconds or iterations")
        seconds, iterations = self.seconds, self.iterations
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, Real) or not seconds >= 0):
            raise UsageError(f"no improvement for at least 0 seconds, not {seconds!r}")
        if iterations is not None and (
            isinstance(iterations, bool) or not isinstance(iterations, Integral) or iterations < 1
        ):
            raise UsageError(f"no improvement for at least 1 iteration, a whole number, not {iterations!r}")

    def __call__(self, seen: Seen) -> bool:
        if seen.improved_s is None:
            return False
        idle_s, idle = seen.elapsed_s - seen.improved_s, seen.iterations - seen.improved_at
        return (self.seconds is not None and idle_s >= self.seconds) or (
            self.iterations is not None and idle >= self.iterations
        )
