"""Foreign CSV files: columns by name, and errors that name the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeopt.errors import InputError
from edgeopt.measured.tables import read_table

COLUMNS = {"x": ("x", "ex"), "y": ("y",)}


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read_numbers(path: Path) -> None:
    table = read_table(path, COLUMNS)
    table.numbers("x", 0, 10)
    table.numbers("y", 0, 10, whole=True)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, '\ufeffother, Y ,EX\n"a,\nb",2,1\r\n\r\nc,4,3e1\n'), COLUMNS)
    assert table.numbers("x", 0, 100).tolist() == [1, 30]
    assert table.numbers("y", 0, 10, whole=True).tolist() == [2, 4]
    assert table.lines == [3, 5]


def test_a_column_may_be_optional(tmp_path: Path) -> None:
    assert "y" not in read_table(written(tmp_path, "x\n1\n"), COLUMNS, optional=("y",)).cells


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("x\n1\n", "line 1: no column is named 'y' (the header has 'x')"),
        ("", "the header has nothing"),
        ("x,y\n", "no rows"),
        ("x,y\n1,2\n3\n", "line 3: 1 cells, but the header has 2"),
        ("x,y\n1,2,3\n", "line 2: 3 cells"),
        (b"x,y\n1,\xff\n", "byte 6 is not UTF-8"),
        ("x,y\n1,2\n,3\n", "line 3, column x: '' is not a number"),
        ("x,y\n1,nan\n", "line 2, column y: 'nan' is not a whole number"),
        ("x,y\ninf,1\n", "line 2, column x: 'inf'"),
        ("x,y\n1,1.5\n", "'1.5' is not a whole number from 0 to 10"),
        ("x,y\n11,1\n", "'11' is not a number from 0 to 10"),
    ],
)
def test_bad_files(tmp_path: Path, content: str | bytes, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_numbers(written(tmp_path, content))
    assert told in str(caught.value)
    assert "table.csv" in str(caught.value)


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path, COLUMNS)
    with pytest.raises(InputError, match="there is no such file"):
        read_table(tmp_path / "none.csv", COLUMNS)
