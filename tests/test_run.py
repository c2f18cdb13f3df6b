"""A run, its parts, and the best that it knows."""

import pytest

from edgeopt.run import Incumbent, Options, Progress, Run
from edgeopt.solution import Stopped


def test_a_part_has_limits_of_its_own_and_shares_the_interrupt() -> None:
    run = Run(Options(time_limit=100.0, seed=3, threads=2, gap=0.1, iteration_limit=9, known_bound=5))
    part = run.part(7.0, iterations=4)
    assert part.options == Options(time_limit=7.0, seed=3, threads=2, gap=0.1, iteration_limit=4)
    assert run.part(1e9).options.time_limit <= 100.0
    assert run.part(seed=8, gap=0.0).options.seed == 8
    run.interrupt.set()
    assert part.stop_reason() == Stopped.INTERRUPTED


@pytest.mark.parametrize(
    ("reports", "history"), [("nothing", []), ("bound", [[None, 5]]), ("all", [[None, 5], [3, 5]])]
)
def test_a_run_takes_over_what_it_asks_for(reports, history) -> None:
    run = Run()
    part = run.part(reports=reports)
    part.report(bound=5)
    part.report(3)
    assert [row[1:] for row in run.history] == history
    assert [row[1:] for row in part.history] == [[None, 5], [3, 5]]


@pytest.mark.parametrize("maximize", [True, False])
def test_an_incumbent_keeps_the_best_and_the_tightest(maximize: bool) -> None:
    seen: list[Progress] = []
    sign = 1 if maximize else -1
    known: Incumbent[str] = Incumbent(Run(maximize=maximize, progress=seen.append))
    assert not known.proved()
    assert known.offer("first", sign * 3)
    assert not known.offer("as good", sign * 3)
    assert not known.offer("worse", sign * 2)
    assert known.tighten(sign * 9)
    assert not known.tighten(sign * 10)
    assert not known.tighten(None)
    assert not known.tighten(float("nan"))
    assert (known.best, known.value, known.bound) == ("first", sign * 3, sign * 9)
    assert [(step.objective, step.bound) for step in seen] == [(sign * 3, None), (sign * 3, sign * 9)]


def test_an_incumbent_is_closed_by_its_bound_its_gap_or_the_run() -> None:
    known: Incumbent[str] = Incumbent(Run(Options(gap=0.5)), "plan", 4, 7)
    assert not known.closed()
    assert known.proved(6)
    known.tighten(6)
    assert known.closed()
    assert known.ending() == Stopped.FINISHED
    known.tighten(4)
    assert known.ending() == Stopped.PROVED
    late: Incumbent[str] = Incumbent(Run(Options(time_limit=0.0)), "plan", 4, 7)
    assert late.closed()
    assert late.ending() == Stopped.TIME_LIMIT


def test_a_run_has_nothing_that_can_be_set_by_mistake() -> None:
    with pytest.raises(AttributeError):
        Run().progress = print  # type: ignore[attr-defined]
