"""Grids of drawn instances: every combination of the arguments that a suite gives as lists."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeopt.errors import ArgumentError, Finding, InputError, UsageError
from edgeopt.instance import Instance
from edgeopt.problems import find_problem
from edgeopt.recipes.recipe import Argument, unknown_arguments

if TYPE_CHECKING:
    from edgeopt.experiments.suite import Suite


def drawn_instances(
    problem: str, arguments: dict[str, Any], label: str, suite: Suite, place: str
) -> Iterator[tuple[Instance, str, dict[str, Any]]]:
    """Draw an instance for each combination of arguments; each comes with the call that draws it, and its arguments.

    Parameters
    ----------
    problem : str
    arguments : dict
        Of the problem's generator; a list is an axis of the grid. Files are relative to the suite's.
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
    known = generate.recipe.arguments()
    findings = unknown_arguments(arguments, known)
    if findings:
        raise _located(ArgumentError(findings), suite, place)
    parameters = inspect.signature(generate).parameters
    axes = {name: _axis(value, parameters[name].annotation) for name, value in arguments.items()}
    empty = [name for name, values in axes.items() if not values]
    if empty:
        raise InputError(Finding(f"{place}.generate.{empty[0]}", "the list is empty", "give a value"), suite.file)
    # The generator's name tells what it takes by position.
    told = [name for name in known if parameters[name].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    varied = [name for name, values in axes.items() if len(values) > 1 and name not in told]
    for values in product(*axes.values()):
        point = dict(zip(axes, values, strict=True))
        ending = "".join(f"-{name}={point[name]}" for name in varied) + (f"-{label}" if label else "")
        given = {name: _placed(value, known[name], suite.folder) for name, value in point.items()}
        try:
            instance = generate(**given)
        except UsageError as error:
            raise _located(error, suite, place) from None
        named = instance.replace(name=instance.name + ending) if ending else instance
        yield named, f"{problem}: {_call(point)}", point


def _axis(value: Any, annotation: Any) -> list[Any]:
    """Return the values of an argument; a list is one value where the generator takes tuples."""
    if "tuple" in str(annotation):
        several = isinstance(value, list) and all(isinstance(entry, list) for entry in value)
        return [tuple(entry) for entry in value] if several else [tuple(value) if isinstance(value, list) else value]
    return value if isinstance(value, list) else [value]


def _call(point: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in point.items())


def _placed(value: Any, argument: Argument, folder: Path) -> Any:
    """Return a value in which the paths of files are seen from here."""
    if isinstance(value, list):
        return [_placed(entry, argument, folder) for entry in value]
    named = argument.file and isinstance(value, str) and value not in argument.published
    return folder / value if named else value


def _located(error: UsageError, suite: Suite, place: str) -> InputError:
    """Return what the generator refuses as an error of the suite's file."""
    if isinstance(error, ArgumentError):
        return InputError(error.renamed(lambda name: f"{place}.generate.{name}").findings, suite.file)
    return InputError(Finding(f"{place}.generate", f"the generator refuses: {error}"), suite.file)
