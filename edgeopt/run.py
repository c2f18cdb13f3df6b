"""One run of a method: its options, its reports, and its outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from math import inf, isfinite
from threading import Event
from typing import Generic, Literal, TypeVar

from edgeopt.clock import Clock
from edgeopt.solution import Number, Plan, Solution, Stopped, proved
from edgeopt.stopping import Seen, StopRule

LOGGER = logging.getLogger("edgeopt")
PULSE_S = 0.5  # who is told the progress hears of a run this often, found something or not

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """The options of a run, which a method obeys.

    Attributes
    ----------
    time_limit : float, optional
        Seconds; None for no limit.
    seed : int
    threads : int
    gap : float
        Relative gap at which a proof may stop.
    iteration_limit : int, optional
        Iterations or nodes; unlike seconds, a reproducible limit.
    start : Solution, optional
        A solution of the same instance to start from.
    known_bound : int or float, optional
        Bound that other methods have proved: a search may end when its objective meets it.
    stop : tuple of callable
        Stop rules, see `edgeopt.stopping`; the run ends when one says so.
    """

    time_limit: float | None = None
    seed: int = 0
    threads: int = 1
    gap: float = 0.0
    iteration_limit: int | None = None
    start: Solution | None = None
    known_bound: Number | None = None
    stop: tuple[StopRule, ...] = ()


PlanMaker = Callable[[], Plan | None]


@dataclass(frozen=True)
class Progress:
    """How far a run is: seconds since its start, best objective and best bound so far (None: none yet), and the plan.

    Attributes
    ----------
    make_plan : callable, optional
        Makes the plan of the best objective.
    """

    elapsed_s: float
    objective: Number | None
    bound: Number | None
    make_plan: PlanMaker | None = field(default=None, repr=False, compare=False)

    @cached_property
    def plan(self) -> Plan | None:
        """The plan of the best objective, as in a solution file, made when it is looked at; None: none yet."""
        return None if self.make_plan is None else self.make_plan()


class Run:
    """One run of a method: its options and its clock, whether it should end, and how far it is.

    Parameters
    ----------
    options : Options, optional
    maximize : bool
        Sense of the objective.
    progress : callable, optional
        Called with a `Progress` whenever the incumbent or the bound improves, and every `PULSE_S` seconds while the
        method asks whether to end; True ends the run.
    interrupt : threading.Event, optional
        Set from outside to end the run with the best plan so far.
    root : Run, optional
        The run of which this one is a step: what ends it ends this one.
    clock : Clock, optional
        What its time limit counts by.

    Attributes
    ----------
    history : list of [float, float or None, float or None]
        Seconds, incumbent's objective and bound, whenever one of them improved.
    iterations : int
        Iterations so far, of all steps, as far as they are counted.
    """

    __slots__ = (
        "_improved_at",
        "_improved_s",
        "_make_plan",
        "_progress",
        "_root",
        "_stopped",
        "_told_s",
        "clock",
        "history",
        "interrupt",
        "iterations",
        "maximize",
        "options",
    )

    def __init__(
        self,
        options: Options | None = None,
        *,
        maximize: bool = True,
        progress: Callable[[Progress], bool | None] | None = None,
        interrupt: Event | None = None,
        root: Run | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.options = options or Options()
        self.maximize = maximize
        self.interrupt = interrupt or Event()
        self.history: list[list[Number | None]] = []
        self.clock = clock or Clock()
        self._progress = progress
        self._root = root or self
        self._stopped = False
        self._told_s = 0.0
        self._improved_s: float | None = None
        self._improved_at = self.iterations = 0
        self._make_plan: PlanMaker | None = None

    def elapsed_s(self) -> float:
        """Return the seconds since the run began, without those in which code was compiled or loaded."""
        return self.clock.elapsed_s()

    def remaining_s(self) -> float:
        """Return the seconds left; infinity without a time limit."""
        limit = self.options.time_limit
        return inf if limit is None else max(0.0, limit - self.elapsed_s())

    def stop_reason(self) -> Stopped | None:
        """Return why the method should end now, or None to go on; it is cheap, so that a method can look often."""
        if self.interrupt.is_set():
            return Stopped.INTERRUPTED
        if self.history and proved(self.history[-1][1], self.options.known_bound):
            return Stopped.FINISHED
        if self.remaining_s() <= 0:
            return Stopped.TIME_LIMIT
        return Stopped.STOP_RULE if self._root._has_enough() else None

    def _has_enough(self) -> bool:
        """Say whether a stop rule, or who is told the progress, ends this run and all its steps."""
        if not self._stopped and self._progress is not None and self.elapsed_s() - self._told_s >= PULSE_S:
            self._tell(self._progress)
        if not self._stopped and self.options.stop:
            _, objective, bound = self.history[-1] if self.history else (0.0, None, None)
            seen = Seen(
                self.elapsed_s(),
                objective,
                bound,
                self._improved_s,
                self.maximize,
                self.iterations,
                self._improved_at,
            )
            self._stopped = any(rule(seen) for rule in self.options.stop)
        return self._stopped

    def count(self, iterations: int = 1) -> None:
        """Tell that so many more iterations are done, for stop rules that count them."""
        self._root.iterations += iterations

    def report(
        self, objective: Number | None = None, bound: Number | None = None, plan: PlanMaker | None = None
    ) -> None:
        """Tell an incumbent's objective or a proven bound; what is not finite or no better than known is ignored.

        Parameters
        ----------
        objective, bound : int or float, optional
        plan : callable, optional
            Makes the plan of the objective, of data that do not change; it is called if someone looks at the plan.
        """
        objective, bound = (value if value is not None and isfinite(value) else None for value in (objective, bound))
        _, best, tightest = self.history[-1] if self.history else (0.0, None, None)
        sign = 1 if self.maximize else -1
        better = objective is not None and (best is None or sign * objective > sign * best)
        tighter = bound is not None and (tightest is None or sign * bound < sign * tightest)
        if objective is not None and objective == best and self._make_plan is None:
            self._make_plan = plan
        if better or tighter:
            row = [round(self.elapsed_s(), 4), objective if better else best, bound if tighter else tightest]
            self.history.append(row)
            if better:
                self._improved_s, self._improved_at = self.elapsed_s(), self._root.iterations
                self._make_plan = plan
            LOGGER.info("%.2f s: objective %s, bound %s", self.elapsed_s(), row[1], row[2])
            if self._progress is not None:
                self._tell(self._progress)

    def _tell(self, progress: Callable[[Progress], bool | None]) -> None:
        """Tell how far the run is; the answer may end it."""
        self._told_s = self.elapsed_s()
        _, objective, bound = self.history[-1] if self.history else (0.0, None, None)
        self._stopped |= progress(Progress(self._told_s, objective, bound, self._make_plan)) is True

    def known(self) -> Outcome:
        """Return what was reported so far, as the outcome of a method that is left."""
        bound = self.history[-1][2] if self.history else None
        plan = None if self._make_plan is None else self._make_plan()
        return Outcome(plan=plan, bound=bound, stopped=self.stop_reason() or Stopped.INTERRUPTED)

    def part(
        self,
        seconds: float = inf,
        *,
        iterations: int | None = None,
        seed: int | None = None,
        gap: float | None = None,
        start: Solution | None = None,
        reports: Literal["nothing", "bound", "all"] | Callable[[Plan], object] = "nothing",
    ) -> Run:
        """Begin a step of this run, which ends when this one has to.

        Parameters
        ----------
        seconds : float
            Most that the step may take; never more than what is left.
        iterations : int, optional
            Limit of the step; None for none.
        seed : int, optional
            By default that of the run.
        gap : float, optional
            Relative gap at which its proofs may stop, by default that of the run.
        start : Solution, optional
            What the step starts from.
        reports : str or callable
            What this run takes over from the step's reports: the bound, and the objective too where the step has plans
            of the same problem. Where its plans are worth something else here, a function that reports one: it is
            called with the plan of each better objective.
        """
        options = replace(
            self.options,
            time_limit=min(seconds, self.remaining_s()),
            iteration_limit=iterations,
            seed=self.options.seed if seed is None else seed,
            gap=self.options.gap if gap is None else gap,
            start=start,
            known_bound=None,
            stop=(),
        )
        pass_on: dict[str, Callable[[Progress], None]] = {
            "bound": lambda seen: self.report(bound=seen.bound),
            "all": lambda seen: self.report(seen.objective, seen.bound, seen.make_plan),
        }
        told = _with_plans(reports) if callable(reports) else pass_on.get(reports)
        clock = Clock(self.clock.now)
        return Run(
            options, maximize=self.maximize, progress=told, interrupt=self.interrupt, root=self._root, clock=clock
        )


def _with_plans(take: Callable[[Plan], object]) -> Callable[[Progress], None]:
    """Return what is told the progress and gives on the plan of each better objective."""
    taken: list[Number | None] = [None]

    def tell(seen: Progress) -> None:
        if seen.objective != taken[0]:
            taken[0] = seen.objective
            if seen.plan is not None:
                take(seen.plan)

    return tell


class Incumbent(Generic[T]):
    """The best solution of a run so far and the tightest bound, reported as they come.

    Parameters
    ----------
    run : Run
    best : object, optional
        A solution, in whatever form the method has it.
    value : int or float, optional
        Its objective.
    bound : int or float, optional
        Proven bound on the optimum.
    plan : callable, optional
        Makes the plan of a solution.

    Attributes
    ----------
    stopped : Stopped or None
        Why the run has to end early.
    """

    def __init__(
        self,
        run: Run,
        best: T | None = None,
        value: Number | None = None,
        bound: Number | None = None,
        plan: Callable[[T], Plan | None] | None = None,
    ) -> None:
        self.run, self.best, self.value, self.bound, self._plan = run, best, value, bound, plan
        self.stopped: Stopped | None = None
        self._sign = 1 if run.maximize else -1

    def offer(self, best: T, value: Number) -> bool:
        """Take a solution if it is the best so far, and say whether it is."""
        if self.value is not None and self._sign * value <= self._sign * self.value:
            return False
        self.best, self.value = best, value
        self.run.report(value, plan=None if self._plan is None else partial(self._plan, best))
        return True

    def tighten(self, bound: Number | None) -> bool:
        """Take a bound if it is the tightest so far, and say whether it is."""
        if bound is None or not isfinite(bound):
            return False
        if self.bound is not None and self._sign * bound >= self._sign * self.bound:
            return False
        self.bound = bound
        self.run.report(bound=bound)
        return True

    def proved(self, bound: Number | None = None) -> bool:
        """Say whether solution and bound (by default the tightest) agree, or are as close as the options allow."""
        bound = self.bound if bound is None else bound
        if self.value is None or bound is None:
            return False
        return self._sign * (bound - self.value) <= self.run.options.gap * abs(self.value)

    def closed(self) -> bool:
        """Say whether solution and bound agree as `proved` says, or the run has to end."""
        self.stopped = self.stopped or self.run.stop_reason()
        return self.stopped is not None or self.proved()

    def ending(self) -> Stopped:
        """Return why the run ended."""
        agreed = self.value is not None and self.value == self.bound
        return Stopped.PROVED if agreed else self.stopped or Stopped.FINISHED


@dataclass
class Outcome:
    """The outcome of a method.

    Attributes
    ----------
    plan : dict, optional
        As in a solution file; None without a plan.
    bound : int or float, optional
        Proven bound on the optimum.
    stopped : Stopped
    infeasible : bool
        The instance is proven to have no plan.
    message : str
        One sentence for the user.
    metrics : dict of str to float
        Further metrics for `Solution.metrics`, such as a bound that holds for an approximation only.
    """

    plan: Plan | None = None
    bound: Number | None = None
    stopped: Stopped = Stopped.FINISHED
    infeasible: bool = False
    message: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
