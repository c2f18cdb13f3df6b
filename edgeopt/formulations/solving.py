"""Solve a formulation that a user may have changed: add a constraint of your own, and keep the proof."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgeopt.engines.linear import LinearProgram, compile_formulation
from edgeopt.errors import UsageError
from edgeopt.formulations.search import FormulationSolution, Search, home_of
from edgeopt.instance import Instance, as_instance
from edgeopt.interrupts import interruptible
from edgeopt.run import Progress, Run
from edgeopt.run_options import checked_options


def solve_formulation(
    instance: Instance | str | Path,
    formulation: Any,
    *,
    time_limit: float | None = None,
    seed: int = 0,
    threads: int | None = None,
    gap: float = 0.0,
    progress: Callable[[Progress], None] | None = None,
) -> FormulationSolution:
    """Solve a formulation of `edgeopt.models` as it stands, with whatever was added to it.

    Rows that a formulation leaves to its method (cycles of loading) are added where solutions break them, and what the
    solver's tolerances let slip is cut off: every plan passes `edgeopt.check`. Rows of the user hold within 1e-6.

    Parameters
    ----------
    instance : Instance or path
        The instance that the formulation was made of.
    formulation : pyomo.environ.ConcreteModel
        Linear, with one active objective. Afterwards its variables have the plan's values.
    time_limit : float, optional
        Seconds.
    seed, threads : int
        As for `edgeopt.solve`.
    gap : float
        Relative gap at which the proof may stop.
    progress : callable, optional
        Called with a `Progress` whenever a plan or the bound improves.

    Returns
    -------
    FormulationSolution
        After Ctrl-C or the time limit: the best found so far, with its bound.

    Raises
    ------
    UsageError
        The formulation is not linear, not of this instance, a relaxation, or without rows that make its values a plan.
    """
    instance = as_instance(instance)
    options = checked_options(instance, time_limit=time_limit, seed=seed, threads=threads, gap=gap)
    _require_plans(instance, formulation)
    program = _compiled(formulation)
    lazy = _lazy_rows(instance, formulation, program)
    run = Run(options, maximize=program.maximize, progress=progress)
    with interruptible(run.interrupt):
        search = Search(instance, formulation, program, lazy, run)
        search.run()
        return search.solution()


def _require_plans(instance: Instance, formulation: Any) -> None:
    """Refuse a formulation whose values are no plans of the instance."""
    needed = home_of(instance, formulation).PLAN_ROWS
    made_of: Any = getattr(formulation, "instance", None)
    rows = [formulation.component(name) for name in needed] if made_of is not None else [None]
    if any(row is None or not row.active or not all(part.active for part in row.values()) for row in rows):
        raise UsageError(
            f"the values of this formulation are no plans: it is a relaxation, not made by edgeopt.models."
            f"{instance.problem}, or one of its rows ({', '.join(needed)}) is not active"
        )
    if made_of.sha256 != instance.sha256:
        raise UsageError(f"the formulation was made of {made_of.name!r}, which is not the instance {instance.name!r}")


def _compiled(formulation: Any) -> LinearProgram:
    try:
        return compile_formulation(formulation)
    except ValueError as error:
        raise UsageError(
            f"the formulation is not linear: {error}; edgeopt.linearize_products makes products of binaries linear"
        ) from error


def _lazy_rows(instance: Instance, formulation: Any, program: LinearProgram) -> Any:
    """Return what finds the rows that the formulation leaves to its method; None where there are none."""
    if instance.problem != "loading":
        return None
    from edgeopt.loading.orders.cycles import Cycles

    return Cycles(formulation, program)
