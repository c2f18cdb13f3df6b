"""Large instances, window by window: a bound that the windows' optima prove, and a search over windows of a plan.

Keeping an interval is worth a part of its saving in each window that it meets. Whatever the parts are, if they add up
to the saving, the best packings of all windows together save at least what the best plan saves: each plan is a packing
of every window. A joint saving is counted in one window, that of the visit before it, which all its intervals meet. The
parts are taken from the prices of the linear relaxation (a Lagrangian decomposition); windows that are not solved count
with their part of the relaxation.
"""

from __future__ import annotations

from math import fsum, inf
from typing import NamedTuple

import numpy as np

from edgeopt.engines.highs import HighsSolver
from edgeopt.residency.arrays import Floats, Integers, Intervals, Kept
from edgeopt.residency.greedy import given_start, greedy
from edgeopt.residency.nothing import if_all_models_fit
from edgeopt.residency.packing import Packing
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Stopped
from edgeopt.tolerances import HIGHS_BOUND_ERROR

BOUND_INTERVALS, SEARCH_INTERVALS = 300, 100  # that begin in a window
SEARCH_GAP, SEARCH_NODES = 1e-3, 50  # of a window's savings
QUICK, THOROUGH = (2e-3, 30), (1e-4, 5_000)  # gap and nodes of a window's bound
# What HiGHS does for plans costs more than its cuts, and bounds need none of it.
ONLY_CUTS = {
    "mip_heuristic_effort": 0.0,
    "mip_allow_restart": False,
    "mip_heuristic_run_rins": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_root_reduced_cost": False,
    "mip_heuristic_run_feasibility_jump": False,
}
NO_RESTART = {"mip_allow_restart": False}
SEARCH_SHARE = 0.4  # of the time that is left: the first pass of the search


class Prices(NamedTuple):
    """What the linear relaxation says.

    Attributes
    ----------
    byte : numpy.ndarray of float64, shape (visits + 1,)
        The price of a byte from the first visit up to each visit.
    member : numpy.ndarray of float64, shape (intervals,)
        The intervals' parts of joint savings.
    rest : numpy.ndarray of float64, shape (visits + 1,)
        What the joint saving of each visit is worth beyond those parts.
    kept : numpy.ndarray of float64, shape (intervals,)
        The relaxation's values.
    savings : float
        The least upper limit of all savings that the prices prove.
    """

    byte: Floats
    member: Floats
    rest: Floats
    kept: Floats
    savings: float


def relaxation(intervals: Intervals, run: Run) -> tuple[Prices | None, Stopped]:
    """Solve the linear relaxation; no prices when it was not solved in time."""
    if not len(intervals.block):
        nothing, free = np.empty(0), np.zeros(len(intervals.visits) + 1)
        return Prices(free, nothing, free, nothing, 0.0), Stopped.FINISHED
    joint = [(members, intervals.joint_saving[at]) for at, members in intervals.joint.items()]
    whole = Packing(
        intervals.first,
        intervals.end,
        intervals.bytes,
        intervals.saving,
        intervals.room,
        intervals.instance.memory_bytes,
        joint,
        chained=True,
    )
    result = HighsSolver(whole.program, run).solve(relaxed=True)
    if result.row_duals is None or result.values is None:
        return None, result.stopped
    price, member_price = whole.chain_prices(result.row_duals)
    at_visit = np.zeros(len(intervals.visits))
    at_visit[[first + int(np.argmin(intervals.room[first:last])) for first, last in _spans(whole, intervals)]] = price
    member = np.zeros(len(intervals.block))
    member[whole.member] = member_price
    rest = np.zeros(len(intervals.visits) + 1)
    paid = np.bincount(whole.joint_of, member_price, minlength=len(joint))
    rest[list(intervals.joint)] = np.maximum(0.0, np.array(list(intervals.joint_saving.values())) - paid)
    proven = whole.program.proven_bound(result.row_duals)
    savings = intervals.savings_at_most if proven is None else min(-proven, intervals.savings_at_most)
    byte = np.concatenate([[0.0], np.cumsum(at_visit)])
    return Prices(byte, member, rest, result.values[: len(intervals.block)], savings), result.stopped


def _spans(whole: Packing, intervals: Intervals) -> list[tuple[int, int]]:
    ends = [*whole.starts[1:].tolist(), len(intervals.visits)]
    return list(zip(whole.starts.tolist(), ends, strict=True))


