"""What the methods of `caching` have in common: tables, menu, prices, and an outcome that says what it stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np

from edgeopt.caching.baselines import alone, caches_back
from edgeopt.caching.beamforming.channels import Beamformer
from edgeopt.caching.beamforming.dual import dual
from edgeopt.caching.bounds import never_ends, standing, universal, zeros_are_proven
from edgeopt.caching.greedy import greedy_choice
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.lagrangian import Dual, solve_dual
from edgeopt.caching.local_search import search
from edgeopt.caching.neighbourhood import candidate_menu, solve_widely
from edgeopt.caching.rates import FULL_TABLE_NODES
from edgeopt.caching.search_kernels import Integers
from edgeopt.caching.tables import Menu, Tables
from edgeopt.caching.wide import WideTables
from edgeopt.method import Options, Outcome
from edgeopt.solution import Stopped, relative_gap

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
        Holds for all caches, with the rates of the tables.
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
    """Tables worked up for the methods.

    Parameters
    ----------
    tables : Tables
    options : Options

    Attributes
    ----------
    outcome : Outcome or None
        The outcome when there is no plan to look for, because some delivery never ends.
    """

    def __init__(self, tables: Tables, options: Options) -> None:
        self.tables = tables
        self.options = options
        self.full = len(tables.node_names) <= FULL_TABLE_NODES
        unheard = never_ends(tables)
        self.outcome = None
        if unheard is not None:
            reason, proven = unheard
            self.outcome = Outcome(stopped=self.stopped, infeasible=proven, message=reason)

    @property
    def stopped(self) -> Stopped:
        """Why the run ends now."""
        return self.options.stop_reason() or Stopped.FINISHED

    @cached_property
    def menu(self) -> Menu:
        """All sets of nodes for each block, or those of the most useful nodes."""
        return self.tables.full_menu() if self.full else candidate_menu(self.tables)

    def priced(self) -> Priced:
        """Find prices, from the greedy choice or a better one of a given solution."""
        start = self._start()
        if self.full:
            found = solve_dual(self.menu, self.options, start)
            menu, bound = self.menu, found.bound
        else:
            menu, found, bound = solve_widely(self.tables, self.menu, start, self.options)
        proven = bound if self.tables.complete and np.isfinite(bound) else None
        self.options.report(found.objective if found.choice is not None and not self.tables.wide else None, proven)
        return Priced(menu, found, proven)

    def searched(self) -> Priced:
        """Find prices, then improve the best choice by local search."""
        found = self.priced()
        if found.dual.choice is not None:
            # Delays that are bounds only must not be reported as those of a plan.
            options = replace(self.options, progress=None, history=[]) if self.tables.wide else self.options
            found.dual.choice = search(found.menu, found.dual.choice, found.dual.prices, options)
            found.dual.objective = found.menu.cost(found.dual.choice)
        return found

    def _start(self) -> Integers | None:
        start = greedy_choice(self.menu)
        given = None if self.options.start is None else self.tables.masks_of(self.options.start.plan)
        if given is None:
            return start
        choice = self.menu.nearest(given)
        better = self.menu.cost(choice) < (np.inf if start is None else self.menu.cost(start))
        return choice if better else start

    def result(self, found: Priced) -> Outcome:
        """The outcome of the best choice and the bound."""
        return self.of_choice(found.menu, found.dual.choice, found.bound, self.stopped)

    def of_choice(
        self, menu: Menu, choice: Integers | None, bound: float | None, stopped: Stopped, infeasible: bool = False
    ) -> Outcome:
        """The outcome of a choice from a menu; of none, whether there is proven to be none."""
        if choice is not None:
            return self.of_caches(menu.masks[menu.group, choice], bound, stopped)
        proven = infeasible and self.tables.complete and zeros_are_proven(self.tables)
        return Outcome(stopped=stopped, infeasible=proven, message=UNFINISHED)

    def of_caches(self, masks: Integers, bound: float | None, stopped: Stopped) -> Outcome:
        """The outcome of caching the blocks at these sets, shape (blocks,); no plan when a delivery never ends."""
        plan = self.tables.plan(masks)
        if plan is None:
            return Outcome(bound=bound, stopped=stopped, message=UNFINISHED)
        message = "" if bound is None else standing(self.tables)
        return Outcome(plan=plan, bound=bound, stopped=stopped, message=message)


def work_up(instance: CachingInstance, options: Options, beamformer: Beamformer = dual) -> Worked:
    """Tables of an instance, worked up: the rates of all sets, or beyond 8 nodes bounds on the rates.

    The table of a beamformer of restricted sets is its own at any size.
    """
    wide = len(instance.nodes) > FULL_TABLE_NODES and beamformer is not alone
    return Worked((WideTables if wide else Tables)(instance, options, beamformer), options)


def through_world(instance: CachingInstance, world: CachingInstance, options: Options) -> Outcome:
    """Solve a world of copies by prices, and judge its caches in the given instance.

    Nodes, users and channels are the same in both, and so are the beams for the same audiences.
    """
    work = work_up(instance, options)
    other = work_up(world, options, work.tables.beamformer)
    refused = work.outcome or other.outcome
    if refused is not None:
        return refused
    found = other.priced()
    if found.dual.choice is None:
        return Outcome(stopped=work.stopped, message=UNFINISHED)
    masks = found.menu.masks[found.menu.group, found.dual.choice]
    outcome = work.of_caches(caches_back(instance, work.tables, other.tables, masks), None, work.stopped)
    outcome.message = f"Where models share nothing the expected total delay is {found.dual.objective:.6g} s"
    return outcome


def universal_bound(instance: CachingInstance, options: Options) -> Outcome:
    """Bound the delay by prices, every rate replaced by one that no beams of any nodes exceed."""
    work = Worked(universal(instance, options), options)
    if work.outcome is not None:
        return work.outcome
    bound = work.priced().bound
    return Outcome(bound=bound, stopped=work.stopped, message="The bound holds for any caches and any beams")
