"""Walks of the GPU through time: their steps for an interval of upload phases, and the best one at some prices."""

from __future__ import annotations

from itertools import pairwise
from math import log2
from typing import TYPE_CHECKING

import numpy as np

from edgeopt.loading.queues import Batch, Floats, Integers, Queues
from edgeopt.loading.walks.path_memory import Groups
from edgeopt.loading.walks.sequencing import countable, sequenced
from edgeopt.run import Run
from edgeopt.solution import Plan

if TYPE_CHECKING:
    from edgeopt.loading.walks.path_prices import Prices

STEPS = 2_000  # of the longest service
MOST_STEPS = 20_000
MOST_CELLS = 20_000_000  # steps times models squared that a walk may look at
STEPS_OF_INTERVAL = 20  # the least number, while steps can be longer than the shortest ones
MOST_STATES = 16  # of memory
ROUNDING = 1e-9  # relative to a step


def step_length(queues: Queues) -> float | None:
    """Seconds of the shortest step; None when batches are too short, or the models too many."""
    horizon = float(queues.due_s.max(initial=0.0))
    shortest = float((queues.fixed_s + queues.per_sample_s).min(initial=np.inf))
    if not queues.user_names or shortest <= horizon / MOST_STEPS:
        return None
    step = min(horizon / STEPS, shortest * (1 - 1e-6))
    return step if horizon / step * len(queues.model_names) ** 2 <= MOST_CELLS else None


class Walks:
    """The best walks for plans with an upload phase in an interval.

    Parameters
    ----------
    queues : Queues
    step_s : float
        As `step_length` says.

    Attributes
    ----------
    number : int
        Walks so far.
    longest_s : float
        The longest upload phase.
    first_uploads : bool
        All uploads come first.
    most_memory : int
        So many states of memory at most.
    """

    first_uploads, most_memory = True, MOST_STATES

    def __init__(self, queues: Queues, step_s: float) -> None:
        self._arrays, self._step_s = queues, step_s
        self.number = 0
        self.longest_s = float(min(queues.upload_s.sum(), queues.due_s.max()))
        shortest = float((queues.fixed_s + queues.per_sample_s).min())
        self._coarsest = int(log2(max(1.0, shortest * (1 - 1e-6) / step_s)))
        self._durations: dict[int, tuple[Integers, Integers, Integers]] = {}

    def prepare(self, low: float, high: float, groups: Groups) -> None:
        """Take upload phases of these lengths in seconds; walks remember these groups."""
        from edgeopt.loading.walks.path_kernels import Steps, WalkTables

        queues = self._arrays
        level = min(self._coarsest, int(log2(max(1.0, (high - low) / (STEPS_OF_INTERVAL * self._step_s)))))
        step = self._step_s * 2**level
        latest = np.floor((queues.due_s - low) / step + ROUNDING).astype(np.int64)
        size = int(max(0, latest.max()))
        ranges = pairwise(queues.first)
        rank = np.stack([np.searchsorted(latest[first:end], np.arange(size + 1)) for first, end in ranges], axis=1)
        self._steps = Steps(size, rank.astype(np.int64), *self._durations_of(level, step))
        self._memory = groups.queues
        shape = (size + 1, groups.states, len(queues.model_names))
        self._tables = WalkTables(
            np.empty(shape),
            np.empty(shape),
            np.empty(shape, np.int32),
            np.empty(shape, np.int16),
            np.empty(shape[1:]),
            np.empty(shape[1:]),
            np.empty(self._memory.offset[-1]),
        )

    def _durations_of(self, level: int, step: float) -> tuple[Integers, Integers, Integers]:
        """Durations in steps, kept for each level."""
        if level not in self._durations:
            self._durations[level] = durations(self._arrays, step)
        return self._durations[level]

    def limits(self, longest_s: float) -> Floats:
        """Seconds of the radio: those of the upload phase."""
        return np.array([longest_s])

    def best(self, prices: Prices, fixed: Integers) -> tuple[float, Integers, Floats]:
        """Return what the best walk is worth, how often it serves each user, and the seconds of its uploads.

        It does not serve users that are `fixed` to -1.
        """
        from edgeopt.loading.walks.path_kernels import best_walk, forget

        queues = self._arrays
        worth: Floats = np.where(fixed < 0, -1.0, 1.0 - prices.user - prices.upload_s[0] * queues.upload_s)
        counts = np.zeros(len(worth), np.int64)
        self.number += 1
        forget(self._steps, self._memory, self._tables)
        value = best_walk(worth, queues.first, queues.capacity, self._steps, self._memory, self._tables, counts)
        return value, counts, np.array([counts @ queues.upload_s])

    def sequenced(self, users: list[int], always: bool, run: Run) -> list[Batch] | bool | None:
        """Return batches that serve all these users in time; False: there are none; None: not decided.

        Where that is costly, None, unless it is to be decided `always`.
        """
        if not always and not countable(self._arrays, users):
            return None
        return sequenced(self._arrays, users, run)

    def plan(self, batches: list[Batch]) -> Plan:
        """Return the plan of these batches."""
        return self._arrays.plan(batches)


def durations(queues: Queues, step_s: float) -> tuple[Integers, Integers, Integers]:
    """Return durations in steps of loading, of one batch, and of two or more."""
    number = np.arange(int(np.diff(queues.first).max()) + 1)
    batches = np.maximum(2, -(-number // queues.capacity[:, None]))
    sampling = queues.per_sample_s[:, None] * number
    return (
        _whole(queues.switch_s / step_s),
        np.maximum(1, _whole((queues.fixed_s[:, None] + sampling) / step_s)),
        np.maximum(1, _whole((queues.fixed_s[:, None] * batches + sampling) / step_s)),
    )


def _whole(steps: Floats) -> Integers:
    """Round down, and never up for a rounding error."""
    return np.maximum(0, np.floor(steps - ROUNDING)).astype(np.int64)
