"""Dynamic program over groups of crossing blocks: the optimum for any sharing, fast where the groups are narrow.

The groups nest like a tree (see `sharing_tree`). Inside a group of m cells the least load of every subset of cells
is a shortest Hamiltonian path (Held and Karp, 1962), and a depth-first walk over the subsets merges their tables.
Proofs: docs/loading-proofs.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.arrays import compile_arrays, individual_deadlines
from edgeopt.loading.dp import GroupTable, TreeGroup, Watch, fold
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.merging import Table, merge, split
from edgeopt.loading.sharing_tree import Group
from edgeopt.method import Options, Outcome, method

WIDEST = 15


class CrossingGroup:
    """The table of a group of several cells.

    Parameters
    ----------
    tables : sequence of numpy.ndarray
        Of each cell: least times without the group's blocks.
    common_s : numpy.ndarray, shape (cells, cells)
        Seconds to load the atoms of the group that two cells share; on the diagonal those of one cell.
    horizon : float
    watch : Watch
        When it has expired, subsets that were not looked at yet are left out.
    """

    def __init__(self, tables: Sequence[Table], common_s: NDArray[np.float64], horizon: float, watch: Watch) -> None:
        # The later a cell stands, the more subsets it is merged into: long tables come first.
        self._cells = sorted(range(len(tables)), key=lambda cell: -len(tables[cell]))
        self._tables = [tables[cell][1:] for cell in self._cells]
        self._common = common_s[np.ix_(self._cells, self._cells)]
        self._overlap = path_overlaps(self._common)
        members = np.arange(len(self._overlap))[:, None] >> np.arange(len(tables)) & 1
        self._load = members @ self._common.diagonal() - self._overlap.max(axis=1)
        self._horizon = horizon
        self._enumerate(watch)

    def _enumerate(self, watch: Watch) -> None:
        """Find for each number of users the best subset of cells, each of which serves at least one user.

        A larger subset loads no less, so that what is beyond the horizon is so in every superset too.
        """
        table = np.full(1 + sum(map(len, self._tables)), np.inf)
        table[0] = 0.0
        self._subset = np.zeros(len(table), dtype=np.int64)
        stack = [(0, 0, np.zeros(1))]
        while stack:
            parent, first, merged = stack.pop()
            if parent and watch.expired():
                break
            for cell in range(first, len(self._tables)):
                subset = parent | 1 << cell
                wider = self._extended(merged, cell, subset)
                if len(wider):
                    span = slice(subset.bit_count(), subset.bit_count() + len(wider))
                    least = wider + self._load[subset]
                    self._subset[span][least < table[span]] = subset
                    np.minimum(table[span], least, out=table[span])
                    stack.append((subset, cell + 1, wider))
        self.table = table[: np.searchsorted(table, self._horizon, side="right")]

    def _extended(self, merged: Table, cell: int, subset: int) -> Table:
        """Merge one more cell into the table of a subset; `subset` includes the cell."""
        return merge(merged, self._tables[cell], self._horizon - self._load[subset])

    def shares(self, total: int) -> list[tuple[int, int]]:
        """Return (cell, users) along the path that loads least."""
        subset = int(self._subset[total])
        chosen = [cell for cell in range(len(self._tables)) if subset >> cell & 1]
        merged, reached = [np.zeros(1)], 0
        for cell in chosen:
            reached |= 1 << cell
            merged.append(self._extended(merged[-1], cell, reached))
        counts, left = {}, total - len(chosen)
        for cell, before in zip(reversed(chosen), merged[-2::-1], strict=True):
            others = split(before, self._tables[cell], left)
            counts[cell] = 1 + left - others
            left = others
        return [(self._cells[cell], counts[cell]) for cell in self._path(subset)]

    def _path(self, subset: int) -> list[int]:
        """Return the cells of a subset in an order that loads least."""
        path = [int(self._overlap[subset].argmax())]
        while subset := subset & ~(1 << path[-1]):
            path.append(int((self._overlap[subset] + self._common[path[-1]]).argmax()))
        return path


def path_overlaps(common: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the most overlap of a path through each subset of cells that ends in each cell.

    Parameters
    ----------
    common : numpy.ndarray, shape (cells, cells)
        Overlap of neighbours on a path; the diagonal is not used.

    Returns
    -------
    numpy.ndarray, shape (2**cells, cells)
        Row s is the subset of the cells whose bits s has; -infinity where the cell is not in the subset.
    """
    cells = len(common)
    overlap = np.full((1 << cells, cells), -np.inf)
    overlap[0] = 0.0
    overlap[1 << np.arange(cells), np.arange(cells)] = 0.0
    subsets = np.arange(1 << cells)
    sizes = np.bitwise_count(subsets)
    for size in range(2, cells + 1):
        of_size = subsets[sizes == size]
        for last in range(cells):
            ending = of_size[of_size >> last & 1 == 1]
            overlap[ending, last] = (overlap[ending ^ 1 << last] + common[last]).max(axis=1)
    return overlap


def width_refusal(instance: LoadingInstance) -> str | None:
    """Say which deadlines differ or how wide the crossing blocks are, or return None when the method applies."""
    reason = individual_deadlines(instance)
    if reason:
        return reason
    width = compile_arrays(instance).sharing.width
    if width <= WIDEST:
        return None
    return (
        f"its time doubles with each kind of model that crossing blocks tell apart; here one group of them tells "
        f"{width} kinds apart, and more than {WIDEST} are too many; 'exact' or 'local-search' would work"
    )


@method(
    "loading",
    "modular-dp",
    kind="exact",
    guarantee="optimal for any sharing and one deadline",
    fits=width_refusal,
)
def solve_modular(instance: LoadingInstance, options: Options) -> Outcome:
    """Solve an instance with one deadline whose groups of crossing blocks are narrow."""
    arrays, watch = compile_arrays(instance), Watch(options)

    def tabulate(group: Group, tables: Sequence[Table]) -> GroupTable:
        load_s = arrays.atom_load_s[group.atoms]
        if len(tables) == 1:
            return TreeGroup(tables[0], float(load_s.sum()), arrays.horizon_s)
        held = group.held.astype(float)
        return CrossingGroup(tables, held * load_s @ held.T, arrays.horizon_s, watch)

    return fold(arrays, arrays.sharing.crossing_classes, tabulate, watch)
