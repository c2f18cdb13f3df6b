"""What every record read from a file is: frozen, strict, and clear about its faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from edgeopt.errors import Finding, InputError, suggestion

EXTREME = 1e30


def _not_extreme(value: float) -> float:
    """Refuse quantities whose products and quotients could leave the range of floating-point numbers."""
    if value and not 1 / EXTREME <= abs(value) <= EXTREME:
        raise ValueError(f"input should lie between {1 / EXTREME:g} and {EXTREME:g}")
    return value


Positive = Annotated[float, Field(gt=0), AfterValidator(_not_extreme)]
NonNegative = Annotated[float, Field(ge=0), AfterValidator(_not_extreme)]

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

    def findings(self) -> Iterable[Finding]:
        """What is wrong with the record beyond the type and range of single fields."""
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
            raise InputError([_finding(cls, detail, data) for detail in error.errors()], file) from None
        faults = list(record.findings())
        if faults:
            raise InputError(faults, file)
        return record

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, some fields replaced; what was derived from the old fields is derived anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; optional fields that are not given are left out."""
        return self.model_dump(mode="json", exclude_none=True)


def _finding(cls: type[Record], detail: Any, data: Any) -> Finding:
    location = [part for part in detail["loc"] if part != "[key]"]
    place = "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    kind = detail["type"]
    if kind == "extra_forbidden":
        key, siblings = str(location[-1]), _known_keys(cls, location[:-1])
        return Finding(place, f"unknown key {key!r}", suggestion(key, siblings))
    if kind == "missing":
        return Finding(place, f"the key {location[-1]!r} is missing", _REMEDIES[kind])
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    value = detail["input"]
    shown = repr(value)
    if isinstance(value, Mapping | list) or len(shown) > 60:
        shown = (
            f"{type(value).__name__} of {len(value)} entries"
            if isinstance(value, Mapping | list)
            else shown[:57] + "..."
        )
    return Finding(place, f"{message}, not {shown}", _REMEDIES.get(kind, ""))


def _known_keys(cls: type[Record], location: list[Any]) -> list[str]:
    """Keys allowed at a place, found by walking the schema."""
    schema = cls.model_json_schema()
    definitions = schema.get("$defs", {})

    def resolved(node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            node = definitions[node["$ref"].rsplit("/", 1)[1]]
        for option in node.get("anyOf", ()):
            if option.get("type") != "null":
                return resolved(option)
        return node

    node = resolved(schema)
    for part in location:
        if isinstance(part, int):
            node = resolved(node.get("items", {}))
        else:
            node = resolved(node.get("properties", {}).get(part) or node.get("additionalProperties") or {})
    return list(node.get("properties", {}))
