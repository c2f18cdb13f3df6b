"""Importing this module registers the methods of `placement`; what a method needs is imported when it runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgeopt.method import method
from edgeopt.placement.arrays import Arrays
from edgeopt.placement.greedy import greedy_placement, random_placement
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.nothing import store_nothing, why_nothing
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

if TYPE_CHECKING:
    from edgeopt.placement.local_search import LocalSearch
    from edgeopt.placement.portfolio import Member

Placement = NDArray[np.bool_]

START_ITERATIONS = 20_000  # of local search before a proof
MOST_TREE_BYTES = 2 * 10**9  # of the nodes on one path of the branch and bound


def _unless_nothing_fits(
    function: Callable[[Arrays, Run], Outcome],
) -> Callable[[PlacementInstance, Run], Outcome]:
    """Make a method of what places models: it begins when there are some that hit demand."""

    @wraps(function)
    def solve(instance: PlacementInstance, run: Run) -> Outcome:
        arrays = Arrays(instance)
        return function(arrays, run) if arrays.model_names else store_nothing(arrays)

    return solve


def _start(arrays: Arrays, run: Run) -> Placement:
    if run.options.start is None or run.options.start.plan is None:
        return greedy_placement(arrays)
    return arrays.placed(run.options.start.plan)


def _better_start(arrays: Arrays, start: Placement, run: Run) -> Placement:
    """A local search of a fixed length, before a proof."""
    from edgeopt.placement.local_search import LocalSearch

    search = LocalSearch(arrays, run.options.seed, start)
    search.run(run, START_ITERATIONS)
    return search.best


@method("placement", "portfolio", kind="exact", guarantee="optimal when it ends by itself; any instance")
@_unless_nothing_fits
def solve_portfolio(arrays: Arrays, run: Run) -> Outcome:
    """Local search, then what proves: the tree search on one node, HiGHS and CP-SAT on several; all that they found.

    The local search is that of `local-search`. It is short before the proofs, for many instances are proved at once;
    a part of the time limit is kept for it to go on after them. With an iteration limit it has all of that limit first.
    """
    from edgeopt.placement.cpsat import solve_clauses
    from edgeopt.placement.exact import solve_program
    from edgeopt.placement.local_search import LocalSearch
    from edgeopt.placement.portfolio import run_members

    start = _start(arrays, run)
    search = LocalSearch(arrays, run.options.seed, start)
    iterations = START_ITERATIONS if run.options.iteration_limit is None else run.options.iteration_limit

    def first(arrays: Arrays, best: Placement, step: Run) -> Outcome:
        return _search_on(search, step, iterations)

    def again(arrays: Arrays, best: Placement, step: Run) -> Outcome:
        if arrays.value(best) > search.value:
            search.adopt(best)
        return _search_on(search, step, run.options.iteration_limit)

    proofs: list[tuple[str, Member, float]] = [("exact", solve_program, 0.4), ("cpsat", solve_clauses, 0.4)]
    if _no_tree(arrays.instance) is None:
        proofs = [("branch-and-bound", _tree, 0.7)]
    members = [("local-search", first, 0.3), *proofs]
    if run.options.time_limit is not None:
        members.append(("local-search again", again, 1.0))
    return run_members(arrays, start, members, run)


@method("placement", "exact", kind="exact", guarantee="optimal when it ends by itself; any instance")
@_unless_nothing_fits
def solve_exact(arrays: Arrays, run: Run) -> Outcome:
    """Solve the strong mixed-integer formulation on HiGHS."""
    from edgeopt.placement.exact import solve_program

    return solve_program(arrays, _better_start(arrays, _start(arrays, run), run), run)


def _no_tree(instance: PlacementInstance) -> str | None:
    if len(instance.nodes) != 1:
        return f"it is for one node, and there are {len(instance.nodes)}; 'exact' and 'cpsat' take any number"
    sharing = Arrays(instance).sharing
    needed = 8 * sharing.incidence.nnz * len(sharing.atoms)
    if needed > MOST_TREE_BYTES:
        return f"its search would take {needed / 1e9:.0f} GB of memory; 'exact' and 'local-search' work"
    return None


@method(
    "placement",
    "branch-and-bound",
    kind="exact",
    guarantee="optimal when it ends by itself; one node",
    fits=_no_tree,
)
@_unless_nothing_fits
def solve_branch_and_bound(arrays: Arrays, run: Run) -> Outcome:
    """Prove a short local search's placement on one node optimal, or find a better one."""
    return _tree(arrays, _better_start(arrays, _start(arrays, run), run), run)


