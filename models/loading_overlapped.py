"""Relaxations of loading with overlapped uploads: radio and GPU as two rows over the same users.

Symbols are those of the tables in ``models/README.md``; times are in units of the (latest) deadline T. Whatever the
order of the batches, before the last one ends the GPU has loaded and computed for everybody, and waited at first: the
first batch, of model f, starts no sooner than the least upload of f. The radio has served everybody before the last
batch, of model l, computes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyomo.core import Binary, ConcreteModel, Constraint, Expression, Set, Var, quicksum

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.models import loading, loading_deadlines


def formulate(instance: LoadingInstance | Workload, neighbours: bool = True) -> ConcreteModel:
    """State what every plan for one deadline obeys: its optimum is an upper bound on the number of users.

    Parameters
    ----------
    instance : LoadingInstance or Workload
        Overlapped uploads, one deadline, somebody who can be served.
    neighbours : bool
        Load as `edgeopt.models.loading` states for consecutive retention; visiting a model again never loads less.
        Otherwise, and with capacity retention, each block is loaded once at least.
    """
    work = instance if isinstance(instance, Workload) else compile_workload(instance)
    chains = neighbours and not work.keeps
    m = loading.formulate(work.computing) if chains else loading.formulate_union(work.computing)
    m.name = "loading, overlapped uploads, one deadline"
    m.workload = work
    m.visited = Expression(m.MODELS, rule=lambda m, i: m.x[i, 1])
    m.l = Var(m.MODELS, domain=Binary)
    _first(m)
    m.deadline.deactivate()
    m.gpu = Constraint(expr=m.serving + m.loading - (m.reusing if chains else 0.0) + m.waiting <= 1)
    m.radio = Constraint(expr=_uploads(m) + _last_batch(m) <= 1)
    m.one_last = Constraint(expr=quicksum(m.l.values()) == 1)
    m.last_visited = Constraint(m.MODELS, rule=lambda m, i: m.l[i] <= m.visited[i])
    return m


def formulate_individual(
    instance: LoadingInstance | Workload, deadlines: Iterable[float] | None = None
) -> ConcreteModel:
    """State what every plan for individual deadlines obeys, for either retention, up to each deadline tau.

    The GPU loads each block of the users due by tau at least once and computes for them; the radio serves them before
    the last of their batches computes.

    Parameters
    ----------
    instance : LoadingInstance or Workload
        Overlapped uploads, somebody who can be served.
    deadlines : iterable of float, optional
        As for `edgeopt.models.loading_deadlines.formulate`.
    """
    work = instance if isinstance(instance, Workload) else compile_workload(instance)
    m = loading_deadlines.formulate(work.queues, deadlines)
    m.name = "loading, overlapped uploads, individual deadlines"
    m.workload = work
    last = {i: steps[-1] for i, steps in m.model_steps.items() if steps}
    m.MODELS = Set(initialize=list(last))
    m.visited = Expression(m.MODELS, rule=lambda m, i: m.y[i, last[i]])
    _first(m)
    m.in_time.deactivate()
    m.gpu = Constraint(m.DEADLINES, rule=_gpu_in_time)
    m.radio = Constraint(m.DEADLINES, rule=_radio_in_time)
    return m


def _first(m: ConcreteModel) -> None:
    """f: model i has the first batch, which waits for an upload of its model at least, while that is loaded."""
    work = m.workload
    m.f = Var(m.MODELS, domain=Binary)
    m.one_first = Constraint(expr=quicksum(m.f.values()) == 1)
    m.first_visited = Constraint(m.MODELS, rule=lambda m, i: m.f[i] <= m.visited[i])
    waiting = {i: max(0.0, work.upload_s[i, 1] - work.load_s[-1, i]) / work.unit_s for i in m.MODELS}
    m.waiting = Expression(expr=quicksum(float(waiting[i]) * m.f[i] for i in m.MODELS))


def _uploads(m: ConcreteModel) -> Any:
    """The whole band uploads one user after another."""
    work = m.workload
    return quicksum(
        float((work.upload_s[i, p] - work.upload_s[i, p - 1]) / work.unit_s) * m.x[i, p] for i, p in m.USERS
    )


def _last_batch(m: ConcreteModel) -> Any:
    """The last batch computes after all uploads."""
    work = m.workload
    return quicksum(float((work.fixed_s[i] + work.sample_s[i]) / work.unit_s) * m.l[i] for i in m.MODELS)


def _gpu_in_time(m: ConcreteModel, t: int) -> Any:
    """The row of an upload phase, with the wait for the first upload in the place of all uploads."""
    row = m.in_time[t]
    return row.body - m.uploading + m.waiting <= row.upper


def _radio_in_time(m: ConcreteModel, t: int) -> Any:
    """All uploads for users due by tau_t come before the last of their batches."""
    work, users = m.workload, m.due[t]
    arrays = work.queues
    least = min(work.fixed_s[i] + work.sample_s[i] for i in {int(arrays.model[k]) for k in users})
    uploads = quicksum(float(arrays.upload_s[k] / m.unit) * m.x[k] for k in users)
    return uploads + float(least / m.unit) * m.someone[t] <= float(m.tau[t] / m.unit)
