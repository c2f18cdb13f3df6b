"""Requests and links as CSV tables, for large instances."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeopt.errors import Finding, InputError, suggestion
from edgeopt.files import read_text

REQUEST_COLUMNS = (
    "request",
    "node",
    "task",
    "min_accuracy",
    "models",
    "max_cost",
    "sites",
    "input_bits",
    "samples",
    "count",
)
LINK_COLUMNS = ("from", "to", "bandwidth_bps", "latency_s")
SEPARATOR = ";"  # of names in a cell


def _names(cell: str) -> list[str]:
    return cell.split(SEPARATOR)


def _models(cell: str) -> Any:
    """Read names, or a map of names to what a request has of each, as in JSON."""
    return json.loads(cell) if cell.startswith("{") else _names(cell)


_READERS: dict[str, Callable[[str], Any]] = {
    "min_accuracy": float,
    "max_cost": float,
    "input_bits": float,
    "samples": int,
    "count": int,
    "bandwidth_bps": float,
    "latency_s": float,
    "models": _models,
    "sites": _names,
}


def read_requests(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read requests of a CSV table with the columns of `REQUEST_COLUMNS`; empty cells are keys not given.

    Raises
    ------
    InputError
        Names the file, the line and the column.
    """
    requests: dict[str, dict[str, Any]] = {}
    for line, row in _rows(path, REQUEST_COLUMNS, needed=("request", "node", "input_bits", "samples")):
        name = row.pop("request", None)
        if name is None or name in requests:
            problem = "the request has no name" if name is None else f"the request {name!r} stands twice"
            raise InputError(Finding(f"line {line}", problem, "give each request a name of its own"), path)
        requests[name] = row
    return requests


def read_links(path: str | Path) -> list[dict[str, Any]]:
    """Read links of a CSV table with the columns of `LINK_COLUMNS`."""
    links = []
    for _, row in _rows(path, LINK_COLUMNS, needed=LINK_COLUMNS):
        ends = [row.pop("from", ""), row.pop("to", "")]
        links.append({"between": ends, **row})
    return links


def format_requests(requests: Mapping[str, Mapping[str, Any]]) -> str:
    """Lay out requests, given as plain data, as a CSV table."""
    rows = (
        {
            **request,
            "request": name,
            "models": _cell(request.get("models", ())),
            "sites": _cell(request.get("sites", ())),
        }
        for name, request in requests.items()
    )
    return _format(REQUEST_COLUMNS, rows)


def format_links(links: Sequence[Mapping[str, Any]]) -> str:
    """Lay out links, given as plain data, as a CSV table."""
    rows = ({**link, "from": link["between"][0], "to": link["between"][1]} for link in links)
    return _format(LINK_COLUMNS, rows)


def _cell(named: Any) -> str:
    """Write names, or a map as JSON."""
    return json.dumps(named, ensure_ascii=False) if isinstance(named, Mapping) else SEPARATOR.join(named)


def _format(columns: Sequence[str], rows: Iterator[dict[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _rows(path: str | Path, columns: Sequence[str], needed: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line numbers and rows without their empty cells."""
    reader = csv.reader(io.StringIO(read_text(path, "the path is relative to the instance"), newline=""))
    header = next(reader, [])
    for name in header:
        if name not in columns:
            raise InputError(Finding("line 1", f"unknown column {name!r}", suggestion(name, columns)), path)
    for name in needed:
        if name not in header:
            raise InputError(Finding("line 1", f"the column {name!r} is missing", "add it to the header"), path)
    for cells in reader:
        if not cells:
            continue
        if len(cells) != len(header):
            problem = f"{len(cells)} cells, but the header has {len(header)}"
            raise InputError(Finding(f"line {reader.line_num}", problem), path)
        row = {
            name: _value(name, cell, reader.line_num, path) for name, cell in zip(header, cells, strict=True) if cell
        }
        yield reader.line_num, row


def _value(column: str, cell: str, line: int, path: str | Path) -> Any:
    try:
        return _READERS[column](cell) if column in _READERS else cell
    except ValueError:
        kinds: dict[Any, str] = {int: "a whole number", float: "a number"}
        kind = kinds.get(_READERS[column], "a list of names or a map as in JSON")
        raise InputError(Finding(f"line {line}, column {column}", f"{cell!r} is not {kind}"), path) from None
