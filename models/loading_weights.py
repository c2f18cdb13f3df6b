"""Loading with one deadline and weights as a mixed-integer linear program: users one by one, and a forest of overlaps.

Sets, pairs of neighbours, blocks and their rows are those of ``edgeopt.models.loading``. Data, in units of T

    (i, p)      the user of model i with the p-th least upload time                         USERS
    w_ip        its weight                                                                  weight
    c_ip        its upload with the whole band, and the computing of its sample             c
    a_i         computing of a batch; cap_i: users of a full batch                          a, cap

Decisions beside x, z and v

    y_i = 1     model i is visited
    q_i         batches of model i, where there may be more than one                        BATCHES

Objective and constraints beside those of neighbours and blocks

    maximise    sum w_ip x_ip                                                               most_weight
    subject to  sum c_ip x_ip + sum a_i q_i + sum size_i y_i - sum o_e z_e <= 1             deadline
                x_ip >= x_iq    p of i uploads no longer and weighs no less                 domination
                y_i >= x_ip                                                                 visited_for
                y_i <= sum x_ip                                                             somebody
                cap_i q_i >= sum x_ip,  q_i >= y_i                                          batches, one_batch

q is y where one batch holds all. The rows against cycles of neighbours are left to the method. Proofs:
``docs/loading-weights-proofs.md``.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from edgeopt.errors import UsageError
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.overlaps import order_of_paths, overlapping_pairs
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.models import loading
from edgeopt.solution import Plan

PLAN_ROWS = ("deadline", "visited_for", "two_neighbours", "batches")  # without them values are no plan


def formulate(instance: LoadingInstance | Workload) -> pyo.ConcreteModel:
    """State the problem of serving the largest weight before the common deadline; rows against cycles are left out.

    Parameters
    ----------
    instance : LoadingInstance or Workload
        One deadline for all users, upload ``"phase"``, retention ``"consecutive"``.

    Raises
    ------
    UsageError
        The instance has individual deadlines or other modes.
    """
    work = instance if isinstance(instance, Workload) else compile_workload(instance)
    if work.instance.deadline_kind != "common" or not work.instance.usual_modes:
        raise UsageError(
            f"{work.instance.name!r}: the formulation is for one deadline, upload 'phase' and retention 'consecutive'; "
            "loading_deadlines and loading_overlapped relax the others"
        )
    m = pyo.ConcreteModel(name="loading with weights")
    m.home, m.work, m.instance, m.prefixes = "loading_weights", work, work.instance, work.prefixes
    _neighbours(m)
    names = {(i, p): user for i, users in enumerate(work.users) for p, user in enumerate(users, 1)}
    users, unit = work.instance.users, work.unit_s
    weight = {index: users[user].weight for index, user in names.items()}
    upload = {index: work.instance.upload_s(user) / unit for index, user in names.items()}
    m.users_of = {i: [(i, p) for p in range(1, len(users) + 1)] for i, users in enumerate(work.users)}
    rank = {user: index for index, user in names.items()}
    ranked = [rank[user] for user in work.queues.user_names]
    several = [i for i in m.MODELS if work.fixed_s[i] > 0 and work.batch[i] < len(m.users_of[i])]
    dominations = [(*ranked[k], ranked[q][1]) for k, q in work.queues.dominations]
    m.USERS = pyo.Set(initialize=list(names), dimen=2, doc="(i, p): model, rank by upload time")
    m.BATCHES = pyo.Set(initialize=several, doc="i: models whose users may need several batches")
    m.DOMINATIONS = pyo.Set(initialize=dominations, dimen=3, doc="(i, p, q): q served implies p served")
    m.x = pyo.Var(m.USERS, domain=pyo.Binary, doc="1 if user (i, p) is served")
    most = {i: -(-len(m.users_of[i]) // int(work.batch[i])) for i in several}
    m.q = pyo.Var(m.BATCHES, domain=pyo.Integers, bounds=lambda m, i: (0, most[i]), doc="batches of model i")
    m.serving = pyo.Expression(
        expr=pyo.quicksum((upload[i, p] + float(work.sample_s[i]) / unit) * m.x[i, p] for i, p in m.USERS)
        + pyo.quicksum(float(work.fixed_s[i]) / unit * (m.q if i in m.BATCHES else m.y)[i] for i in m.MODELS),
        doc="uploads and computing; deadlines",
    )
    m.most_weight = pyo.Objective(
        expr=pyo.quicksum(weight[index] * m.x[index] for index in m.USERS), sense=pyo.maximize, doc="served weight"
    )
    m.deadline = pyo.Constraint(expr=m.serving + m.loading - m.reusing <= 1, doc="all ends in time; deadlines")
    m.two_neighbours = pyo.Constraint(m.MODELS, rule=loading.two_neighbours_rule, doc="two neighbours at most; pairs")
    m.runs = pyo.Constraint(m.BLOCKS, rule=loading.runs_rule, doc="a block is loaded for each run of holders; pairs")
    m.loaded_for = pyo.Constraint(m.HOLDINGS, rule=loading.loaded_for_rule, doc="blocks are loaded; blocks")
    m.domination = pyo.Constraint(m.DOMINATIONS, rule=_domination, doc="the better of two users first; users")
    m.visited_for = pyo.Constraint(m.USERS, rule=_visited_for, doc="models are visited for their users; 0 or 1")
    m.somebody = pyo.Constraint(m.MODELS, rule=_somebody, doc="visits are for somebody; users")
    m.batches = pyo.Constraint(m.BATCHES, rule=_batches, doc="batches are large enough; users")
    m.one_batch = pyo.Constraint(m.BATCHES, rule=_one_batch, doc="a visit has a batch; batches")
    return m


def _neighbours(m: pyo.ConcreteModel) -> None:
    """State which models are neighbours, which blocks are loaded, and what loading takes."""
    prefixes, unit = m.prefixes, m.work.unit_s
    pairs = list(map(tuple, overlapping_pairs(prefixes).tolist()))
    m.holders = loading.holders_of(prefixes, least=3)
    m.pairs_at = {i: [] for i in range(m.work.models)}
    for pair in pairs:
        for i in pair:
            m.pairs_at[i].append(pair)
    m.MODELS = pyo.Set(initialize=range(m.work.models), doc="i: models that can serve somebody in time")
    m.PAIRS = pyo.Set(initialize=pairs, dimen=2, doc="e = (i, k), i < k: two models")
    m.BLOCKS = pyo.Set(initialize=list(m.holders), doc="j: blocks that three models or more hold")
    m.HOLDINGS = pyo.Set(initialize=loading.holdings_of(m.holders), dimen=2, doc="(j, i): block, model that holds it")
    m.y = pyo.Var(m.MODELS, domain=pyo.Binary, doc="1 if model i is visited")
    m.z = pyo.Var(m.PAIRS, domain=pyo.Binary, doc="1 if the two models are neighbours")
    m.v = pyo.Var(m.BLOCKS, bounds=(0, 1), doc="1 if block j is loaded")
    size = (prefixes.model_load_s / unit).tolist()
    m.loading = pyo.Expression(
        expr=pyo.quicksum(size[i] * m.y[i] for i in m.MODELS), doc="loading the visited models whole; deadlines"
    )
    m.reusing = pyo.Expression(
        expr=pyo.quicksum(float(prefixes.overlap_s[pair]) / unit * m.z[pair] for pair in pairs),
        doc="what neighbours save of it; deadlines",
    )


def served_users(m: pyo.ConcreteModel) -> dict[int, list[str]]:
    """Return the users that the formulation's values serve, by model."""
    found: dict[int, list[str]] = {}
    for (i, p), served in m.x.items():
        if (pyo.value(served, exception=False) or 0) > 0.5:
            found.setdefault(i, []).append(m.work.users[i][p - 1])
    return found


