"""The baseline without sharing, for one deadline."""

from __future__ import annotations

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.orders.dp import Watch
from edgeopt.loading.orders.merging import Pool
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped


def solve_without_sharing(instance: LoadingInstance, run: Run) -> Outcome:
    """Serve the most users when each switch loads the whole model: a knapsack over models, by min-plus merges."""
    prefixes, watch = compile_workload(instance).prefixes, Watch(run)
    if not prefixes.model_names:
        return serve_nobody(instance)
    tables = []
    for serve, load in zip(prefixes.serve_s, prefixes.model_load_s, strict=True):
        table = serve.copy()
        table[1:] += load
        tables.append(table)
    pool = Pool(tables, prefixes.horizon_s, watch.expired)
    shares = pool.shares(len(pool.table) - 1)
    order = [model for model, share in enumerate(shares) if share]
    plan = prefixes.plan(order, [shares[model] for model in order])
    run.report(sum(shares), plan=lambda: plan)
    return Outcome(
        plan,
        stopped=watch.reason or Stopped.FINISHED,
        message="chosen as if each switch loaded the whole model; no bound on the optimum with sharing",
    )
