"""What a method is, what it is given and gives back, and the registry of all of them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from math import isfinite
from threading import Event
from typing import Any, Literal, Protocol, get_args

from edgeopt.clock import Clock
from edgeopt.errors import MethodRefusal, MissingExtra, UsageError, suggestion
from edgeopt.problems import find_problem
from edgeopt.solution import Number, Plan, Solution, Stopped, proved

Kind = Literal["exact", "heuristic", "bound", "baseline"]

EXTRAS = {"pyscipopt": "minlp", "clarabel": "radio", "torch": "learn", "pettingzoo": "learn"}
ENTRY_POINT_GROUP = "edgeopt.methods"


@dataclass(frozen=True)
class Progress:
    """How far a run is: seconds since its start, best objective and best bound so far (None: none yet)."""

    elapsed_s: float
    objective: Number | None
    bound: Number | None


@dataclass
class Options:
    """What a method is told, and how it tells how far it is.

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
    progress : callable, optional
        Called with a `Progress` whenever the incumbent or the bound improves.
    maximize : bool
        Sense of the objective.
    known_bound : int or float, optional
        Bound that other methods have proved: a search may end when its objective meets it.
    """

    time_limit: float | None = None
    seed: int = 0
    threads: int = 1
    gap: float = 0.0
    iteration_limit: int | None = None
    start: Solution | None = None
    progress: Callable[[Progress], None] | None = None
    maximize: bool = True
    known_bound: Number | None = None
    interrupt: Event = field(default_factory=Event, repr=False)
    history: list[list[Number | None]] = field(default_factory=list, repr=False)
    clock: Clock = field(default_factory=Clock, repr=False)

    def elapsed_s(self) -> float:
        """Seconds since the run began, without those in which code was compiled or loaded."""
        return self.clock.elapsed_s()

    def remaining_s(self) -> float:
        """Seconds left; infinity without a time limit."""
        return float("inf") if self.time_limit is None else max(0.0, self.time_limit - self.elapsed_s())

    def stop_reason(self) -> Stopped | None:
        """Why the method should end now, or None to go on. Cheap; ask often."""
        if self.interrupt.is_set():
            return Stopped.INTERRUPTED
        if self.known_bound is not None and self.history and proved(self.history[-1][1], self.known_bound):
            return Stopped.FINISHED
        return Stopped.TIME_LIMIT if self.remaining_s() <= 0 else None

    def report(self, objective: Number | None = None, bound: Number | None = None) -> None:
        """Tell an incumbent's objective or a proven bound; what is not finite or no better than known is ignored."""
        objective, bound = (value if value is not None and isfinite(value) else None for value in (objective, bound))
        _, best, tightest = self.history[-1] if self.history else (0.0, None, None)
        sign = 1 if self.maximize else -1
        better = objective is not None and (best is None or sign * objective > sign * best)
        tighter = bound is not None and (tightest is None or sign * bound < sign * tightest)
        if better or tighter:
            row = [round(self.elapsed_s(), 4), objective if better else best, bound if tighter else tightest]
            self.history.append(row)
            if self.progress is not None:
                self.progress(Progress(self.elapsed_s(), row[1], row[2]))

    def part(self, seconds: float) -> Options:
        """Return options for a step of at most `seconds` within this run; it shares interrupts, not reports."""
        return Options(
            time_limit=min(seconds, self.remaining_s()),
            seed=self.seed,
            threads=self.threads,
            gap=self.gap,
            maximize=self.maximize,
            interrupt=self.interrupt,
        )


@dataclass
class Outcome:
    """What a method gives back.

    Attributes
    ----------
    plan : dict, optional
        As in a solution file; None when nothing was found.
    bound : int or float, optional
        Proven bound on the optimum.
    stopped : Stopped
    infeasible : bool
        The instance is proven to have no plan.
    message : str
        One sentence for the user.
    metrics : dict of str to float
        Further figures for `Solution.metrics`, such as a bound that holds for an approximation only.
    """

    plan: Plan | None = None
    bound: Number | None = None
    stopped: Stopped = Stopped.FINISHED
    infeasible: bool = False
    message: str = ""
    metrics: dict[str, float] = field(default_factory=dict)


class MethodFunction(Protocol):
    """A method's code: an instance and options in, an outcome out."""

    def __call__(self, instance: Any, options: Options, /) -> Outcome: ...


