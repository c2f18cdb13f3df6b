"""Running a CP-SAT model of `loading`, with the same limits, seeds and reports in all modes, and reading its tours."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from edgeopt.engines.cpsat import Found, solve
from edgeopt.engines.running import Result
from edgeopt.errors import ProgramError
from edgeopt.run import Run
from edgeopt.solution import Number

Stop = TypeVar("Stop", bound=Hashable)


def run_model(
    model: Any,
    run: Run,
    settings: dict[str, Any],
    *,
    bounds: Callable[[float], Number] | None,
    found: Found | None = None,
) -> Result:
    """Run CP-SAT; an iteration of the limit is a thousandth of its own units of work.

    Parameters
    ----------
    model : ortools.sat.python.cp_model.CpModel
    run : Run
    settings : dict
        Parameters of the solver.
    bounds : callable, optional
        Turns the model's bounds into those of the instance, which are reported; None where they are not.
    found : callable, optional
        Called with the result so far whenever the model's incumbent improves.
    """

    def report(_: float | None, bound: float | None) -> None:
        if bound is not None and bounds is not None:
            run.report(bound=bounds(bound))

    limit = run.options.iteration_limit
    return solve(
        model,
        run,
        gap=run.options.gap,
        report=report if bounds is not None and model.has_objective() else None,
        found=found,
        settings=settings,
        deterministic_limit=None if limit is None else limit / 1000,
    )


def tour(arcs: Iterable[tuple[Stop, Stop]], depot: Stop) -> list[Stop]:
    """Return the stops of a tour in order, the depot left out.

    Parameters
    ----------
    arcs : iterable of (from, to)
        The chosen arcs; the last stop has none.
    depot : hashable
        Where the tour begins.

    Raises
    ------
    ProgramError
        The arcs lead back to an earlier stop, or two of them leave one stop: the solver's values are no tour.
    """
    following: dict[Stop, Stop] = {}
    for first, second in arcs:
        if following.setdefault(first, second) != second:
            raise ProgramError(f"CP-SAT's values are no tour: two arcs leave {first!r}")
    stops: list[Stop] = []
    seen = {depot}
    stop = depot
    while stop in following:
        stop = following[stop]
        if stop in seen:
            raise ProgramError(f"CP-SAT's values are no tour: it comes back to {stop!r}")
        seen.add(stop)
        stops.append(stop)
    return stops
