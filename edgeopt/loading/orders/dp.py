"""Tree knapsack: the optimum for tree sharing and one deadline, in O(K^2) for K users.

Models are visited depth first through the tree of shared blocks, which loads each block once; users are shared out
by min-plus merges from the leaves to the root. Proofs: docs/loading-proofs.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.orders.merging import Pool, Table
from edgeopt.loading.orders.sharing_tree import Cell, Group, sharing_tree
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped


class GroupTable(Protocol):
    """Least times to serve users of a group, the loading of its blocks included.

    Attributes
    ----------
    table : numpy.ndarray
        Entry n is the least time for n users.
    """

    table: Table

    def shares(self, total: int) -> list[tuple[int, int]]:
        """Return (cell, users) for the cells to visit, in order, when `total` users are served."""


class TreeGroup:
    """The table of a group of one cell: its blocks are loaded once, before the first of its users is served."""

    def __init__(self, table: Table, load_s: float, horizon: float) -> None:
        table = table.copy()
        table[1:] += load_s
        self.table = table[: np.searchsorted(table, horizon, side="right")]

    def shares(self, total: int) -> list[tuple[int, int]]:
        """Return (cell, users): all of them in the one cell."""
        return [(0, total)]


class Watch:
    """Remembers whether a method had to cut its work short, and why."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.reason: Stopped | None = None

    def expired(self) -> bool:
        """Whether the method should cut short the work that it is about to do."""
        self.reason = self.reason or self._run.stop_reason()
        return self.reason is not None


def crossing_refusal(instance: LoadingInstance) -> str | None:
    """Say which two blocks cross, or return None for tree sharing."""
    crossing = compile_workload(instance).prefixes.sharing.crossing_blocks
    if crossing is None:
        return None
    return (
        f"it needs tree sharing, but the blocks {crossing[0]!r} and {crossing[1]!r} cross: some models hold both, "
        "some only the one, some only the other; 'modular-dp' or 'exact' would work"
    )


def solve_tree(instance: LoadingInstance, run: Run) -> Outcome:
    """Solve an instance with tree sharing and one deadline."""
    prefixes = compile_workload(instance).prefixes
    return solve_tables(prefixes, run) if prefixes.model_names else serve_nobody(instance)


def solve_tables(prefixes: Prefixes, run: Run) -> Outcome:
    """Solve for tables of models with tree sharing."""
    watch = Watch(run)
    classes = [[atom] for atom in range(len(prefixes.sharing.atoms))]

    def tabulate(group: Group, tables: Sequence[Table]) -> GroupTable:
        return TreeGroup(tables[0], float(prefixes.atom_load_s[group.atoms[0]]), prefixes.horizon_s)

    return fold(prefixes, classes, tabulate, watch)


def fold(
    prefixes: Prefixes,
    classes: Sequence[list[int]],
    tabulate: Callable[[Group, Sequence[Table]], GroupTable],
    watch: Watch,
) -> Outcome:
    """Compute the tables of all groups from the innermost outwards, and read the plan back.

    Parameters
    ----------
    prefixes : Prefixes
    classes : sequence of list of int
        Classes of atoms that may cross.
    tabulate : callable
        From a group and the tables of its cells to the table of the group.
    watch : Watch
        When it has expired, merges keep one part only; the plan is then feasible but not proved.
    """
    root, groups = sharing_tree(prefixes.sharing, classes)
    pools: dict[int, Pool] = {}
    tabulated: dict[int, GroupTable] = {}

    def pool(cell: Cell) -> Table:
        tables = [prefixes.serve_s[model] for model in cell.models] + [tabulated[id(g)].table for g in cell.groups]
        pools[id(cell)] = Pool(tables, prefixes.horizon_s, watch.expired)
        return pools[id(cell)].table

    for group in reversed(groups):
        tabulated[id(group)] = tabulate(group, [pool(cell) for cell in group.cells])
    served = len(pool(root)) - 1
    order, counts = [], []
    waiting = [(root, served)]
    while waiting:
        cell, total = waiting.pop()
        shares = pools[id(cell)].shares(total)
        for model, share in zip(cell.models, shares, strict=False):
            if share:
                order.append(model)
                counts.append(share)
        for group, share in zip(cell.groups, shares[len(cell.models) :], strict=True):
            if share:
                visits = tabulated[id(group)].shares(share)
                waiting += [(group.cells[inner], users) for inner, users in reversed(visits)]
    plan = prefixes.plan(order, counts)
    if watch.reason is None:
        return Outcome(plan, bound=prefixes.value(served), stopped=Stopped.PROVED)
    return Outcome(plan, bound=prefixes.most_without_loading(), stopped=watch.reason)
