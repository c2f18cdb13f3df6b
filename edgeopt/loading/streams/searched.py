"""Plans of streams: the best policy, beams, and local search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.policies.named import POLICIES as NAMED
from edgeopt.loading.policies.named import policies_of
from edgeopt.loading.policies.plans import plan_of
from edgeopt.loading.policies.simulation import Simulation
from edgeopt.loading.streams.beam import Beam
from edgeopt.loading.streams.lines import Line, StreamLines
from edgeopt.loading.streams.local_search import batch_seconds, worth_of_second
from edgeopt.loading.streams.population import Population
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped

FIRST_POLICIES = ("density", "rolling")  # usually the best
POLICIES = (*FIRST_POLICIES, *(name for name in NAMED if name not in FIRST_POLICIES))
POLICY_SHARE = 0.15  # of the time, for all policies but the first
BEAMS = ((1, 0.5), (2, 0.5), (8, 0.5), (16, 0.1), (32, 0.1))  # their widths, and buckets in batches, one after another
LEAST_BUCKET_S = 0.04  # unless half a batch is shorter
WORTHS = (0.8, 0.6, 0.9, 0.4)  # what users cost at most that are given up
WAITS = 2.0, 0.0  # shortest batches for which one waits for another user, in turns
CHILDREN = 6
OTHERS = 6  # lines of beams that local search takes besides the best
FIRST_BEAMS = 9  # before a local search without a time limit
DEFAULT_BEAMS, DEFAULT_ITERATIONS = 12, 400  # of a run without limits
BEAM_SHARE = 0.25  # of the time, before a local search


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
    users : int
        Users that it serves: these searches take no weights.
    """

    def __init__(self, work: Workload, run: Run) -> None:
        self._work, self._run = work, run
        self.lines = StreamLines(work)
        self.plan: Plan = {"batches": [], "uploads": {}}
        self.users = 0
        self.line = self.lines.line(self.plan)
        self.beams = self.iterations = 0
        self._found: list[tuple[int, Line]] = []  # by beams

    def offer(self, plan: Plan) -> None:
        """Take a plan if it is worth more."""
        value = int(self._work.queues.objective.of_plan(plan))
        if value > self.users:
            self.plan, self.users = plan, value
            self._run.report(self.users, plan=lambda: plan)

    def follow_policies(self) -> None:
        """Take the run's start, and the best of all policies, or of those for which there is time."""
        start = self._run.options.start
        if start is not None and start.plan is not None:
            self.offer(dict(start.plan))
        self._follow(POLICIES[:1], self._run)
        self._follow(POLICIES[1:], self._run.part(POLICY_SHARE * self._run.remaining_s()))
        self.line = self.lines.line(self.plan)

    def _follow(self, names: Sequence[str], run: Run) -> None:
        for name in names:
            for policy in policies_of(name):
                simulation = Simulation(self._work, policy.shares)
                simulation.run(policy, lambda now_s: run.stop_reason() is None)
                self.offer(plan_of(simulation))

    def search_beams(self, run: Run, limit: int | None) -> None:
        """Search with wider and wider beams, until the run has to end."""
        lines, everybody = self.lines, len(self.lines.order)
        seconds, best = batch_seconds(lines), lines.served(self.line)
        gains = np.clip(1.0 - worth_of_second(lines, self.users) * lines.seconds_of_user(), 0.0, 1.0)
        history = 0.0  # that beams take, in parts of the longest, by their labels in a second
        for width, bucket in BEAMS:
            beam: Beam | None = None
            bucket_s = max(bucket * seconds, min(0.5 * seconds, LEAST_BUCKET_S))
            if history * width / bucket_s > 1.0:
                return
            for number, worth in enumerate(WORTHS):
                if (
                    run.stop_reason() is not None
                    or self.users >= everybody
                    or (limit is not None and self.beams >= limit)
                ):
                    return
                beam = beam or Beam(lines, width, bucket_s, CHILDREN)
                self.beams += 1
                run.count()
                _, node = beam.search(
                    WAITS[number % 2] * seconds, worth * gains, lambda: run.stop_reason() is None
                ).tolist()
                history = max(history, beam.fullness * bucket_s / width)
                line = beam.line(node)
                served = lines.served(line)
                self._found.append((served, line))
                if served > best:
                    self.line, best = line, served
                    if served > self.users:
                        self.offer(lines.plan(line))

    def search_locally(self, run: Run, limit: int | None, enough: int | None = None) -> Stopped:
        """Anneal stretches of the best line and of those of the best beams, until the run has to end."""
        if not len(self.line.models):
            return Stopped.FINISHED
        self._found.sort(key=lambda pair: -pair[0])
        others = [line for _, line in self._found[:OTHERS] if line is not self.line]
        search = Population(self.lines, run, self.line, others)
        stopped = search.search(limit, enough)
        self.iterations, self.line = self.iterations + search.iterations, search.best
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
    return Outcome(
        plans.plan, stopped=run.stop_reason() or Stopped.FINISHED, message=f"the best of {', '.join(POLICIES)}"
    )


def solve_beam(instance: LoadingInstance, run: Run) -> Outcome:
    """Search with wider and wider beams; an iteration is a beam."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    plans = Plans(work, run)
    plans.follow_policies()
    limit = limit_of(run, DEFAULT_BEAMS)
    plans.search_beams(run, limit)
    return Outcome(plans.plan, stopped=_stopped(run, plans.beams), message=f"{plans.beams} beams")


def solve_local_search(instance: LoadingInstance, run: Run) -> Outcome:
    """Anneal stretches of the best of the first beams; an iteration is a thousand moves."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    plans = Plans(work, run)
    plans.follow_policies()
    plans.search_beams(
        run.part(BEAM_SHARE * run.remaining_s()), FIRST_BEAMS if run.options.time_limit is None else None
    )
    plans.search_locally(run, limit_of(run, DEFAULT_ITERATIONS))
    message = f"{plans.beams} beams, {plans.iterations} thousand moves"
    return Outcome(plans.plan, stopped=_stopped(run, plans.iterations), message=message)


def limit_of(run: Run, usual: int) -> int | None:
    """Iterations of a part of a run: the run's, or some where nothing else ends it."""
    given = run.options.iteration_limit
    return usual if given is None and run.options.time_limit is None else given


def _stopped(run: Run, iterations: int) -> Stopped:
    given = run.options.iteration_limit
    if given is not None and iterations >= given:
        return Stopped.ITERATION_LIMIT
    return run.stop_reason() or Stopped.FINISHED
