"""HiGHS runs once at a time in a process; who waits for it keeps its limits."""

import os
import threading

import pytest

from edgeopt.engines import highs
from edgeopt.engines.highs import HighsSolver
from edgeopt.run import Options, Run
from edgeopt.solution import Status, Stopped
from tests.engines.test_highs import knapsack


@pytest.fixture
def busy():
    """Hold HiGHS in another thread."""
    held, release = threading.Event(), threading.Event()

    def hold():
        with highs._running:
            held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    yield
    release.set()
    thread.join()


def test_a_limit_ends_the_wait(busy):
    result = HighsSolver(knapsack(8, 2, 0), Run(Options(time_limit=0.1))).solve()
    assert (result.status, result.stopped, result.values) == (Status.UNKNOWN, Stopped.TIME_LIMIT, None)


def test_an_interrupt_ends_the_wait(busy):
    run = Run()
    threading.Timer(0.05, run.interrupt.set).start()
    assert HighsSolver(knapsack(8, 2, 0), run).solve().stopped == Stopped.INTERRUPTED


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes of Unix")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_solves_although_its_parent_holds_the_lock(busy):
    HighsSolver(knapsack(8, 2, 0), Run(Options(threads=2))).solve(time_limit=0.01)
    child = os.fork()
    if child == 0:
        result = HighsSolver(knapsack(8, 2, 0), Run(Options(threads=2))).solve()
        os._exit(0 if result.status == Status.OPTIMAL else 1)
    assert os.waitpid(child, 0)[1] == 0
