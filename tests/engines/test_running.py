"""What every engine's result holds."""

import threading
from math import inf, nan
from queue import SimpleQueue

import pytest

from edgeopt.engines import running
from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.running import Result
from edgeopt.run import Options, Run
from edgeopt.solution import Status, Stopped
from tests.engines.test_highs import knapsack


@pytest.mark.parametrize(("bound", "kept"), [(inf, None), (-inf, None), (nan, None), (None, None), (0.0, 0.0), (3, 3)])
def test_a_bound_that_says_nothing_is_dropped(bound, kept):
    assert Result(Status.UNKNOWN, Stopped.TIME_LIMIT, bound=bound).bound == kept


def test_a_solver_that_does_not_heed_the_end_is_left_and_nothing_of_highs_begins_beside_it(monkeypatch):
    """Where the wait for a solver is broken off, it goes on; whoever needs HiGHS meanwhile keeps limits."""
    kept_to_the_end: list[object] = []
    monkeypatch.setattr(running.atexit, "register", kept_to_the_end.append)
    release, messages = threading.Event(), SimpleQueue()

    def leave() -> None:
        raise KeyboardInterrupt

    messages.put(leave)
    with pytest.raises(KeyboardInterrupt):
        running.run_in_a_thread(lambda: release.wait(20), Run(), lambda: None, messages)
    assert running.left_running()
    assert len(kept_to_the_end) == 1
    waited = HighsSolver(knapsack(8, 2, 0), Run(Options(time_limit=0.1))).solve()
    assert (waited.stopped, waited.values) == (Stopped.TIME_LIMIT, None)
    release.set()
    assert HighsSolver(knapsack(8, 2, 0), Run()).solve().status == Status.OPTIMAL
    assert not running.left_running()
