"""The formulations of `edgeopt.models.loading` in arrays: the same programs, built at once for thousands of users.

Columns are users of each model by rank (x), pairs of neighbours (z), then blocks (v); the first row is the deadline.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.engines.linear import LinearProgram
from edgeopt.loading.prefixes import Prefixes

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class _Rows:
    """Rows ``sum of terms <= 0``, collected family by family."""

    def __init__(self) -> None:
        self.number = 0
        self._rows: list[Integers] = []
        self._columns: list[Integers] = []
        self._values: list[Floats] = []

    def add(self, number: int, *terms: tuple[Integers, Integers, float]) -> None:
        """Add rows; each part of their terms is rows from 0, columns, and one value."""
        for rows, columns, value in terms:
            self._rows.append(self.number + rows)
            self._columns.append(columns)
            self._values.append(np.full(len(rows), value))
        self.number += number

    def matrix(self, columns: int) -> sparse.csr_array:
        parts = [np.concatenate(part) if part else np.empty(0) for part in (self._values, self._rows, self._columns)]
        values, rows, places = parts[0], parts[1].astype(np.int64), parts[2].astype(np.int64)
        return sparse.csr_array((values, (rows, places)), shape=(self.number, columns))


def first_columns(prefixes: Prefixes) -> Integers:
    """Column of each model's first user, which says that the model is visited, shape (models + 1,); last: users."""
    return np.concatenate([[0], np.cumsum([len(table) - 1 for table in prefixes.serve_s])]).astype(np.int64)


def union_program(prefixes: Prefixes) -> LinearProgram:
    """Return `edgeopt.models.loading.formulate_union` in arrays."""
    first = first_columns(prefixes)
    blocks = [j for j in range(len(prefixes.sharing.holders)) if prefixes.sharing.atom_bytes[j]]
    rows = _Rows()
    _prefix(rows, first)
    _loaded_for(rows, prefixes, blocks, first, int(first[-1]))
    deadline = np.concatenate([_serving(prefixes), prefixes.atom_load_s[blocks] / prefixes.unit_s])
    return _program(rows, deadline, int(first[-1]), int(first[-1]))


def forest_program(prefixes: Prefixes, pairs: Integers) -> LinearProgram:
    """Return `edgeopt.models.loading.formulate` in arrays.

    Parameters
    ----------
    prefixes : Prefixes
    pairs : numpy.ndarray of int64, shape (pairs, 2)
        `edgeopt.loading.overlaps.overlapping_pairs`.
    """
    first, holders = first_columns(prefixes), prefixes.sharing.holders
    users, number = int(first[-1]), len(prefixes.model_names)
    blocks = [j for j in range(len(holders)) if len(holders[j]) > 2 and prefixes.sharing.atom_bytes[j]]
    neighbours = users + np.arange(len(pairs))
    column = np.full((number, number), -1, np.int64)
    column[pairs[:, 0], pairs[:, 1]] = neighbours
    rows = _Rows()
    _prefix(rows, first)
    joined = np.unique(pairs)  # two neighbours at most, of a visited model
    row = np.searchsorted(joined, pairs.ravel())
    every = np.arange(len(joined))
    rows.add(len(joined), (row, np.repeat(neighbours, 2), 1.0), (every, first[joined], -2.0))
    for position, j in enumerate(blocks):  # runs of a block
        inside = np.array(list(combinations(holders[j].tolist(), 2)), np.int64)
        here = np.zeros(len(inside), np.int64)
        held = np.zeros(len(holders[j]), np.int64)
        block = np.array([users + len(pairs) + position])
        rows.add(
            1,
            (here, column[inside[:, 0], inside[:, 1]], 1.0),
            (held, first[holders[j]], -1.0),
            (np.zeros(1, np.int64), block, 1.0),
        )
    _loaded_for(rows, prefixes, blocks, first, users + len(pairs))
    deadline = np.concatenate([_serving(prefixes), np.zeros(len(pairs) + len(blocks))])
    deadline[first[:-1]] += prefixes.model_load_s / prefixes.unit_s
    deadline[neighbours] = -prefixes.overlap_s[pairs[:, 0], pairs[:, 1]] / prefixes.unit_s
    return _program(rows, deadline, users, users + len(pairs))


def _serving(prefixes: Prefixes) -> Floats:
    """What each user adds to the service of its model, in units of time."""
    return np.concatenate([np.diff(table) for table in prefixes.serve_s] or [np.empty(0)]) / prefixes.unit_s


def _prefix(rows: _Rows, first: Integers) -> None:
    """Users of a model are served in the order of their upload times."""
    later = np.setdiff1d(np.arange(first[-1]), first)
    here = np.arange(len(later))
    rows.add(len(later), (here, later, 1.0), (here, later - 1, -1.0))


def _loaded_for(rows: _Rows, prefixes: Prefixes, blocks: list[int], first: Integers, column: int) -> None:
    """A block, the first of them in this column, is loaded when a model that holds it is visited."""
    held = [prefixes.sharing.holders[j] for j in blocks]
    models = np.concatenate(held or [np.empty(0, np.int64)]).astype(np.int64)
    block = column + np.repeat(np.arange(len(blocks)), [len(each) for each in held])
    here = np.arange(len(models))
    rows.add(len(models), (here, first[models], 1.0), (here, block, -1.0))


def _program(rows: _Rows, deadline: Floats, users: int, integers: int) -> LinearProgram:
    columns = len(deadline)
    return LinearProgram(
        cost=np.where(np.arange(columns) < users, 1.0, 0.0),
        column_lower=np.zeros(columns),
        column_upper=np.ones(columns),
        integer=np.arange(columns) < integers,
        rows=sparse.csr_array(sparse.vstack([sparse.csr_array(deadline[None, :]), rows.matrix(columns)])),
        row_lower=np.full(1 + rows.number, -np.inf),
        row_upper=np.concatenate([[1.0], np.zeros(rows.number)]),
        maximize=True,
    )
