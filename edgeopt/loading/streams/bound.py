"""A bound on the users of a stream whom any plan serves: walks of stays at good prices."""

from __future__ import annotations

from math import ceil, inf, sqrt
from typing import TYPE_CHECKING

import numpy as np

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import why_nobody
from edgeopt.loading.streams.steps import Floats, Stream
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Number, Stopped

if TYPE_CHECKING:
    from edgeopt.loading.streams.prices import Bounds

MOST_WORK = 1_000_000  # steps times steps of the longest stay times models, on the first grid
STEPS = 1_500  # of the first grid at most, if it is not coarser for other reasons
STEPS_OF_USER = 20  # of the first grid for each user, in small streams
MOST_WINDOW_STEPS = 3_000_000  # of all users together
WINDOWS_OF_STAY = 1.5  # the longest stay, in windows of the most patient user
GRIDS = (1.0, 0.5, 0.25)  # the steps of the grids, in those of the first
SHARES = (0.7, 0.25, 0.05)  # of the time
ITERATIONS = (250, 60, 20)  # of a run without limits
MOST_ITERATIONS = (250, 400, inf)  # where there is time: more gain less than finer steps
PACES = (0.1, 0.02, 0.004)  # by how much of its first value a price changes in an iteration at first
SLOWEST = 0.01  # the last pace, in the first
IDLE, LEAST_GAIN = 40, 0.02  # a grid is left when so many iterations gain fewer users than that
FIRST_TIMES = 0.0, 0.1, 0.3  # first prices of a second, in users for each second
FIRST_VISITS = 0.0, 0.3, 0.6  # and of a user


