"""Importing this module registers the methods of `pulling`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeopt.method import Options, Outcome, method
from edgeopt.pulling.instance import PullingInstance

if TYPE_CHECKING:
    from edgeopt.pulling.arrays import Arrays
    from edgeopt.pulling.core import Ints

PROBLEM = "pulling"
LARGEST_NLIP = 2_000  # choices of request, model and site


def _compiled(instance: PullingInstance) -> tuple[Arrays, Outcome | None]:
    """Reduce the instance; with an outcome when it is decided already."""
    from edgeopt.pulling.arrays import compile_arrays
    from edgeopt.pulling.infeasibility import unservable

    arrays = compile_arrays(instance)
    reason = unservable(arrays)
    return arrays, None if reason is None else Outcome(infeasible=True, message=reason)


def _start(arrays: Arrays, options: Options) -> Ints | None:
    """Amounts of the solution to start from, where the reductions keep it feasible."""
    if options.start is None or options.start.plan is None:
        return None
    amounts = arrays.amounts(options.start.plan)
    return amounts if arrays.core.feasible(amounts) else None


@method(PROBLEM, "exact", kind="exact", guarantee="optimal")
def exact(instance: PullingInstance, options: Options) -> Outcome:
    """Solve the strong integer program."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.exact import solve_exact

    return solve_exact(arrays, options, _start(arrays, options))


@method(PROBLEM, "greedy", kind="heuristic", guarantee="none; opens bundles of models that share atoms")
def greedy(instance: PullingInstance, options: Options) -> Outcome:
    """Open the bundle of models that saves most for its bytes, again and again."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.greedy import solve_greedy

    return solve_greedy(arrays, options)


@method(PROBLEM, "local-search", kind="heuristic", guarantee="no worse than greedy")
def local_search(instance: PullingInstance, options: Options) -> Outcome:
    """Improve by flips, swaps, relocations and exactly solved sites."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.local_search import solve_local_search

    return solve_local_search(arrays, options, _start(arrays, options))


@method(PROBLEM, "rounding", kind="heuristic", guarantee="expected cost and violation bounded before repair; see docs")
def rounding(instance: PullingInstance, options: Options) -> Outcome:
    """Round the linear relaxation of the strong form at random, repair and polish."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.rounding import solve_rounding

    return solve_rounding(arrays, options, _start(arrays, options))


def _too_large_for_scip(instance: PullingInstance) -> str | None:
    choices = len(instance.requests) * len(instance.library.models) * (1 + len(instance.cloudlets))
    if choices <= LARGEST_NLIP:
        return None
    return f"it is for at most {LARGEST_NLIP} choices of request, model and site, not {choices}; 'exact' would work"


@method(
    PROBLEM,
    "nlip",
    kind="exact",
    guarantee="optimal",
    needs=("pyscipopt",),
    fits=_too_large_for_scip,
)
def nlip(instance: PullingInstance, options: Options) -> Outcome:
    """Solve the nonlinear integer program by SCIP."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.nlip import solve_nlip

    return solve_nlip(arrays, options)
