"""Plans, their check, and solutions with their bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from edgeopt.errors import Finding, InputError, UsageError
from edgeopt.files import format_json, read_json, write_text
from edgeopt.frozen import DictOf, FrozenDict, FrozenList, ListOf, PlainData
from edgeopt.instance import Instance
from edgeopt.layout import facts_html
from edgeopt.problems import find_problem
from edgeopt.quantities import Number, amount, percent, quantity
from edgeopt.record import Record
from edgeopt.tolerances import CROSSING, PROVED_GAP

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SOLUTION_FORMAT: Final = "edgeopt-solution/1"

Plan = dict[str, Any]


class Status(StrEnum):
    """What a run knows of the plan that it returns."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"


class Stopped(StrEnum):
    """Why the run ended."""

    PROVED = "proved"
    TIME_LIMIT = "time_limit"
    ITERATION_LIMIT = "iteration_limit"
    STOP_RULE = "stop_rule"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"


@dataclass(frozen=True)
class Violation:
    """A constraint that a plan breaks.

    Attributes
    ----------
    constraint : str
        Name of the constraint.
    where : str
        Which of them: a batch, a user, a node.
    amount : float
        By how much, in `unit`.
    unit : str
    """

    constraint: str
    where: str
    amount: float
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.constraint}, {self.where}: by {self.amount:g} {self.unit}".rstrip()


@dataclass(frozen=True)
class CheckReport:
    """The verdict of the checker on a plan.

    Attributes
    ----------
    objective : int or float or None
        Value of the plan; None when it is too broken to be scored.
    violations : list of Violation
        Every violated constraint; empty for a feasible plan.
    metrics : dict of str to float
        Further metrics of the plan, SI units in the key's name.
    """

    objective: Number | None
    violations: list[Violation] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def feasible(self) -> bool:
        """Whether nothing is violated."""
        return not self.violations


def relative_gap(objective: Number | None, bound: Number | None) -> float | None:
    """Return |objective - bound| / |objective|: 1 when only the objective is 0, None when one is missing."""
    if objective is None or bound is None:
        return None
    return 0.0 if objective == bound else abs(objective - bound) / (abs(objective) or abs(bound))


def proved(objective: Number | None, bound: Number | None) -> bool:
    """Say whether a bound proves an objective to be the optimum."""
    gap = relative_gap(objective, bound)
    return gap is not None and gap <= PROVED_GAP


def crosses(objective: Number | None, bound: Number | None, *, maximize: bool, integral: bool) -> bool:
    """Say whether a bound disproves a checked objective.

    Both are sums of rounded numbers, so the bound may lie a little beyond the objective: by `CROSSING` of the larger of
    the two, and by nothing where objectives are integers.
    """
    if objective is None or bound is None:
        return False
    excess = objective - bound if maximize else bound - objective
    return bool(excess > (0 if integral else CROSSING * max(abs(objective), abs(bound))))


def status_text(status: str, stopped: str | None) -> str:
    """Say what was found and, unless the method simply ended, why the run stopped."""
    plain = stopped in (None, "proved", "finished") or status == Status.OPTIMAL
    return status if plain else f"{status} ({str(stopped).replace('_', ' ')})"


def _member(enum: type[StrEnum]) -> BeforeValidator:
    return BeforeValidator(lambda value: enum(value) if value in list(enum) else value)


HistoryRow = Annotated[list[Number | None], Field(min_length=3, max_length=3), AfterValidator(FrozenList)]


