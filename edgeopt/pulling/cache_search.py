"""`cache-search`: separable instances of any size by exact knapsacks, cache by cache, with a bound."""

from __future__ import annotations

from functools import partial

import numpy as np

from edgeopt.pulling import cache_kernels
from edgeopt.pulling.core import Flags, Floats, Ints
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.separable import SeparableInstance, compile_separable
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

ALPHAS = (1.0, 0.8, 0.5)
SWEEPS = 4
FREED = (4, 8)
NOISE = (0.0, 0.05, 0.2)
IDLE_MOVES = 400
BOUND_SHARE = 0.15  # of the time limit
BOUND_STEPS = 400
LAST_SHARE = 0.04  # least part of the time limit that is kept for writing the plan down and its check


class CacheSearch:
    """The items that each site holds, and what they save.

    Attributes
    ----------
    held : numpy.ndarray of bool, shape (sites, items)
    best : numpy.ndarray, shape (groups,)
        Seconds that each group saves.
    where : numpy.ndarray of int64, shape (groups,)
        Its site, -1 for the cloud.
    """

    def __init__(self, separable: SeparableInstance, run: Run) -> None:
        self.separable, self.within, self.caches = separable, run, separable.caches
        self.sites = np.flatnonzero(np.diff(self.caches.site_start) > 0)
        self.rng = np.random.default_rng(run.options.seed)
        self.clear()

    def clear(self) -> None:
        """Hold nothing."""
        groups = len(self.caches.node)
        self.held = np.zeros((len(self.caches.room), len(self.caches.size)), np.bool_)
        self.best, self.where = np.zeros(groups), np.full(groups, -1, np.int64)

    @property
    def saved(self) -> float:
        """Seconds saved against the cloud, pulling deducted."""
        return float(self.best.sum()) - cache_kernels.pulling(self.caches, self.held)

    def state(self) -> tuple[Flags, Floats, Ints]:
        """Return a copy of the solution."""
        return self.held.copy(), self.best.copy(), self.where.copy()

    def refill(self, sites: Ints, noise: float) -> None:
        """Refill sites one after another."""
        factors = np.exp(noise * self.rng.standard_normal((len(sites), len(self.caches.size))))
        cache_kernels.refill_sites(self.caches, self.held, self.best, self.where, sites, factors)

    def sweep(self, limit: float) -> None:
        """Refill each site in random order until that saves nothing more."""
        ones = np.ones(len(self.caches.size))
        for _ in range(SWEEPS):
            before = self.saved
            for site in self.rng.permutation(self.sites):
                if self._late(limit):
                    return
                cache_kernels.refill(self.caches, self.held, self.best, self.where, int(site), ones)
            if self.saved <= before * (1 + 1e-9):
                return

    def construct(self, limit: float) -> None:
        """Start from the best of the lazy greedies."""
        best = self.saved, self.state()
        for alpha in ALPHAS:
            if self._late(limit):
                break
            self.clear()
            cache_kernels.lazy_greedy(self.caches, self.held, self.best, self.where, alpha)
            if self.saved > best[0]:
                best = self.saved, self.state()
        self.held, self.best, self.where = best[1]

    def run(self, limit: float, moves: int | None) -> None:
        """Free a few sites that share entry nodes, refill them with noise, and keep what is no worse."""
        saved, idle, done = self.saved, 0, 0
        while len(self.sites) > 1 and not self._late(limit) and (moves is None or done < moves):
            if moves is None and self.within.options.time_limit is None and idle >= IDLE_MOVES:
                return
            sites, kept = self._neighbours(), self.state()
            self.refill(sites, float(self.rng.choice(NOISE)))
            done += 1
            self.within.count()
            now = self.saved
            if now < saved * (1 - 1e-12):
                self.held, self.best, self.where = kept
                idle += 1
                continue
            idle = 0 if now > saved * (1 + 1e-9) else idle + 1
            if now > saved:
                self.report()
            saved = now

    def report(self) -> None:
        """Tell the total delay of what the sites hold now, and its plan."""
        plan = partial(self.separable.plan, self.held.copy(), self.where.copy())
        self.within.report(self.separable.cloud_total - self.saved, plan=plan)

    def _late(self, limit: float) -> bool:
        return self.within.stop_reason() is not None or self.within.elapsed_s() > limit

    def _neighbours(self) -> Ints:
        c = self.caches
        first = int(self.rng.choice(self.sites))
        nodes = c.site_nodes[c.site_start[first] : c.site_start[first + 1]]
        node = int(self.rng.choice(nodes))
        near = c.node_sites[c.node_site_start[node] : c.node_site_start[node + 1]]
        near = near[near != first]
        count = min(len(near), int(self.rng.integers(FREED[0], FREED[1] + 1)) - 1)
        return np.append(self.rng.choice(near, count, replace=False), first)


def climb_dual(search: CacheSearch, limit: float, steps: int) -> float:
    """Return a lower bound on the total delay: the assignment of groups relaxed, a price for each."""
    separable, run = search.separable, search.within
    price, target = search.best.copy(), search.saved
    best_price, best, theta, idle = price.copy(), np.inf, 1.0, 0
    slope = np.empty(len(price))
    direction = np.zeros(len(price))
    for _ in range(steps):
        value = cache_kernels.dual_value(separable.caches, price, slope)
        if value < best - 1e-7 * abs(best) or not np.isfinite(best):
            idle = 0
        else:
            idle += 1
        if value < best:
            best, best_price = value, price.copy()
            run.report(None, separable.cloud_total - best * (1 + 1e-9))
        if run.stop_reason() is not None or run.elapsed_s() > limit or theta < 1e-3:
            break
        if idle >= 8:
            idle, theta, price, direction = 0, theta / 2, best_price.copy(), np.zeros(len(price))
            continue
        direction = slope + 0.3 * direction
        norm = float(direction @ direction)
        if norm <= 1e-18 or value <= target:
            break
        price = np.maximum(0.0, price - theta * (value - target) / norm * direction)
    return separable.cloud_total - best * (1 + 1e-9)


def _end_of_search(run: Run) -> float:
    """Return the seconds after the start at which to end; plan and check take about as long as reading the instance."""
    if run.options.time_limit is None:
        return np.inf
    last = max(run.elapsed_s(), LAST_SHARE * run.options.time_limit)
    return run.options.time_limit - min(last, run.remaining_s() / 2)


def solve_cache_search(instance: PullingInstance, run: Run) -> Outcome:
    """Start from a lazy greedy, sweep, bound, and search; the plan's delay is the checker's."""
    separable = compile_separable(instance)
    search = CacheSearch(separable, run)
    end = _end_of_search(run)
    search.construct(end)
    search.report()
    search.sweep(end)
    search.report()
    now = run.elapsed_s()
    share = np.inf if run.options.time_limit is None else now + BOUND_SHARE * run.options.time_limit
    bound = climb_dual(search, min(share, end), BOUND_STEPS)
    search.run(end, run.options.iteration_limit)
    stopped = run.stop_reason() or Stopped.FINISHED
    if run.options.time_limit is not None and run.elapsed_s() > end:
        stopped = Stopped.TIME_LIMIT
    return Outcome(separable.plan(search.held, search.where), bound, stopped)


def solve_cache_bound(instance: PullingInstance, run: Run) -> Outcome:
    """Return the lower bound of the dual alone."""
    search = CacheSearch(compile_separable(instance), run)
    search.construct(np.inf)
    bound = climb_dual(search, np.inf, run.options.iteration_limit or BOUND_STEPS)
    return Outcome(bound=bound, stopped=run.stop_reason() or Stopped.FINISHED)
