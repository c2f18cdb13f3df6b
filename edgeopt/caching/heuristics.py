"""Heuristics of `caching` from prices: on all sets of nodes, or beyond 8 nodes on useful ones.

All of them choose beams with the dual beamformer, so that their objectives compare; `exact` improves these beams.
"""

from __future__ import annotations

from dataclasses import replace

from edgeopt.caching.greedy import greedy_choice
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.pipeline import Worked, work_up
from edgeopt.caching.program import solve_menu
from edgeopt.run import Outcome, Run

PROGRAM_GAP = 5e-3  # below it, 'neighbourhood' does without the program
PROGRAM_NODES = 100  # of its branch and bound


def _begun(instance: CachingInstance, run: Run) -> Worked:
    """Return the tables worked up, when the first plan is told."""
    work = work_up(instance, run)
    if work.outcome is None:
        work.tell(work.menu, work.start)
    return work


def solve_neighbourhood(instance: CachingInstance, run: Run) -> Outcome:
    """Price useful sets and better ones by branch and bound, search locally, and solve over these sets with HiGHS."""
    work = _begun(instance, run)
    if work.outcome is not None:
        return work.outcome
    priced = work.searched()
    if priced.gap <= PROGRAM_GAP:
        return work.result(priced)
    # The program's own bound is that of its menu only, so it must not be reported.
    within = run.part(run.remaining_s())
    solution = solve_menu(work.tables, priced.menu, priced.dual, within, PROGRAM_NODES)
    return work.result(replace(priced, dual=replace(priced.dual, choice=solution.choice)))


def solve_lagrangian(instance: CachingInstance, run: Run) -> Outcome:
    """Price storage by subgradients, and repair choices on the way."""
    work = _begun(instance, run)
    return work.outcome or work.result(work.priced())


def solve_local_search(instance: CachingInstance, run: Run) -> Outcome:
    """Move and exchange blocks, from the choices at disturbed prices."""
    work = _begun(instance, run)
    return work.outcome or work.result(work.searched())


def solve_greedy(instance: CachingInstance, run: Run) -> Outcome:
    """Jump to any set of nodes by gain per byte."""
    work = work_up(instance, run)
    return work.outcome or work.of_choice(work.menu, greedy_choice(work.menu))
