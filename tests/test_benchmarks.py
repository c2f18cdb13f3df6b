"""What the benchmarks measure with."""

from __future__ import annotations

import argparse
import json
import os
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks import measure
from benchmarks.loading.sharing import unshared
from benchmarks.loading.streams_picture import PICTURE, drawn_rows
from benchmarks.side_by_side import page
from benchmarks.side_by_side.tools import TOOLS, answer
from edgeopt import check, read, solve
from edgeopt.instance import Instance
from edgeopt.libraries.generator import generate_library
from edgeopt.solution import Solution
from tests.plans import two_models

TINY = Path(__file__).parent.parent / "instances" / "loading" / "tiny.json"


@pytest.mark.slow
def test_solved_times_the_method_alone() -> None:
    run = measure.solved(two_models(), "modular-dp", threads=1)
    assert (run.failure, str(run.result.status)) == ("", "optimal")
    assert run.wall_s == run.result.runtime_s
    assert "no such method" in measure.solved(two_models(), "no such method").failure


def test_fresh_runs_elsewhere_and_measures() -> None:
    run = measure.fresh(os.getpid)
    assert run.result not in (None, os.getpid())
    assert run.cpu_s >= 0
    assert run.wall_s >= 0
    assert 10**6 < run.peak_bytes < 10**9


def look(monkeypatch: pytest.MonkeyPatch, machine_s: float, *arguments: str) -> argparse.Namespace:
    """Start a benchmark while the machine has used so many CPU seconds in a second, half of one by the benchmark."""
    clocks = iter([measure.Clock(100.0, 5.0, 10.0), measure.Clock(100.0 + machine_s, 5.5, 11.0)])
    monkeypatch.setattr(measure.Clock, "now", staticmethod(lambda: next(clocks)))
    monkeypatch.setattr(measure, "LOOK_S", 0.0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(measure, "_busy_at_start", "")
    monkeypatch.setattr(sys, "argv", ["exact", *arguments])
    return measure.arguments_on_a_quiet_machine(argparse.ArgumentParser())


def test_a_busy_machine_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        look(monkeypatch, 3.5)
    assert end.value.code == 2
    assert "other processes keep 3.0 of 2 cores busy" in capsys.readouterr().err


def test_a_busy_machine_is_told_and_a_quiet_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(monkeypatch, 3.5, "--on-a-busy-machine").on_a_busy_machine
    assert "3.0 of 2 cores" in measure._busy_at_start
    look(monkeypatch, 0.7)
    assert measure._busy_at_start == ""


@pytest.mark.slow
def test_failures_are_told() -> None:
    assert "FileNotFoundError" in measure.fresh(os.listdir, "no such folder").failure
    assert "code 7" in measure.fresh(os._exit, 7).failure


def test_solved_gives_the_certified_solution() -> None:
    run = measure.solved(read(TINY), "dp")
    assert (run.result.objective, run.result.status, run.failure) == (7, "optimal", "")
    refused = measure.solved(read(TINY.with_name("tiny-crossing.json")), "dp")
    assert refused.result is None
    assert refused.failure.startswith("MethodRefusal")


def test_table() -> None:
    assert measure.table(["a", "b"], [[1, None], [0.12345, float("nan")], [12345.6, "x"]]).splitlines() == [
        "| a | b |",
        "| --- | --- |",
        "| 1 | - |",
        "| 0.123 | - |",
        "| 12346 | x |",
    ]


@pytest.mark.parametrize("degree", [0.0, 0.5, 1.0])
def test_unshared_models_keep_their_sizes(degree: float) -> None:
    library = generate_library("grid", 16, seed=1)
    changed = unshared(library, degree, seed=2)
    assert [changed.size_bytes(model) for model in changed.models] == [library.size_bytes(m) for m in library.models]
    summary = changed.summary()
    if degree in (0.0, 1.0):
        assert summary.unique_bytes == (summary.total_bytes if degree == 0 else library.summary().unique_bytes)
    else:
        assert library.summary().unique_bytes < summary.unique_bytes < summary.total_bytes


# Small instances whose limits bind: arguments of the generators.
SMALL: dict[str, dict[str, Any]] = {
    "loading": {"models": 4, "users": 12},
    "pulling": {"models": 6, "cloudlets": 3, "requests": 8, "compute": "limited"},
    "caching": {"models": 5, "nodes": 3, "users": 4, "scenarios": 2},
    "placement": {"models": 8, "nodes": 3, "users": 10},
}


@cache
def small(problem: str, seed: int) -> tuple[Instance, Solution]:
    instance = import_module(f"edgeopt.{problem}.generator").generate(seed=seed, **SMALL[problem])
    return instance, solve(instance, "exact", threads=1)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("problem", SMALL)
def test_textbooks_agree_with_exact(problem: str, tool: str) -> None:
    pytest.importorskip(TOOLS[tool][0])
    textbook = import_module(f"benchmarks.side_by_side.{problem}")
    for seed in range(2):
        instance, optimum = small(problem, seed)
        got = answer(textbook, tool, instance, limit_s=60.0, threads=1)
        assert got.values is not None
        report = check(instance, textbook.read_plan(textbook.prepare(instance), got.values))
        assert (got.status, report.violations) == ("optimal", [])
        assert got.bound == pytest.approx(report.objective, rel=1e-6)
        if problem == "caching":  # its textbook knows a table of rates only; 'exact' has better beams
            assert optimum.bound <= optimum.objective <= report.objective * (1 + 1e-9)
            assert report.objective == pytest.approx(optimum.objective, rel=0.02)
        else:
            assert optimum.status == "optimal"
            assert report.objective == pytest.approx(optimum.objective, rel=1e-6)


def test_pages_state_failures() -> None:
    absent = page.tool_row("linopy", measure.Run(None, failure="ModuleNotFoundError: No module named 'linopy'"))
    assert len(absent) == len(page.HEADER)
    assert absent[-1] == "not installed"
    assert page.tool_row("SCIP", measure.Run(None, failure="MemoryError: "))[-1] == "MemoryError: "


def test_pages_state_what_the_checker_says() -> None:
    found = page.answered("benchmarks.side_by_side.loading", "CP-SAT", read(TINY), 10.0)
    assert (found["objective"], found["bound"], found["status"]) == (7, 7, "optimal")


def test_the_picture_of_the_readme_shows_the_rows_of_its_page() -> None:
    with Image.open(PICTURE) as picture:
        shown = json.loads(picture.info["Description"])
    assert shown == json.loads(json.dumps(drawn_rows()))
