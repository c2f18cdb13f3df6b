"""Lines of batches that name their users, for individual deadlines in any mode: built, filled, and made plans of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from edgeopt.loading.batches.bundles import bundle_order
from edgeopt.loading.batches.plans import Batch as TimedBatch
from edgeopt.loading.batches.plans import plan_for
from edgeopt.loading.queues import Batch, Integers, Queues
from edgeopt.loading.workload import Timing, Workload
from edgeopt.run import Run
from edgeopt.solution import Number, Plan

if TYPE_CHECKING:
    from edgeopt.loading.batches.line_kernels import Line

CHEAPEST_WORK = 2_000_000  # users squared; beyond, users are tried in given orders only
CHEAPEST_REPLAYS = 300_000  # the same where each trial runs the whole line again, times blocks
CREDITS = (0.5, 0.0), (0.9, 0.0), (1.0, 0.0), (1.0, 0.8), (1.0, 1.0)  # credit and advance of bundles
CHUNK = 50  # users inserted between two questions whether to stop


class Lines:
    """Makes lines of batches, bound to the users and the mode of an instance.

    Parameters
    ----------
    queues : Queues
        At least one user.
    timing : Timing
    work : Workload, optional
        What the plans are for; without it the usual mode, in which the batches say all.

    Attributes
    ----------
    objective : Objective
        What serving the users counts.
    shares : numpy.ndarray or None
        Weights in units of their mean, None where each user counts 1.
    room : tuple of Figures, numpy.ndarray or None, Scratch or None
        Room for what the kernels compute: `figures`, `radio` and `scratch` of `place_kernels`.
    """

    def __init__(self, queues: Queues, timing: Timing, work: Workload | None = None) -> None:
        from edgeopt.loading.batches.line_kernels import Users
        from edgeopt.loading.batches.place_kernels import new_figures, new_scratch

        self.queues, self.timing, self._work = queues, timing, work
        self.users = Users(queues.model, queues.upload_s, queues.due_s, queues.capacity)
        self.objective = queues.objective
        weight = self.objective.weight
        self.shares = None if weight is None else weight / weight.mean()
        number = len(queues.user_names)
        figures = new_figures(number)
        self.room = (
            figures,
            np.zeros_like(figures.clock) if timing.overlapped else None,
            new_scratch(number, len(timing.block_bytes)) if timing.keeps else None,
        )
        self._to = np.zeros(number + 1, np.int64)

    def line(self, batches: Iterable[Batch] = ()) -> Line:
        """Make a line of batches, each a model and its users by number."""
        from edgeopt.loading.batches.line_kernels import new_line, rebuild

        line = new_line(len(self.users.model))
        for position, (model, users) in enumerate(batches):
            line.model[position] = model
            line.place[users] = position
            line.length[0] += 1
        rebuild(self.users, line, self._to)
        return line

    def copy(self, line: Line) -> Line:
        """Return a line that changes apart from this one."""
        from edgeopt.loading.batches.line_kernels import Line

        return Line._make(array.copy() for array in line)

    def in_time(self, line: Line) -> bool:
        """Whether nobody is late, with the blocks that `keep_soonest` keeps."""
        from edgeopt.loading.batches.place_kernels import end_of

        return bool(end_of(line, self.timing, self.room[2]) < np.inf)

    def fill(self, line: Line, users: Integers, run: Run) -> None:
        """Serve as many of these users as fit, in this order, each where the line ends soonest."""
        from edgeopt.loading.batches.place_kernels import fill

        users = users[line.place[users] < 0]
        for first in range(0, len(users), CHUNK):
            if run.stop_reason() is not None:
                return
            chunk = users[first : first + CHUNK]
            fill(chunk, len(chunk), self.users, line, *self.room, self.timing)

    def greedy(self, run: Run) -> Line:
        """Return the best of lines that are filled in different orders of the users, each where the line ends soonest.

        When the users are few enough, one line takes next the user with whom it ends soonest, with weights the one who
        takes least time for its weight. A batch is left out where more others fit then, unless each trial would run the
        whole line again.
        """
        best = self.line()
        for order in self._orders():
            line = self.line()
            self.fill(line, order, run)
            best = self._better(best, line, run)
            if run.stop_reason() is not None:  # before a further order is made, which takes long with weights
                return best
        if self._can_choose():
            line = self.line()
            self._serve_cheapest(line, run)
            best = self._better(best, line, run)
        return best

    def plan(self, line: Line) -> Plan:
        """Return a line's plan."""
        from edgeopt.loading.batches.timing_kernels import kept_blocks

        if self._work is None or self._work.instance.usual_modes:
            return self.queues.plan(batches_of(line))
        length = int(line.length[0])
        kept = np.zeros((length, 0), np.bool_)
        if self.timing.keeps:
            kept = kept_blocks(line.model, line.size, length, self.timing)
        batches = batches_of(line)
        sequence = [
            TimedBatch(model, len(users), tuple(np.flatnonzero(kept[p]).tolist()))
            for p, (model, users) in enumerate(batches)
        ]
        return plan_for(
            self._work, sequence, [[self.queues.user_names[user] for user in users] for _, users in batches]
        )

    def _orders(self) -> Iterator[Integers]:
        upload, due = self.users.upload, self.users.due
        both = upload / upload.max(initial=1e-300) + due / due.max(initial=1e-300)
        if self.shares is not None:
            yield np.lexsort((upload, due))
            for key in (-self.shares, upload / self.shares, due / self.shares, both / self.shares):
                yield np.argsort(key, kind="stable")
            for credit, advance in CREDITS:
                yield bundle_order(self.queues, self.shares, credit, advance)
        else:
            yield from (np.lexsort((upload, due)), np.lexsort((due, upload)), np.argsort(both, kind="stable"))

    def _can_choose(self) -> bool:
        """Whether the users are few enough to look at all of them for each insertion."""
        blocks = len(self.timing.block_bytes) if self.timing.keeps else 0
        return len(self.users.due) ** 2 * max(1, blocks) <= (CHEAPEST_REPLAYS if blocks else CHEAPEST_WORK)

    def _serve_cheapest(self, line: Line, run: Run) -> None:
        from edgeopt.loading.batches.place_kernels import serve_cheapest

        waiting = np.flatnonzero(line.place < 0)
        left = len(waiting)
        while left and run.stop_reason() is None:
            left = serve_cheapest(waiting, left, self.users, line, *self.room, self.timing, self.shares)

    def _better(self, best: Line, line: Line, run: Run) -> Line:
        """Return the better of two lines, the second improved where that is cheap."""
        if not self.timing.keeps:
            line = self._without_batches(line, run)
        value = self.value(line)
        if value <= self.value(best):
            return best
        run.report(value, plan=partial(self.plan, self.copy(line)))
        return line

    def _without_batches(self, line: Line, run: Run) -> Line:
        """Leave out a batch if more others fit then; until that gains nothing."""
        from edgeopt.loading.batches.line_kernels import rebuild

        position = 0
        while position < line.length[0] and run.stop_reason() is None:
            tried = self.copy(line)
            tried.place[tried.place == position] = -1
            rebuild(self.users, tried, self._to)
            left_out, back = np.flatnonzero(line.place < 0), np.flatnonzero(line.place == position)
            cost = self.users.upload if self.shares is None else self.users.upload / self.shares
            others = left_out[np.argsort(cost[left_out], kind="stable")]
            self.fill(tried, np.concatenate([others, back]), run)
            line, position = (tried, 0) if self.value(tried) > self.value(line) else (line, position + 1)
        return line

    def value(self, line: Line) -> Number:
        """Return the value of a line."""
        if self.shares is None:
            return served_by(line)
        return self.objective.of_users(np.flatnonzero(line.place >= 0))


def served_by(line: Line) -> int:
    """Return the number of users of a line."""
    return int(line.size[: line.length[0]].sum())


def batches_of(line: Line) -> list[Batch]:
    """Return the batches of a line; those of one model take its users by deadline."""
    return [(int(line.model[p]), np.flatnonzero(line.place == p).tolist()) for p in range(int(line.length[0]))]
