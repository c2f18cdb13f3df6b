"""Caching over the rate table, written plainly: a binary for each block and each set Y of nodes that cache it.

    minimise    sum_{j,Y} s_j d_j(Y) x_{j,Y}
    subject to  sum_Y x_{j,Y} = 1
                sum_{j, Y: n in Y} s_j x_{j,Y} <= C_n
                x binary

All have the same table of delays d, by edgeopt's beamformer, without sets that cost no less than a subset. Bytes are
stated as they are to CP-SAT, and as fractions of the storage to the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.instance import CachingInstance
from edgeopt.run import Run

VARIABLES = ("x",)
CASES = ("cells-4", "melbourne-5", "resnet-detection-6")


@dataclass(frozen=True)
class Data:
    """An entry for each pair of a block and a set of nodes: block, set as bits, delay, bytes at each node."""

    tables: Any
    block: NDArray[np.int64]
    masks: NDArray[np.int64]
    delay: NDArray[np.float64]
    stored: NDArray[np.int64]
    storage: NDArray[np.int64]


def prepare(instance: CachingInstance) -> Data:
    """Compute rates and delays, and list the pairs whose delay is finite."""
    from edgeopt.caching.tables import DelayTables

    tables = DelayTables(instance, Run(maximize=False))
    menu = tables.full_menu()
    costs = menu.costs[menu.group]
    block, candidate = np.nonzero(np.isfinite(costs))
    masks, sizes = menu.masks[menu.group][block, candidate], menu.sizes[block]
    member = masks[:, None] >> np.arange(len(menu.storage)) & 1
    return Data(tables, block, masks, sizes * costs[block, candidate], sizes[:, None] * member, menu.storage)


def pyomo_model(data: Data) -> Any:
    """State it in Pyomo."""
    import pyomo.environ as pyo

    m = pyo.ConcreteModel()
    pairs, sets_of = range(len(data.block)), _sets_of(data)
    m.x = pyo.Var(pairs, domain=pyo.Binary)
    m.delay = pyo.Objective(expr=sum(data.delay[p] * m.x[p] for p in pairs))
    m.choice = pyo.Constraint(range(len(sets_of)), rule=lambda m, j: sum(m.x[p] for p in sets_of[j]) == 1)
    m.storage = pyo.Constraint(
        range(len(data.storage)),
        rule=lambda m, n: (
            sum(
                data.stored[p, n] / max(1, data.storage[n]) * m.x[p] for p in np.flatnonzero(data.stored[:, n]).tolist()
            )
            <= min(1, int(data.storage[n]))
        ),
    )
    return m


def linopy_model(data: Data) -> Any:
    """State it in linopy, by arrays."""
    import linopy
    import xarray as xr

    m = linopy.Model()
    x = m.add_variables(coords={"pair": np.arange(len(data.block))}, binary=True, name="x")
    m.add_objective((x * data.delay).sum())
    m.add_constraints(x.groupby(xr.DataArray(data.block, dims="pair", name="block")).sum() == 1, name="choice")
    share = data.stored / np.maximum(1, data.storage)
    for n, capacity in enumerate(data.storage.tolist()):
        stored = np.flatnonzero(share[:, n])
        m.add_constraints((x.isel(pair=stored) * share[stored, n]).sum() <= min(1, capacity), name=f"storage{n}")
    return m


def cpsat_model(data: Data) -> Any:
    """State it in CP-SAT."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in data.block]
    for pairs in _sets_of(data):
        model.add_exactly_one(x[p] for p in pairs)
    for n, capacity in enumerate(data.storage.tolist()):
        model.add(cp_model.LinearExpr.weighted_sum(x, data.stored[:, n].tolist()) <= capacity)
    model.minimize(cp_model.LinearExpr.weighted_sum(x, data.delay.tolist()))
    return model, {"x": x}


def read_plan(data: Data, values: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Make caches and deliveries of the sets."""
    masks = np.zeros(int(data.block.max()) + 1, np.int64)
    chosen = np.flatnonzero(values["x"] > 0.5)
    masks[data.block[chosen]] = data.masks[chosen]
    plan: dict[str, Any] = data.tables.plan(masks)
    return plan


def _sets_of(data: Data) -> list[list[int]]:
    """Pairs of each block."""
    return [part.tolist() for part in np.split(np.arange(len(data.block)), np.flatnonzero(np.diff(data.block)) + 1)]


if __name__ == "__main__":
    from benchmarks.side_by_side import caching
    from benchmarks.side_by_side.page import main

    main(caching, "caching")
