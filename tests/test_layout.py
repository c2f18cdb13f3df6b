"""CSV for spreadsheets: no formulas, numbers as numbers, cells that stay whole."""

from __future__ import annotations

import csv
import io

import pytest

from edgeopt.layout import csv_text


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x";"y")'])
def test_text_that_reads_as_a_formula_gets_an_apostrophe(name: str) -> None:
    assert read(csv_text(["instance"], [[name]])) == [["instance"], ["'" + name]]


def test_numbers_stay_numbers_and_missing_values_are_empty() -> None:
    assert csv_text(["a", "b", "c", "d"], [[-1.5, -3, None, float("nan")]]) == "a,b,c,d\n-1.5,-3,,\n"


def test_semicolons_commas_quotation_marks_and_line_breaks_are_quoted() -> None:
    assert csv_text(["x;y"], [["plain"]]) == '"x;y"\nplain\n'
    rows = [["a;b", "a,b"], ['a"b', "a\nb"], ["=1;2", "日本"]]
    assert read(csv_text(["one", "two"], rows)) == [["one", "two"], *rows[:2], ["'=1;2", "日本"]]


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))
