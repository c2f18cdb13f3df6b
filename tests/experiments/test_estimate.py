"""The time that a sweep still takes."""

from __future__ import annotations

import pytest

from edgeopt.experiments.display import duration
from edgeopt.experiments.estimate import Estimate


def test_equal_runs_take_equal_times() -> None:
    estimate = Estimate(["a"] * 10)
    assert estimate.remaining_s(0) is None
    for _ in range(4):
        estimate.add("a", 9)
    assert estimate.remaining_s(20) == pytest.approx(30)  # two at a time


def test_methods_weigh_what_they_took() -> None:
    estimate = Estimate(["slow", "fast"] * 5)
    estimate.add("slow", 99)
    estimate.add("fast", 0)
    assert estimate.remaining_s(101) == pytest.approx(4 * 101)
    for _ in range(4):
        estimate.add("slow", 99)
    assert estimate.remaining_s(501) == pytest.approx(4)


def test_nothing_left_takes_no_time() -> None:
    estimate = Estimate(["a"])
    estimate.add("a", 3)
    assert estimate.remaining_s(4) == 0


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (600, "10 min"), (7200, "2.0 h")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
