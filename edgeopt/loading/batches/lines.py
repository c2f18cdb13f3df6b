"""Lines of batches: what the greedy and the local search for individual deadlines build and improve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgeopt.loading.queues import Batch, Integers, Queues

if TYPE_CHECKING:
    from edgeopt.loading.batches.line_kernels import Data


@dataclass
class Line:
    """Batches one after another.

    Attributes
    ----------
    batch : numpy.ndarray of int64, shape (users + 1,)
        The models of the batches; only the first `length` count.
    place : numpy.ndarray of int64, shape (users,)
        Position of each user's batch; -1: not served.
    length : int
    """

    batch: Integers
    place: Integers
    length: int = 0

    @classmethod
    def of(cls, queues: Queues, batches: Iterable[Batch] = ()) -> Line:
        """Make a line of batches."""
        users = len(queues.user_names)
        line = cls(np.zeros(users + 1, np.int64), np.full(users, -1, np.int64))
        for position, (model, served) in enumerate(batches):
            line.batch[position] = model
            line.place[served] = position
            line.length += 1
        return line

    @property
    def users(self) -> int:
        """Users served."""
        return int((self.place >= 0).sum())

    def batches(self) -> list[Batch]:
        """Return the batches; those of one model take its users by deadline."""
        return [(int(self.batch[p]), np.flatnonzero(self.place == p).tolist()) for p in range(self.length)]

    def copy(self) -> Line:
        """Return a line that changes apart from this one."""
        return Line(self.batch.copy(), self.place.copy(), self.length)


def kernel_data(queues: Queues) -> Data:
    """Return what the kernels need of an instance."""
    from edgeopt.loading.batches.line_kernels import Data

    return Data(
        queues.model,
        queues.upload_s,
        queues.due_s,
        queues.capacity,
        queues.fixed_s,
        queues.per_sample_s,
        queues.switch_s,
    )
