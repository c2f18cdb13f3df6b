"""Placement as a reader of the papers would write it: y for models, z for blocks, h for rows of demand.

    maximise    sum_d w_d h_d
    subject to  h_d <= sum_{n in N_d} x_{n,i_d}
                x_{n,i} <= z_{n,j}                      j in J_i
                sum_j s_j z_{n,j} <= C_n
                x, z, h binary

Bytes are stated as they are to CP-SAT, and as fractions of the storage to the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.side_by_side.tools import taken
from edgeopt.placement.instance import PlacementInstance

VARIABLES = ("x",)
CASES = ("freeze-depth-5x30x37", "backbone-10x100x120", "set-union-100x95")


@dataclass(frozen=True)
class Data:
    """Names and numbers; `needs` are pairs (model, block), `reach` tells which rows each node delivers."""

    nodes: list[str]
    models: list[str]
    storage: NDArray[np.int64]
    sizes: NDArray[np.int64]
    needs: NDArray[np.int64]
    wanted: NDArray[np.int64]
    weights: NDArray[np.float64]
    reach: NDArray[np.bool_]


def prepare(instance: PlacementInstance) -> Data:
    """Number everything."""
    library = instance.library
    models, nodes = list(library.models), list(instance.nodes)
    model_number, node_number = ({name: k for k, name in enumerate(names)} for names in (models, nodes))
    block_number = {name: j for j, name in enumerate(library.blocks)}
    rows = [row for row in instance.demand if row.nodes]
    reach = np.zeros((len(nodes), len(rows)), np.bool_)
    for column, row in enumerate(rows):
        reach[[node_number[name] for name in row.nodes], column] = True
    needs = [(model_number[i], block_number[j]) for i in models for j in library.models[i].blocks]
    return Data(
        nodes,
        models,
        np.array([node.storage_bytes for node in instance.nodes.values()]),
        np.array(list(library.blocks.values())),
        np.array(needs),
        np.array([model_number[row.model] for row in rows]),
        np.array([row.weight for row in rows], float),
        reach,
    )


def pyomo_model(data: Data) -> Any:
    """State it in Pyomo."""
    import pyomo.environ as pyo

    m = pyo.ConcreteModel()
    nodes, blocks, rows = range(len(data.nodes)), range(len(data.sizes)), range(len(data.wanted))
    m.x = pyo.Var(nodes, range(len(data.models)), domain=pyo.Binary)
    m.z = pyo.Var(nodes, blocks, domain=pyo.Binary)
    m.h = pyo.Var(rows, domain=pyo.Binary)
    m.weight = pyo.Objective(expr=sum(data.weights[d] * m.h[d] for d in rows), sense=pyo.maximize)
    m.hit = pyo.Constraint(
        rows,
        rule=lambda m, d: m.h[d] <= sum(m.x[int(n), int(data.wanted[d])] for n in np.flatnonzero(data.reach[:, d])),
    )
    m.needs = pyo.ConstraintList()
    for n in nodes:
        for i, j in data.needs.tolist():
            m.needs.add(m.x[n, i] <= m.z[n, j])
    m.storage = pyo.Constraint(
        nodes,
        rule=lambda m, n: sum(data.sizes[j] / max(1, data.storage[n]) * m.z[n, j] for j in blocks) <= _room(data, n),
    )
    return m


def linopy_model(data: Data) -> Any:
    """State it in linopy, by arrays."""
    import linopy
    import xarray as xr

    m = linopy.Model()
    node, block = np.arange(len(data.nodes)), np.arange(len(data.sizes))
    x = m.add_variables(coords={"node": node, "model": np.arange(len(data.models))}, binary=True, name="x")
    z = m.add_variables(coords={"node": node, "block": block}, binary=True, name="z")
    h = m.add_variables(coords={"row": np.arange(len(data.wanted))}, binary=True, name="h")
    m.add_objective((h * data.weights).sum(), sense="max")
    reach = xr.DataArray(data.reach.astype(float), dims=("node", "row"))
    wanted = taken(x, "model", data.wanted, "row")
    m.add_constraints(h - (wanted * reach).sum("node") <= 0, name="hit")
    model = taken(x, "model", data.needs[:, 0], "need")
    needed = taken(z, "block", data.needs[:, 1], "need")
    m.add_constraints(model - needed <= 0, name="needs")
    share = xr.DataArray(data.sizes / np.maximum(1, data.storage)[:, None], dims=("node", "block"))
    room = xr.DataArray(np.minimum(1, data.storage).astype(float), dims="node")
    m.add_constraints((z * share).sum("block") <= room, name="storage")
    return m


def cpsat_model(data: Data) -> Any:
    """State it in CP-SAT, with clauses."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    x = [[model.new_bool_var("") for _ in data.models] for _ in data.nodes]
    z = [[model.new_bool_var("") for _ in data.sizes] for _ in data.nodes]
    h = [model.new_bool_var("") for _ in data.wanted]
    for d, wanted in enumerate(data.wanted.tolist()):
        model.add_bool_or([~h[d], *(x[n][wanted] for n in np.flatnonzero(data.reach[:, d]))])
    for n, capacity in enumerate(data.storage.tolist()):
        for i, j in data.needs.tolist():
            model.add_implication(x[n][i], z[n][j])
        model.add(cp_model.LinearExpr.weighted_sum(z[n], data.sizes.tolist()) <= capacity)
    model.maximize(cp_model.LinearExpr.weighted_sum(h, data.weights.tolist()))
    return model, {"x": [variable for row in x for variable in row]}


def read_plan(data: Data, values: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Name the models of each node."""
    placed = values["x"].reshape(len(data.nodes), len(data.models)) > 0.5
    return {"placed": {n: [data.models[i] for i in np.flatnonzero(placed[k])] for k, n in enumerate(data.nodes)}}


def _room(data: Data, n: int) -> int:
    return min(1, int(data.storage[n]))


if __name__ == "__main__":
    from benchmarks.side_by_side import placement
    from benchmarks.side_by_side.page import main

    main(placement, "placement")
