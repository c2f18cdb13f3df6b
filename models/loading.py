"""Loading with one deadline as a mixed-integer linear program: users by rank, and a forest of overlaps.

Sets, and data in units of the deadline T

    i, k        models that can serve somebody in time                                      MODELS
    (i, p)      the user of model i with the p-th least upload time                         USERS
    e           two models with blocks in common                                            PAIRS
    j, M_j      a block that three models or more hold, and these models                    BLOCKS, HOLDINGS
    g_ip        what user (i, p) adds to uploads and computing: g_i(p) - g_i(p - 1)         g
    size_i      loading the whole model                                                     size
    o_e         loading what both models of e hold                                          o

Decisions

    x_ip = 1    user (i, p) is served
    y_i = x_i1  model i is visited
    z_e = 1     the models of e are visited one right after the other, so that o_e is saved
    v_j = 1     block j is loaded

Objective and constraints

    maximise    sum x_ip                                                                    most_users
    subject to  sum g_ip x_ip + sum size_i y_i - sum o_e z_e <= 1                           deadline
                x_ip <= x_i,p-1                                                             prefix
                z(edges at i) <= 2 y_i                                                      two_neighbours
                z(E(M_j)) <= y(M_j) - v_j                                                   runs
                v_j >= y_i                              i in M_j                            loaded_for
                z(E(S)) <= y(S) - y_k                   every set S of models, k in S       left to the method

An order of models loads the sum of their sizes less the overlaps of neighbours, and joining two paths of neighbours
costs nothing; so it is enough to choose disjoint paths. Proofs: ``docs/loading-proofs.md``.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pyomo.environ as pyo

from edgeopt.errors import UsageError
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.overlaps import order_of_paths, overlapping_pairs
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.workload import compile_workload
from edgeopt.solution import Plan

PLAN_ROWS = ("deadline", "prefix", "two_neighbours")  # without them values are no plan


def formulate(instance: LoadingInstance | Prefixes) -> pyo.ConcreteModel:
    """State the problem of serving most users before the common deadline.

    The rows z(E(S)) <= y(S) - y_k against cycles of neighbours are too many to be written down: a method adds those
    that its solutions break, and so does `edgeopt.solve_formulation`. Where z_e is 0 the plan counts on no overlap of
    the two models, which may still meet where two paths are joined; `formulate_order` states who is beside whom.

    Parameters
    ----------
    instance : LoadingInstance or Prefixes
        One deadline for all users.

    Raises
    ------
    UsageError
        The instance has individual deadlines, other modes, or weights.

    Returns
    -------
    pyomo.environ.ConcreteModel
        With those rows its optimum is that of the instance, and `read_plan` gives the plan.
    """
    prefixes = _prefixes(instance)
    return _forest(prefixes, _data(prefixes, list(map(tuple, overlapping_pairs(prefixes).tolist()))))


def formulate_order(instance: LoadingInstance | Prefixes) -> pyo.ConcreteModel:
    """State the same problem with all pairs of models, so that z says of each whether they are neighbours.

    It is larger than `formulate`, and made for rows that forbid or demand neighbours:

        z(E) = y(MODELS) - w,   w >= y_i for every i,   w <= y(MODELS)

    keep the visited models on one path, where w = 1 unless nobody is served. The rows against cycles are left to the
    method here, too.

    Parameters
    ----------
    instance : LoadingInstance or Prefixes
        One deadline for all users.
    """
    prefixes = _prefixes(instance)
    m = _forest(prefixes, _data(prefixes, list(combinations(range(len(prefixes.model_names)), 2))))
    m.w = pyo.Var(domain=pyo.Binary, doc="1 if somebody is served")
    m.one_path = pyo.Constraint(
        expr=pyo.quicksum(m.z.values()) == pyo.quicksum(m.y.values()) - m.w,
        doc="n visited models have n - 1 pairs of neighbours; pairs",
    )
    m.somebody = pyo.Constraint(m.MODELS, rule=_somebody, doc="w is 1 if a model is visited; 0 or 1")
    m.nobody = pyo.Constraint(expr=m.w <= pyo.quicksum(m.y.values()), doc="w is 0 if no model is visited; models")
    return m


def formulate_union(instance: LoadingInstance | Prefixes) -> pyo.ConcreteModel:
    """State the relaxation in which each block, whoever holds it, is loaded once: its optimum is an upper bound.

        maximise    sum x_ip
        subject to  sum g_ip x_ip + sum load_j v_j <= 1,   x_ip <= x_i,p-1,   v_j >= y_i for i in M_j

    Parameters
    ----------
    instance : LoadingInstance or Prefixes
        One deadline for all users.
    """
    prefixes = _prefixes(instance)
    data = _data(prefixes, [])
    holders = holders_of(prefixes, least=1)
    m = pyo.ConcreteModel(name="loading, each block once")
    m.prefixes = prefixes
    m.MODELS = pyo.Set(initialize=data.models, doc="i: models that can serve somebody in time")
    m.USERS = pyo.Set(initialize=data.users, dimen=2, doc="(i, p): model, rank by upload time")
    m.BLOCKS = pyo.Set(initialize=list(holders), doc="j: blocks, those of the same holders as one")
    m.HOLDINGS = pyo.Set(initialize=holdings_of(holders), dimen=2, doc="(j, i): block, model that holds it")
    m.x = pyo.Var(m.USERS, domain=pyo.Binary, doc="1 if user (i, p) is served")
    m.y = pyo.Expression(m.MODELS, rule=_visited, doc="1 if model i is visited")
    m.v = pyo.Var(m.BLOCKS, bounds=(0, 1), doc="1 if block j is loaded")
    m.serving = pyo.Expression(expr=_weighted(data.g, m.x), doc="uploads and computing; deadlines")
    m.loading = pyo.Expression(
        expr=pyo.quicksum(float(prefixes.atom_load_s[j]) / prefixes.unit_s * m.v[j] for j in m.BLOCKS),
        doc="loading each block once; deadlines",
    )
    m.most_users = pyo.Objective(expr=pyo.quicksum(m.x.values()), sense=pyo.maximize, doc="served users")
    m.deadline = pyo.Constraint(expr=m.serving + m.loading <= 1, doc="all ends in time; deadlines")
    m.prefix = pyo.Constraint(m.USERS, rule=_prefix, doc="least uploads first; users")
    m.loaded_for = pyo.Constraint(m.HOLDINGS, rule=loaded_for_rule, doc="blocks of visited models are loaded; blocks")
    return m


def read_plan(m: pyo.ConcreteModel) -> Plan:
    """Make the plan of the formulation's values, which must be free of cycles."""
    prefixes: Prefixes = m.prefixes
    counts = [0] * len(prefixes.model_names)
    for (i, _), served in m.x.items():
        counts[i] += round(pyo.value(served, exception=False) or 0)
    chosen = [pair for pair, joined in m.z.items() if (pyo.value(joined, exception=False) or 0) > 0.5]
    order = order_of_paths([i for i in m.MODELS if counts[i]], chosen)
    return prefixes.plan(order, [counts[i] for i in order])


