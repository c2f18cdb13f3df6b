"""Sweeps on this machine, with methods that do all that methods can do wrong, and real kills."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import edgeopt
from edgeopt.errors import UsageError
from edgeopt.experiments import check_results, read_history, read_results, read_solution, sweep
from edgeopt.experiments.plugins import Plugin
from edgeopt.experiments.running import Task, run_task
from edgeopt.experiments.store import packed
from tests.cli.program import start
from tests.experiments.suites import OWN_METHODS, executions, finished, suite, wait_until
from tests.plans import two_models

FAULTS = {
    "exits": "exit code 3",
    "segfaults": "SIGSEGV",
    "raises": "ZeroDivisionError: as planned (own_methods.py, line",
    "leaves": "SystemExit: 5",
    "lies": "fails the check",
}


def alive(process: int) -> bool:
    """Whether a process runs; one that is dead and only waits to be noticed does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_each_fault_costs_its_own_row(folder: Path) -> None:
    names = ["quick", *FAULTS, "refuses", "prints"]
    results = sweep(suite(folder, names, instances=1), folder / "r.sqlite", workers=2)
    frame = read_results(results).set_index("method")
    assert list(frame.index) == names
    for name, words in FAULTS.items():
        assert frame.loc[name, "status"] == "failed"
        assert words in frame.loc[name, "error"]
        assert frame.loc[name].isna()[["objective", "bound", "gap"]].all()
    assert "Fatal Python error: Segmentation fault" in frame.loc["segfaults", "error"]
    assert frame.loc["refuses", "status"] == "refused"
    assert "'quick' works" in frame.loc["refuses", "error"]
    assert list(frame.loc[["quick", "prints"], "status"]) == ["feasible", "feasible"]
    assert (frame["wall_s"] >= 0).all()
    assert executions(folder) == {f"i0 {name} 0": 1 for name in names if name != "refuses"}


def test_a_row_tells_all_about_its_run(folder: Path) -> None:
    results = sweep(suite(folder, ["quick"], seeds=[7], threads=2), folder / "r.sqlite")
    (row,) = read_results(results).to_dict("records")
    instance = edgeopt.read(folder / "i0.json")
    assert row["instance_sha256"] == instance.sha256
    assert (row["seed"], row["threads"], row["time_limit_s"]) == (7, 2, 30)
    assert (row["objective"], row["bound"], row["stopped"]) == (0, 5, "finished")
    assert json.loads(row["versions"])["edgeopt"] == edgeopt.__version__
    assert row["cpu_s"] >= 0
    assert sys.platform == "win32" or row["peak_bytes"] > 2**20
    assert "cores" in row["machine"]
    history = read_history(results)
    assert history[["objective", "bound"]].fillna(-1).to_numpy().tolist() == [[0, -1], [0, 9], [0, 5]]
    solution = read_solution(results, row["run"])
    assert edgeopt.check(instance, solution).feasible
    assert solution.history[-1][1:] == [0, 5]
    assert [report.violations for _, report in check_results(results)] == [[]]


@pytest.mark.slow
def test_a_run_that_ignores_its_limit_is_ended_where_it_hangs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeopt.experiments.running.KILL_S", 300)
    row = overdue(folder, "sleeps")
    assert 'own_methods.py", line' in row["error"]
    assert "in sleeps" in row["error"]


@pytest.mark.slow
def test_a_process_that_is_stopped_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeopt.experiments.running.KILL_S", 0.2)
    overdue(folder, "stops")


def test_what_auto_chooses_is_compiled_before_the_first_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsed = []
    monkeypatch.setattr("edgeopt.solving.rehearse", lambda method, instance: rehearsed.append(method.name))
    (row,) = read_results(sweep(suite(folder, ["auto"]), folder / "r.sqlite")).to_dict("records")
    assert rehearsed == [row["method_used"]]


@pytest.mark.slow
def test_a_set_up_that_hangs_is_ended_where_it_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeopt.experiments.running.SETUP_S", 0.5)
    monkeypatch.setattr("edgeopt.experiments.running.KILL_S", 300)
    hangs = Plugin("hangs", "hangs.py", "import time\nwhile True:\n    time.sleep(60)")
    record = run_task(Task(1, packed(two_models().to_dict()), "dp", 0, LIMITS, 60.0, (hangs,)))
    assert (record.status, record.stopped) == ("failed", "hard_limit")
    assert "it was not ready within 0.5 s and was ended" in (record.error or "")
    assert "most recent call first" in (record.error or "")


def overdue(folder: Path, name: str) -> dict[str, Any]:
    """Run a method that ignores its limit, and return its row."""
    path = suite(folder, [name], time_limit_s=0.5, grace_s=2)
    (row,) = read_results(sweep(path, folder / "r.sqlite")).to_dict("records")
    assert (row["status"], row["stopped"]) == ("failed", "hard_limit")
    assert "ignored its time limit of 0.5 s and was ended 2 s after it" in row["error"]
    return row


