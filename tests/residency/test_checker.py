"""The referee of `residency`: what it counts, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

import edgeopt


def plain() -> dict[str, Any]:
    """Two adapters on one base, and a model of its own that fits beside the base and one adapter, not both."""
    return {
        "format": "edgeopt-instance/1",
        "problem": "residency",
        "name": "three",
        "library": {
            "format": "edgeopt-library/1",
            "blocks": {"base": 6, "a": 1, "b": 2, "c": 3},
            "models": {"m1": {"blocks": ["base", "a"]}, "m2": {"blocks": ["base", "b"]}, "m3": {"blocks": ["c"]}},
        },
        "memory_bytes": 11,
        "load_s": {"base": 6.0, "a": 1.0, "b": 2.0, "c": 3.0},
        "fixed_s": {"m1": 0.5},
        "requests": ["m1", "m2", "m3", "m1", "m1"],
    }


def checked(*loads: tuple[int, list[str]]) -> edgeopt.CheckReport:
    plan = {"loads": [{"request": request, "blocks": blocks} for request, blocks in loads]}
    return edgeopt.check(edgeopt.instance_from_dict(plain()), plan)


def test_counts_blocks_once_and_the_fixed_time_for_each_load() -> None:
    report = checked((0, ["base", "a"]), (1, ["b"]), (2, ["c"]))
    assert report.feasible
    assert report.objective == 6.0 + 1.0 + 0.5 + 2.0 + 3.0
    assert report.metrics == {"loads": 3.0, "loaded_bytes": 12.0, "warm_ratio": 0.4, "peak_bytes": 10.0}


def test_what_is_loaded_again_takes_no_room_before() -> None:
    report = checked((0, ["base", "a"]), (1, ["b"]), (2, ["c"]), (3, ["base", "a"]), (4, ["a"]))
    assert report.feasible
    assert report.metrics["peak_bytes"] == 8.0
    assert report.objective == 12.5 + 7.5 + 1.5


@pytest.mark.parametrize(
    ("loads", "constraint", "amount"),
    [
        ([(0, ["a"]), (1, ["b"]), (2, ["c"])], "loaded", 1),
        ([(0, ["base", "a"]), (1, ["b", "c"]), (2, ["c"])], "block of the model", 1),
        ([(0, ["base", "a", "a"]), (1, ["b"]), (2, ["c"])], "loaded once", 1),
        ([(0, ["base", "a"]), (1, ["b"]), (2, ["c"]), (9, [])], "form of the plan", 1),
        ([(0, ["base", "a"]), (0, ["base"]), (1, ["b"]), (2, ["c"])], "form of the plan", 1),
        ([(0, "base")], "form of the plan", 1),
        ([(True, ["base"])], "form of the plan", 1),
    ],
)
def test_lists_what_is_broken(loads: Any, constraint: str, amount: int) -> None:
    (violation,) = checked(*loads).violations
    assert (violation.constraint, violation.amount) == (constraint, amount)


def test_memory_is_counted_to_the_byte() -> None:
    plan = {"loads": [{"request": 0, "blocks": ["base", "a"]}, {"request": 1, "blocks": ["b"]}]}
    plan["loads"].append({"request": 2, "blocks": ["c"]})
    for memory, excess in ((10, None), (9, 1)):
        report = edgeopt.check(edgeopt.instance_from_dict({**plain(), "memory_bytes": memory}), plan)
        assert [violation.amount for violation in report.violations] == ([] if excess is None else [excess])


@pytest.mark.parametrize("plan", [[], {}, {"loads": {}}, {"loads": [3]}, {"loads": [], "more": 1}])
def test_what_is_no_plan_is_said_to_be_none(plan: Any) -> None:
    report = edgeopt.check(edgeopt.instance_from_dict(plain()), plan)
    assert report.objective is None
    assert {violation.constraint for violation in report.violations} == {"form of the plan"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"requests": ["m4"]}, r"\$\.requests\[0\].*no model 'm4'"),
        ({"load_s": {"base": 6.0, "a": 1.0, "b": 2.0}}, r"\$\.load_s.*'c' is missing.*'m3'"),
        ({"load_s": {"base": 6.0, "a": 1.0, "b": 2.0, "c": 1.0, "d": 1.0}}, r"\$\.load_s\.d.*no block 'd'"),
        ({"fixed_s": {"m9": 1.0}}, r"\$\.fixed_s\.m9"),
        ({"past": {"m1": -1}}, r"\$\.past\.m1"),
        ({"memory_bytes": 1.5}, r"\$\.memory_bytes"),
    ],
)
def test_what_is_no_instance_is_said_to_be_none(change: dict[str, Any], message: str) -> None:
    with pytest.raises(edgeopt.InputError, match=message):
        edgeopt.instance_from_dict({**plain(), **change})
