"""Loading with individual deadlines: the relaxation in which, up to each deadline, each block is loaded once.

A batch is due when the first of its users is.

Sets, and data in units of the latest deadline

    k, i(k)     users and their models                                                      USERS
    tau_t       the stated deadlines, in order                                              DEADLINES, tau
    (i, t)      model i and the deadlines by which more of its users are due                MODEL_STEPS
    (j, t)      block j (those of the same holders are one) and the steps of its holders    BLOCK_STEPS
    K_t         users due by tau_t                                                          due
    (k, t)      users and the deadlines before theirs of which a batch of theirs may be     EARLY
    u_k         upload time with the whole band                                             u
    a_i, b_i    computing of a batch, and of each sample; cap_i: largest batch              a, b, cap
    l_j         loading of block j                                                          load
    w_k         weight of user k, 1 where users are counted                                 weight

Decisions

    x_k = 1     user k is served
    y_it = 1    model i is visited for a user due by tau_t
    v_jt = 1    block j is loaded for a user due by tau_t
    q_it        batches of model i with a user due by tau_t, where they may be more than one
    e_kt = 1    user k, due later, is in a batch that is due by tau_t, and by no tau before early
    s_it        batches of model i that are due by tau_t, and by no tau before              due_batches
    d_t = 1     somebody due by tau_t is served                                             someone

Objective and constraints

    maximise    sum w_k x_k                                                                 most_users
    subject to  work_t <= tau_t + (1 - tau_t) (1 - d_t)                                     in_time
                work_t = sum u_k x_k + sum_{k in K_t} b_i(k) x_k + sum_{k not in K_t, s <= t} b_i(k) e_ks
                         + sum a_i (q_it or sum_{s <= t} s_is) + sum l_j v_jt
                x_k >= x_q      k of the model of q uploads no longer, is due no earlier,
                                and weighs no less                                          domination
                y_it >= x_k     k of model i first due by tau_t                             visited_for
                cap_i q_it >= sum of x_k over K_t of model i                                batches
                own_k = x_k - sum_t e_kt >= 0                                               one_batch
                s_it >= e_kt, s_it >= own_k where k is first due by tau_t                   batch_for, batch_for_own
                cap_i s_it >= sum e_kt + sum of own_k first due by tau_t                    due_batches_hold
                s_it <= sum of own_k first due by tau_t                                     batch_due
                v_jt >= y_it    i holds j                                                   loaded_for
                d_t >= y_it                                                                 someone_due
                y, v and d do not decrease in t             visited_earlier, loaded_earlier, someone_earlier

Whatever the order of the batches, those that serve users due by tau come after all uploads, also of users due later,
load each of their blocks at least once, and end by tau. Where nobody is due by tau the upload phase may well last
longer: there d = 0 leaves a limit of 1. y, v and q stand for their values at the latest step up to t; q is y where one
batch holds all. Models with e and s have no q: their batches are told apart by when they are due. Where there would be
too many e, models with many users go without. Proofs: ``docs/loading-deadlines-proofs.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, starmap
from typing import Any, NamedTuple

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.queues import Queues
from edgeopt.loading.workload import compile_workload

Step = tuple[int, int]

MOST_TERMS = 200_000  # of e in the rows of all deadlines


def formulate(instance: LoadingInstance | Queues, deadlines: Iterable[float] | None = None) -> pyo.ConcreteModel:
    """State the relaxation; its optimum is an upper bound.

    Parameters
    ----------
    instance : LoadingInstance or Queues
    deadlines : iterable of float, optional
        Deadlines tau in seconds (with the margin of `Queues`) whose rows are stated; default: all. With fewer of them
        the program is a weaker relaxation.

    Returns
    -------
    pyomo.environ.ConcreteModel
        It has a second objective, `least_work`, which is not active: the end of all work.
    """
    queues = instance if isinstance(instance, Queues) else compile_workload(instance).queues
    data = _data(queues, deadlines)
    m = pyo.ConcreteModel(name="loading with individual deadlines, each block once up to each deadline")
    m.queues, m.data = queues, data
    _sets(m)
    m.x = pyo.Var(m.USERS, domain=pyo.Binary, doc="1 if user k is served")
    m.y = pyo.Var(m.MODEL_STEPS, bounds=(0, 1), doc="1 if model i is visited by the t-th deadline")
    m.v = pyo.Var(m.BLOCK_STEPS, bounds=(0, 1), doc="1 if block j is loaded by the t-th deadline")
    m.q = pyo.Var(m.BATCHES, domain=pyo.NonNegativeIntegers, doc="batches of model i by the t-th deadline")
    m.early = pyo.Var(m.EARLY, bounds=(0, 1), doc="e: 1 if user k is in a batch due by an earlier deadline")
    m.due_batches = pyo.Var(m.DUE_BATCHES, domain=pyo.NonNegativeIntegers, doc="s: batches due by the t-th deadline")
    m.someone = pyo.Var(m.DEADLINES, bounds=(0, 1), doc="d: 1 if somebody due by the t-th deadline is served")
    m.uploading = pyo.Expression(
        expr=pyo.quicksum(data.u[k] * m.x[k] for k in m.USERS), doc="the upload phase; latest deadlines"
    )
    m.most_users = pyo.Objective(
        expr=pyo.quicksum(data.weight[k] * m.x[k] for k in m.USERS), sense=pyo.maximize, doc="served users, or weight"
    )
    if len(data.tau):
        last = len(data.tau) - 1
        m.least_work = pyo.Objective(expr=_work(m, last), sense=pyo.minimize, doc="end of all work; latest deadlines")
        m.least_work.deactivate()
    m.domination = pyo.Constraint(m.DOMINATIONS, rule=_domination, doc="the better of two users first; users")
    m.visited_for = pyo.Constraint(m.VISITS, rule=_visited_for, doc="models are visited for their users; 0 or 1")
    m.visited_earlier = pyo.Constraint(m.VISIT_STEPS, rule=_visited_earlier, doc="visits stay visits; 0 or 1")
    m.loaded_for = pyo.Constraint(m.HOLDINGS, rule=_loaded_for, doc="visited models are loaded; 0 or 1")
    m.loaded_earlier = pyo.Constraint(m.LOAD_STEPS, rule=_loaded_earlier, doc="loaded blocks stay loaded; 0 or 1")
    m.batches = pyo.Constraint(m.BATCHES, rule=_batches, doc="batches are large enough; users")
    m.one_batch = pyo.Constraint(m.SPLIT_USERS, rule=_one_batch, doc="users are in one batch; 0 or 1")
    m.batch_for = pyo.Constraint(m.EARLY, rule=_batch_for, doc="early batches are there for their users; 0 or 1")
    m.batch_for_own = pyo.Constraint(m.SPLIT_USERS, rule=_batch_for_own, doc="batches are there for users; 0 or 1")
    m.due_batches_hold = pyo.Constraint(m.DUE_BATCHES, rule=_due_batches_hold, doc="batches hold their users; users")
    m.batch_due = pyo.Constraint(m.DUE_BATCHES, rule=_batch_due, doc="batches are due for somebody; batches")
    m.someone_due = pyo.Constraint(m.MODEL_STEPS, rule=_someone_due, doc="visits are for somebody due; 0 or 1")
    m.someone_earlier = pyo.Constraint(m.DEADLINES, rule=_someone_earlier, doc="who is due stays due; 0 or 1")
    m.in_time = pyo.Constraint(m.DEADLINES, rule=_in_time, doc="work ends by each deadline; latest deadlines")
    return m


def served_users(m: pyo.ConcreteModel) -> list[int]:
    """Return the users that the formulation's values serve."""
    return [k for k in m.USERS if (pyo.value(m.x[k], exception=False) or 0) > 0.5]


