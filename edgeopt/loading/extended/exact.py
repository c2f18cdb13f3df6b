"""Bounds and proofs for one deadline with overlapped uploads or capacity retention.

The relaxation that loads each block once bounds the users, local search serves them; while they differ, `counts-dp`
is asked for one user more.
"""

from __future__ import annotations

import numpy as np

from edgeopt.loading.arrays import compile_arrays
from edgeopt.loading.extended.counts_dp import CountsProgram, state_refusal
from edgeopt.loading.extended.modes import one_deadline_refusal
from edgeopt.loading.extended.plans import plan_of
from edgeopt.loading.extended.search import NOBODY, Search, default_iterations, started
from edgeopt.loading.extended.workload import Workload, compile_workload
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.modes import Mode, implementation
from edgeopt.loading.relaxations import program_bound, union_bound
from edgeopt.method import Options, Outcome
from edgeopt.solution import Plan, Stopped

MOST_DEADLINES = 5  # of individual ones, for which the relaxation is solved
MOST_ASKED_CODES = 2**62  # the dynamic program may give up; beyond, it cannot even begin
FIRST_SHARE = 10  # of the local search's default iterations, before there is a bound


def relaxation_bound(workload: Workload, options: Options) -> int:
    """Bound the users by the relaxation in which each block is loaded once."""
    most = int(workload.most.sum())
    if workload.deadline_s == 0:
        return most
    if not workload.overlapped:
        return min(most, union_bound(compile_arrays(workload.instance), options))
    options.report(bound=most)
    if options.stop_reason() is not None:
        return most
    from edgeopt.models.loading_overlapped import formulate

    return program_bound(formulate(workload), most, options)


@implementation("bound", Mode.EXTENDED)
def solve_bound(instance: LoadingInstance, options: Options) -> Outcome:
    """Bound the optimum by the relaxation in which each block is loaded once.

    With individual deadlines: of the users due by some deadline no more are served than if that were the deadline of
    all of them; the users due later are counted in full.
    """
    deadlines = instance.deadlines()
    bound, notes = len(instance.users), []
    for deadline in _sample(deadlines):
        due = {name: user for name, user in instance.users.items() if user.deadline_s <= deadline}
        users = {name: user.model_copy(update={"deadline_s": deadline}) for name, user in due.items()}
        workload = compile_workload(instance.model_copy(update={"users": users}))
        if options.stop_reason() is not None:
            break
        part = options.part(options.remaining_s() / 2)
        found = (relaxation_bound(workload, part) if workload.models else 0) + len(instance.users) - len(due)
        if found < bound:
            bound, notes = found, [f"each block once by {deadline:g} s: {found}"]
            options.report(bound=bound)
    return Outcome(bound=bound, stopped=options.stop_reason() or Stopped.FINISHED, message="; ".join(notes))


def _sample(deadlines: list[float]) -> list[float]:
    """Return the last deadline, and a few others spread over them, from the last to the first."""
    ranks = np.linspace(len(deadlines) - 1, 0, MOST_DEADLINES).astype(int) if deadlines else ()
    return [deadlines[rank] for rank in dict.fromkeys(ranks)]


@implementation("exact", Mode.EXTENDED, fits=one_deadline_refusal)
def solve_exact(instance: LoadingInstance, options: Options) -> Outcome:
    """Prove the optimum by a relaxation, or by a dynamic program where the states are few enough."""
    workload = compile_workload(instance)
    if not workload.models:
        return Outcome(plan_of(workload, []), 0, message=NOBODY)
    line, start = started(workload, options)
    search = Search(workload, options, line, enough=int(workload.most.sum()))
    search.run(default_iterations(workload) // FIRST_SHARE)
    bound = relaxation_bound(workload, options.part(options.remaining_s() / 2))
    options.report(bound=bound)
    notes = [f"each block once: {bound}"]
    search.enough = bound
    search.run(search.iterations + default_iterations(workload))
    plan, stopped = search.plan(start), None
    if bound > users_of(plan):
        plan, bound, stopped = _decide(workload, plan, bound, options, notes)
    open_gap = bound - users_of(plan) > options.gap * users_of(plan)
    if open_gap and stopped is None and options.time_limit is not None:
        stopped = search.run()
        plan = max(plan, search.plan(start), key=users_of)
    return Outcome(plan, bound, stopped or options.stop_reason() or Stopped.FINISHED, message="; ".join(notes))


def users_of(plan: Plan) -> int:
    """Number of users that a plan serves."""
    return sum(len(batch["users"]) for batch in plan["batches"])


def _decide(
    workload: Workload, plan: Plan, bound: int, options: Options, notes: list[str]
) -> tuple[Plan, int, Stopped | None]:
    """Ask the dynamic program for as many users as the bound allows, and for one fewer while there is no such plan.

    A large number of users leaves many states out, so that some questions are answered where the last one cannot be.
    """
    reason = state_refusal(workload, MOST_ASKED_CODES)
    if reason:
        notes.append(f"no dynamic program: {reason}")
        return plan, bound, None
    states, stopped, part = 0, None, options.part(options.remaining_s() / 2)  # local search may need the other half
    while bound - users_of(plan) > options.gap * users_of(plan) and stopped is None:
        answer = CountsProgram(workload, bound).solve(part)
        states += answer.states
        if answer.sequence is not None:
            plan = plan_of(workload, answer.sequence)
        elif answer.proved:
            bound -= 1
            options.report(bound=bound)
        else:
            notes.append("given up")
            break
        stopped = options.stop_reason()
    options.report(users_of(plan))
    notes.append(f"dynamic program of {states} states")
    return plan, bound, stopped