class Windows:
    """The plan, the bound, and the steps that improve each of them.

    Parameters
    ----------
    intervals : Intervals
    prices : Prices
    start : numpy.ndarray of bool, shape (intervals,)
    run : Run

    Attributes
    ----------
    known : Incumbent of numpy.ndarray of bool
        The best plan so far, as the intervals that it keeps, and the best bound.
    length, step : int
        Visits of a window of the bound, and of one of the search.
    edges : list of int
        Where the windows of the bound begin, and the end.
    """

    def __init__(self, intervals: Intervals, prices: Prices, start: Kept, run: Run) -> None:
        self.intervals, self.prices, self.run = intervals, prices, run
        self.known: Incumbent[Kept] = Incumbent(run, plan=intervals.plan)
        visits, count = len(intervals.visits), max(1, len(intervals.block))
        self.length, self.step = (
            max(2, min(visits, visits * begun // count)) for begun in (BOUND_INTERVALS, SEARCH_INTERVALS)
        )
        self.edges = [*range(0, visits, self.length), visits]
        self._margin = HIGHS_BOUND_ERROR * intervals.savings_at_most
        self._parts = [self._priced(low, high) for low, high in zip(self.edges, self.edges[1:], strict=False)]
        self.known.offer(start, intervals.seconds(start))
        self.known.tighten(self._floor(prices.savings))

    def _floor(self, savings: float) -> float:
        return self.intervals.floor_s(savings, self._margin)

    def _members(self, low: int, high: int) -> Integers:
        """Return the intervals that take room at some visit of a window."""
        return np.flatnonzero((self.intervals.first < high) & (self.intervals.end > low))

    def _shares(self, members: Integers, low: int, high: int) -> tuple[Integers, Integers, Floats]:
        """Return where the members begin and end in the window, and the part of their own saving that it counts."""
        intervals, byte, joint = self.intervals, self.prices.byte, self.prices.member[members]
        first, end = intervals.first[members], intervals.end[members]
        inner_first, inner_end = np.maximum(first, low), np.minimum(end, high)
        price = intervals.bytes[members] * (byte[end] - byte[first])
        inner = intervals.bytes[members] * (byte[inner_end] - byte[inner_first])
        windows = (end - 1) // self.length - first // self.length + 1
        spread = inner + (intervals.saving[members] + joint - price) / windows
        return inner_first - low, inner_end - low, spread - np.where(end <= high, joint, 0.0)

    def _priced(self, low: int, high: int) -> float:
        """Return what the prices allow a window to save."""
        members = self._members(low, high)
        first, end, saving = self._shares(members, low, high)
        inner = np.diff(self.prices.byte[low : high + 1])
        byte = self.prices.byte[low : high + 1]
        saving += np.where(self.intervals.end[members] <= high, self.prices.member[members], 0.0)
        reduced = saving - self.intervals.bytes[members] * (byte[end] - byte[first])
        room, rest = inner * self.intervals.room[low:high], self.prices.rest[low + 1 : high + 1]
        return fsum([*room.tolist(), *np.maximum(0.0, reduced).tolist(), *rest.tolist()])

    def bound_window(self, index: int, gap: float, nodes: int) -> bool:
        """Replace what the prices allow a window by what its best packing saves; False: the run has to end."""
        low, high = self.edges[index], self.edges[index + 1]
        members = self._members(low, high)
        first, end, saving = self._shares(members, low, high)
        memory = self.intervals.instance.memory_bytes
        joint = self._joint_of_window(members, low, high)
        packing = Packing(
            first, end, self.intervals.bytes[members], saving, self.intervals.room[low:high], memory, joint
        )
        result = HighsSolver(packing.program, self.run, ONLY_CUTS).solve(gap=gap, node_limit=nodes)
        if result.bound is not None:
            size = float(np.abs(saving).sum()) + sum(value for _, value in joint)
            worth = -result.bound + HIGHS_BOUND_ERROR * size
            self._parts[index] = min(self._parts[index], worth)
            self.known.tighten(self._floor(fsum(self._parts)))
        return result.stopped in (Stopped.PROVED, Stopped.ITERATION_LIMIT)

    def _joint_of_window(self, members: Integers, low: int, high: int) -> list[tuple[Integers, float]]:
        """Return the joint savings that a window counts, with the places of their intervals among the members."""
        intervals = self.intervals
        return [
            (np.searchsorted(members, intervals.joint[at]), intervals.joint_saving[at])
            for at in range(low + 1, high + 1)
            if at in intervals.joint
        ]

    def improve(self, low: int, high: int) -> bool:
        """Choose anew among the intervals that meet a window, all others as they are; False: the run has to end."""
        intervals, best = self.intervals, self.known.best
        assert best is not None
        members = self._members(low, high)
        if not len(members):
            return True
        fixed = best.copy()
        fixed[members] = False
        first, last = int(intervals.first[members].min()), int(intervals.end[members].max())
        packing = Packing(
            intervals.first[members] - first,
            intervals.end[members] - first,
            intervals.bytes[members],
            intervals.saving[members],
            intervals.free_bytes(fixed)[first:last],
            intervals.instance.memory_bytes,
            self._joint(members, fixed),
        )
        solver = HighsSolver(packing.program, self.run, NO_RESTART)
        result = solver.solve(gap=SEARCH_GAP, node_limit=SEARCH_NODES, start=packing.start(best[members]))
        if result.values is not None:
            chosen = packing.kept(result.values)
            if packing.fits(chosen):
                fixed[members] = chosen
                self.known.offer(fixed, intervals.seconds(fixed))
        return result.stopped in (Stopped.PROVED, Stopped.ITERATION_LIMIT)

    def _joint(self, members: Integers, fixed: Kept) -> list[tuple[Integers, float]]:
        """Return the joint savings that members decide: all others that they need are kept."""
        place = {int(interval): index for index, interval in enumerate(members)}
        found = []
        for at, needed in self.intervals.joint.items():
            inner = [place[interval] for interval in needed.tolist() if interval in place]
            others = [interval for interval in needed.tolist() if interval not in place]
            if inner and fixed[others].all():
                found.append((np.array(inner, np.int64), self.intervals.joint_saving[at]))
        return found

    def sweep(self, offset: int, until_s: float) -> bool:
        """Improve the plan on window after window; False: the run, or the time for this, is over."""
        for low in range(-offset, len(self.intervals.visits), self.step):
            if self.run.elapsed_s() > until_s or not self.improve(max(0, low), low + self.step):
                return False
        return True

    def tighten(self, gap: float, nodes: int) -> None:
        """Bound window after window."""
        for index in range(len(self.edges) - 1):
            if self.ended() or not self.bound_window(index, gap, nodes):
                return

    def ended(self) -> bool:
        """Say whether the run has to end or nothing better is left."""
        return self.run.stop_reason() is not None or self.known.proved()

    def search(self, passes: int, limit: float) -> int:
        """Improve the plan in passes until two in turn change nothing or so many are made; return how many are."""
        idle = 0
        while passes < limit and idle < 2 and not self.ended():
            before = self.known.value
            self.sweep(self.step // 2 if passes % 2 else 0, inf)
            passes += 1
            self.run.count()
            idle = 0 if self.known.value != before else idle + 1
        return passes


def begun(intervals: Intervals, start: Kept, run: Run) -> tuple[Windows | None, Stopped]:
    """Return the windows with the better plan of a start and of the rounded relaxation; None: not solved in time."""
    prices, stopped = relaxation(intervals, run)
    if prices is None:
        return None, stopped
    rounded = greedy(intervals, np.round(prices.kept, 6))
    return Windows(intervals, prices, min(start, rounded, key=intervals.seconds), run), stopped


def searched(intervals: Intervals, start: Kept, run: Run) -> Kept:
    """Return what the search over windows makes of a start, with all passes of the iteration limit."""
    windows, _ = begun(intervals, start, run)
    if windows is None:
        return start
    windows.search(0, inf if run.options.iteration_limit is None else run.options.iteration_limit)
    return start if windows.known.best is None else windows.known.best


@if_all_models_fit
def solve(intervals: Intervals, run: Run) -> Outcome:
    """Search over windows, bound them, search again until nothing changes, and bound them better.

    An iteration is a pass over all windows of the search, from the beginning or from the middle of a window.
    """
    start = given_start(intervals, run)
    windows, stopped = begun(intervals, start, run)
    if windows is None:
        return Outcome(intervals.plan(start), stopped=stopped)
    limit = inf if run.options.iteration_limit is None else run.options.iteration_limit
    passes = 0
    if passes < limit and not windows.ended():
        windows.sweep(0, run.elapsed_s() + SEARCH_SHARE * run.remaining_s())
        passes += 1
        run.count()
    windows.tighten(*QUICK)
    passes = windows.search(passes, limit)
    windows.tighten(*THOROUGH)
    best = start if windows.known.best is None else windows.known.best
    limited = Stopped.ITERATION_LIMIT if passes >= limit else Stopped.FINISHED
    ending = Stopped.PROVED if windows.known.proved() else run.stop_reason() or limited
    return Outcome(intervals.plan(best), windows.known.bound, ending)


@if_all_models_fit
def solve_bound(intervals: Intervals, run: Run) -> Outcome:
    """Bound the seconds of loading by the linear relaxation, proven by its prices."""
    prices, stopped = relaxation(intervals, run)
    if prices is None:
        return Outcome(stopped=stopped)
    return Outcome(bound=intervals.floor_s(prices.savings), stopped=Stopped.FINISHED)
