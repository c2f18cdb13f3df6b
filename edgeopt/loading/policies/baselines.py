"""What policies do with a stream, as methods."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.policies.named import PRICED, policies_of
from edgeopt.loading.policies.plans import plan_of
from edgeopt.loading.policies.policy import Policy
from edgeopt.loading.policies.prices import Prices
from edgeopt.loading.policies.simulation import Simulation
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped


def _method(make: Callable[[], list[Policy]]) -> Callable[[LoadingInstance, Run], Outcome]:
    """Return the method that replays a policy; where there are several, it takes the better one."""

    def solve(instance: LoadingInstance, run: Run) -> Outcome:
        work = compile_workload(instance)
        if not work.models:
            return serve_nobody(instance)
        best: Simulation | None = None
        for policy in make():
            simulation = Simulation(work, policy.shares)
            simulation.run(policy, lambda now_s: run.stop_reason() is None)
            run.report(simulation.worth, plan=partial(plan_of, simulation))
            if best is None or simulation.worth > best.worth:
                best = simulation
        assert best is not None
        stopped = run.stop_reason() or Stopped.FINISHED
        return Outcome(plan_of(best), stopped=stopped, message=f"{len(best.steps)} batches, decided one after another")

    return solve


first_come = _method(lambda: policies_of("fifo"))
earliest_deadline = _method(lambda: policies_of("edf"))
lru_models = _method(lambda: policies_of("lru-models"))
lru_blocks = _method(lambda: policies_of("lru-blocks"))
batch_when_full = _method(lambda: policies_of("batch-when-full"))
affinity = _method(lambda: policies_of("affinity"))
density = _method(lambda: policies_of("density"))
density_idle = _method(lambda: policies_of("density-idle"))
density_unshared = _method(lambda: policies_of("density-unshared"))
visit_density = _method(lambda: policies_of("visit-density"))
rolling = _method(lambda: policies_of("rolling"))


def priced(instance: LoadingInstance, run: Run, file: str) -> Outcome:
    """Replay the policy of a file's prices."""
    prices = Prices.read(file)
    return _method(lambda: policies_of(PRICED, prices))(instance, run)
