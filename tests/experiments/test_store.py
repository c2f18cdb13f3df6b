"""The results file when processes die, disks are full, and others hold it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edgeopt.errors import UsageError
from edgeopt.experiments import read_results
from edgeopt.experiments.store import RunRecord, Store, StoredInstance
from tests.experiments.suites import finished
from tests.plans import two_models

WRITER = """
import sys
from pathlib import Path
from edgeopt.experiments.store import RunRecord, Store, StoredInstance
from tests.plans import two_models
instance = StoredInstance.of(two_models(), "by hand")
with Store(Path(sys.argv[1]), resume=True) as store:
    with store.transaction():
        store.add_instance(instance)
        requested = [store.request(instance.sha256, "m", seed, {}) for seed in range(200)]
    for number, status in requested:
        if status is None:
            store.finish(number, RunRecord("feasible", objective=number, plan=bytes(20_000)))
            print(number, flush=True)
"""


def new_store(path: Path, runs: int) -> Store:
    store = Store(path)
    instance = StoredInstance.of(two_models(), "by hand")
    with store.transaction():
        store.add_instance(instance)
        for seed in range(runs):
            store.request(instance.sha256, "m", seed, {})
    return store


@pytest.mark.slow
def test_what_was_said_to_be_kept_is_kept_when_the_writer_is_killed(tmp_path: Path) -> None:
    path, kept = tmp_path / "r.sqlite", 0
    for lines in (1, 40):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            said = [int(writer.stdout.readline()) for _ in range(lines)]
            writer.kill()
            said += [int(line) for line in writer.stdout if line.endswith("\n")]
        assert said[0] == kept + 1  # nothing is repeated
        rows = finished(path)
        assert [number for number, _ in rows] == list(range(1, len(rows) + 1))
        assert said[-1] <= len(rows) <= said[-1] + 1
        kept = len(rows)
    assert len(read_results(path)) == 200


def test_a_result_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with new_store(path, 1) as store:
        store.finish(1, RunRecord("feasible", objective=3))
        store.finish(1, RunRecord("failed"))
    assert list(read_results(path)["objective"]) == [3]


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    path.write_text("precious")
    with pytest.raises(UsageError, match="this file exists; continue it with --resume"):
        Store(path)
    with pytest.raises(UsageError, match="not a results file"):
        Store(path, resume=True)
    assert path.read_text() == "precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.sqlite"]


def test_another_database_is_no_results_file(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE facts (key TEXT, value TEXT)")
    connection.close()
    for use in (lambda: Store(path, resume=True), lambda: read_results(path)):
        with pytest.raises(UsageError, match="it has no format"):
            use()


def test_two_sweeps_on_one_file(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with new_store(path, 1), pytest.raises(UsageError, match="in use by another process"):
        Store(path, resume=True)
    Store(path, resume=True).__exit__()
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.sqlite"]


def test_reading_while_a_sweep_writes(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with new_store(path, 3) as store:
        store.finish(2, RunRecord("infeasible", "proved"))
        assert list(read_results(path)["status"]) == ["pending", "infeasible", "pending"]


def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with new_store(path, 2) as store:
        store.finish(1, RunRecord("feasible", objective=1))
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(UsageError, match="the disk is full; finished runs are kept"):
            store.finish(2, RunRecord("feasible", plan=bytes(10**6)))
    assert [number for number, _ in finished(path)] == [1]


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with new_store(tmp_path / "r.sqlite", 1) as store:
        store._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(UsageError, match="make the file and its folder writable"):
            store.finish(1, RunRecord("feasible"))
    with pytest.raises(UsageError, match="is its folder there, and writable"):
        Store(tmp_path / "nowhere" / "r.sqlite")
    with pytest.raises(UsageError, match="this file exists"):
        Store(tmp_path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such results file"):
        read_results(tmp_path / "r.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_a_sweep_killed_in_its_first_moment_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    path.touch()
    with new_store(path, 1) as store:
        store.finish(1, RunRecord("feasible"))
    assert len(finished(path)) == 1
