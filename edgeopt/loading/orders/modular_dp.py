"""Dynamic program over groups of crossing blocks: the optimum for any sharing, fast where the groups are narrow.

The groups nest like a tree (see `sharing_tree`). Inside a group of m cells the least load of every subset of cells
is a shortest Hamiltonian path (Held and Karp, 1962); the tables of the subsets are merged in two halves.
Proofs: docs/loading-proofs.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.orders.dp import GroupTable, TreeGroup, Watch, fold
from edgeopt.loading.orders.merging import Table, merge, split
from edgeopt.loading.orders.sharing_tree import Group
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Outcome, Run

WIDEST = 15


class CrossingGroup:
    """The table of a group of several cells.

    The subsets of one half of the cells are merged, and those of the other half. Since a merge distributes over the
    minimum, the first half's tables can be put together for each subset of the other half before they are merged
    with its table: 2**(m/2) merges instead of 2**m.

    Parameters
    ----------
    tables : sequence of numpy.ndarray
        Least times of each cell without the group's blocks.
    common_s : numpy.ndarray, shape (cells, cells)
        Seconds to load the atoms of the group that two cells share; on the diagonal those of one cell.
    horizon : float
    watch : Watch
        When it has expired, subsets that were not looked at yet are left out.
    """

    def __init__(self, tables: Sequence[Table], common_s: NDArray[np.float64], horizon: float, watch: Watch) -> None:
        self._cells = sorted(range(len(tables)), key=lambda cell: -len(tables[cell]))
        self._tables = [tables[cell][1:] for cell in self._cells]  # a cell in a subset serves someone
        self._common = common_s[np.ix_(self._cells, self._cells)]
        self._overlap = path_overlaps(self._common)
        members = np.arange(len(self._overlap))[:, None] >> np.arange(len(tables)) & 1
        self._load = members @ self._common.diagonal() - self._overlap.max(axis=1)
        self._horizon = horizon
        middle = (len(tables) + 1) // 2
        self._head = self._merged(range(middle), watch)
        self._tail = self._merged(range(middle, len(tables)), watch)
        self._combine(watch)

    def _merged(self, cells: range, watch: Watch) -> dict[int, Table]:
        """Return for subsets of the cells the least times, from one user in each cell on, without the group's blocks.

        A larger subset loads no less, so that what is beyond the horizon is so in every superset too.
        """
        merged = {0: np.zeros(1)}
        for cell in cells:
            for subset, table in list(merged.items()):
                if subset and watch.expired():
                    break
                wider = subset | 1 << cell
                extended = merge(table, self._tables[cell], self._horizon - self._load[wider])
                if len(extended):
                    merged[wider] = extended
        return merged

    def _combine(self, watch: Watch) -> None:
        """Find for each number of users the least time, and the subset of the tail that attains it."""
        table = np.full(1 + sum(map(len, self._tables)), np.inf)
        self._best_tail = np.zeros(len(table), dtype=np.int64)
        for tail, times in self._tail.items():
            if tail and watch.expired():
                break
            least = merge(self._with_head(tail), times, self._horizon)
            span = slice(tail.bit_count(), tail.bit_count() + len(least))
            self._best_tail[span][least < table[span]] = tail
            np.minimum(table[span], least, out=table[span])
        self.table = table[: np.searchsorted(table, self._horizon, side="right")]

    def _with_head(self, tail: int) -> Table:
        """Return the least times of users of the head, with the loading of their cells and of those of the tail."""
        table = np.full(max(head.bit_count() + len(times) for head, times in self._head.items()), np.inf)
        for head, times in self._head.items():
            span = slice(head.bit_count(), head.bit_count() + len(times))
            np.minimum(table[span], times + self._load[head | tail], out=table[span])
        return table

    def shares(self, total: int) -> list[tuple[int, int]]:
        """Return (cell, users) along the path that loads least."""
        tail = int(self._best_tail[total])
        with_head = self._with_head(tail)
        of_head = split(with_head, self._tail[tail], total - tail.bit_count())
        head = next(
            head
            for head, times in self._head.items()
            if 0 <= of_head - head.bit_count() < len(times)
            and times[of_head - head.bit_count()] + self._load[head | tail] == with_head[of_head]
        )
        counts = self._counts(self._head, head, of_head) | self._counts(self._tail, tail, total - of_head)
        return [(self._cells[cell], counts[cell]) for cell in self._path(head | tail)]

    def _counts(self, merged: dict[int, Table], subset: int, total: int) -> dict[int, int]:
        """Return the users of each cell of a subset of one half."""
        counts, left = {}, total - subset.bit_count()
        while subset:
            cell = subset.bit_length() - 1
            subset ^= 1 << cell
            others = split(merged[subset], self._tables[cell], left)
            counts[cell] = 1 + left - others
            left = others
        return counts

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
    """Say how wide the crossing blocks are, or return None when the method applies."""
    width = compile_workload(instance).prefixes.sharing.width
    if width <= WIDEST:
        return None
    return (
        f"its time doubles with each kind of model that crossing blocks tell apart; here one group of them tells "
        f"{width} kinds apart, and more than {WIDEST} are too many; 'exact' or 'local-search' would work"
    )


def solve_modular(instance: LoadingInstance, run: Run) -> Outcome:
    """Solve an instance with one deadline whose groups of crossing blocks are narrow."""
    prefixes = compile_workload(instance).prefixes
    return solve_tables(prefixes, run) if prefixes.model_names else serve_nobody(instance)


def solve_tables(prefixes: Prefixes, run: Run) -> Outcome:
    """Solve for tables of models whose groups of crossing blocks are narrow."""
    watch = Watch(run)

    def tabulate(group: Group, tables: Sequence[Table]) -> GroupTable:
        load_s = prefixes.atom_load_s[group.atoms]
        if len(tables) == 1:
            return TreeGroup(tables[0], float(load_s.sum()), prefixes.horizon_s)
        held = group.held.astype(float)
        return CrossingGroup(tables, held * load_s @ held.T, prefixes.horizon_s, watch)

    return fold(prefixes, prefixes.sharing.crossing_classes, tabulate, watch)
