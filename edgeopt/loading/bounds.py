"""The bound on the users that can be served before one deadline, without a plan."""

from __future__ import annotations

from edgeopt.loading.arrays import compile_arrays
from edgeopt.loading.exact import Run
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.modes import Mode, implementation
from edgeopt.loading.nobody import why_nobody
from edgeopt.loading.relaxations import too_large, union_bound
from edgeopt.method import Options, Outcome
from edgeopt.solution import Stopped


@implementation("bound", Mode.ONE_DEADLINE)
def solve_bound(instance: LoadingInstance, options: Options) -> Outcome:
    """Bound the optimum by the better of two relaxations: each block once, and the root of `exact`."""
    arrays = compile_arrays(instance)
    if not arrays.model_names:
        return Outcome(bound=0, message=why_nobody(instance))
    run = Run(arrays, options)
    union = union_bound(arrays, options.part(options.remaining_s() / 2))
    run.tighten(union)
    run.notes.append(f"each block once: {union}")
    reason = too_large(arrays)
    if reason:
        run.notes.append(reason)
    elif options.stop_reason() is None:
        from edgeopt.loading.forest import Forest

        run.root(Forest(arrays, options))
    return Outcome(bound=run.bound, stopped=options.stop_reason() or Stopped.FINISHED, message="; ".join(run.notes))
