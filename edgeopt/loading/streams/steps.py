"""A stream in steps of time: users by their windows, models by what a batch takes, GPU states by their large blocks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.workload import Workload

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST_STEPS_OF_LOAD = 2  # a block is large when loading it takes so many steps
LEAST_SHARE_OF_LOAD = 0.25  # and this share of the longest load
MOST_STATES, MOST_LARGE_BLOCKS = 16, 4
ROUNDING = 1e-7  # of a step; windows are longer, loads shorter by it
WINDOW_MARGIN = 1e-8  # relative: ten times the checker's tolerance


class Windows(NamedTuple):
    """Users, sorted by model and then by the step in which they are ready.

    Attributes
    ----------
    first : numpy.ndarray of int64, shape (models + 1,)
    ready, last, due : numpy.ndarray of int64, shape (users,)
        Steps: uploads are done, the latest start of a batch that serves nobody else, and the deadline.
    opens, closes : numpy.ndarray, shape (users,)
        When uploads are done, and the latest start, in steps.
    """

    first: Integers
    ready: Integers
    last: Integers
    due: Integers
    opens: Floats
    closes: Floats


class Models(NamedTuple):
    """What a batch takes of each model, in steps and fractions of them.

    Attributes
    ----------
    kind : numpy.ndarray of int64, shape (models,)
        The number of its set of large blocks.
    fixed, sample, own : numpy.ndarray, shape (models,)
        Computing of a batch and of a sample, and loading of what no other model holds.
    length, apart : numpy.ndarray of int64, shape (models,)
        Steps that a batch takes at least, and steps between two that are not in the same one.
    """

    kind: Integers
    fixed: Floats
    sample: Floats
    own: Floats
    length: Integers
    apart: Integers


class States(NamedTuple):
    """What may be on the GPU of the large blocks, and how one state follows another, on a coarse grid.

    Attributes
    ----------
    runs : numpy.ndarray of bool, shape (states, kinds)
        Which models can run there. State 0 is the empty GPU.
    source, steps : numpy.ndarray of int64, shape (transitions,)
        Where transitions come from, and how many steps they take; sorted by their targets.
    into : numpy.ndarray of int64, shape (states + 1,)
        Those into a state are ``into[state]`` to ``into[state + 1] - 1``.
    order : numpy.ndarray of int64, shape (states,)
        States of more blocks first: what takes no steps only drops some.
    """

    runs: NDArray[np.bool_]
    source: Integers
    steps: Integers
    into: Integers
    order: Integers


class Steps(NamedTuple):
    """A stream in steps of time; `number` steps of `length_s` seconds."""

    length_s: float
    number: int
    windows: Windows
    models: Models
    states: States


class Stream:
    """A workload in steps of time.

    Parameters
    ----------
    work : Workload
        At least one user.
    step_s : float
        Seconds of a step.

    Attributes
    ----------
    queues : Queues
    order : numpy.ndarray of int64, shape (users,)
        The users of the queues in the order of the windows.
    steps : Steps
    longest_batch : int
        Steps of the longest batch, rounded up.
    """

    def __init__(self, work: Workload, step_s: float) -> None:
        self._work, self.queues = work, work.queues
        queues = self.queues
        ready = queues.arrival_s + queues.upload_s
        self.order = np.lexsort((queues.due_s, ready, queues.model))
        self._ready_s = ready[self.order] * (1 - WINDOW_MARGIN)
        self._due_s = queues.due_s[self.order] * (1 + WINDOW_MARGIN)
        self._model = queues.model[self.order]
        # Of merged blocks part may be evicted; the largest of them is there or not.
        self._bytes = work.block_bytes
        if work.whole_atoms:
            sizes = work.instance.library.blocks
            self._bytes = np.array([max(sizes[name] for name in names) for names in work.blocks], dtype=np.int64)
        self.step_s = step_s
        windows, apart = self._windows(), self._least_batch_s() / self.step_s
        large, sets = self._large_blocks()
        own = self._own_s(large) / self.step_s
        kinds, kind = np.unique(sets, axis=0, return_inverse=True)
        longest = (work.fixed_s + work.sample_s * self._most_at_once(windows)) / self.step_s
        models = Models(
            kind.reshape(-1).astype(np.int64),
            work.fixed_s / self.step_s,
            work.sample_s / self.step_s,
            own,
            np.maximum(0, np.floor(apart - ROUNDING)).astype(np.int64),
            np.maximum(1, np.floor(apart - ROUNDING)).astype(np.int64),
        )
        self.longest_batch = int(np.ceil(longest.max() + ROUNDING))
        number = int(windows.due.max()) + 2
        self.steps = Steps(self.step_s, number, windows, models, self._states(large, kinds, models.kind, longest))

    def _least_batch_s(self) -> Floats:
        return self._work.fixed_s + self._work.sample_s

    def _windows(self) -> Windows:
        d, least = self.step_s, self._least_batch_s()[self._model]
        latest = np.maximum(self._due_s - least, self._ready_s)
        ready = np.floor(self._ready_s / d - ROUNDING).astype(np.int64)
        last = np.floor(latest / d + ROUNDING).astype(np.int64)
        return Windows(
            np.searchsorted(self._model, np.arange(len(self.queues.model_names) + 1)).astype(np.int64),
            np.maximum(0, ready),
            last,
            np.floor(self._due_s / d + ROUNDING).astype(np.int64),
            self._ready_s / d,
            latest / d,
        )

    def _most_at_once(self, windows: Windows) -> Integers:
        """Return how many users of each model a batch can serve at most."""
        most = []
        for model, capacity in enumerate(self._work.batch.tolist()):
            users = slice(windows.first[model], windows.first[model + 1])
            begins, ends = np.sort(windows.ready[users]), np.sort(windows.last[users])
            there = np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="left")
            most.append(min(capacity, int(there.max(initial=1))))
        return np.array(most, dtype=np.int64)

    def _large_blocks(self) -> tuple[Integers, NDArray[np.bool_]]:
        """Return the large blocks, and which of them each model holds, shape (models, large blocks)."""
        work = self._work
        load = self._bytes / work.rate / self.step_s
        able = (load >= LEAST_STEPS_OF_LOAD) & (load >= LEAST_SHARE_OF_LOAD * load.max(initial=0.0))
        candidates = np.flatnonzero(able)
        candidates = candidates[np.argsort(-load[candidates], kind="stable")]
        if work.keeps:
            large = candidates[:MOST_LARGE_BLOCKS]
        else:
            large = candidates
            while len(np.unique(work.holds[:, large], axis=0)) > MOST_STATES:
                large = large[:-1]
        return large, work.holds[:, large]

    def _own_s(self, large: Integers) -> Floats:
        """Seconds to load what no other model holds and is not large; 0 where it may be there before its turn."""
        work = self._work
        if work.keeps or work.instance.prefetch == "next":
            return np.zeros(len(work.model_names))
        alone = work.holds.sum(axis=0) == 1
        alone[large] = False
        own: Floats = (work.holds[:, alone] * work.block_bytes[alone]).sum(axis=1) / work.rate
        return own * (1 - WINDOW_MARGIN)

    def _states(self, large: Integers, kinds: NDArray[np.bool_], kind: Integers, longest: Floats) -> States:
        size = self._bytes[large]
        if not self._work.keeps:
            held = np.vstack([np.zeros((1, len(large)), np.bool_), kinds])
            runs = np.vstack([np.zeros((1, len(kinds)), np.bool_), np.eye(len(kinds), dtype=np.bool_)])
            pairs = [(a, b) for a in range(len(held)) for b in range(1, len(held)) if a != b]
        else:
            sets = list(self._sets(size))
            held = np.array(sets, dtype=np.bool_).reshape(len(sets), len(large))
            runs = np.array([[self._fits(row, kind, large) for kind in kinds] for row in held], dtype=np.bool_)
            # One block more or less: others are made of these.
            number = {tuple(row): index for index, row in enumerate(held.tolist())}
            pairs = [(a, b) for row, a in number.items() for b in self._beside(row, number)]
        source, target = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        loaded = ((held[target] & ~held[source]) * size).sum(axis=1)
        steps = np.floor(loaded / self._work.rate / self.step_s * (1 - WINDOW_MARGIN) - ROUNDING).astype(np.int64)
        steps = np.maximum(0, steps)
        if self._work.instance.prefetch == "next":
            steps = np.maximum(0, steps - self._loaded_beside(runs, kind, longest)[source])
        by_target = np.argsort(target, kind="stable")
        into = np.searchsorted(target[by_target], np.arange(len(runs) + 1)).astype(np.int64)
        order = np.argsort(-held.sum(axis=1), kind="stable")
        return States(runs, source[by_target], steps[by_target], into, order)

    def _loaded_beside(self, runs: NDArray[np.bool_], kind: Integers, longest: Floats) -> Integers:
        """Return in how many steps a batch of a state can compute while the next one's blocks are loaded, for each."""
        work = self._work
        room = np.maximum(0, work.room_bytes - work.workspace_bytes) / work.rate / self.step_s
        most = np.ceil(np.minimum(room, longest) + 2 * ROUNDING).astype(np.int64)
        of_kind = np.zeros(runs.shape[1], np.int64)
        np.maximum.at(of_kind, kind, most)
        return np.where(runs, of_kind, 0).max(axis=1)

    def _sets(self, size: Integers) -> Iterable[list[bool]]:
        """Yield the sets of large blocks that fit into memory, the empty one first."""
        memory = self._work.instance.server.memory_bytes
        for number in range(len(size) + 1):
            for chosen in combinations(range(len(size)), number):
                if sum(int(size[block]) for block in chosen) <= memory:
                    yield [block in chosen for block in range(len(size))]

    def _fits(self, held: NDArray[np.bool_], kind: NDArray[np.bool_], large: Integers) -> bool:
        """Whether some model of a kind can run beside these large blocks."""
        work = self._work
        if (kind & ~held).any():
            return False
        members = np.flatnonzero((work.holds[:, large] == kind).all(axis=1))
        others = int(self._bytes[large][held & ~kind].sum())
        return any(int(work.room_bytes[model]) - int(work.workspace_bytes[model]) >= others for model in members)

    def _beside(self, row: tuple[bool, ...], number: dict[tuple[bool, ...], int]) -> Iterable[int]:
        for block, there in enumerate(row):
            other = (*row[:block], not there, *row[block + 1 :])
            if other in number:
                yield number[other]
