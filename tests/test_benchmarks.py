"""What the benchmarks measure with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import measure
from benchmarks.loading.sharing import unshared
from edgeopt import read
from edgeopt.library_generator import generate_library

TINY = Path(__file__).parent.parent / "instances" / "loading" / "tiny.json"


def test_fresh_runs_elsewhere_and_measures() -> None:
    run = measure.fresh(os.getpid)
    assert run.result not in (None, os.getpid())
    assert run.cpu_s >= 0
    assert run.wall_s >= 0
    assert 10**6 < run.peak_bytes < 10**9


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
