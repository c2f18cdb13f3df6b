"""Some of the intervals, with the room that the others leave, as a mixed-integer program in arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from edgeopt.engines.linear import LinearProgram
from edgeopt.residency.arrays import Floats, Integers, Kept

NEVER_FREE = 2.0  # of the memory: a limit that proofs need, and that no solution meets


class Packing:
    """Intervals to choose from, and the room for them; the program of `edgeopt.models.residency`, less all loads.

    Visits between which no interval begins or ends are one row, with the least room of them.

    Parameters
    ----------
    first, end, sizes : numpy.ndarray of int64, shape (intervals,)
        Visits and bytes; the visits are those of `room`.
    saving : numpy.ndarray of float64, shape (intervals,)
    room : numpy.ndarray of int64, shape (visits,)
        Bytes; not negative.
    memory_bytes : int
        The unit of bytes in the program.
    joint : sequence of (numpy.ndarray of int64, float)
        Intervals that save so much more when all are kept.
    chained : bool
        Write each row of room as the difference to the one before, with what is free as a column: an interval then
        stands in two rows, not in all that it spans. That suits large relaxations; the branch and bound of HiGHS finds
        its cuts in plain rows.

    Attributes
    ----------
    starts : numpy.ndarray of int64, shape (rows,)
        The visit with which each row of room begins.
    program : LinearProgram
        Minimises minus the savings; columns are intervals, joint savings and, if chained, free room of the rows.
    """

    def __init__(
        self,
        first: Integers,
        end: Integers,
        sizes: Integers,
        saving: Floats,
        room: Integers,
        memory_bytes: int,
        joint: Sequence[tuple[Integers, float]] = (),
        chained: bool = False,
    ) -> None:
        self.first, self.end, self.sizes, self.joint = first, end, sizes, joint
        self.memory = max(1, memory_bytes)
        events = np.unique(np.concatenate([first, end]))
        self.starts = events[events < len(room)]
        self.least = np.minimum.reduceat(room, self.starts) if len(self.starts) else np.empty(0, np.int64)
        pairs = [(index, int(member)) for index, (members, _) in enumerate(joint) for member in members]
        self.joint_of, self.member = np.array(pairs, np.int64).reshape(-1, 2).T
        rows, sides = self._chained_rows() if chained else self._plain_rows()
        free, count = rows.shape[1] - len(first), len(first)
        below = np.arange(len(pairs))
        together = sparse.csr_array(
            (
                np.concatenate([np.ones(len(pairs)), -np.ones(len(pairs))]),
                (np.concatenate([below, below]), np.concatenate([count + self.joint_of, self.member])),
            ),
            shape=(len(pairs), count + len(joint)),
        )
        blank = sparse.csr_array((rows.shape[0], len(joint)))
        room_rows = sparse.hstack([rows[:, :count], blank, rows[:, count:]])
        other_rows = sparse.hstack([together, sparse.csr_array((len(pairs), free))])
        size = count + len(joint) + free
        limit = np.ones(size)
        limit[count + len(joint) :] = NEVER_FREE
        self.program = LinearProgram(
            cost=np.concatenate([-saving, -np.array([value for _, value in joint], np.float64), np.zeros(free)]),
            column_lower=np.zeros(size),
            column_upper=limit,
            integer=np.arange(size) < count,
            rows=sparse.csr_array(sparse.vstack([room_rows, other_rows])),
            row_lower=np.concatenate(
                [sides if chained else np.full(len(sides), -np.inf), np.full(len(pairs), -np.inf)]
            ),
            row_upper=np.concatenate([sides, np.zeros(len(pairs))]),
        )

    def _places(self) -> tuple[Integers, Integers]:
        """Return the rows with which each interval begins and before which it ends."""
        return np.searchsorted(self.starts, self.first), np.searchsorted(self.starts, self.end)

    def _plain_rows(self) -> tuple[sparse.csr_array, Floats]:
        begins, ends = self._places()
        column = np.repeat(np.arange(len(begins)), ends - begins)
        offset = np.arange(len(column)) - np.repeat(np.cumsum(ends - begins) - (ends - begins), ends - begins)
        row = begins[column] + offset
        shape = (len(self.starts), len(begins))
        return sparse.csr_array(
            (self.sizes[column] / self.memory, (row, column)), shape=shape
        ), self.least / self.memory

    def _chained_rows(self) -> tuple[sparse.csr_array, Floats]:
        begins, ends = self._places()
        count, rows = len(begins), len(self.starts)
        part, inside, column = self.sizes / self.memory, ends < rows, np.arange(count)
        row = np.concatenate([begins, ends[inside], np.arange(rows), np.arange(1, rows)])
        columns = np.concatenate([column, column[inside], count + np.arange(rows), count + np.arange(max(0, rows - 1))])
        values = np.concatenate([part, -part[inside], np.ones(rows), -np.ones(max(0, rows - 1))])
        matrix = sparse.csr_array((values, (row, columns)), shape=(rows, count + rows))
        return matrix, np.diff(self.least / self.memory, prepend=0.0)

    def kept(self, values: Floats) -> Kept:
        """Return the intervals of a solution, shape (intervals,)."""
        return np.asarray(values[: len(self.first)] > 0.5)

    def fits(self, kept: Kept) -> bool:
        """Say whether intervals fit to the byte."""
        begins, ends = self._places()
        change = np.zeros(len(self.starts) + 1, np.int64)
        np.add.at(change, begins[kept], self.sizes[kept])
        np.subtract.at(change, ends[kept], self.sizes[kept])
        return bool((np.cumsum(change)[:-1] <= self.least).all())

    def start(self, kept: Kept) -> Floats:
        """Return the values of all columns of a program that is not chained, shape (columns,)."""
        joint = np.array([kept[members].all() for members, _ in self.joint], np.float64)
        return np.concatenate([kept.astype(np.float64), joint])

    def chain_prices(self, row_duals: Floats) -> tuple[Floats, Floats]:
        """Return what a chained relaxation says: the price of a byte in each row, and of each member of a joint saving.

        Both are 0 or more; the first are those of the rows of room as they are meant, not of the differences.
        """
        rows = len(self.starts)
        above = -row_duals[:rows]
        price = np.maximum(0.0, above - np.append(above[1:], 0.0)) / self.memory
        return price, np.maximum(0.0, -row_duals[rows:])
