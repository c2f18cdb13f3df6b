"""What solve, compare and check accept, and what they say to the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import edgeopt
from edgeopt import InputError, UsageError
from edgeopt.experiments.suite import Suite
from edgeopt.placement.generator import generate as placement
from tests.cli.program import run
from tests.plans import two_models


@pytest.mark.parametrize("as_path", [str, Path])
def test_a_path_is_taken_wherever_an_instance_is(tmp_path: Path, as_path: Any) -> None:
    path = tmp_path / "two.json"
    two_models().write(path)
    solution = edgeopt.solve(as_path(path), "greedy")
    assert edgeopt.check(as_path(path), solution).feasible
    assert edgeopt.compare(as_path(path), ["greedy"]).best_objective == solution.objective
    assert "greedy" in edgeopt.fitting_methods(as_path(path))
    with pytest.raises(InputError, match="no such file"):
        edgeopt.solve(as_path(tmp_path / "other.json"))


@pytest.mark.parametrize("wrong", [None, 3, [], {"problem": "loading"}])
def test_what_is_no_instance_is_said_to_be_none(wrong: Any) -> None:
    for call in (edgeopt.solve, edgeopt.compare, edgeopt.fitting_methods, lambda given: edgeopt.check(given, {})):
        with pytest.raises(UsageError, match="an instance, or the path of its file, is needed, not a"):
            call(wrong)


def test_what_is_no_method_is_said_to_be_none() -> None:
    for wrong in (None, 3):
        with pytest.raises(UsageError, match=f"a method is a name or a function, not {wrong}"):
            edgeopt.solve(two_models(), wrong)  # type: ignore[arg-type]


def test_a_plan_is_a_start() -> None:
    instance = two_models()
    plan = dict(edgeopt.solve(instance, "exact").plan or {})
    for method in ("local-search", "exact", "cpsat"):
        assert edgeopt.solve(instance, method, start=plan).objective == edgeopt.check(instance, plan).objective
    with pytest.raises(InputError, match=r"solution\.json: there is no such file"):
        edgeopt.solve(instance, start="solution.json")
    with pytest.raises(UsageError, match="not feasible"):
        edgeopt.solve(instance, start={"batches": "none"})


def test_methods_are_a_list() -> None:
    with pytest.raises(UsageError, match=r"methods is a list of names: \['greedy'\]"):
        edgeopt.compare(two_models(), "greedy")


def test_a_gap_above_one_is_a_percentage() -> None:
    with pytest.raises(UsageError, match=r"gap must be at most 1, not 5: 5 % is 0\.05"):
        edgeopt.solve(two_models(), gap=5)
    suite: dict[str, Any] = {
        "format": "edgeopt-suite/1",
        "name": "s",
        "time_limit_s": 1.0,
        "gap_limit": 5.0,
        "instances": [{"files": ["a.json"]}],
        "methods": [{"problem": "loading", "names": ["greedy"]}],
    }
    with pytest.raises(InputError, match=r"\$\.gap_limit: gap should be at most 1 \(5 % is 0\.05\)"):
        Suite.from_dict(suite)


@pytest.mark.parametrize(
    ("arguments", "ending"),
    [
        (["compare", "two.json", "-m", "greedy", "--report", "x.pdf"], ".html"),
        (["compare", "two.json", "-m", "greedy", "--csv", "x.json"], ".csv"),
        (["solve", "two.json", "-m", "greedy", "-o", "solution.csv"], ".json"),
        (["plot", "two.json", "-o", "x.txt"], ".png"),
        (["report", "two.json", "-o", "x.pdf"], ".html"),
    ],
)
def test_endings_say_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], ending: str
) -> None:
    monkeypatch.chdir(tmp_path)
    two_models().write("two.json")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "should end in" in err
    assert ending in err
    assert [path.name for path in tmp_path.iterdir()] == ["two.json"]


def test_unknown_methods_of_any_instance_are_found_before_the_first_run(tmp_path: Path) -> None:
    two_models().write(tmp_path / "a.json")
    placement(nodes=2, models=2, users=2).write(tmp_path / "b.json")
    code, out, err = run("compare", tmp_path / "a.json", tmp_path / "b.json", "-m", "dp", "-q")
    assert (code, out) == (2, "")
    assert "'dp'" in err
