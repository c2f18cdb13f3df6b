"""What a run of any solver says: what was found, why it ended, objective and bound."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from edgeopt.solution import Status, Stopped


@dataclass(frozen=True)
class Result:
    """What a run found.

    Attributes
    ----------
    status : Status
        OPTIMAL within the gaps asked for, FEASIBLE, INFEASIBLE or UNKNOWN.
    stopped : Stopped
    objective : float or None
        None without a solution and without an objective.
    bound : float or None
        Kept even without a solution; a bound that is infinite or no number says nothing and becomes None.
    """

    status: Status
    stopped: Stopped
    objective: float | None = None
    bound: float | None = None

    def __post_init__(self) -> None:
        if self.bound is not None and not isfinite(self.bound):
            object.__setattr__(self, "bound", None)
