"""What policies do with a stream, as methods."""

from __future__ import annotations

from collections.abc import Callable

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.policies.named import policies_of
from edgeopt.loading.policies.plans import plan_of
from edgeopt.loading.policies.simulation import Simulation
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped


def _method(name: str) -> Callable[[LoadingInstance, Run], Outcome]:
    """Return the method that replays a policy; where there are several, it takes the better one."""

    def solve(instance: LoadingInstance, run: Run) -> Outcome:
        work = compile_workload(instance)
        if not work.models:
            return serve_nobody(instance)
        best: Simulation | None = None
        for policy in policies_of(name):
            simulation = Simulation(work, policy.shares)
            simulation.run(policy, lambda now_s: run.stop_reason() is None)
            run.report(simulation.served)
            if best is None or simulation.served > best.served:
                best = simulation
        assert best is not None
        stopped = run.stop_reason() or Stopped.FINISHED
        return Outcome(plan_of(best), stopped=stopped, message=f"{len(best.steps)} batches, decided one after another")

    return solve


first_come = _method("fifo")
earliest_deadline = _method("edf")
lru_models = _method("lru-models")
lru_blocks = _method("lru-blocks")
batch_when_full = _method("batch-when-full")
affinity = _method("affinity")
density = _method("density")
density_unshared = _method("density-unshared")
visit_density = _method("visit-density")
rolling = _method("rolling")
