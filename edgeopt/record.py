"""Records read from files: frozen, strict, and clear about their faults."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from edgeopt.errors import Finding, InputError, suggestion

EXTREME = 1e30
LONGEST_SHOWN = 60


def _not_extreme(value: float) -> float:
    """Refuse quantities whose products and quotients could leave the range of floating-point numbers."""
    if value and not 1 / EXTREME <= abs(value) <= EXTREME:
        raise ValueError(f"input should lie between {1 / EXTREME:g} and {EXTREME:g}")
    return value


def _at_most_one(value: float) -> float:
    if value > 1:
        raise ValueError("gap should be at most 1 (5 % is 0.05)")
    return value


# The ranges of all numbers in records: whatever is added, multiplied or divided stays finite, and integers exact.
MOST_BYTES = 2**62  # sums of sizes fit into 64-bit integers
MOST_COUNT = 10**9  # so do products of two counts
Signed = Annotated[float, AfterValidator(_not_extreme)]
Positive = Annotated[float, Field(gt=0), AfterValidator(_not_extreme)]
NonNegative = Annotated[float, Field(ge=0), AfterValidator(_not_extreme)]
Probability = Annotated[float, Field(ge=0, le=1), AfterValidator(_not_extreme)]
Gap = Annotated[NonNegative, AfterValidator(_at_most_one)]
Bytes = Annotated[int, Field(ge=0, le=MOST_BYTES)]
Count = Annotated[int, Field(ge=1, le=MOST_COUNT)]
Whole = Annotated[int, Field(ge=0, le=MOST_COUNT)]

# A field that is a map or something else is Annotated[Annotated[..., MAP] | Annotated[..., NO_MAP], MAP_OR_NOT]: its
# errors speak of the one that was given, and the tags are no part of their place.
MAP, NO_MAP = Tag("[map]"), Tag("[no map]")
MAP_OR_NOT = Discriminator(lambda value: MAP.tag if isinstance(value, Mapping) else NO_MAP.tag)
_NO_PLACES = ("[key]", MAP.tag, NO_MAP.tag)

_STRUCTURES = {
    "model_type": "it should be an object with keys",
    "dict_type": "it should be an object with keys",
    "list_type": "it should be a list",
}
_REMEDIES = {
    "int_type": "give a whole number without a decimal point",
    "int_from_float": "give a whole number without a decimal point",
    "finite_number": "give a finite number",
    "missing": "add it",
}


class Record(BaseModel):
    """A frozen record whose fields are checked strictly; unknown keys and non-finite numbers are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=(), ignored_types=()
    )

    if not TYPE_CHECKING:

        def __init__(self, /, **data: Any) -> None:
            try:
                super().__init__(**data)
            except ValidationError as error:
                raise _input_error(type(self), error) from None
            _require_sound(self)

        __init__.__pydantic_base_init__ = True  # records inside others are validated without coming here

        @classmethod
        def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
            """Make a record, checked as by its constructor: none is made unchecked."""
            return cls(**values)

        def __setattr__(self, name: str, value: Any) -> None:
            try:
                super().__setattr__(name, value)
            except ValidationError:
                raise _unchanging(name) from None

        def __delattr__(self, name: str) -> None:
            try:
                super().__delattr__(name)
            except ValidationError:
                raise _unchanging(name) from None

    def findings(self) -> Iterable[Finding]:
        """Return what is wrong with the record beyond the type and range of single fields."""
        return ()

    @classmethod
    def from_dict(cls, data: Any, file: str | Path | None = None) -> Self:
        """Check plain data and make the record.

        Raises
        ------
        InputError
            With one finding for each fault: its JSON path, what is wrong, what would be right.
        """
        try:
            record = cls.model_validate(data)
        except ValidationError as error:
            raise _input_error(cls, error, file) from None
        _require_sound(record, file)
        return record

    def replace(self, /, **changes: Any) -> Self:
        """Return a checked copy with some values changed.

        Parameters
        ----------
        **changes
            New values by their paths: ``bandwidth_hz=1e6``, and in a dict ``**{"server.memory_bytes": 10**9,
            "users.ann.deadline_s": 2.0, "links[0].latency_s": 0.1}``.

        Raises
        ------
        InputError
            A path leads nowhere, or a value is not what it should be.
        """
        copied = type(self).from_dict(_changed(self, changes, "$"))
        for name, value in (self.__pydantic_private__ or {}).items():
            setattr(copied, name, value)
        return copied

    def paths(self, pattern: str) -> dict[str, Any]:
        """Return the paths that a pattern names, as `replace` takes them, with their values.

        Parameters
        ----------
        pattern : str
            A path; a ``*`` stands for any part of a key (``"users.*.deadline_s"``, ``"links[*].latency_s"``). Keys that
            are not given are left out where a ``*`` comes before them.

        Raises
        ------
        InputError
            It names nothing.
        """
        found = dict(_matching(self, pattern, "", several="*" in pattern))
        if not found:
            raise InputError(
                Finding("$", f"nothing is named {pattern!r}", "'*' stands for any part of a key that is given")
            )
        return found

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; changes are made, and checked, as `replace` makes them."""
        return self.replace(**update) if update else super().model_copy(deep=deep)

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        given = ((name, getattr(self, name)) for name in type(self).model_fields if name != "format")
        shown = ", ".join(f"{name}={_brief(value)}" for name, value in given if value is not None)
        return f"{type(self).__name__}({shown})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; optional fields that are not given are left out."""
        return self.model_dump(mode="json", exclude_none=True)


