"""`local-search`: close something, open bundles again; and free a few sites and solve them exactly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from edgeopt.errors import ProgramError
from edgeopt.pulling.arrays import ReducedInstance
from edgeopt.pulling.core import Ints
from edgeopt.pulling.greedy import greedy_opening, sweep, used_models
from edgeopt.pulling.neighbourhoods import free_sites
from edgeopt.pulling.openings import Openings
from edgeopt.pulling.reach import on_reduced_instance, unless_decoupled
from edgeopt.pulling.strong_solver import Overwork, solve_core
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped

NOISE = 0.3
ALPHAS = (0.0, 0.5, 1.0)
MOVES_BETWEEN_SITES = 40
IDLE_ROUNDS = 6
LARGEST_SUBPROBLEM = 6_000  # options
SITE_NODES = 50


class LocalSearch:
    """Improves a solution of a core.

    Parameters
    ----------
    openings : Openings
        Holds the solution to start from.
    run : Run
    rng : numpy.random.Generator
    plan : callable
        Makes the plan of units of each option.

    Attributes
    ----------
    best : float
        Least total so far, in seconds.
    amounts : numpy.ndarray of int64 or None
        Units of each option in the best solution; None while some group is not served.
    """

    def __init__(self, openings: Openings, run: Run, rng: np.random.Generator, plan: Callable[[Ints], Plan]) -> None:
        self.openings, self._run, self.rng, self._plan = openings, run, rng, plan
        self.core = openings.core
        self.current = openings.total, openings.opened
        self.best, self.opened = self.current
        self.amounts = openings.amounts()
        self.sites = self.core.used_sites

    def run(self, rounds: int | None = None, exact_sites: bool = True) -> None:
        """Alternate moves and exactly solved sites until nothing improves for a while, or rounds or time are over."""
        idle, done = 0, 0
        while len(self.sites) and idle < IDLE_ROUNDS and (rounds is None or done < rounds):
            before = self.best
            for _ in range(MOVES_BETWEEN_SITES):
                if self._run.stop_reason() is not None:
                    return
                self.move()
            if exact_sites:
                for count in (1, 2, 3):
                    if self._run.stop_reason() is not None:
                        return
                    self.solve_sites(min(count, len(self.sites)))
            idle = 0 if self.best < before * (1 - 1e-9) else idle + 1
            done += 1
            self._run.count()

    def move(self) -> None:
        """Flip, swap or relocate a model, or rebuild a site or two."""
        openings, rng = self.openings, self.rng
        kind = rng.integers(4)
        site = int(rng.choice(self.sites))
        used = used_models(self.openings, site)
        touched = [site]
        if kind < 3 and len(used):  # close a model or two; open what is best there (swap) or elsewhere (relocate)
            openings.close(site, rng.choice(used, min(len(used), int(rng.integers(1, 3))), replace=False))
            if kind == 1:
                touched = [int(rng.choice(self.sites)), site]
            elif kind == 2:
                touched = [*rng.choice(self.sites, min(3, len(self.sites)), replace=False).tolist()]
        else:
            if rng.random() < 0.5:
                touched.append(int(rng.choice(self.sites)))
            for closed in touched:
                openings.close(closed)
        sites = np.array(list(dict.fromkeys(touched)), np.int64)
        bundles = len(openings.arrays.bundle_start) - 1
        noise = np.exp(NOISE * rng.standard_normal((len(sites), bundles)))
        openings.insert(self._run, sites, float(rng.choice(ALPHAS)), noise)
        if openings.total <= self.current[0] * (1 + 1e-12):
            self.current = openings.total, openings.opened
            self._keep(openings.total, openings.state.amounts)
        else:
            openings.restore(self.current[1])

    def solve_sites(self, count: int) -> None:
        """Free sites that serve the same groups, and solve them with everything else fixed."""
        sites = self._neighbours(count)
        part = free_sites(self.core, self.current[1], sites)
        if not 0 < part.core.options <= LARGEST_SUBPROBLEM:
            return
        limited = self._run.part(iterations=SITE_NODES, seed=int(self.rng.integers(2**31)), gap=0.0)
        start = part.part_amounts(self.openings.state.amounts)
        try:
            _, amounts = solve_core(part.core, limited, start if part.core.feasible(start) else None)
        except (Overwork, ProgramError):
            return
        if amounts is None:
            return
        whole = part.whole_amounts(self.core, amounts)
        if not self.core.feasible(whole):
            return
        total = self.core.cost(whole)
        if total < self.current[0] * (1 - 1e-12):
            self.openings.restore(self.core.opened(whole))
            self.current = self.openings.total, self.openings.opened
            self._keep(self.openings.total, self.openings.state.amounts)
            self._keep(total, whole)

    def _keep(self, total: float, amounts: Ints) -> None:
        if total < self.best and self.core.feasible(amounts):
            self.best, self.amounts = total, amounts.copy()
            self.opened = self.core.opened(self.amounts)
            self._run.report(total, plan=partial(self._plan, self.amounts))

    def _neighbours(self, count: int) -> Ints:
        """Return a random site and others, drawn by how many groups could be served at both."""
        first = int(self.rng.choice(self.sites))
        if count == 1:
            return np.array([first])
        groups = np.zeros(self.core.groups, np.bool_)
        groups[self.core.option_group[self.core.option_site == first]] = True
        weight = np.bincount(self.core.option_site, groups[self.core.option_group], minlength=self.core.sites)
        weight = weight[self.sites] * (self.sites != first) + 1e-9
        others = self.rng.choice(self.sites, count - 1, replace=False, p=weight / weight.sum())
        return np.unique(np.append(others, first))


def solve_local_search(reduced: ReducedInstance, run: Run, start: Ints | None = None) -> Outcome:
    """Improve the greedy's solution, or the given one, by local search."""
    openings = Openings(reduced.core)
    if start is not None:
        openings.restore(reduced.core.opened(start))
    else:
        _, opened = greedy_opening(openings, run)
        openings.restore(opened)
        sweep(openings, run)
    search = LocalSearch(openings, run, np.random.default_rng(run.options.seed), reduced.plan)
    if start is not None and reduced.core.cost(start) < search.best:
        search.best, search.amounts = reduced.core.cost(start), start
    if search.amounts is not None:
        run.report(search.best, plan=partial(reduced.plan, search.amounts))
    search.run(run.options.iteration_limit)
    stopped = run.stop_reason() or (
        Stopped.ITERATION_LIMIT if run.options.iteration_limit is not None else Stopped.FINISHED
    )
    if search.amounts is None:
        return Outcome(stopped=stopped, message="the local search found no feasible plan")
    return Outcome(reduced.plan(search.amounts), stopped=stopped)


@on_reduced_instance
@unless_decoupled
def solve(reduced: ReducedInstance, run: Run) -> Outcome:
    """Improve by flips, swaps, relocations and exactly solved sites."""
    return solve_local_search(reduced, run, reduced.start(run))
