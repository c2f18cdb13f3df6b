"""Proofs in the other modes: a relaxation bounds the users, local search serves them; while they differ, one is asked.

For one deadline `counts-dp` is asked for as many users as the relaxation allows, and for one fewer while there is no
such plan; it takes turns with the local search. For individual deadlines walks through time bound the users where
blocks do not stay, else a relaxation by deadlines; with overlapped uploads the states of the stream in which all arrive
at once are searched, after an upload phase sets of users are cut off, and CP-SAT is asked, where these are in reach.
"""

from __future__ import annotations

from collections.abc import Callable

from edgeopt.loading.batches import line_search
from edgeopt.loading.batches.annealing import Search, default_iterations, started
from edgeopt.loading.batches.bounds import bound_by_deadlines
from edgeopt.loading.batches.counts_dp import CountsProgram, state_refusal
from edgeopt.loading.batches.kept import KeptProof
from edgeopt.loading.batches.line_search import Search as LineSearch
from edgeopt.loading.batches.lines import Lines
from edgeopt.loading.batches.plans import plan_of, users_of
from edgeopt.loading.batches.relaxation import relaxed
from edgeopt.loading.batches.slots import size_refusal, solve_slots
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.proof import UsersProof
from edgeopt.loading.streams.exact import Search as StreamSearch
from edgeopt.loading.streams.tables import MOST_USERS
from edgeopt.loading.streams.tables import size_refusal as stream_refusal
from edgeopt.loading.walks.path_bound import PathBound
from edgeopt.loading.walks.path_walks import Walks
from edgeopt.loading.walks.radio_walks import RadioWalks, walks_of
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.quantities import number
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Plan, Stopped, proved

MOST_ASKED_CODES = 2**62  # the dynamic program may give up; beyond, it cannot even begin
FIRST_SHARE = 10  # of the local search's default iterations, before there is a bound
TURN_STATES, TURN_ITERATIONS = 200_000, 300_000  # expanded and searched in turns
WALKS, TURN = 300, 5  # between two local searches, and their default iterations together
STATES_SHARE, SLOTS_SHARE = 0.6, 0.6  # of the time that is left