class Data(NamedTuple):
    """The symbols of the module's docstring, times in units of the latest deadline, which is `unit_s` seconds.

    `models` gives each user's model, and `early` the earlier steps of each user whose model's batches are told apart.
    The other fields are named as there, with the sets that their indices come from.
    """

    unit_s: float
    tau: list[float]
    due: list[list[int]]
    first_due: list[int]
    models: list[int]
    users_of: list[range]
    model_steps: dict[int, list[int]]
    block_steps: dict[int, list[int]]
    holders: dict[int, list[int]]
    batches: list[Step]
    early: dict[int, list[int]]
    u: list[float]
    a: list[float]
    b: list[float]
    cap: list[int]
    load: dict[int, float]
    weight: list[float]

    @property
    def split(self) -> set[int]:
        """Models whose batches are told apart by when they are due."""
        return {self.models[k] for k in self.early}

    def own(self, i: int, t: int) -> list[int]:
        """Return the users of model i who are first due by the t-th deadline."""
        return [k for k in self.users_of[i] if self.first_due[k] == t]

    def users(self, i: int, t: int) -> list[int]:
        """Return the users of model i due by the t-th deadline."""
        return [k for k in self.users_of[i] if self.first_due[k] <= t]


def _data(queues: Queues, deadlines: Iterable[float] | None) -> Data:
    """Make the symbols; of models and blocks only the steps at which anything can change."""
    chosen = np.unique(queues.due_s if deadlines is None else np.array(list(deadlines)))
    first_due = np.searchsorted(chosen, queues.due_s)  # as many as deadlines: due by none of the stated ones
    unit_s = float(queues.due_s.max(initial=0.0)) or 1.0
    steps = {i: _distinct(first_due[queues.model == i], len(chosen)) for i in range(len(queues.model_names))}
    holders = {j: found.tolist() for j, found in enumerate(queues.sharing.holders) if queues.sharing.atom_bytes[j]}
    data = Data(
        unit_s=unit_s,
        tau=(chosen / unit_s).tolist(),
        due=[np.flatnonzero(first_due <= t).tolist() for t in range(len(chosen))],
        first_due=first_due.tolist(),
        models=queues.model.tolist(),
        users_of=list(starmap(range, pairwise(queues.first.tolist()))),
        model_steps=steps,
        block_steps={j: sorted({t for i in models for t in steps[i]}) for j, models in holders.items()},
        holders=holders,
        batches=[],
        early=_early(steps, first_due, queues),
        u=(queues.upload_s / unit_s).tolist(),
        a=(queues.fixed_s / unit_s).tolist(),
        b=(queues.per_sample_s / unit_s).tolist(),
        cap=queues.capacity.tolist(),
        load={j: float(queues.atom_load_s[j] / unit_s) for j in holders},
        weight=[1] * len(queues.user_names) if queues.objective.weight is None else queues.objective.weight.tolist(),
    )
    whole = {i: found for i, found in steps.items() if i not in data.split}
    tight = [(i, t) for i, t in _pairs(whole) if data.a[i] > 0 and data.cap[i] < len(data.users(i, t))]
    return data._replace(batches=tight)


