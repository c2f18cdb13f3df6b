"""Plans of streams: the best policy, beams, and local search."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

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
from edgeopt.solution import Number, Plan, Stopped

FIRST_POLICIES = ("density", "rolling")  # usually the best
POLICIES = (*FIRST_POLICIES, *(name for name in NAMED if name not in FIRST_POLICIES))
POLICY_SHARE = 0.15  # of the time, for all policies but the first
BEAMS = ((1, 0.5), (1, 0.1), (4, 0.1), (12, 0.1), (32, 0.1))  # their widths, and buckets in batches, one after another
LEAST_BUCKET_S = 0.04  # unless half a batch is shorter
# What users cost at most that are given up, and for how many shortest batches one waits for another user.
WEIGHINGS = ((0.8, 2.0), (0.6, 0.0), (0.9, 2.0), (0.4, 0.0))
BEST_WEIGHINGS = 2  # go on from the second width to the next ones
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
    value : int or float
        Its objective.
    """

    def __init__(self, work: Workload, run: Run) -> None:
        self._work, self._run = work, run
        self.lines = StreamLines(work)
        self.plan: Plan = {"batches": [], "uploads": {}}
        self.value: Number = 0
        self.line = self.lines.line(self.plan)
        self.beams = self.iterations = 0
        self._found: list[tuple[float, Line]] = []  # by beams

    def offer(self, plan: Plan) -> None:
        """Take a plan if it is worth more."""
        value = self._work.queues.objective.of_plan(plan)
        if value > self.value:
            self.plan, self.value = plan, value
            self._run.report(self.value, plan=lambda: plan)

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
            if run.stop_reason() is not None:
                return

    def search_beams(self, run: Run, limit: int | None) -> None:
        """Search with wider and wider beams, until the run has to end; each thread has a beam of its own.

        What served most with one width is tried first with the next.
        """
        lines, everybody = self.lines, self._work.queues.objective.most
        seconds = batch_seconds(lines)
        weight = lines.requests.weight if len(lines.requests.weight) else 1.0
        price = worth_of_second(lines, float(self.value) / lines.unit)
        gains = np.maximum(0.0, weight - price * lines.seconds_of_user())
        history = 0.0  # that beams take, in parts of the longest, by their labels in a second
        weighings = list(WEIGHINGS)

        def search(beam: Beam, weighing: tuple[float, float]) -> Line:
            worth, wait = weighing
            _, node = beam.search(wait * seconds, worth * gains, lambda: run.stop_reason() is None)
            return beam.line(node)

        for turn, (width, bucket) in enumerate(BEAMS):
            bucket_s = max(bucket * seconds, min(0.5 * seconds, LEAST_BUCKET_S))
            if history * width / bucket_s > 1.0:
                return
            # Kernels compile out of threads, in the first beams.
            together = min(run.options.threads, len(weighings)) if turn else 1
            beams = [Beam(lines, width, bucket_s, CHILDREN) for _ in range(together)]
            served: list[float] = []
            while len(served) < len(weighings):
                chosen = weighings[len(served) : len(served) + len(beams)]
                if limit is not None:
                    chosen = chosen[: limit - self.beams]
                if run.stop_reason() is not None or self.value >= everybody or not chosen:
                    return
                self.beams += len(chosen)
                run.count(len(chosen))

                if len(chosen) == 1:
                    found = [search(beams[0], chosen[0])]
                else:
                    with ThreadPoolExecutor(len(chosen)) as pool:
                        found = list(pool.map(search, beams, chosen))
                served += [self._take(line) for line in found]
                history = max(history, *(beam.fullness * bucket_s / width for beam in beams))
            order = sorted(range(len(served)), key=lambda place: -served[place])
            weighings = [weighings[place] for place in (order[:BEST_WEIGHINGS] if turn else order)]

    def _take(self, line: Line) -> float:
        """Note a line of a beam, and take it if it is the best; return what it serves."""
        served = self.lines.served(line)
        self._found.append((served, line))
        if served > self.lines.served(self.line):
            self.line = line
            self._offer_line(line)
        return served

    def _offer_line(self, line: Line) -> None:
        if self.lines.value(line) > self.value:
            self.offer(self.lines.plan(line))

    def search_locally(self, run: Run, limit: int | None, enough: Number | None = None) -> Stopped:
        """Anneal stretches of the best line and of those of the best beams, until that is enough or all ends."""
        if not len(self.line.models):
            return Stopped.FINISHED
        self._found.sort(key=lambda pair: -pair[0])
        others = [line for _, line in self._found[:OTHERS] if line is not self.line]
        search = Population(self.lines, run, self.line, others)
        stopped = search.search(limit, None if enough is None else float(enough) / self.lines.unit)
        self.iterations, self.line = self.iterations + search.iterations, search.best
        self._offer_line(search.best)
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
