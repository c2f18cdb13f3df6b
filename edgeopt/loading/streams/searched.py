"""Plans of streams: the best policy, beams, local search, and all of them with the bound."""

from __future__ import annotations

import numpy as np

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.policies.named import policies_of
from edgeopt.loading.policies.plans import plan_of
from edgeopt.loading.policies.simulation import Simulation
from edgeopt.loading.proof import UsersProof
from edgeopt.loading.streams.beam import Beam
from edgeopt.loading.streams.bound import PriceSearch
from edgeopt.loading.streams.lines import StreamLines
from edgeopt.loading.streams.local_search import Search, batch_seconds
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Number, Plan, Stopped

POLICIES = ("density", "affinity", "edf")
LONG = 3_000  # users; with more, one policy is replayed
WIDTHS = (1, 2, 4, 8, 16, 32)  # of beams, one after another
WORTHS = (0.6, 0.4, 0.75, 0.2)  # what users cost that are given up
WAITS = 2.0, 0.0  # shortest batches for which one waits for another user, in turns
CHILDREN = 12
DEFAULT_BEAMS, DEFAULT_ITERATIONS = 8, 200  # of a run without limits
BEAM_SHARE, BOUND_SHARE = 0.15, 0.35  # of the time of the combined method


class Plans:
    """The best plan of a stream so far.

    Parameters
    ----------
    work : Workload
        At least one user.
    run : Run

    Attributes
    ----------
    lines : StreamLines
    plan : dict
    users : int or float
        Users that it serves, or their weight.
    """

    def __init__(self, work: Workload, run: Run) -> None:
        self._work, self._run = work, run
        self.lines = StreamLines(work)
        self.plan: Plan = {"batches": [], "uploads": {}}
        self.users: Number = 0
        self.line = self.lines.line(self.plan)
        self.beams = self.iterations = 0

    def offer(self, plan: Plan) -> None:
        """Take a plan if it is worth more."""
        value = self._work.queues.objective.of_plan(plan)
        if value > self.users:
            self.plan, self.users = plan, value
            self._run.report(self.users, plan=lambda: plan)

    def follow_policies(self) -> None:
        """Take the best of the simple policies, and the run's start."""
        start = self._run.options.start
        if start is not None and start.plan is not None:
            self.offer(dict(start.plan))
        names = POLICIES if len(self.lines.order) <= LONG else POLICIES[:1]
        for name in names:
            for policy in policies_of(name):
                simulation = Simulation(self._work, policy.shares)
                simulation.run(policy, lambda now_s: self._run.stop_reason() is None)
                self.offer(plan_of(simulation))
        self.line = self.lines.line(self.plan)

    def search_beams(self, run: Run, limit: int | None, visit: np.ndarray | None = None) -> None:
        """Search with wider and wider beams, until the run has to end."""
        lines, everybody = self.lines, len(self.lines.order)
        seconds, best = batch_seconds(lines), lines.served(self.line)
        for width in WIDTHS:
            beam: Beam | None = None
            for number, worth in enumerate(WORTHS):
                if (
                    run.stop_reason() is not None
                    or self.users >= everybody
                    or (limit is not None and self.beams >= limit)
                ):
                    return
                beam = beam or Beam(lines, width, seconds / 2, CHILDREN, np.inf)
                self.beams += 1
                run.count()
                cost = np.full(everybody, worth) if visit is None else np.minimum(1.0, worth / 0.6 * visit[lines.order])
                _, node = beam.search(lines.begin(), np.inf, WAITS[number % 2] * seconds, cost).tolist()
                line = beam.line(node)
                served = lines.served(line)
                if served > best:
                    self.line, best = line, served
                    if served > self.users:
                        self.offer(lines.plan(line))

    def search_locally(self, run: Run, limit: int | None, enough: int | None = None) -> Stopped:
        """Search the best line anew in stretches of time, until the run has to end."""
        if not len(self.line.models):
            return Stopped.FINISHED
        search = Search(self.lines, run, self.line)
        search.iterations = self.iterations
        stopped = search.search(limit, enough)
        self.iterations, self.line = search.iterations, search.best
        if search.served > self.users:
            self.offer(self.lines.plan(search.best))
        return stopped


def solve_greedy(instance: LoadingInstance, run: Run) -> Outcome:
    """Take the best of the simple policies, which know nothing of the future."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    plans = Plans(work, run)
    plans.follow_policies()
    return Outcome(plans.plan, stopped=run.stop_reason() or Stopped.FINISHED, message=f"the best of {POLICIES}")


def solve_beam(instance: LoadingInstance, run: Run) -> Outcome:
    """Search with wider and wider beams; an iteration is a beam."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    plans = Plans(work, run)
    plans.follow_policies()
    limit = _limit(run, DEFAULT_BEAMS)
    plans.search_beams(run, limit)
    return Outcome(plans.plan, stopped=_stopped(run, plans.beams), message=f"{plans.beams} beams")


def solve_local_search(instance: LoadingInstance, run: Run) -> Outcome:
    """Search the best of the first beams anew in stretches of time; an iteration is a stretch."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    plans = Plans(work, run)
    plans.follow_policies()
    plans.search_beams(run.part(BEAM_SHARE * run.remaining_s()), 2)
    plans.search_locally(run, _limit(run, DEFAULT_ITERATIONS))
    message = f"{plans.beams} beams, {plans.iterations} stretches of time searched anew"
    return Outcome(plans.plan, stopped=_stopped(run, plans.iterations), message=message)


def solve_portfolio(instance: LoadingInstance, run: Run) -> Outcome:
    """Bound the optimum, and search by beams and in stretches of time, within the limits."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    plans = Plans(work, run)
    plans.follow_policies()
    proof = UsersProof(run, plans.plan, plans.users, len(work.queues.user_names), dict)
    run.report(proof.users, proof.bound)
    limit = run.options.iteration_limit
    prices = PriceSearch(work, run.part(BOUND_SHARE * run.remaining_s(), reports="bound"))
    if not proof.known.closed():
        prices.search(limit, plans.users)
        proof.known.tighten(prices.rounded())
    if not proof.known.closed():
        plans.search_beams(run.part(BEAM_SHARE / (1 - BOUND_SHARE) * run.remaining_s()), _limit(run, DEFAULT_BEAMS))
        proof.known.offer(plans.plan, plans.users)
    if not proof.known.closed():
        plans.search_locally(run, _limit(run, DEFAULT_ITERATIONS), proof.bound)
        proof.known.offer(plans.plan, plans.users)
    notes = (
        f"bound by walks of stays at {prices.iterations} sets of prices",
        f"{plans.beams} beams, {plans.iterations} stretches of time searched anew",
    )
    return Outcome(proof.known.best, proof.bound, run.stop_reason() or Stopped.FINISHED, message="; ".join(notes))


def _limit(run: Run, usual: int) -> int | None:
    """Iterations of a part of a run: the run's, or some where nothing else ends it."""
    given = run.options.iteration_limit
    return usual if given is None and run.options.time_limit is None else given


def _stopped(run: Run, iterations: int) -> Stopped:
    given = run.options.iteration_limit
    if given is not None and iterations >= given:
        return Stopped.ITERATION_LIMIT
    return run.stop_reason() or Stopped.FINISHED
