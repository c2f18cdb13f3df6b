"""`edgeopt solve` and `edgeopt check`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import edgeopt
from edgeopt import Solution
from tests.cli.program import run, start
from tests.plans import two_models

SLOW = """
import sys, time, edgeopt
from edgeopt.run import Outcome

def plan(instance):
    user, facts = next(iter(instance.users.items()))
    return {"batches": [{"model": facts.model, "users": [user]}], "bandwidth_hz": {user: instance.bandwidth_hz}}

@edgeopt.method("loading", "patient", kind="heuristic", guarantee="none")
def patient(instance, run):
    run.report(1, 3)
    print("running", file=sys.stderr, flush=True)
    while run.stop_reason() is None:
        time.sleep(0.01)
    return Outcome(plan(instance), bound=3, stopped=run.stop_reason())

@edgeopt.method("loading", "deaf", kind="heuristic", guarantee="none")
def deaf(instance, run):
    run.report(1, 3)
    print("running", file=sys.stderr, flush=True)
    while not run.interrupt.is_set():
        time.sleep(0.01)
    print("heard", file=sys.stderr, flush=True)
    while True:
        time.sleep(0.01)

@edgeopt.method("loading", "stuck", kind="heuristic", guarantee="none")
def stuck(instance, run):
    while run.stop_reason() is None:
        time.sleep(0.01)
    return Outcome(stopped=run.stop_reason())

@edgeopt.method("loading", "wrong", kind="heuristic", guarantee="none")
def wrong(instance, run):
    return Outcome({"batches": [{"model": "a", "users": ["cem"]}], "bandwidth_hz": {}})

@edgeopt.method("loading", "impossible", kind="exact", guarantee="none")
def impossible(instance, run):
    return Outcome(infeasible=True)
