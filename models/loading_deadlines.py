"""Loading with individual deadlines: the relaxation in which, up to each deadline, each block is loaded once.

Symbols are those of the table in ``models/README.md``. Whatever the order of the batches, those that serve users due
by tau come after all uploads, load each of their blocks at least once, and end by tau:

    W(U) + computing and loading for the users of U due by tau <= tau,   if U has a user due by tau.

W(U) counts the uploads of all users of U, also of those due later. Where nobody is due by tau there is no such row: the
upload phase may well last longer than tau.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from pyomo.core import (
    Binary,
    ConcreteModel,
    Constraint,
    Expression,
    NonNegativeIntegers,
    Objective,
    Set,
    Var,
    minimize,
    quicksum,
    value,
)
from pyomo.core import maximize as maximize_

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.queues import Queues
from edgeopt.loading.workload import compile_workload


def formulate(instance: LoadingInstance | Queues, deadlines: Iterable[float] | None = None) -> ConcreteModel:
    """State the relaxation; its optimum is an upper bound. Times are in units of the latest deadline.

    Parameters
    ----------
    instance : LoadingInstance or Queues
    deadlines : iterable of float, optional
        Deadlines tau in seconds (with the margin of `Arrays`) whose rows are stated; default: all. With fewer of them
        the program is a weaker relaxation.

    Returns
    -------
    pyomo.environ.ConcreteModel
        It has a second objective, `least_work`, which is not active: the end of all work.
    """
    queues = instance if isinstance(instance, Queues) else compile_workload(instance).queues
    m = ConcreteModel(name="loading with individual deadlines, each block once up to each deadline")
    m.queues = queues
    _sets(m, queues, deadlines)
    _decisions(m)
    m.most_users = Objective(expr=quicksum(m.x.values()), sense=maximize_)
    m.least_work = Objective(expr=_work(m, len(m.tau) - 1), sense=minimize) if len(m.tau) else None
    if len(m.tau):
        m.least_work.deactivate()
    m.domination = Constraint(m.DOMINATIONS, rule=lambda m, k, q: m.x[k] >= m.x[q])
    m.visited_for = Constraint(m.VISITS, rule=_visited_for)
    m.visited_earlier = Constraint(m.VISIT_STEPS, rule=_visited_earlier)
    m.loaded_for = Constraint(m.HOLDINGS, rule=lambda m, j, s, i, t: m.v[j, s] >= m.y[i, t])
    m.loaded_earlier = Constraint(m.LOAD_STEPS, rule=lambda m, j, s, t: m.v[j, s] >= m.v[j, t])
    m.batches = Constraint(m.BATCHES, rule=_batches)
    m.someone_due = Constraint(m.VISIT_ENDS, rule=lambda m, i, t, s: m.someone[s] >= m.y[i, t])
    m.someone_earlier = Constraint(m.DEADLINES, rule=_someone_earlier)
    m.in_time = Constraint(m.DEADLINES, rule=_in_time)
    return m


def _sets(m: ConcreteModel, queues: Queues, deadlines: Iterable[float] | None) -> None:
    """K users; deadlines tau_t; of each model i and block j only the t at which anything can change."""
    chosen = np.unique(queues.due_s if deadlines is None else np.array(list(deadlines)))
    step = np.searchsorted(chosen, queues.due_s)  # the first stated deadline by which the user is due
    m.unit = float(queues.due_s.max(initial=0.0)) or 1.0
    m.tau = chosen
    m.due = {t: np.flatnonzero(step <= t).tolist() for t in range(len(chosen))}
    steps = {i: sorted({int(t) for t in step[queues.model == i] if t < len(chosen)}) for i in _models(queues)}
    m.DEADLINES = Set(initialize=range(len(chosen)))
    m.USERS = Set(initialize=range(len(queues.user_names)))
    m.DOMINATIONS = Set(initialize=queues.dominations, dimen=2)
    m.MODEL_STEPS = Set(initialize=[(i, t) for i, ts in steps.items() for t in ts], dimen=2)
    visits = [(k, int(queues.model[k]), int(step[k])) for k in m.USERS if step[k] < len(chosen)]
    m.VISITS = Set(initialize=visits, dimen=3)
    m.VISIT_STEPS = Set(initialize=[(i, *pair) for i, ts in steps.items() for pair in pairwise(ts)])
    m.VISIT_ENDS = Set(initialize=[(i, t, t) for i, ts in steps.items() for t in ts], dimen=3)
    _block_sets(m, queues, steps)
    tight = [(i, t) for i, t in m.MODEL_STEPS if queues.fixed_s[i] > 0 and queues.capacity[i] < len(_users(m, i, t))]
    m.BATCHES = Set(initialize=tight, dimen=2)
    m.model_steps, m.full = steps, {(i, t) for i, t in tight}


def _block_sets(m: ConcreteModel, queues: Queues, steps: dict[int, list[int]]) -> None:
    """Steps of the blocks: those of the models that hold them."""
    block_steps, holdings, chains = {}, [], []
    for j, holders in enumerate(queues.sharing.holders):
        if not queues.sharing.atom_bytes[j]:
            continue
        models = holders.tolist()
        block_steps[j] = sorted({t for i in models for t in steps[i]})
        holdings += [(j, t, i, t) for i in models for t in steps[i]]
        chains += [(j, later, earlier) for earlier, later in pairwise(block_steps[j])]
    m.HOLDINGS = Set(initialize=holdings, dimen=4)
    m.LOAD_STEPS = Set(initialize=chains, dimen=3)
    m.BLOCK_STEPS = Set(initialize=[(j, t) for j, ts in block_steps.items() for t in ts], dimen=2)
    m.block_steps = block_steps


def _models(queues: Queues) -> range:
    return range(len(queues.model_names))


def _users(m: ConcreteModel, i: int, t: int) -> list[int]:
    """Users of model i due by the t-th deadline."""
    return [k for k in m.due[t] if m.queues.model[k] == i]


def _decisions(m: ConcreteModel) -> None:
    """x: user k is served; y: model i is visited by tau_t; v: block j is loaded by tau_t; q: batches of i by tau_t."""
    m.x = Var(m.USERS, domain=Binary)
    m.y = Var(m.MODEL_STEPS, bounds=(0, 1))
    m.v = Var(m.BLOCK_STEPS, bounds=(0, 1))
    m.q = Var(m.BATCHES, domain=NonNegativeIntegers)
    m.someone = Var(m.DEADLINES, bounds=(0, 1))
    uploads = m.queues.upload_s / m.unit
    m.uploading = Expression(expr=quicksum(float(uploads[k]) * m.x[k] for k in m.USERS))


def _latest(steps: list[int], t: int) -> int | None:
    """The last of some steps up to t."""
    return max((step for step in steps if step <= t), default=None)


def _work(m: ConcreteModel, t: int) -> Any:
    """All uploads, and computing and loading for the users due by the t-th deadline."""
    queues = m.queues
    terms = [m.uploading]
    terms += [float(queues.per_sample_s[queues.model[k]] / m.unit) * m.x[k] for k in m.due[t]]
    for i, steps in m.model_steps.items():
        step = _latest(steps, t)
        if step is not None:
            visits = m.q[i, step] if (i, step) in m.full else m.y[i, step]
            terms.append(float(queues.fixed_s[i] / m.unit) * visits)
    for j, steps in m.block_steps.items():
        step = _latest(steps, t)
        if step is not None:
            terms.append(float(queues.atom_load_s[j] / m.unit) * m.v[j, step])
    return quicksum(terms)


def _visited_for(m: ConcreteModel, k: int, i: int, t: int) -> Any:
    """A model is visited for its users."""
    return m.y[i, t] >= m.x[k]


def _visited_earlier(m: ConcreteModel, i: int, earlier: int, later: int) -> Any:
    """What has been visited by one deadline has been visited by the next."""
    return m.y[i, later] >= m.y[i, earlier]


def _batches(m: ConcreteModel, i: int, t: int) -> Any:
    """Users of model i due by the t-th deadline fill at least so many batches."""
    return m.q[i, t] * int(m.queues.capacity[i]) >= quicksum(m.x[k] for k in _users(m, i, t))


def _someone_earlier(m: ConcreteModel, t: int) -> Any:
    """Who is due by one deadline is due by the next."""
    return m.someone[t] >= m.someone[t - 1] if t else Constraint.Skip


def _in_time(m: ConcreteModel, t: int) -> Any:
    """If someone is due by tau_t, all uploads and the work for those due by it end by tau_t; else uploads end by 1."""
    tau = float(m.tau[t] / m.unit)
    return _work(m, t) <= tau + (1 - tau) * (1 - m.someone[t])


def served_users(m: ConcreteModel) -> list[int]:
    """Users served by the formulation's values."""
    return [k for k in m.USERS if (value(m.x[k], exception=False) or 0) > 0.5]
