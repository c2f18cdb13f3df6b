"""What a generator is told, in one record: options of the command line, grids of suites and checks follow from it.

A recipe is a frozen record whose fields are the arguments of a generator. Each field has a type with its range, a
default, and an `Argument`, which says what a person should know. What several generators take stands here once.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill, indent
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, Protocol, TypeVar, dataclass_transform, get_type_hints

import numpy as np
import pydantic.dataclasses
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from edgeopt.errors import ArgumentError, Finding, UsageError, suggestion
from edgeopt.libraries.library import ModelLibrary
from edgeopt.measured.places import MELBOURNE, Bounds
from edgeopt.measured.traces import PUBLISHED
from edgeopt.record import Count, NonNegative, Positive, finding_at

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
    unit : int
        How many units of the argument one unit of the option is.
    file : bool
        Whether a text names a file; in a suite its path is relative to the suite's.
    published : collection of str
        Texts that name no file but published statistics.
    """

    description: str
    metavar: str | None = None
    option: str | None = None
    given: Any = None
    unit: int = 1
    file: bool = False
    published: Collection[str] = ()


def _read_library(value: Any) -> Any:
    return ModelLibrary.read(value) if isinstance(value, str | Path) else value


def _require_models(library: ModelLibrary | None) -> ModelLibrary | None:
    if library is not None and not library.models:
        raise UsageError(f"the library {library.name!r} has no models")
    return library


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


Sharing = Annotated[
    str, Argument("How the models of a drawn library share: random, dense, grid, tree, backbone, interval, ...")
]
Models = Annotated[Count, Argument("Models of a drawn library.")]
Seed = Annotated[int, Field(ge=0), Argument("Same arguments and seed, same instance.", "N")]
Library = Annotated[
    ModelLibrary | None,
    BeforeValidator(_read_library),
    AfterValidator(_require_models),
    Argument("Library, or its file, to use instead of drawing one.", "F", given=Path, file=True),
]
ZipfExponent = Annotated[
    float, Field(ge=0, le=10), Argument("Popularity of a model falls as its rank to this power; 0: all alike.")
]
Stations = Annotated[
    str | None,
    BeforeValidator(_as_text),
    Argument(
        "CSV file of base stations (LATITUDE, LONGITUDE, perhaps SITE_ID), or melbourne to draw some like it.",
        "F",
        file=True,
        published=(MELBOURNE,),
    ),
]
UserPositions = Annotated[
    str | Path | None, Argument("CSV file of users (LATITUDE, LONGITUDE) beside the stations.", "F", file=True)
]
Area = Annotated[
    Bounds | None,
    Field(strict=False),
    Argument("Degrees; leave out what stands beyond.", "SOUTH WEST NORTH EAST"),
]
Trace = Annotated[
    str | None,
    BeforeValidator(_as_text),
    Argument(
        "CSV file of requests to language models (TIMESTAMP, ContextTokens, GeneratedTokens), or azure-code or "
        "azure-conversation to draw them like it.",
        "F",
        file=True,
        published=PUBLISHED,
    ),
]
Window = Annotated[
    tuple[NonNegative, Positive] | None,
    Field(strict=False),
    Argument("Seconds of the trace; default: all.", "START LENGTH", "--window"),
]
BitsPerToken = Annotated[
    Positive | None, Argument("Bits that a request of the trace sends for each token of context; default: 32.")
]


def reach(default_m: float) -> Argument:
    """Describe the reach of stations, whose default differs from problem to problem."""
    description = "Metres from their nearest station within which users stand; with stations only"
    return Argument(f"{description}; default: {default_m:g}.", "M", "--reach")


@dataclass_transform(frozen_default=True)
def recipe(cls: type[R]) -> type[R]:
    """Make a frozen record of a class with fields, each checked whenever the record is made."""
    config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    decorate: Any = pydantic.dataclasses.dataclass(frozen=True, config=config)
    return decorate(cls)


@recipe
class Recipe(ABC):
    """The arguments of a generator. Those that may stand by position are told by the names of drawn instances."""

    @abstractmethod
    def draw(self) -> Instance:
        """Draw the instance."""

    @abstractmethod
    def check(self) -> None:
        """Make sure that arguments go together, each of which is right.

        Raises
        ------
        UsageError
            They do not.
        """

    def remarks(self) -> Iterable[str]:
        """What a person should know of what was read."""
        return ()

    @classmethod
    def arguments(cls) -> dict[str, Argument]:
        """Return the arguments that command lines and suites can give: all but the name, which they choose."""
        return {
            name: entry
            for name, hint in get_type_hints(cls, include_extras=True).items()
            for entry in getattr(hint, "__metadata__", ())
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
