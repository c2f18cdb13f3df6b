"""Sweeps on a real Dask scheduler with two worker processes on the loopback interface."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgeopt.errors import UsageError
from edgeopt.experiments import read_results, sweep
from edgeopt.experiments.store import RunRecord
from edgeopt.experiments.workers import DaskPool
from tests.cli.program import start
from tests.experiments.suites import executions, finished, suite, wait_until

pytest.importorskip("distributed")


@dataclass
class Cluster:
    """A running cluster; its workers see the folder."""

    address: str
    folder: Path
    scheduler: subprocess.Popen[bytes]


@pytest.fixture
def cluster(folder: Path) -> Iterator[Cluster]:
    file, dask = folder / "scheduler.json", (sys.executable, "-m", "dask")
    local = ("--scheduler-file", str(file), "--no-dashboard")
    scheduler = (*dask, "scheduler", *local, "--host", "127.0.0.1", "--port", "0")
    worker = (*dask, "worker", *local, "--nworkers", "2", "--nthreads", "1", "--local-directory", str(folder / "dask"))
    with open(folder / "cluster.log", "wb") as log:
        processes = [
            subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True) for command in (scheduler, worker)
        ]
    try:
        wait_until(lambda: file.exists() and file.stat().st_size > 0)
        yield Cluster(json.loads(file.read_text())["address"], folder, processes[0])
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.slow
def test_death_of_a_worker_and_of_the_driver(cluster: Cluster) -> None:
    folder, results = cluster.folder, cluster.folder / "r.sqlite"
    path = suite(folder, ["kills-parent", "exits", "quick"], seeds=[0, 1])
    driver = start("sweep", path, "-o", results, "--scheduler", cluster.address, "--quiet")
    wait_until(lambda: len(finished(results)) >= 3, driver)
    driver.kill()
    driver.wait()
    kept = finished(results)
    sweep(path, results, resume=True, scheduler=cluster.address)
    assert set(kept) <= set(finished(results))
    frame = read_results(results)
    assert dict(frame.groupby("method")["status"].unique().explode()) == {
        "kills-parent": "feasible",
        "exits": "failed",
        "quick": "feasible",
    }
    assert len(frame) == 6
    # The worker that died had one run, and the driver that died lost those that were on the cluster.
    runs = executions(folder)
    assert runs["i0 kills-parent 1"] >= 2
    assert all(runs[f"i0 {method} {seed}"] >= 1 for method in ("kills-parent", "exits", "quick") for seed in range(2))
    assert set(frame["machine"]) == {frame["machine"].iloc[0]}


@pytest.mark.slow
def test_death_of_the_scheduler_is_told(cluster: Cluster) -> None:
    folder, results = cluster.folder, cluster.folder / "r.sqlite"
    path = suite(folder, ["quick", "sleeps"], time_limit_s=500)
    driver = start("sweep", path, "-o", results, "--scheduler", cluster.address, "--quiet")
    wait_until(lambda: len(finished(results)) == 1 and (folder / "sleeper").exists(), driver)
    os.killpg(cluster.scheduler.pid, signal.SIGKILL)
    _, err = driver.communicate(timeout=120)
    assert driver.returncode == 2
    assert "scheduler" in err
    assert "Traceback" not in err, err
    assert [status for _, status in finished(results)] == ["feasible"]


def test_a_scheduler_that_does_not_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeopt.experiments.workers.CONNECT_S", 0.5)
    with pytest.raises(UsageError, match="no Dask scheduler answers"):
        sweep(suite(folder, ["quick"]), folder / "r.sqlite", scheduler="tcp://127.0.0.1:9")


def test_an_address_that_is_none(folder: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        sweep(suite(folder, ["quick"]), folder / "r.sqlite", scheduler="nowhere://x")


def test_a_run_whose_worker_died_each_time_is_a_failed_row() -> None:
    from distributed.scheduler import KilledWorker

    future: Future[RunRecord] = Future()
    future.set_exception(KilledWorker("run", None, 3))
    pool = DaskPool.__new__(DaskPool)  # not connected: it only judges what the cluster said
    assert pool.outcome(future).status == "failed"