def _unchanging(name: str) -> AttributeError:
    return AttributeError(f"records do not change: make a changed copy with replace({name}=...)")


def _brief(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"<{len(value)} entries>"
    if isinstance(value, Record) and "name" not in type(value).model_fields:
        return f"{type(value).__name__}(...)"
    shown = repr(value)
    return shown if isinstance(value, Record) or len(shown) <= LONGEST_SHOWN else shown[: LONGEST_SHOWN - 3] + "..."


def _require_sound(record: Record, file: str | Path | None = None) -> None:
    faults = list(record.findings())
    if faults:
        raise InputError(faults, file)


def _input_error(cls: type[Record], error: ValidationError, file: str | Path | None = None) -> InputError:
    details = error.errors(include_url=False, include_context=False)
    return InputError([_finding(cls, detail) for detail in details], file)


def _finding(cls: type[Record], detail: Any) -> Finding:
    location = [part for part in detail["loc"] if part not in _NO_PLACES]
    place = "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    kind = detail["type"]
    if kind == "extra_forbidden":
        key = str(location[-1])
        return Finding(place, f"unknown key {key!r}", lambda: suggestion(key, _known_keys(cls, location[:-1])))
    found = finding_at(place, detail)
    if kind == "model_type":
        return replace(found, remedy=lambda: _needed(cls, location))
    if kind == "list_type" and not isinstance(detail["input"], Mapping):
        return replace(found, remedy=f"give [{_brief(detail['input'])}]")
    return found


def finding_at(place: str, detail: Any) -> Finding:
    """Say at its place what pydantic found wrong with a value."""
    if detail["type"] == "missing":
        key = detail["loc"][-1]
        missing = f"entry {key + 1}" if isinstance(key, int) else f"the key {key!r}"
        return Finding(place, f"{missing} is missing", _REMEDIES["missing"])
    message = _STRUCTURES.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    value = detail["input"]
    sized = isinstance(value, Mapping | list)
    shown = f"{type(value).__name__} of {len(value)} entries" if sized else _brief(value)
    actual = "" if detail["type"] in ("too_long", "too_short") else f", not {shown}"  # these two say how many there are
    return Finding(place, message + actual, _REMEDIES.get(detail["type"], ""))


@cache
def _schema(cls: type[Record]) -> dict[str, Any]:
    return cls.model_json_schema()


def _known_keys(cls: type[Record], location: list[Any]) -> list[str]:
    """Return the keys allowed at a place."""
    return list(_schema_at(cls, location).get("properties", {}))


def _needed(cls: type[Record], location: list[Any]) -> str:
    """Say which keys the record at a place needs, or which it may have where it needs none."""
    node = _schema_at(cls, location)
    needed = node.get("required")
    keys = ", ".join(repr(key) for key in needed or node.get("properties", ()))
    return f"its keys are {keys}" if not needed else f"it needs {keys}"


def _schema_at(cls: type[Record], location: list[Any]) -> dict[str, Any]:
    """Return what the schema says of a place."""
    schema = _schema(cls)
    definitions = schema.get("$defs", {})

    def resolved(node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            node = definitions[node["$ref"].rsplit("/", 1)[1]]
        for option in (*node.get("anyOf", ()), *node.get("oneOf", ())):
            if option.get("type") != "null":
                return resolved(option)
        return node

    node = resolved(schema)
    for part in location:
        if isinstance(part, int):
            node = resolved(node.get("items", {}))
        else:
            node = resolved(node.get("properties", {}).get(part) or node.get("additionalProperties") or {})
    return node


def _changed(value: Any, changes: Mapping[str, Any], place: str) -> Any:
    """Return the entries of a record, dict or list, those that the paths of the changes name with their new values."""
    entries = _entries(value)
    if entries is None:
        problem = f"there is no {next(iter(changes))!r} in it"
        raise InputError(Finding(place, problem, "give it whole"))
    deeper: dict[Any, dict[str, Any]] = {}
    for path, new in changes.items():
        key, rest = _step(entries, path, place)
        if not rest:
            entries[key] = new
        else:
            deeper.setdefault(key, {})[rest] = new
    for key, inner in deeper.items():
        entries[key] = _changed(entries[key], inner, place + _joined("", key))
    return list(entries.values()) if isinstance(value, list) else entries


def _entries(value: Any) -> dict[Any, Any] | None:
    if isinstance(value, Record):
        return {field.alias or name: getattr(value, name) for name, field in type(value).model_fields.items()}
    if isinstance(value, list):
        return dict(enumerate(value))
    return dict(value) if isinstance(value, Mapping) else None


def _step(entries: Mapping[Any, Any], path: str, place: str) -> tuple[Any, str]:
    """Split a path into the first key, which may hold dots, and what follows it."""
    ends = [len(path), *(at for at in range(len(path) - 1, 0, -1) if path[at] in ".[")]
    for end in ends:  # the longest first
        key = _index(path[:end])
        if key in entries:
            return key, path[end:].removeprefix(".")
    key = path.split(".")[0]
    hint = suggestion(key, [str(known) for known in entries])
    raise InputError(Finding(place + _joined("", path), f"unknown key {key!r}", hint))


def _index(key: str) -> str | int:
    """Return the position that a key in brackets names, or the key."""
    inner = key[1:-1]
    return int(inner) if key[:1] == "[" and key[-1:] == "]" and inner.isdecimal() else key


def _joined(path: str, key: str | int) -> str:
    """Return the path of an entry; at the top its key follows a dot."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}{key}" if key.startswith("[") else f"{path}.{key}"


def _matching(value: Any, pattern: str, path: str, several: bool) -> Iterator[tuple[str, Any]]:
    """Yield the paths of the entries that a pattern names, and their values; of several only those that are given."""
    entries = _entries(value)
    if entries is None:
        raise InputError(Finding(f"${path}", f"there is no {pattern!r} in it", "give it whole"))
    first = re.split(r"[.\[]", pattern.removeprefix("["))[0].removesuffix("]")
    if "*" not in first:
        key, rest = _step(entries, pattern, f"${path}")
        named = {key: rest}
    else:
        head = f"[{first}]" if pattern.startswith("[") else first
        rest = pattern.removeprefix(head).removeprefix(".")
        named = {key: rest for key in entries if fnmatchcase(str(key), first)}
    for key, rest in named.items():
        inner = _joined(path, key)
        if several and entries[key] is None:
            continue
        if rest:
            yield from _matching(entries[key], rest, inner, several)
        else:
            yield inner.removeprefix("."), entries[key]