"""


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    path = tmp_path / "two.json"
    two_models().write(path)
    return path


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stderr is not None
    for said in process.stderr:
        if said.strip() == line:
            return
    pytest.fail(f"the program ended without saying {line!r}")


def test_solves_and_says_what_it_found(instance: Path) -> None:
    code, out, err = run("solve", instance, "-m", "modular-dp")
    assert (code, err) == (0, "")
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert facts["objective"] == "3 users"
    assert facts["status"] == "optimal (proved)"


def test_json_is_the_solution_and_nothing_else(instance: Path) -> None:
    code, out, err = run("solve", instance, "-m", "modular-dp", "--json", "--seed", 5, "--threads", 1)
    assert (code, err) == (0, "")
    solution = Solution.from_dict(json.loads(out))
    assert (solution.objective, solution.seed, solution.threads) == (3, 5, 1)
    assert edgeopt.check(two_models(), solution).feasible


def test_json_of_several_files_is_a_list_in_their_order(instance: Path, tmp_path: Path) -> None:
    refused = Path(__file__).parents[2] / "instances" / "loading" / "random-8x50-individual.json"
    code, out, err = run("solve", instance, refused, instance, "--json", "-m", "modular-dp")
    assert code == 2
    assert [solution and solution["objective"] for solution in json.loads(out)] == [3, None, 3]
    assert "'modular-dp' does not apply" in err


def test_solution_file_knows_its_instance_and_passes_the_check(instance: Path, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    target = tmp_path / "results" / "s.json"
    code, _, err = run("solve", instance, "-m", "modular-dp", "-o", target)
    assert code == 0
    assert f"written to {target}" in err
    assert Solution.read(target).instance_path == "../two.json"
    code, out, _ = run("check", instance, target)
    assert code == 0
    assert "feasible: 3 users, bound 3" in out


def test_check_lists_every_violation_with_its_amount(instance: Path, tmp_path: Path) -> None:
    target = tmp_path / "s.json"
    run("solve", instance, "-m", "modular-dp", "-o", target)
    data = json.loads(target.read_text())
    data["plan"]["bandwidth_hz"] = dict.fromkeys(data["plan"]["bandwidth_hz"], 1e-3)
    data |= {"bound": 2, "gap": 1 / 3}
    target.write_text(json.dumps(data))
    code, out, _ = run("check", instance, target)
    assert code == 4
    assert "violated: deadline, batch 0, user" in out
    assert "violated: stated bound, the bound 2 crosses the objective 3: by 1 users" in out
    assert " s\n" in out


def test_several_solutions_go_into_a_folder(instance: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    two_models().write(other)
    folder = tmp_path / "out"
    code, _, err = run("solve", instance, other, "-m", "modular-dp", "-o", folder)
    assert code == 2
    assert "must be a folder that exists" in err
    folder.mkdir()
    assert run("solve", instance, other, "-m", "modular-dp", "-o", folder)[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == ["other.solution.json", "two.solution.json"]
    (tmp_path / "sub").mkdir()
    two_models().write(tmp_path / "sub" / "two.json")
    code, _, err = run("solve", instance, tmp_path / "sub" / "two.json", "-o", folder)
    assert code == 2
    assert "the same name" in err


def test_a_solution_that_cannot_be_written_is_printed(
    instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "s.json"
    target.write_text("old")

    def disk_full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    code, out, err = run("solve", instance, "-m", "modular-dp", "-o", target)
    assert code == 2
    assert "No space left on device; the solution is printed instead" in err
    assert json.loads(out.splitlines()[0])["objective"] == 3
    assert target.read_text() == "old"
    code, out, err = run("solve", instance, "-m", "modular-dp", "-o", target, "--json")
    assert code == 2
    assert json.loads(out)["objective"] == 3


def test_starts_from_a_solution_file(instance: Path, tmp_path: Path) -> None:
    target = tmp_path / "s.json"
    run("solve", instance, "-m", "modular-dp", "-o", target)
    code, out, _ = run("solve", instance, "-m", "local-search", "--iteration-limit", 5, "--start", target, "--json")
    assert code == 0
    assert json.loads(out)["objective"] == 3


def test_exit_codes(instance: Path) -> None:
    exec(SLOW, {"__name__": "__main__"})
    assert run("solve", instance, "-m", "stuck", "--time-limit", "0.1")[0] == 1
    assert run("solve", instance, "-m", "impossible")[0] == 3
    assert run("solve", instance, "-m", "wrong")[0] == 4


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupt_gives_the_best_so_far_and_writes_it(instance: Path, tmp_path: Path, number: int) -> None:
    target = tmp_path / "s.json"
    process = start("solve", instance, "-m", "patient", "--json", "-o", target, preamble=SLOW)
    wait_for(process, "running")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    solution = Solution.from_dict(json.loads(out))
    assert (solution.objective, solution.bound, solution.stopped) == (1, 3, "interrupted")
    assert Solution.read(target).plan == solution.plan
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_second_interrupt_ends_a_method_that_does_not_listen(instance: Path, tmp_path: Path) -> None:
    process = start("solve", instance, "-m", "deaf", "-o", tmp_path / "s.json", preamble=SLOW)
    wait_for(process, "running")
    process.send_signal(signal.SIGINT)
    wait_for(process, "heard")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert "Traceback" not in err
    assert "'deaf' was ended before it gave back a plan; the best objective so far, 1, is lost" in err
    assert not (tmp_path / "s.json").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_an_interrupt_ends_several_files_and_tells_the_rest(instance: Path) -> None:
    process = start("solve", instance, instance, instance, "-m", "patient", "--json", preamble=SLOW)
    wait_for(process, "running")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert [each["stopped"] for each in json.loads(out)] == ["interrupted"]
    assert "2 files are not solved" in err


INTERRUPT_CP_SAT = """
import os, signal, threading, time

def interrupt():
    while all(thread.name != "solver" for thread in threading.enumerate()):
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_an_interrupt_while_cp_sat_runs_ends_it_and_not_the_program() -> None:
    large = Path(__file__).parents[2] / "instances" / "loading" / "resnet-detection-60x600.json"
    process = start("solve", large, "-m", "cpsat", "--time-limit", 60, "--json", preamble=INTERRUPT_CP_SAT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["stopped"] == "interrupted"


def test_output_that_nobody_reads_gives_no_traceback(instance: Path) -> None:
    process = start("solve", instance, "-m", "patient", "--json", "--time-limit", "0.2", preamble=SLOW)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read().strip() == "running"
    assert process.wait(timeout=60) == 1


def test_the_start_imports_no_solver_and_no_pandas() -> None:
    heavy = ["pyomo", "highspy", "ortools", "pandas", "matplotlib", "numba", "networkx"]
    check = (
        f"import sys, edgeopt.cli, edgeopt.loading.methods; print([name for name in {heavy} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_progress_is_quiet_when_no_terminal_looks_on(instance: Path) -> None:
    exec(SLOW, {"__name__": "__main__"})
    code, _, err = run("solve", instance, "-m", "patient", "--time-limit", "0.1")
    assert (code, err.strip()) == (0, "running")
