"""A relaxation of loading with overlapped uploads and one deadline: radio and GPU as two rows over the same users.

Symbols are those of the table in ``models/README.md``; times are in units of the deadline T.
"""

from __future__ import annotations

from typing import Any

from pyomo.core import Binary, ConcreteModel, Constraint, Objective, Set, Var, maximize, quicksum

from edgeopt.loading.extended.workload import Workload, compile_workload
from edgeopt.loading.instance import LoadingInstance


def formulate(instance: LoadingInstance | Workload) -> ConcreteModel:
    """State what every plan obeys: its optimum is an upper bound on the number of users, for either retention.

    The GPU loads each block of a visited model at least once, computes, and waits at first for an upload of the first
    model f unless loading it takes as long. The radio serves all users before the last batch, of model l, computes.

    Parameters
    ----------
    instance : LoadingInstance or Workload
        Overlapped uploads, one deadline, somebody who can be served.
    """
    work = instance if isinstance(instance, Workload) else compile_workload(instance)
    m = ConcreteModel(name="loading, overlapped uploads, each block once")
    m.workload = work
    m.MODELS = Set(initialize=range(work.models))
    m.USERS = Set(initialize=[(i, p) for i in range(work.models) for p in range(1, int(work.most[i]) + 1)], dimen=2)
    m.BLOCKS = Set(initialize=range(len(work.blocks)))
    m.HOLDINGS = Set(initialize=[(j, i) for i in m.MODELS for j in m.BLOCKS if work.holds[i, j]], dimen=2)
    m.x = Var(m.USERS, domain=Binary)
    m.v = Var(m.BLOCKS, bounds=(0, 1))
    m.f = Var(m.MODELS, domain=Binary)
    m.l = Var(m.MODELS, domain=Binary)
    m.most_users = Objective(expr=quicksum(m.x.values()), sense=maximize)
    m.gpu = Constraint(expr=_loading(m) + _computing(m) + _waiting(m) <= 1)
    m.radio = Constraint(expr=_uploads(m) + _last_batch(m) <= 1)
    m.prefix = Constraint(m.USERS, rule=_prefix)
    m.loaded_for = Constraint(m.HOLDINGS, rule=_loaded_for)
    m.one_first = Constraint(expr=quicksum(m.f.values()) == 1)
    m.one_last = Constraint(expr=quicksum(m.l.values()) == 1)
    m.first_visited = Constraint(m.MODELS, rule=_first_visited)
    m.last_visited = Constraint(m.MODELS, rule=_last_visited)
    return m


def _loading(m: ConcreteModel) -> Any:
    """Each loaded block once."""
    seconds = m.workload.block_bytes / (m.workload.rate * m.workload.deadline_s)
    return quicksum(float(seconds[j]) * m.v[j] for j in m.BLOCKS)


def _computing(m: ConcreteModel) -> Any:
    """A sample for each user, and a batch for the first user of each that memory holds."""
    work, total = m.workload, 0.0
    for i, p in m.USERS:
        seconds = work.sample_s[i] + (work.fixed_s[i] if (p - 1) % work.batch[i] == 0 else 0.0)
        total += float(seconds / work.deadline_s) * m.x[i, p]
    return total


def _waiting(m: ConcreteModel) -> Any:
    """The first batch waits for an upload of its model at least, while that is loaded."""
    work = m.workload
    return quicksum(
        float(max(0.0, work.upload_s[i, 1] - work.load_s[-1, i]) / work.deadline_s) * m.f[i] for i in m.MODELS
    )


def _uploads(m: ConcreteModel) -> Any:
    """The whole band uploads one user after another."""
    work = m.workload
    return quicksum(
        float((work.upload_s[i, p] - work.upload_s[i, p - 1]) / work.deadline_s) * m.x[i, p] for i, p in m.USERS
    )


def _last_batch(m: ConcreteModel) -> Any:
    """The last batch computes after all uploads."""
    work = m.workload
    return quicksum(float((work.fixed_s[i] + work.sample_s[i]) / work.deadline_s) * m.l[i] for i in m.MODELS)


def _prefix(m: ConcreteModel, i: int, p: int) -> Any:
    """Users of a model are served in the order of their upload times."""
    return m.x[i, p] <= m.x[i, p - 1] if p > 1 else Constraint.Skip


def _loaded_for(m: ConcreteModel, j: int, i: int) -> Any:
    """A block is loaded when a model that holds it is visited."""
    return m.v[j] >= m.x[i, 1]


def _first_visited(m: ConcreteModel, i: int) -> Any:
    """The first model is visited."""
    return m.f[i] <= m.x[i, 1]


def _last_visited(m: ConcreteModel, i: int) -> Any:
    """The last model is visited."""
    return m.l[i] <= m.x[i, 1]
