"""Local search on lines of batches: a stretch of time is searched anew, and what comes after it is run again."""

from __future__ import annotations

from functools import partial

import numpy as np

from edgeopt.loading.streams.beam import Beam
from edgeopt.loading.streams.beam_kernels import Floats
from edgeopt.loading.streams.lines import Line, StreamLines
from edgeopt.patience import Patience
from edgeopt.run import Run
from edgeopt.solution import Stopped

WIDTHS = (2, 4, 8)  # of the beams that take turns
CHILDREN = 10
BUCKETS_OF_BATCH = 2  # buckets of a beam in the median batch
STRETCH = 10, 60  # batches that a stretch takes at least and at most, about
TRIED = 12  # ends of a stretch that are joined to what comes after
WORTH = 0.2, 0.9  # what users cost that are given up
LATEST_WORSE = 1.0  # users that a line may lose with probability 1/e at first
MOST_BATCHES = 40_000  # of usual length in a stream
LONG_LOAD_S = 60.0
ITERATIONS = 400  # of a run that is limited neither in time nor in iterations


class Search:
    """Searches a line, again and again, in a stretch of time.

    Parameters
    ----------
    lines : StreamLines
    run : Run
    start : Line

    Attributes
    ----------
    best : Line
    served : int
        Users of the best line.
    iterations : int
    """

    def __init__(self, lines: StreamLines, run: Run, start: Line) -> None:
        self._lines, self._run = lines, run
        self._rng = np.random.default_rng(run.options.seed)
        self.best, self.served = start, lines.served(start)
        self._now, self._served = start, self.served
        self.iterations = 0
        self._patience = Patience(ITERATIONS)
        self.batch_s = batch_seconds(lines)
        span = 2 * STRETCH[1] * self.batch_s + LONG_LOAD_S
        bucket_s = self.batch_s / BUCKETS_OF_BATCH
        self._beams = [Beam(lines, width, bucket_s, CHILDREN, span) for width in WIDTHS]

    def search(self, limit: int | None, enough: int | None = None) -> Stopped:
        """Search until so many iterations are done in all, so many users are served, or the run has to end."""
        everybody = len(self._lines.order) if enough is None else enough
        while True:
            if self.served >= everybody or (limit is not None and self.iterations >= limit):
                return Stopped.FINISHED
            if limit is None and self._patience.over(self.served, self.iterations):
                return Stopped.FINISHED
            reason = self._run.stop_reason()
            if reason is not None:
                return reason
            self._iterate()

    def _iterate(self) -> None:
        """Search a stretch anew; take the line unless it serves fewer users, rarely also then."""
        self.iterations += 1
        self._run.count()
        line = self._changed(self._now)
        served = self._lines.served(line) if line is not None else -1
        loss = self._served - served
        if line is not None and (loss <= 0 or self._rng.random() < 0.1 * np.exp(-loss / LATEST_WORSE)):
            self._now, self._served = line, served
        elif self.iterations % 50 == 0:
            self._now, self._served = self.best, self.served
        if line is not None and served > self.served:
            self.best, self.served = line, served
            self._run.report(served, plan=partial(self._lines.plan, line))

    def _changed(self, line: Line) -> Line | None:
        """Return a line that is searched anew in a stretch of time, None where nothing is left to change."""
        lines, rng = self._lines, self._rng
        line = line.copy()
        length = int(rng.integers(*STRETCH))
        first = int(rng.integers(0, max(1, len(line.models) - length // 2)))
        _, starts = lines.run(line, lines.begin())
        ran = np.flatnonzero(starts >= 0)
        line, starts = Line(line.models[ran], line.not_before[ran]), starts[ran]
        state = lines.begin()
        lines.run(Line(line.models[:first], line.not_before[:first]), state)
        # What comes after begins with blocks that have to be loaded anyway, where there is such a place.
        kind = lines.gpu.kind[line.models]
        switches = np.flatnonzero(kind[1:] != kind[:-1]) + 1
        behind = switches[switches >= first + length]
        last = int(behind[0]) if len(behind) else len(line.models)
        until = starts[last - 1] + lines.gpu.fixed[line.models[last - 1]] if len(behind) else np.inf
        beam = self._beams[self.iterations % len(self._beams)]
        best, node = beam.search(state, until, self._waits(), self._worth()).tolist()
        candidates = [(best, beam.line(node))] if node >= 0 else []
        if len(behind):
            candidates = []
            for served, end, after in beam.ends(TRIED):
                rest = Line(line.models[last:], line.not_before[last:]).copy()
                more, _ = lines.run(rest, after)
                candidates.append((served + more, joined(beam.line(end), rest)))
        if not candidates:
            return None
        new = max(candidates, key=lambda candidate: candidate[0])[1]
        return joined(Line(line.models[:first], line.not_before[:first]), new)

    def _waits(self) -> float:
        """Draw for how long a batch may wait for another user."""
        return float(self._rng.choice([0.0, 1.0, 4.0])) * self.batch_s

    def _worth(self) -> Floats:
        """Draw what it costs to give users up: about the same for all, and for each model."""
        rng, models = self._rng, len(self._lines.gpu.fixed)
        cost = rng.uniform(*WORTH) * rng.uniform(0.8, 1.2, models)
        worth: Floats = np.minimum(1.0, cost)[self._lines.model]
        return worth


def batch_seconds(lines: StreamLines) -> float:
    """Return the seconds of a usual batch, not too short for the stream."""
    requests, gpu = lines.requests, lines.gpu
    seconds = float(np.median((gpu.fixed + gpu.sample)[lines.model]))
    return max(seconds, float(requests.due.max()) / MOST_BATCHES) or 1.0


def joined(line: Line, other: Line) -> Line:
    """Return one line after another."""
    return Line(np.concatenate([line.models, other.models]), np.concatenate([line.not_before, other.not_before]))
