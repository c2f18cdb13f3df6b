"""Tables and named facts as text, as HTML, and as CSV that spreadsheets open without calculating anything."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from edgeopt.errors import Finding, InputError, UsageError
from edgeopt.files import read_text

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
QUOTED = frozenset(',;"\n\r')
ESCAPED = re.compile(r"^'(?=[=+\-@\t\r])")  # what `csv_text` makes of text that would be a formula


def csv_text(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Lay out a table as CSV: numbers plain, missing values (None, NaN) empty.

    Text that a spreadsheet would take for a formula gets an apostrophe before it. Text that holds a comma, a semicolon
    (which separates columns in some countries), a quotation mark or a line break is quoted.
    """
    return "".join(",".join(map(_cell, row)) + "\n" for row in [headings, *rows])


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    text = str(value)
    if isinstance(value, str) and text.startswith(FORMULA_STARTS):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if QUOTED & set(text) else text


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Container[int] = ()) -> list[str]:
    """Align columns of text to the left, or to the right where the column's number is in `right`."""
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]

    def line_text(line: Sequence[str]) -> str:
        cells = [
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return [line_text(line) for line in lines]


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Container[int] = ()) -> str:
    """Lay out a table as Markdown."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    rule = "| " + " | ".join("---:" if column in right else "---" for column in range(len(headings))) + " |"
    return "\n".join([line(headings), rule, *map(line, rows)]) + "\n"


LATEX = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "<": "$<$",
        ">": "$>$",
    }
)


def latex_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Container[int] = ()) -> str:
    """Lay out a table as LaTeX, with the rules of the package booktabs."""

    def line(cells: Sequence[str]) -> str:
        return " & ".join(cell.translate(LATEX).replace("\n", " ") for cell in cells) + r" \\"

    columns = "".join("r" if column in right else "l" for column in range(len(headings)))
    body = [line(headings), r"\midrule", *map(line, rows)]
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *body, r"\bottomrule", r"\end{tabular}"]) + "\n"


def require_columns(frame: Any, names: Iterable[str]) -> None:
    """Raise a `UsageError` where a data frame lacks a column."""
    missing = [name for name in names if name not in frame]
    if missing:
        raise UsageError(f"the table has no column {missing[0]!r}; it should have those of to_frame()")


def read_plan_table(path: str | Path) -> Any:
    """Read the CSV file of a plan's table as a data frame of texts, with nothing in empty cells."""
    import pandas as pd

    text = read_text(path, "it should be the table of a plan")
    try:
        frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, na_values=[""])
        return frame.replace(ESCAPED, "", regex=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(Finding("the table", str(error)), path) from None


def cell_of(value: Any) -> str:
    """Write a list or a map into a cell of a table, as JSON; one without entries as an empty cell."""
    return json.dumps(value, ensure_ascii=False) if value else ""


def in_cell(cell: Any, column: str) -> Any:
    """Read what `cell_of` wrote; None for an empty cell.

    Raises
    ------
    UsageError
        The cell holds something else.
    """
    if not isinstance(cell, str) or not cell:
        return None
    try:
        return json.loads(cell)
    except ValueError:
        raise UsageError(
            f"the column {column!r} of the table should hold what to_frame() writes, not {cell[:40]!r}"
        ) from None


def facts_html(title: str, facts: Mapping[str, str]) -> str:
    """Lay out named facts as a small HTML table under a title."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(fact)}</td></tr>'
        for name, fact in facts.items()
    )
    return f"<div><strong>{escape(title)}</strong><table>{rows}</table></div>"
