"""Importing this module registers the methods of `pulling`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeopt.method import method
from edgeopt.pulling.instance import PullingInstance
from edgeopt.run import Outcome, Run

if TYPE_CHECKING:
    from edgeopt.pulling.arrays import Arrays
    from edgeopt.pulling.core import Ints

PROBLEM = "pulling"
LARGEST = 5_000_000  # options that are listed one by one
CANDIDATES = 400_000  # options that are kept of more, the cheapest of each request
LARGEST_CPSAT = 200_000
LARGEST_NLIP = 2_000  # choices of request, model and site


def _compiled(instance: PullingInstance) -> tuple[Arrays, Outcome | None]:
    """Reduce the instance; with an outcome when it is decided already."""
    from edgeopt.pulling.arrays import compile_arrays
    from edgeopt.pulling.infeasibility import unservable
    from edgeopt.pulling.sparse import choices

    arrays = compile_arrays(instance, CANDIDATES if choices(instance) > LARGEST else None)
    reason = unservable(arrays)
    return arrays, None if reason is None else Outcome(infeasible=True, message=reason)


def _start(arrays: Arrays, run: Run) -> Ints | None:
    """Amounts of the solution to start from, where the reductions keep it feasible."""
    if run.options.start is None or run.options.start.plan is None:
        return None
    amounts = arrays.amounts(run.options.start.plan)
    return amounts if arrays.core.feasible(amounts) else None


def _too_large(instance: PullingInstance) -> str | None:
    from edgeopt.pulling.sparse import choices

    count = choices(instance)
    if count <= LARGEST:
        return None
    return f"it needs all options and is for at most {LARGEST}, not {count}; {_at_scale(instance)} would work"


def _at_scale(instance: PullingInstance) -> str:
    from edgeopt.pulling.sparse import separable

    return "'cache-search'" if separable(instance) is None else "'lagrangian'"


def _exact_or_at_scale(instance: PullingInstance) -> str:
    return "'exact'" if _too_large(instance) is None else _at_scale(instance)


def _not_separable(instance: PullingInstance) -> str | None:
    from edgeopt.pulling.sparse import separable

    reason = separable(instance)
    if reason is None:
        return None
    return f"it needs one model for each request, nothing shared and no limits but memory: {reason}; try 'local-search'"


@method(PROBLEM, "exact", kind="exact", guarantee="optimal", fits=_too_large)
def exact(instance: PullingInstance, run: Run) -> Outcome:
    """Solve the strong integer program."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.exact import solve_exact

    return solve_exact(arrays, run, _start(arrays, run))


@method(PROBLEM, "greedy", kind="heuristic", guarantee="none; opens bundles of models that share atoms")
def greedy(instance: PullingInstance, run: Run) -> Outcome:
    """Open the bundle of models that saves most for its bytes, again and again."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.greedy import solve_greedy

    return solve_greedy(arrays, run)


@method(PROBLEM, "local-search", kind="heuristic", guarantee="no worse than greedy")
def local_search(instance: PullingInstance, run: Run) -> Outcome:
    """Improve by flips, swaps, relocations and exactly solved sites."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.local_search import solve_local_search

    return solve_local_search(arrays, run, _start(arrays, run))


@method(
    PROBLEM,
    "rounding",
    kind="heuristic",
    guarantee="bounded in expectation before repair, see docs",
    fits=_too_large,
)
def rounding(instance: PullingInstance, run: Run) -> Outcome:
    """Round the linear relaxation of the strong form at random, repair and polish."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.rounding import solve_rounding

    return solve_rounding(arrays, run, _start(arrays, run))


def _too_large_for_cpsat(instance: PullingInstance) -> str | None:
    from edgeopt.pulling.sparse import choices

    count = choices(instance)
    if count <= LARGEST_CPSAT:
        return None
    return f"it is for at most {LARGEST_CPSAT} options, not {count}; {_exact_or_at_scale(instance)} would work"


def _too_large_for_scip(instance: PullingInstance) -> str | None:
    choices = len(instance.requests) * len(instance.library.models) * (1 + len(instance.cloudlets))
    if choices <= LARGEST_NLIP:
        return None
    limit = f"it is for at most {LARGEST_NLIP} choices of request, model and site, not {choices}"
    return f"{limit}; {_exact_or_at_scale(instance)} would work"


@method(
    PROBLEM,
    "nlip",
    kind="exact",
    guarantee="optimal",
    needs=("pyscipopt",),
    fits=_too_large_for_scip,
)
def nlip(instance: PullingInstance, run: Run) -> Outcome:
    """Solve the nonlinear integer program by SCIP."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.nlip import solve_nlip

    return solve_nlip(arrays, run)


@method(PROBLEM, "cpsat", kind="exact", guarantee="optimal", fits=_too_large_for_cpsat)
def cpsat(instance: PullingInstance, run: Run) -> Outcome:
    """Solve the integer program by CP-SAT."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.cpsat import solve_cpsat

    return solve_cpsat(arrays, run, _start(arrays, run))


@method(
    PROBLEM,
    "lagrangian",
    kind="heuristic",
    guarantee="a bound no better than that of the linear relaxation",
)
def lagrangian(instance: PullingInstance, run: Run) -> Outcome:
    """Climb the Lagrangian dual, and make a solution of its openings."""
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.lagrangian import solve_lagrangian

    return solve_lagrangian(arrays, run, _start(arrays, run))


@method(
    PROBLEM,
    "cache-search",
    kind="heuristic",
    guarantee="each cache optimal given the others; with a bound",
    fits=_not_separable,
)
def cache_search(instance: PullingInstance, run: Run) -> Outcome:
    """Solve an exact knapsack for each cache, and a few caches anew with noise."""
    from edgeopt.pulling.cache_search import solve_cache_search

    return solve_cache_search(instance, run)


@method(PROBLEM, "bound", kind="bound", guarantee="a lower bound: linear relaxation of the strong form, or its dual")
def bound(instance: PullingInstance, run: Run) -> Outcome:
    """Bound the total delay from below."""
    if _too_large(instance) is not None and _not_separable(instance) is None:
        from edgeopt.pulling.cache_search import solve_cache_bound

        return solve_cache_bound(instance, run)
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling.bounds import solve_bound

    return solve_bound(arrays, run)


@method(PROBLEM, "cloud-only", kind="baseline", guarantee="no cloudlet is used")
def cloud_only(instance: PullingInstance, run: Run) -> Outcome:
    """Serve everything in the cloud."""
    return _baseline(instance, run, "solve_cloud_only")


@method(
    PROBLEM, "no-sharing", kind="baseline", guarantee="within 0.1 % of the best that ignores sharing", fits=_too_large
)
def no_sharing(instance: PullingInstance, run: Run) -> Outcome:
    """Decide as if models shared nothing."""
    return _baseline(instance, run, "solve_no_sharing")


@method(PROBLEM, "nearest", kind="baseline", guarantee="none")
def nearest(instance: PullingInstance, run: Run) -> Outcome:
    """Serve each request at the nearest site with room."""
    return _baseline(instance, run, "solve_nearest")


@method(PROBLEM, "random", kind="baseline", guarantee="none")
def random(instance: PullingInstance, run: Run) -> Outcome:
    """Serve each request by a random model at a random site with room."""
    return _baseline(instance, run, "solve_random")


def _baseline(instance: PullingInstance, run: Run, name: str) -> Outcome:
    arrays, decided = _compiled(instance)
    if decided is not None:
        return decided
    from edgeopt.pulling import baselines

    outcome: Outcome = getattr(baselines, name)(arrays, run)
    return outcome
