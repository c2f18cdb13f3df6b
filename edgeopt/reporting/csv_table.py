"""Tables as CSV that spreadsheets open without calculating anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
