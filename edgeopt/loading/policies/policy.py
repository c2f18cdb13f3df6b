"""What a policy sees of a stream, and what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from math import inf
from typing import Literal, NamedTuple

import numpy as np

from edgeopt.loading.policies.desk import CLOCK, FREE, Desk, Floats, Integers, Requests
from edgeopt.loading.queues import Queues


class Load(NamedTuple):
    """Load a model and run its largest batch in time, the earliest due first.

    Attributes
    ----------
    model : int
        By its number in the view.
    evict : tuple of str
        Blocks that leave the GPU first, where the stream's `retention` is ``"capacity"``; if that makes too little
        room, others follow as the policy's ``evicts`` says.
    """

    model: int
    evict: tuple[str, ...] = ()


class Wait(NamedTuple):
    """Do nothing until a moment, or until the next request is ready if that comes first.

    Attributes
    ----------
    until_s : float
        By default the next request that is ready.
    """

    until_s: float = inf


class Waiting(NamedTuple):
    """Requests that wait, by model, of one model the earliest due first.

    Attributes
    ----------
    model : numpy.ndarray of int64, shape (requests,)
        By its number in the view.
    arrival_s, due_s, upload_bits : numpy.ndarray, shape (requests,)
    """

    model: Integers
    arrival_s: Floats
    due_s: Floats
    upload_bits: Floats


class Imagined:
    """A GPU in imagination, of which is known what it has done so far.

    Parameters
    ----------
    batches : iterator of (float, int)
        When each batch ends, and its number of users.
    """

    def __init__(self, batches: Iterator[tuple[float, int]]) -> None:
        self._batches = batches
        self._end_s, self._served = [-inf], [0]

    def served(self, until_s: float) -> int:
        """Return how many users it has served by a moment that is not in the future."""
        while self._end_s[-1] <= until_s:
            end_s, users = next(self._batches, (inf, 0))
            self._end_s.append(end_s)
            self._served.append(self._served[-1] + users)
        return self._served[bisect_right(self._end_s, until_s) - 1]


class View:
    """What is known at a moment: the library, the server, its GPU, and who has arrived; nothing of the future.

    Arrays have one entry for each model of ``model_names``. Requests that can no longer be served in time are not seen.

    Attributes
    ----------
    model_names : list of str
    waits : numpy.ndarray of int64
        Requests that wait and could be served in time if their model came next.
    batch : numpy.ndarray of int64
        Users of the largest batch of them in time.
    load_s, compute_s : numpy.ndarray
        Seconds for which the GPU would load the model and compute that batch.
    arrival_s, due_s : numpy.ndarray
        Earliest arrival and deadline of those who could be served in time; infinite where there are none.
    capacity : numpy.ndarray of int64
        Largest batch that fits beside the model.
    fixed_s, sample_s : numpy.ndarray
        A batch of n users computes for ``fixed_s + n * sample_s``.
    """

    def __init__(
        self,
        queues: Queues,
        blocks: Sequence[tuple[str, ...]],
        requests: Requests,
        desk: Desk,
        imagine: Callable[[Policy], Iterator[tuple[float, int]]],
    ) -> None:
        self._queues, self._blocks, self._requests, self._desk = queues, blocks, requests, desk
        self._imagine = imagine
        self.model_names = queues.model_names
        self.waits, self.batch = desk.waits, desk.batch
        self.arrival_s, self.due_s = desk.oldest_s, desk.due_s
        self.capacity, self.fixed_s, self.sample_s = requests.capacity, requests.fixed_s, requests.sample_s

    @property
    def now_s(self) -> float:
        """When the policy is asked."""
        return float(self._desk.times[CLOCK])

    @property
    def free_s(self) -> float:
        """When the GPU falls free: now, or later where blocks are loaded while a batch computes."""
        return float(self._desk.times[FREE])

    @property
    def load_s(self) -> Floats:
        """Seconds from `free_s` until each model is loaded."""
        return self._desk.start_s - self._desk.times[FREE]

    @property
    def compute_s(self) -> Floats:
        """Seconds of each model's largest batch in time."""
        return self.fixed_s + self.sample_s * self.batch

    def waiting(self) -> Waiting:
        """Return who waits."""
        requests, users = self._requests, np.flatnonzero(self._desk.waiting)
        model, bits = requests.model[users], requests.upload_bits[users]
        return Waiting(model, requests.arrival_s[users], requests.due_s[users], bits)

    def compiled(self) -> tuple[Requests, Desk]:
        """Return the arrays for compiled code of own policies; they hold the future, which is not to be read."""
        return self._requests, self._desk

    def on_gpu(self) -> set[str]:
        """Return the names of the blocks on the GPU."""
        resident = np.flatnonzero(self._desk.resident)
        return {name for block in resident.tolist() for name in self._blocks[block]}

    def imagined(self, policy: Policy) -> Imagined:
        """Return a GPU in imagination that serves the same requests as another policy says, from the beginning on."""
        return Imagined(self._imagine(policy))

    def best(self, worth: Floats) -> Load | Wait:
        """Load the model of most worth among those with somebody to serve, of equal ones the most urgent; else wait."""
        servable = np.flatnonzero(self.batch)
        if not len(servable):
            return Wait()
        best = servable[np.lexsort((self.due_s[servable], -worth[servable]))[0]]
        return Load(int(best))


class Policy(ABC):
    """A policy: it is asked when the GPU falls free and, while it is idle, whenever a request is ready.

    Attributes
    ----------
    shares : bool
        Whether a block that two models hold is loaded once; else each model has copies of its own.
    evicts : str
        Which blocks leave first where the GPU keeps blocks: ``"least needed"``, those whose models the fewest waiting
        requests ask for, or ``"oldest"``, those used longest ago.
    """

    shares = True
    evicts: Literal["least needed", "oldest"] = "least needed"

    def anew(self) -> Policy:
        """Return a policy of the same kind that has not begun."""
        return copy(self)

    def begin(self, view: View) -> None:
        """Prepare for a stream, of which nobody has arrived yet."""
        return

    @abstractmethod
    def decide(self, view: View) -> Load | Wait:
        """Say what the GPU does next; where the stream's `prefetch` is not ``"idle"``, somebody can be served."""
