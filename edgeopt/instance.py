"""The base class of all instances, and how instances are read and written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from edgeopt.csv_records import read_records
from edgeopt.errors import Finding, InputError, UsageError
from edgeopt.files import format_json, read_json, write_text
from edgeopt.layout import facts_html
from edgeopt.libraries.library import Model, ModelLibrary, Name
from edgeopt.problems import PROBLEMS, Problem, find_problem
from edgeopt.record import Record

INSTANCE_FORMAT: Final = "edgeopt-instance/1"


class Instance(Record):
    """Base class of the instances of all problems.

    Attributes
    ----------
    problem : str
    name : str
    library : ModelLibrary
    """

    format: Literal["edgeopt-instance/1"] = INSTANCE_FORMAT
    problem: str
    name: Name
    library: ModelLibrary

    tables: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def from_dict(cls, data: Any, file: str | Path | None = None) -> Self:
        """Check plain data and make the instance.

        The keys in `tables` may hold the path of a CSV table, relative to the folder of `file`; the column named there
        has the names of the entries, which are a list where it is empty.
        """
        if isinstance(data, Mapping):
            folder = Path(file).parent if file is not None else Path()
            for key, name in cls.tables.items():
                if isinstance(data.get(key), str):
                    rows = read_records(folder / data[key], name)
                    data = {**data, key: rows if name else list(rows.values())}
        return super().from_dict(data, file)

    def findings(self) -> Iterable[Finding]:
        for finding in self.library.findings():
            yield Finding(finding.place.replace("$", "$.library", 1), finding.problem, finding.remedy)

    @property
    def conventions(self) -> Problem:
        """The entry of the instance's problem: sense, objective, unit."""
        return find_problem(self.problem)

    @property
    def integral(self) -> bool:
        """Whether the objective takes integer values only, so that bounds may be rounded."""
        return self.conventions.integral

    @cached_property
    def sha256(self) -> str:
        """Hash of the content; neither the order of keys nor where the library stands changes it."""
        canonical = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def write(self, path: str | Path, library: str | None = None) -> None:
        """Write the instance as a file, whole or not at all.

        Parameters
        ----------
        path : path
        library : str, optional
            Path of the library's file relative to the instance's folder, written instead of the library itself.
        """
        data = self.to_dict()
        if library is not None:
            data["library"] = library
        write_text(path, format_json(data))

    def _repr_html_(self) -> str:
        return facts_html(f"{self.problem} instance {self.name}", self.facts())

    def facts(self) -> dict[str, str]:
        """Return what the instance is, in words and numbers with units."""
        facts = self.library.facts()
        return {"library": f"{self.library.name}: {facts.pop('models')}", **facts}


def require_model_keys(name: str, model: Model, keys: Iterable[str]) -> Iterable[Finding]:
    """Report the optional keys of a model that a problem needs and the library does not give."""
    for key in keys:
        if getattr(model, key) is None:
            yield Finding(
                f"$.library.models.{name}", f"the model {name!r} lacks the key {key!r}", "add it to the library"
            )


def read(path: str | Path) -> Instance:
    """Read an instance file of any problem.

    Parameters
    ----------
    path : path
        A JSON file of format ``edgeopt-instance/1``.

    Returns
    -------
    Instance
        An object of the class of its problem.

    Raises
    ------
    InputError
        The file, or the library that it names, is not what it should be.
    """
    return instance_from_dict(read_json(path), file=path)


def as_instance(given: Instance | str | Path) -> Instance:
    """Return an instance as it is, or read it where its file is named.

    Raises
    ------
    UsageError
        It is neither.
    """
    if isinstance(given, str | Path):
        return read(given)
    if not isinstance(given, Instance):
        remedy = "; make one of a dict with edgeopt.instance_from_dict" if isinstance(given, Mapping) else ""
        raise UsageError(f"an instance, or the path of its file, is needed, not a {type(given).__name__}{remedy}")
    return given


def instance_from_dict(data: Any, file: str | Path | None = None) -> Instance:
    """Make an instance of plain data; a library given as a path is relative to the folder of `file`."""
    if not isinstance(data, Mapping) or data.get("format") != INSTANCE_FORMAT:
        stated = data.get("format") if isinstance(data, Mapping) else type(data).__name__
        raise InputError(
            Finding("$.format", f"this is not an instance: {stated!r}", f"it should be {INSTANCE_FORMAT!r}"), file
        )
    problem = data.get("problem")
    if not isinstance(problem, str):
        raise InputError(Finding("$.problem", "the problem is not named", f"one of {', '.join(PROBLEMS)}"), file)
    try:
        cls = find_problem(problem).part("instance").INSTANCE_CLASS
    except UsageError as error:
        raise InputError(Finding("$.problem", str(error)), file) from None
    if isinstance(data.get("library"), str):
        data = {**data, "library": _library_file(data["library"], file)}
    return cls.from_dict(data, file=file)


def _library_file(name: str, file: str | Path | None) -> ModelLibrary:
    path = (Path(file).parent if file is not None else Path()) / name
    try:
        exists = path.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        exists = False
    if not exists:
        problem = f"there is no library file {str(path)!r}"
        raise InputError(Finding("$.library", problem, "the path is relative to the instance file"), file)
    return ModelLibrary.read(path)
