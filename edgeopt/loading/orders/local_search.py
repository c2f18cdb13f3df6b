"""Local search on the order of the models; orders that look better are scored exactly by the order-DP."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.orders.dp import Watch
from edgeopt.loading.orders.greedy import greedy_selection
from edgeopt.loading.orders.order_dp import Selection, best_selection
from edgeopt.loading.orders.paths import Path
from edgeopt.loading.orders.tables import ServingTables
from edgeopt.loading.orders.tree import laminar_atoms, tree_selection
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.workload import compile_workload
from edgeopt.patience import Patience
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped

DEFAULT_EFFORT = 2_000_000  # iterations times models, when neither time nor iterations are limited
MOST_DEFAULT_ITERATIONS = 30_000
CHUNK_EFFORT = 20_000  # iterations times models between two questions whether to stop
SLACK_USERS = 0.6  # how far below the best path of its round a path may be kept
PATIENCE = 4_000  # iterations without a better path that end a round
ROUNDING = 1e-9


def default_iterations(models: int) -> int:
    """Iterations of a run that is limited neither in time nor in iterations."""
    return min(MOST_DEFAULT_ITERATIONS, 1 + DEFAULT_EFFORT // max(1, models))


class Search:
    """Rounds of an iterated local search over paths, and the best selection seen.

    Parameters
    ----------
    tables : ServingTables
    run : Run
    enough : int, optional
        Number of users at which the search may end.

    Attributes
    ----------
    best : Selection
    iterations : int
        Iterations done so far.
    """

    def __init__(self, tables: ServingTables, run: Run, enough: int | None = None) -> None:
        self._tables = tables
        self._run = run
        self._rng = np.random.default_rng(run.options.seed)
        self._state = self._rng.integers(1, 2**63, size=1, dtype=np.uint64)
        self._limit = run.options.iteration_limit
        if self._limit is None:
            self._limit = default_iterations(tables.models) if run.options.time_limit is None else None
        self._patience = Patience(default_iterations(tables.models))
        self._serving = tables.serving
        self._most = tables.most_users(np.arange(tables.models))
        if enough is not None:
            self._most = min(self._most, enough)
        self.best = Selection([], [])
        self.iterations = 0

    def offer(self, selection: Selection) -> bool:
        """Take the selection if it is the best so far."""
        if selection.users <= self.best.users:
            return False
        self.best = selection
        self._run.report(selection.users, plan=partial(self._tables.prefixes.plan, selection.order, selection.counts))
        return True

    def ended(self) -> Stopped | None:
        """Why the search is over, or None: limits, patience, or as many users as would fit without any loading."""
        if self.best.users >= self._most:
            return Stopped.FINISHED
        if self._limit is not None and self.iterations >= self._limit:
            return Stopped.FINISHED if self._run.options.iteration_limit is None else Stopped.ITERATION_LIMIT
        if self._limit is None and self._patience.over(self.best.users, self.iterations):
            return Stopped.FINISHED
        return self._run.stop_reason()

    def run(self, starts: list[Selection]) -> Stopped:
        """Search from each start, then from the best with half of its models removed, until the search has ended."""
        waiting = [start.order for start in sorted(starts, key=lambda start: -start.users) if start.order]
        while (reason := self.ended()) is None:
            self._round(waiting.pop(0) if waiting else self._thinned())
        return reason

    def _thinned(self) -> list[int]:
        order = np.array(self.best.order, dtype=np.int64)
        return [int(model) for model in order[self._rng.random(len(order)) < 0.5]]

    def _round(self, order: list[int]) -> None:
        """Search from an order until no better path has been found for long."""
        tables = self._tables
        path, best_path = Path(tables, order), Path(tables, order)
        price = tables.horizon / max(1, self.best.users)
        figures = np.array([-np.inf, price, -np.inf])  # score of the path, price, best score
        tried, since = -np.inf, 0
        while since < PATIENCE and self.ended() is None:
            before = figures[2]
            target = max(self.best.users + 1 - ROUNDING, tried)
            since += self._advance(path, best_path, figures, target)
            if figures[2] > before:
                since = 0
            candidate = max(figures[0], figures[2])
            if candidate >= target:
                tried = candidate + ROUNDING
                looked_at = Path(tables, (best_path if figures[2] >= figures[0] else path).order())
                self.offer(best_selection(tables, looked_at.completed(), self._run.stop_reason))

    def _advance(self, path: Path, best_path: Path, figures: NDArray[np.float64], target: float) -> int:
        """Run a chunk of iterations; return how many were done."""
        from edgeopt.loading.orders.search_kernels import search

        tables = self._tables
        chunk = 1 + CHUNK_EFFORT // tables.models
        if self._limit is not None:
            chunk = min(chunk, self._limit - self.iterations)
        done = search(
            path.cells,
            path.place,
            best_path.cells,
            figures,
            chunk,
            target,
            SLACK_USERS,
            self._serving,
            self._state,
        )
        self.iterations += done
        self._run.count(int(done))
        return int(done)


def selection_of(prefixes: Prefixes, tables: ServingTables, plan: Plan) -> Selection:
    """Return a selection that serves no fewer users than a plan: its models in the order of their first visits."""
    number = {name: model for model, name in enumerate(prefixes.model_names)}
    visited = [number[batch["model"]] for batch in plan["batches"] if batch["model"] in number]
    return best_selection(tables, list(dict.fromkeys(visited)))


def solve_local_search(instance: LoadingInstance, run: Run) -> Outcome:
    """Search over the orders of models by inserting, removing, replacing, moving and reversing parts."""
    prefixes = compile_workload(instance).prefixes
    if not prefixes.model_names:
        return serve_nobody(instance)
    tables = ServingTables.of(prefixes)
    search = Search(tables, run)
    starts = []
    if run.options.start is not None and run.options.start.plan is not None:
        starts.append(selection_of(prefixes, tables, run.options.start.plan))
        search.offer(starts[-1])
    greedy, _ = greedy_selection(tables, run)
    starts.append(greedy)
    search.offer(greedy)
    if run.stop_reason() is None:
        starts.append(tree_selection(prefixes, tables, laminar_atoms(prefixes.sharing), Watch(run)))
        search.offer(starts[-1])
    stopped = search.run(starts)
    return Outcome(
        prefixes.plan(search.best.order, search.best.counts),
        stopped=stopped,
        message=f"{search.iterations} iterations from {len(starts)} starts",
    )
