"""`exact`: the strong form, reduced by what its linear relaxation proves, to proven optimality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.running import Result
from edgeopt.errors import ProgramError
from edgeopt.pulling.arrays import ReducedInstance
from edgeopt.pulling.core import Flags, Ints
from edgeopt.pulling.cpsat import servable
from edgeopt.pulling.diving import Diving
from edgeopt.pulling.greedy import greedy_opening
from edgeopt.pulling.infeasibility import infeasible_if_confirmed
from edgeopt.pulling.lagrangian import LagrangianRelaxation
from edgeopt.pulling.local_search import LocalSearch
from edgeopt.pulling.openings import Openings
from edgeopt.pulling.reach import on_reduced_instance, unless_decoupled
from edgeopt.pulling.relaxation import LinearRelaxation
from edgeopt.pulling.repair import fitting
from edgeopt.pulling.strong_form import StrongProgram
from edgeopt.pulling.strong_solver import Overwork, solve_core, split_amounts, split_units
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Status, Stopped
from edgeopt.tolerances import HIGHS_PRECISION

DIRECT_UP_TO = 2_000  # options
HEURISTIC_ROUNDS = 3
THRESHOLDS = (0.5, 0.2, 0.05)
DIVING_ROUNDS = 30
BOUND_SETTINGS = {"mip_heuristic_effort": 0.01, "mip_detect_symmetry": False}
LIKELY = 1e-6
KERNEL_NODES = 200
FIRST_BOUND_ABOVE = 20_000  # options
FIRST_BOUND_STEPS = 400


class ExactSearch:
    """The steps of `exact` on one instance: heuristics, the linear relaxation, and integer programs on what is left.

    Attributes
    ----------
    known : Incumbent of numpy.ndarray of int64
        Units of each option of the best solution so far, its seconds, and the bound.
    """

    def __init__(self, reduced: ReducedInstance, run: Run) -> None:
        self.core, self.relaxed, self._run, self._plan = reduced.core, reduced.relaxed, run, reduced.plan
        self.known: Incumbent[Ints] = Incumbent(run, plan=reduced.plan)
        self.by_openings = run.options.gap > 0 and bool(reduced.core.limited.any())  # fractional units are near enough

    @property
    def total(self) -> float:
        """Seconds of the best solution; infinite without one."""
        return np.inf if self.known.value is None else self.known.value

    def offer(self, amounts: Ints | None) -> None:
        """Keep a feasible solution when it is better."""
        if amounts is not None and self.core.feasible(amounts):
            self.known.offer(amounts, self.core.cost(amounts))

    def improve(self, opened: Flags, rounds: int) -> None:
        """Offer what a short local search makes of these open atoms."""
        openings = Openings(self.core)
        openings.restore(opened)
        openings.insert(self._run, np.arange(self.core.sites), 1.0)
        local = LocalSearch(openings, self._run, np.random.default_rng(self._run.options.seed), self._plan)
        local.run(rounds, exact_sites=False)
        self.offer(local.amounts)

    def solve_part(self, keep: Flags, node_limit: int | None, proof: bool) -> Result:
        """Solve the integer program over some of the options, and offer its solution.

        `proof` says that the options left out are useless, so that the bound holds for the whole core.
        """
        part, behind = self.relaxed.restricted(keep), np.flatnonzero(keep)
        start = self._start(keep)
        limited = self._run.part(iterations=node_limit)

        def offer(amounts: Ints) -> None:
            whole = np.zeros(self.core.options, np.int64)
            np.add.at(whole, behind, amounts)
            self.offer(whole)

        while True:
            try:
                result, amounts = solve_core(part, limited, start, self._report_bound if proof else None, offer)
                break
            except Overwork as overwork:
                whole, merged = part, start
                part, inner = split_units(whole, overwork.groups)
                start = None if merged is None else split_amounts(part, merged, inner)
                behind = behind[inner]
        if amounts is not None:
            offer(amounts)
        return result

    def run(self) -> Result:
        """Find an optimum; the result's bound holds for the whole core."""
        _, opened = greedy_opening(Openings(self.core), self._run)
        self.improve(opened, HEURISTIC_ROUNDS)
        self._forget_what_is_far()
        stopped = self._run.stop_reason()
        if self.known.best is not None and stopped is not None:  # relaxations and programs take long to state
            return self._ended(stopped)
        keep = np.ones(self.core.options, np.bool_)
        if self.core.options > DIRECT_UP_TO:
            self._first_bound()
            relaxation = None if self.known.proved() else self._relaxation()
            if relaxation is not None and relaxation.bound is not None:
                self._raise_bound(relaxation.bound)
                keep = self._reduced(relaxation)
                if self.by_openings and not self.known.proved():
                    self._bound_by_openings(keep)
        if self.known.proved():
            return self._ended(Stopped.FINISHED)
        result = self.solve_part(keep, self._run.options.iteration_limit, proof=True)
        if self._forget_what_is_far():
            result = self.solve_part(keep, self._run.options.iteration_limit, proof=True)
        if self.known.best is not None and result.status == Status.INFEASIBLE:
            raise ProgramError("HiGHS finds no plan where one is known")
        bounds = [bound for bound in (self.known.bound, result.bound) if bound is not None]
        return replace(result, bound=min(max(0.0, *bounds), self.total) if bounds else None)

    def _ended(self, stopped: Stopped) -> Result:
        """Return the result of a search that needs no program, or has no time for one."""
        return Result(Status.FEASIBLE, stopped, bound=0.0 if self.known.bound is None else self.known.bound)

    def _start(self, keep: Flags) -> Ints | None:
        """Return the best solution over some of the options, where it uses no others."""
        best = self.known.best
        return None if best is None or best[~keep].any() else best[keep]

    def _forget_what_is_far(self) -> bool:
        """Leave out what costs more than the best solution in all; say whether a cloud is closed by that."""
        known = self.core.cloud_cost
        self.core, self.relaxed = self.core.up_to(self.total), self.relaxed.up_to(self.total)
        return not np.array_equal(self.core.cloud_cost, known)

    def _relaxation(self) -> LinearRelaxation:
        best = self.known.best
        opened = None if best is None else self.core.opened(best)
        return LinearRelaxation(self.relaxed, self._run, opened=opened)

    def _first_bound(self) -> None:
        """Climb the Lagrangian dual: on large instances the linear relaxation takes long and bounds only at its end."""
        if self.known.best is not None and self.core.options > FIRST_BOUND_ABOVE:
            relaxation = LagrangianRelaxation(self.relaxed)
            relaxation.climb(self._run, self.total, FIRST_BOUND_STEPS)
            self._raise_bound(relaxation.bound)

    def _raise_bound(self, bound: float) -> None:
        self.known.tighten(min(bound, self.total))

    def _report_bound(self, bound: float) -> None:
        """Report a bound of a solver under way; the one that counts is that of its result."""
        self._run.report(None, min(bound, self.total))

    def _bound_by_openings(self, keep: Flags) -> None:
        """Bound by whole openings and fractional units, which takes far less time, until the gap is reached."""
        part = self.relaxed.restricted(keep)
        program = StrongProgram(part)
        start = (
            None if self.known.best is None or self.known.best[~keep].any() else program.point(self.known.best[keep])
        )
        solver = HighsSolver(program.program(whole_units=False), self._run, BOUND_SETTINGS)

        def enough(_: float | None, bound: float | None) -> bool:
            return bound is not None and self.known.proved(bound)

        def report(_: float | None, bound: float | None) -> None:
            if bound is not None:
                self._report_bound(bound)

        limit = self._run.options.iteration_limit
        result = solver.solve(
            gap=self._run.options.gap / 2, start=start, node_limit=limit, enough=enough, report=report
        )
        if result.bound is not None:
            self._raise_bound(min(result.bound, self.total))

    def _dive(self, keep: Flags) -> None:
        """Offer what a search over the openings finds with fractional units."""
        openings = Openings(self.core)
        for opened, units in Diving(self.core, keep, self._run).run(DIVING_ROUNDS):
            self.offer(openings.complete(opened, units))
            if self.known.proved():
                return

    def _reduced(self, relaxation: LinearRelaxation) -> Flags:
        """Improve the incumbent with the relaxation's openings; return the options that a better one may use."""
        core, openings = self.core, relaxation.openings()
        if self.by_openings:
            self._dive(core.available(openings > LIKELY))
            return relaxation.useful(self.total) if self.known.best is not None else np.ones(core.options, np.bool_)
        for threshold in THRESHOLDS:
            if self._run.stop_reason() is None and not self.known.proved():
                self.improve(fitting(core, openings, threshold), HEURISTIC_ROUNDS)
        if self.known.best is not None and not self.known.proved() and self._run.stop_reason() is None:
            likely = (openings > LIKELY) | core.opened(self.known.best)
            self.solve_part(core.available(likely) & relaxation.useful(self.total), KERNEL_NODES, proof=False)
        return relaxation.useful(self.total) if self.known.best is not None else np.ones(core.options, np.bool_)


def solve_exact(reduced: ReducedInstance, run: Run, start: Ints | None = None) -> Outcome:
    """Solve an instance to proven optimality.

    Parameters
    ----------
    reduced : ReducedInstance
    run : Run
    start : numpy.ndarray of int64, optional
        Units of each option of a feasible solution.
    """
    search = ExactSearch(reduced, run)
    search.offer(start)
    result = search.run()
    if result.status == Status.INFEASIBLE:
        return infeasible_if_confirmed(reduced, run, servable)
    bound, total = result.bound, search.total
    if bound is not None and result.status == Status.OPTIMAL and abs(total - bound) <= HIGHS_PRECISION * abs(total):
        bound = total
    return Outcome(None if search.known.best is None else reduced.plan(search.known.best), bound, result.stopped)


@on_reduced_instance
@unless_decoupled
def solve(reduced: ReducedInstance, run: Run) -> Outcome:
    """Solve the strong integer program."""
    return solve_exact(reduced, run, reduced.start(run))
