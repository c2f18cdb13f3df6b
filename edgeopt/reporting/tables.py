"""Tables that a reader can sort and filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeopt.quantities import NOTHING
from edgeopt.reporting.markup import Markup, join, tag

LONG = 30  # longer tables scroll in their box, too


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    heading : str
    note : str
        What the heading means, shown when pointed at.
    numeric : bool
        Set flush right and sorted by `Cell.value`.
    """

    heading: str
    note: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes
    ----------
    text : str
        What is shown; `Markup` is shown as it is.
    value : int or float or str, optional
        What it is sorted by; None is sorted behind everything.
    """

    text: str
    value: int | float | str | None = None


@dataclass(frozen=True)
class TableRow:
    """A row of a table, with the status that the chooser filters by."""

    cells: Sequence[Cell]
    status: str = ""


def table(identifier: str, caption: str, columns: Sequence[Column], rows: Sequence[TableRow]) -> Markup:
    """Return a table in a box that scrolls, with a field to filter by text and, for several statuses, a chooser.

    Parameters
    ----------
    identifier : str
        Unique on the page.
    caption : str
    columns : sequence of Column
    rows : sequence of TableRow
    """
    head = tag("tr", *(_heading(column) for column in columns))
    body = join(_row(columns, row) for row in rows)
    content = tag(
        "table",
        tag("caption", caption, id=f"{identifier}-caption"),
        tag("thead", head),
        tag("tbody", body),
        id=identifier,
        class_="sortable",
    )
    kind = "scroll tall" if len(rows) > LONG else "scroll"
    box = tag("div", content, class_=kind, tabindex="0", role="region", aria_labelledby=f"{identifier}-caption")
    return tag("div", _controls(identifier, rows), scroll_hint("table"), box, class_="table")


def scroll_hint(what: str) -> Markup:
    """Return the hint above what scrolls sideways, which the page shows where it is too narrow."""
    return tag("p", f"The {what} is wider than the page: scroll it sideways.", class_="hint", hidden=True)


def without_empty(columns: Sequence[Column], rows: Sequence[TableRow]) -> tuple[list[Column], list[TableRow]]:
    """Leave out the columns in which no row says anything."""
    kept = [index for index in range(len(columns)) if any(row.cells[index].text not in ("", NOTHING) for row in rows)]
    return [columns[index] for index in kept], [
        TableRow([row.cells[index] for index in kept], row.status) for row in rows
    ]


def _heading(column: Column) -> Markup:
    button = tag("button", column.heading, tag("span", class_="arrow", aria_hidden="true"), type="button")
    return tag(
        "th",
        button,
        scope="col",
        class_="number" if column.numeric else None,
        title=column.note or None,
        aria_sort="none",
    )


def _row(columns: Sequence[Column], row: TableRow) -> Markup:
    cells = []
    for index, (column, cell) in enumerate(zip(columns, row.cells, strict=True)):
        value = _sorted_by(column, cell)
        attributes = {"class_": "number" if column.numeric else None, "data_value": value}
        name, scope = ("th", "row") if index == 0 else ("td", None)
        cells.append(tag(name, cell.text, scope=scope, **attributes))
    return tag("tr", *cells, data_status=row.status or None)


def _sorted_by(column: Column, cell: Cell) -> str | None:
    """Return what the script sorts the cell by, where this is not its text; empty for a missing number."""
    if cell.value is None:
        return "" if column.numeric else None
    value = repr(cell.value) if isinstance(cell.value, float) else str(cell.value)
    return None if value == cell.text else value


def _controls(identifier: str, rows: Sequence[TableRow]) -> Markup:
    """Return the filters; they appear only where a script runs, which alone makes them work."""
    statuses = sorted({row.status for row in rows if row.status})
    chooser = tag(
        "select",
        tag("option", "all rows", value=""),
        *(tag("option", status, value=status) for status in statuses),
        data_filter="status",
        aria_label="rows of which state",
        aria_controls=identifier,
    )
    field = tag(
        "input",
        type="search",
        placeholder="filter rows",
        data_filter="text",
        aria_label="filter rows by text",
        aria_controls=identifier,
    )
    count = tag("span", f"{len(rows)} rows", class_="count", role="status")
    download = tag("button", "CSV", type="button", data_download=f"{identifier}.csv", title="download what is shown")
    parts = (field, chooser if len(statuses) > 1 else None, download, count)
    return tag("div", *parts, class_="controls", hidden=True)
