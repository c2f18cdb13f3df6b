"""Methods, and the registry of all of them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from edgeopt.clock import uncounted
from edgeopt.errors import MethodRefusal, MissingExtra, UsageError, suggestion
from edgeopt.problems import find_problem
from edgeopt.run import Outcome, Run
from edgeopt.versions import install_command

Kind = Literal["exact", "heuristic", "bound", "baseline"]

EXTRAS = {"pyscipopt": "minlp", "clarabel": "radio", "torch": "learn", "pettingzoo": "learn"}
ENTRY_POINT_GROUP = "edgeopt.methods"
OWN_MODULE = "edgeopt"


class Code(NamedTuple):
    """The place of a method's code, which is imported when it is needed.

    Attributes
    ----------
    solve : str
        ``"module:function"`` in the problem's room, ``(instance, run) -> Outcome``; of a family, with the argument as
        third.
    refusal : str
        The same of a function that says why an instance is refused (and what would work), or returns None.
    """

    solve: str
    refusal: str = ""


Keys = tuple[tuple[str, str | bool], ...]


def keys(**values: str | bool) -> Keys:
    """Return the values that keys of an instance must have for some code; keys that are not named may have any."""
    return tuple(values.items())


ANY = keys()


@dataclass(frozen=True)
class Row:
    """A row of a problem's table of methods.

    Attributes
    ----------
    name, kind, guarantee : str
        See `Method`.
    codes : mapping of Keys to Code
        What the method does with an instance: the first code whose keys the instance has.
    needs : tuple of str
        Modules of optional extras.
    argument : str
        See `Method`.
    """

    name: str
    kind: Kind
    guarantee: str
    codes: Mapping[Keys, Code]
    needs: tuple[str, ...] = ()
    argument: str = ""

    def method(self, problem: str, not_taken: Callable[[Any, str], str]) -> Method:
        """Return the method of this row; `not_taken` says what is wrong with the value of an instance's key."""

        def load(place: str) -> Callable[..., Any]:
            module, _, function = place.partition(":")
            with uncounted():  # no run's clock counts what is imported for it
                loaded: Callable[..., Any] = getattr(find_problem(problem).part(module), function)
            return loaded

        def code(instance: Any) -> Code | None:
            return next((code for keys, code in self.codes.items() if not _unlike(instance, keys)), None)

        def fits(instance: Any) -> str | None:
            part = code(instance)
            if part is None:
                nearest = min((_unlike(instance, keys) for keys in self.codes), key=len)
                return not_taken(instance, nearest[0])
            return load(part.refusal)(instance) if part.refusal else None

        def solve(instance: Any, run: Run, *argument: str) -> Outcome:
            part = code(instance)
            assert part is not None  # `fits` has been called
            outcome: Outcome = load(part.solve)(instance, run, *argument)
            return outcome

        return Method(problem, self.name, self.kind, self.guarantee, self.needs, fits, solve, self.argument, OWN_MODULE)


def _unlike(instance: Any, keys: Keys) -> list[str]:
    return [key for key, value in keys if getattr(instance, key) != value]


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
        Takes instance and run and returns an outcome; a family's function takes the argument as third.
    argument : str
        For a family of methods, what stands after the colon of a name, such as ``"FILE"`` in ``policy:FILE``.
    module : str
        Where it was registered.
    """

    problem: str
    name: str
    kind: Kind
    guarantee: str
    needs: tuple[str, ...]
    fits: Callable[[Any], str | None]
    function: Callable[..., Outcome]
    argument: str = ""
    module: str = ""

    @property
    def own(self) -> bool:
        """Whether the method is edgeopt's own."""
        return self._package == OWN_MODULE

    @property
    def _package(self) -> str:
        return self.module.partition(".")[0]

    def of(self, argument: str) -> Method:
        """Return the method of a family for an argument."""

        def solve(instance: Any, run: Run) -> Outcome:
            return self.function(instance, run, argument)

        return replace(self, name=f"{self.name}:{argument}", function=solve, argument="")

    def missing_extra(self) -> str | None:
        """Return the install command of an extra that is not there, or None."""
        for module in self.needs:
            if find_spec(module) is None:
                return install_command(EXTRAS[module])
        return None

    def refusal(self, instance: Any) -> str | None:
        """Return why the method cannot run on the instance here, or None."""
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
        made = Method(problem, name, kind, guarantee, needs, fits, function, argument, function.__module__)
        if any(name == row.name for row in _rows(problem)):
            warnings.warn(
                f"the package {made.module.partition('.')[0]!r} names a method of {problem} {name!r}, which is "
                "edgeopt's own; it is left out: it should have another name",
                stacklevel=2,
            )
            return function
        registry.setdefault(problem, {})[name] = made
        return function

    return register


@cache
def _rows(problem: str) -> list[Row]:
    """Return the rows of a problem's tables: that of the problem, and those of rooms in it that have one."""
    room = import_module(f"edgeopt.{problem}")
    folder = Path(str(room.__file__)).parent
    inner = sorted(path.parent.name for path in folder.glob("*/methods.py"))
    tables = [find_problem(problem).part("methods"), *(find_problem(problem).part(f"{name}.methods") for name in inner)]
    return [row for table in tables for row in table.METHODS]


def _not_taken(instance: Any, key: str) -> str:
    """Say that a method does not know an instance's value of a key."""
    return f"it does not know `{key}`: {getattr(instance, key)!r}"


def methods(problem: str) -> dict[str, Method]:
    """Return the methods of a problem by name, those of other packages included; exact methods come first."""
    if problem not in _loaded:
        table = find_problem(problem).part("methods")
        for row in _rows(problem):
            registry = _FAMILIES if row.argument else _REGISTRY
            made = row.method(problem, getattr(table, "not_taken", _not_taken))
            registry.setdefault(problem, {})[row.name] = made
        _loaded.add(problem)
        for point in entry_points(group=ENTRY_POINT_GROUP):
            _import_plugin(point)
    kinds = get_args(Kind)
    registered = _REGISTRY.get(problem, {})
    return {
        name: registered[name]
        for name in sorted(registered, key=lambda name: (kinds.index(registered[name].kind), name))
    }


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

    Raises
    ------
    UsageError
        It is no function.
    """
    if not callable(function):
        raise UsageError(f"a method is a name or a function, not {function!r}")
    takes_run = len(inspect.signature(function).parameters) > 1

    def solve(instance: Any, run: Run) -> Outcome:
        result = function(instance, run) if takes_run else function(instance)
        return result if isinstance(result, Outcome) else Outcome(plan=result)

    name = getattr(function, "__name__", type(function).__name__)
    return Method(
        problem,
        name,
        "heuristic",
        "none stated",
        (),
        lambda instance: None,
        solve,
        module=getattr(function, "__module__", ""),
    )
