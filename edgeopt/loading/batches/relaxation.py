"""Upper bounds by mixed-integer relaxations, in all modes; the one for overlapped uploads also says whom to serve."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgeopt.loading.relaxations import LARGE_TERMS, floor_bound, program_bound, terms, union_bound
from edgeopt.loading.workload import Workload
from edgeopt.run import Run

if TYPE_CHECKING:
    from pyomo.core import ConcreteModel

MOST_ROUNDS = 30  # of cutting off cycles
MOST_NODES = 20_000  # of a branch and bound


@dataclass
class Relaxed:
    """A bound for one deadline, and the relaxation's last solution.

    Attributes
    ----------
    bound : int
        No plan serves more users.
    order : list of int
        Models that the solution visits, neighbours side by side; empty without a solution.
    counts : list of int
        Users of each.
    """

    bound: int
    order: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


def relaxed(work: Workload, run: Run) -> Relaxed:
    """Bound the users as if all had the latest deadline, as well as the limits allow."""
    most = int(work.most.sum())
    run.report(bound=most)
    if not most or work.deadline_s == 0 or run.stop_reason() is not None:
        return Relaxed(most)
    if not work.overlapped:
        return Relaxed(min(most, union_bound(work.prefixes, run)))
    from edgeopt.engines.linear import compile_formulation
    from edgeopt.models.loading_overlapped import formulate

    if work.keeps or terms(work.computing) > LARGE_TERMS:
        return Relaxed(program_bound(compile_formulation(formulate(work, neighbours=False)), most, run))
    return _forest(formulate(work), Relaxed(most), run)


def _forest(m: ConcreteModel, relaxation: Relaxed, run: Run) -> Relaxed:
    """Solve the formulation, and again with rows against the cycles of its solution."""
    from pyomo.core import ConstraintList, quicksum

    m.no_cycle = ConstraintList()
    for turn in range(MOST_ROUNDS):
        cut = _solved(m, relaxation, run, first=turn == 0)
        for models, k in cut:
            inside = quicksum(m.z[pair] for pair in m.PAIRS if models.issuperset(pair))
            m.no_cycle.add(inside <= quicksum(m.visited[i] for i in models if i != k))
        if not cut or run.stop_reason() is not None:
            break
    return relaxation


def _solved(m: ConcreteModel, relaxation: Relaxed, run: Run, first: bool) -> list[tuple[frozenset[int], int]]:
    """Solve the formulation as it stands and note bound and solution; return the solution's cycles."""
    import numpy as np
    from pyomo.core import value

    from edgeopt.engines.highs import HighsSolver
    from edgeopt.engines.linear import compile_formulation
    from edgeopt.loading.orders.subtours import cycles
    from edgeopt.loading.overlaps import order_of_paths

    def tighten(bound: float | None) -> None:
        if bound is not None:
            relaxation.bound = min(relaxation.bound, floor_bound(bound))
            run.report(bound=relaxation.bound)

    program = compile_formulation(m)
    solver = HighsSolver(program, run)
    if first:
        duals = solver.solve(relaxed=True).row_duals
        tighten(None if duals is None else program.proven_bound(duals))
    result = solver.solve(absolute_gap=0.999, node_limit=MOST_NODES, report=lambda _, bound: tighten(bound))
    tighten(result.bound)
    if result.values is None:
        return []
    program.load(m, result.values)
    served = dict.fromkeys(m.MODELS, 0)
    for (i, _), x in m.x.items():
        served[i] += round(value(x))
    pairs = [pair for pair, z in m.z.items() if (value(z, exception=False) or 0) > 0.5]
    relaxation.order = order_of_paths([i for i in m.MODELS if served[i]], pairs)
    relaxation.counts = [served[i] for i in relaxation.order]
    return cycles(np.array(pairs, dtype=np.int64).reshape(-1, 2))