def read_plan(m: pyo.ConcreteModel) -> Plan:
    """Make the plan of the formulation's values, which must be free of cycles."""
    served, work = served_users(m), m.work
    chosen = [
        (i, k)
        for (i, k), joined in m.z.items()
        if i in served and k in served and (pyo.value(joined, exception=False) or 0) > 0.5
    ]
    number = {name: user for user, name in enumerate(work.queues.user_names)}
    batches = []
    for i in order_of_paths(sorted(served), chosen):
        users, size = [number[name] for name in served[i]], int(work.batch[i])
        batches += [(i, users[start : start + size]) for start in range(0, len(users), size)]
    plan: Plan = work.queues.plan(batches)
    return plan


def _domination(m: pyo.ConcreteModel, i: int, p: int, q: int) -> Any:
    """Of two users of a model, one who uploads no longer and weighs no less is served before the other."""
    return m.x[i, p] >= m.x[i, q]


def _visited_for(m: pyo.ConcreteModel, i: int, p: int) -> Any:
    """A model is visited for its users."""
    return m.y[i] >= m.x[i, p]


def _somebody(m: pyo.ConcreteModel, i: int) -> Any:
    """A model is visited only for somebody."""
    return m.y[i] <= pyo.quicksum(m.x[index] for index in m.users_of[i])


def _batches(m: pyo.ConcreteModel, i: int) -> Any:
    """The users of a model fill at least so many batches."""
    return float(m.work.batch[i]) * m.q[i] >= pyo.quicksum(m.x[index] for index in m.users_of[i])


def _one_batch(m: pyo.ConcreteModel, i: int) -> Any:
    """A visit has a batch at least."""
    return m.q[i] >= m.y[i]
