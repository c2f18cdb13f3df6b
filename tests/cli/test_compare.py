"""`edgeopt compare` with seeds, workers and a picture: what `edgeopt.compare` does in Python."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import edgeopt
from tests.cli.program import run

INSTANCES = Path(__file__).parents[2] / "instances"
TINY = INSTANCES / "loading" / "tiny.json"


@pytest.mark.slow
def test_seeds_are_compared_as_in_python(tmp_path: Path) -> None:
    table, picture, page = tmp_path / "t.csv", tmp_path / "p.svg", tmp_path / "r.html"
    files = [TINY, INSTANCES / "placement" / "tiny.json"]
    code, out, err = run(
        "compare",
        *files,
        "-m",
        "random,greedy",
        "--seeds",
        "0-1,4",
        "--csv",
        table,
        "--plot",
        picture,
        "--report",
        page,
    )
    assert code == 0
    expected = edgeopt.compare(files, ["random", "greedy"], seeds=[0, 1, 4], time_limit=60.0)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["instance"], int(row["seed"]), row["method"], int(row["objective"])) for row in rows] == [
        (record["instance"], record["seed"], record["method"], record["objective"]) for record in expected.records()
    ]
    assert out.splitlines()[-1].startswith("6 instances and seeds")
    assert sum(", bound " in line for line in err.splitlines()) == 12  # beside what it says of compiling
    assert "gap to the best found" in picture.read_text()
    assert page.stat().st_size > 10_000


@pytest.mark.slow
def test_workers_find_the_same(tmp_path: Path) -> None:
    arguments = ["compare", TINY, "-m", "random,dp", "--seeds", "0,1", "--json"]
    found = [run(*arguments, *more)[1] for more in ([], ["--workers", "2", "-q"])]
    here, apart = ([(case["seed"], case["optimum"], len(case["rows"])) for case in json.loads(text)] for text in found)
    assert here == apart == [(0, 7, 2), (1, 7, 2)]


def test_one_comparison_is_drawn_with_its_bounds(tmp_path: Path) -> None:
    picture = tmp_path / "p.svg"
    code, out, _ = run("compare", TINY, "-m", "dp,greedy", "--plot", picture, "-q")
    assert code == 0
    assert "optimum: 7 users" in out
    assert "optimum" in picture.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0,x"], "whole numbers such as 0,1,2 or 0-4, not '0,x'"),
        (["--seeds", "4-1"], "whole numbers such as 0,1,2 or 0-4, not '4-1'"),
        (["--seeds", ""], "whole numbers"),
        (["--seeds", "0-99999999999"], "at most 10000"),
        (["--workers", "0"], "--workers must be at least 1"),
        (["--plot", "p.xyz"], "should end in one of"),
        (["--plot", "no/p.png"], "does not exist"),
    ],
)
def test_wrong_arguments_are_found_before_the_first_run(arguments: list[str], message: str) -> None:
    code, out, err = run("compare", TINY, "-m", "dp", *arguments)
    assert code == 2
    assert message in err
    assert out == ""