def test_time_limit_is_kept_by_those_who_ask(folder: Path) -> None:
    (row,) = read_results(sweep(suite(folder, ["waits"], time_limit_s=0.2), folder / "r.sqlite")).to_dict("records")
    assert (row["status"], row["stopped"]) == ("feasible", "time_limit")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_killed_process_costs_its_own_row(folder: Path) -> None:
    instance = two_models()
    task = Task(1, packed(instance.to_dict()), "dp", 0, LIMITS, 60.0)
    record = run_task(task, lambda process: os.kill(process.pid, signal.SIGKILL))
    assert record.status == "failed"
    assert "SIGKILL" in (record.error or "")


LIMITS = {"time_limit_s": 30.0, "iteration_limit": None, "gap_limit": 0.0, "threads": 1}


@pytest.mark.slow
def test_kill_of_the_driver_from_within_then_resume(folder: Path) -> None:
    path, results = suite(folder, ["kills-parent"], seeds=[0, 1, 2]), folder / "r.sqlite"
    driver = start("sweep", path, "-o", results, "--workers", 1)
    assert driver.wait(120) == -signal.SIGKILL
    assert [status for _, status in finished(results)] == ["feasible"]
    assert list(read_results(results)["status"]) == ["feasible", "pending", "pending"]
    with pytest.raises(UsageError, match="--resume"):
        sweep(path, results)
    sweep(path, results, resume=True)
    assert list(read_results(results)["status"]) == ["feasible"] * 3
    assert executions(folder) == {f"i0 kills-parent {seed}": 1 + (seed == 1) for seed in range(3)}


@pytest.mark.slow
def test_kill_of_the_driver_from_outside_again_and_again(folder: Path) -> None:
    path, results = suite(folder, ["quick"], instances=2, seeds=[0, 1, 2]), folder / "r.sqlite"
    kept: list[tuple[int, str]] = []
    for more in (1, 2):
        driver = start("sweep", path, "-o", results, "--resume", "--workers", 2, "--quiet")
        enough = len(kept) + more
        wait_until(lambda enough=enough: len(finished(results)) >= enough, driver)
        driver.kill()
        driver.wait()
        assert set(kept) <= set(finished(results))
        kept = finished(results)
    sweep(path, results, resume=True, workers=2)
    frame = read_results(results)
    assert len(frame) == 6
    assert (frame["status"] == "feasible").all()
    assert not frame.duplicated(["instance_sha256", "method", "seed", "options"]).any()
    assert sum(executions(folder).values()) <= 6 + 2 * 2  # two kills, at most two runs in flight each


@pytest.mark.slow
def test_the_runs_of_a_killed_driver_end_too(folder: Path) -> None:
    driver = start("sweep", suite(folder, ["sleeps"], time_limit_s=500), "-o", folder / "r.sqlite")
    sleeper = folder / "sleeper"
    wait_until(lambda: sleeper.exists() and sleeper.read_text() != "", driver)
    assert alive(int(sleeper.read_text()))
    driver.kill()
    driver.wait()
    wait_until(lambda: not alive(int(sleeper.read_text())))


@pytest.mark.slow
def test_interrupt_ends_the_runs_and_tells_how_to_go_on(folder: Path) -> None:
    path, results, sleeper = suite(folder, ["quick", "sleeps"]), folder / "r.sqlite", folder / "sleeper"
    driver = start("sweep", path, "-o", results, "--workers", 1)
    wait_until(lambda: sleeper.exists() and sleeper.read_text() != "", driver)
    driver.send_signal(signal.SIGINT)
    out, err = driver.communicate(timeout=120)
    assert driver.returncode == 1
    assert "--resume" in err
    assert "1 of 1" not in out
    assert not alive(int(sleeper.read_text()))
    assert list(read_results(results)["status"]) == ["feasible", "pending"]


def test_resume_repeats_nothing_and_takes_up_what_is_new(folder: Path) -> None:
    results = folder / "r.sqlite"
    sweep(suite(folder, ["quick"], seeds=[0]), results)
    sweep(suite(folder, ["quick"], seeds=[0, 1]), results, resume=True)
    assert executions(folder) == {"i0 quick 0": 1, "i0 quick 1": 1}
    sweep(suite(folder, ["quick"], seeds=[0], time_limit_s=31), results, resume=True)
    assert executions(folder)["i0 quick 0"] == 2  # another limit is another run
    assert len(read_results(results)) == 3


@pytest.mark.slow
def test_failed_runs_are_made_again_when_asked(folder: Path) -> None:
    path, results = suite(folder, ["fails-once", "exits"]), folder / "r.sqlite"
    sweep(path, results)
    sweep(path, results, resume=True)
    assert list(read_results(results)["status"]) == ["failed", "failed"]
    sweep(path, results, resume=True, retry_failed=True)
    assert list(read_results(results)["status"]) == ["feasible", "failed"]
    assert executions(folder) == {"i0 fails-once 0": 2, "i0 exits 0": 2}


@pytest.mark.slow
def test_another_plugin_content_is_another_run(folder: Path) -> None:
    own = folder / "mine.py"
    own.write_text(OWN_METHODS.read_text())
    path, results = suite(folder, ["quick"], plugins=["mine.py"]), folder / "r.sqlite"
    sweep(path, results)
    own.write_text(OWN_METHODS.read_text().replace("bound=5", "bound=4"))
    sweep(path, results, resume=True)
    assert list(read_results(results)["bound"]) == [5, 4]
