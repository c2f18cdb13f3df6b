"""The bound on the users that can be served before one deadline, without a plan."""

from __future__ import annotations

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import why_nobody
from edgeopt.loading.orders.exact import Proof
from edgeopt.loading.relaxations import too_large, union_bound
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped


def solve_bound(instance: LoadingInstance, run: Run) -> Outcome:
    """Bound the optimum by the better of two relaxations: each block once, and the root of `exact`."""
    prefixes = compile_workload(instance).prefixes
    if not prefixes.model_names:
        return Outcome(bound=0, message=why_nobody(instance))
    proof = Proof(prefixes, run)
    union = union_bound(prefixes, run.part(run.remaining_s() / 2, reports="bound"))
    proof.tighten(union)
    proof.notes.append(f"each block once: {union}")
    reason = too_large(prefixes)
    if reason:
        proof.notes.append(reason)
    elif run.stop_reason() is None:
        from edgeopt.loading.orders.forest import Forest

        proof.root(Forest(prefixes, run))
    return Outcome(bound=proof.bound, stopped=run.stop_reason() or Stopped.FINISHED, message="; ".join(proof.notes))
