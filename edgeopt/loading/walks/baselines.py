"""The baseline without sharing, for individual deadlines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.walks.exact import Proof
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped

DEFAULT_WALKS = 5_000  # when neither time nor iterations are limited


def solve_without_sharing(instance: LoadingInstance, run: Run) -> Outcome:
    """Serve the most users when each switch loads the whole model: local search, and its proof by walks."""
    queues = compile_workload(instance).queues
    if not queues.user_names:
        return serve_nobody(instance)
    whole = np.tile(queues.switch_s[-1], (len(queues.model_names) + 1, 1))
    whole[np.diag_indices(len(queues.model_names))] = 0.0
    unlimited = run.options.time_limit is None and run.options.iteration_limit is None

    def take(plan: Plan) -> None:
        run.report(sum(len(batch["users"]) for batch in plan["batches"]), plan=lambda: plan)

    part = run.part(iterations=DEFAULT_WALKS if unlimited else run.options.iteration_limit, reports=take)
    proof = Proof(replace(queues, switch_s=whole), part)
    proof.search_and_walk()
    plan = queues.plan(proof.known.best or [])
    take(plan)
    most = "the most" if proof.bound == proof.users else f"at most {proof.bound}"
    return Outcome(
        plan,
        stopped=run.stop_reason() or Stopped.FINISHED,
        message=f"chosen as if each switch loaded the whole model ({most} then); no bound on the optimum with sharing",
    )