def _early(steps: dict[int, list[int]], first_due: NDArray[np.int64], queues: Queues) -> dict[int, list[int]]:
    """Return the steps before its own of each user, of models with few of them until they are too many."""
    earlier: dict[int, dict[int, list[int]]] = {}
    for i, found in steps.items():
        users = range(queues.first[i], queues.first[i + 1])
        earlier[i] = {k: [t for t in found if t < first_due[k]] for k in users if first_due[k] in found}
    size = {i: sum(map(len, found.values())) for i, found in earlier.items()}
    early: dict[int, list[int]] = {}
    left = MOST_TERMS // max(1, len({t for found in steps.values() for t in found}))
    for i in sorted(filter(size.get, size), key=lambda i: size[i]):
        left -= size[i]
        if left >= 0:
            early |= earlier[i]
    return early


def _distinct(steps: NDArray[np.int64], end: int) -> list[int]:
    return sorted({int(t) for t in steps if t < end})


def _pairs(steps: dict[int, list[int]]) -> list[Step]:
    return [(index, t) for index, found in steps.items() for t in found]


def _sets(m: pyo.ConcreteModel) -> None:
    """List the index sets of decisions and rows."""
    data: Data = m.data
    first = [(k, i, t) for k, (i, t) in enumerate(zip(data.models, data.first_due, strict=True)) if t < len(data.tau)]
    visits = [(i, *pair) for i, steps in data.model_steps.items() for pair in pairwise(steps)]
    loads = [(j, *pair) for j, steps in data.block_steps.items() for pair in pairwise(steps)]
    holdings = [(j, i, t) for j, models in data.holders.items() for i in models for t in data.model_steps[i]]
    m.USERS = pyo.Set(initialize=range(len(data.models)), doc="k: users, by model and deadline")
    m.DEADLINES = pyo.Set(initialize=range(len(data.tau)), doc="t: the stated deadlines, in order")
    m.MODEL_STEPS = pyo.Set(initialize=_pairs(data.model_steps), dimen=2, doc="(i, t): model, deadline")
    m.BLOCK_STEPS = pyo.Set(initialize=_pairs(data.block_steps), dimen=2, doc="(j, t): block, deadline")
    m.BATCHES = pyo.Set(initialize=data.batches, dimen=2, doc="(i, t) where one batch may not hold all")
    early = [(k, t) for k, steps in data.early.items() for t in steps]
    due_batches = [(i, t) for i in sorted(data.split) for t in data.model_steps[i]]
    m.SPLIT_USERS = pyo.Set(initialize=list(data.early), doc="k: users of models whose batches are told apart")
    m.EARLY = pyo.Set(initialize=early, dimen=2, doc="(k, t): user, an earlier step of its model")
    m.DUE_BATCHES = pyo.Set(initialize=due_batches, dimen=2, doc="(i, t) of models whose batches are told apart")
    m.DOMINATIONS = pyo.Set(initialize=m.queues.dominations, dimen=2, doc="(k, q): q served implies k served")
    m.VISITS = pyo.Set(initialize=first, dimen=3, doc="(k, i, t): user, its model, the first deadline it is due by")
    m.VISIT_STEPS = pyo.Set(initialize=visits, dimen=3, doc="(i, s, t): model, a step and its next")
    m.HOLDINGS = pyo.Set(initialize=holdings, dimen=3, doc="(j, i, t): block, model that holds it, deadline")
    m.LOAD_STEPS = pyo.Set(initialize=loads, dimen=3, doc="(j, s, t): block, a step and its next")


