"""Where to cache each block, nodes broadcasting together: a multiple-choice multidimensional knapsack.

Sets and data

    j           requested blocks of s_j bytes                                               BLOCKS, s
    n           nodes of C_n bytes of storage                                               NODES, capacity
    (j, Y)      block and set Y of nodes that may cache it                                  CANDIDATES
    d_jY        expected delay in seconds of block j for all its requesters, cached by the nodes of Y,
                with the best cooperating nodes and beams for each audience                 d

Decisions

    x_jY = 1    the nodes of Y, and no others, cache block j
    z_jn = 1    node n caches block j

Objective and constraints

    minimise    sum d_jY x_jY                                                               delay
    subject to  sum_Y x_jY = 1                          for each block                      choice
                sum_{Y: n in Y} x_jY = z_jn             for each block and node             cached
                sum_j s_j z_jn <= C_n                   for each node                       storage
                x >= 0;  z binary

x takes on integrality from z: a block's only set is that of its z. Branching on z, and covers of the storage rows in
z, prove more in the same time than binary x. Sets of infinite delay have no variable, nor have those with a
node that is smaller than the block. A set is left out where a subset of it costs no more. Storage is written as a
fraction of C_n.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.tables import DelayTables, Menu
from edgeopt.run import Run
from edgeopt.solution import Plan

PLAN_ROWS = ("choice", "cached", "storage")  # without them values are no plan

Pair = tuple[int, int]


def formulate(
    instance: CachingInstance | DelayTables, menu: Menu | None = None, kept: NDArray[np.bool_] | None = None
) -> pyo.ConcreteModel:
    """State the problem of the least expected total delay.

    Parameters
    ----------
    instance : CachingInstance or DelayTables
        An instance, for the rates of the dual beamformer; or its tables with rates of any beamformer.
    menu : Menu, optional
        Sets for each block; default all.
    kept : numpy.ndarray of bool, shape (blocks, candidates), optional
        Which of the menu's sets are allowed; default all.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables ``x[block, candidate]`` and ``z[block, node]`` by number; ``tables`` and ``menu`` say what they are.
    """
    tables = instance if isinstance(instance, DelayTables) else DelayTables(instance, Run(maximize=False))
    menu = tables.full_menu() if menu is None else menu
    m = pyo.ConcreteModel(name=tables.instance.name)
    m.instance, m.tables, m.menu, m.data = tables.instance, tables, menu, _data(menu, kept)
    data: Data = m.data
    m.BLOCKS = pyo.Set(initialize=range(len(data.s)), doc="j: requested blocks")
    m.NODES = pyo.Set(initialize=range(len(data.capacity)), doc="n: nodes")
    m.CANDIDATES = pyo.Set(initialize=list(data.d), dimen=2, doc="(j, Y): block, set of nodes by number in the menu")
    m.PLACES = pyo.Set(initialize=list(data.sets_with), dimen=2, doc="(j, n): block, node that may cache it")
    m.x = pyo.Var(m.CANDIDATES, bounds=(0, 1), doc="1 if the nodes of Y cache block j")
    m.z = pyo.Var(m.PLACES, domain=pyo.Binary, doc="1 if node n caches block j")
    m.choice = pyo.Constraint(m.BLOCKS, rule=_choice, doc="one set for each block; sets")
    m.cached = pyo.Constraint(m.PLACES, rule=_cached, doc="a set's nodes cache the block; 0 or 1")
    m.storage = pyo.Constraint(m.NODES, rule=_storage, doc="cached blocks fit; fractions of the storage")
    m.delay = pyo.Objective(
        expr=pyo.quicksum(seconds * m.x[candidate] for candidate, seconds in data.d.items()),
        sense=pyo.minimize,
        doc="expected total delay; seconds",
    )
    return m


def read_plan(m: pyo.ConcreteModel) -> Plan:
    """Make the plan of the formulation's values."""
    masks = np.zeros(len(m.menu.sizes), np.int64)
    for (j, c), variable in m.x.items():
        if (pyo.value(variable, exception=False) or 0) > 0.5:
            masks[j] = m.menu.masks[m.menu.group[j], c]
    plan: Plan | None = m.tables.plan(masks)
    assert plan is not None  # candidates of infinite delay have no variable
    return plan


class Data(NamedTuple):
    """The symbols of the module's docstring; `sets_with` lists the candidates of a block that a node belongs to."""

    s: list[int]
    capacity: list[int]
    d: dict[Pair, float]
    candidates: list[list[int]]
    sets_with: dict[Pair, list[int]]


def _data(menu: Menu, kept: NDArray[np.bool_] | None) -> Data:
    """Make the symbols of the candidates that are kept, whose delay is finite, and whose nodes can store the block."""
    usable = np.isfinite(menu.costs[menu.group]) & _storable(menu)
    candidates = [np.flatnonzero(row).tolist() for row in (usable if kept is None else usable & kept)]
    d: dict[Pair, float] = {}
    sets_with: dict[Pair, list[int]] = {}
    for j, row in enumerate(candidates):
        for c in row:
            d[j, c] = float(menu.sizes[j] * menu.costs[menu.group[j], c])
            mask = int(menu.masks[menu.group[j], c])
            for n in range(len(menu.storage)):
                if mask >> n & 1:
                    sets_with.setdefault((j, n), []).append(c)
    return Data(menu.sizes.tolist(), menu.storage.tolist(), d, candidates, sets_with)


def _storable(menu: Menu) -> NDArray[np.bool_]:
    """Say whether each node of a candidate has room for the block alone, shape (blocks, candidates)."""
    large = (menu.sizes[:, None] > menu.storage) @ (1 << np.arange(len(menu.storage)))
    return np.asarray((menu.masks[menu.group] & large[:, None]) == 0)


def _choice(m: pyo.ConcreteModel, j: int) -> Any:
    """Exactly one set is chosen for a block; a block without any makes the program infeasible."""
    candidates = m.data.candidates[j]
    return pyo.quicksum(m.x[j, c] for c in candidates) == 1 if candidates else pyo.Constraint.Infeasible


def _cached(m: pyo.ConcreteModel, j: int, n: int) -> Any:
    """A node caches a block when it belongs to the block's set."""
    return pyo.quicksum(m.x[j, c] for c in m.data.sets_with[j, n]) == m.z[j, n]


def _storage(m: pyo.ConcreteModel, n: int) -> Any:
    """Bytes of the blocks cached at the node, as a fraction of its storage."""
    data: Data = m.data
    capacity = max(1, data.capacity[n])
    terms = [data.s[j] / capacity * m.z[j, node] for j, node in m.PLACES if node == n]
    return pyo.quicksum(terms) <= data.capacity[n] / capacity if terms else pyo.Constraint.Skip
