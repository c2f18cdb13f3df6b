"""What a generator is told, in one record: options of the command line, grids of suites and checks follow from it.

A recipe is a frozen record whose fields are the arguments of a generator. Each field has a type with its range, a
default, and an `Argument`, which says what a person should know.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from dataclasses import KW_ONLY, dataclass
from textwrap import fill, indent
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, dataclass_transform, get_type_hints

import numpy as np
import pydantic.dataclasses
from pydantic import ConfigDict, ValidationError, model_validator

from edgeopt.errors import ArgumentError, Finding, suggestion
from edgeopt.record import finding_at

if TYPE_CHECKING:
    from edgeopt.instance import Instance

P = ParamSpec("P")
R = TypeVar("R", bound="Recipe")
I_co = TypeVar("I_co", covariant=True)

RAISES = """
Raises
------
UsageError
    An argument is unknown or outside its range, arguments do not go together, or less is there than is asked for.
InputError
    A file cannot be read, or says something else."""


@dataclass(frozen=True)
class Argument:
    """What a person is told of an argument, and how command lines and suites give it.

    Attributes
    ----------
    description : str
    metavar : str, optional
        What stands for the value in the help of the command line.
    option : str, optional
        The option of the command line, where its name is not that of the argument.
    given : type, optional
        What the command line takes, where it is not what the generator takes.
    unit : str
        Unit of a quantity, which the command line takes as text: ``"B"`` for ``8GB``. A number alone is in it.
    file : bool
        Whether a text names a file; in a suite its path is relative to the suite's.
    published : collection of str
        Texts that name no file but published statistics.
    needs : str, optional
        Another argument, without which this one has no effect.
    """

    description: str
    metavar: str | None = None
    option: str | None = None
    given: Any = None
    unit: str = ""
    file: bool = False
    published: Collection[str] = ()
    needs: str | None = None


@dataclass_transform(frozen_default=True)
def recipe(cls: type[R]) -> type[R]:
    """Make a frozen record of a class with fields, each checked whenever the record is made."""
    config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    decorate: Any = pydantic.dataclasses.dataclass(frozen=True, config=config)
    return decorate(cls)


@recipe
class Recipe(ABC):
    """The arguments of a generator. Those that may stand by position are told by the names of drawn instances."""

    _: KW_ONLY
    name: str | None = None

    @abstractmethod
    def draw(self) -> Instance:
        """Draw the instance."""

    def check(self) -> None:
        """Make sure that arguments go together, each of which is right.

        Raises
        ------
        UsageError
            They do not.
        """
        arguments = self.arguments()
        given = [name for name in arguments if getattr(self, name) is not None]
        lacking = [name for name in given if arguments[name].needs not in (None, *given)]
        if lacking:
            raise ArgumentError([Finding(name, f"it needs {arguments[name].needs!r}") for name in lacking])

    def remarks(self) -> Iterable[str]:
        """What a person should know of what was read."""
        return ()

    @classmethod
    def arguments(cls) -> dict[str, Argument]:
        """Return the arguments that command lines and suites can give: all but the name, which they choose."""
        hints = get_type_hints(cls, include_extras=True)
        return {
            name: entry
            for name in inspect.signature(cls).parameters
            for entry in getattr(hints[name], "__metadata__", ())
            if isinstance(entry, Argument)
        }

    @model_validator(mode="wrap")
    @classmethod
    def _checked(cls, given: Any, make: Callable[[Any], Recipe]) -> Recipe:
        """Make the record of `given`, pydantic's pair of what stands by position (`args`) and by name (`kwargs`)."""
        signature = inspect.signature(cls)
        findings = unknown_arguments(given.kwargs or {}, signature.parameters)
        if findings:
            raise ArgumentError(findings)
        arguments = signature.bind(*given.args, **given.kwargs or {}).arguments
        try:
            made = make(type(given)((), {name: _plain(value) for name, value in arguments.items()}))
        except ValidationError as error:
            first: dict[str, Any] = {}  # of the faults of a value, one for each type that it may have
            for detail in error.errors(include_url=False, include_context=False):
                first.setdefault(str(detail["loc"][0]), detail)
            raise ArgumentError([finding_at(name, detail) for name, detail in first.items()]) from None
        made.check()
        return made


def unknown_arguments(names: Iterable[str], known: Collection[str]) -> list[Finding]:
    """Say of each name that is not known which one may be meant."""
    return [
        Finding(name, f"the generator has no argument {name!r}", suggestion(name, list(known)))
        for name in names
        if name not in known
    ]


def _plain(value: Any) -> Any:
    """Return Python's own numbers for those of numpy."""
    if isinstance(value, tuple | list):
        return type(value)(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


class Drawing(Protocol[I_co]):
    """What draws an instance."""

    def draw(self) -> I_co:
        """Draw the instance."""


def generator(made: Callable[P, Drawing[I_co]]) -> Callable[P, I_co]:
    """Return the function that takes what a recipe takes, and draws."""

    def generate(*values: P.args, **arguments: P.kwargs) -> I_co:
        return made(*values, **arguments).draw()

    described: Any = made
    hints = get_type_hints(described)
    own = inspect.signature(described)
    parameters = [parameter.replace(annotation=hints[name]) for name, parameter in own.parameters.items()]
    returned = get_type_hints(described.draw)["return"]
    function: Any = generate
    function.recipe = described
    function.__module__ = described.__module__
    function.__qualname__ = generate.__name__
    function.__signature__ = own.replace(parameters=parameters, return_annotation=returned)
    function.__doc__ = "\n".join([inspect.getdoc(described.draw) or "", *_parameters(described, parameters), RAISES])
    return generate


def _parameters(described: type[Recipe], parameters: Iterable[inspect.Parameter]) -> Iterable[str]:
    """Lay out the arguments as docstrings do."""
    arguments = described.arguments()
    yield "\nParameters\n----------"
    for parameter in parameters:
        yield f"{parameter.name} : {inspect.formatannotation(parameter.annotation)}"
        if parameter.name in arguments:
            yield indent(fill(arguments[parameter.name].description, 112, break_on_hyphens=False), "    ")
