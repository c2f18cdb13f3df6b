"""Running a CP-SAT model of `loading`: the same limits, seeds and reports whatever the mode."""

from __future__ import annotations

from typing import Any

from edgeopt.engines.cpsat import Result, solve
from edgeopt.method import Options


def run_model(model: Any, options: Options, settings: dict[str, Any], *, bounds_hold: bool) -> Result:
    """Run CP-SAT; an iteration of the limit is a thousandth of its own units of work.

    Parameters
    ----------
    model : ortools.sat.python.cp_model.CpModel
    options : Options
    settings : dict
        Of the solver.
    bounds_hold : bool
        The model's bounds are bounds of the instance, and are reported.
    """

    def report(_: float | None, bound: float | None) -> None:
        if bound is not None:
            options.report(bound=round(bound))

    limit = options.iteration_limit
    return solve(
        model,
        options,
        gap=options.gap,
        report=report if bounds_hold and model.has_objective() else None,
        settings=settings,
        deterministic_limit=None if limit is None else limit / 1000,
    )
