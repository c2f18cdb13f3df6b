"""A best-first search with semidefinite bounds, for set-union knapsacks that are too large to be proved.

A part of the search has elements that are left out and elements that are kept. Where the linear bounds of
`BranchAndBound` close little in a part, and their tree grows with the exponent of what is left to close, these are
thousands of times as dear and close most of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.placement.knapsack import Knapsack
from edgeopt.placement.semidefinite import SemidefiniteBound
from edgeopt.run import Run
from edgeopt.solution import Plan, Stopped

LOOK = 25  # iterations between two looks at the bound
QUICK_ROWS = 400  # of a matrix with which so many take a moment; with more rows the clock is looked at more often
ROOT_LOOKS, LOOKS = 16, 4  # most, at the root and in other parts
MOST_ITERATIONS = 10**12  # without a limit
LEAST_FALL = 0.02  # of what the bound is above the best value; a look that closes less is the last
STORED, MOST_STORED = 6, 10**9  # matrices of a part that waits, and bytes of all; other parts begin anew

Bools = NDArray[np.bool_]


class Part(NamedTuple):
    """Choices of items that leave out some elements and need none of some others, or may.

    Attributes
    ----------
    out, held : numpy.ndarray of bool, shape (elements,)
        What is left out, and what is not.
    bound : float
        Proven, of the part.
    relaxation : SemidefiniteBound or None
        Where it was stored, of the items and elements that are open.
    """

    out: Bools
    held: Bools
    bound: float
    relaxation: SemidefiniteBound | None


class SemidefiniteTree:
    """Bounds on a set-union knapsack problem, from the open parts of a search.

    Parameters
    ----------
    knapsack : Knapsack
        Reduced.
    best : numpy.ndarray of bool, shape (items,)
        A feasible choice.
    bound : float
        Proven before.
    plan : callable, optional
        Makes the plan of a choice.

    Attributes
    ----------
    best, value
        The best choice so far, and its profit.
    bound : float
        Proven.
    parts : int
        Parts that were bounded.
    """

    def __init__(
        self, knapsack: Knapsack, best: Bools, bound: float, plan: Callable[[Bools], Plan] | None = None
    ) -> None:
        self.knapsack, self.best, self.value = knapsack, best, knapsack.value(best)
        self.bound, self.parts, self._plan_of = bound, 0, plan
        self._need = int(knapsack.weight.sum()) - knapsack.capacity
        self._stored = 0
        self._order = count()
        self._open: list[tuple[float, int, Part]] = []

    def run(self, run: Run, iterations: int | None = None) -> Stopped:
        """Search until nothing is open above the best value, or a limit of the options or of iterations is reached."""
        nothing = np.zeros(len(self.knapsack.weight), np.bool_)
        left = MOST_ITERATIONS if iterations is None else iterations
        left -= self._add(Part(nothing, nothing, self.bound, None), None, None, left, run)
        while self._open:
            self._tell(-self._open[0][0], run)
            if self.bound <= self.value + run.options.gap * abs(self.value):
                break
            reason = run.stop_reason()
            if reason is not None:
                return reason
            if left <= 0:
                return Stopped.ITERATION_LIMIT
            _, _, part = heappop(self._open)
            element = self._branch(part)
            for out in (True, False):
                fate = np.zeros_like(nothing)
                fate[element] = True
                child = Part(part.out | (fate & out), part.held | (fate & (not out)), part.bound, None)
                left -= self._add(child, part, element, left, run)
            self._stored -= STORED * part.relaxation.matrix.nbytes if part.relaxation else 0
        if not self._open:
            self.bound = self.value
            run.report(None, self.bound)
        return Stopped.PROVED

    def _tell(self, bound: float, run: Run) -> None:
        """Take a bound on all parts, and report it."""
        bound = floor(bound) if self.knapsack.integral else bound
        self.bound = max(self.value, min(self.bound, bound))
        run.report(None, round(self.bound) if self.knapsack.integral else self.bound)

    def _add(self, part: Part, parent: Part | None, element: int | None, most: int, run: Run) -> int:
        """Bound a part and keep it where it may hold something better; return the iterations that it took."""
        knapsack, living, unsafe = self.knapsack, self._living(part), self._unsafe(part)
        open_elements = ~(part.out | part.held)
        need = self._need - int(knapsack.weight[part.out].sum())
        weight = knapsack.weight[open_elements]
        if int(weight.sum()) < need:
            return 0
        self.parts += 1
        if need <= 0 or not unsafe.any():
            self._take(living if need <= 0 else living & ~unsafe, run)
            return 0
        sure = float(knapsack.profit[living & ~unsafe].sum())
        excess = int(min(weight.max(), knapsack.weight[part.out].min(initial=weight.max()))) - 1
        incidence = knapsack.incidence[np.ix_(unsafe, open_elements)]
        relaxation = SemidefiniteBound(knapsack.profit[unsafe], incidence, weight, need, excess)
        if parent is not None and parent.relaxation is not None and element is not None:
            self._start(relaxation, part, parent, parent.relaxation, element)
        done = self._approach(relaxation, sure, parent is None, most, run)
        bound = sure + relaxation.bound
        bound = min(part.bound, floor(bound) if knapsack.integral else bound)
        if bound > self.value:
            size = STORED * relaxation.matrix.nbytes
            stored = relaxation if self._stored + size <= MOST_STORED else None
            self._stored += size if stored else 0
            heappush(self._open, (-bound, next(self._order), Part(part.out, part.held, bound, stored)))
        return done

    def _take(self, chosen: Bools, run: Run) -> None:
        """Keep a feasible choice that is better than the best."""
        value = self.knapsack.value(chosen)
        if value > self.value:
            self.best, self.value = chosen, value
            plan = None if self._plan_of is None else partial(self._plan_of, chosen)
            run.report(round(value) if self.knapsack.integral else value, plan=plan)

    def _approach(self, relaxation: SemidefiniteBound, sure: float, root: bool, most: int, run: Run) -> int:
        """Let a bound fall as long as it falls fast, and tell the root's; return the iterations that it took."""
        step = max(1, int(LOOK * min(1.0, (QUICK_ROWS / len(relaxation.matrix)) ** 3)))
        done = idle = 0
        for _ in range(ROOT_LOOKS if root else LOOKS):
            before, end = relaxation.bound, min(done + LOOK, most)
            while done < end and run.stop_reason() is None:
                relaxation.run(min(step, end - done))
                run.count(min(step, end - done))
                done += min(step, end - done)
            relaxation.prove()
            if root:
                self._tell(sure + relaxation.bound, run)
            above = sure + relaxation.bound - self.value
            if done < end or done >= most or above < (1 if self.knapsack.integral else 0):
                break
            idle = idle + 1 if before - relaxation.bound < LEAST_FALL * above else 0
            if idle > 1 and relaxation.bound < before:
                break
        return done

    def _living(self, part: Part) -> Bools:
        return self.knapsack.without(part.out)

    def _start(
        self, relaxation: SemidefiniteBound, part: Part, parent: Part, before: SemidefiniteBound, element: int
    ) -> None:
        """Let a relaxation go on from that of the part above, which differs by one element and its items."""
        elements = np.flatnonzero(~(parent.out | parent.held))
        above, here = self._unsafe(parent), self._unsafe(part)
        kept = np.concatenate(
            [[0], 1 + np.flatnonzero(elements != element), 1 + len(elements) + np.flatnonzero(here[above])]
        )
        row = 1 + int(np.searchsorted(elements, element)) if part.out[element] else None
        relaxation.start_from(before, kept, row)

    def _unsafe(self, part: Part) -> Bools:
        """Return the living items that need an open element."""
        needed = np.asarray(self.knapsack.incidence[:, ~(part.out | part.held)].any(axis=1))
        return self._living(part) & needed

    def _branch(self, part: Part) -> int:
        """Return the open element that is left out most in the relaxation, and that much profit needs."""
        elements = np.flatnonzero(~(part.out | part.held))
        living = self._living(part)
        touched = self.knapsack.profit[living] @ self.knapsack.incidence[np.ix_(living, elements)]
        share = self.knapsack.weight[elements] if part.relaxation is None else part.relaxation.left_out
        score = touched * share
        return int(elements[int(score.argmax())])
