"""The problems that edgeopt knows: one entry each, and where its room stands."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from edgeopt.errors import UsageError, suggestion


@dataclass(frozen=True)
class Problem:
    """A problem and its conventions.

    Attributes
    ----------
    name : str
        As in the key ``problem`` of an instance file.
    title : str
        One line for people.
    maximize : bool
        Sense of the objective.
    objective : str
        What the objective counts, for table headings.
    unit : str
        Unit of the objective.
    integral : bool
        Whether the objective of every instance takes integer values only, so that bounds may be rounded; an
        instance can know better (`Instance.integral`).
    """

    name: str
    title: str
    maximize: bool
    objective: str
    unit: str
    integral: bool

    @property
    def heading(self) -> str:
        """The objective with its unit, for headings and axes."""
        return objective_heading(self.objective, self.unit)

    def part(self, module: str) -> Any:
        """Import a module of the problem's room, such as ``instance`` or ``checker``."""
        return import_module(f"edgeopt.{self.name}.{module}")


def objective_heading(objective: str, unit: str) -> str:
    """Name an objective with its unit, once when they are the same word."""
    return objective if unit in ("", objective) else f"{objective}, {unit}"


PROBLEMS = {
    problem.name: problem
    for problem in [
        Problem("loading", "user scheduling and bandwidth allocation on one GPU", True, "users", "users", True),
        Problem(
            "pulling", "models selected and pulled to cloudlets for the least delay", False, "total delay", "s", False
        ),
        Problem(
            "caching", "blocks cached at nodes that broadcast them together", False, "expected total delay", "s", False
        ),
        Problem("placement", "models placed on nodes to serve the most demand", True, "hit weight", "", False),
        Problem("residency", "models kept on one GPU or loaded again", False, "loading", "s", False),
    ]
}


def find_problem(name: str) -> Problem:
    """Return the problem of this name.

    Raises
    ------
    UsageError
        There is none.
    """
    if name not in PROBLEMS:
        raise UsageError(f"there is no problem {name!r}; {suggestion(name, list(PROBLEMS))}")
    return PROBLEMS[name]
