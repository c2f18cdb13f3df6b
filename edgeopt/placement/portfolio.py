"""Several methods in turn on one instance: the best placement of all with the tightest bound of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.branch_and_bound import refusal, search_tree
from edgeopt.placement.cpsat import solve_clauses
from edgeopt.placement.exact import prove_program
from edgeopt.placement.local_search import LocalSearch
from edgeopt.placement.neighbourhoods import search_on
from edgeopt.placement.nothing import unless_nothing_fits
from edgeopt.placement.starts import given_start, searched_start, start_iterations
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Number, Stopped
from edgeopt.tolerances import PROVED_GAP, WHOLE

Placement = NDArray[np.bool_]
Member = Callable[[DemandArrays, Placement, Run], Outcome]


def run_members(
    arrays: DemandArrays, start: Placement, members: Sequence[tuple[str, Member, float]], run: Run
) -> Outcome:
    """Run the members one after another until one proves the best placement optimal.

    A member that fails is named in the message, and the others go on; if all fail, so does the run.

    Parameters
    ----------
    members : sequence of (str, callable, float)
        Name, method, and its part of the time that is left; the last one should have all of it.
    """
    known = Incumbent(run, start, _value(arrays, start), arrays.all_weight, arrays.plan)
    ran: list[str] = []
    failed: list[tuple[str, Exception]] = []
    stopped = Stopped.FINISHED
    for name, member, part in members:
        limit, given = run.options.iteration_limit, run.options.start
        step = run.part(part * run.remaining_s(), iterations=limit, start=given, reports="all")
        try:
            outcome = member(arrays, start if known.best is None else known.best, step)
            placed = _placement(arrays, outcome)
        except Exception as error:
            failed.append((name, error))
            continue
        ran.append(name)
        if placed is not None:
            known.offer(placed, _value(arrays, placed))
        known.tighten(outcome.bound)
        stopped = Stopped.PROVED if _closed(known, arrays.integral) else outcome.stopped
        if stopped == Stopped.PROVED or run.stop_reason() is not None:
            break
    if failed and not ran:
        raise failed[0][1]
    if stopped != Stopped.PROVED:
        stopped = run.stop_reason() or stopped
    best = start if known.best is None else known.best
    return Outcome(arrays.plan(best), known.bound, stopped, message=_message(ran, failed))


def _message(ran: list[str], failed: list[tuple[str, Exception]]) -> str:
    failures = [f"{name} failed with {type(error).__name__}: {error}" for name, error in failed]
    return "; ".join([f"ran {', '.join(ran)}", *failures])


def _placement(arrays: DemandArrays, outcome: Outcome) -> Placement | None:
    return None if outcome.plan is None else arrays.placed(outcome.plan)


def _value(arrays: DemandArrays, placed: Placement) -> Number:
    value = arrays.value(placed)
    return round(value) if arrays.integral else value


def _closed(known: Incumbent[Placement], integral: bool) -> bool:
    """Say whether nothing better is left within the gap; a bound below the next integer closes it too."""
    value, bound = known.value or 0, known.bound or 0
    room = 1 - WHOLE if integral else PROVED_GAP * abs(value)
    return known.proved() or bound - value < room


def _alone(named: tuple[str, Member, float]) -> tuple[str, Member, float]:
    """Let a member begin as the method of its name does, whatever is known."""
    name, member, part = named
    start = given_start if name == "cpsat" else searched_start
    return name, lambda arrays, best, step: member(arrays, start(arrays, step), step), part


@unless_nothing_fits
def solve(arrays: DemandArrays, run: Run) -> Outcome:
    """Search locally, then prove: by the tree search on one node, by HiGHS and CP-SAT on several.

    The local search is that of `local-search`. It is short before the proofs, for many instances are proved at once;
    a part of the time limit is kept for it to go on after them. With an iteration limit it has all of that limit first,
    and each proof begins where it begins alone, so that the outcome is never worse than that of a member: from another
    start a solver goes another way, and ends elsewhere at the limit.
    """
    start = given_start(arrays, run)
    search = LocalSearch(arrays, run.options.seed, start)
    limit = run.options.iteration_limit
    iterations = start_iterations(arrays) if limit is None else limit

    def first(arrays: DemandArrays, best: Placement, step: Run) -> Outcome:
        return search_on(search, step, iterations)

    def again(arrays: DemandArrays, best: Placement, step: Run) -> Outcome:
        if arrays.value(best) > search.value:
            search.adopt(best)
        return search_on(search, step, run.options.iteration_limit)

    proofs: list[tuple[str, Member, float]] = [("exact", prove_program, 0.75), ("cpsat", solve_clauses, 0.4)]
    tree: tuple[str, Member, float] = ("branch-and-bound", search_tree, 0.7)
    one_node = refusal(arrays.instance) is None
    if limit is not None:
        proofs = [_alone(member) for member in ([tree, *proofs] if one_node else proofs)]
    elif one_node:
        proofs = [tree]
    members = [("local-search", first, 0.3), *proofs]
    if run.options.time_limit is not None:
        members.append(("local-search again", again, 1.0))
    return run_members(arrays, start, members, run)