def _search_on(search: LocalSearch, run: Run, iterations: int | None) -> Outcome:
    """Search on until so many iterations are done in all (None: until time is up)."""
    from edgeopt.placement.neighbourhoods import alternate

    if len(search.arrays.node_names) == 1:
        stopped = search.run(run, None if iterations is None else iterations - search.iterations)
    else:
        stopped = alternate(search, run, iterations)
    return Outcome(search.arrays.plan(search.best), stopped=stopped, message=f"{search.iterations} iterations")


def _tree(arrays: Arrays, start: Placement, run: Run) -> Outcome:
    from edgeopt.placement.branch_and_bound import BranchAndBound

    tree = BranchAndBound(arrays.knapsack(0, arrays.empty()), start[0])
    stopped = tree.run(run, run.options.iteration_limit)
    return Outcome(arrays.plan(tree.best[None, :]), tree.bound, stopped, message=f"{tree.nodes} nodes")


@method("placement", "local-search", kind="heuristic", guarantee="none; the best known values on set-union knapsacks")
@_unless_nothing_fits
def solve_local_search(arrays: Arrays, run: Run) -> Outcome:
    """Tabu search over the placements of all nodes; with several nodes also one or two of them re-solved exactly."""
    from edgeopt.placement.local_search import LocalSearch, default_iterations

    search = LocalSearch(arrays, run.options.seed, _start(arrays, run))
    return _search_on(search, run, default_iterations(arrays, run))


@method("placement", "cpsat", kind="exact", guarantee="optimal when it ends by itself; any instance")
@_unless_nothing_fits
def solve_cpsat(arrays: Arrays, run: Run) -> Outcome:
    """Solve the placement as clauses in CP-SAT."""
    from edgeopt.placement.cpsat import solve_clauses

    return solve_clauses(arrays, _start(arrays, run), run)


@method("placement", "greedy", kind="heuristic", guarantee="none: storage with shared blocks is not a knapsack")
@_unless_nothing_fits
def solve_greedy(arrays: Arrays, run: Run) -> Outcome:
    """Place model after model, by gain per added byte and by gain; the better of the two."""
    return Outcome(plan=arrays.plan(greedy_placement(arrays)))


def _many_unions(instance: PlacementInstance) -> str | None:
    from edgeopt.placement.spec import too_many_unions

    return too_many_unions(Arrays(instance))


@method(
    "placement",
    "spec",
    kind="heuristic",
    guarantee="at least 0.45 of the optimum, 0.9 on one node; few shared blocks",
    fits=_many_unions,
)
@_unless_nothing_fits
def solve_spec(arrays: Arrays, run: Run) -> Outcome:
    """Go through all unions of shared blocks, node after node, with a knapsack for each."""
    from edgeopt.placement.spec import special_placement

    return Outcome(arrays.plan(special_placement(arrays)))


@method("placement", "bound", kind="bound", guarantee="a bound, no plan: the linear relaxation")
def solve_bound(instance: PlacementInstance, run: Run) -> Outcome:
    """Bound the hit weight by the linear relaxation of the strong formulation."""
    from edgeopt.placement.exact import relaxation

    arrays = Arrays(instance)
    return relaxation(arrays, run) if arrays.model_names else Outcome(bound=0, message=why_nothing(instance))


@method("placement", "no-sharing", kind="baseline", guarantee="the best placement when every model is stored whole")
@_unless_nothing_fits
def solve_no_sharing(arrays: Arrays, run: Run) -> Outcome:
    """Store every model whole, as well as possible; the bound of that problem is none of this one."""
    from edgeopt.placement.baselines import without_sharing
    from edgeopt.placement.exact import solve_program

    arrays = Arrays(without_sharing(arrays.instance))
    outcome = solve_program(arrays, greedy_placement(arrays), run.part(run.remaining_s()))
    proved = outcome.stopped == Stopped.PROVED
    return Outcome(
        outcome.plan,
        stopped=Stopped.FINISHED if proved else outcome.stopped,
        message="the optimum without sharing" if proved else f"without sharing at most {outcome.bound}",
    )


@method("placement", "random", kind="baseline", guarantee="none")
@_unless_nothing_fits
def solve_random(arrays: Arrays, run: Run) -> Outcome:
    """Place useful models in random order wherever they fit."""
    return Outcome(plan=arrays.plan(random_placement(arrays, run.options.seed)))