@dataclass(frozen=True)
class Method:
    """A registered method.

    Attributes
    ----------
    problem, name : str
    kind : str
        ``"exact"``, ``"heuristic"``, ``"bound"`` or ``"baseline"``.
    guarantee : str
        What is promised of its results.
    needs : tuple of str
        Modules of optional extras.
    fits : callable
        Instance to the reason why the method refuses it, or None.
    function : callable
        Instance and options to an outcome; of a family, with the argument as third.
    argument : str
        Of a family of methods: what stands after the colon of a name, such as ``"FILE"`` in ``policy:FILE``.
    """

    problem: str
    name: str
    kind: Kind
    guarantee: str
    needs: tuple[str, ...]
    fits: Callable[[Any], str | None]
    function: Callable[..., Outcome]
    argument: str = ""

    def of(self, argument: str) -> Method:
        """The method of a family for an argument."""

        def run(instance: Any, options: Options) -> Outcome:
            return self.function(instance, options, argument)

        return replace(self, name=f"{self.name}:{argument}", function=run, argument="")

    def missing_extra(self) -> str | None:
        """Return the install command of an extra that is not there, or None."""
        for module in self.needs:
            if find_spec(module) is None:
                return f"pip install 'edgeopt[{EXTRAS[module]}]'"
        return None

    def refusal(self, instance: Any) -> str | None:
        """Why the method cannot run on the instance here, or None."""
        command = self.missing_extra()
        return f"it needs an extra: {command}" if command else self.fits(instance)

    def require(self, instance: Any) -> None:
        """Raise what keeps the method from running on the instance.

        Raises
        ------
        MissingExtra, MethodRefusal
        """
        command = self.missing_extra()
        if command:
            raise MissingExtra(f"the method {self.name!r} needs an extra: {command}")
        reason = self.fits(instance)
        if reason:
            raise MethodRefusal(f"the method {self.name!r} does not apply to {instance.name!r}: {reason}")


_REGISTRY: dict[str, dict[str, Method]] = {}
_FAMILIES: dict[str, dict[str, Method]] = {}
_loaded: set[str] = set()


def method(
    problem: str,
    name: str,
    *,
    kind: Kind,
    guarantee: str,
    needs: tuple[str, ...] = (),
    fits: Callable[[Any], str | None] = lambda instance: None,
    argument: str = "",
) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
    """Register the decorated function ``(instance, options) -> Outcome`` as a method.

    Parameters
    ----------
    problem, name : str
        A name that edgeopt itself has is refused with a warning.
    kind : str
        ``"exact"``, ``"heuristic"``, ``"bound"`` or ``"baseline"``.
    guarantee : str
        What is promised of its results, in a few words.
    needs : tuple of str
        Modules of optional extras.
    fits : callable
        Instance to the reason why the method refuses it (which names what would work), or None.
    argument : str
        Registers a family of methods, named ``name:argument``; the function takes the argument as third.
    """

    def register(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
        registry = _FAMILIES if argument else _REGISTRY
        made = Method(problem, name, kind, guarantee, needs, fits, function, argument)
        for known in (_REGISTRY.get(problem, {}), _FAMILIES.get(problem, {})):
            if name in known and _built_in(known[name]) != _built_in(made):
                other = made if _built_in(known[name]) else known.pop(name)
                warnings.warn(
                    f"the package {_package(other)!r} names a method of {problem} {name!r}, which is edgeopt's own; "
                    "it is left out: it should have another name",
                    stacklevel=2,
                )
                if other is made:
                    return function
        registry.setdefault(problem, {})[name] = made
        return function

    return register


def _package(known: Method) -> str:
    function = getattr(known.function, "func", known.function)  # what a partial calls
    return str(function.__module__).partition(".")[0]


def _built_in(known: Method) -> bool:
    return _package(known) == "edgeopt"


def methods(problem: str) -> dict[str, Method]:
    """Return the methods of a problem by name, those of other packages included; exact methods come first."""
    facts = find_problem(problem)
    if problem not in _loaded:
        facts.part("methods")
        _loaded.add(problem)
        for point in entry_points(group=ENTRY_POINT_GROUP):
            _import_plugin(point)
    kinds = get_args(Kind)
    found = _REGISTRY.get(problem, {})
    return {name: found[name] for name in sorted(found, key=lambda name: (kinds.index(found[name].kind), name))}


def method_families(problem: str) -> dict[str, Method]:
    """Return the families of methods of a problem, whose names go on with a colon and an argument."""
    methods(problem)
    return dict(_FAMILIES.get(problem, {}))


def _import_plugin(point: EntryPoint) -> None:
    """Import another package's methods; if that fails, or would end the program, edgeopt works without them."""
    try:
        import_module(point.module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
        warnings.warn(f"the methods of {point.name!r} cannot be imported: {reason}", stacklevel=2)


def find_method(problem: str, name: str) -> Method:
    """Return a method by name.

    Raises
    ------
    UsageError
        The problem has no such method.
    """
    known, families = methods(problem), method_families(problem)
    family, _, argument = name.partition(":")
    if family in families:
        if not argument:
            raise UsageError(f"the method {family!r} needs an argument: {family}:{families[family].argument}")
        return families[family].of(argument)
    if name not in known:
        raise UsageError(f"{problem} has no method {name!r}; {suggestion(name, list(known))}")
    return known[name]


def as_method(problem: str, function: Callable[..., Any]) -> Method:
    """Make a method of a plain function, for a researcher's own heuristic.

    Parameters
    ----------
    problem : str
    function : callable
        Takes the instance, or the instance and the options; returns a plan or an `Outcome`.
    """
    takes_options = len(inspect.signature(function).parameters) > 1

    def run(instance: Any, options: Options) -> Outcome:
        result = function(instance, options) if takes_options else function(instance)
        return result if isinstance(result, Outcome) else Outcome(plan=result)

    name = getattr(function, "__name__", type(function).__name__)
    return Method(problem, name, "heuristic", "none stated", (), lambda instance: None, run)
