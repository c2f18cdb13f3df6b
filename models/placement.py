"""Placement of models on nodes, each block stored once: the strong mixed-integer formulation.

Symbols: nodes n with storage C_n; models i with blocks J_i of s_j bytes; groups g of equal demand: model i_g, weight
w_g, nodes N_g that can store and deliver it.

    maximise    sum_g w_g h_g
    subject to  h_g <= sum_{n in N_g} x_{n,i_g},  h_g <= 1                       hit
                x_{n,i} <= z_{n,j}                    j in J_i                   needs
                sum_i own_{n,i} x_{n,i} + sum_j s_j z_{n,j} <= C_n               storage
                x binary;  h and z need no integrality: they take it on

One row for each (model, block) is stronger than one for each model or block. On each node, blocks that the same useful
models hold are one block j; a block of a single useful model is part of its own bytes and needs no z. A group that one
node alone reaches needs no h. Storage is written as a fraction of C_n.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo

from edgeopt.placement.arrays import Arrays
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.node_blocks import NodeBlocks
from edgeopt.solution import Plan


def formulate(instance: PlacementInstance | Arrays) -> pyo.ConcreteModel:
    """Write the formulation of an instance.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables ``x[node, model]``, ``z[node, block]`` and ``h[group]`` by number, and the attribute ``arrays``.
    """
    arrays = instance if isinstance(instance, Arrays) else Arrays(instance)
    m = pyo.ConcreteModel(name=arrays.instance.name)
    m.arrays = arrays
    useful = [(int(n), int(i)) for n, i in np.argwhere(arrays.useful)]
    blocks = NodeBlocks(arrays)
    spread = [int(g) for g in np.flatnonzero(arrays.reach.sum(axis=1) > 1)]
    single = [int(g) for g in np.flatnonzero(arrays.reach.sum(axis=1) == 1)]

    m.x = pyo.Var(useful, domain=pyo.Binary)
    m.z = pyo.Var(list(blocks.shared), bounds=(0, 1))
    m.h = pyo.Var(spread, bounds=(0, 1))

    m.hit = pyo.Constraint(spread, rule=_hit)
    m.needs = pyo.Constraint(blocks.needs, rule=_needs)
    m.storage = pyo.Constraint(range(len(arrays.node_names)), rule=lambda m, n: _storage(m, n, blocks))
    m.weight = pyo.Objective(
        expr=sum(arrays.group_weight[g] * m.h[g] for g in spread)
        + sum(
            arrays.group_weight[g] * m.x[int(np.argmax(arrays.reach[g])), int(arrays.group_model[g])] for g in single
        ),
        sense=pyo.maximize,
    )
    return m


def read_plan(m: pyo.ConcreteModel) -> Plan:
    """Read the plan from the values of the variables."""
    placed = m.arrays.empty()
    for key, variable in m.x.items():
        placed[key] = variable.value > 0.5
    plan: Plan = m.arrays.plan(placed)
    return plan


def _hit(m: Any, g: int) -> Any:
    """A group is hit by a node that it reaches and that stores its model."""
    model = int(m.arrays.group_model[g])
    return m.h[g] <= sum(m.x[int(n), model] for n in np.flatnonzero(m.arrays.reach[g]))


def _needs(m: Any, n: int, i: int, j: int) -> Any:
    """A model on a node needs each of its blocks there."""
    return m.x[n, i] <= m.z[n, j]


def _storage(m: Any, n: int, blocks: NodeBlocks) -> Any:
    """Bytes of the node's models, each block once, as a fraction of its storage."""
    terms = [(size, m.x[key]) for key, size in blocks.own.items() if key[0] == n]
    terms += [(size, m.z[key]) for key, size in blocks.shared.items() if key[0] == n]
    capacity = int(m.arrays.storage[n])
    if not terms or sum(size for size, _ in terms) <= capacity:
        return pyo.Constraint.Skip
    return sum(size / capacity * variable for size, variable in terms) <= 1
