"""Tables and named facts as text, as HTML, and as CSV that spreadsheets open without calculating anything."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from html import escape
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
QUOTED = frozenset(',;"\n\r')


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


def facts_html(title: str, facts: Mapping[str, str]) -> str:
    """Lay out named facts as a small HTML table under a title."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(fact)}</td></tr>'
        for name, fact in facts.items()
    )
    return f"<div><strong>{escape(title)}</strong><table>{rows}</table></div>"
