"""What solve, compare and check accept, and what they say to the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import edgeopt
from edgeopt import InputError, UsageError
from edgeopt.experiments.suite import Suite
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


def test_a_plan_is_a_start() -> None:
    instance = two_models()
    plan = dict(edgeopt.solve(instance, "exact").plan or {})
    for method in ("local-search", "exact", "cpsat"):
        assert edgeopt.solve(instance, method, start=plan).objective == edgeopt.check(instance, plan).objective
    with pytest.raises(UsageError, match="the start is a Solution"):
        edgeopt.solve(instance, start="solution.json")  # type: ignore[arg-type]
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
