"""Frames as files, best known values, and what the frames refuse."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from edgeopt.errors import InputError, UsageError
from edgeopt.experiments import (
    export,
    read_best_known,
    read_history,
    read_instance,
    read_instances,
    read_results,
    read_solution,
    read_suites,
)
from edgeopt.experiments.columns import COLUMNS
from edgeopt.experiments.store import RunRecord, Store, StoredInstance, packed
from tests.plans import NOBODY, two_models


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A file with a run of each kind, made without running anything."""
    path, instance = tmp_path / "r.sqlite", two_models()
    with Store(path) as store:
        with store.transaction():
            store.add_suite("s", "{}", "2026-01-01T00:00:00+00:00")
            store.add_instance(StoredInstance.of(instance, "by hand"))
            options = {"time_limit_s": 5.0, "iteration_limit": None, "gap_limit": 0.0, "threads": 1}
            for method in ("good", "dead", "mute", "open"):
                store.request(instance.sha256, method, 0, options)
        plan, history = packed(NOBODY), packed([[0.1, None, 9], [0.2, 0, 3]])
        told: dict[str, Any] = {"stopped": "finished", "method_used": "good", "wall_s": 0.5, "cpu_s": 0.4}
        store.finish(1, RunRecord("feasible", objective=0, bound=3, plan=plan, history=history, **told))
        store.finish(2, RunRecord("failed", error="it died", wall_s=1.0))
        store.finish(3, RunRecord("unknown", bound=2**70 / 1.0, **told))
    return path


def test_what_is_missing_is_missing(results: Path) -> None:
    frame = read_results(results).set_index("method")
    assert list(frame["status"]) == ["feasible", "failed", "unknown", "pending"]
    assert frame["objective"].isna().tolist() == [False, True, True, True]
    assert frame.loc["good", "error"] is None
    assert frame.loc["dead", "stopped"] is None
    assert frame.loc["open", ["wall_s", "cpu_s", "gap"]].isna().all()
    assert frame["iteration_limit"].isna().all()
    assert frame["time_limit_s"].eq(5).all()
    assert list(frame["best_bound"]) == [3] * 4


def test_every_column_of_the_frame_is_described(results: Path) -> None:
    assert sorted(read_results(results).columns) == sorted(COLUMNS)


def test_every_column_of_the_tables_is_described(results: Path) -> None:
    with closing(sqlite3.connect(results)) as connection:
        for table, statement in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"):
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})"):
                assert re.search(rf"^ +{column}\b.* -- \S", statement, re.M), column


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_export_keeps_values_and_gaps(results: Path, tmp_path: Path, ending: str) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    frame, path = read_results(results), tmp_path / f"t.{ending}"
    export(frame, path)
    back = pd.read_csv(path, float_precision="round_trip") if ending == "csv" else pd.read_parquet(path)
    assert list(back.columns) == list(frame.columns)
    for column in frame:
        for first, second in zip(frame[column], back[column], strict=True):
            assert (pd.isna(first) and pd.isna(second)) or first == second, column


def test_export_as_something_else(results: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"should end in one of \.csv, \.parquet"):
        export(read_results(results), tmp_path / "t.xlsx")


def test_history_instances_and_suites(results: Path) -> None:
    history = read_history(results)
    assert history["run"].tolist() == [1, 1]
    assert history["objective"].isna().tolist() == [True, False]
    (instance,) = read_instances(results).to_dict("records")
    assert (instance["problem"], instance["source"], instance["unit"]) == ("loading", "by hand", "users")
    assert read_instance(results, instance["sha256"]) == two_models()
    assert read_suites(results)["name"].tolist() == ["s"]


def test_solutions_come_back_whole(results: Path, tmp_path: Path) -> None:
    solution = read_solution(results, 1)
    assert (solution.objective, solution.bound, solution.plan) == (0, 3, NOBODY)
    assert solution.history == [[0.1, None, 9], [0.2, 0, 3]]
    solution.write(tmp_path / "s.json")
    assert read_solution(results, 3).objective is None


@pytest.mark.parametrize(("run", "said"), [(2, "it died"), (4, "it has not finished"), (9, "there is no run 9")])
def test_runs_without_solution_say_why(results: Path, run: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_solution(results, run)


def test_unknown_instance(results: Path) -> None:
    with pytest.raises(UsageError, match="no instance of hash 'abc'"):
        read_instance(results, "abc")


def test_best_known_values(results: Path, tmp_path: Path) -> None:
    path, sha256 = tmp_path / "b.json", two_models().sha256
    path.write_text(json.dumps({"instances": {"two": {"sha256": sha256, "objective": 2, "date": "today"}}}))
    assert read_best_known(path) == {sha256: 2.0}
    assert read_results(results, read_best_known(path))["gap_to_best_known"].iloc[0] == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "the key 'instances' is missing"),
        ('{"instances": {"two": 3}}', r"\$\.instances\.two"),
        ('{"instances": {"two": {"sha256": "a"}}}', "'objective' as a number"),
        ('{"instances": {"two": {"sha256": "a", "objective": true}}}', "'objective' as a number"),
    ],
)
def test_wrong_best_known_files(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        read_best_known(path)
