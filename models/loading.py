"""Loading with one deadline as a mixed-integer linear program: prefix users and a forest of overlaps.

Symbols are those of the table in ``models/README.md``. An order of models loads the sum of their sizes less the
overlaps of neighbours, and joining two paths of neighbours costs nothing; so it is enough to choose disjoint paths.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyomo.core import Binary, ConcreteModel, Constraint, Expression, Objective, Set, Var, maximize, quicksum, value
from scipy import sparse

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.workload import compile_workload
from edgeopt.solution import Plan


def formulate(instance: LoadingInstance | Prefixes) -> ConcreteModel:
    """State the problem of serving most users before the common deadline.

    Times are in units of the deadline T. The rows against cycles of neighbours,

        sum of z_e inside S <= sum of y_i over S, less y_k, for every set S of models and k in S,

    are too many to be written down: a method adds those that its solutions break.

    Parameters
    ----------
    instance : LoadingInstance or Prefixes
        One deadline for all users.

    Returns
    -------
    pyomo.environ.ConcreteModel
        With those rows its optimum is that of the instance, and `read_plan` gives the plan.
    """
    prefixes = instance if isinstance(instance, Prefixes) else compile_workload(instance).prefixes
    m = ConcreteModel(name="loading")
    m.prefixes = prefixes
    _sets(m, prefixes)
    _decisions(m)
    _times(m, prefixes)
    m.most_users = Objective(expr=quicksum(m.x.values()), sense=maximize)
    m.deadline = Constraint(expr=m.serving + m.loading - m.reusing <= 1)
    m.prefix = Constraint(m.USERS, rule=_prefix)
    m.two_neighbours = Constraint(m.MODELS, rule=_two_neighbours)
    m.runs = Constraint(m.BLOCKS, rule=_runs)
    m.loaded_for = Constraint(m.HOLDINGS, rule=_loaded_for)
    return m


def formulate_union(instance: LoadingInstance | Prefixes) -> ConcreteModel:
    """State the relaxation in which each block is loaded once at most: its optimum is an upper bound.

    Parameters
    ----------
    instance : LoadingInstance or Prefixes
        One deadline for all users.
    """
    prefixes = instance if isinstance(instance, Prefixes) else compile_workload(instance).prefixes
    holders = {
        j: models.tolist() for j, models in enumerate(prefixes.sharing.holders) if prefixes.sharing.atom_bytes[j]
    }
    m = ConcreteModel(name="loading, each block once")
    m.prefixes = prefixes
    m.MODELS = Set(initialize=range(len(prefixes.model_names)))
    m.USERS = Set(initialize=_ranks(prefixes), dimen=2)
    m.BLOCKS = Set(initialize=list(holders))
    m.HOLDINGS = Set(initialize=[(j, i) for j, models in holders.items() for i in models], dimen=2)
    m.x = Var(m.USERS, domain=Binary)
    m.y = Expression(m.MODELS, rule=lambda m, i: m.x[i, 1])
    m.v = Var(m.BLOCKS, bounds=(0, 1))
    m.serving = Expression(expr=_serving(m, prefixes))
    m.loading = Expression(expr=quicksum(float(prefixes.atom_load_s[j]) / prefixes.unit_s * m.v[j] for j in m.BLOCKS))
    m.most_users = Objective(expr=quicksum(m.x.values()), sense=maximize)
    m.deadline = Constraint(expr=m.serving + m.loading <= 1)
    m.prefix = Constraint(m.USERS, rule=_prefix)
    m.loaded_for = Constraint(m.HOLDINGS, rule=_loaded_for)
    return m


def _sets(m: ConcreteModel, prefixes: Prefixes) -> None:
    """I models, their users by rank of upload time, E pairs that overlap, J blocks that three models or more hold."""
    holders = shared_blocks(prefixes)
    m.MODELS = Set(initialize=range(len(prefixes.model_names)))
    m.USERS = Set(initialize=_ranks(prefixes), dimen=2)
    m.PAIRS = Set(initialize=list(map(tuple, overlapping_pairs(prefixes).tolist())), dimen=2)
    m.BLOCKS = Set(initialize=list(holders))
    m.HOLDINGS = Set(initialize=[(j, i) for j, models in holders.items() for i in models], dimen=2)
    m.holders = holders
    m.pairs_at = {i: [] for i in m.MODELS}
    for pair in m.PAIRS:
        for i in pair:
            m.pairs_at[i].append(pair)


def _decisions(m: ConcreteModel) -> None:
    """x: user p of model i is served; y: model i is visited; z: pair e are neighbours; v: block j is loaded."""
    m.x = Var(m.USERS, domain=Binary)
    m.y = Expression(m.MODELS, rule=lambda m, i: m.x[i, 1])
    m.z = Var(m.PAIRS, domain=Binary)
    m.v = Var(m.BLOCKS, bounds=(0, 1))


def _times(m: ConcreteModel, prefixes: Prefixes) -> None:
    """Serving, loading whole models, and what neighbours save of it."""
    unit = prefixes.unit_s
    m.serving = Expression(expr=_serving(m, prefixes))
    m.loading = Expression(expr=quicksum(float(prefixes.model_load_s[i]) / unit * m.y[i] for i in m.MODELS))
    m.reusing = Expression(expr=quicksum(float(prefixes.overlap_s[e]) / unit * m.z[e] for e in m.PAIRS))


def _ranks(prefixes: Prefixes) -> list[tuple[int, int]]:
    """Users as (model, rank by upload time)."""
    return [(i, p) for i, table in enumerate(prefixes.serve_s) for p in range(1, len(table))]


def _serving(m: ConcreteModel, prefixes: Prefixes) -> Any:
    """The p-th user of model i adds g_i(p) - g_i(p - 1): its upload, its computing, and a fixed part per batch."""
    steps = {i: np.diff(g) / prefixes.unit_s for i, g in enumerate(prefixes.serve_s)}
    return quicksum(float(steps[i][p - 1]) * m.x[i, p] for i, p in m.USERS)


def _prefix(m: ConcreteModel, i: int, p: int) -> Any:
    """Users of a model are served in the order of their upload times."""
    return m.x[i, p] <= m.x[i, p - 1] if p > 1 else Constraint.Skip


def _two_neighbours(m: ConcreteModel, i: int) -> Any:
    """A visited model has at most two neighbours, another none."""
    return quicksum(m.z[e] for e in m.pairs_at[i]) <= 2 * m.y[i] if m.pairs_at[i] else Constraint.Skip


def _runs(m: ConcreteModel, j: int) -> Any:
    """A loaded block is loaded once for each run of neighbours that hold it, at least once: pairs < visited holders."""
    inside = quicksum(m.z[e] for e in combinations(m.holders[j], 2))
    return inside <= quicksum(m.y[i] for i in m.holders[j]) - m.v[j]


def _loaded_for(m: ConcreteModel, j: int, i: int) -> Any:
    """A block is loaded when a model that holds it is visited."""
    return m.v[j] >= m.y[i]


def overlapping_pairs(prefixes: Prefixes) -> NDArray[np.int64]:
    """Pairs i < k of models with blocks in common, shape (pairs, 2)."""
    above = sparse.triu(sparse.coo_array(prefixes.overlap_s), k=1).tocoo()
    return np.stack([above.row, above.col], axis=1).astype(np.int64)


def shared_blocks(prefixes: Prefixes) -> dict[int, list[int]]:
    """Models that hold each block (blocks held by the same models merged), for blocks of three holders or more."""
    holders = enumerate(prefixes.sharing.holders)
    return {j: models.tolist() for j, models in holders if len(models) > 2 and prefixes.sharing.atom_bytes[j] > 0}


def read_plan(m: ConcreteModel) -> Plan:
    """Make the plan of the formulation's values, which must be free of cycles."""
    prefixes: Prefixes = m.prefixes
    counts = [0] * len(prefixes.model_names)
    for (i, _), served in m.x.items():
        counts[i] += round(value(served, exception=False) or 0)
    chosen = [pair for pair, joined in m.z.items() if (value(joined, exception=False) or 0) > 0.5]
    order = order_of_paths([i for i in m.MODELS if counts[i]], chosen)
    return prefixes.plan(order, [counts[i] for i in order])


def order_of_paths(visited: Iterable[int], pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Lay the paths that the pairs form one after another."""
    neighbours: dict[int, list[int]] = {i: [] for i in visited}
    for i, k in pairs:
        neighbours[i].append(k)
        neighbours[k].append(i)
    order: list[int] = []
    placed: set[int] = set()
    for first in sorted(neighbours, key=lambda i: (len(neighbours[i]), i)):
        current: int | None = first
        while current is not None and current not in placed:
            placed.add(current)
            order.append(current)
            current = next((k for k in neighbours[current] if k not in placed), None)
    return order