def _latest(steps: list[int], t: int) -> int | None:
    """Return the last of some steps up to t."""
    return max((step for step in steps if step <= t), default=None)


def _work(m: pyo.ConcreteModel, t: int) -> Any:
    """All uploads, and computing and loading for the users due by the t-th deadline."""
    data: Data = m.data
    terms = [m.uploading]
    terms += [data.b[data.models[k]] * m.x[k] for k in data.due[t]]
    terms += [data.b[data.models[k]] * m.early[k, s] for k, s in early_by(m, t)]
    terms += [data.a[i] * m.due_batches[i, s] for i, s in m.DUE_BATCHES if s <= t]
    split = data.split
    for i, steps in data.model_steps.items():
        step = _latest(steps, t)
        if step is not None and i not in split:
            terms.append(data.a[i] * (m.q if (i, step) in m.BATCHES else m.y)[i, step])
    for j, steps in data.block_steps.items():
        step = _latest(steps, t)
        if step is not None:
            terms.append(data.load[j] * m.v[j, step])
    return pyo.quicksum(terms)


def early_by(m: pyo.ConcreteModel, t: int) -> list[Step]:
    """Return the users due after the t-th deadline with the steps up to it of which a batch of theirs may be."""
    data: Data = m.data
    return [(k, s) for k, steps in data.early.items() if data.first_due[k] > t for s in steps if s <= t]


