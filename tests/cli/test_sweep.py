"""The verbs `sweep` and `results`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.cli.program import run
from tests.experiments.suites import suite

DONE = "time, to proof: shifted geometric means"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEOPT_TEST_FOLDER", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_sweep_then_results(folder: Path) -> None:
    path = suite(folder, ["dp", "quick"])
    code, out, err = run("sweep", path, "--workers", 1)
    assert code == 0, err
    assert out.splitlines()[0] == "loading"
    assert [line.split()[:5] for line in out.splitlines()[2:4]] == [
        ["dp", "30", "s", "1", "1"],
        ["quick", "30", "s", "1", "0"],
    ]
    lines = err.splitlines()
    assert lines[0] == "0 of 2 runs are made"
    assert lines[1].startswith("1 of 2: i0, dp, seed 0: 3, bound 3,")
    assert "about" in lines[1]
    assert (folder / "suite.sqlite").is_file()

    code, out, err = run("results", "suite.sqlite", "-o", "t.csv", "--profile", "p.svg", "--check")
    assert code == 0, err
    assert "2 plans checked: all are feasible and worth what is stated" in out
    assert "<svg" in (folder / "p.svg").read_text()
    table = pd.read_csv(folder / "t.csv").set_index("method")
    assert table["gap_to_optimum"].to_dict() == {"dp": 0.0, "quick": 1.0}
    assert table.loc["dp", "primal_integral_s"] < table.loc["quick", "primal_integral_s"] == 30

    code, _, err = run("results", "suite.sqlite", "--problem", "placement")
    assert code == 2
    assert "there are no such runs" in err

    code, _, err = run("sweep", path)
    assert code == 2
    assert "this file exists; continue it with --resume" in err
    code, _, err = run("sweep", path, "--resume")
    assert code == 0
    assert "2 of 2 runs are made" in err


def test_a_failed_run_is_a_failure_of_the_sweep(folder: Path) -> None:
    code, out, err = run("sweep", suite(folder, ["exits"]), "-o", "r.sqlite")
    assert code == 4
    assert "exit code 3" in err
    assert "Traceback" not in err + out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sweep", "no.toml"], "no.toml: there is no such file"),
        (["sweep", "suite.toml", "-o", "nowhere/r.sqlite"], "does not exist; make it first"),
        (["sweep", "suite.toml", "--workers", "0"], "workers must be at least 1"),
        (["sweep", "suite.toml", "--workers", "2", "--scheduler", "tcp://127.0.0.1:9"], "workers are counted"),
        (["results", "no.sqlite"], "there is no such results file"),
        (["results", "suite.toml"], "not a results file"),
        (["results", "suite.toml", "-o", "t.txt"], "should end in one of .csv, .parquet"),
        (["results", "suite.toml", "--profile", "p.txt"], "should end in one of"),
    ],
)
def test_what_cannot_be_meant(folder: Path, arguments: list[str], said: str) -> None:
    suite(folder, ["quick"])
    code, _, err = run(*arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err
    assert not list(folder.glob("*.sqlite*"))


def test_a_wrong_suite_leaves_no_file(folder: Path) -> None:
    assert run("sweep", suite(folder, ["no-such-method"]))[0] == 2
    assert not list(folder.glob("*.sqlite*"))