def solve_exact(instance: LoadingInstance, run: Run) -> Outcome:
    """Prove the optimum by a relaxation, or by a dynamic program where the states are few enough."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    line, start = started(work, run)
    search = Search(work, run, line, enough=int(work.most.sum()))
    search.run(default_iterations(work) // FIRST_SHARE)
    plan = search.plan(start)
    proof = UsersProof(run, plan, users_of(plan), int(work.most.sum()), dict)
    relaxation = relaxed(work, run.part(run.remaining_s() / 2, reports="bound"))
    proof.known.tighten(relaxation.bound)
    proof.notes.append(f"{relaxation.bound} by the relaxation")
    search.enough = proof.bound
    search.suggest(relaxation.order, relaxation.counts)
    search.run(search.iterations + default_iterations(work))
    _offer(proof, search.plan(start))
    if not proof.known.closed():
        _take_turns(work, proof, search)
    return _outcome(proof)


def _offer(proof: UsersProof[Plan], plan: Plan) -> None:
    proof.known.offer(plan, users_of(plan))


def _outcome(proof: UsersProof[Plan]) -> Outcome:
    stopped = proof.run.stop_reason() or Stopped.FINISHED
    return Outcome(proof.known.best, proof.bound, stopped, message="; ".join(proof.notes))


def _take_turns(work: Workload, proof: UsersProof[Plan], search: Search) -> None:
    """Ask the dynamic program for as many users as the bound allows, and in turns search on.

    A large number of users leaves many states out, so that some questions are answered where the last one cannot be.
    """
    reason = state_refusal(work, MOST_ASKED_CODES)
    program = None if reason else CountsProgram(work, proof.bound)
    proof.notes.append(f"no dynamic program: {reason}" if reason else "")
    states = 0
    while not proof.known.closed():
        if program is not None:
            answer = program.solve(proof.run, TURN_STATES)
            proof.notes[-1] = f"dynamic program of {states + answer.states} states"
            if answer.sequence is not None:
                _offer(proof, plan_of(work, answer.sequence))
            elif answer.proved:
                states += answer.states
                proof.known.tighten(proof.bound - 1)
                program = CountsProgram(work, proof.bound)
            elif not answer.paused:
                proof.notes[-1] += ", given up"
                program = None
        before, search.enough = search.iterations, proof.bound
        search.run(search.iterations + TURN_ITERATIONS)
        _offer(proof, search.plan(None))
        if program is None and search.iterations == before:
            break


def solve_individual(instance: LoadingInstance, run: Run) -> Outcome:
    """Prove the optimum by walks through time or a relaxation by deadlines, and by states, sets or slots if few."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    users = len(work.queues.user_names)
    lines, iterations = Lines(work.queues, work.timing, work), line_search.default_iterations(users)
    limit = iterations if run.options.iteration_limit is None else min(iterations, run.options.iteration_limit)
    search = LineSearch(lines, run, line_search.first_line(lines, run))
    search.run(limit // FIRST_SHARE)

    objective = lines.objective

    def look(limit: int | None) -> None:
        search.run(limit, known.bound)
        plan = line_search.plan_or_start(lines, search.best, run)
        known.offer(plan, objective.of_plan(plan))

    plan = line_search.plan_or_start(lines, search.best, run)
    known: Incumbent[Plan] = Incumbent(run, plan, objective.of_plan(plan), objective.most, dict)
    walks = walks_of(work)
    if walks is None:
        known.tighten(bound_by_deadlines(work, run.part(run.remaining_s() / 3, reports="bound")))
        notes = [f"{number(known.bound)} by the relaxation"]
        look(limit)
    else:
        _walk(PathBound(work.queues, run, walks, int(known.value or 0)), walks, known, look, search)
        notes = [f"{number(known.bound)} by {walks.number} walks"]
    if not _closed(known) and work.overlapped and objective.weight is None and stream_refusal(work) is None:
        notes.append(f"{_as_a_stream(work, known)} states")
    few = known.bound is not None and known.bound <= MOST_USERS
    if not _closed(known) and few and work.keeps and not work.overlapped and objective.weight is None:
        notes.append(_by_sets(work, known))
    if not _closed(known) and size_refusal(instance) is None:
        part = run.part(SLOTS_SHARE * run.remaining_s(), reports="all")
        better, bound, _, _, note = solve_slots(work, part, known.best or plan)
        known.offer(better, objective.of_plan(better))
        known.tighten(bound)
        notes.append(note)
    if not _closed(known) and (run.options.time_limit is not None or run.options.iteration_limit is not None):
        look(run.options.iteration_limit)
    return Outcome(known.best, known.bound, run.stop_reason() or Stopped.FINISHED, message="; ".join(notes))


def _walk(
    path: PathBound,
    walks: Walks | RadioWalks,
    known: Incumbent[Plan],
    look: Callable[[int | None], None],
    search: LineSearch,
) -> None:
    """Lower the bound by walks and search in turns, until neither can help or as many walks are done as allowed.

    A turn of the search is longer than its first one where iterations are not limited: walks take most of the time.
    """
    limit = known.run.options.iteration_limit
    turn = search.iterations if limit is not None else TURN * line_search.default_iterations(len(search.best.place))
    while not _closed(known) and not path.finished and known.run.stop_reason() is None:
        if limit is not None and path.walks >= limit:
            return
        more = path.walks + WALKS
        bound = path.run(more if limit is None else min(more, limit))
        if path.served_batches is not None:
            known.offer(walks.plan(path.served_batches), path.served)
        known.tighten(bound)
        if not _closed(known):
            look(search.iterations + turn)
            path.served = max(path.served, int(known.value or 0))


def _as_a_stream(work: Workload, known: Incumbent[Plan]) -> int:
    """Search the states of the stream in which all arrive at once, and return their number; an iteration is a chunk."""
    search, limit = StreamSearch(work, int(known.value or 0)), known.run.options.iteration_limit
    part = known.run.part(STATES_SHARE * known.run.remaining_s())
    chunks, more = 0, True
    while more and not _closed(known) and part.stop_reason() is None and (limit is None or chunks < limit):
        more = search.expand()
        chunks += 1
        if search.units > (known.value or 0):
            known.offer(search.plan(), search.units)
        known.tighten(search.bound)
    return search.states


def _by_sets(work: Workload, known: Incumbent[Plan]) -> str:
    """Bring plan and bound together by sets of users that can be served or not, and return what was done."""
    from edgeopt.loading.walks.master import Master

    run = known.run.part(STATES_SHARE * known.run.remaining_s(), iterations=known.run.options.iteration_limit)
    proof = KeptProof(work, run, known.best or {}, int(known.value or 0))
    proof.known.tighten(known.bound)
    proof.decide(Master(work.queues, run))
    known.offer(proof.known.best or {}, proof.users)
    known.tighten(proof.bound)
    return proof.notes[-1]


def _closed(known: Incumbent[Plan]) -> bool:
    """Say whether plan and bound agree, weights up to rounding, or the run has to end."""
    return known.closed() or proved(known.value, known.bound)
