"""Loading with one deadline as a sequencing program: binaries for users, models, and ordered pairs of models.

    maximise    sum_k x_k
    subject to  sum_k u_k x_k + sum_{(i,q)} load_{i,q} w_{i,q} + sum_i (a_i f_i + b_i sum_{k of i} x_k) <= T
                x_k <= y_{i_k},  sum_{k of i} x_k <= cap_i f_i
                each visited model (y_i = 1) is entered and left once, one start
                place_q >= place_i + 1 - m (1 - w_{i,q})       (Miller, Tucker and Zemlin)
                x, y, w binary, f whole numbers

CP-SAT has a circuit constraint instead of the places, and times in units of a billionth of T, rounded up. The Pyomo
model is the one of `benchmarks.loading.textbook`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.side_by_side.tools import taken
from edgeopt.loading.instance import LoadingInstance

VARIABLES = ("x", "w")
CASES = ("random-20x200", "resnet-detection-60x600", "tree-100x1000")
UNITS = 10**9  # of the deadline, in CP-SAT


@dataclass(frozen=True)
class Data:
    """Models that fit, the start as one more, and their users; loads of the arcs in the order of their ends."""

    instance: LoadingInstance
    models: list[str]
    users: list[str]
    model_of: NDArray[np.int64]
    upload_s: NDArray[np.float64]
    fixed_s: NDArray[np.float64]
    per_sample_s: NDArray[np.float64]
    capacity: NDArray[np.int64]
    arcs: NDArray[np.int64]
    load_s: NDArray[np.float64]
    deadline_s: float


def prepare(instance: LoadingInstance) -> Data:
    """Number models, users and arcs; the start has the number after the last model."""
    library = instance.library
    models = [name for name in library.models if instance.capacity(name) != 0]
    number = {name: i for i, name in enumerate(models)}
    users = [name for name, user in instance.users.items() if user.model in number]
    held = [set(library.models[name].blocks) for name in models] + [set()]
    arcs = [(i, q) for i in range(len(held)) for q in range(len(held)) if i != q]
    rate = instance.server.load_rate_bytes_per_s
    entries = [library.models[name] for name in models]
    return Data(
        instance,
        models,
        users,
        np.array([number[instance.users[name].model] for name in users]),
        np.array([instance.upload_s(name) for name in users]),
        np.array([model.compute_fixed_s or 0.0 for model in entries]),
        np.array([model.compute_per_sample_s or 0.0 for model in entries]),
        np.array([instance.capacity(name) or len(users) for name in models]),
        np.array(arcs),
        np.array([sum(library.blocks[block] for block in held[q] - held[i]) / rate for i, q in arcs]),
        next((user.deadline_s for user in instance.users.values()), 0.0),
    )


def pyomo_model(data: Data) -> Any:
    """State it in Pyomo."""
    from benchmarks.loading.textbook import formulate

    return formulate(data.instance)


def linopy_model(data: Data) -> Any:
    """State it in linopy, by arrays."""
    import linopy
    import xarray as xr

    count, (tail, head) = len(data.models), data.arcs.T
    model = np.arange(count)
    m = linopy.Model()
    x = m.add_variables(coords={"user": np.arange(len(data.users))}, binary=True, name="x")
    y = m.add_variables(coords={"model": model}, binary=True, name="y")
    w = m.add_variables(coords={"arc": np.arange(len(data.arcs))}, binary=True, name="w")
    batches = m.add_variables(lower=0, coords={"model": model}, integer=True, name="batches")
    place = m.add_variables(lower=1, upper=max(1, count), coords={"model": model}, name="place")
    m.add_objective(x.sum(), sense="max")
    busy = (x * (data.upload_s + data.per_sample_s[data.model_of])).sum()
    m.add_constraints(
        busy + (w * data.load_s).sum() + (batches * data.fixed_s).sum() <= data.deadline_s, name="in_time"
    )
    visited = taken(y, "model", data.model_of, "user")
    m.add_constraints(x - visited <= 0, name="visited")
    served = x.groupby(xr.DataArray(data.model_of, dims="user", name="model")).sum()
    wanted = np.unique(data.model_of)
    m.add_constraints(served - batches.isel(model=wanted) * data.capacity[wanted] <= 0, name="memory")
    for end, name in ((head, "entered"), (tail, "left")):
        inner = np.flatnonzero(end < count)
        through = w.isel(arc=inner).groupby(xr.DataArray(end[inner], dims="arc", name="model")).sum()
        m.add_constraints(through - y == 0, name=name)
    m.add_constraints(w.isel(arc=np.flatnonzero(tail == count)).sum() <= 1, name="one_start")
    inner = np.flatnonzero((tail < count) & (head < count))
    before, after = (taken(place, "model", end[inner], "pair") for end in (tail, head))
    follows = taken(w, "arc", inner, "pair")
    m.add_constraints(after - before - count * follows >= 1 - count, name="order")
    return m


def cpsat_model(data: Data) -> Any:
    """State it in CP-SAT."""
    from ortools.sat.python import cp_model

    model, count = cp_model.CpModel(), len(data.models)
    x = [model.new_bool_var("") for _ in data.users]
    y = [model.new_bool_var("") for _ in data.models]
    w = [model.new_bool_var("") for _ in data.arcs]
    batches = [model.new_int_var(0, len(data.users), "") for _ in data.models]
    idle = model.new_bool_var("")
    loops = [(i, i, ~visited) for i, visited in enumerate(y)] + [(count, count, idle)]
    model.add_circuit([(i, q, literal) for (i, q), literal in zip(data.arcs.tolist(), w, strict=True)] + loops)
    for visited in y:
        model.add_implication(idle, ~visited)
    users_of: list[list[Any]] = [[] for _ in data.models]
    for user, i in zip(x, data.model_of.tolist(), strict=True):
        model.add_implication(user, y[i])
        users_of[i].append(user)
    for i, users in enumerate(users_of):
        model.add(sum(users) <= int(data.capacity[i]) * batches[i])
    seconds = np.concatenate([data.upload_s + data.per_sample_s[data.model_of], data.load_s, data.fixed_s])
    units = np.ceil(seconds * (UNITS / data.deadline_s)).astype(np.int64)
    model.add(cp_model.LinearExpr.weighted_sum([*x, *w, *batches], units.tolist()) <= UNITS)
    model.maximize(sum(x))
    return model, {"x": x, "w": w}


def read_plan(data: Data, values: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Follow the arcs from the start, and cut each model's users into batches."""
    from edgeopt.loading.bandwidths import bandwidths

    following = dict(data.arcs[values["w"] > 0.5].tolist())
    served = values["x"] > 0.5
    batches, model = [], following.get(len(data.models), len(data.models))
    while model < len(data.models):
        users = [data.users[k] for k in np.flatnonzero(served & (data.model_of == model))]
        size = int(data.capacity[model])
        batches += [
            {"model": data.models[model], "users": users[low : low + size]} for low in range(0, len(users), size)
        ]
        model = following[model]
    every = [user for batch in batches for user in batch["users"]]
    return {"batches": batches, "bandwidth_hz": bandwidths(data.instance, every)}


if __name__ == "__main__":
    from benchmarks.side_by_side import loading
    from benchmarks.side_by_side.page import main

    main(loading, "loading")
