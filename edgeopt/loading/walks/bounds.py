"""Bounds on the users that can be served before their deadlines, without a plan."""

from __future__ import annotations

from math import inf

import numpy as np

from edgeopt.loading.batches.line_search import Search
from edgeopt.loading.batches.lines import Lines, served_by
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import why_nobody
from edgeopt.loading.queues import Queues
from edgeopt.loading.relaxations import floor_bound
from edgeopt.loading.walks.path_bound import PathBound
from edgeopt.loading.walks.path_walks import Walks
from edgeopt.loading.walks.radio_walks import RadioWalks, walks_of
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Status, Stopped

MOST_CELLS = 20_000  # deadlines times models and blocks; with more, rows of some deadlines are left out
TERMS_A_SECOND = 100_000  # of rows that are built, at least: deadlines times models, blocks and users
SEARCH_ITERATIONS = 20_000
PATH_SHARE = 0.9
DEFAULT_WALKS, DEFAULT_NODES = 5_000, 20  # when neither time nor iterations are limited


def union_bound(queues: Queues, run: Run, node_limit: int | None = None) -> int:
    """Bound the users by the union relaxation: up to each deadline each block is loaded once.

    Stopped early, the program's own bound holds; without one, the number of users.
    """
    from edgeopt.loading.walks.master import Master

    users = len(queues.user_names)
    if not users or run.stop_reason() is not None:
        return users
    master = Master(queues, run, stated_deadlines(queues, run.remaining_s()))
    solver = master.solver
    bound, relaxed = users, solver.solve(relaxed=True)
    if relaxed.row_duals is not None:
        proven = solver.program.proven_bound(relaxed.row_duals)
        bound = users if proven is None else min(bound, floor_bound(proven))
        run.report(bound=bound)
    result = master.bound(node_limit, lambda _, value: run.report(None, value and floor_bound(value)))
    if result.status == Status.INFEASIBLE or result.bound is None:
        return bound
    return min(bound, floor_bound(result.bound))


def stated_deadlines(queues: Queues, seconds: float = inf) -> list[float]:
    """Deadlines whose rows a program of reasonable size can have, spread evenly, the latest included.

    Parameters
    ----------
    queues : Queues
    seconds : float
        In which the program should be built; nobody asks for the time while it is.
    """
    deadlines = np.unique(queues.due_s)
    width = len(queues.model_names) + len(queues.sharing.holders)
    in_time = seconds * TERMS_A_SECOND / (width + len(queues.user_names))
    most = max(1, int(min(MOST_CELLS // width, in_time)))
    if len(deadlines) > most:
        deadlines = deadlines[np.linspace(0, len(deadlines) - 1, most).round().astype(np.int64)]
    return [float(deadline) for deadline in np.unique(deadlines)]


def solve_bound(instance: LoadingInstance, run: Run) -> Outcome:
    """Bound the optimum by the better of two relaxations: walks through time, and each block once."""
    work = compile_workload(instance)
    queues = work.queues
    if not queues.user_names:
        return Outcome(bound=0, message=why_nobody(instance))
    bound, notes = len(queues.user_names), []
    walks = walks_of(work)
    if walks is not None:
        bound = walked_bound(work, walks, run)
        notes.append(f"walks through time: {bound}")
    union = union_bound(queues, run)
    notes.append(f"each block once: {union}")
    return Outcome(bound=min(bound, union), stopped=run.stop_reason() or Stopped.FINISHED, message="; ".join(notes))


def walked_bound(work: Workload, walks: Walks | RadioWalks, run: Run) -> int:
    """Bound the users by walks through time, after a short search: it need not be lower than the users of a plan."""
    lines, part = Lines(work.queues, work.timing, work), run.part(run.remaining_s() / 8)
    search = Search(lines, part, lines.greedy(part))
    search.run(SEARCH_ITERATIONS)
    part = run.part(PATH_SHARE * run.remaining_s(), reports="bound")
    path = PathBound(work.queues, part, walks, served_by(search.best))
    limit = run.options.iteration_limit
    bound = path.run(DEFAULT_WALKS if limit is None and run.options.time_limit is None else limit)
    run.report(bound=bound)
    return bound