class Solution(Record):
    """What a method found for an instance, scored by the checker.

    Attributes
    ----------
    problem, instance, instance_sha256 : str
        Which instance; the hash tells whether a file still is the one that was solved.
    method : str
    status : Status
    stopped : Stopped
    objective : int or float or None
        The checker's value; None without a plan.
    bound : int or float or None
        Proven bound on the optimum; kept even without a plan.
    gap : float or None
        What `relative_gap` returns for objective and bound.
    runtime_s : float
        Seconds of the method, and of the check of its plan.
    setup_s : float
        Seconds before and between: imports, kernels compiled or loaded. No limit counts them.
    seed, threads : int
    message : str
        What the method has to say, such as why `auto` chose it.
    metrics : dict of str to float
        Further metrics of the plan from the checker.
    history : list of (float, float or None, float or None)
        Seconds, incumbent, bound, whenever one of them improved.
    versions : dict of str to str
    unit : str, optional
        Unit of the objective, where it is not the usual one of the problem.
    instance_path : str, optional
        Instance file relative to the solution's folder, when both are files.
    plan : dict or None
    """

    format: Literal["edgeopt-solution/1"] = SOLUTION_FORMAT
    problem: str
    instance: str
    instance_sha256: str
    method: str
    status: Annotated[Status, _member(Status)]
    stopped: Annotated[Stopped, _member(Stopped)]
    objective: Number | None
    bound: Number | None
    gap: float | None
    runtime_s: Annotated[float, Field(ge=0)]
    setup_s: Annotated[float, Field(ge=0)] = 0.0
    seed: int
    threads: int
    message: str = ""
    metrics: DictOf[str, float] = Field(default_factory=FrozenDict)
    history: ListOf[HistoryRow] = Field(default_factory=FrozenList)
    versions: DictOf[str, str] = Field(default_factory=FrozenDict)
    unit: str | None = None
    instance_path: str | None = None
    plan: PlainData | None

    _instance: Instance | None = PrivateAttr(default=None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Solution) and self.to_dict() == other.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, a missing objective, bound, gap or plan as null."""
        data = self.model_dump(mode="json")
        for key in ("unit", "instance_path"):
            if data[key] is None:
                del data[key]
        return data

    @classmethod
    def read(cls, path: str | Path) -> Solution:
        """Read a solution file.

        Raises
        ------
        InputError
            The file is not a solution.
        """
        data = read_json(path)
        if not isinstance(data, dict) or data.get("format") != SOLUTION_FORMAT:
            stated = data.get("format") if isinstance(data, dict) else type(data).__name__
            raise InputError(
                Finding("$.format", f"this is not a solution: {stated!r}", f"it should be {SOLUTION_FORMAT!r}"), path
            )
        return cls.from_dict(data, file=path)

    def write(self, path: str | Path) -> None:
        """Write the solution as a file, whole or not at all."""
        write_text(path, format_json(self.to_dict()))

    def of(self, instance: Instance) -> Solution:
        """Return the solution tied to its instance, as `plot` and `to_frame` need when it was read from a file.

        Raises
        ------
        UsageError
            The instance is not the one that was solved.
        """
        if instance.sha256 != self.instance_sha256:
            raise UsageError(f"the solution is of instance {self.instance!r} with other content than {instance.name!r}")
        tied = self.model_copy()
        tied._instance = instance
        return tied

    def _instance_of_a_valid_plan(self) -> Instance:
        if self._instance is None:
            raise UsageError("the solution does not know its instance: use solution.of(instance)")
        if self.plan is None:
            raise UsageError(f"the solution has no plan to show ({self.status})")
        violations = self._instance.conventions.part("checker").check(self._instance, self.plan).violations
        if violations:
            raise InputError([Finding("$.plan", f"the plan breaks: {violation}") for violation in violations])
        return self._instance

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the plan, as the problem's own figure shows it; in given axes its main part.

        Raises
        ------
        UsageError
            There is no plan, or the instance is not known.
        InputError
            The plan breaks constraints of the instance.
        """
        instance = self._instance_of_a_valid_plan()
        figure: Figure = instance.conventions.part("figures").plot_plan(instance, self.plan, ax)
        return figure

    def to_frame(self) -> pd.DataFrame:
        """Return the plan as a table: one row for each thing it decides, then one for each that it does not serve.

        Its columns ``served`` and ``reason`` say who is served, and why the others are not. Of an infeasible instance
        the table has those who keep it from having a plan. Raises what `plot` raises.
        """
        if self.status == Status.INFEASIBLE and self._instance is not None:
            figures = self._instance.conventions.part("figures")
            if hasattr(figures, "infeasible_frame"):
                found: pd.DataFrame = figures.infeasible_frame(self._instance)
                return found
        instance = self._instance_of_a_valid_plan()
        frame: pd.DataFrame = instance.conventions.part("figures").plan_frame(instance, self.plan)
        return frame

    def _is_bound_only(self) -> bool:
        return self.status == Status.UNKNOWN and self.stopped == Stopped.FINISHED and self.bound is not None

    def facts(self) -> dict[str, str]:
        """Return what the method found, in words and numbers with units."""
        unit = find_problem(self.problem).unit if self.unit is None else self.unit
        facts = {
            "method": self.method,
            "status": f"{self.status} ({'bound only' if self._is_bound_only() else self.stopped})",
            "objective": amount(self.objective, unit),
            "bound": amount(self.bound, unit),
            "gap": percent(self.gap),
            "time": f"{quantity(self.runtime_s, 's')}, set-up {quantity(self.setup_s, 's')}",
        }
        if self.message:
            facts["note"] = self.message
        return facts

    def __str__(self) -> str:
        return f"{self.problem} {self.instance}: " + ", ".join(f"{key} {value}" for key, value in self.facts().items())

    def _repr_html_(self) -> str:
        return facts_html(f"solution of {self.instance}", self.facts())
