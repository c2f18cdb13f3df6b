"""JSON Schema of the file formats, derived from the records that read them."""

from __future__ import annotations

from typing import Any

from edgeopt.errors import UsageError, suggestion
from edgeopt.experiments.best_known_file import BestKnownFile
from edgeopt.experiments.suite import Suite
from edgeopt.libraries.library import ModelLibrary
from edgeopt.loading.policies.prices import Prices
from edgeopt.machine.facts import Machine
from edgeopt.problems import PROBLEMS
from edgeopt.record import Record
from edgeopt.solution import Solution

RECORDS: dict[str, type[Record]] = {
    "library": ModelLibrary,
    "solution": Solution,
    "machine": Machine,
    "suite": Suite,
    "prices": Prices,
    "best-known": BestKnownFile,
}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def file_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a file format.

    Parameters
    ----------
    kind : str
        A problem's name, for its instances; or one of `RECORDS`. A suite is TOML, and the schema that of its content.

    Raises
    ------
    UsageError
        There is no such format.
    """
    if kind in PROBLEMS:
        return _instance_schema(kind)
    if kind not in RECORDS:
        raise UsageError(f"there is no format {kind!r}; {suggestion(kind, [*PROBLEMS, *RECORDS])}")
    return _schema(RECORDS[kind], ("format",))


def _instance_schema(problem: str) -> dict[str, Any]:
    schema = _schema(PROBLEMS[problem].part("instance").INSTANCE_CLASS, ("format", "problem"))
    inline = schema["properties"]["library"]
    schema["properties"]["library"] = {
        "anyOf": [
            inline,
            {"type": "string", "description": "Path of a library file, relative to the folder of the instance."},
        ]
    }
    return schema


def _schema(cls: type[Record], required: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of a file; the keys that say what the file is must be there, though records have defaults."""
    schema = {"$schema": DIALECT, **cls.model_json_schema()}
    schema["required"] = [*required, *(key for key in schema.get("required", ()) if key not in required)]
    return schema
