"""Local search on several lines of batches: each is annealed for a while; the best takes stretches of the others."""

from __future__ import annotations

import numpy as np

from edgeopt.loading.streams.beam_kernels import Floats
from edgeopt.loading.streams.lines import Line, StreamLines
from edgeopt.loading.streams.local_search import Search, iterations_of_sweep
from edgeopt.patience import Patience
from edgeopt.run import Run
from edgeopt.solution import Stopped

ITERATIONS = 400  # of a run that is limited neither in time nor in iterations
USUAL_SWEEPS = 8  # over a line, in as many iterations as patience counts by: those of short lines are few
SWEEPS = 2  # over a line, in a round
LEAST_GAIN = 500  # a line goes on alone while a round gains more than one part in so many
BATCHES_OF_PART, MOST_PARTS = 8, 80  # into which time is cut to exchange stretches
WIDTHS = (1, 2, 3, 5, 8, 13, 21, 34, 55)  # of stretches that are exchanged, in parts


class Population:
    """Anneals the best line in rounds; where a round gains little, another line has one, and gives what is better.

    Parameters
    ----------
    lines : StreamLines
    run : Run
    best : Line
    others : list of Line
        The next to be annealed first.

    Attributes
    ----------
    best : Line
    served : float
        What the best line serves, as lines count.
    iterations : int
    """

    def __init__(self, lines: StreamLines, run: Run, best: Line, others: list[Line]) -> None:
        self._lines, self._run, self._others = lines, run, list(others)
        self._leader = Search(lines, run, best)
        self._rng = np.random.default_rng(run.options.seed)
        self.iterations = 0

    @property
    def best(self) -> Line:
        """The best line."""
        return self._leader.best

    @property
    def served(self) -> float:
        """What the best line serves, as lines count."""
        return self._leader.served

    def search(self, limit: int | None, enough: float | None = None) -> Stopped:
        """Search until so many iterations are done, so much is served, or the run has to end."""
        patience = Patience(min(ITERATIONS, USUAL_SWEEPS * iterations_of_sweep(self.best)))
        enough = self._lines.everybody if enough is None else enough
        for line in self._others:
            self._join(line)
        while True:
            before = self.served
            stopped = self._round(self._leader, limit, enough)
            if stopped is None and self._others and (self.served - before) * LEAST_GAIN <= self.served:
                other = Search(self._lines, self._run, self._others.pop(0))
                stopped = self._round(other, limit, enough)
                self._join(other.best)
            if stopped is not None:
                return stopped
            if limit is None and not self._others and patience.over(self.served, self.iterations):
                return Stopped.FINISHED

    def _round(self, search: Search, limit: int | None, enough: float) -> Stopped | None:
        """Anneal a line for a round; return why the whole search ends, None if it goes on."""
        done, most = search.iterations, SWEEPS * iterations_of_sweep(search.best)
        left = most if limit is None else min(most, limit - self.iterations)
        stopped = search.search(done + left, enough)
        self.iterations += search.iterations - done
        if search.served >= enough or self.iterations == limit:
            return Stopped.FINISHED
        return None if stopped is Stopped.FINISHED else stopped

    def _join(self, other: Line) -> None:
        """Replace stretches of time of the best line by those of another where more users are served then."""
        begins, others = self._begins(self.best), self._begins(other)
        if not len(begins) or not len(others):
            return
        parts = max(2, min(MOST_PARTS, len(begins) // BATCHES_OF_PART))
        length = float(max(begins[-1], others[-1])) / parts
        cuts = length * (np.arange(parts + 2) - self._rng.random())
        for width in WIDTHS:
            for low, high in zip(cuts, cuts[width:], strict=False):
                if self._run.stop_reason() is not None:
                    return
                first, behind = np.searchsorted(begins, [low, high]).tolist()
                own, last = np.searchsorted(others, [low, high]).tolist()
                line = self.best.replaced(first, behind, other.part(own, last))
                if self._lines.served(line) > self.served and self._leader.take(line):
                    begins = self._begins(self.best)

    def _begins(self, line: Line) -> Floats:
        """Return when the batches of a line begin, as if nobody uploaded; one of nobody begins with the one before."""
        _, starts = self._lines.run(line.copy(), self._lines.begin())
        begins: Floats = np.maximum.accumulate(starts)
        return begins
