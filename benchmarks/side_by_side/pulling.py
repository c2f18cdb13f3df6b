"""Pulling as the plain integer linear program: x for request, model and site, z for pulled blocks, a row for each pair.

    minimise    sum c_{r,i,v} x_{r,i,v} + sum p_{j,v} z_{j,v}
    subject to  sum_{i,v} x_{r,i,v} = 1
                z_{j,v} >= x_{r,i,v}                    j in J_i, not resident
                sum_j s_j z_{j,v} <= C_v,  sum w_{r,i} x_{r,i,v} <= F_v
                x, z binary

Memory is stated in bytes to CP-SAT, and both limits as fractions to the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.side_by_side.tools import taken
from edgeopt.pulling.instance import PullingInstance

VARIABLES = ("x",)
CASES = ("freeze-depth-10x100x32-limited", "resnet-freeze-12x100", "melbourne-16x250")


@dataclass(frozen=True)
class Data:
    """Choices (request, model, site) and pulls (site, block) with what they cost, and which choice needs which pull."""

    choices: list[tuple[str, str, str]]
    request: NDArray[np.int64]
    site: NDArray[np.int64]
    cost: NDArray[np.float64]
    work: list[int]
    pull_site: NDArray[np.int64]
    pull_s: NDArray[np.float64]
    size: NDArray[np.int64]
    needs: NDArray[np.int64]
    free: list[int]
    compute: list[float | None]


def prepare(instance: PullingInstance) -> Data:
    """List all choices, with routes and delays."""
    from edgeopt.pulling.admissible import admissible_models
    from edgeopt.pulling.routes import Routes

    routes, library, blocks = Routes(instance), instance.library, instance.library.blocks
    lists: dict[str, list[Any]] = {key: [] for key in ("choices", "request", "site", "cost", "work", "needs")}
    pulls: dict[tuple[int, str], int] = {}
    models = admissible_models(instance)
    sites = [*instance.cloudlets.values(), instance.cloud]
    fetch = _pulling_delays(instance, routes)
    for number, (name, request) in enumerate(instance.requests.items()):
        delay = routes.delay_s(request.input_bits)[routes.nodes[request.node]].tolist()
        for model in models[name].models:
            entry, flops = library.models[model], request.samples * (library.models[model].flops_per_sample or 0)
            for v, site in enumerate(sites):
                needed = [] if site is instance.cloud else [j for j in entry.blocks if j in fetch[v]]
                if not np.isfinite([delay[v], *(fetch[v][j] for j in needed)]).all():
                    continue
                lists["needs"] += [(len(lists["cost"]), pulls.setdefault((v, j), len(pulls))) for j in needed]
                lists["choices"].append((name, model, routes.sites[v]))
                lists["request"].append(number)
                lists["site"].append(v)
                lists["cost"].append(request.count * (delay[v] + flops / site.speed_flops_per_s))
                lists["work"].append(request.count * flops)
    return Data(
        lists["choices"],
        np.array(lists["request"]),
        np.array(lists["site"]),
        np.array(lists["cost"]),
        lists["work"],
        np.array([v for v, _ in pulls], np.int64),
        np.array([fetch[v][j] for v, j in pulls], float),
        np.array([blocks[j] for _, j in pulls], np.int64),
        np.array(lists["needs"], np.int64).reshape(-1, 2),
        [site.memory_bytes - sum(blocks[j] for j in site.resident or ()) for site in instance.cloudlets.values()],
        [site.compute_flops for site in instance.cloudlets.values()],
    )


def _pulling_delays(instance: PullingInstance, routes: Any) -> list[dict[str, float]]:
    """Seconds to pull each block that is not resident, for each cloudlet."""
    found = []
    for name, cloudlet in instance.cloudlets.items():
        row, override = routes.nodes[name], cloudlet.pull_delay_s
        named = override if isinstance(override, dict) else dict.fromkeys(instance.library.blocks, override)
        away = set(instance.library.blocks) - set(cloudlet.resident or ())
        found.append(
            {
                j: float(routes.delay_s(8.0 * size)[row, -1]) if named.get(j) is None else float(named[j])
                for j, size in instance.library.blocks.items()
                if j in away
            }
        )
    return found


def pyomo_model(data: Data) -> Any:
    """State it in Pyomo."""
    import pyomo.environ as pyo

    m = pyo.ConcreteModel()
    choices, pulls = range(len(data.cost)), range(len(data.size))
    m.x = pyo.Var(choices, domain=pyo.Binary)
    m.z = pyo.Var(pulls, domain=pyo.Binary)
    m.delay = pyo.Objective(
        expr=sum(data.cost[c] * m.x[c] for c in choices) + sum(data.pull_s[p] * m.z[p] for p in pulls)
    )
    of_request = _grouped(data.request)
    m.served = pyo.Constraint(list(of_request), rule=lambda m, r: sum(m.x[c] for c in of_request[r]) == 1)
    m.needs = pyo.ConstraintList()
    for c, p in data.needs.tolist():
        m.needs.add(m.z[p] >= m.x[c])
    m.limits = pyo.ConstraintList()
    for v, pulled in _grouped(data.pull_site).items():
        m.limits.add(sum(data.size[p] / max(1, data.free[v]) * m.z[p] for p in pulled) <= min(1, data.free[v]))
    for _, chosen, limit in _compute_rows(data):
        m.limits.add(sum(data.work[c] / (limit or 1.0) * m.x[c] for c in chosen) <= (1.0 if limit else 0.0))
    return m


def linopy_model(data: Data) -> Any:
    """State it in linopy, by arrays."""
    import linopy
    import xarray as xr

    m = linopy.Model()
    x = m.add_variables(coords={"choice": np.arange(len(data.cost))}, binary=True, name="x")
    z = m.add_variables(coords={"pull": np.arange(len(data.size))}, binary=True, name="z")
    m.add_objective((x * data.cost).sum() + (z * data.pull_s).sum())
    m.add_constraints(x.groupby(xr.DataArray(data.request, dims="choice", name="request")).sum() == 1, name="served")
    choice = taken(x, "choice", data.needs[:, 0], "need")
    pull = taken(z, "pull", data.needs[:, 1], "need")
    m.add_constraints(pull - choice >= 0, name="needs")
    for v, pulled in _grouped(data.pull_site).items():
        share = data.size[pulled] / max(1, data.free[v])
        m.add_constraints((z.isel(pull=pulled) * share).sum() <= min(1, data.free[v]), name=f"memory{v}")
    work = np.array(data.work, float)
    for v, chosen, limit in _compute_rows(data):
        share = work[chosen] / (limit or 1.0)
        m.add_constraints((x.isel(choice=chosen) * share).sum() <= (1.0 if limit else 0.0), name=f"compute{v}")
    return m


def cpsat_model(data: Data) -> Any:
    """State it in CP-SAT; work is rounded up to millionths of its limit, since its products exceed 64 bits."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in data.cost]
    z = [model.new_bool_var("") for _ in data.size]
    for chosen in _grouped(data.request).values():
        model.add_exactly_one(x[c] for c in chosen)
    for c, p in data.needs.tolist():
        model.add_implication(x[c], z[p])
    for v, pulled in _grouped(data.pull_site).items():
        model.add(cp_model.LinearExpr.weighted_sum([z[p] for p in pulled], data.size[pulled].tolist()) <= data.free[v])
    for _, chosen, limit in _compute_rows(data):
        shares = [int(np.ceil(1e6 * data.work[c] / (limit or 1.0))) for c in chosen]
        model.add(cp_model.LinearExpr.weighted_sum([x[c] for c in chosen], shares) <= (10**6 if limit else 0))
    costs = [*data.cost.tolist(), *data.pull_s.tolist()]
    model.minimize(cp_model.LinearExpr.weighted_sum(x + z, costs))
    return model, {"x": x}


def read_plan(data: Data, values: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Name model and site of each request."""
    chosen = [data.choices[c] for c in np.flatnonzero(values["x"] > 0.5)]
    return {"assignments": {request: {"model": model, "site": site} for request, model, site in chosen}}


def _grouped(keys: NDArray[np.int64]) -> dict[int, list[int]]:
    """Positions of each key."""
    found: dict[int, list[int]] = {}
    for position, key in enumerate(keys.tolist()):
        found.setdefault(key, []).append(position)
    return found


def _compute_rows(data: Data) -> list[tuple[int, list[int], float]]:
    """Cloudlets with a compute limit, their choices, and the limit."""
    of_site = _grouped(data.site)
    return [(v, of_site[v], limit) for v, limit in enumerate(data.compute) if limit is not None and v in of_site]


if __name__ == "__main__":
    from benchmarks.side_by_side import pulling
    from benchmarks.side_by_side.page import main

    main(pulling, "pulling")
