"""`lagrangian`: the linking rows and compute limits relaxed; a bound at scale, and a solution from its openings."""

from __future__ import annotations

from functools import partial

import numpy as np

from edgeopt.pulling import dual_kernels
from edgeopt.pulling.arrays import ReducedInstance
from edgeopt.pulling.core import Core, Floats, Ints, ranked
from edgeopt.pulling.greedy import greedy_opening
from edgeopt.pulling.local_search import LocalSearch
from edgeopt.pulling.openings import Openings
from edgeopt.pulling.reach import on_reduced_instance, unless_decoupled
from edgeopt.pulling.repair import fitting
from edgeopt.run import Outcome, Run

ITERATIONS = 600
GREEDY_SHARE = 0.3  # of the time that is left, at most
CLIMBING_SHARE = 0.5
THRESHOLDS = (0.5, 0.2)
POLISHING_ROUNDS = 2
STEPS = 50  # between two looks at the clock
PATIENCE = 15
LEAST_THETA = 5e-3
MARGIN = 1e-9  # relative; rounding in sums of floats
CANCELLED = 1e-12  # of all that is added and subtracted; rounding of what cancels


def dual_arrays(core: Core) -> dual_kernels.DualArrays:
    """Lay a core out for the dual kernels."""
    options, atoms = core.atoms_of_options
    sites, width = core.option_site[options], max(1, core.atom_bytes.shape[1])
    openings, of_pair = ranked(sites * width + atoms)
    row_key, rows = ranked(core.option_group[options] * len(openings) + of_pair)
    row_group, row_opening = np.divmod(row_key, max(1, len(openings)))
    site, atom = np.divmod(openings, width)
    finite = np.isfinite(core.cloud_cost)
    dearest = core.option_cost.max(initial=1.0) + core.atom_pull.sum(axis=1).max(initial=0.0)
    return dual_kernels.DualArrays(
        units=core.units,
        cloud=np.where(finite, core.cloud_cost, 1e3 * dearest),
        group_start=core.group_start,
        site=core.option_site,
        cost=core.option_cost,
        work=core.option_work,
        limited=core.limited,
        work_limit=core.work_limit,
        row_start=np.searchsorted(options, np.arange(core.options + 1)),
        rows=rows.astype(np.int64),
        row_group=row_group,
        row_opening=row_opening,
        opening_start=np.searchsorted(site, np.arange(core.sites + 1)),
        pull=core.atom_pull[site, atom],
        size=core.atom_bytes[site, atom],
        memory=core.memory,
    )


class LagrangianRelaxation:
    """The Lagrangian relaxation of a core.

    Attributes
    ----------
    bound : float
        Best value so far: a lower bound on the total delay in seconds, 0 at first.
    multipliers, best : Multipliers
        The present ones and those of the best value.
    average : numpy.ndarray, shape (openings,)
        How often the relaxation opened each atom lately, about 0 to 1.
    """

    def __init__(self, core: Core) -> None:
        self.core, self.arrays = core, dual_arrays(core)
        rows = len(self.arrays.row_group)
        self.multipliers = dual_kernels.Multipliers(np.zeros(rows), np.zeros(core.sites))
        self.best = dual_kernels.Multipliers(np.zeros(rows), np.zeros(core.sites))
        self.average = np.zeros(len(self.arrays.pull))
        openings = len(self.arrays.pull)
        self._minimum = dual_kernels.Minimum(
            reduced=np.empty(core.options),
            least=np.empty(core.groups),
            opening_cost=np.empty(openings),
            memory_price=np.empty(core.sites),
            opening=np.empty(openings),
            slope=np.empty(rows),
            work_slope=np.empty(core.sites),
        )
        order, other = np.empty((2, openings), np.int64)
        self._room = dual_kernels.Room(np.empty(rows), np.empty(core.sites), np.empty(openings), order, other)
        self._climb = dual_kernels.Climb(-np.inf, 1.0)

    @property
    def bound(self) -> float:
        """The proven bound, with a margin for rounding."""
        arrays, value = self.arrays, self._climb.value
        summed = arrays.units @ arrays.cloud + arrays.pull.sum() + arrays.units[arrays.row_group] @ self.best.price
        summed += self.best.work_price[arrays.limited] @ arrays.work_limit[arrays.limited]
        return max(0.0, value - MARGIN * abs(value) - CANCELLED * float(summed))

    def climb(self, run: Run, target: float, steps: int) -> None:
        """Improve the prices by at most so many steps towards a known total."""
        done = 0
        while done < steps and run.stop_reason() is None and self._climb.theta > LEAST_THETA:
            if self.bound >= target * (1 - 1e-9):
                break
            count = min(STEPS, steps - done)
            self._climb = dual_kernels.ascend(
                self.arrays,
                self.multipliers,
                self.best,
                self.average,
                self._minimum,
                self._room,
                self._climb,
                target,
                count,
                PATIENCE,
            )
            done += count

    def openings(self) -> Floats:
        """Return how often the relaxation opened each atom lately, shape (sites, atoms); 1 for atoms that are free."""
        openings = np.where(self.core.costly, 0.0, 1.0)
        options, atoms = self.core.atoms_of_options
        openings[self.core.option_site[options], atoms] = self.average[self.arrays.row_opening[self.arrays.rows]]
        return openings


def solve_lagrangian(reduced: ReducedInstance, run: Run, start: Ints | None = None) -> Outcome:
    """Climb the dual; open what the relaxation opens, complete, and polish.

    Returns
    -------
    Outcome
        With the dual's bound.
    """
    core = reduced.core
    openings = Openings(core)
    _, opened = greedy_opening(openings, run.part(GREEDY_SHARE * run.remaining_s()))
    openings.restore(opened)
    best, amounts = np.inf, None
    for solution in (start, openings.amounts()):
        if solution is not None and core.cost(solution) < best:
            best, amounts = core.cost(solution), solution
            opened = core.opened(solution)
            run.report(best, plan=partial(reduced.plan, amounts))
    stopped = run.stop_reason()
    if stopped is not None:  # what the relaxation is made of would take as long as all that was done so far
        return Outcome(None if amounts is None else reduced.plan(amounts), 0.0, stopped)
    target = min(best, openings.total)
    relaxation = LagrangianRelaxation(reduced.relaxed.up_to(best))
    steps = run.options.iteration_limit or ITERATIONS
    relaxation.climb(run.part(CLIMBING_SHARE * run.remaining_s()), target, steps)
    run.report(None, relaxation.bound)
    values = relaxation.openings()
    for candidate in (opened, *(fitting(core, values, threshold) for threshold in THRESHOLDS)):
        if run.stop_reason() is not None:
            break
        openings.restore(candidate)
        openings.insert(run, np.arange(core.sites), 1.0)
        local = LocalSearch(openings, run, np.random.default_rng(run.options.seed), reduced.plan)
        local.run(POLISHING_ROUNDS, exact_sites=False)
        if local.amounts is not None and local.best < best:
            best, amounts = local.best, local.amounts
            run.report(best, plan=partial(reduced.plan, amounts))
    relaxation.climb(run, min(best, target), steps // 2)
    plan = None if amounts is None else reduced.plan(amounts)
    return Outcome(plan, relaxation.bound, run.stop_reason() or Outcome().stopped)


@on_reduced_instance
@unless_decoupled
def solve(reduced: ReducedInstance, run: Run) -> Outcome:
    """Climb the Lagrangian dual, and make a solution of its openings."""
    return solve_lagrangian(reduced, run, reduced.start(run))
