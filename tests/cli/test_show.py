"""`edgeopt show`, and the plan that `solve` shows on a terminal."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

import edgeopt
from edgeopt.cli.plan_text import plan_text
from edgeopt.cli.solve import _shown
from tests.cli.program import run

TINY = Path(__file__).parents[2] / "instances" / "loading" / "tiny.json"


@pytest.fixture
def solved(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.solution.json"
    code, _, _ = run("solve", TINY, "-m", "greedy-append", "-o", file, "-q")
    assert code == 0
    return file


def test_shows_who_is_served_and_why_others_are_not(solved: Path, tmp_path: Path) -> None:
    code, out, _ = run("show", solved, "--csv", tmp_path / "plan.csv")
    instance, frame = edgeopt.read(TINY), edgeopt.Solution.read(solved).of(edgeopt.read(TINY)).to_frame()
    assert code == 0
    served, missed = out.split("not served: ")
    assert all(user in served for user in frame.loc[frame["served"], "user"])
    for row in frame[~frame["served"]].itertuples():
        assert row.user in missed
        assert row.reason in missed
    with open(tmp_path / "plan.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["user"] for row in rows} == set(instance.users)
    assert [row["served"] for row in rows] == [str(value) for value in frame["served"]]


def test_long_tables_are_cut_and_say_so(solved: Path) -> None:
    frame = edgeopt.Solution.read(solved).of(edgeopt.read(TINY)).to_frame()
    text = plan_text(frame, 2, "edgeopt show x --all")
    assert f"... and {int(frame['served'].sum()) - 2} more; all: edgeopt show x --all" in text
    assert "more" not in plan_text(frame, None)


def test_says_who_keeps_an_instance_from_having_a_plan(tmp_path: Path) -> None:
    data = edgeopt.read(TINY.parents[1] / "pulling" / "tiny.json").to_dict()
    name = next(iter(data["requests"]))
    del data["requests"][name]["task"], data["requests"][name]["min_accuracy"]
    model = next(iter(data["library"]["models"]))
    data["requests"][name] = {**data["requests"][name], "models": [model], "node": "far"}
    data["links"].append({"between": ["far", "farther"], "bandwidth_bps": 1e6, "latency_s": 0.0})
    edgeopt.instance_from_dict(data).write(tmp_path / "far.json")
    code, _, _ = run("solve", tmp_path / "far.json", "-m", "greedy", "-o", tmp_path / "far.sol.json", "-q")
    assert code == 3
    code, out, _ = run("show", tmp_path / "far.sol.json")
    assert code == 0
    assert "not served" in out
    assert f"{name} " in out
    assert "reaches neither the cloud nor a cloudlet" in out
    frame = edgeopt.Solution.read(tmp_path / "far.sol.json").of(edgeopt.read(tmp_path / "far.json")).to_frame()
    assert list(frame.index) == [name]


def test_a_solution_of_another_instance_is_refused(solved: Path, tmp_path: Path) -> None:
    edgeopt.read(TINY).replace(bandwidth_hz=1.0).write(tmp_path / "other.json")
    code, _, err = run("show", solved, "--instance", tmp_path / "other.json")
    assert code == 2
    assert "other content" in err
    data = json.loads(solved.read_text())
    del data["instance_path"]
    solved.write_text(json.dumps(data))
    code, _, err = run("show", solved)
    assert code == 2
    assert "name it with --instance" in err


def test_solve_shows_the_plan_on_a_terminal_only(solved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solution = edgeopt.Solution.read(solved).of(edgeopt.read(TINY))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert "served" not in _shown(solution, None).split()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "served" in _shown(solution, None).split()


def test_lists_are_read_as_names() -> None:
    frame = pd.DataFrame({"block": ["b"], "cached_at": ['["n1", "n2"]'], "served": [True], "reason": [""]})
    assert plan_text(frame, None).splitlines()[-1].split() == ["b", "n1", "n2"]
