"""What a method is, and the registry of all of them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, Literal, get_args

from edgeopt.errors import MethodRefusal, MissingExtra, UsageError, suggestion
from edgeopt.problems import find_problem
from edgeopt.run import Outcome, Run

Kind = Literal["exact", "heuristic", "bound", "baseline"]

EXTRAS = {"pyscipopt": "minlp", "clarabel": "radio", "torch": "learn", "pettingzoo": "learn"}
ENTRY_POINT_GROUP = "edgeopt.methods"


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
        Instance and run to an outcome; of a family, with the argument as third.
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

        def solve(instance: Any, run: Run) -> Outcome:
            return self.function(instance, run, argument)

        return replace(self, name=f"{self.name}:{argument}", function=solve, argument="")

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
    """Register the decorated function ``(instance, run) -> Outcome`` as a method.

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
        Takes the instance, or the instance and the run; returns a plan or an `Outcome`.
    """
    takes_run = len(inspect.signature(function).parameters) > 1

    def solve(instance: Any, run: Run) -> Outcome:
        result = function(instance, run) if takes_run else function(instance)
        return result if isinstance(result, Outcome) else Outcome(plan=result)

    name = getattr(function, "__name__", type(function).__name__)
    return Method(problem, name, "heuristic", "none stated", (), lambda instance: None, solve)
