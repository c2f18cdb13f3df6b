"""The page of results files, from the statement that creates their tables and from the columns of their frames."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from edgeopt.experiments.columns import COLUMNS
from edgeopt.experiments.store import RESULTS_FORMAT, SCHEMA

PAGE = "reference/formats/results.md"
COLUMN = re.compile(r"^    (?P<name>[a-z_0-9]+),? ?(?P<type>[A-Z]*).* -- (?P<meaning>.*)$", re.M)


def results_pages() -> Iterator[tuple[str, str, str]]:
    """Yield the page: place in the site, place from which its links count, content."""
    lines = ["# Results of a sweep", ""]
    lines += [f"`edgeopt sweep` writes one SQLite file of the format `{RESULTS_FORMAT}`.", ""]
    lines += ["## The frame", "", "`edgeopt.experiments.read_results` gives a row for each requested run.", ""]
    lines += [
        "| column | meaning |",
        "| --- | --- |",
        *(f"| `{name}` | {cell(text)} |" for name, text in COLUMNS.items()),
    ]
    lines += ["| each varied key, each argument of a generator | its value; lists as JSON; `drawn_seed` and the like "]
    lines[-1] += "where another column has the name |"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    for table, statement in tables:
        said = re.search(r"\( -- (.*)", statement)
        assert said is not None
        lines += ["", f"## Table {table}", "", f"{said[1][0].upper()}{said[1][1:]}.", ""]
        lines += ["| column | type | meaning |", "| --- | --- | --- |"]
        lines += [f"| `{name}` | {kind or 'number'} | {meaning} |" for name, kind, meaning in COLUMN.findall(statement)]
    yield PAGE, f"docs/{PAGE}", "\n".join([*lines, ""])


def cell(text: str) -> str:
    """Return a text as a cell of a table can hold it."""
    return text.replace("|", "\\|")
