"""Searches that have no bound of their own end: after long without success, or when another method's bound is met."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgeopt
from edgeopt import Stopped
from edgeopt.loading.instance import LoadingInstance
from edgeopt.patience import Patience
from edgeopt.run import Outcome, Run
from tests.loading.small import instance_of
from tests.plans import first_user

INSTANCES = Path(__file__).parents[1] / "instances"


def test_patience_counts_from_the_last_success() -> None:
    patience = Patience(10)
    assert not patience.over(1.0, 0)
    assert not patience.over(1.0, 499)
    assert not patience.over(2.0, 499)
    assert not patience.over(2.0, 499 + 1995)
    assert patience.over(2.0, 499 + 1996)  # four times as long as it took to find


@pytest.mark.parametrize(
    "name",
    [
        "loading/tiny-individual",
        "pulling/tiny",
        "caching/cells-4",
        pytest.param("loading/tiny-crossing", marks=pytest.mark.slow),
        pytest.param("loading/tiny-stream", marks=pytest.mark.slow),
        pytest.param("placement/tiny", marks=pytest.mark.slow),
    ],
)
def test_local_search_ends_by_itself_on_small_instances(name: str) -> None:
    instance = edgeopt.read(INSTANCES / f"{name}.json")
    solution = edgeopt.solve(instance, "local-search", threads=1, time_limit=600)
    assert solution.stopped == Stopped.FINISHED


def test_a_proven_bound_ends_a_search_in_a_comparison() -> None:
    def bound(instance: LoadingInstance) -> Outcome:
        return Outcome(bound=1)

    def endless(instance: LoadingInstance, run: Run) -> Outcome:
        run.report(1)
        stopped = run.stop_reason()
        assert stopped is not None
        return Outcome(first_user(instance), stopped=stopped)

    instance = instance_of({"a": ["x"]}, {"ann": {"model": "a"}, "bob": {"model": "a"}}, deadline_s=3.1)
    row = edgeopt.compare(instance, [bound, endless]).rows[1]
    assert row.solution is not None, row.reason
    assert row.solution.stopped == Stopped.FINISHED
    assert row.solution.bound is None  # the other method's bound stays the other's
    assert "another method proved" in row.solution.message
