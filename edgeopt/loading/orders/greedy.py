"""Greedy methods: cheapest insertion with refill, and the append-only greedy in the style of PartialLoading."""

from __future__ import annotations

from functools import partial

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.orders.order_dp import Selection, best_selection
from edgeopt.loading.orders.paths import Path
from edgeopt.loading.orders.tables import ServingTables
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

CREDITS = (0.0, 0.3, 0.6, 0.9)


def greedy_selection(tables: ServingTables, run: Run) -> tuple[Selection, Stopped | None]:
    """Build a selection by cheapest insertion, once for each of `CREDITS`, each improved by the order-DP.

    Returns
    -------
    Selection
        The best of them.
    Stopped or None
        Why not all were tried.
    """
    from edgeopt.loading.orders.greedy_kernels import cheapest_insertion

    best = Selection([], [])
    for credit in CREDITS:
        path = Path(tables)
        counts = cheapest_insertion(
            path.cells,
            path.place,
            tables.serve,
            tables.slopes,
            tables.first,
            tables.load,
            tables.overlap,
            credit * tables.largest,
            tables.horizon,
        )
        order = path.order()
        built = Selection(order.tolist(), counts[order].tolist())
        improved = best_selection(tables, path.completed(), run.stop_reason)
        best = max(best, built, improved, key=lambda selection: selection.users)
        run.report(best.users, plan=partial(tables.prefixes.plan, best.order, best.counts))
        if run.stop_reason():
            break
    return best, run.stop_reason()


def solve_greedy(instance: LoadingInstance, run: Run) -> Outcome:
    """Insert the bundle of users that adds most users per second, anywhere, until nothing fits."""
    prefixes = compile_workload(instance).prefixes
    if not prefixes.model_names:
        return serve_nobody(instance)
    best, reason = greedy_selection(ServingTables.of(prefixes), run)
    return Outcome(
        prefixes.plan(best.order, best.counts),
        stopped=reason or Stopped.FINISHED,
        message=f"cheapest insertion with refill, improved by the order-DP: {len(best.order)} models in memory in turn",
    )


def solve_append_only(instance: LoadingInstance, run: Run) -> Outcome:
    """Append the model and users with the most users per second to the end, until nothing fits."""
    from edgeopt.loading.orders.greedy_kernels import append_only

    prefixes = compile_workload(instance).prefixes
    if not prefixes.model_names:
        return serve_nobody(instance)
    tables = ServingTables.of(prefixes)
    order, counts = append_only(tables.serve, tables.slopes, tables.first, tables.load, tables.overlap, tables.horizon)
    plan = prefixes.plan(order.tolist(), counts.tolist())
    run.report(int(counts.sum()), plan=lambda: plan)
    return Outcome(
        plan,
        message=f"appended {len(order)} models one after another, no model revisited or refilled",
    )
