"""Where to cache each block, nodes broadcasting together: a multiple-choice multidimensional knapsack.

Symbols: blocks j of s_j bytes; sets Y of nodes n with storage C_n; d_j(Y) expected delay per byte of a block that the
nodes of Y cache, with the best cooperating nodes and beams for each audience.

    minimise    sum_j sum_Y s_j d_j(Y) x_{j,Y}                                       delay
    subject to  sum_Y x_{j,Y} = 1                       for each block               choice
                sum_{Y: n in Y} x_{j,Y} = z_{j,n}       for each block and node      cached
                sum_j s_j z_{j,n} <= C_n                for each node                storage
                x >= 0;  z binary

x takes on integrality from z: a block's only set is that of its z. Branching on z, and covers of the storage rows in
z, prove more in the same time than binary x. Sets of infinite delay have no variable. A set is left out where a subset
of it costs no more. Storage is written as a fraction of C_n.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.tables import Menu, Tables
from edgeopt.run import Run
from edgeopt.solution import Plan


def formulate(
    instance: CachingInstance | Tables, menu: Menu | None = None, kept: NDArray[np.bool_] | None = None
) -> pyo.ConcreteModel:
    """Write the formulation.

    Parameters
    ----------
    instance : CachingInstance or Tables
        An instance, for the rates of the dual beamformer; or its tables with rates of any beamformer.
    menu : Menu, optional
        Sets for each block; default all.
    kept : numpy.ndarray of bool, shape (blocks, candidates), optional
        Which of the menu's sets are allowed; default all.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables ``x[block, candidate]`` and ``z[block, node]`` by number, and the attributes ``tables`` and ``menu``.
    """
    tables = instance if isinstance(instance, Tables) else Tables(instance, Run(maximize=False))
    menu = tables.full_menu() if menu is None else menu
    finite = np.isfinite(menu.costs[menu.group])
    allowed = finite if kept is None else finite & kept

    m = pyo.ConcreteModel(name=tables.instance.name)
    m.tables, m.menu = tables, menu
    blocks = range(len(menu.sizes))
    candidates = [np.flatnonzero(row).tolist() for row in allowed]
    cached = _cached(menu, candidates)

    m.x = pyo.Var([(j, c) for j in blocks for c in candidates[j]], bounds=(0, 1))
    m.z = pyo.Var(list(cached), domain=pyo.Binary)

    m.choice = pyo.Constraint(
        blocks, rule=lambda m, j: _one(sum(m.x[j, c] for c in candidates[j]) if candidates[j] else None)
    )
    m.cached = pyo.Constraint(list(cached), rule=lambda m, j, n: sum(m.x[j, c] for c in cached[j, n]) == m.z[j, n])
    m.storage = pyo.Constraint(range(len(menu.storage)), rule=lambda m, n: _storage(m, n))
    m.delay = pyo.Objective(
        expr=sum(float(menu.sizes[j] * menu.costs[menu.group[j], c]) * m.x[j, c] for j in blocks for c in candidates[j])
    )
    return m


def read_plan(m: pyo.ConcreteModel) -> Plan:
    """Read the plan from the values of the variables."""
    masks = np.zeros(len(m.menu.sizes), np.int64)
    for (j, c), variable in m.x.items():
        if variable.value > 0.5:
            masks[j] = m.menu.masks[m.menu.group[j], c]
    plan: Plan | None = m.tables.plan(masks)
    assert plan is not None  # candidates of infinite delay have no variable
    return plan


def _one(total: Any) -> Any:
    """Exactly one candidate; a block without any makes the program infeasible."""
    return pyo.Constraint.Infeasible if total is None else total == 1


def _cached(menu: Menu, candidates: list[list[int]]) -> dict[tuple[int, int], list[int]]:
    """Candidates of each block that cache it at each node."""
    found: dict[tuple[int, int], list[int]] = {}
    for j, row in enumerate(candidates):
        for c in row:
            mask = int(menu.masks[menu.group[j], c])
            for n in range(len(menu.storage)):
                if mask >> n & 1:
                    found.setdefault((j, n), []).append(c)
    return found


def _storage(m: Any, n: int) -> Any:
    """Bytes of the blocks cached at the node, as a fraction of its storage."""
    capacity = max(1, int(m.menu.storage[n]))
    terms = [int(m.menu.sizes[j]) / capacity * m.z[j, node] for j, node in m.z if node == n]
    return sum(terms) <= int(m.menu.storage[n]) / capacity if terms else pyo.Constraint.Skip
