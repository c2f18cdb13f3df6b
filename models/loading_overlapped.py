"""Relaxations of loading with overlapped uploads: radio and GPU as two rows over the same users.

One deadline: sets, x, y, g and loading as in `edgeopt.models.loading` without uploads, and in units of the deadline T

    u_ip        what user (i, p) adds to the uploads, with the whole band                   u
    a_i + b_i   computing of a batch with one sample                                        last_s
    w_i         what loading i leaves of its least upload: max(0, u_i1 - size_i)            wait

    f_i = 1     model i has the first batch
    l_i = 1     model i has the last batch

    maximise    sum x_ip                                                                    most_users
    subject to  computing + loading + sum w_i f_i <= 1                                      gpu
                sum u_ip x_ip + sum (a_i + b_i) l_i <= 1                                    radio
                sum f_i = 1,  f_i <= y_i                                                    one_first, first_visited
                sum l_i = 1,  l_i <= y_i                                                    one_last, last_visited

Individual deadlines: sets, x, y, d, e and work_t as in `edgeopt.models.loading_deadlines`, and for each tau_t

                work_t - sum u_k x_k + sum w_i f_i <= tau_t + (1 - tau_t) (1 - d_t)         gpu
                sum_{k in K_t} u_k x_k + sum_{k not in K_t, s <= t} u_k e_ks
                    + min (a_i + b_i) d_t <= tau_t                                          radio

Whatever the order of the batches, before the last one ends the GPU has loaded and computed for everybody, and waited at
first: the first batch, of model f, starts no sooner than the least upload of f. The radio has served everybody before
the last batch, of model l, computes. Proofs: ``docs/loading-proofs.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import pyomo.environ as pyo

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.models import loading, loading_deadlines


def formulate(instance: LoadingInstance | Workload, neighbours: bool = True) -> pyo.ConcreteModel:
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
    loading.require_no_weights(work.instance)
    chains = neighbours and not work.keeps
    m = loading.formulate(work.computing) if chains else loading.formulate_union(work.computing)
    m.name = "loading, overlapped uploads, one deadline"
    m.overlap = data = _data(work)
    m.deadline.deactivate()
    m.visited = pyo.Expression(m.MODELS, rule=lambda m, i: m.y[i], doc="1 if model i is visited")
    m.l = pyo.Var(m.MODELS, domain=pyo.Binary, doc="1 if model i has the last batch")
    _first_batch(m)
    m.uploading = pyo.Expression(expr=pyo.quicksum(data.u[user] * m.x[user] for user in m.USERS), doc="deadlines")
    m.closing = pyo.Expression(
        expr=pyo.quicksum(data.last_s[i] * m.l[i] for i in m.MODELS), doc="computing of the last batch; deadlines"
    )
    loads = m.serving + m.loading - (m.reusing if chains else 0.0)
    m.gpu = pyo.Constraint(expr=loads + m.waiting <= 1, doc="the GPU ends in time; deadlines")
    m.radio = pyo.Constraint(expr=m.uploading + m.closing <= 1, doc="the radio ends in time; deadlines")
    m.one_last = pyo.Constraint(expr=pyo.quicksum(m.l.values()) == 1, doc="one model is last; models")
    m.last_visited = pyo.Constraint(m.MODELS, rule=_last_visited, doc="the last model is visited; 0 or 1")
    return m


def formulate_individual(
    instance: LoadingInstance | Workload, deadlines: Iterable[float] | None = None
) -> pyo.ConcreteModel:
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
    m.overlap = _data(work)
    last = {i: steps[-1] for i, steps in m.data.model_steps.items() if steps}
    m.in_time.deactivate()
    m.MODELS = pyo.Set(initialize=list(last), doc="i: models with a user due by a stated deadline")
    m.visited = pyo.Expression(m.MODELS, rule=lambda m, i: m.y[i, last[i]], doc="1 if model i is visited")
    _first_batch(m)
    m.gpu = pyo.Constraint(m.DEADLINES, rule=_gpu_in_time, doc="the GPU ends by tau_t; latest deadlines")
    m.radio = pyo.Constraint(m.DEADLINES, rule=_radio_in_time, doc="the radio ends by tau_t; latest deadlines")
    return m


class Data(NamedTuple):
    """The symbols of the module's docstring, in units of the latest deadline."""

    u: dict[tuple[int, int], float]
    last_s: list[float]
    wait: list[float]


def _data(work: Workload) -> Data:
    """Make the symbols."""
    users = [(i, p) for i, most in enumerate(work.most.tolist()) for p in range(1, most + 1)]
    return Data(
        u={(i, p): float((work.upload_s[i, p] - work.upload_s[i, p - 1]) / work.unit_s) for i, p in users},
        last_s=((work.fixed_s + work.sample_s) / work.unit_s).tolist(),
        wait=[max(0.0, work.upload_s[i, 1] - work.load_s[-1, i]) / work.unit_s for i in range(work.models)],
    )


def _first_batch(m: pyo.ConcreteModel) -> None:
    """State f: one model has the first batch, which waits for an upload of that model at least while it is loaded."""
    m.f = pyo.Var(m.MODELS, domain=pyo.Binary, doc="1 if model i has the first batch")
    m.one_first = pyo.Constraint(expr=pyo.quicksum(m.f.values()) == 1, doc="one model is first; models")
    m.first_visited = pyo.Constraint(m.MODELS, rule=_first_visited, doc="the first model is visited; 0 or 1")
    m.waiting = pyo.Expression(
        expr=pyo.quicksum(float(m.overlap.wait[i]) * m.f[i] for i in m.MODELS), doc="the GPU's first wait; deadlines"
    )


def _first_visited(m: pyo.ConcreteModel, i: int) -> Any:
    """The model of the first batch is visited."""
    return m.f[i] <= m.visited[i]


def _last_visited(m: pyo.ConcreteModel, i: int) -> Any:
    """The model of the last batch is visited."""
    return m.l[i] <= m.visited[i]


def _gpu_in_time(m: pyo.ConcreteModel, t: int) -> Any:
    """The row of an upload phase, with the wait for the first upload in the place of all uploads."""
    row = m.in_time[t]
    return row.body - m.uploading + m.waiting <= row.upper


def _radio_in_time(m: pyo.ConcreteModel, t: int) -> Any:
    """All uploads for batches due by tau_t come before the last of these."""
    data, users = m.data, m.data.due[t]
    least = min(data.a[i] + data.b[i] for i in {data.models[k] for k in users})
    early = loading_deadlines.early_by(m, t)
    uploads = pyo.quicksum(data.u[k] * m.x[k] for k in users) + pyo.quicksum(
        data.u[k] * m.early[k, s] for k, s in early
    )
    return uploads + least * m.someone[t] <= data.tau[t]
