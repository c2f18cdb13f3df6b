"""Bounds on the users in the other modes, without a plan."""

from __future__ import annotations

from edgeopt.loading.batches.relaxation import relaxed
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import why_nobody
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Number, Stopped


def bound_by_deadlines(work: Workload, run: Run) -> Number:
    """Bound the optimum by what is uploaded, loaded and computed up to each deadline, as well as the limits allow."""
    from edgeopt.engines.linear import compile_formulation
    from edgeopt.loading.relaxations import value_bound
    from edgeopt.loading.walks.bounds import stated_deadlines

    objective = work.queues.objective
    bound = objective.most
    run.report(bound=bound)
    if not bound or work.deadline_s == 0 or run.stop_reason() is not None:
        return bound
    if work.overlapped and not work.keeps and objective.weight is None:
        bound = min(bound, relaxed(work, run.part(run.remaining_s() / 4, reports="bound")).bound)
    deadlines = stated_deadlines(work.queues, run.remaining_s())
    if work.overlapped:
        from edgeopt.models.loading_overlapped import formulate_individual

        program = compile_formulation(formulate_individual(work, deadlines))
    else:
        from edgeopt.models.loading_deadlines import formulate

        program = compile_formulation(formulate(work.queues, deadlines))
    return value_bound(program, bound, objective.floor, objective.gap(float(bound)), run)


def solve_bound(instance: LoadingInstance, run: Run) -> Outcome:
    """Bound the optimum by a relaxation of what is loaded."""
    work = compile_workload(instance)
    if not work.models:
        return Outcome(bound=0, message=why_nobody(instance))
    bound = relaxed(work, run).bound
    return Outcome(bound=bound, stopped=run.stop_reason() or Stopped.FINISHED)


def solve_bound_by_deadlines(instance: LoadingInstance, run: Run) -> Outcome:
    """Bound the optimum by what is done up to each deadline, and by walks through time where blocks do not stay."""
    from edgeopt.loading.walks.bounds import walked_bound
    from edgeopt.loading.walks.radio_walks import walks_of

    work = compile_workload(instance)
    if not work.models:
        return Outcome(bound=0, message=why_nobody(instance))
    walks = walks_of(work)
    bound = bound_by_deadlines(work, run if walks is None else run.part(run.remaining_s() / 4, reports="bound"))
    message = ""
    if walks is not None:
        walked = walked_bound(work, walks, run)
        message = f"by deadlines: {bound}; walks through time: {walked}"
        bound = min(bound, walked)
    return Outcome(bound=bound, stopped=run.stop_reason() or Stopped.FINISHED, message=message)