class Data(NamedTuple):
    """The sets and numbers of the module's docstring; all times are in units of the deadline."""

    models: range
    users: list[tuple[int, int]]
    pairs: list[tuple[int, int]]
    holders: dict[int, list[int]]
    g: dict[tuple[int, int], float]
    size: dict[int, float]
    o: dict[tuple[int, int], float]


def _prefixes(instance: LoadingInstance | Prefixes) -> Prefixes:
    """Reduce an instance; one of other modes is not what these formulations state."""
    if isinstance(instance, Prefixes):
        return instance
    if instance.deadline_kind != "common" or not instance.usual_modes:
        raise UsageError(
            f"{instance.name!r}: the formulation is for one deadline, upload 'phase' and retention 'consecutive'; "
            "loading_deadlines and loading_overlapped relax the others"
        )
    require_no_weights(instance)
    return compile_workload(instance).prefixes


def require_no_weights(instance: LoadingInstance) -> None:
    """Refuse weights: users of a model are then not served in the order of their uploads.

    Raises
    ------
    UsageError
    """
    if instance.weighted:
        raise UsageError(
            f"{instance.name!r}: the formulation counts users, and these have weights; loading_weights.formulate, "
            "loading_deadlines.formulate and loading_overlapped.formulate_individual take them"
        )


def _data(prefixes: Prefixes, pairs: list[tuple[int, int]]) -> Data:
    """Make the symbols, with these pairs."""
    unit = prefixes.unit_s
    steps = {i: (np.diff(table) / unit).tolist() for i, table in enumerate(prefixes.serve_s)}
    g = {(i, p): step for i, row in steps.items() for p, step in enumerate(row, 1)}
    return Data(
        models=range(len(prefixes.model_names)),
        users=list(g),
        pairs=pairs,
        holders=holders_of(prefixes, least=3),
        g=g,
        size={i: float(seconds) / unit for i, seconds in enumerate(prefixes.model_load_s)},
        o={e: float(prefixes.overlap_s[e]) / unit for e in pairs},
    )


