"""The clock of a run counts the method alone: no import, no compiling, no loading of kernels."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from numba.core import caching

from edgeopt import clock, kernels, rehearsal, solve
from edgeopt.clock import Clock, uncounted
from edgeopt.instance import Instance
from edgeopt.loading import specimens
from edgeopt.method import as_method, find_method
from edgeopt.problems import PROBLEMS
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped
from tests.plans import two_models

ROOT = Path(__file__).parents[1]

COLD = """
import sys
import edgeopt
from edgeopt import clock
instance = edgeopt.read(sys.argv[1])
for run in range(2):
    solution = edgeopt.solve(instance, sys.argv[2], threads=1, iteration_limit=10)
    print(clock.compiled, solution.runtime_s, solution.setup_s, solution.status)
"""


def with_cache(folder: Path) -> dict[str, str]:
    """Environment of a process that keeps its kernels there."""
    return {**os.environ, "NUMBA_CACHE_DIR": str(folder)}


def cold(folder: Path, method: str = "greedy-append") -> tuple[list[list[str]], str]:
    """Solve a tiny instance twice in a new process with this cache of kernels: what it prints, and its errors."""
    command = [sys.executable, "-c", COLD, str(ROOT / "instances" / "loading" / "tiny.json"), method]
    done = subprocess.run(
        command,
        env=with_cache(folder),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()], done.stderr


def test_pauses_do_not_count_however_nested() -> None:
    began, watch = time.monotonic(), Clock()
    with uncounted(), uncounted():
        paused = time.monotonic()
        while time.monotonic() < paused + 0.02:
            pass
    assert watch.paused_s() >= 0.02
    assert watch.elapsed_s() <= time.monotonic() - began - 0.02


def test_pauses_of_several_threads_count_once() -> None:
    watch, gate = Clock(), threading.Barrier(2)

    def work() -> None:
        with uncounted():
            gate.wait()
            time.sleep(0.02)
            gate.wait()

    began = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.02 <= watch.paused_s() <= time.monotonic() - began
    assert watch.elapsed_s() >= 0


@pytest.mark.slow
def test_compiling_is_set_up_and_is_told_once(tmp_path: Path) -> None:
    first, err = cold(tmp_path)
    (compiled, runtime_s, setup_s, _), (later, *_) = first
    assert int(compiled) > 0
    assert later == compiled  # nothing more in the second run
    assert float(runtime_s) < float(setup_s)
    assert err.splitlines() == ["compiling loading greedy-append, once ..."]
    assert cold(tmp_path)[0][0][0] == "0"  # the next process loads them
    for path in tmp_path.rglob("*.nb?"):
        path.write_bytes(path.read_bytes()[:20] if path.suffix == ".nbi" else b"")
    damaged, _ = cold(tmp_path)
    assert damaged[0][0] == compiled  # damaged files are as none
    assert damaged[0][3] == first[0][3]
    assert cold(tmp_path)[0][0][0] == "0"  # and have been replaced


def test_kernels_compile_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_folder(cache: object, function: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(caching.FunctionCache, "__init__", no_folder)
    before = clock.compiled
    assert kernels.kernel(one_more)(1) == 2
    assert clock.compiled == before + 1


def test_code_that_cannot_be_kept_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)
    assert kernels.kernel(two_more)(1) == 3


def one_more(x: int) -> int:
    return x + 1


def two_more(x: int) -> int:
    return x + 2


def test_a_specimen_that_the_method_refuses_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crossing blocks stand in the specimen of this kind, which `dp` does not take."""
    kinds = []
    draw = specimens.specimen
    monkeypatch.setattr(rehearsal, "_done", set())
    monkeypatch.setattr(specimens, "specimen", lambda kind: kinds.append(kind) or draw(kind))
    for _ in range(2):
        assert solve(two_models(), "dp").objective == 3
    assert len(kinds) == 1
    assert find_method("loading", "dp").refusal(draw(kinds[0])) is not None


def test_a_rehearsal_ends_by_its_own_work_not_by_that_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons: list[Stopped | None] = []

    def watched(instance: Instance, run: Run) -> Outcome:
        step = run.part(1)
        time.sleep(0.03)  # the machine does something else
        reasons.extend((run.stop_reason(), step.stop_reason()))
        while step.stop_reason() is None:
            pass
        reasons.append(run.stop_reason())
        return Outcome()

    monkeypatch.setattr(rehearsal, "_done", set())
    monkeypatch.setattr(rehearsal, "LIMIT_S", 0.03)
    rehearsal.rehearse_kind(as_method("loading", watched), specimens.KINDS[0])
    assert reasons == [None, None, Stopped.TIME_LIMIT]


def test_solutions_tell_the_set_up_apart() -> None:
    solution = solve(two_models(), "modular-dp")
    assert solution.setup_s > 0
    assert "set-up" in solution.facts()["time"]


def warm_up(problem: str, environment: dict[str, str]) -> str:
    """Run `edgeopt warmup` in a new process: what it says."""
    command = [sys.executable, "-c", "from edgeopt.cli import main; main()", "warmup", problem]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=600).stdout


NOTHING_LEFT = "everything was compiled already\n"


@pytest.mark.slow
@pytest.mark.parametrize("problem", PROBLEMS)
def test_warm_up_leaves_nothing_to_compile(problem: str) -> None:
    """The cache is that of all tests, so that most is compiled."""
    assert NOTHING_LEFT in (warm_up(problem, dict(os.environ)) for _ in range(2))


@pytest.mark.slow
def test_warm_up_tells_what_it_compiles(tmp_path: Path) -> None:
    assert warm_up("residency", with_cache(tmp_path)).endswith(" kernels compiled\n")
    assert warm_up("residency", with_cache(tmp_path)) == NOTHING_LEFT


@pytest.mark.slow
@pytest.mark.parametrize(
    "instance", ["loading/tiny-individual", "loading/grid-10x40-overlapped", "placement/tiny", "pulling/tiny"]
)
def test_a_limit_of_5_seconds_is_enough_with_cold_kernels(instance: str, tmp_path: Path) -> None:
    program = "import sys, edgeopt; print(edgeopt.solve(sys.argv[1], time_limit=5).status)"
    command = [sys.executable, "-c", program, str(ROOT / "instances" / f"{instance}.json")]
    done = subprocess.run(command, env=with_cache(tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout == "optimal\n", done.stderr
