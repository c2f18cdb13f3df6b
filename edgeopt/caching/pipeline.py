"""The steps that the methods of `caching` have in common: tables, menu, prices, and an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from math import inf

import numpy as np

from edgeopt.caching.baselines import alone, caches_back
from edgeopt.caching.beamforming.channels import Beamformer
from edgeopt.caching.beamforming.dual import dual
from edgeopt.caching.bound_tables import BoundTables
from edgeopt.caching.bounds import universal
from edgeopt.caching.checker import check
from edgeopt.caching.greedy import greedy_choice
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.lagrangian import Dual, solve_dual
from edgeopt.caching.local_search import search
from edgeopt.caching.neighbourhood import candidate_menu, solve_widely
from edgeopt.caching.outreach import out_of_reach
from edgeopt.caching.reach import FULL_TABLE_NODES
from edgeopt.caching.search_kernels import Integers
from edgeopt.caching.tables import DelayTables, Menu
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped, relative_gap

FOR_THE_PROBLEM = "The bound holds for any caches, nodes and beams"
UNFINISHED = "No caches were found with which every delivery ends; some blocks reach their users only if cached"


@dataclass
class Priced:
    """Prices, what they prove, and the best choice so far.

    Attributes
    ----------
    menu : Menu
    dual : Dual
        Over the menu.
    bound : float or None
        Holds for all caches, with the rates of the tables; where these are bounds, for the problem itself.
    """

    menu: Menu
    dual: Dual
    bound: float | None

    @property
    def gap(self) -> float:
        """Relative distance of the best choice to the bound; infinite without one of them."""
        gap = relative_gap(None if self.dual.choice is None else self.dual.objective, self.bound)
        return inf if gap is None else gap


class Worked:
    """DelayTables worked up for the methods.

    Parameters
    ----------
    tables : DelayTables
    run : Run

    Attributes
    ----------
    outcome : Outcome or None
        The outcome when there is no plan to look for, because some delivery never ends.
    """

    def __init__(self, tables: DelayTables, run: Run) -> None:
        self.tables = tables
        self.run = run
        self.full = len(tables.node_names) <= FULL_TABLE_NODES
        self.outcome = None
        unreached = out_of_reach(tables)
        if unreached is not None:
            self.outcome = Outcome(stopped=self.stopped, infeasible=True, message=unreached.reason)
        elif (tables.whole_amplitudes() <= 0).any():
            self.outcome = Outcome(stopped=self.stopped, message=self._unreached())

    @property
    def stopped(self) -> Stopped:
        """Why the run ends now."""
        return self.run.stop_reason() or Stopped.FINISHED

    @cached_property
    def menu(self) -> Menu:
        """All sets of nodes for each block, or those of the most useful nodes."""
        return self.tables.full_menu() if self.full else candidate_menu(self.tables)

    def priced(self) -> Priced:
        """Find prices, from the greedy choice or a better one of a given solution."""
        start = self.start
        if isinstance(self.tables, BoundTables):
            menu, dual, bound = solve_widely(self.tables, self.menu, start, self.run)
            known = bound if np.isfinite(bound) else None
            self.run.report(None, known)
            return Priced(menu, dual, known)
        self.tell(self.menu, start)
        dual = solve_dual(self.menu, self.run, start)
        self.tell(self.menu, dual.choice)
        proven = self.full and self.tables.complete and np.isfinite(dual.bound)
        return Priced(self.menu, dual, dual.bound if proven else None)

    def searched(self) -> Priced:
        """Find prices, then improve the best choice by local search."""
        priced = self.priced()
        if priced.dual.choice is not None:
            # Delays that are bounds only must not be reported as those of a plan.
            run = self.run.part(iterations=self.run.options.iteration_limit) if self.tables.wide else self.run
            plan = partial(self._plan, priced.menu)
            priced.dual.choice = search(priced.menu, priced.dual.choice, priced.dual.prices, run, plan)
            priced.dual.objective = priced.menu.cost(priced.dual.choice)
            self.tell(priced.menu, priced.dual.choice)
        return priced

    def tell(self, menu: Menu, choice: Integers | None) -> None:
        """Report the plan of a choice; where costs are bounds only, with the delay that the checker finds."""
        if choice is None:
            return
        if not self.tables.wide:
            self.run.report(menu.cost(choice), plan=partial(self._plan, menu, choice))
        elif (plan := self._plan(menu, choice)) is not None:
            self.run.report(check(self.tables.instance, plan).objective, plan=lambda: plan)

    @cached_property
    def start(self) -> Integers | None:
        """The greedy choice, or that of a given solution where it is better."""
        start = greedy_choice(self.menu)
        given = None if self.run.options.start is None else self.tables.masks_of(self.run.options.start.plan)
        if given is None:
            return start
        choice = self.menu.nearest(given)
        better = self.menu.cost(choice) < (np.inf if start is None else self.menu.cost(start))
        return choice if better else start

    def result(self, priced: Priced) -> Outcome:
        """Return the outcome of the best choice; a bound that holds for the rates of the tables only is a metric."""
        outcome = self.of_choice(priced.menu, priced.dual.choice)
        if priced.bound is not None and self.tables.wide:
            outcome.bound, outcome.message = priced.bound, outcome.message or FOR_THE_PROBLEM
        elif priced.bound is not None:
            outcome.metrics = {"table_bound_s": priced.bound}
        return self.or_start(outcome)

    def or_start(self, outcome: Outcome) -> Outcome:
        """Return the outcome with the plan of a given solution where that is better, which may have its own beams."""
        start = self.run.options.start
        if start is not None and start.plan is not None:
            delays = [check(self.tables.instance, plan).objective for plan in (start.plan, outcome.plan) if plan]
            if delays[0] == min(delay for delay in delays if delay is not None):
                outcome.plan = start.plan
        return outcome

    def of_choice(self, menu: Menu, choice: Integers | None) -> Outcome:
        """Return the outcome of a choice from a menu."""
        if choice is None:
            return Outcome(stopped=self.stopped, message=UNFINISHED)
        return self.of_caches(menu.masks[menu.group, choice])

    def of_caches(self, masks: Integers) -> Outcome:
        """Return the outcome of caching the blocks at these sets, (blocks,); no plan when a delivery never ends."""
        plan = self.tables.plan(masks)
        return Outcome(plan=plan, stopped=self.stopped, message=UNFINISHED if plan is None else "")

    def _plan(self, menu: Menu, choice: Integers) -> Plan | None:
        return self.tables.plan(menu.masks[menu.group, choice])

    def _unreached(self) -> str:
        """Name an audience that hears the nodes one by one, but for which no beams were found."""
        audience = int(np.argmin(self.tables.whole_amplitudes()))
        users = [self.tables.instance.users[user] for user in self.tables.requests.audiences[audience]]
        return f"No beams were found that reach {', '.join(map(repr, users))} together, whatever is cached"


def work_up(instance: CachingInstance, run: Run, beamformer: Beamformer = dual) -> Worked:
    """Return tables of an instance, worked up: the rates of all sets, or beyond 8 nodes bounds on the rates.

    The table of a beamformer of restricted sets is its own at any size.
    """
    wide = len(instance.nodes) > FULL_TABLE_NODES and beamformer is not alone
    return Worked((BoundTables if wide else DelayTables)(instance, run, beamformer), run)


def through_world(instance: CachingInstance, world: CachingInstance, run: Run) -> Outcome:
    """Solve a world of copies by prices, and judge its caches in the given instance.

    Nodes, users and channels are the same in both, and so are the beams for the same audiences.
    """
    work = work_up(instance, run)
    other = work_up(world, run.part(iterations=run.options.iteration_limit), work.tables.beamformer)
    if work.outcome is not None:
        return work.outcome
    if other.outcome is not None:
        return no_plan_where("models share nothing", other)
    priced = other.priced()
    if priced.dual.choice is None:
        return Outcome(stopped=work.stopped, message=UNFINISHED)
    masks = priced.menu.masks[priced.menu.group, priced.dual.choice]
    outcome = work.of_caches(caches_back(instance, work.tables, other.tables, masks))
    outcome.message = f"Where models share nothing the expected total delay is {priced.dual.objective:.6g} s"
    return outcome


def no_plan_where(condition: str, work: Worked) -> Outcome:
    """Return the outcome without a plan in a world with less than the instance has, which may well have plans."""
    reason = "" if work.outcome is None else work.outcome.message
    return Outcome(stopped=work.stopped, message=f"Where {condition} there is no plan. {reason}")


def universal_bound(instance: CachingInstance, run: Run) -> Outcome:
    """Bound the delay by prices, every rate replaced by one that no beams of any nodes exceed."""
    limit, start = run.options.iteration_limit, run.options.start
    part = run.part(iterations=limit, start=start, reports="bound")  # its delays are of no plan
    work = Worked(universal(instance, part), part)
    if work.outcome is not None:
        return work.outcome
    bound = work.priced().bound
    return Outcome(bound=bound, stopped=work.stopped, message=FOR_THE_PROBLEM)
