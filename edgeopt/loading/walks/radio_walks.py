"""Walks of the GPU through time while users upload: their steps, and the best one at some prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgeopt.loading.batches.lines import Lines
from edgeopt.loading.queues import Batch, Floats, Integers
from edgeopt.loading.streams.everybody import serve_everybody
from edgeopt.loading.walks.path_walks import ROUNDING, Walks, durations, step_length
from edgeopt.loading.workload import Workload
from edgeopt.run import Run
from edgeopt.solution import Plan

if TYPE_CHECKING:
    from edgeopt.loading.walks.path_memory import Groups
    from edgeopt.loading.walks.path_prices import Prices

CHUNKS, FEW_CHUNKS = 300, 1  # of states of those who must be served, where it is to be decided, and else
PIECES = 24  # of time, within which the radio has one price


class RadioWalks:
    """The best walks for plans whose uploads overlap the service, with consecutive retention.

    Parameters
    ----------
    work : Workload
    step_s : float
        As `step_length` says.

    Attributes
    ----------
    number : int
        Walks so far.
    longest_s : float
        The longest upload phase: there is none.
    first_uploads : bool
        They do not come first.
    most_memory : int
        These walks remember nothing.
    """

    longest_s, first_uploads, most_memory = 0.0, False, 1

    def __init__(self, work: Workload, step_s: float) -> None:
        from edgeopt.loading.walks.radio_kernels import RadioSteps, RadioTables

        self._work, self._queues = work, work.queues
        queues = work.queues
        self.number = 0
        due = np.floor(queues.due_s / step_s + ROUNDING).astype(np.int64)
        opens = np.maximum(0, np.floor(queues.upload_s / step_s - ROUNDING)).astype(np.int64)
        size, users, models = int(due.max()), len(queues.user_names), len(queues.model_names)
        pieces = min(PIECES, size + 1)
        begins = np.linspace(0, size + 1, pieces + 1).astype(np.int64)
        piece = np.searchsorted(begins, np.arange(size + 1), side="right") - 1
        self._steps = RadioSteps(size, due, opens, *durations(queues, step_s), piece, begins[:-1].copy())
        # Who starts in a step has uploaded before the next one.
        self._limits: Floats = begins[1:].astype(np.float64) * step_s * (1 + ROUNDING)
        shape = size + 1, models
        self._tables = RadioTables(
            np.empty(shape),
            np.empty(shape),
            np.empty(shape, np.int32),
            np.empty(shape, np.int32),
            np.empty(shape, np.int16),
            np.empty((pieces, users)),
            np.empty((pieces, users), np.int64),
            np.empty(users),
            np.empty(users, np.int64),
        )

    def limits(self, longest_s: float) -> Floats:
        """Seconds of the radio until the end of each piece."""
        return self._limits

    def prepare(self, low: float, high: float, groups: Groups) -> None:
        """Nothing depends on an upload phase or on memory."""

    def best(self, prices: Prices, fixed: Integers) -> tuple[float, Integers, Floats]:
        """Return what the best walk is worth, how often it serves each user, and what it uploads up to each piece."""
        from edgeopt.loading.walks.radio_kernels import best_radio_walk

        queues = self._queues
        worth: Floats = np.where(fixed < 0, -1.0, 1.0 - prices.user)
        price = np.cumsum(prices.upload_s[::-1])[::-1].copy()
        counts, used = np.zeros(len(worth), np.int64), np.zeros(len(price))
        self.number += 1
        value = best_radio_walk(
            worth,
            queues.upload_s,
            price,
            queues.first,
            queues.capacity,
            self._steps,
            self._tables,
            counts,
            used,
        )
        return value, counts, used

    def sequenced(self, users: list[int], always: bool, run: Run) -> list[Batch] | bool | None:
        """Return batches that serve all these users in time; False: there are none; None: not decided.

        It is a stream in which all arrive at once. Fewer states are looked at unless it is to be decided `always`.
        """
        if not users:
            return []
        instance, names = self._work.instance, [self._queues.user_names[user] for user in users]
        part = instance.replace(users={name: instance.users[name] for name in names})
        found = serve_everybody(part, run, CHUNKS if always else FEW_CHUNKS)
        return found if found is None or isinstance(found, bool) else self._queues.batches(found)

    def plan(self, batches: list[Batch]) -> Plan:
        """Return the plan of these batches."""
        lines = Lines(self._queues, self._work.timing, self._work)
        return lines.plan(lines.line(batches))


def walks_of(work: Workload) -> Walks | RadioWalks | None:
    """Return the walks that bound a workload; None where batches are too short, the models too many, or in other modes.

    With kept blocks they would load too much, and they count users, not weights.
    """
    if work.keeps or work.queues.objective.weight is not None:
        return None
    step = step_length(work.queues)
    if step is None:
        return None
    return RadioWalks(work, step) if work.overlapped else Walks(work.queues, step)
