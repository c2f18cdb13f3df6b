"""Variations of an instance: other values of its keys, alone and as a grid."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from edgeopt.errors import Finding, InputError, UsageError
from edgeopt.instance import Instance
from edgeopt.quantities import parsed, unit_of

EXAMPLES = "a number, a quantity such as 8GB, a factor such as x0.5, or a difference such as +2GB"

ANY_NUMBER = ("weight",)  # keys whose whole numbers may become fractions

Value = int | float | str | bool
Changes = Mapping[str, Value | Sequence[Value]]


class Variation(NamedTuple):
    """A changed copy of an instance.

    Attributes
    ----------
    values : dict of str to number or str
        By the path of each varied key: its new value, where the path names one key, else what was asked for (``"x2"``).
    instance : Instance
    """

    values: dict[str, Value]
    instance: Instance


def axes_of(changes: Changes) -> dict[str, list[Value]]:
    """Return the values of each key as a list, each once.

    Raises
    ------
    UsageError
        There is no key, or one without a value.
    """
    axes = {
        path: list(dict.fromkeys([values] if isinstance(values, int | float | str) else values))
        for path, values in changes.items()
    }
    if not axes:
        raise UsageError("no key is varied: name one with its values, such as server.memory_bytes=8GB,16GB")
    empty = next((path for path, values in axes.items() if not values), None)
    if empty is not None:
        raise UsageError(f"the key {empty!r} has no value: give {EXAMPLES}")
    return axes


def varied(instances: Instance | Iterable[Instance | Variation], changes: Changes) -> Iterator[Variation]:
    """Yield a changed copy of an instance, or of each of several, for each combination of the values of its keys.

    Parameters
    ----------
    instances : Instance, or iterable of Instance or Variation
        What is varied in variations already, such as those of `drawn`, stays among their values.
    changes : mapping of str to list
        Values by paths as in `Record.paths`, so with ``*`` for any part of a key. A value is a number, a text with a
        unit (``"8GB"``), a factor of what is there (``"x0.5"``), or a difference to it (``"+2GB"``).

    Raises
    ------
    InputError, UsageError
        A path names nothing, or a value is not what it should be.
    """
    axes = axes_of(changes)
    for given in [instances] if isinstance(instances, Instance) else instances:
        values, instance = given if isinstance(given, Variation) else ({}, given)
        for variation in _varied(instance, axes):
            yield Variation(values | variation.values, variation.instance)


def _varied(instance: Instance, axes: Mapping[str, Sequence[Value]]) -> Iterator[Variation]:
    known = {path: instance.paths(path) for path in axes}
    for point in product(*axes.values()):
        values: dict[str, Value] = {}
        new: dict[str, Any] = {}
        for (path, there), value in zip(known.items(), point, strict=True):
            replaced = {name: _changed(path, old, value) for name, old in there.items()}
            new |= replaced
            values[path] = value if "*" in path else replaced[next(iter(replaced))]
        try:
            yield Variation(values, instance.replace(**new))
        except InputError as error:
            raise UsageError(f"with {label(values)}: {error}") from None


def drawn(draw: Callable[..., Instance], **axes: Value | Sequence[Any]) -> Iterator[Variation]:
    """Yield an instance for each combination of arguments of a function that draws one, such as a problem's `generate`.

    Parameters
    ----------
    draw : callable
    **axes
        Values of its arguments; a list is an axis.
    """
    lists = {name: list(values) if isinstance(values, list | range) else [values] for name, values in axes.items()}
    for point in product(*lists.values()):
        values = dict(zip(lists, point, strict=True))
        yield Variation({name: value for name, value in values.items() if len(lists[name]) > 1}, draw(**values))


def table_value(value: Any) -> Any:
    """Return a value that can be compared and grouped in a table: lists and objects as JSON."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value


def label(values: Mapping[str, Value]) -> str:
    """Return what is changed, as it can be asked for again."""
    return ", ".join(f"{path}={value}" for path, value in values.items())


def _changed(path: str, old: Any, value: Value) -> Any:
    """Return the new value of a key; whole numbers stay whole."""
    if not isinstance(value, str) or isinstance(old, str | bool):
        return _whole(path, old, value)
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(old, dict | list) or not isinstance(old, int | float | None):
        raise InputError(Finding(f"$.{path}", "it is not a number", "name a key that is one"))
    try:
        new = _number(old, value, unit_of(path))
    except ValueError as error:
        raise InputError(Finding(f"$.{path}", str(error), EXAMPLES)) from None
    return _whole(path, old, new) if old is not None else (int(new) if new == int(new) else new)


def _number(old: float | None, value: str, unit: str) -> float:
    if value[:1] in ("x", "X", "*"):
        return _known(old, value) * parsed(value[1:], "")
    return _known(old, value) + parsed(value, unit) if value[:1] in ("+", "-") else parsed(value, unit)


def _known(old: float | None, value: str) -> float:
    if old is None:
        raise ValueError(f"{value!r} changes a value, and none is given")
    return old


def _whole(path: str, old: Any, new: Any) -> Any:
    """Return a number that is whole where the old one is and counts something; what is neither stays as it is."""
    numbers = isinstance(old, int) and isinstance(new, float) and not isinstance(old, bool)
    if not numbers or abs(new) >= 2**62:
        return new
    return new if path.rpartition(".")[2] in ANY_NUMBER and not new.is_integer() else round(new)
