"""`exact`: the optimum of the problem itself, for any caches, nodes and beams, or a bound on it and a plan near it.

Delays with upper bounds in place of rates bound the problem; delays at the rates of known beams are those of plans.
Where the optimum with the bounds looks better than what beams reach, the pairs of nodes and users that make it so get
semidefinite bounds and better beams. When no such pair is left, bound and plan differ only by what the certificates
leave open. Prices show most of these pairs at little cost; the program is solved when they find no more.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from edgeopt.caching.beamforming.certified import missing_extra
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.lagrangian import Dual, solve_dual
from edgeopt.caching.local_search import search
from edgeopt.caching.pipeline import FOR_THE_PROBLEM, UNFINISHED, Worked, work_up
from edgeopt.caching.program import solve_menu
from edgeopt.caching.sandwich import Sandwich
from edgeopt.caching.search_kernels import Integers
from edgeopt.caching.tables import DelayTables, Menu
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.tolerances import PROVED_GAP

ROUGH_GAP = 1e-3  # at which the program is solved as long as its optimum shows new pairs


def solve_exact(instance: CachingInstance, run: Run) -> Outcome:
    """Find a plan, and bound the delay over all caches, nodes and beams."""
    work = work_up(instance, run)
    if work.outcome is not None:
        return work.outcome
    proof = Proof(work, run)
    proof.begin()
    proof.by_prices()
    proof.by_program()
    proof.by_table()
    return proof.outcome()


class Proof:
    """A run of `exact`: a sandwich of the rates, the best caches so far, and the bound.

    Parameters
    ----------
    work : Worked
    run : Run

    Attributes
    ----------
    known : Incumbent of numpy.ndarray of int64, shape (blocks,)
        Sets of nodes that cache the blocks, the best known for the beams known, their seconds, and the bound: no
        caches, nodes and beams have a shorter expected delay.
    table_bound : float or None
        Seconds; no caches have a shorter expected delay with the beams known.
    """

    def __init__(self, work: Worked, run: Run) -> None:
        self.work = work
        self.run = run
        self.sandwich = Sandwich(work.tables, run)
        self.known: Incumbent[Integers] = Incumbent(run, plan=lambda masks: self.sandwich.reached.plan(masks))
        self.table_bound: float | None = None

    @property
    def closed(self) -> bool:
        """Whether the plan is as good as requested."""
        seconds, bound = self.known.value, self.known.bound
        room = max(self.run.options.gap, PROVED_GAP / 2)
        return seconds is not None and bound is not None and seconds - bound <= room * seconds

    def begin(self) -> None:
        """Offer the greedy choice, or a given one."""
        self._offer(self.work.menu, self.work.start)

    def by_prices(self) -> None:
        """Refine the pairs that the prices of both tables show."""
        group = self.work.tables.requests.group
        while True:
            reached, solution = self._priced(self.sandwich.reached)
            self.table_bound = solution.bound if np.isfinite(solution.bound) else None
            self._offer(reached, solution.choice)
            if self.run.stop_reason() is not None and self.known.bound is not None:
                return
            menu, dual = self._priced(self.sandwich.upper)
            self.known.tighten(dual.bound)
            self._offer(menu, dual.choice)
            cheapest = np.argmin(menu.costs + menu.members @ dual.prices, axis=1)
            known = [] if self.known.best is None else [self.known.best]
            masks = [menu.masks[group, cheapest[group]], *known]
            pairs = self.sandwich.open_pairs(np.concatenate(masks), np.tile(group, len(masks)))
            if not pairs or self.run.stop_reason() is not None:
                return
            self._refine(pairs)

    def by_program(self) -> None:
        """Solve the program with the bounds until its optimum shows no pair to refine."""
        group, gap = self.work.tables.requests.group, max(self.run.options.gap, ROUGH_GAP)
        while self.run.stop_reason() is None and not self.closed:
            menu, dual = self._searched(self.sandwich.upper)
            if self.run.stop_reason() is not None:
                return
            within = self.run.part(gap=gap, iterations=self.run.options.iteration_limit, reports="bound")
            solution = solve_menu(self.sandwich.upper, menu, dual, within, found=partial(self._offer, menu))
            if solution.infeasible:
                return
            self.known.tighten(solution.bound)
            pairs: list[tuple[int, int]] = []
            if solution.choice is not None:
                pairs = self.sandwich.open_pairs(menu.masks[menu.group, solution.choice], group)
                self._refine(pairs)
                self._offer(menu, solution.choice)
            if not pairs and gap <= self.run.options.gap:
                break
            if not pairs:
                gap = self.run.options.gap

    def by_table(self) -> None:
        """Look for the best caches with the beams known, when certificates leave a gap."""
        if self.closed or self.run.stop_reason() is not None:
            return
        menu, dual = self._searched(self.sandwich.reached)
        solution = solve_menu(
            self.sandwich.reached, menu, dual, self.run.part(np.inf), found=partial(self._offer, menu)
        )
        self.table_bound = solution.bound
        self._offer(menu, solution.choice)

    def outcome(self) -> Outcome:
        """Return the plan, the bound of the problem, and that of the rate table beside it."""
        refined = len(self.sandwich.refined)
        metrics = {"certified_pairs": float(refined)}
        if self.table_bound is not None and self.work.tables.complete:
            metrics["table_bound_s"] = self.table_bound
        best, seconds, bound = self.known.best, self.known.value, self.known.bound
        if best is None or seconds is None:
            outcome = Outcome(bound=bound, stopped=self.work.stopped, message=UNFINISHED, metrics=metrics)
            return self.work.or_start(outcome)
        message = f"{FOR_THE_PROBLEM}; {refined} pairs of nodes and users have certificates"
        if not self.closed:
            message += missing_extra()
        bound = None if bound is None else min(bound, seconds)
        plan = self.sandwich.reached.plan(best)
        outcome = Outcome(plan=plan, bound=bound, stopped=self.work.stopped, message=message, metrics=metrics)
        return self.work.or_start(outcome)

    def _priced(self, tables: DelayTables) -> tuple[Menu, Dual]:
        menu = tables.full_menu()
        start = None if self.known.best is None else menu.nearest(self.known.best)
        return menu, solve_dual(menu, self.run.part(np.inf), start)

    def _searched(self, tables: DelayTables) -> tuple[Menu, Dual]:
        menu, dual = self._priced(tables)
        if dual.choice is not None:
            dual.choice = search(menu, dual.choice, dual.prices, self.run.part(np.inf))
            dual.objective = menu.cost(dual.choice)
        return menu, dual

    def _offer(self, menu: Menu, choice: Integers | None) -> None:
        """Keep the caches of a choice if the beams known make them better."""
        if choice is None:
            return
        masks = menu.masks[menu.group, choice]
        self.known.offer(masks, self.sandwich.reached.delay(masks))

    def _refine(self, pairs: list[tuple[int, int]]) -> None:
        """Refine pairs, and note what better beams make of the caches known."""
        self.sandwich.refine(pairs)
        if self.known.best is not None:
            self.known.offer(self.known.best, self.sandwich.reached.delay(self.known.best))
