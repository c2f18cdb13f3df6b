"""Requests for models: three formats of logs, drawn ones, other names."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeopt.errors import InputError, UsageError
from edgeopt.measured.requests import Requests, drawn_requests, read_requests, renamed

# As llama-swap's store creates it: internal/store/migrations/00001_create_activity.sql, the columns that matter here.
TABLE = "CREATE TABLE activity (id INTEGER PRIMARY KEY AUTOINCREMENT, ts_created INTEGER NOT NULL, model_id TEXT)"


def written(folder: Path, content: str | bytes, name: str = "log") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def database(folder: Path, rows: list[tuple[Any, Any]], table: str = TABLE) -> Path:
    path = folder / "activity.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(table)
        if rows:
            connection.executemany("INSERT INTO activity (ts_created, model_id) VALUES (?, ?)", rows)
    return path


def page(rows: list[tuple[str, str]]) -> str:
    """Return the rows as the server answers, the newest first."""
    data = [
        {"id": number, "timestamp": time, "model": model, "req_path": "/v1/chat/completions", "tokens": {}}
        for number, (time, model) in enumerate(rows, start=1)
    ]
    return json.dumps({"data": data[::-1], "page": 1, "limit": 999, "total": len(rows), "total_pages": 1})


def test_csv_with_times_is_sorted(tmp_path: Path) -> None:
    found = read_requests(written(tmp_path, "Model,TIME,x\nb,7.5,1\na,3,2\nc,7.5,3\n"))
    assert found.models == ["a", "b", "c"]
    assert found.times_s is not None
    assert found.times_s.tolist() == [0, 4.5, 4.5]


def test_csv_without_times_keeps_its_order(tmp_path: Path) -> None:
    times, models = read_requests(written(tmp_path, "model\nb\na\nb\n"))
    assert (times, models) == (None, ["b", "a", "b"])


def test_activity_with_ties_goes_by_number(tmp_path: Path) -> None:
    rows = [
        ("2026-08-22T09:29:57.25-07:00", "a"),
        ("2026-08-22T16:29:57.25Z", "b"),
        ("2026-08-22T16:29:57.000000001Z", "c"),
        ("2026-08-22T18:29:59+02:00", "a"),
    ]
    found = read_requests(written(tmp_path, page(rows)))
    assert found.models == ["c", "a", "b", "a"]
    assert found.times_s == pytest.approx([0, 0.25, 0.25, 2], abs=1e-8)
    bare = read_requests(written(tmp_path, "\ufeff " + json.dumps(json.loads(page(rows))["data"])))
    assert bare.models == found.models


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(1_700_000_000, 1_700_000_009), st.sampled_from("abc")), min_size=1))
def test_three_formats_of_one_log_are_one(
    rows: list[tuple[int, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    dates = np.array([time for time, _ in rows], dtype="datetime64[s]")
    files = [
        written(folder, "time,model\n" + "".join(f"{time},{model}\n" for time, model in rows), "log.csv"),
        written(folder, page([(f"{date}Z", model) for date, (_, model) in zip(dates, rows, strict=True)]), "log.json"),
        database(folder, list(rows)),
    ]
    expected = sorted(rows, key=lambda row: row[0])
    for file in files:
        times, models = read_requests(file)
        assert models == [model for _, model in expected]
        assert times is not None
        assert times.tolist() == [time - expected[0][0] for time, _ in expected]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "no column is named 'model'"),
        ("time,name\n1,a\n", "no column is named 'model'"),
        ("time,model\n1,\n", "line 2, column model: the cell is empty"),
        ("time,model\n1,a\nx,a\n", "line 3, column time: 'x' is neither a date"),
        ("time,model\n2026-01-01 00:00:00,a\nx,a\n", "line 3, column time: 'x' is neither a date"),
        ("time,model\n2026-01-01 00:00:00,a\n7,a\n", "line 2, column time: '2026-01-01 00:00:00' is neither"),
        ("time,model\ninf,a\n", "line 2, column time"),
        ("{}", "no list 'data'"),
        ('{"data": 3}', "no list 'data'"),
        ('{"data": []}', "at $.data: there are no requests"),
        ("[3]", "at $[0]: this is no request"),
        ('[{"timestamp": "2026-01-01T00:00:00Z"}]', "at $[0].model: None is not a name"),
        ('[{"model": "a"}]', "at $[0].timestamp: None is no date"),
        ('[{"model": "a", "timestamp": true}]', "at $[0].timestamp: True is no date"),
        ('{"data": [{"model": "a", "timestamp": "soon"}]}', "at $.data[0].timestamp: 'soon' is no date"),
        ('[{"model": "a", "timestamp": 1, "id": "x"}]', "at $[0].id: 'x' is not a whole number"),
        ('[{"model": "a"', "the file ends too early"),
        (b'["\xff"]', "byte 2 is not UTF-8"),
        (b"SQLite format 3\0 and nothing more", "this is no activity of llama-swap"),
    ],
)
def test_bad_files(tmp_path: Path, content: str | bytes, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_requests(written(tmp_path, content))
    assert told in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_bad_databases(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no requests"):
        read_requests(database(tmp_path, []))
    (tmp_path / "activity.sqlite").unlink()
    with pytest.raises(InputError, match=r"activity\[1\].*not a time and a name"):
        read_requests(database(tmp_path, [(1, "a"), (2, None)]))
    (tmp_path / "activity.sqlite").unlink()
    with pytest.raises(InputError, match="no such column: ts_created"):
        read_requests(database(tmp_path, [], "CREATE TABLE activity (id INTEGER)"))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_requests(tmp_path / "nothing")
    with pytest.raises(InputError, match="cannot be read"):
        read_requests(tmp_path)


def test_drawn_requests_follow_the_law() -> None:
    names = [f"m{n}" for n in range(4)]
    drawn = drawn_requests(names, 40_000, 1.0, seed=3)
    assert drawn == drawn_requests(names, 40_000, 1.0, seed=3)
    assert drawn.models != drawn_requests(names, 40_000, 1.0, seed=4).models
    shares = sorted((count / 40_000 for count in Counter(drawn.models).values()), reverse=True)
    assert shares == pytest.approx([12 / 25, 6 / 25, 4 / 25, 3 / 25], abs=0.02)
    with pytest.raises(UsageError, match="at least one model"):
        drawn_requests([], 1, 1.0, seed=0)


def test_other_names() -> None:
    requests = Requests(None, ["qwen", "phi", "qwen"])
    assert renamed(requests, {"qwen": "qwen3-8b"}, ["phi", "qwen3-8b"]).models == ["qwen3-8b", "phi", "qwen3-8b"]
    for names, told in [
        ({}, "requests are for 'qwen', which .* --rename qwen=MODEL .*'qwen3-8b'"),
        ({"qwen": "gwen3-8b"}, "no model 'gwen3-8b'; did you mean 'qwen3-8b'"),
        ({"qwem": "qwen3-8b"}, "no request is for 'qwem'; did you mean 'qwen'"),
    ]:
        with pytest.raises(UsageError, match=told):
            renamed(requests, names, ["phi", "qwen3-8b"])
