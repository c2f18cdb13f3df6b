"""Bounds on the users in the other modes, without a plan."""

from __future__ import annotations

from edgeopt.loading.batches.relaxation import relaxed
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import why_nobody
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped


def bound_by_deadlines(work: Workload, run: Run) -> int:
    """Bound the users by what is uploaded, loaded and computed up to each deadline, as well as the limits allow."""
    from edgeopt.engines.linear import compile_formulation
    from edgeopt.loading.relaxations import program_bound
    from edgeopt.loading.walks.bounds import stated_deadlines

    bound = len(work.queues.user_names)
    if not bound or work.deadline_s == 0 or run.stop_reason() is not None:
        return bound
    if work.overlapped and not work.keeps:
        bound = min(bound, relaxed(work, run.part(run.remaining_s() / 4, reports="bound")).bound)
    deadlines = stated_deadlines(work.queues)
    if work.overlapped:
        from edgeopt.models.loading_overlapped import formulate_individual

        return program_bound(compile_formulation(formulate_individual(work, deadlines)), bound, run)
    from edgeopt.models.loading_deadlines import formulate

    return program_bound(compile_formulation(formulate(work.queues, deadlines)), bound, run)


def solve_bound(instance: LoadingInstance, run: Run) -> Outcome:
    """Bound the optimum by a relaxation of what is loaded."""
    work = compile_workload(instance)
    if not work.models:
        return Outcome(bound=0, message=why_nobody(instance))
    bound = relaxed(work, run).bound
    return Outcome(bound=bound, stopped=run.stop_reason() or Stopped.FINISHED)


def solve_bound_by_deadlines(instance: LoadingInstance, run: Run) -> Outcome:
    """Bound the optimum by a relaxation in which, up to each deadline, each block is loaded once."""
    work = compile_workload(instance)
    if not work.models:
        return Outcome(bound=0, message=why_nobody(instance))
    bound = bound_by_deadlines(work, run)
    return Outcome(bound=bound, stopped=run.stop_reason() or Stopped.FINISHED)
