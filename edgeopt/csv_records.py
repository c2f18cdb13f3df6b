"""Entries of instances as CSV tables: a row for each, a column for each of its keys."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from edgeopt.errors import Finding, InputError
from edgeopt.files import read_text
from edgeopt.quantities import in_units

LISTS = ("nodes",)
SEPARATOR = ";"  # of names in a cell
TEXTS = ("user", "model", "node", "task", "name", "request", "scenario")


def read_records(path: str | Path, name: str = "") -> dict[str, dict[str, Any]]:
    """Read a CSV table as plain data; empty cells are keys that are not given.

    Parameters
    ----------
    path : path
        A number may have the unit of its column: ``8GB`` under ``memory_bytes``.
    name : str
        Column with the names of the entries, each of which stands once; if empty they are numbered.

    Raises
    ------
    InputError
        Names the file, the line and what is wrong. Whether keys and values are those of an instance is not checked.
    """
    reader = csv.reader(io.StringIO(read_text(path, "the path is relative to the instance"), newline=""))
    header = [cell.strip() for cell in next(reader, [])]
    if name and name not in header:
        raise InputError(Finding("line 1", f"the column {name!r} is missing", "add it to the header"), path)
    if len(set(header)) < len(header):
        raise InputError(Finding("line 1", "two columns have the same name", "leave one out"), path)
    records: dict[str, dict[str, Any]] = {}
    for cells in reader:
        if not any(cells):
            continue
        place = f"line {reader.line_num}"
        if len(cells) != len(header):
            raise InputError(Finding(place, f"{len(cells)} cells, but the header has {len(header)}"), path)
        row = {
            key: _value(key, cell, place, path) for key, cell in zip(header, cells, strict=True) if cell or key in LISTS
        }
        entry = str(row.pop(name, "")) if name else str(len(records))
        if not entry or entry in records:
            problem = f"{name} {entry!r} stands twice" if entry else f"the {name} has no name"
            raise InputError(Finding(place, problem, f"give each {name} a name of its own"), path)
        records[entry] = row
    return records


def read_column(path: str | Path, name: str) -> list[Any]:
    """Read one column of a CSV table, in order; other columns may stand beside it.

    Raises
    ------
    InputError
        The table cannot be read, or a cell of the column is empty or missing.
    """
    found = []
    for number, row in enumerate(read_records(path).values()):
        if name not in row:
            raise InputError(Finding(f"row {number}", f"it has no {name!r}", f"the column {name!r} names it"), path)
        found.append(row[name])
    return found


def _value(key: str, cell: str, place: str, path: str | Path) -> Any:
    """Return what a cell says: names as they are, numbers with or without the unit of their column."""
    if key in TEXTS:
        return cell
    if key in LISTS:
        return [part.strip() for part in cell.split(SEPARATOR) if part.strip()]
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    try:
        return in_units(key, cell)
    except ValueError as error:
        raise InputError(Finding(f"{place}, column {key}", str(error)), path) from None
