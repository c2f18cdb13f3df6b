"""Grids of drawn instances: every combination of the arguments that a suite gives as lists."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from edgeopt.errors import EdgeoptError, Finding, InputError, suggestion
from edgeopt.instance import Instance
from edgeopt.libraries.library import ModelLibrary
from edgeopt.problems import find_problem

if TYPE_CHECKING:
    from edgeopt.experiments.suite import Suite

PATHS = ("library", "topology")  # arguments that name files, relative to the suite's
NAMED = (
    "library",
    "sharing",
    "models",
    "users",
    "nodes",
    "scenarios",
    "cloudlets",
    "requests",
    "seed",
)  # by generators


def drawn_instances(
    problem: str, arguments: dict[str, Any], label: str, suite: Suite, place: str
) -> Iterator[tuple[Instance, str]]:
    """Draw an instance for each combination of arguments; each comes with the call that draws it.

    Parameters
    ----------
    problem : str
    arguments : dict
        Of the problem's generator; a list is an axis of the grid. ``library`` and ``topology`` are files.
    label : str
        Appended to the names, when it is not empty.
    suite : Suite
    place : str
        Of the block in the suite, for messages.

    Raises
    ------
    InputError
        The generator has no such argument, or refuses a value.
    """
    generate = find_problem(problem).part("generator").generate
    parameters = inspect.signature(generate).parameters
    known = [name for name in parameters if name != "name"]
    findings = [
        Finding(f"{place}.generate.{name}", f"the generator has no argument {name!r}", suggestion(name, known))
        for name in arguments
        if name not in known
    ]
    if findings:
        raise InputError(findings, suite.file)
    axes = {name: _axis(value, parameters[name].annotation) for name, value in arguments.items()}
    empty = [name for name, values in axes.items() if not values]
    if empty:
        raise InputError(Finding(f"{place}.generate.{empty[0]}", "the list is empty", "give a value"), suite.file)
    varied = [name for name, values in axes.items() if len(values) > 1 and name not in NAMED]
    for values in product(*axes.values()):
        point = dict(zip(axes, values, strict=True))
        ending = "".join(f"-{name}={point[name]}" for name in varied) + (f"-{label}" if label else "")
        draw = partial(_drawn, generate, suite, point, ending)
        yield _located(draw, suite, f"{place}.generate"), f"{problem}: {_call(point)}"


def _axis(value: Any, annotation: Any) -> list[Any]:
    """Return the values of an argument; a list is one value where the generator takes tuples."""
    takes_tuple = "tuple" in str(annotation)
    if takes_tuple:
        several = isinstance(value, list) and all(isinstance(entry, list) for entry in value)
        return [tuple(entry) for entry in value] if several else [tuple(value) if isinstance(value, list) else value]
    return value if isinstance(value, list) else [value]


def _call(point: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in point.items())


def _drawn(generate: Callable[..., Instance], suite: Suite, point: dict[str, Any], ending: str) -> Instance:
    given = dict(point)
    for name in PATHS:
        if isinstance(given.get(name), str):
            given[name] = suite.folder / given[name]
    if "library" in given:
        given["library"] = ModelLibrary.read(given["library"])
    instance = generate(**given)
    return instance.replace(name=instance.name + ending) if ending else instance


def _located(draw: Callable[[], Instance], suite: Suite, place: str) -> Instance:
    try:
        return draw()
    except InputError:
        raise
    except (EdgeoptError, TypeError, ValueError) as error:
        raise InputError(Finding(place, f"the generator refuses: {error}"), suite.file) from None