class PriceSearch:
    """Prices that lower the bound, by steps against averages of subgradients scaled by their sizes.

    With weights the bound and the prices are in units of their mean.

    Parameters
    ----------
    work : Workload
        At least one user.
    run : Run

    Attributes
    ----------
    bound : float
        The least so far; at first all users.
    visit : numpy.ndarray, shape (users,)
        The best prices of users so far, by the numbers of the queues.
    iterations : int
    """

    def __init__(self, work: Workload, run: Run) -> None:
        self._work, self._run = work, run
        users = len(work.queues.user_names)
        self._objective = work.queues.objective
        weight = self._objective.weight
        self._unit = 1.0 if weight is None else float(weight.mean())
        self.weight = np.ones(users) if weight is None else weight / self._unit
        self.bound, self.visit = float(users), np.zeros(users)
        self.iterations = 0
        self._time: Floats | None = None

    def rounded(self) -> Number:
        """Return the bound in the units of the objective, as far down as it can be rounded."""
        return min(self._objective.most, self._objective.floor(self.bound * self._unit))

    def search(self, limit: int | None, enough: Number) -> Stopped:
        """Lower the bound within the run's limits and so many iterations, at most until it is `enough`."""
        first = first_step_s(self._work)
        timed = self._run.options.time_limit is not None and limit is None
        usual = MOST_ITERATIONS if timed else ITERATIONS
        for grid, share, most, pace in zip(GRIDS, SHARES, usual, PACES, strict=True):
            if first is None or self.rounded() <= enough:
                break
            seconds = share / (1 - sum(SHARES[: GRIDS.index(grid)])) * self._run.remaining_s() if timed else inf
            self._on_grid(first * grid, pace, most if limit is None else max(1, int(share * limit)), seconds, enough)
            if self._run.stop_reason() is not None:
                break
        return self._run.stop_reason() or Stopped.FINISHED

    def _on_grid(self, step_s: float, pace: float, most: float, seconds: float, enough: Number) -> None:
        from edgeopt.loading.streams.prices import Bounds

        stream = Stream(self._work, step_s)
        window = float((self._work.queues.due_s - self._work.queues.arrival_s).max())
        longest = ceil(WINDOWS_OF_STAY * window / step_s) + stream.longest_batch + 2
        longest = max(longest, MOST_WORK // (stream.steps.number * self._work.models))
        weight = self.weight[stream.order]
        bounds = Bounds(stream, min(longest, stream.steps.number), weight, threads=self._run.options.threads)
        visit, time = self.visit[stream.order], self._spread(bounds.shape, step_s)
        if time is None:
            time, visit = self._first(bounds, step_s)
        scale = max(float(time.mean()), 0.1 * self._busy() * step_s)
        lower_time, lower_visit = Descent(time.shape, pace * scale), Descent(visit.shape, pace)
        began, done = self._run.elapsed_s(), 0
        best = before = np.inf
        idle = False
        while True:
            evaluation = bounds.at(time, visit)
            self.iterations += 1
            self._run.count()
            if evaluation.value < best:
                best = evaluation.value
                self.visit[stream.order], self._time, self._step_s = visit, time / step_s, step_s
            if evaluation.value < self.bound:
                self.bound = evaluation.value
                self._run.report(bound=self.rounded())
            done += 1
            part = max(done / most, (self._run.elapsed_s() - began) / max(seconds, 1e-9))
            if done % IDLE == 0:
                idle, before = before - best < LEAST_GAIN, best
            if idle or part >= 1 or self.rounded() <= enough or self._run.stop_reason() is not None:
                return
            slower = SLOWEST**part
            time = np.maximum(0.0, time - slower * lower_time.step(evaluation.time))
            visit = np.clip(visit - slower * weight * lower_visit.step(evaluation.visit), 0.0, weight)

    def _busy(self) -> float:
        """Return users for each second."""
        return len(self._work.queues.user_names) / float(self._work.queues.due_s.max())

    def _first(self, bounds: Bounds, step_s: float) -> tuple[Floats, Floats]:
        """Return the best of some prices that are the same for all users and at all times."""
        best: tuple[float, Floats, Floats] | None = None
        for share in FIRST_TIMES:
            for price in FIRST_VISITS:
                time = np.full(bounds.shape, share * self._busy() * step_s)
                visit = price * bounds.weight
                value = bounds.at(time, visit).value
                self.iterations += 1
                self._run.count()
                if best is None or value < best[0]:
                    best = value, time, visit
                if self._run.stop_reason() is not None:
                    return best[1:]
        assert best is not None
        return best[1:]

    def _spread(self, shape: tuple[int, ...], step_s: float) -> Floats | None:
        """Return the prices of time of the grid before on this one, if there are any."""
        if self._time is None or self._time.shape[0] != shape[0]:
            return None
        places = np.minimum((np.arange(shape[1]) * step_s / self._step_s).astype(np.int64), self._time.shape[1] - 1)
        spread: Floats = self._time[:, places] * step_s
        return spread


class Descent:
    """Steps against averaged subgradients in units of their usual sizes (Kingma and Ba, ICLR 2015)."""

    FORGET, FORGET_SIZE, LEAST = 0.9, 0.99, 1e-3

    def __init__(self, shape: tuple[int, ...], pace: float) -> None:
        self._pace, self._count = pace, 0
        self._mean, self._square = np.zeros(shape), np.zeros(shape)

    def step(self, slope: Floats) -> Floats:
        """Return the step for a subgradient."""
        self._count += 1
        self._mean += (1 - self.FORGET) * (slope - self._mean)
        self._square += (1 - self.FORGET_SIZE) * (slope**2 - self._square)
        mean = self._mean / (1 - self.FORGET**self._count)
        size = np.sqrt(self._square / (1 - self.FORGET_SIZE**self._count))
        step: Floats = self._pace * mean / (size + self.LEAST)
        return step


def first_step_s(work: Workload) -> float | None:
    """Return the step of the first grid in seconds, such that long loads are about whole; None where nothing lasts."""
    queues = work.queues
    window = float((queues.due_s - queues.arrival_s).max())
    horizon, users = float(queues.due_s.max()), len(queues.user_names)
    usual = max(
        horizon / min(STEPS, STEPS_OF_USER * users),
        sqrt(horizon * min(horizon, WINDOWS_OF_STAY * window) * work.models / MOST_WORK),
        users * window / MOST_WINDOW_STEPS,
    )
    loads = work.block_bytes / work.rate
    loads = loads[loads >= max(usual, 0.25 * float(loads.max(initial=0.0)))]
    if not usual > 0.0:
        return None
    if not len(loads):
        return usual
    # The longest load is a whole number of steps, and the others lose little by rounding down.
    longest = float(loads.max())
    least = max(1, ceil(longest / usual))
    steps = [longest / (least + more) * (1 - 1e-6) for more in range(3)]
    return max(steps, key=lambda step: float((np.floor(loads / step) * step / loads).mean()))


def solve_bound(instance: LoadingInstance, run: Run) -> Outcome:
    """Bound the optimum of a stream."""
    work = compile_workload(instance)
    if not work.models:
        return Outcome(bound=0, message=why_nobody(instance))
    search = PriceSearch(work, run)
    run.report(bound=work.queues.objective.most)
    stopped = search.search(run.options.iteration_limit, 0)
    return Outcome(
        bound=search.rounded(),
        stopped=stopped,
        message=f"walks of stays at {search.iterations} sets of prices",
    )
