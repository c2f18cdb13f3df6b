"""Placement of models on nodes, each block stored once: the strong mixed-integer formulation.

Sets and data

    (n, i)      node and model that is useful there                                         USEFUL
    (n, j)      node and block j that several useful models hold there, of s_nj bytes       SHARED, s
    own_ni      bytes of model i that no other useful model holds at n                      own
    C_n         storage of the node in bytes                                                NODES, capacity
    g           groups of equal demand: model i_g, weight w_g, nodes N_g that can store it and deliver it in time
                                                                                            GROUPS, model, w, reach

Decisions

    x_ni = 1    model i is placed on node n
    z_nj = 1    block j is stored on node n
    h_g = 1     group g is hit, where more than one node can do that                        SPREAD

Objective and constraints

    maximise    sum w_g h_g,  with h_g = x_n,i_g where N_g = {n}                            weight
    subject to  h_g <= sum_{n in N_g} x_n,i_g                                               hit
                x_ni <= z_nj                            i holds j                           needs
                sum_i own_ni x_ni + sum_j s_nj z_nj <= C_n                                  storage
                x binary; h and z take on integrality

One row for each (model, block) is stronger than one for each model or block. On each node, blocks that the same useful
models hold are one block j; a block of a single useful model is part of its own bytes and needs no z. Storage is
written as a fraction of C_n, and left out where everything fits. Nodes, models and groups are the numbers of
`edgeopt.placement.arrays.DemandArrays`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyomo.environ as pyo

from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.node_blocks import NodeBlocks
from edgeopt.solution import Plan

PLAN_ROWS = ("needs", "storage")  # without them values are no plan


def formulate(instance: PlacementInstance | DemandArrays) -> pyo.ConcreteModel:
    """State the problem of the largest hit weight.

    Parameters
    ----------
    instance : PlacementInstance or DemandArrays

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables ``x[node, model]``, ``z[node, block]`` and ``h[group]`` by number; ``arrays`` has the names.
    """
    arrays = instance if isinstance(instance, DemandArrays) else DemandArrays(instance)
    m = pyo.ConcreteModel(name=arrays.instance.name)
    m.instance, m.arrays, m.data = arrays.instance, arrays, _data(arrays)
    data: Data = m.data
    m.NODES = pyo.Set(initialize=range(len(data.capacity)), doc="n: nodes")
    m.USEFUL = pyo.Set(initialize=data.useful, dimen=2, doc="(n, i): node, model that is useful there")
    m.SHARED = pyo.Set(initialize=list(data.s), dimen=2, doc="(n, j): node, block that several models share there")
    m.NEEDS = pyo.Set(initialize=data.needs, dimen=3, doc="(n, i, j): model i holds block j on node n")
    m.SPREAD = pyo.Set(initialize=data.spread, doc="g: groups that several nodes reach")
    m.x = pyo.Var(m.USEFUL, domain=pyo.Binary, doc="1 if model i is placed on node n")
    m.z = pyo.Var(m.SHARED, bounds=(0, 1), doc="1 if block j is stored on node n")
    m.h = pyo.Var(m.SPREAD, bounds=(0, 1), doc="1 if group g is hit")
    m.hit = pyo.Constraint(m.SPREAD, rule=_hit, doc="hits come from placed models; 0 or 1")
    m.needs = pyo.Constraint(m.NEEDS, rule=_needs, doc="placed models have their blocks; 0 or 1")
    m.storage = pyo.Constraint(m.NODES, rule=_storage, doc="all blocks fit; fractions of the storage")
    m.weight = pyo.Objective(expr=_weight(m), sense=pyo.maximize, doc="weight of the demand that is hit")
    return m


def read_plan(m: pyo.ConcreteModel) -> Plan:
    """Make the plan of the formulation's values."""
    placed = m.arrays.empty()
    for key, variable in m.x.items():
        placed[key] = (pyo.value(variable, exception=False) or 0) > 0.5
    plan: Plan = m.arrays.plan(placed)
    return plan


class Data(NamedTuple):
    """The symbols of the module's docstring; sizes in bytes."""

    useful: list[tuple[int, int]]
    s: dict[tuple[int, int], int]
    own: dict[tuple[int, int], int]
    needs: list[tuple[int, int, int]]
    capacity: list[int]
    spread: list[int]
    model: list[int]
    w: list[float]
    reach: list[list[int]]


def _data(arrays: DemandArrays) -> Data:
    """Make the symbols."""
    blocks = NodeBlocks(arrays)
    reach = [np.flatnonzero(row).tolist() for row in arrays.reach]
    return Data(
        useful=[(int(n), int(i)) for n, i in np.argwhere(arrays.useful)],
        s=blocks.shared,
        own=blocks.own,
        needs=blocks.needs,
        capacity=arrays.storage.tolist(),
        spread=[g for g, nodes in enumerate(reach) if len(nodes) > 1],
        model=arrays.group_model.tolist(),
        w=arrays.group_weight.tolist(),
        reach=reach,
    )


def _weight(m: pyo.ConcreteModel) -> Any:
    """Weight of the groups that are hit; one that a single node reaches is hit when its model is placed there."""
    data: Data = m.data
    single = [(g, nodes[0]) for g, nodes in enumerate(data.reach) if len(nodes) == 1]
    several = pyo.quicksum(data.w[g] * m.h[g] for g in m.SPREAD)
    return several + pyo.quicksum(data.w[g] * m.x[n, data.model[g]] for g, n in single)


def _hit(m: pyo.ConcreteModel, g: int) -> Any:
    """A group is hit by a node that it reaches and that stores its model."""
    return m.h[g] <= pyo.quicksum(m.x[n, m.data.model[g]] for n in m.data.reach[g])


def _needs(m: pyo.ConcreteModel, n: int, i: int, j: int) -> Any:
    """A model on a node needs each of its blocks there."""
    return m.x[n, i] <= m.z[n, j]


def _storage(m: pyo.ConcreteModel, n: int) -> Any:
    """Bytes of the node's models, each block once, as a fraction of its storage."""
    data: Data = m.data
    terms = [(size, m.x[key]) for key, size in data.own.items() if key[0] == n]
    terms += [(size, m.z[key]) for key, size in data.s.items() if key[0] == n]
    if sum(size for size, _ in terms) <= data.capacity[n]:
        return pyo.Constraint.Skip
    return pyo.quicksum(size / data.capacity[n] * variable for size, variable in terms) <= 1
