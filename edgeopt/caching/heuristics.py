"""Heuristics of `caching` from prices: on all sets of nodes, or beyond 8 nodes on useful ones.

All of them choose beams with the dual beamformer, so that their objectives compare; `exact` improves these beams.
"""

from __future__ import annotations

from dataclasses import replace

from edgeopt.caching.beamforming.certified import missing_extra
from edgeopt.caching.bound_tables import BoundTables
from edgeopt.caching.greedy import greedy_choice
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.pipeline import FOR_THE_PROBLEM, Priced, Worked, work_up
from edgeopt.caching.program import solve_menu
from edgeopt.caching.search_kernels import Integers
from edgeopt.run import Incumbent, Outcome, Run

REFINEMENTS = 4  # most rounds of certificates in 'neighbourhood'
CERTIFYING = 0.6  # share of the time that is left for certificates, before the caches are chosen again
PROGRAM_GAP = 5e-3  # below it, 'neighbourhood' does without the program
PROGRAM_NODES = 100  # of its branch and bound


def _begun(instance: CachingInstance, run: Run) -> Worked:
    """Return the tables worked up, when the first plan is told."""
    work = work_up(instance, run)
    if work.outcome is None:
        work.tell(work.menu, work.start)
    return work


def solve_neighbourhood(instance: CachingInstance, run: Run) -> Outcome:
    """Price useful sets and better ones by branch and bound, search locally, and certify where the choice looks."""
    work = _begun(instance, run)
    if work.outcome is not None:
        return work.outcome
    priced = work.searched()
    if priced.gap > PROGRAM_GAP:
        # The program's own bound is that of its menu only, so it must not be reported.
        within = run.part(run.remaining_s())
        solution = solve_menu(work.tables, priced.menu, priced.dual, within, PROGRAM_NODES)
        priced = replace(priced, dual=replace(priced.dual, choice=solution.choice))
    return work.or_start(_sharpened(work, priced))


def _sharpened(work: Worked, priced: Priced) -> Outcome:
    """Certify the pairs of nodes and users at which the choice looks, and choose again, until it shows few new ones."""
    tables = work.tables
    assert isinstance(tables, BoundTables)
    known: Incumbent[Integers] = Incumbent(work.run, bound=priced.bound, plan=tables.plan)
    for last in [False] * REFINEMENTS + [True]:
        if priced.dual.choice is None:
            break
        masks = priced.menu.masks[priced.menu.group, priced.dual.choice]
        known.offer(masks, tables.seconds(masks))
        pairs = [] if last or known.closed() else tables.open_pairs(masks)
        if not pairs:
            break
        tables.refine(pairs, work.run.part(CERTIFYING * work.run.remaining_s()))
        known.offer(masks, tables.seconds(masks))
        if work.run.stop_reason() is not None:
            break
        work.menu, work.start = tables.menu(priced.menu.masks), priced.dual.choice
        priced = work.searched()
        known.tighten(priced.bound)
    if known.best is None:
        return work.result(priced)
    outcome = work.of_caches(known.best)
    outcome.bound = known.bound
    message = f"{FOR_THE_PROBLEM}; {len(tables.refined)} pairs of nodes and users have certificates"
    outcome.message = outcome.message or message + ("" if known.proved() else missing_extra())
    return outcome


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
