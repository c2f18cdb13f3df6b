"""Local search on lines of batches: stretches of time are annealed, before what comes after them as it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from edgeopt.loading.streams.lines import Line, StreamLines
from edgeopt.run import Run
from edgeopt.solution import Stopped

if TYPE_CHECKING:
    from edgeopt.loading.streams.annealing_kernels import Anneal

LENGTH = 100  # batches of a stretch
BEHIND = 40  # batches after it that are run with it
ROOM = 3  # times as many batches as at first
MOVES = 1_000  # of an iteration
MOVES_OF_BATCH = 200  # in a stretch
WARM, COLD = (0.5, 0.3, 0.8), 0.05  # users that a move may lose with probability 1/e, at first in turns, and at last
SECOND = 0.5  # what a second of the GPU is taken to be worth, in parts of the users served in a second
GOLDEN = (5**0.5 - 1) / 2  # its multiples spread stretches evenly
MOST_BATCHES = 40_000  # of usual length in a stream


@dataclass
class Stretch:
    """Batches of a line from `first` on and below `behind`, and how they are annealed.

    Attributes
    ----------
    first, behind : int
    chunks : int
        Thousands of moves.
    warmth : float
    seed : int
    """

    first: int
    behind: int
    chunks: int
    warmth: float
    seed: int


class Search:
    """Anneals a line, stretch by stretch; an iteration is a thousand moves.

    Parameters
    ----------
    lines : StreamLines
    run : Run
    start : Line

    Attributes
    ----------
    best : Line
    served : float
        What the best line serves, as lines count.
    iterations : int
    """

    def __init__(self, lines: StreamLines, run: Run, start: Line) -> None:
        self._lines, self._run = lines, run
        self._rng = np.random.default_rng(run.options.seed)
        self.best, self.served = start, lines.served(start)
        self.iterations = self._turn = 0
        self._rooms = [_room(lines) for _ in range(run.options.threads)]

    def search(self, limit: int, enough: float) -> Stopped:
        """Search until so many iterations are done in all, so much is served, or the run has to end."""
        while self.served < enough and self.iterations < limit:
            reason = self._run.stop_reason()
            if reason is not None:
                return reason
            self._iterate(limit - self.iterations)
        return Stopped.FINISHED

    def _iterate(self, left: int) -> None:
        """Anneal a stretch in each thread, and take all that serve no less, the best first."""
        line = self._lines.without_empty(self.best)
        if self._lines.served(line) >= self.served:
            self.best = line
        most = max(1, left // len(self._rooms))
        stretches = [self._next(most) for _ in self._rooms]
        if len(stretches) == 1 or self._turn == len(stretches):  # in the first round kernels compile, out of threads
            tried = [self._annealed(*each) for each in zip(stretches, self._rooms, strict=True)]
        else:
            with ThreadPoolExecutor(len(stretches)) as pool:
                tried = list(pool.map(self._annealed, stretches, self._rooms))
        done = sum(stretch.chunks for stretch in stretches)
        self.iterations += done
        self._run.count(done)
        pairs = list(zip(stretches, tried, strict=True))
        if len(pairs) > 1:
            pairs.sort(key=lambda pair: -self._lines.served(self.best.replaced(pair[0].first, pair[0].behind, pair[1])))
        taken: list[tuple[Stretch, int]] = []
        for stretch, line in pairs:
            if any(stretch.first < other.behind and other.first < stretch.behind for other, _ in taken):
                continue
            more = sum(batches for other, batches in taken if other.first < stretch.first)
            if self.take(self.best.replaced(stretch.first + more, stretch.behind + more, line)):
                taken.append((stretch, len(line.models) - (stretch.behind - stretch.first)))

    def take(self, line: Line) -> bool:
        """Take a line unless it serves less; say whether it was taken."""
        served = self._lines.served(line)
        if served < self.served:
            return False
        if served > self.served:
            self._run.report(self._lines.value(line), plan=partial(self._lines.plan, line))
        self.best, self.served = line, served
        return True

    def _next(self, most: int) -> Stretch:
        """Return the stretch whose turn it is, annealed in at most so many iterations."""
        batches = len(self.best.models)
        first, behind = 0, batches
        self._turn += 1
        if batches > LENGTH:
            first = int(self._turn * GOLDEN % 1.0 * batches) - LENGTH // 2
            first, behind = max(0, first), min(batches, first + LENGTH)
        chunks = iterations_of_sweep(self.best.part(first, behind))
        seed = int(self._rng.integers(1, 2**63))
        return Stretch(first, behind, min(most, chunks), WARM[self._turn % len(WARM)], seed)

    def _annealed(self, stretch: Stretch, room: Anneal) -> Line:
        """Return what comes in the place of a stretch; where the run ends early, it is not annealed to the end."""
        from edgeopt.loading.streams.annealing_kernels import BEST, FIXED, NOW, anneal

        lines, line, now = self._lines, self.best, room.now
        first, behind, until = stretch.first, stretch.behind, min(len(line.models), stretch.behind + BEHIND)
        state = lines.begin()
        lines.run(line.part(0, first), state)
        now.times[0], now.spare[0], now.resident[0], now.next[0] = (
            state.times,
            state.spare[0],
            state.resident,
            state.next,
        )
        begins_s = float(state.times[0])
        lines.run(line.part(first, behind), state)
        requests = lines.requests
        comes = requests.ready < state.times[0] if behind < len(line.models) else np.True_
        pool = np.flatnonzero((requests.due > begins_s) & comes)
        if not len(pool):
            return line.part(first, behind)
        now.models[: until - first], now.not_before[: until - first] = (
            line.models[first:until],
            line.not_before[first:until],
        )
        room.size[NOW], room.size[FIXED], room.worth[BEST] = until - first, until - behind, -np.inf
        room.random[0] = stretch.seed
        # Where nothing comes after it, a stretch may end as late as it likes.
        price = worth_of_second(lines, self.served) if until < len(line.models) else 0.0
        warmth, cooling = stretch.warmth, (COLD / stretch.warmth) ** (1 / (MOVES * stretch.chunks))
        for done in range(stretch.chunks):
            if done and self._run.stop_reason() is not None:
                break
            warmth = anneal(MOVES, warmth, cooling, price, room._replace(pool=pool), lines.radio, requests, lines.gpu)
        return Line(room.best.models, room.best.not_before).part(0, int(room.size[BEST] - room.size[FIXED]))


def iterations_of_sweep(line: Line) -> int:
    """Return in how many iterations each batch of a line is moved often enough."""
    return 1 + MOVES_OF_BATCH * len(line.models) // MOVES


def _room(lines: StreamLines) -> Anneal:
    """Make room for a stretch that is annealed."""
    from edgeopt.loading.streams.annealing_kernels import Anneal, Track

    rows, models, blocks = ROOM * (LENGTH + BEHIND), len(lines.gpu.fixed), len(lines.gpu.block_bytes)

    def track() -> Track:
        return Track(
            np.zeros(rows, np.int64),
            np.zeros(rows),
            np.zeros((rows, 2)),
            np.zeros(rows, np.int64),
            np.zeros((rows, blocks), np.bool_),
            np.zeros((rows, models), np.int32),
            np.zeros(rows),
        )

    size, users = np.zeros(3, np.int64), np.zeros(len(lines.order), np.int64)
    none, random = np.zeros(0, np.int64), np.zeros(1, np.uint64)
    return Anneal(track(), track(), track(), size, np.zeros(2), none, lines.model.astype(np.int64), users, random)


def worth_of_second(lines: StreamLines, served: float) -> float:
    """Return what a second of the GPU is taken to be worth, as lines count, where a plan serves so much."""
    return SECOND * served / max(float(lines.requests.due.max()), 1e-300)


def batch_seconds(lines: StreamLines) -> float:
    """Return the seconds of a usual batch, not too short for the stream."""
    requests, gpu = lines.requests, lines.gpu
    seconds = float(np.median((gpu.fixed + gpu.sample)[lines.model]))
    return max(seconds, float(requests.due.max()) / MOST_BATCHES) or 1.0
