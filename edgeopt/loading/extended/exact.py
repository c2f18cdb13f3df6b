"""Proofs in the other modes: a relaxation bounds the users, local search serves them; while they differ, one is asked.

For one deadline `counts-dp` is asked for as many users as the relaxation allows, and for one fewer while there is no
such plan; it takes turns with the local search. For individual deadlines CP-SAT is asked where it is in reach.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edgeopt.loading.extended.bounds import bound_by_deadlines, reporting_part
from edgeopt.loading.extended.counts_dp import CountsProgram, state_refusal
from edgeopt.loading.extended.cpsat import size_refusal, solve_slots
from edgeopt.loading.extended.deadlines import DeadlineSearch, Turns
from edgeopt.loading.extended.deadlines import default_iterations as deadline_iterations
from edgeopt.loading.extended.plans import plan_of, users_of
from edgeopt.loading.extended.relaxation import relaxed
from edgeopt.loading.extended.search import Search, default_iterations, started
from edgeopt.loading.extended.workload import Workload, compile_workload
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.modes import Mode, implementation
from edgeopt.loading.nobody import serve_nobody
from edgeopt.method import Options, Outcome
from edgeopt.solution import Plan, Stopped

MOST_ASKED_CODES = 2**62  # the dynamic program may give up; beyond, it cannot even begin
FIRST_SHARE = 10  # of the local search's default iterations, before there is a bound
TURN_STATES, TURN_ITERATIONS = 200_000, 300_000  # expanded and searched in turns
SLOTS_SHARE = 0.6  # of the time that is left


@dataclass
class Run:
    """The best plan and the bound so far.

    Attributes
    ----------
    options : Options
    bound : int
        No plan serves more users.
    plan : dict
    notes : list of str
        Sentences for the user.
    """

    options: Options
    bound: int
    plan: Plan
    notes: list[str] = field(default_factory=list)

    def offer(self, plan: Plan) -> None:
        """Take a plan if it is the best so far."""
        if users_of(plan) > users_of(self.plan):
            self.plan = plan
            self.options.report(users_of(plan))

    def tighten(self, bound: int) -> None:
        """Take a bound if it is the best so far."""
        self.bound = min(self.bound, bound)
        self.options.report(bound=self.bound)

    def closed(self) -> bool:
        """Whether plan and bound agree, or are as close as asked, or the run has to end."""
        users = users_of(self.plan)
        return self.bound - users <= self.options.gap * users or self.options.stop_reason() is not None

    def outcome(self) -> Outcome:
        """Return plan and bound."""
        stopped = self.options.stop_reason() or Stopped.FINISHED
        return Outcome(self.plan, self.bound, stopped, message="; ".join(self.notes))


@implementation("exact", Mode.EXTENDED)
def solve_exact(instance: LoadingInstance, options: Options) -> Outcome:
    """Prove the optimum by a relaxation, or by a dynamic program where the states are few enough."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    line, start = started(work, options)
    search = Search(work, options, line, enough=int(work.most.sum()))
    search.run(default_iterations(work) // FIRST_SHARE)
    run = Run(options, int(work.most.sum()), search.plan(start))
    found = relaxed(work, reporting_part(options, options.remaining_s() / 2))
    run.tighten(found.bound)
    run.notes.append(f"{found.bound} by the relaxation")
    search.enough = run.bound
    search.suggest(found.order, found.counts)
    search.run(search.iterations + default_iterations(work))
    run.offer(search.plan(start))
    if not run.closed():
        _take_turns(work, run, search)
    return run.outcome()


def _take_turns(work: Workload, run: Run, search: Search) -> None:
    """Ask the dynamic program for as many users as the bound allows, and in turns search on.

    A large number of users leaves many states out, so that some questions are answered where the last one cannot be.
    """
    reason = state_refusal(work, MOST_ASKED_CODES)
    program = None if reason else CountsProgram(work, run.bound)
    run.notes.append(f"no dynamic program: {reason}" if reason else "")
    states = 0
    while not run.closed():
        if program is not None:
            answer = program.solve(run.options, TURN_STATES)
            run.notes[-1] = f"dynamic program of {states + answer.states} states"
            if answer.sequence is not None:
                run.offer(plan_of(work, answer.sequence))
            elif answer.proved:
                states += answer.states
                run.tighten(run.bound - 1)
                program = CountsProgram(work, run.bound)
            elif not answer.paused:
                run.notes[-1] += ", given up"
                program = None
        before, search.enough = search.iterations, run.bound
        search.run(search.iterations + TURN_ITERATIONS)
        run.offer(search.plan(None))
        if program is None and search.iterations == before:
            break


@implementation("exact", Mode.EXTENDED_INDIVIDUAL)
def solve_individual(instance: LoadingInstance, options: Options) -> Outcome:
    """Prove the optimum by a relaxation, or by CP-SAT where the slots are few enough."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    users = len(work.individual.user_names)
    search, iterations = DeadlineSearch(Turns(work), options), deadline_iterations(work)
    limit = iterations if options.iteration_limit is None else min(iterations, options.iteration_limit)
    search.run(limit // FIRST_SHARE, users)
    run = Run(options, users, search.plan)
    run.tighten(bound_by_deadlines(work, reporting_part(options, options.remaining_s() / 3)))
    run.notes.append(f"{run.bound} by the relaxation")
    search.run(limit, run.bound)
    run.offer(search.plan)
    reason = size_refusal(instance)
    if not run.closed() and reason is None:
        part = reporting_part(options, SLOTS_SHARE * options.remaining_s())
        plan, bound, _, _, note = solve_slots(work, part, run.plan)
        run.offer(plan)
        run.tighten(bound)
        run.notes.append(note)
    if not run.closed() and options.time_limit is not None and options.iteration_limit is None:
        search.run(None, run.bound)
        run.offer(search.plan)
    return run.outcome()