def holders_of(prefixes: Prefixes, least: int) -> dict[int, list[int]]:
    """Return M_j of the blocks with bytes and so many holders at least; blocks of the same holders are one."""
    holders = enumerate(prefixes.sharing.holders)
    return {j: models.tolist() for j, models in holders if len(models) >= least and prefixes.sharing.atom_bytes[j] > 0}


def holdings_of(holders: dict[int, list[int]]) -> list[tuple[int, int]]:
    return [(j, i) for j, models in holders.items() for i in models]


def _forest(prefixes: Prefixes, data: Data) -> pyo.ConcreteModel:
    """State the formulation over the given pairs."""
    m = pyo.ConcreteModel(name="loading")
    m.instance, m.prefixes, m.holders = prefixes.instance, prefixes, data.holders
    m.pairs_at = {i: [] for i in data.models}
    for pair in data.pairs:
        for i in pair:
            m.pairs_at[i].append(pair)
    m.MODELS = pyo.Set(initialize=data.models, doc="i: models that can serve somebody in time")
    m.USERS = pyo.Set(initialize=data.users, dimen=2, doc="(i, p): model, rank by upload time")
    m.PAIRS = pyo.Set(initialize=data.pairs, dimen=2, doc="e = (i, k), i < k: two models")
    m.BLOCKS = pyo.Set(initialize=list(data.holders), doc="j: blocks that three models or more hold")
    m.HOLDINGS = pyo.Set(initialize=holdings_of(data.holders), dimen=2, doc="(j, i): block, model that holds it")
    m.x = pyo.Var(m.USERS, domain=pyo.Binary, doc="1 if user (i, p) is served")
    m.y = pyo.Expression(m.MODELS, rule=_visited, doc="1 if model i is visited")
    m.z = pyo.Var(m.PAIRS, domain=pyo.Binary, doc="1 if the two models are neighbours")
    m.v = pyo.Var(m.BLOCKS, bounds=(0, 1), doc="1 if block j is loaded")
    m.serving = pyo.Expression(expr=_weighted(data.g, m.x), doc="uploads and computing; deadlines")
    m.loading = pyo.Expression(expr=_weighted(data.size, m.y), doc="loading the visited models whole; deadlines")
    m.reusing = pyo.Expression(expr=_weighted(data.o, m.z), doc="what neighbours save of it; deadlines")
    m.most_users = pyo.Objective(expr=pyo.quicksum(m.x.values()), sense=pyo.maximize, doc="served users")
    m.deadline = pyo.Constraint(expr=m.serving + m.loading - m.reusing <= 1, doc="all ends in time; deadlines")
    m.prefix = pyo.Constraint(m.USERS, rule=_prefix, doc="least uploads first; users")
    m.two_neighbours = pyo.Constraint(m.MODELS, rule=two_neighbours_rule, doc="two neighbours at most; pairs")
    m.runs = pyo.Constraint(m.BLOCKS, rule=runs_rule, doc="a block is loaded for each run of its holders; pairs")
    m.loaded_for = pyo.Constraint(m.HOLDINGS, rule=loaded_for_rule, doc="blocks of visited models are loaded; blocks")
    return m


def _weighted(factors: dict[Any, float], terms: Any) -> Any:
    return pyo.quicksum(factor * terms[index] for index, factor in factors.items())


def _visited(m: pyo.ConcreteModel, i: int) -> Any:
    """A model is visited when its first user is served."""
    return m.x[i, 1]


def _prefix(m: pyo.ConcreteModel, i: int, p: int) -> Any:
    """Users of a model are served in the order of their upload times."""
    return m.x[i, p] <= m.x[i, p - 1] if p > 1 else pyo.Constraint.Skip


def two_neighbours_rule(m: pyo.ConcreteModel, i: int) -> Any:
    """A visited model has at most two neighbours, another none."""
    return pyo.quicksum(m.z[e] for e in m.pairs_at[i]) <= 2 * m.y[i] if m.pairs_at[i] else pyo.Constraint.Skip


def runs_rule(m: pyo.ConcreteModel, j: int) -> Any:
    """A loaded block is loaded once for each run of neighbours that hold it, at least once: pairs < visited holders."""
    inside = pyo.quicksum(m.z[e] for e in combinations(m.holders[j], 2))
    return inside <= pyo.quicksum(m.y[i] for i in m.holders[j]) - m.v[j]


def loaded_for_rule(m: pyo.ConcreteModel, j: int, i: int) -> Any:
    """A block is loaded when a model that holds it is visited."""
    return m.v[j] >= m.y[i]


def _somebody(m: pyo.ConcreteModel, i: int) -> Any:
    """Somebody is served when a model is visited."""
    return m.w >= m.y[i]
