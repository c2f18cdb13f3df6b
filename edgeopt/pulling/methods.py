"""Importing this module registers the methods of `pulling`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeopt.method import Options, Outcome, method
from edgeopt.pulling.instance import PullingInstance

if TYPE_CHECKING:
    from edgeopt.pulling.arrays import Arrays

PROBLEM = "pulling"


def _compiled(instance: PullingInstance) -> tuple[Arrays, Outcome | None]:
    """Reduce the instance; with an outcome when it is decided already."""
    from edgeopt.pulling.arrays import compile_arrays
    from edgeopt.pulling.infeasibility import unservable

    arrays = compile_arrays(instance)
    reason = unservable(arrays)
    return arrays, None if reason is None else Outcome(infeasible=True, message=reason)


@method(PROBLEM, "exact", kind="exact", guarantee="optimal")
def exact(instance: PullingInstance, options: Options) -> Outcome:
    """Solve the strong integer program."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.exact import solve_exact

    return solve_exact(arrays, options)


@method(PROBLEM, "greedy", kind="heuristic", guarantee="none; opens bundles of models that share atoms")
def greedy(instance: PullingInstance, options: Options) -> Outcome:
    """Open the bundle of models that saves most for its bytes, again and again."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.greedy import solve_greedy

    return solve_greedy(arrays, options)
