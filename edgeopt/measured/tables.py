"""Columns of other people's CSV files, found by name, in any order and beside any others."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import Finding, InputError
from edgeopt.files import read_text

Floats = NDArray[np.float64]

MOST_SECONDS = 1e12
TIME_REMEDY = "write 2023-11-16 18:17:03.98, or seconds"


@dataclass(frozen=True)
class Table:
    """Some columns of a CSV file.

    Attributes
    ----------
    path : Path
    lines : list of int
        Line of the file in which each row ends.
    headers : dict of str to str
        Name of each column as the file writes it.
    cells : dict of str to list of str
        The columns.
    """

    path: Path
    lines: list[int]
    headers: dict[str, str]
    cells: dict[str, list[str]]

    def fault(self, row: int, key: str, problem: str, remedy: str) -> InputError:
        """Return an error that names the file, the line and the column."""
        place = f"line {self.lines[row]}, column {self.headers[key]}"
        return InputError(Finding(place, problem, remedy), self.path)

    def numbers(self, key: str, least: float, most: float, whole: bool = False) -> Floats:
        """Return a column of numbers from `least` to `most`, shape (rows,).

        Raises
        ------
        InputError
            Names the first cell that is none.
        """
        numbers = np.array([_number(cell) for cell in self.cells[key]], dtype=np.float64)
        wrong = ~((numbers >= least) & (numbers <= most))
        if whole:
            wrong |= numbers != np.floor(numbers)
        if wrong.any():
            row = int(np.argmax(wrong))
            kind = "a whole number" if whole else "a number"
            span = f"from {least:g} to {most:g}" if most < float("inf") else f"of {least:g} or more"
            problem = f"{self.cells[key][row]!r} is not {kind} {span}"
            raise self.fault(row, key, problem, f"give {kind} in each row")
        return numbers

    def seconds(self, key: str) -> Floats:
        """Return a column of times as seconds, shape (rows,); of dates, seconds since the earliest.

        Raises
        ------
        InputError
            Names the first cell that is neither a date with time nor a number.
        """
        times = seconds(self.cells[key])
        wrong = np.isnan(times)
        if wrong.any():
            row = int(np.argmax(wrong))
            problem = f"{self.cells[key][row]!r} is neither a date with time nor seconds"
            raise self.fault(row, key, problem, TIME_REMEDY)
        return times


def seconds(cells: Sequence[str]) -> Floats:
    """Return times as seconds, shape (cells,), NaN where a cell is no time.

    Numbers stay as they are. Dates with times count from the earliest; they are without a time zone, or with their
    shift to Greenwich's time.
    """
    numbers = np.array([_number(cell) for cell in cells], dtype=np.float64)
    if not np.isnan(numbers).all():
        return np.where(np.abs(numbers) <= MOST_SECONDS, numbers, np.nan)
    from pandas import to_datetime

    dates = to_datetime(list(cells), errors="coerce", format="ISO8601", utc=True)
    return np.asarray((dates - dates.min()).total_seconds(), dtype=np.float64)


def _number(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        return float("nan")
    return value if abs(value) < float("inf") else float("nan")


def read_table(path: str | Path, columns: Mapping[str, Sequence[str]], optional: Sequence[str] = ()) -> Table:
    """Read columns by their names, whatever their case.

    Parameters
    ----------
    path : path
        A CSV file in UTF-8 with a header.
    columns : dict of str to sequence of str
        The names under which each column may stand, the usual one first.
    optional : sequence of str
        Keys of `columns` that may be missing.

    Raises
    ------
    InputError
        No such file, no text, a missing column, a row of another length than the header, or no rows.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    try:
        header = [name.strip() for name in next(reader, [])]
        place = {name.lower(): index for index, name in reversed(list(enumerate(header)))}
        column_of: dict[str, int] = {}
        for key, names in columns.items():
            index = next((place[name] for name in names if name in place), None)
            if index is not None:
                column_of[key] = index
            elif key not in optional:
                usual = " or ".join(repr(name) for name in names)
                held = ", ".join(repr(name) for name in header[:12]) or "nothing"
                raise InputError(Finding("line 1", f"no column is named {usual}", f"the header has {held}"), path)
        lines: list[int] = []
        cells: dict[str, list[str]] = {key: [] for key in column_of}
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                problem = f"{len(row)} cells, but the header has {len(header)}"
                remedy = "is the file cut off, or a comma not quoted?"
                raise InputError(Finding(f"line {reader.line_num}", problem, remedy), path)
            lines.append(reader.line_num)
            for key, index in column_of.items():
                cells[key].append(row[index].strip())
    except csv.Error as error:
        raise InputError(Finding(f"line {reader.line_num}", f"this is not CSV: {error}"), path) from None
    if not lines:
        raise InputError(Finding("$", "the table has no rows", "give one or more below the header"), path)
    return Table(Path(path), lines, {key: header[index] for key, index in column_of.items()}, cells)