def _domination(m: pyo.ConcreteModel, k: int, q: int) -> Any:
    """Of two users of a model, one who uploads no longer and is due no earlier is served before the other."""
    return m.x[k] >= m.x[q]


def _visited_for(m: pyo.ConcreteModel, k: int, i: int, t: int) -> Any:
    """A model is visited for its users."""
    return m.y[i, t] >= m.x[k]


def _visited_earlier(m: pyo.ConcreteModel, i: int, earlier: int, later: int) -> Any:
    """What has been visited by one deadline has been visited by the next."""
    return m.y[i, later] >= m.y[i, earlier]


def _loaded_for(m: pyo.ConcreteModel, j: int, i: int, t: int) -> Any:
    """A visited model is loaded block by block."""
    return m.v[j, t] >= m.y[i, t]


def _loaded_earlier(m: pyo.ConcreteModel, j: int, earlier: int, later: int) -> Any:
    """What has been loaded by one deadline has been loaded by the next."""
    return m.v[j, later] >= m.v[j, earlier]


def _batches(m: pyo.ConcreteModel, i: int, t: int) -> Any:
    """Users of model i due by the t-th deadline fill at least so many batches."""
    return m.q[i, t] * m.data.cap[i] >= pyo.quicksum(m.x[k] for k in m.data.users(i, t))


def _own(m: pyo.ConcreteModel, k: int) -> Any:
    """1 if user k is in a batch that is due when it is."""
    return m.x[k] - pyo.quicksum(m.early[k, t] for t in m.data.early[k])


def _one_batch(m: pyo.ConcreteModel, k: int) -> Any:
    """A user is in one batch, if it is served."""
    return _own(m, k) >= 0 if m.data.early[k] else pyo.Constraint.Skip


def _batch_for(m: pyo.ConcreteModel, k: int, t: int) -> Any:
    """A user in a batch that is due earlier has such a batch."""
    return m.due_batches[m.data.models[k], t] >= m.early[k, t]


def _batch_for_own(m: pyo.ConcreteModel, k: int) -> Any:
    """A user in a batch that is due when it is has such a batch."""
    return m.due_batches[m.data.models[k], m.data.first_due[k]] >= _own(m, k)


def _due_batches_hold(m: pyo.ConcreteModel, i: int, t: int) -> Any:
    """Batches due by a deadline hold all of their users."""
    data: Data = m.data
    users = [_own(m, k) for k in data.own(i, t)]
    if data.cap[i] >= len(data.users_of[i]):
        return pyo.Constraint.Skip
    users += [m.early[k, t] for k in data.users_of[i] if data.first_due[k] > t and k in data.early]
    return data.cap[i] * m.due_batches[i, t] >= pyo.quicksum(users)


def _batch_due(m: pyo.ConcreteModel, i: int, t: int) -> Any:
    """A batch due by a deadline has a user who is."""
    return m.due_batches[i, t] <= pyo.quicksum(_own(m, k) for k in m.data.own(i, t))


def _someone_due(m: pyo.ConcreteModel, i: int, t: int) -> Any:
    """A model is visited by a deadline only for somebody who is due by it."""
    return m.someone[t] >= m.y[i, t]


def _someone_earlier(m: pyo.ConcreteModel, t: int) -> Any:
    """Who is due by one deadline is due by the next."""
    return m.someone[t] >= m.someone[t - 1] if t else pyo.Constraint.Skip


def _in_time(m: pyo.ConcreteModel, t: int) -> Any:
    """If someone is due by tau_t, all uploads and the work for those due by it end by tau_t; else uploads end by 1."""
    tau = m.data.tau[t]
    return _work(m, t) <= tau + (1 - tau) * (1 - m.someone[t])
